/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records into files that others read. Every file appears under its name complete or not at all; names come from people
 * and never lead out of the target; a second run copies only the media that are not there yet.
 */
#pragma once

#include "artifact/record.h"
#include "base/file.h"

enum { RV_NAME_MAX = 150 }; /* bytes of a file name, its " (2)" apart */

/* What one export made. */
struct rv_export_counts {
    uint64_t records, files, media, media_bytes, media_kept, media_missing;
};

/* One run over one type. */
struct rv_export {
    struct rv_job *job;
    const char *folder; /* target; exists */
    const char *format; /* as chosen: "html", "csv" ... */
    bool plain_cells;   /* cells that begin like a formula are left as they are */
    struct rv_export_counts counts;
    json_t *names; /* names given, by folder: object of objects */
    void *own;     /* of the writer */
};

struct rv_writer {
    const char *format; /* name for --format */
    unsigned shapes;    /* bit by enum rv_shape */
    unsigned first_for; /* the same: it is the default for these */
    bool (*record)(struct rv_export *out, json_t *record, struct rv_error *err);
    bool (*end)(struct rv_export *out, struct rv_error *err); /* also after a failure: frees; writes only when asked */
    void (*clear)(struct rv_export *out);
};
extern const struct rv_writer *const rv_writers[]; /* NULL-terminated */
/** The writer of that format for the type, or its default one for NULL; NULL: it has none such. */
const struct rv_writer *rv_writer_find(const struct rv_artifact *artifact, const char *format);

/** A safe name that is free in `folder` (relative to the target): "Anna", "Anna (2)". out holds RV_NAME_MAX + 32. */
void rv_export_name(struct rv_export *out, const char *folder, const char *text, const char *ending, char *name);

/* A text file being written. */
struct rv_sheet {
    struct rv_atomic_file *file;
    struct rv_buf text;
};
/** Opens folder/name in the target, making folders. */
bool rv_sheet_open(struct rv_export *out, struct rv_sheet *sheet, const char *folder, const char *name,
                   struct rv_error *err);
bool rv_sheet_add(struct rv_sheet *sheet, struct rv_error *err, const char *text);
bool rv_sheet_put(struct rv_sheet *sheet, struct rv_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool rv_sheet_close(struct rv_export *out, struct rv_sheet *sheet, struct rv_error *err);
void rv_sheet_clear(struct rv_sheet *sheet);

/**
 * Copies what a media object of a record names into folder; its name there in `name` ("" when it is not in the source).
 * `modified`: Unix seconds for the file's time, 0: the source's own.
 */
bool rv_export_media(struct rv_export *out, const json_t *media, const char *folder, double modified, char *name,
                     struct rv_error *err);

/** A key's text, or "". */
const char *rv_get(const json_t *record, const char *key);
