/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A history of backups off this computer, in a restic repository: local, sftp:, rest:, s3: … by restic's own addresses.
 * restic runs as a program of its own; its password goes by a descriptor, never by words or settings.
 */
#pragma once

#include "base/ctx.h"
#include "base/mem.h"

enum { RV_SNAPSHOT_ID = 72, RV_SNAPSHOT_TEXT = 160, RV_HISTORY_TAGS = 8 };

/* One backup in the archive. Texts are "" when they are not known. */
struct rv_snapshot {
    char id[RV_SNAPSHOT_ID];
    char time[RV_SNAPSHOT_TEXT]; /* when it was archived */
    char folder[256];            /* the backup's own name */
    char host[RV_SNAPSHOT_TEXT];
    char device[RV_SNAPSHOT_TEXT], udid[RV_SNAPSHOT_TEXT], version[RV_SNAPSHOT_TEXT];
    char made[RV_SNAPSHOT_TEXT];  /* when the phone was backed up */
    char state[RV_SNAPSHOT_TEXT]; /* "whole", "lists" (only its lists were checked), "damaged" */
};

struct rv_saved {
    char snapshot[RV_SNAPSHOT_ID];
    uint64_t files_new, files_changed, files_same;
    uint64_t bytes, bytes_added; /* of the backup; what the archive grew by before compression */
    uint64_t unreadable;
};

struct rv_history;
/** Finds restic (0.12 or newer). UNSUPPORTED with advice. address and password are borrowed. */
struct rv_history *rv_history_open(struct rv_ctx *ctx, const char *address, const char *password, struct rv_error *err);
void rv_history_free(struct rv_history *archive);
RV_DEFINE_AUTO(rv_history)

/*
 * What can go wrong with each: NOT_FOUND (nothing is there), REFUSED (password), CORRUPT, NETWORK, DENIED, NOSPACE,
 * BUSY (another program is at work), CANCELLED; with advice.
 */
/** Is there an archive that this password opens? */
bool rv_history_look(struct rv_history *archive, struct rv_error *err);
/** A new one. */
bool rv_history_begin(struct rv_history *archive, struct rv_error *err);
/** Adds the folder `name` of `parent`, with tags ("key:value"; NULL-terminated). */
bool rv_history_save(struct rv_history *archive, const char *parent, const char *name, const char *const *tags,
                     struct rv_saved *out, struct rv_error *err);
/** Those that were made by rv_history_save, oldest first; the caller frees *out. */
bool rv_history_list(struct rv_history *archive, struct rv_snapshot **out, size_t *count, struct rv_error *err);

/** Is the folder what it should be? False with an error: it does not get its name. */
typedef bool rv_history_proof_fn(void *context, const char *folder, struct rv_error *err);
/**
 * Brings one into to/NAME, under a hidden name until the proof agrees; a folder of that name is never touched (USAGE).
 * Every byte is checked against the archive. *folder: the caller frees.
 */
bool rv_history_bring(struct rv_history *archive, const struct rv_snapshot *which, const char *to,
                      rv_history_proof_fn *proof, void *context, char **folder, struct rv_error *err);
