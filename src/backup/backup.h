/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup folder as an object: what it says of itself, its index row by row, its files as plain bytes. The folder is
 * never written to.
 */
#pragma once

#include "base/ctx.h"
#include "format/keybag.h"
#include "format/mbfile.h"
#include "format/plist.h"

enum rv_backup_kind { RV_BACKUP_NO_INDEX, RV_BACKUP_MDINFO, RV_BACKUP_MBDB, RV_BACKUP_DB };
enum rv_backup_state {
    RV_BACKUP_UNKNOWN, /* Status.plist is missing or not readable */
    RV_BACKUP_EMPTY,
    RV_BACKUP_UPLOADING,
    RV_BACKUP_MOVING,
    RV_BACKUP_REMOVING,
    RV_BACKUP_FINISHED
};
extern const char *const rv_backup_state_names[];
enum { RV_BACKUP_ID = 41, RV_BACKUP_KEYS = 16, RV_BACKUP_PLIST_MAX = 64 << 20 };

/* What one of the property lists of the top folder is: there or not, readable or not. */
struct rv_backup_list {
    plist_t plist; /* NULL unless readable */
    bool exists;
    char *why; /* not readable: why */
};

struct rv_backup_key {
    bool known;
    uint8_t key[32];
    uint8_t public_key[32];
    bool curve;
};

struct rv_backup_index; /* own of manifest.c */

struct rv_backup {
    struct rv_ctx *ctx;
    char *path;
    int dir;
    struct rv_backup_list info, status, manifest;
    enum rv_backup_kind kind;
    enum rv_backup_state state;
    bool encrypted;
    bool past_bad_spots; /* the index is read as far as the disk can */
    bool flat;           /* files lie in the top folder, not in 00 … ff */
    struct rv_keybag keybag;
    bool has_keybag;
    bool unlocked;
    struct rv_backup_key keys[RV_BACKUP_KEYS];
    struct rv_backup_index *index;
    struct rv_backup_index *shut; /* could not be opened as a database */
};

/** Looks at the folder; only a folder that cannot be read at all is an error. */
struct rv_backup *rv_backup_look(struct rv_ctx *ctx, const char *path, struct rv_error *err);
void rv_backup_free(struct rv_backup *backup);
RV_DEFINE_AUTO(rv_backup)

/** Makes the keys usable. REFUSED with advice: wrong password; FORMAT: the keybag is gone. */
bool rv_backup_unlock(struct rv_backup *backup, const char *password, struct rv_error *err);
/** The class keys of a bag; the same, without a folder. */
bool rv_backup_open_keybag(const struct rv_keybag *bag, const char *password, struct rv_backup_key keys[RV_BACKUP_KEYS],
                           struct rv_error *err);
/**
 * Classes whose key the right password no longer opens get a new one: a phone refuses the whole bag for one of them.
 * What the lost key had wrapped stays lost.
 */
bool rv_backup_mend_keybag(struct rv_keybag *bag, const char *password, unsigned *mended, struct rv_error *err);
/** The key of a file or of Manifest.db out of its 44 bytes. */
bool rv_backup_file_key(const struct rv_backup_key keys[RV_BACKUP_KEYS], struct rv_span wrapped, uint8_t out[32],
                        struct rv_error *err);

/** Texts of the plists, Info first: "Device Name", "Product Version" …; "" when not known. */
const char *rv_backup_text(const struct rv_backup *backup, const char *info_key, const char *lockdown_key);

/* ---- the index ---- */

struct rv_backup_row {
    char id[RV_BACKUP_ID];
    const char *domain, *path;
    uint32_t flags;
    const struct rv_mbfile *file; /* NULL: its record is not readable */
    struct rv_span record;        /* archive, or mbdb record */
    struct rv_span properties;    /* mbdb's extended attributes as they lie */
    uint8_t property_count;
    const char *place; /* where its bytes lie; NULL: where its id says */
};
typedef bool rv_backup_row_fn(void *context, const struct rv_backup_row *row, struct rv_error *err);

/** Opens the index (decrypts it when it must be). NOT_FOUND, CORRUPT, DENIED (a password is needed). */
bool rv_backup_open_index(struct rv_backup *backup, struct rv_error *err);
/** Every row; a row whose record is not readable has no file. CORRUPT when the index breaks off. */
bool rv_backup_each(struct rv_backup *backup, rv_backup_row_fn *fn, void *context, struct rv_error *err);
uint64_t rv_backup_rows(struct rv_backup *backup);
/** Is there a row of that id? */
bool rv_backup_has(struct rv_backup *backup, const char *id);
/** The library's own check of Manifest.db, and its user_version. */
bool rv_backup_index_sound(struct rv_backup *backup, int *user_version, struct rv_error *err);
/** Its plain bytes as a file of this computer; borrowed. */
const char *rv_backup_index_path(const struct rv_backup *backup);

/** "0a1b…" of domain and path. */
bool rv_backup_id(const char *domain, const char *path, char out[RV_BACKUP_ID], struct rv_error *err);
bool rv_backup_is_id(const char *name);
/** Where its bytes lie below the folder: xx/id, id, or Snapshot/xx/id; false: nowhere. */
bool rv_backup_locate(const struct rv_backup *backup, const char *id, char out[64], uint64_t *stored);

/* ---- files ---- */

/** Where the content of `whole` decrypted bytes ends: where the last block's padding says, never past the record. */
uint64_t rv_backup_content_end(uint64_t whole, const uint8_t last[16], uint64_t size);

typedef bool rv_backup_sink_fn(void *context, struct rv_span bytes, struct rv_error *err);
struct rv_backup_read {
    uint64_t stored, plain; /* bytes on the disk; bytes given */
    uint64_t unreadable;    /* of the stored ones: zeroes stand for them */
    bool padding_bad;       /* encrypted and its end is not what encryption makes */
};
struct rv_backup_reader; /* buffers and a cipher; one a thread */
struct rv_backup_reader *rv_backup_reader_new(struct rv_error *err);
void rv_backup_reader_free(struct rv_backup_reader *reader);
RV_DEFINE_AUTO(rv_backup_reader)
/**
 * The plain bytes of a row's file, in pieces. stored_too: told of the bytes as they lie on the disk, NULL none.
 * CORRUPT: cut short; IO; NOT_FOUND; DENIED: locked.
 */
struct rv_backup_wish {
    rv_backup_sink_fn *plain, *stored_too;
    bool past_bad_spots; /* where the disk cannot read go on behind it, instead of IO */
    void *context;
};
bool rv_backup_read_file(struct rv_backup_reader *reader, const struct rv_backup *backup,
                         const struct rv_backup_row *row, const struct rv_backup_wish *wish, struct rv_backup_read *out,
                         struct rv_error *err);
