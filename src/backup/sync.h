/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes on around a conversation with the backup agent: the phone is told that this computer synchronises, nobody
 * else may do so at the same time, it does not fall asleep, and the person may end it on the phone's screen.
 */
#pragma once

#include "proto/lockdown.h"
#include "proto/mobilebackup2.h"

struct rv_sync;

/**
 * Posts syncWillStart, takes the lock, posts syncDidStart. BUSY: another program has held the lock for ten seconds.
 * A phone that has one of these services not is backed up without it.
 */
struct rv_sync *rv_sync_begin(struct rv_ctx *ctx, struct rv_lockdown *link, struct rv_error *err);
/** Lets the lock go and posts syncDidFinish, whatever happened. */
void rv_sync_free(struct rv_sync *sync);
RV_DEFINE_AUTO(rv_sync)

/** From here on a cancel on the phone breaks the conversation off. The agent must live until rv_sync_release. */
void rv_sync_guard(struct rv_sync *sync, struct rv_mb2 *agent);
void rv_sync_release(struct rv_sync *sync);

bool rv_sync_cancelled(struct rv_sync *sync);
/** Is the phone's question for its passcode on its screen? *heard: it has told of it at all. */
bool rv_sync_asks_passcode(struct rv_sync *sync, bool *heard);
/** Puts a file into the phone's media folder; its folder is made. */
bool rv_sync_put(struct rv_sync *sync, const char *folder, const char *path, struct rv_span bytes,
                 struct rv_error *err);
void rv_sync_take_back(struct rv_sync *sync, const char *folder, const char *path);
/** A file of the phone's media folder; NULL: it has none. */
struct rv_blob *rv_sync_get(struct rv_sync *sync, const char *path, size_t cap);
