/* SPDX-License-Identifier: Apache-2.0 */
/* Events and reminders as iCalendar (RFC 5545), one file a calendar or list. Times are UTC, or days without a time. */
#include "artifact/fold.h"
#include "artifact/writers.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { OPEN_MAX = 200 }; /* calendars with a file of their own; what is beyond goes together */

struct shelf {
    json_t *numbers; /* calendar -> place */
    struct rv_sheet sheets[OPEN_MAX];
    size_t count;
};

/* "2023-07-02T14:13:20Z" -> "20230702T141320Z"; a date alone -> "20230702". */
static void compact(const char *iso, char *out, size_t size)
{
    size_t n = 0;
    for (; *iso != '\0' && *iso != '.' && n + 2 < size; iso++)
        if (*iso != '-' && *iso != ':')
            out[n++] = *iso;
    if (*iso == '.' && n + 1 < size)
        out[n++] = 'Z';
    out[n] = '\0';
}

static bool put_time(struct rv_sheet *s, const char *name, const char *iso, struct rv_error *err)
{
    char text[40], head[80];
    if (*iso == '\0')
        return true;
    compact(iso, text, sizeof text);
    snprintf(head, sizeof head, strlen(text) == 8 ? "%s;VALUE=DATE" : "%s", name);
    return rv_fold_line(s, head, text, err);
}

/* A wall clock's time that belongs to no zone is written without one. */
static bool put_start(struct rv_sheet *s, const char *name, const char *iso, bool floating, struct rv_error *err)
{
    char text[40];
    size_t length;
    if (!floating || strlen(iso) <= 10)
        return put_time(s, name, iso, err);
    compact(iso, text, sizeof text);
    length = strlen(text);
    if (length > 0 && text[length - 1] == 'Z')
        text[length - 1] = '\0';
    return rv_fold_line(s, name, text, err);
}

static bool put_rule(struct rv_sheet *s, const json_t *rule, bool days, struct rv_error *err)
{
    static const char *const order[] = { "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS" };
    struct rv_folded line;
    if (!json_is_object(rule))
        return true;
    rv_fold_begin(&line, "RRULE");
    rv_fold_plain(&line, "FREQ=");
    rv_fold_plain(&line, rv_get(rule, "FREQ"));
    for (size_t i = 0; i < RV_COUNT(order); i++) {
        const json_t *value = json_object_get(rule, order[i]);
        char text[64];
        if (value == NULL)
            continue;
        rv_fold_plain(&line, ";");
        rv_fold_plain(&line, order[i]);
        rv_fold_plain(&line, "=");
        if (json_is_integer(value)) {
            snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
            rv_fold_plain(&line, text);
        } else if (strcmp(order[i], "UNTIL") == 0) {
            compact(json_string_value(value), text, sizeof text);
            text[days ? 8 : sizeof text - 1] = '\0';
            rv_fold_plain(&line, text);
        } else {
            rv_fold_plain(&line, json_string_value(value));
        }
    }
    return rv_fold_end(s, &line, err);
}

static bool put_person(struct rv_sheet *s, const char *name, const json_t *person, bool state, struct rv_error *err)
{
    static const char *const names[][2] = { { "accepted", "ACCEPTED" },
                                            { "declined", "DECLINED" },
                                            { "tentative", "TENTATIVE" } };
    char head[300], shown[150];
    size_t n = 0;
    const char *part = "NEEDS-ACTION";
    struct rv_folded line;
    if (*rv_get(person, "address") == '\0')
        return true;
    for (size_t i = 0; i < RV_COUNT(names); i++)
        if (strcmp(names[i][0], rv_get(person, "status")) == 0)
            part = names[i][1];
    for (const char *at = rv_get(person, "name"); *at != '\0' && n + 4 < sizeof shown; at++)
        if (*at != '"' && (unsigned char)*at >= 0x20) /* a quoted parameter has no escapes */
            shown[n++] = *at;
    while (n > 0 && ((unsigned char)shown[n - 1] & 0x80) != 0 && n + 5 >= sizeof shown)
        n--;
    shown[n] = '\0';
    snprintf(head, sizeof head, "%s%s%s%s%s%s", name, n > 0 ? ";CN=\"" : "", shown, n > 0 ? "\"" : "",
             state ? ";PARTSTAT=" : "", state ? part : "");
    rv_fold_begin(&line, head);
    rv_fold_plain(&line, "mailto:");
    rv_fold_plain(&line, rv_get(person, "address"));
    return rv_fold_end(s, &line, err);
}

static bool put_alarms(struct rv_sheet *s, const json_t *record, struct rv_error *err)
{
    size_t i;
    json_t *alarm;
    json_array_foreach (json_object_get(record, "alarms"), i, alarm) {
        char text[64];
        long long seconds = (long long)json_integer_value(json_object_get(alarm, "seconds"));
        bool fine = rv_sheet_add(s, err, "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Reminder\r\n");
        if (json_object_get(alarm, "seconds") != NULL) {
            snprintf(text, sizeof text, "%sPT%lldS", seconds < 0 ? "-" : "", seconds < 0 ? -seconds : seconds);
            fine = fine && rv_fold_line(s, "TRIGGER", text, err);
        } else {
            compact(rv_get(alarm, "at"), text, sizeof text);
            fine = fine && rv_fold_line(s, "TRIGGER;VALUE=DATE-TIME", text, err);
        }
        if (!fine || !rv_sheet_add(s, err, "END:VALARM\r\n"))
            return false;
    }
    return true;
}

/* What events and reminders share. */
static bool put_head(struct rv_sheet *s, const json_t *record, const char *kind, struct rv_error *err)
{
    char stamp[40], iso[40], uid[100];
    const json_t *row = json_object_get(json_object_get(record, "source"), "rowid");
    snprintf(uid, sizeof uid, "revive-%lld-%.40s", (long long)json_integer_value(row), rv_get(record, "type"));
    const char *changed =
        *rv_get(record, "modified") ? rv_get(record, "modified") : rv_time_text((double)time(NULL), iso, sizeof iso);
    compact(changed, stamp, sizeof stamp);
    return rv_sheet_put(s, err, "BEGIN:%s\r\n", kind) &&
           rv_fold_line(s, "UID", *rv_get(record, "uid") ? rv_get(record, "uid") : uid, err) &&
           rv_fold_line(s, "DTSTAMP", stamp, err) && put_time(s, "CREATED", rv_get(record, "created"), err) &&
           put_time(s, "LAST-MODIFIED", rv_get(record, "modified"), err) &&
           rv_fold_line(s, "SUMMARY", *rv_get(record, "title") ? rv_get(record, "title") : "(no title)", err) &&
           rv_fold_line(s, "DESCRIPTION", rv_get(record, "notes"), err) &&
           rv_fold_line(s, "X-REVIVE-SPECIFIER", rv_get(record, "specifier"), err) &&
           (strcmp(rv_get(record, "state"), "live") == 0 ||
            rv_fold_line(s, "X-REVIVE-STATE", rv_get(record, "state"), err));
}

static bool put_event(struct rv_sheet *s, const json_t *r, struct rv_error *err)
{
    bool days = json_is_true(json_object_get(r, "all_day")),
         floating = strcmp(rv_get(r, "zone"), "_float") == 0 && !days;
    size_t i;
    json_t *one;
    bool fine = put_head(s, r, "VEVENT", err) && put_start(s, "DTSTART", rv_get(r, "date"), floating, err) &&
                put_start(s, "DTEND", rv_get(r, "end"), floating, err) &&
                rv_fold_line(s, "LOCATION", rv_get(r, "location"), err) &&
                put_rule(s, json_object_get(r, "recurrence"), days, err);
    json_array_foreach (json_object_get(r, "except"), i, one) {
        char day[16];
        snprintf(day, sizeof day, "%.10s", json_string_value(one));
        fine = fine && put_time(s, "EXDATE", days ? day : json_string_value(one), err);
    }
    const json_t *gps = json_object_get(r, "gps");
    struct rv_folded line;
    if (fine && json_array_size(gps) == 2) {
        char text[64];
        snprintf(text, sizeof text, "%.6f;%.6f", json_real_value(json_array_get(gps, 0)),
                 json_real_value(json_array_get(gps, 1)));
        rv_fold_begin(&line, "GEO");
        rv_fold_plain(&line, text);
        fine = rv_fold_end(s, &line, err);
    }
    if (fine && *rv_get(r, "url")) {
        rv_fold_begin(&line, "URL");
        rv_fold_plain(&line, rv_get(r, "url"));
        fine = rv_fold_end(s, &line, err);
    }
    fine = fine && put_time(s, "RECURRENCE-ID", rv_get(r, "instance_date"), err) &&
           rv_fold_line(s, "X-REVIVE-CONFERENCE", rv_get(r, "conference"), err) &&
           (json_object_get(r, "organizer") == NULL ||
            put_person(s, "ORGANIZER", json_object_get(r, "organizer"), false, err));
    json_array_foreach (json_object_get(r, "attendees"), i, one)
        fine = fine && put_person(s, "ATTENDEE", one, true, err);
    if (strcmp(rv_get(r, "status"), "cancelled") == 0)
        fine = fine && rv_fold_line(s, "STATUS", "CANCELLED", err);
    if (json_is_true(json_object_get(r, "free")))
        fine = fine && rv_fold_line(s, "TRANSP", "TRANSPARENT", err);
    return fine && put_alarms(s, r, err) && rv_sheet_add(s, err, "END:VEVENT\r\n");
}

static bool put_todo(struct rv_sheet *s, const json_t *r, struct rv_error *err)
{
    bool done = json_is_true(json_object_get(r, "completed"));
    char priority[24] = "", day[16];
    const char *due = rv_get(r, "date");
    if (json_object_get(r, "priority") != NULL)
        snprintf(priority, sizeof priority, "%lld", (long long)json_integer_value(json_object_get(r, "priority")));
    if (json_is_true(json_object_get(r, "all_day"))) {
        snprintf(day, sizeof day, "%.10s", due);
        due = day;
    }
    return put_head(s, r, "VTODO", err) && put_time(s, "DUE", due, err) &&
           put_time(s, "COMPLETED", rv_get(r, "completed_at"), err) &&
           rv_fold_line(s, "PERCENT-COMPLETE", done ? "100" : "", err) && rv_fold_line(s, "PRIORITY", priority, err) &&
           rv_fold_line(s, "STATUS", done ? "COMPLETED" : "NEEDS-ACTION", err) &&
           rv_fold_line(s, "RELATED-TO", rv_get(r, "part_of"), err) &&
           put_rule(s, json_object_get(r, "recurrence"), false, err) && put_alarms(s, r, err) &&
           rv_sheet_add(s, err, "END:VTODO\r\n");
}

static struct rv_sheet *sheet_of(struct rv_export *out, const json_t *record, struct rv_error *err)
{
    struct shelf *shelf = out->own;
    bool todo = out->job->artifact->shape == RV_SHAPE_TODO;
    const char *title = rv_get(record, todo ? "list" : "calendar");
    char name[RV_NAME_MAX + 32];
    if (shelf == NULL) {
        out->own = shelf = rv_alloc(sizeof *shelf);
        if (shelf == NULL) {
            rv_fail_nomem(err);
            return NULL;
        }
        shelf->numbers = json_object();
    }
    if (*title == '\0' || (shelf->count + 1 >= OPEN_MAX && json_object_get(shelf->numbers, title) == NULL))
        title = todo ? "Without a list" : "Without a calendar";
    const json_t *number = json_object_get(shelf->numbers, title);
    if (number != NULL)
        return &shelf->sheets[json_integer_value(number)];
    struct rv_sheet *s = &shelf->sheets[shelf->count];
    rv_export_name(out, out->job->artifact->type, title, ".ics", name);
    if (!rv_sheet_open(out, s, out->job->artifact->type, name, err) ||
        !rv_sheet_add(s, err, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//revive//recover//EN\r\n") ||
        !rv_fold_line(s, "X-WR-CALNAME", title, err))
        return NULL;
    json_object_set_new_nocheck(shelf->numbers, title, json_integer((json_int_t)shelf->count++));
    return s;
}

static bool write_item(struct rv_export *out, json_t *record, struct rv_error *err)
{
    bool todo = out->job->artifact->shape == RV_SHAPE_TODO;
    if (!todo && *rv_get(record, "date") == '\0') { /* an event without a beginning is none: it stays in JSON Lines */
        rv_job_note(out->job, "events without a readable date are not in the .ics files; --format jsonl has them");
        return true;
    }
    struct rv_sheet *s = sheet_of(out, record, err);
    return s != NULL && (todo ? put_todo(s, record, err) : put_event(s, record, err));
}

static bool end_items(struct rv_export *out, struct rv_error *err)
{
    struct shelf *shelf = out->own;
    for (size_t i = 0; shelf != NULL && i < shelf->count; i++)
        if (!rv_sheet_add(&shelf->sheets[i], err, "END:VCALENDAR\r\n") || !rv_sheet_close(out, &shelf->sheets[i], err))
            return false;
    return true;
}

static void clear_items(struct rv_export *out)
{
    struct shelf *shelf = out->own;
    for (size_t i = 0; shelf != NULL && i < OPEN_MAX; i++)
        rv_sheet_clear(&shelf->sheets[i]);
    if (shelf != NULL)
        json_decref(shelf->numbers);
    rv_free(shelf);
    out->own = NULL;
}

enum { ITEMS = 1u << RV_SHAPE_EVENT | 1u << RV_SHAPE_TODO };
const struct rv_writer rv_writer_icalendar = { "icalendar", ITEMS, ITEMS, write_item, end_items, clear_items };
