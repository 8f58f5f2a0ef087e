/* SPDX-License-Identifier: Apache-2.0 */
/* Photos and videos: the library's rows, and the files that they name. */
#include "artifact/db.h"
#include "artifact/readers.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    A_PK,
    A_UUID,
    A_DIRECTORY,
    A_FILENAME,
    A_KIND,
    A_SUBTYPE,
    A_DATE,
    A_ADDED,
    A_MODIFIED,
    A_LATITUDE,
    A_LONGITUDE,
    A_WIDTH,
    A_HEIGHT,
    A_DURATION,
    A_UTI,
    A_FAVOURITE,
    A_HIDDEN,
    A_TRASHED,
    A_TRASHED_AT,
    A_BURST,
    A_BURST_PICK,
    A_VISIBILITY,
    A_ADJUSTED,
    A_ADJUSTED_NEW,
    A_SAVED,
    A_PLACEHOLDER,
    A_COLUMNS
};
static const char *const columns[A_COLUMNS] = {
    "Z_PK",
    "ZUUID",
    "ZDIRECTORY",
    "ZFILENAME",
    "ZKIND",
    "ZKINDSUBTYPE",
    "ZDATECREATED",
    "ZADDEDDATE",
    "ZMODIFICATIONDATE",
    "ZLATITUDE",
    "ZLONGITUDE",
    "ZWIDTH",
    "ZHEIGHT",
    "ZDURATION",
    "ZUNIFORMTYPEIDENTIFIER",
    "ZFAVORITE",
    "ZHIDDEN",
    "ZTRASHEDSTATE",
    "ZTRASHEDDATE",
    "ZAVALANCHEUUID",
    "ZAVALANCHEPICKTYPE",
    "ZVISIBILITYSTATE",
    "ZHASADJUSTMENTS",
    "ZADJUSTMENTSSTATE",
    "ZSAVEDASSETTYPE",
    "ZCLOUDPLACEHOLDERKIND",
};
enum { X_ORIGINAL_NAME = A_COLUMNS, X_ZONE_OFFSET, X_TITLE, X_IMPORTED_BY, X_COUNT = 4 };
enum { SUBTYPE_LIVE = 2, SUBTYPE_SCREENSHOT = 10, DAYS_KEPT = 30 };

struct reading {
    struct rv_job *job;
    struct rv_db *db;
    struct rv_rows *albums;
};

static const char *subtype_name(int64_t subtype)
{
    static const struct {
        int64_t subtype;
        const char *name;
    } names[] = { { 1, "panorama" },      { SUBTYPE_LIVE, "live_photo" }, { SUBTYPE_SCREENSHOT, "screenshot" },
                  { 101, "slow_motion" }, { 102, "time_lapse" },          { 103, "screen_recording" } };
    for (size_t i = 0; i < RV_COUNT(names); i++)
        if (names[i].subtype == subtype)
            return names[i].name;
    return NULL;
}

static void put_albums(struct reading *r, json_t *record, int64_t asset)
{
    json_t *list = json_array();
    if (r->albums != NULL) {
        rv_rows_bind(r->albums, 1, asset);
        while (rv_rows_next(r->albums))
            if (rv_rows_text(r->albums, 1).len > 0)
                json_array_append_new(list, rv_text_json(rv_rows_text(r->albums, 1)));
    }
    json_object_set_new(record, "albums", list);
}

/* Recently Deleted keeps a photo for thirty days (up to forty were seen): counted from today. */
static void put_trash(json_t *record, const struct rv_rows *rows)
{
    double at;
    rv_put_time(record, "deleted", rv_rows_real(rows, A_TRASHED_AT), RV_COCOA);
    if (!rv_epoch_to_unix(rv_rows_real(rows, A_TRASHED_AT), RV_COCOA, &at))
        return;
    double left = ceil((at + DAYS_KEPT * 86400.0 - (double)time(NULL)) / 86400);
    rv_put_number(record, "days_left", left > 0 ? (int64_t)left : 0);
}

static json_t *part(struct reading *r, const char *path)
{
    const char *slash = strrchr(path, '/');
    return rv_media_json(r->job, "CameraRollDomain", path, slash != NULL ? slash + 1 : path, NULL);
}

static const char *render_ending(const char *ending, bool video)
{
    return video ? "mov" : rv_text_equal_nocase(ending, "heic") ? "heic" : "jpg";
}

/* The original; the moving half of a Live Photo; what an edit made of it. */
static void put_files(struct reading *r, json_t *record, const struct rv_rows *rows)
{
    RV_AUTO_TEXT directory = rv_rows_copy(rows, A_DIRECTORY);
    RV_AUTO_TEXT name = rv_rows_copy(rows, A_FILENAME);
    bool video = rv_rows_int(rows, A_KIND) == 1;
    char path[1200], other[1400];
    if (directory == NULL || name == NULL || *name == '\0')
        return;
    snprintf(path, sizeof path, "Media/%.500s%s%.500s", directory, *directory ? "/" : "", name);
    rv_put_words(record, "path", path);
    json_t *original = part(r, path);
    if (strcmp(json_string_value(json_object_get(original, "state")), "present") != 0)
        json_object_set_new(original, "state", json_string("in_icloud_or_lost"));
    json_object_set_new(record, "original", original);
    const char *dot = strrchr(path, '.');
    if (dot == NULL)
        return;
    if (rv_rows_int(rows, A_SUBTYPE) == SUBTYPE_LIVE) {
        snprintf(other, sizeof other, "%.*s.MOV", (int)(dot - path), path);
        rv_put_words(record, "live_video", other);
        json_object_set_new(record, "live_video_file", part(r, other));
    }
    if (rv_rows_int(rows, A_ADJUSTED) != 0 || rv_rows_int(rows, A_ADJUSTED_NEW) != 0) {
        snprintf(other, sizeof other, "Media/PhotoData/Mutations/%.*s/Adjustments/FullSizeRender.%s",
                 (int)(dot - path - 6), path + 6, render_ending(dot + 1, video));
        rv_put_words(record, "edited", other);
        json_t *edited = part(r, other);
        char shown[700];
        const char *end = strrchr(name, '.');
        snprintf(shown, sizeof shown, "%.*s (edited).%s", end != NULL ? (int)(end - name) : (int)strlen(name), name,
                 strrchr(other, '.') + 1);
        rv_put_words(edited, "name", shown);
        json_object_set_new(record, "edited_file", edited);
    }
}

static json_t *make_record(struct reading *r, const struct rv_rows *rows, enum rv_record_state state)
{
    json_t *record = rv_rows_record(rows, state);
    double latitude = rv_rows_real(rows, A_LATITUDE), longitude = rv_rows_real(rows, A_LONGITUDE);
    int64_t subtype = rv_rows_int(rows, A_SUBTYPE);
    rv_put_text(record, "id", rv_rows_text(rows, A_UUID));
    rv_put_text(record, "name", rv_rows_text(rows, A_FILENAME));
    rv_put_text(record, "original_name", rv_rows_text(rows, X_ORIGINAL_NAME));
    json_object_set_new(record, "kind", json_string(rv_rows_int(rows, A_KIND) == 1 ? "video" : "photo"));
    if (subtype_name(subtype) != NULL)
        json_object_set_new(record, "subkind", json_string(subtype_name(subtype)));
    rv_put_time(record, "date", rv_rows_real(rows, A_DATE), RV_COCOA);
    if (!rv_rows_null(rows, X_ZONE_OFFSET))
        rv_put_number(record, "zone_seconds", rv_rows_int(rows, X_ZONE_OFFSET));
    rv_put_time(record, "added", rv_rows_real(rows, A_ADDED), RV_COCOA);
    rv_put_time(record, "modified", rv_rows_real(rows, A_MODIFIED), RV_COCOA);
    bool placed =
        !rv_rows_null(rows, A_LATITUDE) && latitude > -90.5 && longitude > -179.99 && (latitude != 0 || longitude != 0);
    json_object_set_new(record, "gps", placed ? json_pack("[f,f]", latitude, longitude) : json_null());
    rv_put_number(record, "width", rv_rows_int(rows, A_WIDTH));
    rv_put_number(record, "height", rv_rows_int(rows, A_HEIGHT));
    if (rv_rows_real(rows, A_DURATION) > 0)
        rv_put_real(record, "duration", rv_rows_real(rows, A_DURATION));
    rv_put_text(record, "uti", rv_rows_text(rows, A_UTI));
    json_object_set_new(record, "favourite", json_boolean(rv_rows_int(rows, A_FAVOURITE) == 1));
    json_object_set_new(record, "hidden", json_boolean(rv_rows_int(rows, A_HIDDEN) == 1));
    json_object_set_new(record, "live_photo", json_boolean(subtype == SUBTYPE_LIVE));
    json_object_set_new(record, "screenshot", json_boolean(subtype == SUBTYPE_SCREENSHOT));
    json_object_set_new(record, "burst", json_boolean(!rv_rows_null(rows, A_BURST)));
    rv_put_flag(record, "burst_not_picked", !rv_rows_null(rows, A_BURST) && rv_rows_int(rows, A_VISIBILITY) == 2);
    rv_put_text(record, "caption", rv_rows_text(rows, X_TITLE));
    rv_put_text(record, "imported_by", rv_rows_text(rows, X_IMPORTED_BY));
    if (rv_rows_int(rows, A_SAVED) == 4)
        rv_put_flag(record, "shared_album", true);
    if (rv_rows_int(rows, A_TRASHED) == 1)
        put_trash(record, rows);
    if (!rv_rows_null(rows, A_PK))
        put_albums(r, record, rv_rows_int(rows, A_PK));
    put_files(r, record, rows);
    return record;
}

/* Numbers in the join's name change with each model: it is known by the endings of its columns. */
static struct rv_rows *albums_of(struct rv_db *db, char *rest, size_t size, struct rv_error *err)
{
    static const char *const names[] = { "Z_PK", "ZTITLE" };
    char *album = NULL, *asset = NULL;
    RV_AUTO_TEXT join = rv_db_join_table(db, "Z\\_%ASSETS", "Z\\_%ALBUMS", "Z\\_%ASSETS", &album, &asset);
    struct rv_rows *rows = NULL;
    if (join != NULL) {
        snprintf(rest, size, "WHERE t.Z_PK IN (SELECT \"%s\" FROM main.\"%s\" WHERE \"%s\"=?1)%s ORDER BY t.ZTITLE",
                 album, join, asset,
                 rv_db_has(db, "ZGENERICALBUM", "ZTRASHEDSTATE") ? " AND ifnull(t.ZTRASHEDSTATE,0)=0" : "");
        struct rv_query q = { .table = "ZGENERICALBUM", .columns = names, .count = 2, .rest = rest };
        rows = rv_rows_new(db, &q, err);
    }
    rv_free(album);
    rv_free(asset);
    return rows;
}

static const char *more_of(struct rv_db *db, char *text, size_t size)
{
    static const struct {
        const char *column, * or ;
    } more[X_COUNT] = { { "ZORIGINALFILENAME", NULL },
                        { "ZTIMEZONEOFFSET", NULL },
                        { "ZTITLE", NULL },
                        { "ZIMPORTEDBYBUNDLEIDENTIFIER", "ZCREATORBUNDLEID" } };
    *text = '\0';
    for (size_t i = 0; i < X_COUNT; i++) {
        const char *column = rv_db_has(db, "ZADDITIONALASSETATTRIBUTES", more[i].column) ? more[i].column
                             : more[i].or != NULL && rv_db_has(db, "ZADDITIONALASSETATTRIBUTES", more[i].or)
                                 ? more[i].or
                                 : NULL;
        size_t at = strlen(text);
        if (column != NULL && rv_db_has(db, "ZADDITIONALASSETATTRIBUTES", "ZASSET"))
            snprintf(text + at, size - at,
                     ",(SELECT x.%s FROM main.ZADDITIONALASSETATTRIBUTES x WHERE x.ZASSET=t.Z_PK)", column);
        else
            snprintf(text + at, size - at, ",NULL");
    }
    return text;
}

static bool read_assets(struct reading *r, const char *table, struct rv_error *err)
{
    char more[600];
    more_of(r->db, more, sizeof more);
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES; pass++) {
        struct rv_query q = { .table = table,
                              .columns = columns,
                              .count = A_COLUMNS,
                              .pass = pass,
                              .extra = more,
                              .extra_count = X_COUNT,
                              .identity = "ZUUID",
                              .rest = "ORDER BY t.ZDATECREATED,t.Z_PK" };
        RV_AUTO(rv_rows) rows = rv_rows_new(r->db, &q, err);
        if (err->code != RV_OK)
            return false;
        while (rows != NULL && !r->job->enough && rv_rows_next(rows)) {
            enum rv_record_state state = rv_rows_state(rows, rv_rows_int(rows, A_TRASHED) == 1 ? RV_TRASHED : RV_LIVE);
            if (!rv_job_emit(r->job, state, r->job->count_only ? NULL : make_record(r, rows, state), err))
                return false;
        }
    }
    return true;
}

static bool read_photos(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    struct reading r = { .job = job, .db = db };
    char rest[512];
    if (db == NULL)
        return false;
    if (!job->count_only)
        r.albums = albums_of(db, rest, sizeof rest, err);
    bool fine = err->code == RV_OK && read_assets(&r, rv_db_has_table(db, "ZASSET") ? "ZASSET" : "ZGENERICASSET", err);
    rv_rows_free(r.albums);
    if (fine && !job->count_only && job->counts.missing_media > 0)
        rv_job_note(job, "photos whose file is not here are in iCloud, or were deleted: with iCloud Photos on, "
                         "originals are not part "
                         "of a backup");
    return fine;
}

static const struct rv_place places[] = {
    { "CameraRollDomain", "Media/PhotoData/Photos.sqlite", "ZADDITIONALASSETATTRIBUTES ZGENERICALBUM" },
};
static const char *const shown[] = { "date", "kind", "albums", "name", NULL };
static const char *const cells[] = { "date",      "name",     "original_name", "kind",      "subkind", "albums",
                                     "favourite", "hidden",   "deleted",       "days_left", "gps",     "width",
                                     "height",    "duration", "caption",       "path",      NULL };

const struct rv_artifact rv_artifact_photos = {
    .type = "photos",
    .title = "Photos and videos",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_MEDIA,
    .read = read_photos,
    .absent = "the photo library is not in this source; with iCloud Photos on, originals are never in a backup",
    .columns = shown,
    .cells = cells,
};
