/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a person's files come from: one database, a plain folder of extracted files, a backup. A reader asks for a file
 * by the name it has on the phone and gets a copy or the original read-only; nothing is ever written into a source.
 */
#pragma once

#include "base/bytes.h"
#include "base/ctx.h"

#include <sys/types.h>

/* Where a type's file lies on the phone. */
struct rv_place {
    const char *domain; /* "AppDomain-*": of all apps, with a path that has a '*' too */
    const char *path;   /* relative; '*' stands for any characters of one name, "**" for any at all */
    const char *tables; /* by which it is known whatever its name: "chat message"; NULL: by its name only */
};

/* One file of a source. */
struct rv_source_file {
    char *domain; /* as far as it is known: that of the place it was found for */
    char *path;   /* its name on the phone */
    char *at;     /* on this computer; of a backup: its work copy once it was asked for */
    uint64_t size;
    int64_t modified; /* Unix seconds; 0 unknown */
};
void rv_source_file_clear(struct rv_source_file *file);

struct rv_source;
typedef bool rv_source_fn(void *context, const struct rv_source_file *file, struct rv_error *err);

/* What a kind of source can do. */
struct rv_source_kind {
    const char *name; /* "file", "folder", "backup" */
    /* Calls `found` for each file of a place, siblings apart. */
    bool (*each)(struct rv_source *source, const struct rv_place *place, rv_source_fn *found, void *context,
                 struct rv_error *err);
    /* Where the file's bytes can be read on this computer; `to` is free for a copy, parent folders exist. */
    bool (*fetch)(struct rv_source *source, const struct rv_source_file *file, const char *to, char **at,
                  struct rv_error *err);
    void (*free)(struct rv_source *source);
};

struct rv_source {
    const struct rv_source_kind *kind;
    struct rv_ctx *ctx;
    char *from;      /* as the person named it */
    char *work;      /* private folder, made when it is first needed; removed at the end */
    unsigned copies; /* numbered folders inside */
    struct rv_source_copy {
        char *of, *path;
        bool immutable;
    } * made; /* databases that were copied or found to need no copy */
    size_t made_count;
    void *own;
    char *note_passwords; /* of locked notes, a line each; wiped with the source; NULL none */
    char *date;           /* when a backup was made, ISO 8601; NULL: no backup, or not known */
    struct rv_source
        *beside; /* owned: what the phone itself still holds of the same files (command/recover_device.c) */
    struct rv_source *earlier; /* owned: the next older backup of the same phone, and so on */
};

/** A file, a folder, a backup's folder. NOT_FOUND, USAGE. */
struct rv_source *rv_source_open(struct rv_ctx *ctx, const char *from, struct rv_error *err);
void rv_source_free(struct rv_source *source);
RV_DEFINE_AUTO(rv_source)

bool rv_source_each(struct rv_source *source, const struct rv_place *place, rv_source_fn *found, void *context,
                    struct rv_error *err);
/** The one file of that name; NOT_FOUND. Cleared by the caller. */
bool rv_source_find(struct rv_source *source, const char *domain, const char *path, struct rv_source_file *out,
                    struct rv_error *err);
/** The same in `source`, what is beside it, or its earlier backups; `owner`: whose it is. For media, never for
 * databases. */
bool rv_source_find_media(struct rv_source *source, const char *domain, const char *path, struct rv_source_file *out,
                          struct rv_source **owner, struct rv_error *err);
/** Its bytes, at most cap. */
struct rv_blob *rv_source_read(struct rv_source *source, const struct rv_source_file *file, size_t cap,
                               struct rv_error *err);
/**
 * A path under which the SQLite library may open the database: the original when no log lies beside it (then
 * `immutable` is true: it must be opened so), else a private copy with its siblings.
 */
bool rv_source_database(struct rv_source *source, const struct rv_source_file *file, char **path, bool *immutable,
                        struct rv_error *err);
/** A fresh private folder inside the work folder. */
char *rv_source_work_folder(struct rv_source *source, struct rv_error *err);
/** A private folder that is wiped with its source once source->work is set to it; before that by rv_source_wipe. */
char *rv_source_work_new(struct rv_error *err);
void rv_source_wipe(const char *folder);
/** Removes a work copy: its bytes are overwritten first, unless another name leads to them too. */
void rv_source_wipe_file(const char *path);

/* The two plain kinds; a third comes with backups. */
extern const struct rv_source_kind rv_source_of_file, rv_source_of_folder;
bool rv_source_folder_open(struct rv_source *source, struct rv_error *err);

/** Has the database at `path` all tables of the list "a b c"? */
bool rv_database_has_tables(const char *path, bool immutable, const char *tables);
/** '*' in the pattern stands for any characters but '/', "**" for any. */
bool rv_path_matches(const char *pattern, const char *path);

/** A source of another kind: what it is made of stays with the caller's kind. */
struct rv_source *rv_source_new(struct rv_ctx *ctx, const struct rv_source_kind *kind, const char *from,
                                struct rv_error *err);

struct rv_backup;
extern const struct rv_source_kind rv_source_of_backup;
/** Does a folder look like a backup's? */
bool rv_source_is_backup(const char *path);
/** A backup as a source; unlocked before when it is encrypted. Takes the backup over, also on failure. */
struct rv_source *rv_source_of(struct rv_ctx *ctx, struct rv_backup *backup, struct rv_error *err);
