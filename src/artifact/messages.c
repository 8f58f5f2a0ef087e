/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: sms.db from iOS 6 on (messages_flat.c: before). Facts: docs/records.md, "Messages". */
#include "artifact/db.h"
#include "artifact/message_body.h"
#include "artifact/messages_inside.h"
#include "artifact/names.h"
#include "artifact/readers.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    M_ROWID,
    M_GUID,
    M_TEXT,
    M_BODY,
    M_SUBJECT,
    M_SERVICE,
    M_HANDLE,
    M_FROM_ME,
    M_DATE,
    M_DATE_READ,
    M_DATE_DELIVERED,
    M_ERROR,
    M_ITEM,
    M_GROUP_ACTION,
    M_GROUP_TITLE,
    M_OTHER_HANDLE,
    M_SHARE,
    M_BALLOON,
    M_PAYLOAD,
    M_SUMMARY,
    M_EFFECT,
    M_TARGET,
    M_TARGET_TYPE,
    M_TARGET_EMOJI,
    M_THREAD,
    M_THREAD_PART,
    M_AUDIO,
    M_EXPIRE,
    M_EDITED,
    M_RETRACTED,
    M_SCHEDULE,
    M_SCHEDULE_STATE,
    M_SPAM,
    M_ROOM,
    M_IS_READ,
    M_COLUMNS,
    M_DELETED = M_COLUMNS
};
static const char *const columns[M_COLUMNS] = {
    "ROWID",
    "guid",
    "text",
    "attributedBody",
    "subject",
    "service",
    "handle_id",
    "is_from_me",
    "date",
    "date_read",
    "date_delivered",
    "error",
    "item_type",
    "group_action_type",
    "group_title",
    "other_handle",
    "share_status",
    "balloon_bundle_id",
    "payload_data",
    "message_summary_info",
    "expressive_send_style_id",
    "associated_message_guid",
    "associated_message_type",
    "associated_message_emoji",
    "thread_originator_guid",
    "thread_originator_part",
    "is_audio_message",
    "expire_state",
    "date_edited",
    "date_retracted",
    "schedule_type",
    "schedule_state",
    "is_spam",
    "cache_roomnames",
    "is_read",
};

/* The same date in one unit: both stand in one file (docs/records.md). */
#define DATE_IN_ORDER "CASE WHEN abs(t.date)>1000000000000000 THEN t.date ELSE t.date*1000000000 END"

struct reading {
    struct rv_job *job;
    struct rv_db *db;
    json_t *names;    /* of people, by number or address */
    json_t *handles;  /* number -> address */
    json_t *talks;    /* key -> {"id","name","group","participants","chats"} */
    json_t *tapbacks; /* of this talk: guid -> array */
    struct rv_rows *attachments, *parts;
    uint8_t *given; /* a bit a row number */
    int64_t given_most;
    bool recoverable;
};

static char *number_key(int64_t number, char *out, size_t size)
{
    snprintf(out, size, "%lld", (long long)number);
    return out;
}

static const char *handle_of(const struct reading *r, int64_t number)
{
    char key[24];
    return json_string_value(json_object_get(r->handles, number_key(number, key, sizeof key)));
}

static bool load_handles(struct reading *r, struct rv_error *err)
{
    static const char *const names[] = { "ROWID", "id" };
    struct rv_query q = { .table = "handle", .columns = names, .count = 2 };
    RV_AUTO(rv_rows) rows = rv_rows_new(r->db, &q, err);
    char key[24];
    r->handles = json_object();
    while (rows != NULL && rv_rows_next(rows))
        rv_put_text(r->handles, number_key(rv_rows_int(rows, 0), key, sizeof key), rv_rows_text(rows, 1));
    return err->code == RV_OK;
}

static json_t *talk(struct reading *r, const char *key, const char *id, bool group)
{
    json_t *one = json_object_get(r->talks, key);
    if (one == NULL) {
        one = json_object();
        rv_put_words(one, "id", id);
        json_object_set_new(one, "group", json_boolean(group));
        json_object_set_new(one, "participants", json_array());
        json_object_set_new(one, "chats", json_array());
        json_object_set_new_nocheck(r->talks, key, one);
    }
    return one;
}

static void add_participant(json_t *one, const char *address)
{
    json_t *list = json_object_get(one, "participants"), *old;
    size_t i;
    json_array_foreach (list, i, old)
        if (address == NULL || strcmp(json_string_value(old), address) == 0)
            return;
    if (address != NULL)
        json_array_append_new(list, rv_text_json(rv_words(address)));
}

static bool load_participants(struct reading *r, json_t *by_chat, struct rv_error *err)
{
    static const char *const names[] = { "ROWID", "chat_id", "handle_id" };
    struct rv_query q = { .table = "chat_handle_join", .columns = names, .count = 3, .rest = "ORDER BY t.rowid" };
    RV_AUTO(rv_rows) rows = rv_rows_new(r->db, &q, err);
    char key[24];
    while (rows != NULL && rv_rows_next(rows)) {
        json_t *one = json_object_get(by_chat, number_key(rv_rows_int(rows, 1), key, sizeof key));
        if (one != NULL)
            add_participant(one, handle_of(r, rv_rows_int(rows, 2)));
    }
    return err->code == RV_OK;
}

/* Rows of "chat" -> conversations: one person is one, whatever service a row was made for. */
static bool load_talks(struct reading *r, struct rv_error *err)
{
    static const char *const names[] = { "ROWID",        "style", "chat_identifier", "room_name", "group_id",
                                         "display_name", "guid" };
    struct rv_query q = { .table = "chat", .columns = names, .count = RV_COUNT(names), .rest = "ORDER BY t.rowid" };
    RV_AUTO(rv_rows) rows = rv_rows_new(r->db, &q, err);
    json_t *by_chat = json_object();
    char number[24];
    r->talks = json_object();
    while (rows != NULL && rv_rows_next(rows)) {
        bool group = rv_rows_int(rows, 1) == 43;
        RV_AUTO_TEXT id = rv_rows_copy(rows, rv_rows_null(rows, 2) ? 6 : 2);
        RV_AUTO_TEXT room = rv_rows_copy(rows, !rv_rows_null(rows, 4) ? 4 : !rv_rows_null(rows, 3) ? 3 : 2);
        char key[300] = "+";
        if (id == NULL || room == NULL)
            break;
        if (group)
            snprintf(key + 1, sizeof key - 1, "%s", *room ? room : id);
        else
            rv_names_key(id, key, sizeof key);
        json_t *one = talk(r, key, id, group);
        if (rv_rows_text(rows, 5).len > 0)
            rv_put_text(one, "name", rv_rows_text(rows, 5));
        json_array_append_new(json_object_get(one, "chats"), json_integer(rv_rows_int(rows, 0)));
        json_object_set(by_chat, number_key(rv_rows_int(rows, 0), number, sizeof number), one);
        if (!group)
            add_participant(one, id);
    }
    bool fine = err->code == RV_OK && load_participants(r, by_chat, err);
    json_decref(by_chat);
    return fine;
}

/* ---- tapbacks ---- */

/* "p:0/GUID", "bp:GUID" or a bare one: what it points at, and which part. */
static const char *target_of(const char *text, int64_t *part)
{
    const char *slash = strchr(text, '/');
    *part = 0;
    if (rv_text_starts(text, "p:") && slash != NULL) {
        for (const char *at = text + 2; at < slash && isdigit((unsigned char)*at) && *part < 100000; at++)
            *part = *part * 10 + (*at - '0');
        return slash + 1;
    }
    return rv_text_starts(text, "bp:") ? text + 3 : text;
}

static const char *const tapback_names[] = { "loved",      "liked",      "disliked", "laughed",
                                             "emphasized", "questioned", "emoji",    "sticker" };

static bool is_tapback(int64_t type)
{
    return (type >= 2000 && type <= 2007) || (type >= 3000 && type <= 3007);
}

/* Of one sender on one part the newest counts; a removal takes it away. */
static void apply_tapback(struct reading *r, const struct rv_rows *rows)
{
    RV_AUTO_TEXT target = rv_rows_copy(rows, M_TARGET);
    int64_t part, type = rv_rows_int(rows, M_TARGET_TYPE);
    const char *guid = target != NULL ? target_of(target, &part) : "";
    bool mine = rv_rows_int(rows, M_FROM_ME) != 0;
    const char *who = mine ? "me" : handle_of(r, rv_rows_int(rows, M_HANDLE));
    json_t *list = json_object_get(r->tapbacks, guid), *old;
    size_t i;
    if (list == NULL) {
        list = json_array();
        json_object_set_new_nocheck(r->tapbacks, guid, list);
    }
    json_array_foreach (list, i, old) {
        const char *from = json_string_value(json_object_get(old, "from"));
        if (json_integer_value(json_object_get(old, "part")) == part &&
            strcmp(from != NULL ? from : "", who != NULL ? who : "") == 0) {
            json_array_remove(list, i);
            break;
        }
    }
    if (type >= 3000)
        return;
    json_t *one = json_object();
    rv_put_words(one, "from", who);
    json_object_set_new(one, "kind", json_string(tapback_names[type - 2000]));
    rv_put_text(one, "emoji", rv_rows_text(rows, M_TARGET_EMOJI));
    json_object_set_new(one, "part", json_integer(part));
    rv_put_time(one, "at", rv_rows_real(rows, M_DATE), RV_COCOA);
    json_array_append_new(list, one);
}

/* ---- one row ---- */

static const struct {
    const char *ending, *name;
} effects[] = {
    { ".gentle", "gentle" },
    { ".impact", "slam (impact)" },
    { ".invisibleink", "invisible ink" },
    { ".loud", "loud" },
    { "CKConfettiEffect", "confetti" },
    { "CKEchoEffect", "echo" },
    { "CKFireworksEffect", "fireworks" },
    { "CKHappyBirthdayEffect", "balloons" },
    { "CKHeartEffect", "heart" },
    { "CKLasersEffect", "lasers" },
    { "CKShootingStarEffect", "shooting star" },
    { "CKSparklesEffect", "sparkles" },
    { "CKSpotlightEffect", "spotlight" },
};

static void put_effect(json_t *record, const struct rv_rows *rows)
{
    RV_AUTO_TEXT style = rv_rows_copy(rows, M_EFFECT);
    if (style == NULL || *style == '\0')
        return;
    for (size_t i = 0; i < RV_COUNT(effects); i++)
        if (rv_text_ends(style, effects[i].ending)) {
            rv_put_words(record, "effect", effects[i].name);
            return;
        }
    rv_put_words(record, "effect", style);
}

static void put_event(json_t *record, const struct reading *r, const struct rv_rows *rows)
{
    int64_t item = rv_rows_int(rows, M_ITEM), action = rv_rows_int(rows, M_GROUP_ACTION);
    const char *event = item == 1   ? action == 0 ? "added" : "removed"
                        : item == 2 ? "renamed"
                        : item == 3 ? action == 0   ? "left"
                                      : action == 1 ? "photo_set"
                                                    : "photo_removed"
                        : item == 4 ? rv_rows_int(rows, M_SHARE) == 0 ? "location_shared" : "location_stopped"
                        : item == 5 ? "audio_kept"
                        : item == 6 ? "call"
                                    : NULL;
    if (event == NULL)
        return;
    json_object_set_new(record, "happened", json_string(event));
    rv_put_text(record, "title", rv_rows_text(rows, M_GROUP_TITLE));
    rv_put_words(record, "who", handle_of(r, rv_rows_int(rows, M_OTHER_HANDLE)));
}

static void put_body(json_t *record, const struct rv_rows *rows)
{
    struct rv_span body = rv_rows_text(rows, M_BODY), text = rv_rows_text(rows, M_TEXT);
    if (rv_message_put_styled(record, body))
        return;
    if (text.ptr != NULL) {
        rv_message_put_plain(record, text);
    } else if (body.len > 0) { /* never shown as if it were empty */
        rv_put_flag(record, "undecodable", true);
        rv_put_bytes(record, "body_base64", body);
    }
}

static void put_status(json_t *record, const struct rv_rows *rows)
{
    bool mine = rv_rows_int(rows, M_FROM_ME) != 0;
    rv_put_time(record, "read", rv_rows_real(rows, M_DATE_READ), RV_COCOA);
    if (mine)
        rv_put_time(record, "delivered", rv_rows_real(rows, M_DATE_DELIVERED), RV_COCOA);
    rv_put_time(record, "edited", rv_rows_real(rows, M_EDITED), RV_COCOA);
    rv_put_time(record, "retracted", rv_rows_real(rows, M_RETRACTED), RV_COCOA);
    if (rv_rows_int(rows, M_ERROR) != 0) {
        json_object_set_new(record, "status", json_string("not_delivered"));
        rv_put_number(record, "error", rv_rows_int(rows, M_ERROR));
    }
    if (rv_rows_int(rows, M_SCHEDULE) == 2 && rv_rows_int(rows, M_SCHEDULE_STATE) == 2) /* [I] */
        json_object_set_new(record, "status", json_string("scheduled"));
    rv_put_flag(record, "audio", rv_rows_int(rows, M_AUDIO) != 0);
    rv_put_flag(record, "audio_expired", rv_rows_int(rows, M_AUDIO) != 0 && rv_rows_int(rows, M_EXPIRE) == 3);
    rv_put_flag(record, "spam", rv_rows_int(rows, M_SPAM) != 0);
}

/* Path in attachment.filename -> its name in MediaDomain; NULL: a temporary one, never backed up. */
static const char *media_path(const char *name)
{
    static const char *const heads[] = { "~/", "/var/mobile/", "/private/var/mobile/" };
    for (size_t i = 0; i < RV_COUNT(heads); i++)
        if (rv_text_starts(name, heads[i]))
            return name + strlen(heads[i]);
    return name[0] == '/' ? NULL : name;
}

enum { A_ROWID, A_GUID, A_FILENAME, A_UTI, A_MIME, A_NAME, A_BYTES, A_STICKER, A_GENMOJI, A_HIDDEN, A_COLUMNS };
static const char *const attachment_columns[A_COLUMNS] = {
    "ROWID",
    "guid",
    "filename",
    "uti",
    "mime_type",
    "transfer_name",
    "total_bytes",
    "is_sticker",
    "emoji_image_short_description",
    "hide_attachment",
};

static json_t *attachment(struct reading *r, const struct rv_rows *a)
{
    RV_AUTO_TEXT file = rv_rows_copy(a, A_FILENAME);
    RV_AUTO_TEXT name = rv_rows_copy(a, A_NAME);
    const char *path = file != NULL && *file != '\0' ? media_path(file) : NULL;
    bool named = file != NULL && *file != '\0';
    const char *slash = named ? strrchr(file, '/') : NULL;
    json_t *j = rv_media_json(r->job, "MediaDomain", path,
                              name != NULL && *name != '\0' ? name
                              : slash != NULL               ? slash + 1
                                                            : "attachment",
                              named && path == NULL ? "temporary"
                              : path == NULL        ? "in_icloud"
                                                    : NULL);
    rv_put_text(j, "guid", rv_rows_text(a, A_GUID));
    rv_put_text(j, "mime", rv_rows_text(a, A_MIME));
    rv_put_text(j, "uti", rv_rows_text(a, A_UTI));
    if (!rv_rows_null(a, A_BYTES) && json_object_get(j, "bytes") == NULL)
        rv_put_number(j, "bytes", rv_rows_int(a, A_BYTES));
    rv_put_flag(j, "sticker", rv_rows_int(a, A_STICKER) != 0);
    rv_put_flag(j, "hidden", rv_rows_int(a, A_HIDDEN) != 0);
    rv_put_text(j, "description", rv_rows_text(a, A_GENMOJI));
    return j;
}

static void put_attachments(struct reading *r, json_t *record, int64_t message)
{
    if (r->attachments == NULL)
        return;
    json_t *list = json_array();
    rv_rows_bind(r->attachments, 1, message);
    while (rv_rows_next(r->attachments) && json_array_size(list) < 10000)
        json_array_append_new(list, attachment(r, r->attachments));
    if (json_array_size(list) > 0)
        json_object_set(record, "attachments", list);
    json_decref(list);
}

/* Single parts in Recently Deleted while the rest of the message stays. */
static void put_deleted_parts(struct reading *r, json_t *record, int64_t message)
{
    if (r->parts == NULL)
        return;
    json_t *list = json_array();
    rv_rows_bind(r->parts, 1, message);
    while (rv_rows_next(r->parts)) {
        json_t *one = json_object();
        rv_put_number(one, "part", rv_rows_int(r->parts, 1));
        json_t *text = rv_message_styled_text(rv_rows_text(r->parts, 3));
        if (text != NULL)
            json_object_set_new(one, "text", text);
        rv_put_time(one, "deleted", rv_rows_real(r->parts, 2), RV_COCOA);
        json_array_append_new(list, one);
    }
    if (json_array_size(list) > 0)
        json_object_set(record, "deleted_parts", list);
    json_decref(list);
}

static json_t *chat_json(const struct reading *r, const json_t *one)
{
    json_t *j = json_object();
    json_object_set(j, "id", json_object_get(one, "id"));
    if (!json_is_true(json_object_get(one, "group")))
        rv_put_words(j, "name", rv_names_of(r->names, json_string_value(json_object_get(one, "id"))));
    if (json_object_get(one, "name") != NULL)
        json_object_set(j, "name", json_object_get(one, "name"));
    json_object_set(j, "group", json_object_get(one, "group"));
    json_object_set(j, "participants", json_object_get(one, "participants"));
    return j;
}

static json_t *make_record(struct reading *r, const struct rv_rows *rows, const json_t *one, enum rv_record_state state)
{
    json_t *record = rv_rows_record(rows, state);
    RV_AUTO_TEXT guid = rv_rows_copy(rows, M_GUID);
    bool mine = rv_rows_int(rows, M_FROM_ME) != 0;
    rv_put_words(record, "guid", guid);
    rv_put_time(record, "date", rv_rows_real(rows, M_DATE), RV_COCOA);
    json_object_set_new(record, "chat", chat_json(r, one));
    rv_put_words(record, "from", mine ? "me" : handle_of(r, rv_rows_int(rows, M_HANDLE)));
    if (!mine)
        rv_put_words(record, "from_name", rv_names_of(r->names, handle_of(r, rv_rows_int(rows, M_HANDLE))));
    json_object_set_new(record, "from_me", json_boolean(mine));
    rv_put_text(record, "service", rv_rows_text(rows, M_SERVICE));
    rv_put_text(record, "subject", rv_rows_text(rows, M_SUBJECT));
    put_body(record, rows);
    put_event(record, r, rows);
    put_effect(record, rows);
    put_status(record, rows);
    rv_message_put_history(record, rv_rows_text(rows, M_SUMMARY));
    rv_message_put_balloon(record, rv_rows_text(rows, M_BALLOON), rv_rows_text(rows, M_PAYLOAD));
    rv_put_text(record, "reply_to", rv_rows_text(rows, M_THREAD));
    rv_put_text(record, "reply_to_part", rv_rows_text(rows, M_THREAD_PART));
    if (rv_rows_int(rows, M_TARGET_TYPE) == 1000) {
        int64_t part;
        RV_AUTO_TEXT target = rv_rows_copy(rows, M_TARGET);
        rv_put_words(record, "stuck_on", target != NULL ? target_of(target, &part) : NULL);
    }
    if (!rv_rows_null(rows, M_ROWID)) {
        put_attachments(r, record, rv_rows_int(rows, M_ROWID));
        put_deleted_parts(r, record, rv_rows_int(rows, M_ROWID));
    }
    json_t *tapbacks = guid != NULL && *guid ? json_object_get(r->tapbacks, guid) : NULL;
    if (json_array_size(tapbacks) > 0)
        json_object_set(record, "tapbacks", tapbacks);
    return record;
}

/* ---- the order of things ---- */

static bool first_time(struct reading *r, int64_t rowid)
{
    if (r->given == NULL || rowid < 0 || rowid > r->given_most)
        return true;
    uint8_t bit = (uint8_t)(1u << (rowid & 7));
    bool first = (r->given[rowid >> 3] & bit) == 0;
    r->given[rowid >> 3] |= bit;
    return first;
}

static const char deleted_at[] =
    ",(SELECT max(d.delete_date) FROM main.chat_recoverable_message_join d WHERE d.message_id=t.ROWID)";

static struct rv_rows *select_rows(struct reading *r, const char *rest, struct rv_error *err)
{
    struct rv_query q = {
        .table = "message", .columns = columns, .count = M_COLUMNS, .extra_count = 1, .rest = rest, .identity = "guid"
    };
    q.extra = r->recoverable ? deleted_at : ",NULL";
    return rv_rows_new(r->db, &q, err);
}

static bool give(struct reading *r, const struct rv_rows *rows, const json_t *one, struct rv_error *err)
{
    bool trashed = !rv_rows_null(rows, M_DELETED);
    enum rv_record_state state = rv_rows_state(rows, trashed ? RV_TRASHED : RV_LIVE);
    if (r->job->count_only)
        return rv_job_emit(r->job, state, NULL, err);
    json_t *record = make_record(r, rows, one, state);
    if (trashed)
        rv_put_time(record, "deleted", rv_rows_real(rows, M_DELETED), RV_COCOA);
    return rv_job_emit(r->job, state, record, err);
}

/* "1,2,3" of the chats of a talk. */
static char *list_of(const json_t *chats)
{
    struct rv_buf text = RV_BUF(1 << 20);
    struct rv_error quiet = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach ((json_t *)(uintptr_t)chats, i, one)
        rv_buf_add_format(&text, &quiet, "%s%lld", i > 0 ? "," : "", (long long)json_integer_value(one));
    char *copy = rv_text_copy_n(text.len > 0 ? (const char *)text.data : "", text.len);
    rv_buf_clear(&text);
    return copy;
}

static bool read_talk(struct reading *r, const json_t *one, struct rv_error *err)
{
    RV_AUTO_TEXT chats = list_of(json_object_get(one, "chats"));
    struct rv_buf where = RV_BUF(1 << 21), order = RV_BUF(1 << 21);
    if (chats == NULL)
        return rv_fail_nomem(err);
    bool fine = rv_buf_add_format(&where, err,
                                  "WHERE t.ROWID IN (SELECT message_id FROM main.chat_message_join WHERE "
                                  "chat_id IN (%s)",
                                  chats);
    if (r->recoverable)
        fine = fine && rv_buf_add_format(&where, err,
                                         " UNION SELECT message_id FROM "
                                         "main.chat_recoverable_message_join WHERE chat_id IN (%s)",
                                         chats);
    fine = fine && rv_buf_add_text(&where, ")", err);
    bool reactions = rv_db_has(r->db, "message", "associated_message_type");
    fine =
        fine && rv_buf_add_format(&order, err, "%.*s%s ORDER BY " DATE_IN_ORDER ",t.ROWID", (int)where.len,
                                  (char *)where.data, reactions ? " AND ifnull(t.associated_message_type,0)<2000" : "");
    fine = fine && rv_buf_add(&order, rv_span("", 1), err);
    json_object_clear(r->tapbacks);
    if (fine && reactions && !r->job->count_only) {
        fine = rv_buf_add_text(
                   &where, " AND t.associated_message_type BETWEEN 2000 AND 3999 ORDER BY " DATE_IN_ORDER ",t.ROWID",
                   err) &&
               rv_buf_add(&where, rv_span("", 1), err);
        RV_AUTO(rv_rows) marks = fine ? select_rows(r, (const char *)where.data, err) : NULL;
        while (marks != NULL && rv_rows_next(marks))
            if (is_tapback(rv_rows_int(marks, M_TARGET_TYPE)))
                apply_tapback(r, marks);
    }
    RV_AUTO(rv_rows) rows = fine ? select_rows(r, (const char *)order.data, err) : NULL;
    fine = rows != NULL;
    while (fine && !r->job->enough && rv_rows_next(rows))
        fine = !first_time(r, rv_rows_int(rows, M_ROWID)) || give(r, rows, one, err);
    rv_buf_clear(&where);
    rv_buf_clear(&order);
    return fine;
}

/* The talk that a row without one belongs to: its group's name, or the person it came from. */
static const json_t *talk_of(struct reading *r, const struct rv_rows *rows)
{
    char key[300] = "+";
    RV_AUTO_TEXT room = rv_rows_copy(rows, M_ROOM);
    const char *who = handle_of(r, rv_rows_int(rows, M_HANDLE));
    if (room != NULL && *room != '\0') {
        snprintf(key + 1, sizeof key - 1, "%s", room);
        return talk(r, key, room, true);
    }
    if (who == NULL)
        return talk(r, "?", "unknown", false);
    rv_names_key(who, key, sizeof key);
    json_t *one = talk(r, key, who, false);
    add_participant(one, who);
    return one;
}

static bool read_rest(struct reading *r, enum rv_pass pass, struct rv_error *err)
{
    bool reactions = rv_db_has(r->db, "message", "associated_message_type");
    struct rv_query q = { .table = "message",
                          .columns = columns,
                          .count = M_COLUMNS,
                          .extra = r->recoverable ? deleted_at : ",NULL",
                          .extra_count = 1,
                          .identity = "guid",
                          .pass = pass };
    /* sets, not a look for each row: a join has an index by its message on some systems only */
    q.rest = r->recoverable
                 ? "WHERE t.ROWID NOT IN (SELECT j.message_id FROM main.chat_message_join j JOIN main.chat c "
                   "ON c.ROWID=j.chat_id WHERE j.message_id IS NOT NULL) AND t.ROWID NOT IN "
                   "(SELECT d.message_id FROM main.chat_recoverable_message_join d JOIN main.chat c ON "
                   "c.ROWID=d.chat_id WHERE d.message_id IS NOT NULL) ORDER BY t.ROWID"
             : rv_db_has_table(r->db, "chat_message_join")
                 ? "WHERE t.ROWID NOT IN (SELECT j.message_id FROM main.chat_message_join j JOIN main.chat c ON "
                   "c.ROWID=j.chat_id WHERE j.message_id IS NOT NULL) ORDER BY t.ROWID"
                 : "ORDER BY t.ROWID";
    RV_AUTO(rv_rows) rows = rv_rows_new(r->db, &q, err);
    if (rows == NULL)
        return err->code == RV_OK;
    json_object_clear(r->tapbacks);
    while (!r->job->enough && rv_rows_next(rows)) {
        if ((reactions && is_tapback(rv_rows_int(rows, M_TARGET_TYPE))) ||
            (pass == RV_PASS_LIVE && !first_time(r, rv_rows_int(rows, M_ROWID))))
            continue;
        if (!give(r, rows, r->job->count_only ? NULL : talk_of(r, rows), err))
            return false;
    }
    return true;
}

static bool prepare(struct reading *r, struct rv_error *err)
{
    static const char *const part_columns[] = { "ROWID", "part_index", "delete_date", "part_text" };
    struct rv_query a = { .table = "attachment",
                          .columns = attachment_columns,
                          .count = A_COLUMNS,
                          .rest =
                              "JOIN main.message_attachment_join j ON j.attachment_id=t.ROWID WHERE j.message_id=?1 "
                              "ORDER BY t.ROWID" };
    struct rv_query p = { .table = "recoverable_message_part",
                          .columns = part_columns,
                          .count = 4,
                          .rest = "WHERE t.message_id=?1 ORDER BY t.part_index" };
    r->recoverable = rv_db_has_table(r->db, "chat_recoverable_message_join");
    r->tapbacks = json_object();
    if (!r->job->count_only)
        r->names = rv_names_load(r->job);
    if (rv_db_has_table(r->db, "message_attachment_join"))
        r->attachments = rv_rows_new(r->db, &a, err);
    r->parts = rv_rows_new(r->db, &p, err);
    r->given_most = rv_db_number(r->db, "SELECT max(ROWID) FROM main.message", 0);
    if (r->given_most > (int64_t)1 << 28)
        r->given_most = 0;
    r->given = rv_alloc((size_t)(r->given_most >> 3) + 1);
    r->job->counts.tombstones += (uint64_t)rv_db_number(r->db, "SELECT count(*) FROM main.deleted_messages", 0);
    return r->given != NULL ? load_handles(r, err) && load_talks(r, err) : rv_fail_nomem(err);
}

/* Numbers only: no need to go through the talks. */
static bool count(struct reading *r, struct rv_error *err)
{
    bool reactions = rv_db_has(r->db, "message", "associated_message_type");
    int64_t all =
        rv_db_number(r->db,
                     reactions ? "SELECT count(*) FROM main.message WHERE ifnull(associated_message_type,0)<2000"
                               : "SELECT count(*) FROM main.message",
                     0);
    int64_t trashed = r->recoverable
                          ? rv_db_number(r->db,
                                         "SELECT count(DISTINCT message_id) FROM main.chat_recoverable_message_join "
                                         "WHERE message_id IN (SELECT ROWID FROM main.message)",
                                         0)
                          : 0;
    r->job->counts.by_state[RV_TRASHED] += (uint64_t)trashed;
    r->job->counts.by_state[RV_LIVE] += (uint64_t)(all > trashed ? all - trashed : 0);
    return read_rest(r, RV_PASS_CARVED, err);
}

static bool read_all(struct reading *r, struct rv_error *err)
{
    const char *key;
    json_t *one;
    if (!prepare(r, err))
        return false;
    if (r->job->count_only)
        return count(r, err);
    json_object_foreach (r->talks, key, one)
        if (!r->job->enough && json_array_size(json_object_get(one, "chats")) > 0 && !read_talk(r, one, err))
            return false;
    return read_rest(r, RV_PASS_LIVE, err) && read_rest(r, RV_PASS_CARVED, err);
}

static bool read_messages(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    struct reading r = { .job = job, .db = db };
    if (db == NULL)
        return false;
    if (!rv_db_has_table(db, "handle"))
        return rv_messages_read_flat(job, db, err);
    bool fine = read_all(&r, err);
    json_decref(r.names);
    json_decref(r.handles);
    json_decref(r.talks);
    json_decref(r.tapbacks);
    rv_rows_free(r.attachments);
    rv_rows_free(r.parts);
    rv_free(r.given);
    return fine;
}

static const struct rv_place places[] = { { "HomeDomain", "Library/SMS/sms.db", "message" } };
static const char *const shown[] = { "date", "chat.id", "from", "text", NULL };

const struct rv_artifact rv_artifact_messages = {
    .type = "messages",
    .title = "Messages",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_CHAT,
    .read = read_messages,
    .absent = "with Messages in iCloud switched on, a phone may leave messages out of its backups",
    .columns = shown,
};
