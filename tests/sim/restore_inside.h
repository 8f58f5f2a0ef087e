/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the tests' host: its firmware file, its tickets, its answers. */
#pragma once

#include "restore_host.h"

plist_t host_child(plist_t dict, const char *key);
const char *host_text(plist_t dict, const char *key);
plist_t host_info(struct host *host, const char *component);
plist_t host_find_identity(plist_t manifest, const char *board, bool erase);
struct rv_blob *host_member(struct host *host, const char *path);
struct rv_blob *host_personalised(struct host *host, const char *component);
/** Calls for each component of the manifest that has the flag. */
void host_each_flagged(struct host *host, const char *flag, void (*fn)(struct host *, plist_t, const char *),
                       plist_t to);
void host_append_name(struct host *host, plist_t to, const char *component);
/** An AP ticket for the device; other_nonce: for a nonce that it does not have. */
struct rv_blob *host_sign(struct host *host, plist_t identity, bool other_nonce);
/** The answer to a DataRequestMsg. */
plist_t host_answer(struct host *host, const char *type, plist_t request);
/** A framed property list. */
bool host_send(int fd, plist_t take);
/** A raw file of the firmware in pieces, and its end. */
bool host_stream_file(struct host *host, int fd, const char *component);
