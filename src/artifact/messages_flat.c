/* SPDX-License-Identifier: Apache-2.0 */
/* sms.db of iPhone OS 3 to iOS 5: text messages with dates since 1970, iMessages (iOS 5) with dates since 2001. */
#include "artifact/message_body.h"
#include "artifact/messages_inside.h"

#include <string.h>

enum {
    F_ROWID,
    F_ADDRESS,
    F_DATE,
    F_TEXT,
    F_FLAGS,
    F_GROUP,
    F_SUBJECT,
    F_MADRID,
    F_HANDLE,
    F_GUID,
    F_ROOM,
    F_BODY,
    F_MFLAGS,
    F_READ,
    F_DELIVERED,
    F_COLUMNS
};
static const char *const columns[F_COLUMNS] = {
    "ROWID",
    "address",
    "date",
    "text",
    "flags",
    "group_id",
    "subject",
    "is_madrid",
    "madrid_handle",
    "madrid_guid",
    "madrid_roomname",
    "madrid_attributedBody",
    "madrid_flags",
    "madrid_date_read",
    "madrid_date_delivered",
};

enum { FLAG_SENT = 3, FLAG_FAILED = 33, FLAG_DELETED = 129, MADRID_FROM_ME = 4 }; /* 33, 129, 4: [I] */

static void put_members(struct rv_rows *members, json_t *chat, int64_t group)
{
    json_t *list = json_array();
    if (members != NULL && group > 0) {
        rv_rows_bind(members, 1, group);
        while (rv_rows_next(members))
            json_array_append_new(list, rv_text_json(rv_rows_text(members, 1)));
    }
    json_object_set_new(chat, "group", json_boolean(json_array_size(list) > 1));
    json_object_set_new(chat, "participants", list);
}

static json_t *make_record(const struct rv_rows *rows, struct rv_rows *members, enum rv_record_state state)
{
    json_t *record = rv_rows_record(rows, state), *chat = json_object();
    bool madrid = rv_rows_int(rows, F_MADRID) != 0;
    int64_t flags = rv_rows_int(rows, F_FLAGS);
    bool mine =
        madrid ? (rv_rows_int(rows, F_MFLAGS) & MADRID_FROM_ME) != 0 : flags == FLAG_SENT || flags == FLAG_FAILED;
    struct rv_span who = rv_rows_text(rows, madrid && !rv_rows_null(rows, F_HANDLE) ? F_HANDLE : F_ADDRESS);
    rv_put_text(record, "guid", rv_rows_text(rows, F_GUID));
    rv_put_time(record, "date", rv_rows_real(rows, F_DATE), madrid ? RV_COCOA : RV_UNIX);
    rv_put_text(chat, "id", rv_rows_null(rows, F_ROOM) ? who : rv_rows_text(rows, F_ROOM));
    put_members(members, chat, rv_rows_int(rows, F_GROUP));
    if (json_array_size(json_object_get(chat, "participants")) == 0 && who.ptr != NULL)
        json_array_append_new(json_object_get(chat, "participants"), rv_text_json(who));
    json_object_set_new(record, "chat", chat);
    if (mine)
        rv_put_words(record, "from", "me");
    else
        rv_put_text(record, "from", who);
    json_object_set_new(record, "from_me", json_boolean(mine));
    rv_put_words(record, "service", madrid ? "iMessage" : "SMS");
    rv_put_text(record, "subject", rv_rows_text(rows, F_SUBJECT));
    if (!rv_rows_null(rows, F_TEXT))
        rv_message_put_plain(record, rv_rows_text(rows, F_TEXT));
    else
        rv_message_put_styled(record, rv_rows_text(rows, F_BODY));
    if (!madrid && flags == FLAG_FAILED)
        rv_put_words(record, "status", "not_delivered");
    rv_put_time(record, "read", rv_rows_real(rows, F_READ), RV_COCOA);
    rv_put_time(record, "delivered", rv_rows_real(rows, F_DELIVERED), RV_COCOA);
    return record;
}

bool rv_messages_read_flat(struct rv_job *job, struct rv_db *db, struct rv_error *err)
{
    static const char *const member_columns[] = { "ROWID", "address" };
    struct rv_query m = {
        .table = "group_member", .columns = member_columns, .count = 2, .rest = "WHERE t.group_id=?1 ORDER BY t.ROWID"
    };
    RV_AUTO(rv_rows) members = rv_rows_new(db, &m, err);
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES && err->code == RV_OK; pass++) {
        struct rv_query q = {
            .table = "message", .columns = columns, .count = F_COLUMNS, .rest = "ORDER BY t.date,t.ROWID", .pass = pass
        };
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        while (rows != NULL && !job->enough && rv_rows_next(rows)) {
            enum rv_record_state state =
                rv_rows_state(rows, rv_rows_int(rows, F_FLAGS) == FLAG_DELETED ? RV_TRASHED : RV_LIVE);
            if (!rv_job_emit(job, state, job->count_only ? NULL : make_record(rows, members, state), err))
                return false;
        }
    }
    return err->code == RV_OK;
}
