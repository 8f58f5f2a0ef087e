/* SPDX-License-Identifier: Apache-2.0 */
/* Screen Time: for how long which app was used, hour by hour. */
#include "artifact/flat.h"
#include "artifact/readers.h"

static const struct rv_flat_field fields[] = {
    /* clang-format off: one a line */
    { "app", "ZBUNDLEIDENTIFIER", RV_FLAT_TEXT, NULL, NULL },
    { "site", "ZDOMAIN", RV_FLAT_TEXT, NULL, NULL },
    { "seconds", "ZTOTALTIMEINSECONDS", RV_FLAT_NUMBER, NULL, NULL },
    { "category", NULL, RV_FLAT_TEXT, "SELECT c.ZIDENTIFIER FROM main.ZUSAGECATEGORY c WHERE c.Z_PK=t.ZCATEGORY",
      "ZUSAGECATEGORY.ZIDENTIFIER ZUSAGETIMEDITEM.ZCATEGORY" },
    { "date", NULL, RV_FLAT_COCOA,
      "SELECT b.ZSTARTDATE FROM main.ZUSAGECATEGORY c JOIN main.ZUSAGEBLOCK b ON b.Z_PK=c.ZBLOCK WHERE "
      "c.Z_PK=t.ZCATEGORY",
      "ZUSAGEBLOCK.ZSTARTDATE ZUSAGECATEGORY.ZBLOCK ZUSAGETIMEDITEM.ZCATEGORY" },
    { "minutes", NULL, RV_FLAT_NUMBER,
      "SELECT b.ZDURATIONINMINUTES FROM main.ZUSAGECATEGORY c JOIN main.ZUSAGEBLOCK b ON b.Z_PK=c.ZBLOCK WHERE "
      "c.Z_PK=t.ZCATEGORY",
      "ZUSAGEBLOCK.ZDURATIONINMINUTES ZUSAGECATEGORY.ZBLOCK ZUSAGETIMEDITEM.ZCATEGORY" },
    /* clang-format on */
};
static const struct rv_flat rows = {
    .table = "ZUSAGETIMEDITEM",
    .fields = fields,
    .count = RV_COUNT(fields),
    .rest = "ORDER BY t.Z_PK",
};

static bool read_screen_time(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && rv_flat_read(job, db, &rows, err);
}

static const struct rv_place places[] = {
    { "HomeDomain", "Library/Application Support/com.apple.remotemanagementd/RMAdminStore-Local.sqlite",
      "ZUSAGETIMEDITEM ZUSAGEBLOCK" },
    { "AppDomainGroup-group.com.apple.screentime", "RMAdminStore-Local.sqlite", NULL },
};
static const char *const shown[] = { "date", "seconds", "category", "app", NULL };
static const char *const cells[] = { "date", "minutes", "seconds", "category", "app", "site", NULL };

const struct rv_artifact rv_artifact_screen_time = {
    .type = "screen-time",
    .title = "Screen Time",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_ROWS,
    .read = read_screen_time,
    .absent = "Screen Time is kept on the phone and in iCloud; most backups have none of it",
    .columns = shown,
    .cells = cells,
};
