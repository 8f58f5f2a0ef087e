/* SPDX-License-Identifier: Apache-2.0 */
/* The shelf of Books: what was on it, where the file lies, when it was opened. */
#include "artifact/flat.h"
#include "artifact/readers.h"

static const struct rv_flat_field fields[] = {
    /* clang-format off: one a line */
    { "id", "ZASSETID", RV_FLAT_TEXT, NULL, NULL },
    { "date", "ZLASTOPENDATE", RV_FLAT_COCOA, NULL, NULL },
    { "title", "ZTITLE", RV_FLAT_TEXT, NULL, NULL },
    { "author", "ZAUTHOR", RV_FLAT_TEXT, NULL, NULL },
    { "genre", "ZGENRE", RV_FLAT_TEXT, NULL, NULL },
    { "path", "ZPATH", RV_FLAT_TEXT, NULL, NULL },
    { "added", "ZCREATIONDATE", RV_FLAT_COCOA, NULL, NULL },
    { "read_share", "ZREADINGPROGRESS", RV_FLAT_REAL, NULL, NULL },
    /* clang-format on */
};
static const struct rv_flat rows = {
    .table = "ZBKLIBRARYASSET",
    .fields = fields,
    .count = RV_COUNT(fields),
    .rest = "ORDER BY t.ZLASTOPENDATE DESC,t.Z_PK",
    .identity = "ZASSETID",
};

static bool read_books(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && rv_flat_read(job, db, &rows, err);
}

static const struct rv_place places[] = {
    { "AppDomain-com.apple.iBooks", "Documents/BKLibrary_database/BKLibrary-*.sqlite", "ZBKLIBRARYASSET" },
};
static const char *const shown[] = { "date", "author", "read_share", "title", NULL };
static const char *const cells[] = { "date", "title", "author", "genre", "read_share", "added", "path", NULL };

const struct rv_artifact rv_artifact_books = {
    .type = "books",
    .title = "Books",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_ROWS,
    .read = read_books,
    .absent = "the Books app was not used, or was not part of this source",
    .columns = shown,
    .cells = cells,
};
