/* SPDX-License-Identifier: Apache-2.0 */
/* Calendar.sqlitedb: events, and (to iOS 12) reminders in the same table. */
#include "artifact/db.h"
#include "artifact/readers.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    E_ROWID,
    E_SUMMARY,
    E_NOTES,
    E_START,
    E_END,
    E_START_TZ,
    E_ALL_DAY,
    E_CALENDAR,
    E_LOCATION,
    E_URL,
    E_STATUS,
    E_AVAILABILITY,
    E_MODIFIED,
    E_CREATED,
    E_UID,
    E_UUID,
    E_ENTITY,
    E_ORIGINAL,
    E_ORIGINAL_DATE,
    E_ORGANIZER,
    E_CONFERENCE,
    E_CONFERENCE_FOUND,
    E_PRIORITY,
    E_DUE,
    E_DUE_TZ,
    E_COMPLETED,
    E_HIDDEN,
    E_COLUMNS
};
static const char *const columns[E_COLUMNS] = {
    "ROWID",
    "summary",
    "description",
    "start_date",
    "end_date",
    "start_tz",
    "all_day",
    "calendar_id",
    "location_id",
    "url",
    "status",
    "availability",
    "last_modified",
    "creation_date",
    "unique_identifier",
    "UUID",
    "entity_type",
    "orig_item_id",
    "orig_date",
    "organizer_id",
    "conference_url",
    "conference_url_detected",
    "priority",
    "due_date",
    "due_tz",
    "completion_date",
    "hidden",
};
enum { ENTITY_REMINDER = 3, FREQUENCIES = 5 };

struct reading {
    struct rv_job *job;
    struct rv_db *db;
    struct rv_rows *calendars, *places, *rules, *exceptions, *alarms, *people;
};

/* "D=1MO,3WE;M=15": weekdays, days of a month, months, positions [I]; what is not understood stays as it is. */
static bool put_specifier(json_t *rule, const char *text)
{
    static const struct {
        char letter;
        const char *part;
    } parts[] = { { 'D', "BYDAY" }, { 'M', "BYMONTHDAY" }, { 'O', "BYMONTH" }, { 'S', "BYSETPOS" } };
    while (*text != '\0') {
        size_t length = strcspn(text, ";");
        const char *name = NULL;
        for (size_t i = 0; i < RV_COUNT(parts); i++)
            if (length > 2 && text[0] == parts[i].letter && text[1] == '=')
                name = parts[i].part;
        if (name == NULL && length > 0)
            return false;
        char list[256] = "";
        for (size_t i = 2, n = 0; name != NULL && i < length && n + 1 < sizeof list; i++) {
            bool zero = text[i] == '0' && (i == 2 || text[i - 1] == ','); /* "0SU": every Sunday */
            if (zero && i + 1 < length && text[i + 1] >= 'A')
                continue;
            if (strchr("0123456789+-,SUMOTWEHFRA", text[i]) == NULL)
                return false;
            list[n++] = text[i];
            list[n] = '\0';
        }
        if (name != NULL)
            json_object_set_new(rule, name, json_string(list));
        text += length;
        text += *text == ';';
    }
    return true;
}

static void put_rules(struct reading *r, json_t *record, int64_t item)
{
    static const char *const names[FREQUENCIES] = { "", "DAILY", "WEEKLY", "MONTHLY", "YEARLY" };
    if (r->rules == NULL)
        return;
    rv_rows_bind(r->rules, 1, item);
    while (rv_rows_next(r->rules)) {
        int64_t frequency = rv_rows_int(r->rules, 1);
        if (frequency < 1 || frequency >= FREQUENCIES)
            continue;
        json_t *rule = json_object();
        json_object_set_new(rule, "FREQ", json_string(names[frequency]));
        if (rv_rows_int(r->rules, 2) > 1)
            rv_put_number(rule, "INTERVAL", rv_rows_int(r->rules, 2));
        if (rv_rows_int(r->rules, 3) > 0)
            rv_put_number(rule, "COUNT", rv_rows_int(r->rules, 3));
        else
            rv_put_time(rule, "UNTIL", rv_rows_real(r->rules, 4), RV_COCOA);
        RV_AUTO_TEXT specifier = rv_rows_copy(r->rules, 5);
        if (specifier != NULL && *specifier != '\0' && !put_specifier(rule, specifier))
            rv_put_words(record, "specifier", specifier);
        json_object_set_new(record, "recurrence", rule);
    }
}

static void put_list_of_times(struct rv_rows *rows, json_t *record, const char *key, int64_t item)
{
    json_t *list = json_array();
    char text[40];
    double at;
    if (rows != NULL) {
        rv_rows_bind(rows, 1, item);
        while (rv_rows_next(rows))
            if (rv_epoch_to_unix(rv_rows_real(rows, 1), RV_COCOA, &at))
                json_array_append_new(list, json_string(rv_time_text(at, text, sizeof text)));
    }
    if (json_array_size(list) > 0)
        json_object_set(record, key, list);
    json_decref(list);
}

static void put_alarms(struct reading *r, json_t *record, int64_t item)
{
    json_t *list = json_array();
    if (r->alarms != NULL) {
        rv_rows_bind(r->alarms, 1, item);
        while (rv_rows_next(r->alarms)) {
            int64_t seconds = rv_rows_int(r->alarms, 1);
            json_t *alarm = json_object();
            bool relative = !rv_rows_null(r->alarms, 1) && rv_rows_real(r->alarms, 2) == 0;
            if (relative && seconds > -400LL * 86400 && seconds < 400LL * 86400) /* 0x7FFFFFFF stands for "none" */
                rv_put_number(alarm, "seconds", seconds);
            rv_put_time(alarm, "at", rv_rows_real(r->alarms, 2), RV_COCOA);
            if (json_object_size(alarm) > 0)
                json_array_append(list, alarm);
            json_decref(alarm);
        }
    }
    if (json_array_size(list) > 0)
        json_object_set(record, "alarms", list);
    json_decref(list);
}

static void put_people(struct reading *r, json_t *record, int64_t item)
{
    static const char *const states[] = { "needs-action", "accepted", "declined", "tentative" };
    json_t *list = json_array();
    if (r->people != NULL) {
        rv_rows_bind(r->people, 1, item);
        while (rv_rows_next(r->people)) {
            json_t *one = json_object();
            int64_t state = rv_rows_int(r->people, 2);
            rv_put_text(one, "name", rv_rows_text(r->people, 4));
            RV_AUTO_TEXT address = rv_rows_copy(r->people, rv_rows_text(r->people, 3).len > 0 ? 3 : 5);
            rv_put_words(one, "address", address != NULL && rv_text_starts(address, "mailto:") ? address + 7 : address);
            json_object_set_new(one, "status", json_string(state >= 1 && state <= 3 ? states[state] : states[0]));
            if (rv_rows_int(r->people, 1) == 8)
                json_object_set(record, "organizer", one);
            else
                json_array_append(list, one);
            json_decref(one);
        }
    }
    if (json_array_size(list) > 0)
        json_object_set(record, "attendees", list);
    json_decref(list);
}

static void put_place(struct reading *r, json_t *record, const struct rv_rows *rows)
{
    if (r->places == NULL || rv_rows_null(rows, E_LOCATION))
        return;
    rv_rows_bind(r->places, 1, rv_rows_int(rows, E_LOCATION));
    if (!rv_rows_next(r->places))
        return;
    RV_AUTO_TEXT title = rv_rows_copy(r->places, 1);
    RV_AUTO_TEXT address = rv_rows_copy(r->places, 2);
    char both[1024];
    if (title == NULL || address == NULL)
        return;
    snprintf(both, sizeof both, "%.500s%s%.500s", title, *title && *address ? ", " : "", address);
    rv_put_words(record, "location", both);
    if (rv_rows_real(r->places, 3) != 0 || rv_rows_real(r->places, 4) != 0)
        json_object_set_new(record, "gps", json_pack("[f,f]", rv_rows_real(r->places, 3), rv_rows_real(r->places, 4)));
}

/* A day, or several: the days are those of the floating time, which is kept as if it were UTC. */
static void put_days(json_t *record, double start, double end)
{
    char text[40];
    double from = 0, to = 0;
    if (!rv_epoch_to_unix(start, RV_COCOA, &from))
        return;
    json_object_set_new(record, "date", json_stringn(rv_time_text(from, text, sizeof text), 10));
    if (!rv_epoch_to_unix(end, RV_COCOA, &to) || to <= from)
        to = from + 86400;
    double exclusive = (floor((to - 1) / 86400) + 1) * 86400;
    json_object_set_new(record, "end", json_stringn(rv_time_text(exclusive, text, sizeof text), 10));
}

static bool is_number(const struct rv_rows *rows, int column)
{
    struct rv_span text = rv_rows_text(rows, column);
    return text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '.' || (text.ptr[0] >= '0' && text.ptr[0] <= '9'));
}

static json_t *make_event(struct reading *r, const struct rv_rows *rows)
{
    json_t *record = rv_rows_record(rows, RV_LIVE);
    int64_t item = rv_rows_int(rows, E_ROWID);
    bool all_day = rv_rows_int(rows, E_ALL_DAY) != 0;
    rv_put_text(record, "uid", rv_rows_text(rows, rv_rows_null(rows, E_UID) ? E_UUID : E_UID));
    if (!is_number(rows, E_START))
        rv_put_flag(record, "date_unreadable", !rv_rows_null(rows, E_START));
    else if (all_day)
        put_days(record, rv_rows_real(rows, E_START), rv_rows_real(rows, E_END));
    else
        rv_put_time(record, "date", rv_rows_real(rows, E_START), RV_COCOA);
    if (!all_day && is_number(rows, E_END))
        rv_put_time(record, "end", rv_rows_real(rows, E_END), RV_COCOA);
    json_object_set_new(record, "all_day", json_boolean(all_day));
    rv_put_text(record, "zone", rv_rows_text(rows, E_START_TZ));
    rv_put_text(record, "title", rv_rows_text(rows, E_SUMMARY));
    rv_put_text(record, "notes", rv_rows_text(rows, E_NOTES));
    rv_put_text(record, "url", rv_rows_text(rows, E_URL));
    rv_put_text(record, "conference",
                rv_rows_text(rows, rv_rows_null(rows, E_CONFERENCE_FOUND) ? E_CONFERENCE : E_CONFERENCE_FOUND));
    rv_put_text(record, "calendar", rv_rows_text(rows, E_COLUMNS));
    rv_put_text(record, "account", rv_rows_text(rows, E_COLUMNS + 1));
    rv_put_time(record, "created", rv_rows_real(rows, E_CREATED), RV_COCOA);
    rv_put_time(record, "modified", rv_rows_real(rows, E_MODIFIED), RV_COCOA);
    if (rv_rows_int(rows, E_STATUS) == 3)
        rv_put_words(record, "status", "cancelled");
    rv_put_flag(record, "free", rv_rows_int(rows, E_AVAILABILITY) == 1);
    if (rv_rows_int(rows, E_ORIGINAL) > 0) {
        rv_put_number(record, "instance_of", rv_rows_int(rows, E_ORIGINAL));
        rv_put_time(record, "instance_date", rv_rows_real(rows, E_ORIGINAL_DATE), RV_COCOA);
    }
    if (!rv_rows_null(rows, E_ROWID)) {
        put_rules(r, record, item);
        put_list_of_times(r->exceptions, record, "except", item);
        put_alarms(r, record, item);
        put_people(r, record, item);
    }
    put_place(r, record, rows);
    return record;
}

static json_t *make_todo(struct reading *r, const struct rv_rows *rows)
{
    json_t *record = rv_rows_record(rows, RV_LIVE);
    rv_put_text(record, "uid", rv_rows_text(rows, rv_rows_null(rows, E_UID) ? E_UUID : E_UID));
    rv_put_time(record, "date", rv_rows_real(rows, E_DUE), RV_COCOA);
    rv_put_text(record, "zone", rv_rows_text(rows, E_DUE_TZ));
    rv_put_text(record, "title", rv_rows_text(rows, E_SUMMARY));
    rv_put_text(record, "notes", rv_rows_text(rows, E_NOTES));
    rv_put_text(record, "list", rv_rows_text(rows, E_COLUMNS));
    json_object_set_new(record, "completed", json_boolean(rv_rows_real(rows, E_COMPLETED) != 0));
    rv_put_time(record, "completed_at", rv_rows_real(rows, E_COMPLETED), RV_COCOA);
    if (rv_rows_int(rows, E_PRIORITY) > 0)
        rv_put_number(record, "priority", rv_rows_int(rows, E_PRIORITY));
    rv_put_time(record, "created", rv_rows_real(rows, E_CREATED), RV_COCOA);
    rv_put_time(record, "modified", rv_rows_real(rows, E_MODIFIED), RV_COCOA);
    if (!rv_rows_null(rows, E_ROWID)) {
        put_rules(r, record, rv_rows_int(rows, E_ROWID));
        put_alarms(r, record, rv_rows_int(rows, E_ROWID));
    }
    return record;
}

static struct rv_rows *side(struct rv_db *db, const char *table, const char *const *names, size_t count,
                            const char *rest, const char *extra, size_t extra_count, struct rv_error *err)
{
    struct rv_query q = {
        .table = table, .columns = names, .count = count, .rest = rest, .extra = extra, .extra_count = extra_count
    };
    return rv_rows_new(db, &q, err);
}

static void prepare(struct reading *r, struct rv_error *err)
{
    static const char *const place[] = { "ROWID", "title", "address", "latitude", "longitude" };
    static const char *const rule[] = { "ROWID", "frequency", "interval", "count", "end_date", "specifier" };
    static const char *const exception[] = { "ROWID", "date" };
    static const char *const alarm[] = { "ROWID", "trigger_interval", "trigger_date" };
    static const char *const person[] = { "ROWID", "entity_type", "status", "email" };
    struct rv_db *db = r->db;
    r->places = side(db, "Location", place, 5, "WHERE t.ROWID=?1", NULL, 0, err);
    r->rules = side(db, "Recurrence", rule, 6, "WHERE t.owner_id=?1", NULL, 0, err);
    r->exceptions =
        side(db, "ExceptionDate", exception, 2,
             rv_db_has(db, "ExceptionDate", "owner_id") ? "WHERE t.owner_id=?1" : "WHERE t.event_id=?1", NULL, 0, err);
    r->alarms = side(db, "Alarm", alarm, 3,
                     rv_db_has(db, "Alarm", "calendaritem_owner_id") ? "WHERE t.calendaritem_owner_id=?1"
                     : rv_db_has(db, "Alarm", "owner_id")            ? "WHERE t.owner_id=?1"
                                                                     : "WHERE t.event_id=?1",
                     NULL, 0, err);
    bool named = rv_db_has_table(db, "Identity") && rv_db_has(db, "Participant", "identity_id");
    r->people = side(db, "Participant", person, 4, "WHERE t.owner_id=?1",
                     named ? ",(SELECT i.display_name FROM main.Identity i WHERE i.rowid=t.identity_id),"
                             "(SELECT i.address FROM main.Identity i WHERE i.rowid=t.identity_id)"
                           : ",NULL,NULL",
                     2, err);
}

static bool read_items(struct rv_job *job, const struct rv_source_file *file, bool todos, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    struct reading r = { .job = job, .db = db };
    if (db == NULL)
        return false;
    if (!job->count_only)
        prepare(&r, err);
    bool stores = rv_db_has_table(db, "Store"), kinds = rv_db_has(db, "CalendarItem", "entity_type"),
         fine = err->code == RV_OK;
    for (enum rv_pass pass = RV_PASS_LIVE; fine && pass < RV_PASSES; pass++) {
        struct rv_query q = { .table = "CalendarItem",
                              .columns = columns,
                              .count = E_COLUMNS,
                              .pass = pass,
                              .extra_count = 2,
                              .identity = "UUID" };
        q.extra =
            stores
                ? ",(SELECT c.title FROM main.Calendar c WHERE c.ROWID=t.calendar_id),(SELECT s.name FROM main.Store s "
                  "JOIN main.Calendar c ON c.store_id=s.ROWID WHERE c.ROWID=t.calendar_id)"
                : ",(SELECT c.title FROM main.Calendar c WHERE c.ROWID=t.calendar_id),NULL";
        q.rest = todos   ? kinds ? "WHERE t.entity_type=3 ORDER BY t.ROWID" : "WHERE 0"
                 : kinds ? "WHERE ifnull(t.entity_type,2)<>3 ORDER BY t.start_date,t.ROWID"
                         : "ORDER BY t.start_date,t.ROWID";
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        fine = err->code == RV_OK;
        while (fine && rows != NULL && !job->enough && rv_rows_next(rows)) {
            if (pass == RV_PASS_CARVED && (rv_rows_int(rows, E_ENTITY) == ENTITY_REMINDER) != todos)
                continue;
            json_t *record = job->count_only ? NULL : todos ? make_todo(&r, rows) : make_event(&r, rows);
            fine = rv_job_emit(job, rv_rows_state(rows, RV_LIVE), record, err);
        }
    }
    rv_rows_free(r.places);
    rv_rows_free(r.rules);
    rv_rows_free(r.exceptions);
    rv_rows_free(r.alarms);
    rv_rows_free(r.people);
    return fine;
}

static bool read_events(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    return read_items(job, file, false, err);
}

bool rv_calendar_read_todos(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    return read_items(job, file, true, err);
}

static const struct rv_place places[] = {
    { "HomeDomain", "Library/Calendar/Calendar.sqlitedb", "CalendarItem" },
    { "AppDomainGroup-group.com.apple.calendar", "Calendar.sqlitedb", NULL }, /* [I] */
};
static const char *const shown[] = { "date", "calendar", "location", "title", NULL };
static const char *const cells[] = { "date",     "end",   "all_day", "title",     "calendar", "account",
                                     "location", "notes", "url",     "attendees", "uid",      NULL };

const struct rv_artifact rv_artifact_calendar = {
    .type = "calendar",
    .title = "Calendar",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_EVENT,
    .read = read_events,
    .absent = "the phone's calendar is not in this source",
    .columns = shown,
    .cells = cells,
};
