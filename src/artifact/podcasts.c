/* SPDX-License-Identifier: Apache-2.0 */
/* Podcasts that were followed, and their episodes. */
#include "artifact/flat.h"
#include "artifact/readers.h"

static const struct rv_flat_field fields[] = {
    /* clang-format off: one a line */
    { "id", "ZUUID", RV_FLAT_TEXT, NULL, NULL },
    { "date", "ZPUBDATE", RV_FLAT_COCOA, NULL, NULL },
    { "title", "ZTITLE", RV_FLAT_TEXT, NULL, NULL },
    { "played", "ZLASTDATEPLAYED", RV_FLAT_COCOA, NULL, NULL },
    { "plays", "ZPLAYCOUNT", RV_FLAT_NUMBER, NULL, NULL },
    { "position", "ZPLAYHEAD", RV_FLAT_REAL, NULL, NULL },
    { "url", "ZENCLOSUREURL", RV_FLAT_TEXT, NULL, NULL },
    { "podcast", NULL, RV_FLAT_TEXT, "SELECT p.ZTITLE FROM main.ZMTPODCAST p WHERE p.Z_PK=t.ZPODCAST",
      "ZMTPODCAST.ZTITLE ZMTEPISODE.ZPODCAST" },
    { "feed", NULL, RV_FLAT_TEXT, "SELECT p.ZFEEDURL FROM main.ZMTPODCAST p WHERE p.Z_PK=t.ZPODCAST",
      "ZMTPODCAST.ZFEEDURL ZMTEPISODE.ZPODCAST" },
    { "author", NULL, RV_FLAT_TEXT, "SELECT p.ZAUTHOR FROM main.ZMTPODCAST p WHERE p.Z_PK=t.ZPODCAST",
      "ZMTPODCAST.ZAUTHOR ZMTEPISODE.ZPODCAST" },
    /* clang-format on */
};
static const struct rv_flat rows = {
    .table = "ZMTEPISODE",
    .fields = fields,
    .count = RV_COUNT(fields),
    .rest = "ORDER BY t.ZPUBDATE,t.Z_PK",
    .identity = "ZUUID",
};

static bool read_podcasts(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && rv_flat_read(job, db, &rows, err);
}

static const struct rv_place places[] = {
    { "AppDomainGroup-243LU875E5.groups.com.apple.podcasts", "Documents/MTLibrary.sqlite", "ZMTPODCAST ZMTEPISODE" },
};
static const char *const shown[] = { "date", "podcast", "plays", "title", NULL };
static const char *const cells[] = { "date",  "podcast",  "author", "title", "played",
                                     "plays", "position", "url",    "feed",  NULL };

const struct rv_artifact rv_artifact_podcasts = {
    .type = "podcasts",
    .title = "Podcasts",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_ROWS,
    .read = read_podcasts,
    .absent = "the Podcasts app was not used, or was not part of this source",
    .columns = shown,
    .cells = cells,
};
