/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and FaceTime: CallHistory.storedata (iOS 8 and later), call_history.db (before; empty later). */
#include "artifact/db.h"
#include "artifact/names.h"
#include "artifact/readers.h"

#include <stdio.h>
#include <string.h>

enum {
    C_PK,
    C_DATE,
    C_DURATION,
    C_ORIGINATED,
    C_ANSWERED,
    C_READ,
    C_TYPE,
    C_CATEGORY,
    C_PROVIDER,
    C_ADDRESS,
    C_NAME,
    C_COUNTRY,
    C_LOCATION,
    C_CAUSE,
    C_BYTES,
    C_JUNK,
    C_ID,
    C_COLUMNS
};
static const char *const columns[C_COLUMNS] = {
    "Z_PK",
    "ZDATE",
    "ZDURATION",
    "ZORIGINATED",
    "ZANSWERED",
    "ZREAD",
    "ZCALLTYPE",
    "ZCALL_CATEGORY",
    "ZSERVICE_PROVIDER",
    "ZADDRESS",
    "ZNAME",
    "ZISO_COUNTRY_CODE",
    "ZLOCATION",
    "ZDISCONNECTED_CAUSE",
    "ZFACE_TIME_DATA",
    "ZJUNKCONFIDENCE",
    "ZUNIQUE_ID",
};
enum { DECLINED = 6, FACETIME_VIDEO = 8, FACETIME_AUDIO = 16 };

static const char *kind_of(const struct rv_rows *rows)
{
    struct rv_span provider = rv_rows_text(rows, C_PROVIDER);
    switch (rv_rows_int(rows, C_TYPE)) {
    case 1:
        return "phone";
    case FACETIME_VIDEO:
        return "facetime-video";
    case FACETIME_AUDIO:
        return "facetime-audio";
    default:
        if (rv_span_equal(provider, rv_words("com.apple.FaceTime")))
            return rv_rows_int(rows, C_CATEGORY) == 2 ? "facetime-video" : "facetime-audio";
        return rv_span_equal(provider, rv_words("com.apple.Telephony")) ? "phone" : "third-party";
    }
}

static const char *status_of(bool outgoing, bool answered, double duration, int64_t cause)
{
    if (outgoing)
        return duration > 0 ? "answered" : "cancelled";
    return answered ? "received" : cause == DECLINED ? "declined" : "missed";
}

static void put_participants(struct rv_rows *people, json_t *record, int64_t call)
{
    if (people == NULL)
        return;
    json_t *list = json_array();
    rv_rows_bind(people, 1, call);
    while (rv_rows_next(people)) {
        struct rv_span value = rv_rows_text(people, rv_rows_null(people, 1) ? 2 : 1);
        if (value.len > 0)
            json_array_append_new(list, rv_text_json(value));
    }
    if (json_array_size(list) > 0)
        json_object_set(record, "participants", list);
    json_decref(list);
}

static json_t *make_record(const struct rv_rows *rows, struct rv_rows *people)
{
    json_t *record = rv_rows_record(rows, RV_LIVE);
    bool outgoing = rv_rows_int(rows, C_ORIGINATED) != 0, answered = rv_rows_int(rows, C_ANSWERED) != 0;
    double duration = rv_rows_real(rows, C_DURATION);
    rv_put_text(record, "id", rv_rows_text(rows, C_ID));
    rv_put_time(record, "date", rv_rows_real(rows, C_DATE), RV_COCOA);
    rv_put_words(record, "direction", outgoing ? "outgoing" : "incoming");
    rv_put_words(record, "status", status_of(outgoing, answered, duration, rv_rows_int(rows, C_CAUSE)));
    json_object_set_new(record, "answered", json_boolean(answered || (outgoing && duration > 0)));
    rv_put_words(record, "kind", kind_of(rows));
    rv_put_text(record, "service", rv_rows_text(rows, C_PROVIDER));
    rv_put_text(record, "number", rv_rows_text(rows, C_ADDRESS)); /* text or a blob of UTF-8 */
    rv_put_text(record, "name", rv_rows_text(rows, C_NAME));
    rv_put_real(record, "duration", duration);
    rv_put_text(record, "country", rv_rows_text(rows, C_COUNTRY));
    struct rv_span location = rv_rows_text(rows, C_LOCATION);
    if (location.len > 0 && !(location.len > 2 && memcmp(location.ptr, "<<", 2) == 0)) /* "<<...NotFound>>": none */
        rv_put_text(record, "location", location);
    if (!rv_rows_null(rows, C_BYTES))
        rv_put_number(record, "data_bytes", rv_rows_int(rows, C_BYTES));
    rv_put_flag(record, "junk", rv_rows_int(rows, C_JUNK) > 0);
    if (!rv_rows_null(rows, C_PK))
        put_participants(people, record, rv_rows_int(rows, C_PK));
    return record;
}

/* The join's name and columns carry entity numbers that change with the model. */
static struct rv_rows *participants_of(struct rv_db *db, char *rest, size_t size, struct rv_error *err)
{
    static const char *const handle[] = { "Z_PK", "ZNORMALIZEDVALUE", "ZVALUE" };
    char *call = NULL, *person = NULL;
    RV_AUTO_TEXT join = rv_db_join_table(db, "Z\\_%REMOTEPARTICIPANTHANDLES", "Z\\_%REMOTEPARTICIPANTCALLS",
                                         "Z\\_%REMOTEPARTICIPANTHANDLES", &call, &person);
    struct rv_rows *rows = NULL;
    if (join != NULL && rv_db_has_table(db, "ZHANDLE")) {
        snprintf(rest, size, "WHERE t.Z_PK IN (SELECT \"%s\" FROM main.\"%s\" WHERE \"%s\"=?1) ORDER BY t.Z_PK", person,
                 join, call);
        struct rv_query q = { .table = "ZHANDLE", .columns = handle, .count = 3, .rest = rest };
        rows = rv_rows_new(db, &q, err);
    }
    rv_free(call);
    rv_free(person);
    return rows;
}

static bool read_store(struct rv_job *job, struct rv_db *db, struct rv_error *err)
{
    char rest[512];
    RV_AUTO(rv_rows) people = participants_of(db, rest, sizeof rest, err);
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES && err->code == RV_OK; pass++) {
        struct rv_query q = { .table = "ZCALLRECORD",
                              .columns = columns,
                              .count = C_COLUMNS,
                              .pass = pass,
                              .identity = "ZUNIQUE_ID",
                              .rest = "ORDER BY t.ZDATE,t.Z_PK" };
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        while (rows != NULL && !job->enough && rv_rows_next(rows))
            if (!rv_job_emit(job, rv_rows_state(rows, RV_LIVE), job->count_only ? NULL : make_record(rows, people),
                             err))
                return false;
    }
    int64_t last = rv_db_number(db, "SELECT Z_MAX FROM main.Z_PRIMARYKEY WHERE Z_NAME='CallRecord'", 0);
    int64_t there = rv_db_number(db, "SELECT count(*) FROM main.ZCALLRECORD", 0);
    if (last > there && !job->count_only)
        rv_job_note(job,
                    "%lld calls were recorded over time and %lld are kept: a phone keeps about the last thousand, and "
                    "what was deleted leaves gaps",
                    (long long)last, (long long)there);
    return err->code == RV_OK;
}

enum { O_ROWID, O_ADDRESS, O_DATE, O_DURATION, O_FLAGS, O_NAME, O_COUNTRY, O_FACETIME, O_COLUMNS };
static const char *const old_columns[O_COLUMNS] = { "ROWID", "address", "date",         "duration",
                                                    "flags", "name",    "country_code", "face_time_data" };

static json_t *make_old(const struct rv_rows *rows)
{
    json_t *record = rv_rows_record(rows, RV_LIVE);
    int64_t flags = rv_rows_int(rows, O_FLAGS);
    bool outgoing = (flags & 1) != 0, facetime = (flags & 16) != 0 || !rv_rows_null(rows, O_FACETIME);
    double duration = rv_rows_real(rows, O_DURATION);
    rv_put_time(record, "date", rv_rows_real(rows, O_DATE), RV_UNIX);
    rv_put_words(record, "direction", outgoing ? "outgoing" : "incoming");
    rv_put_words(record, "status", status_of(outgoing, duration > 0, duration, 0));
    json_object_set_new(record, "answered", json_boolean(duration > 0));
    rv_put_words(record, "kind",
                 !facetime           ? "phone"
                 : (flags & 64) != 0 ? "facetime-audio"
                                     : "facetime-video"); /* 64: [I] */
    rv_put_text(record, "number", rv_rows_text(rows, O_ADDRESS));
    rv_put_text(record, "name", rv_rows_text(rows, O_NAME));
    rv_put_real(record, "duration", duration);
    rv_put_text(record, "country", rv_rows_text(rows, O_COUNTRY));
    return record;
}

static bool read_old(struct rv_job *job, struct rv_db *db, struct rv_error *err)
{
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES; pass++) {
        struct rv_query q = {
            .table = "call", .columns = old_columns, .count = O_COLUMNS, .pass = pass, .rest = "ORDER BY t.date,t.ROWID"
        };
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        while (rows != NULL && !job->enough && rv_rows_next(rows))
            if (!rv_job_emit(job, rv_rows_state(rows, RV_LIVE), job->count_only ? NULL : make_old(rows), err))
                return false;
    }
    return err->code == RV_OK;
}

static bool read_calls(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    if (db == NULL)
        return false;
    return rv_db_has_table(db, "ZCALLRECORD") ? read_store(job, db, err) : read_old(job, db, err);
}

static const struct rv_place places[] = {
    { "HomeDomain", "Library/CallHistoryDB/CallHistory.storedata", "ZCALLRECORD" },
    { "HomeDomain", "Library/CallHistoryDB/CallHistoryTemp.storedata", NULL },
    { "WirelessDomain", "Library/CallHistory/call_history.db", "call" },
};
static const char *const shown[] = { "date", "kind", "number", "status", "name", "duration", NULL };
static const char *const cells[] = { "date",     "direction", "status",   "kind",    "number",       "name",
                                     "duration", "country",   "location", "service", "participants", NULL };

const struct rv_artifact rv_artifact_calls = {
    .type = "calls",
    .title = "Calls",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_ROWS,
    .read = read_calls,
    .absent = "since iOS 13 the list of calls is in encrypted backups only",
    .columns = shown,
    .cells = cells,
};
