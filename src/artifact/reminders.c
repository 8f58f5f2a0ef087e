/* SPDX-License-Identifier: Apache-2.0 */
/* Reminders: the stores of iOS 13 and later (two shapes of tables); before, rows of the calendar (calendar.c). */
#include "artifact/db.h"
#include "artifact/readers.h"

#include <stdio.h>
#include <string.h>

enum {
    T_PK,
    T_TITLE,
    T_TITLE1,
    T_NOTES,
    T_NOTES1,
    T_DONE,
    T_DONE_AT,
    T_FLAGGED,
    T_PRIORITY,
    T_ALL_DAY,
    T_DUE,
    T_ZONE,
    T_CREATED,
    T_MODIFIED,
    T_DELETED,
    T_PARENT,
    T_ID,
    T_ENTITY,
    T_COLUMNS
};
static const char *const columns[T_COLUMNS] = {
    "Z_PK",
    "ZTITLE",
    "ZTITLE1",
    "ZNOTES",
    "ZNOTES1",
    "ZCOMPLETED",
    "ZCOMPLETIONDATE",
    "ZFLAGGED",
    "ZPRIORITY",
    "ZALLDAY",
    "ZDUEDATE",
    "ZTIMEZONE",
    "ZCREATIONDATE",
    "ZLASTMODIFIEDDATE",
    "ZMARKEDFORDELETION",
    "ZPARENTREMINDER",
    "ZIDENTIFIER",
    "Z_ENT",
};

static void put_uuid(json_t *record, const char *key, struct rv_span id)
{
    char text[40];
    const uint8_t *b = id.ptr;
    if (id.len != 16) {
        rv_put_text(record, key, id);
        return;
    }
    snprintf(text, sizeof text, "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    rv_put_words(record, key, text);
}

static json_t *make_record(const struct rv_rows *rows, enum rv_record_state state)
{
    json_t *record = rv_rows_record(rows, state);
    bool all_day = rv_rows_int(rows, T_ALL_DAY) != 0;
    put_uuid(record, "uid", rv_rows_text(rows, T_ID));
    rv_put_time(record, "date", rv_rows_real(rows, T_DUE), RV_COCOA);
    rv_put_flag(record, "all_day", all_day);
    rv_put_text(record, "zone", rv_rows_text(rows, T_ZONE));
    rv_put_text(record, "title", rv_rows_text(rows, rv_rows_null(rows, T_TITLE) ? T_TITLE1 : T_TITLE));
    rv_put_text(record, "notes", rv_rows_text(rows, rv_rows_null(rows, T_NOTES) ? T_NOTES1 : T_NOTES));
    rv_put_text(record, "list", rv_rows_text(rows, T_COLUMNS));
    rv_put_text(record, "account", rv_rows_text(rows, T_COLUMNS + 1));
    json_object_set_new(record, "completed", json_boolean(rv_rows_int(rows, T_DONE) != 0));
    rv_put_time(record, "completed_at", rv_rows_real(rows, T_DONE_AT), RV_COCOA);
    rv_put_flag(record, "flagged", rv_rows_int(rows, T_FLAGGED) != 0);
    if (rv_rows_int(rows, T_PRIORITY) > 0)
        rv_put_number(record, "priority", rv_rows_int(rows, T_PRIORITY));
    if (!rv_rows_null(rows, T_COLUMNS + 2))
        put_uuid(record, "part_of", rv_rows_text(rows, T_COLUMNS + 2));
    rv_put_time(record, "created", rv_rows_real(rows, T_CREATED), RV_COCOA);
    rv_put_time(record, "modified", rv_rows_real(rows, T_MODIFIED), RV_COCOA);
    return record;
}

static bool read_stores(struct rv_job *job, struct rv_db *db, struct rv_error *err)
{
    bool apart = rv_db_has_table(db, "ZREMCDREMINDER");
    const char *table = apart ? "ZREMCDREMINDER" : "ZREMCDOBJECT";
    int64_t entity = rv_db_entity(db, "REMCDReminder");
    char rest[120], extra[700];
    bool lists = rv_db_has_table(db, "ZREMCDBASELIST"), account = rv_db_has(db, table, "ZACCOUNT");
    const char *list_name = rv_db_has(db, "ZREMCDOBJECT", "ZNAME1") && !lists ? "ifnull(l.ZNAME1,l.ZNAME)" : "l.ZNAME";
    snprintf(extra, sizeof extra, ",%s%s%s,%s,%s", rv_db_has(db, table, "ZLIST") ? "(SELECT " : "NULL",
             rv_db_has(db, table, "ZLIST") ? list_name : "",
             !rv_db_has(db, table, "ZLIST") ? ""
             : lists                        ? " FROM main.ZREMCDBASELIST l WHERE l.Z_PK=t.ZLIST)"
                                            : " FROM main.ZREMCDOBJECT l WHERE l.Z_PK=t.ZLIST)",
             account && rv_db_has(db, "ZREMCDOBJECT", "ZNAME")
                 ? "(SELECT a.ZNAME FROM main.ZREMCDOBJECT a WHERE a.Z_PK=t.ZACCOUNT)"
                 : "NULL",
             rv_db_has(db, table, "ZPARENTREMINDER") && apart
                 ? "(SELECT p.ZIDENTIFIER FROM main.ZREMCDREMINDER p WHERE p.Z_PK=t.ZPARENTREMINDER)"
                 : "NULL");
    snprintf(rest, sizeof rest, entity >= 0 && !apart ? "WHERE t.Z_ENT=%lld ORDER BY t.Z_PK" : "ORDER BY t.Z_PK",
             (long long)entity);
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES; pass++) {
        struct rv_query q = { .table = table,
                              .columns = columns,
                              .count = T_COLUMNS,
                              .pass = pass,
                              .rest = rest,
                              .extra = extra,
                              .extra_count = 3,
                              .identity = "ZIDENTIFIER" };
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        if (err->code != RV_OK)
            return false;
        while (rows != NULL && !job->enough && rv_rows_next(rows)) {
            if (pass == RV_PASS_CARVED && !apart && rv_rows_int(rows, T_ENTITY) != entity)
                continue;
            enum rv_record_state state = rv_rows_state(rows, rv_rows_int(rows, T_DELETED) != 0 ? RV_TRASHED : RV_LIVE);
            if (!rv_job_emit(job, state, job->count_only ? NULL : make_record(rows, state), err))
                return false;
        }
    }
    return true;
}

static bool read_reminders(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    size_t length = strlen(file->path);
    if (length > 9 && strcmp(file->path + length - 9, ".sqlitedb") == 0)
        return rv_calendar_read_todos(job, file, err);
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && read_stores(job, db, err);
}

static const struct rv_place places[] = {
    { "AppDomainGroup-group.com.apple.reminders", "Container_v1/Stores/Data-*.sqlite", "ZREMCDOBJECT" },
    { "HomeDomain", "Library/Reminders/Container_v1/Stores/Data-*.sqlite", NULL },
    { "HomeDomain", "Library/Calendar/Calendar.sqlitedb", "CalendarItem" },
};
static const char *const shown[] = { "date", "list", "completed", "title", NULL };
static const char *const cells[] = { "date",         "title",    "list",    "account", "completed",
                                     "completed_at", "priority", "flagged", "notes",   NULL };

const struct rv_artifact rv_artifact_reminders = {
    .type = "reminders",
    .title = "Reminders",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_TODO,
    .read = read_reminders,
    .absent = "the phone's reminders are not in this source",
    .columns = shown,
    .cells = cells,
};
