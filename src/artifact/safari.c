/* SPDX-License-Identifier: Apache-2.0 */
/* Safari: bookmarks and the reading list, history, open tabs. Times of bookmarks count from 1970, of visits from 2001.
 */
#include "artifact/db.h"
#include "artifact/readers.h"

#include "format/plist.h"

#include <stdlib.h>
#include <string.h>

/* ---- bookmarks ---- */

enum {
    B_ID,
    B_SPECIAL,
    B_PARENT,
    B_TYPE,
    B_TITLE,
    B_URL,
    B_ORDER,
    B_HIDDEN,
    B_DELETED,
    B_UUID,
    B_READ,
    B_MODIFIED,
    B_EXTRA,
    B_COLUMNS
};
static const char *const bookmark_columns[B_COLUMNS] = {
    "id",   "special_id",    "parent",           "type",    "title",
    "url",  "order_index",   "hidden",           "deleted", "external_uuid",
    "read", "last_modified", "extra_attributes",
};
enum { FOLDERS_DEEP = 32, TYPE_FOLDER = 1, SPECIAL_BAR = 1, SPECIAL_MENU = 2, SPECIAL_READING = 3 };

/* Names of the folders above, outermost first; says whether the reading list is one of them. */
static bool put_folders(struct rv_rows *folders, json_t *record, int64_t parent)
{
    json_t *path = json_array();
    bool reading = false;
    for (int deep = 0; parent > 0 && deep < FOLDERS_DEEP; deep++) {
        rv_rows_bind(folders, 1, parent);
        if (!rv_rows_next(folders))
            break;
        int64_t special = rv_rows_int(folders, B_SPECIAL);
        reading = reading || special == SPECIAL_READING;
        rv_put_flag(record, "favourites", special == SPECIAL_BAR);
        json_array_insert_new(path, 0,
                              special == SPECIAL_READING ? json_string("Reading List")
                              : special == SPECIAL_BAR   ? json_string("Favourites")
                              : special == SPECIAL_MENU  ? json_string("Bookmarks menu")
                                                         : rv_text_json(rv_rows_text(folders, B_TITLE)));
        parent = rv_rows_int(folders, B_PARENT);
    }
    json_object_set_new(record, "folders", path);
    return reading;
}

static void put_reading_list(json_t *record, const struct rv_rows *rows)
{
    struct rv_error quiet = { 0 };
    struct rv_span extra = rv_rows_text(rows, B_EXTRA);
    json_object_set_new(record, "reading_list", json_true());
    json_object_set_new(record, "read", json_boolean(rv_rows_int(rows, B_READ) == 1));
    RV_AUTO_PLIST list = extra.len > 0 ? rv_plist_parse(extra, &quiet) : NULL;
    plist_t about = list != NULL ? rv_plist_dict(list, "com.apple.ReadingList") : NULL;
    if (about == NULL)
        return;
    rv_put_words(record, "preview", rv_plist_text(about, "PreviewText"));
    plist_t added = rv_plist_node(about, "DateAdded");
    int32_t seconds = 0, micro = 0;
    if (added != NULL && plist_get_node_type(added) == PLIST_DATE) {
        plist_get_date_val(added, &seconds, &micro);
        rv_put_time(record, "added", seconds, RV_COCOA);
    }
}

static json_t *make_bookmark(const struct rv_rows *rows, struct rv_rows *folders, enum rv_record_state state)
{
    json_t *record = rv_rows_record(rows, state);
    rv_put_text(record, "id", rv_rows_text(rows, B_UUID));
    rv_put_text(record, "title", rv_rows_text(rows, B_TITLE));
    rv_put_text(record, "url", rv_rows_text(rows, B_URL));
    rv_put_time(record, "date", rv_rows_real(rows, B_MODIFIED), RV_UNIX);
    rv_put_number(record, "order", rv_rows_int(rows, B_ORDER));
    rv_put_flag(record, "hidden", rv_rows_int(rows, B_HIDDEN) != 0);
    bool reading = folders != NULL && put_folders(folders, record, rv_rows_int(rows, B_PARENT));
    if (reading || !rv_rows_null(rows, B_READ))
        put_reading_list(record, rows);
    return record;
}

static bool read_bookmarks(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    if (db == NULL)
        return false;
    struct rv_query f = {
        .table = "bookmarks", .columns = bookmark_columns, .count = B_COLUMNS, .rest = "WHERE t.id=?1"
    };
    RV_AUTO(rv_rows) folders = rv_rows_new(db, &f, err);
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES && err->code == RV_OK; pass++) {
        struct rv_query q = { .table = "bookmarks",
                              .columns = bookmark_columns,
                              .count = B_COLUMNS,
                              .pass = pass,
                              .identity = "external_uuid",
                              .rest = "WHERE ifnull(t.type,0)<>1 ORDER BY t.parent,t.order_index,t.id" };
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        while (rows != NULL && !job->enough && rv_rows_next(rows)) {
            if (rv_rows_int(rows, B_TYPE) == TYPE_FOLDER)
                continue;
            enum rv_record_state state = rv_rows_state(rows, rv_rows_int(rows, B_DELETED) != 0 ? RV_TRASHED : RV_LIVE);
            if (!rv_job_emit(job, state, job->count_only ? NULL : make_bookmark(rows, folders, state), err))
                return false;
        }
    }
    return err->code == RV_OK;
}

static const struct rv_place bookmark_places[] = {
    { "HomeDomain", "Library/Safari/Bookmarks.db", "bookmarks folder_ancestors" },
    { "AppDomain-com.apple.mobilesafari", "Library/Safari/Bookmarks.db", NULL },
};
static const char *const bookmark_shown[] = { "date", "folders", "title", "url", NULL };
static const char *const bookmark_cells[] = { "title", "url",     "folders", "date", "reading_list",
                                              "read",  "preview", "hidden",  NULL };

const struct rv_artifact rv_artifact_bookmarks = {
    .type = "bookmarks",
    .title = "Bookmarks",
    .places = bookmark_places,
    .place_count = RV_COUNT(bookmark_places),
    .shape = RV_SHAPE_BOOKMARK,
    .read = read_bookmarks,
    .absent = "Safari's bookmarks are not in this source",
    .columns = bookmark_shown,
    .cells = bookmark_cells,
};

/* ---- history ---- */

enum { H_ID, H_ITEM, H_TIME, H_TITLE, H_ORIGIN, H_LOADED, H_COLUMNS, H_URL = H_COLUMNS, H_VISITS };
static const char *const visit_columns[H_COLUMNS] = { "id",    "history_item", "visit_time",
                                                      "title", "origin",       "load_successful" };

static bool read_visits(struct rv_job *job, struct rv_db *db, struct rv_error *err)
{
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES; pass++) {
        struct rv_query q = { .table = "history_visits",
                              .columns = visit_columns,
                              .count = H_COLUMNS,
                              .pass = pass,
                              .extra_count = 2,
                              .extra = ",(SELECT i.url FROM main.history_items i WHERE i.id=t.history_item),"
                                       "(SELECT i.visit_count FROM main.history_items i WHERE i.id=t.history_item)",
                              .rest = "ORDER BY t.visit_time DESC,t.id" };
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        if (err->code != RV_OK)
            return false;
        while (rows != NULL && !job->enough && rv_rows_next(rows)) {
            json_t *record = job->count_only ? NULL : rv_rows_record(rows, RV_LIVE);
            if (record != NULL) {
                rv_put_time(record, "date", rv_rows_real(rows, H_TIME), RV_COCOA_OR_UNIX);
                rv_put_text(record, "title", rv_rows_text(rows, H_TITLE));
                rv_put_text(record, "url", rv_rows_text(rows, H_URL));
                rv_put_number(record, "visits", rv_rows_int(rows, H_VISITS));
                rv_put_flag(record, "other_device", rv_rows_int(rows, H_ORIGIN) == 1);
            }
            if (!rv_job_emit(job, rv_rows_state(rows, RV_LIVE), record, err))
                return false;
        }
    }
    job->counts.tombstones += (uint64_t)rv_db_number(db, "SELECT count(*) FROM main.history_tombstones", 0);
    return true;
}

/* History.plist of iOS 7 and before: an array of dictionaries, the address under an empty key. */
static bool read_history_list(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_blob) bytes = rv_source_read(job->source, file, 64 << 20, err);
    RV_AUTO_PLIST list = bytes != NULL ? rv_plist_parse(rv_blob_span(bytes), err) : NULL;
    plist_t visits = list != NULL ? rv_plist_array(list, "WebHistoryDates") : NULL;
    if (list == NULL)
        return false;
    for (uint32_t i = 0; visits != NULL && !job->enough && i < plist_array_get_size(visits); i++) {
        plist_t one = plist_array_get_item(visits, i);
        if (plist_get_node_type(one) != PLIST_DICT) {
            job->counts.broken++;
            continue;
        }
        json_t *record = json_pack("{s:s,s:s,s:{s:s,s:s,s:i}}", "type", job->artifact->type, "state", "live", "source",
                                   "domain", file->domain, "path", file->path, "place", (int)i);
        const char *date = rv_plist_text(one, "lastVisitedDate");
        uint64_t count = 0;
        if (date != NULL)
            rv_put_time(record, "date", strtod(date, NULL), RV_COCOA_OR_UNIX);
        rv_put_words(record, "title", rv_plist_text(one, "title"));
        rv_put_words(record, "url", rv_plist_text(one, ""));
        if (rv_plist_uint(one, "visitCount", &count))
            rv_put_number(record, "visits", (int64_t)count);
        if (!rv_job_emit(job, RV_LIVE, record, err))
            return false;
    }
    return true;
}

static bool read_history(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    size_t length = strlen(file->path);
    if (length > 6 && strcmp(file->path + length - 6, ".plist") == 0)
        return read_history_list(job, file, err);
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && read_visits(job, db, err);
}

static const struct rv_place history_places[] = {
    { "AppDomain-com.apple.mobilesafari", "Library/Safari/History.db", "history_items history_visits" },
    { "HomeDomain", "Library/Safari/History.db", NULL },
    { "AppDomain-com.apple.mobilesafari", "Library/Safari/Profiles/*/History.db", NULL },
    { "HomeDomain", "Library/Safari/History.plist", NULL },
};
static const char *const history_shown[] = { "date", "visits", "title", "url", NULL };

const struct rv_artifact rv_artifact_history = {
    .type = "history",
    .title = "Safari history",
    .places = history_places,
    .place_count = RV_COUNT(history_places),
    .shape = RV_SHAPE_ROWS,
    .read = read_history,
    .absent = "the history of websites is in encrypted backups only",
    .columns = history_shown,
};

/* ---- tabs ---- */

enum { T_ID, T_TITLE, T_URL, T_SEEN, T_PRIVATE, T_ORDER, T_UUID, T_COLUMNS };
static const char *const tab_columns[T_COLUMNS] = {
    "id", "title", "url", "last_viewed_time", "private_browsing", "order_index", "uuid"
};

static json_t *make_tab(const struct rv_rows *rows, bool newer)
{
    json_t *record = rv_rows_record(rows, RV_LIVE);
    rv_put_text(record, "id", rv_rows_text(rows, newer ? B_UUID : T_UUID));
    rv_put_text(record, "title", rv_rows_text(rows, newer ? B_TITLE : T_TITLE));
    rv_put_text(record, "url", rv_rows_text(rows, newer ? B_URL : T_URL));
    if (newer)
        rv_put_time(record, "date", rv_rows_real(rows, B_MODIFIED), RV_UNIX);
    else
        rv_put_time(record, "date", rv_rows_real(rows, T_SEEN), RV_COCOA);
    rv_put_flag(record, "private", !newer && rv_rows_int(rows, T_PRIVATE) != 0);
    return record;
}

static bool read_tabs(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    if (db == NULL)
        return false;
    bool newer = !rv_db_has_table(db, "tabs");
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES; pass++) {
        struct rv_query q = { .table = newer ? "bookmarks" : "tabs",
                              .columns = newer ? bookmark_columns : tab_columns,
                              .count = newer ? (size_t)B_COLUMNS : (size_t)T_COLUMNS,
                              .pass = pass,
                              .identity = newer ? "external_uuid" : "uuid",
                              .rest = newer ? "WHERE ifnull(t.type,0)<>1 AND t.url<>'' ORDER BY t.parent,t.order_index"
                                            : "ORDER BY t.order_index" };
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        if (err->code != RV_OK)
            return false;
        while (rows != NULL && !job->enough && rv_rows_next(rows)) {
            if (newer && rv_rows_int(rows, B_TYPE) == TYPE_FOLDER)
                continue;
            if (!rv_job_emit(job, rv_rows_state(rows, RV_LIVE), job->count_only ? NULL : make_tab(rows, newer), err))
                return false;
        }
    }
    return true;
}

static const struct rv_place tab_places[] = {
    { "AppDomain-com.apple.mobilesafari", "Library/Safari/SafariTabs.db", NULL },
    { "HomeDomain", "Library/Safari/SafariTabs.db", NULL },
    { "AppDomain-com.apple.mobilesafari", "Library/Safari/BrowserState.db", "tabs tab_sessions" },
    { "HomeDomain", "Library/Safari/BrowserState.db", NULL },
};
static const char *const tab_shown[] = { "date", "private", "title", "url", NULL };

const struct rv_artifact rv_artifact_tabs = {
    .type = "tabs",
    .title = "Safari tabs",
    .places = tab_places,
    .place_count = RV_COUNT(tab_places),
    .shape = RV_SHAPE_ROWS,
    .read = read_tabs,
    .absent = "no open tabs are in this source",
    .columns = tab_shown,
};
