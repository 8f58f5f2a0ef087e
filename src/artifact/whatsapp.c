/* SPDX-License-Identifier: Apache-2.0 */
/* WhatsApp: ChatStorage.sqlite of its shared container; media lie beside it. */
#include "artifact/db.h"
#include "artifact/readers.h"

#include "base/text.h"
#include "format/protobuf.h"

#include <stdio.h>
#include <string.h>

enum {
    W_PK,
    W_CHAT,
    W_MEMBER,
    W_MEDIA,
    W_FROM_ME,
    W_DATE,
    W_TEXT,
    W_FROM,
    W_TO,
    W_PUSH,
    W_STANZA,
    W_STARRED,
    W_TYPE,
    W_EVENT,
    W_ERROR,
    W_COLUMNS,
    X_CHAT_ID = W_COLUMNS,
    X_CHAT_NAME,
    X_CHAT_KIND,
    X_MEMBER_ID,
    X_MEMBER_NAME,
    X_PATH,
    X_MIME,
    X_TITLE,
    X_LATITUDE,
    X_LONGITUDE,
    X_BYTES,
    X_METADATA,
    X_CARD_NAME,
    X_COUNT = 13
};
static const char *const columns[W_COLUMNS] = {
    "Z_PK",         "ZCHATSESSION", "ZGROUPMEMBER", "ZMEDIAITEM",      "ZISFROMME",
    "ZMESSAGEDATE", "ZTEXT",        "ZFROMJID",     "ZTOJID",          "ZPUSHNAME",
    "ZSTANZAID",    "ZSTARRED",     "ZMESSAGETYPE", "ZGROUPEVENTTYPE", "ZMESSAGEERRORSTATUS",
};
enum { TYPE_CONTACT = 4, TYPE_LOCATION = 5, TYPE_EVENT = 6, TYPE_DELETED = 14, QUOTE_FIELD = 5, KIND_GROUP = 1 };

static const char *type_name(int64_t type)
{
    static const char *const names[] = { "text",  "image", "video",    "audio",  "contact", "location",
                                         "event", "link",  "document", NULL,     "notice",  "gif",
                                         "list",  NULL,    "deleted",  "sticker" };
    if (type >= 0 && type < (int64_t)RV_COUNT(names))
        return names[type];
    return type == 46 ? "poll" : type == 38 || type == 39 ? "view_once" : type == 54 ? "round_video" : NULL;
}

/* "4477...@s.whatsapp.net" -> "+4477..."; other identities stay whole. */
static void put_identity(json_t *record, const char *key, struct rv_span jid)
{
    RV_AUTO_TEXT text = jid.len > 0 ? rv_text_copy_n((const char *)jid.ptr, jid.len) : NULL;
    char number[64];
    if (text == NULL)
        return;
    char *at = strchr(text, '@');
    if (at != NULL && strcmp(at, "@s.whatsapp.net") == 0) {
        *at = '\0';
        snprintf(number, sizeof number, "+%.60s", text);
        rv_put_words(record, key, number);
    } else {
        rv_put_words(record, key, text);
    }
}

static json_t *chat_json(const struct rv_rows *rows)
{
    json_t *chat = json_object();
    bool group = rv_rows_int(rows, X_CHAT_KIND) == KIND_GROUP;
    struct rv_span id = rv_rows_text(rows, X_CHAT_ID);
    put_identity(chat, "id", id.len > 0 ? id : rv_rows_text(rows, rv_rows_int(rows, W_FROM_ME) ? W_TO : W_FROM));
    if (json_object_get(chat, "id") == NULL)
        json_object_set_new(chat, "id", json_string("unknown"));
    rv_put_text(chat, "name", rv_rows_text(rows, X_CHAT_NAME));
    json_object_set_new(chat, "group", json_boolean(group));
    json_object_set_new(chat, "participants", json_array());
    return chat;
}

static void put_media(struct rv_job *job, json_t *record, const struct rv_rows *rows)
{
    RV_AUTO_TEXT stored = rv_rows_copy(rows, X_PATH);
    RV_AUTO_TEXT title = rv_rows_copy(rows, X_TITLE);
    const char *plain = stored != NULL ? stored + strspn(stored, "/") : "";
    int64_t type = rv_rows_int(rows, W_TYPE);
    char path[1100];
    if (rv_rows_null(rows, W_MEDIA) || type == TYPE_LOCATION || type == TYPE_CONTACT ||
        (*plain == '\0' && rv_rows_null(rows, X_MIME)))
        return;
    snprintf(path, sizeof path, "%s%.1000s", rv_text_starts(plain, "Message/") ? "" : "Message/", plain);
    const char *slash = strrchr(path, '/');
    bool document = type == 8 && title != NULL && *title != '\0';
    json_t *media = rv_media_json(job, job->file->domain, *plain != '\0' ? path : NULL,
                                  document         ? title
                                  : *plain != '\0' ? slash + 1
                                                   : "attachment",
                                  *plain != '\0' ? NULL : "never_downloaded");
    rv_put_text(media, "mime", rv_rows_text(rows, X_MIME));
    if (json_object_get(media, "bytes") == NULL && rv_rows_int(rows, X_BYTES) > 0)
        rv_put_number(media, "bytes", rv_rows_int(rows, X_BYTES));
    json_t *list = json_array();
    json_array_append_new(list, media);
    json_object_set_new(record, "attachments", list);
    if (!document && title != NULL && *title != '\0' && json_object_get(record, "text") == NULL)
        rv_put_words(record, "text", title);
}

static void put_event(json_t *record, const struct rv_rows *rows)
{
    static const struct {
        int64_t event;
        const char *name;
    } names[] = { { 1, "renamed" },   { 2, "added" },   { 3, "left" },
                  { 4, "photo_set" }, { 7, "removed" }, { 12, "created" } };
    const char *name = "notice";
    for (size_t i = 0; i < RV_COUNT(names); i++)
        if (names[i].event == rv_rows_int(rows, W_EVENT))
            name = names[i].name;
    json_object_set_new(record, "happened", json_string(name));
    rv_put_text(record, "title", rv_rows_text(rows, W_TEXT));
}

static json_t *make_record(struct rv_job *job, const struct rv_rows *rows, enum rv_record_state state)
{
    json_t *record = rv_rows_record(rows, state);
    bool mine = rv_rows_int(rows, W_FROM_ME) != 0;
    int64_t type = rv_rows_int(rows, W_TYPE);
    rv_put_text(record, "guid", rv_rows_text(rows, W_STANZA));
    rv_put_time(record, "date", rv_rows_real(rows, W_DATE), RV_COCOA);
    json_object_set_new(record, "chat", chat_json(rows));
    if (mine)
        rv_put_words(record, "from", "me");
    else
        put_identity(record, "from", rv_rows_text(rows, rv_rows_null(rows, X_MEMBER_ID) ? W_FROM : X_MEMBER_ID));
    if (!mine) {
        bool group = rv_rows_int(rows, X_CHAT_KIND) == KIND_GROUP;
        rv_put_text(record, "from_name",
                    rv_rows_text(rows, !rv_rows_null(rows, X_MEMBER_NAME) ? X_MEMBER_NAME
                                       : group                            ? W_PUSH
                                                                          : X_CHAT_NAME));
    }
    json_object_set_new(record, "from_me", json_boolean(mine));
    if (type_name(type) != NULL)
        json_object_set_new(record, "kind", json_string(type_name(type)));
    rv_put_number(record, "kind_number", type);
    if (type == TYPE_EVENT)
        put_event(record, rows);
    else
        rv_put_text(record, "text", rv_rows_text(rows, W_TEXT));
    rv_put_flag(record, "unsent", type == TYPE_DELETED);
    rv_put_flag(record, "starred", rv_rows_int(rows, W_STARRED) != 0);
    if (type == TYPE_LOCATION)
        json_object_set_new(record, "gps",
                            json_pack("[f,f]", rv_rows_real(rows, X_LATITUDE), rv_rows_real(rows, X_LONGITUDE)));
    if (type == TYPE_CONTACT) {
        rv_put_text(record, "contact_name", rv_rows_text(rows, X_CARD_NAME));
        rv_put_text(record, "contact_card", rv_rows_text(rows, X_MIME));
    }
    struct rv_span quoted = rv_proto_bytes(rv_rows_text(rows, X_METADATA), QUOTE_FIELD);
    if (quoted.len > 0)
        rv_put_text(record, "reply_to", quoted);
    put_media(job, record, rows);
    return record;
}

/* Values of other tables, as far as they are there. */
static void describe(struct rv_db *db, char *extra, size_t size)
{
    static const struct {
        const char *table, *column, *key;
    } wanted[X_COUNT] = {
        { "ZWACHATSESSION", "ZCONTACTJID", "ZCHATSESSION" },  { "ZWACHATSESSION", "ZPARTNERNAME", "ZCHATSESSION" },
        { "ZWACHATSESSION", "ZSESSIONTYPE", "ZCHATSESSION" }, { "ZWAGROUPMEMBER", "ZMEMBERJID", "ZGROUPMEMBER" },
        { "ZWAGROUPMEMBER", "ZCONTACTNAME", "ZGROUPMEMBER" }, { "ZWAMEDIAITEM", "ZMEDIALOCALPATH", "ZMEDIAITEM" },
        { "ZWAMEDIAITEM", "ZVCARDSTRING", "ZMEDIAITEM" },     { "ZWAMEDIAITEM", "ZTITLE", "ZMEDIAITEM" },
        { "ZWAMEDIAITEM", "ZLATITUDE", "ZMEDIAITEM" },        { "ZWAMEDIAITEM", "ZLONGITUDE", "ZMEDIAITEM" },
        { "ZWAMEDIAITEM", "ZFILESIZE", "ZMEDIAITEM" },        { "ZWAMEDIAITEM", "ZMETADATA", "ZMEDIAITEM" },
        { "ZWAMEDIAITEM", "ZVCARDNAME", "ZMEDIAITEM" }
    };
    *extra = '\0';
    for (size_t i = 0; i < X_COUNT; i++) {
        size_t at = strlen(extra);
        if (rv_db_has(db, wanted[i].table, wanted[i].column) && rv_db_has(db, "ZWAMESSAGE", wanted[i].key))
            snprintf(extra + at, size - at, ",(SELECT x.%s FROM main.%s x WHERE x.Z_PK=t.%s)", wanted[i].column,
                     wanted[i].table, wanted[i].key);
        else
            snprintf(extra + at, size - at, ",NULL");
    }
}

static bool read_whatsapp(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    char extra[2000];
    if (db == NULL)
        return false;
    describe(db, extra, sizeof extra);
    bool removed = rv_db_has(db, "ZWACHATSESSION", "ZREMOVED");
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES; pass++) {
        struct rv_query q = { .table = "ZWAMESSAGE",
                              .columns = columns,
                              .count = W_COLUMNS,
                              .extra = extra,
                              .extra_count = X_COUNT,
                              .identity = "ZSTANZAID",
                              .pass = pass,
                              .rest = "ORDER BY t.ZCHATSESSION,t.ZMESSAGEDATE,t.Z_PK" };
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        if (err->code != RV_OK)
            return false;
        while (rows != NULL && !job->enough && rv_rows_next(rows))
            if (!rv_job_emit(job, rv_rows_state(rows, RV_LIVE),
                             job->count_only ? NULL : make_record(job, rows, rv_rows_state(rows, RV_LIVE)), err))
                return false;
    }
    int64_t gone = removed ? rv_db_number(db, "SELECT count(*) FROM main.ZWACHATSESSION WHERE ZREMOVED=1", 0) : 0;
    int64_t last = rv_db_number(db, "SELECT Z_MAX FROM main.Z_PRIMARYKEY WHERE Z_NAME='WAMessage'", 0);
    int64_t there = rv_db_number(db, "SELECT count(*) FROM main.ZWAMESSAGE", 0);
    if (gone > 0)
        rv_job_note(job, "%lld WhatsApp chats were deleted on the phone", (long long)gone);
    if (last > there)
        rv_job_note(job, "%lld WhatsApp messages were stored over time and %lld are left", (long long)last,
                    (long long)there);
    return true;
}

static const struct rv_place places[] = {
    { "AppDomainGroup-group.net.whatsapp.WhatsApp.shared", "ChatStorage.sqlite", "ZWAMESSAGE" },
    { "AppDomainGroup-group.net.whatsapp.WhatsAppSMB.shared", "ChatStorage.sqlite", NULL },
    { "AppDomain-net.whatsapp.WhatsApp", "Documents/ChatStorage.sqlite", NULL },
};
static const char *const shown[] = { "date", "chat.id", "from", "text", NULL };
static const char *const cells[] = { "date", "chat.name", "chat.id",     "from", "from_name",
                                     "kind", "text",      "attachments", "guid", NULL };

const struct rv_artifact rv_artifact_whatsapp = {
    .type = "whatsapp",
    .title = "WhatsApp",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_CHAT,
    .read = read_whatsapp,
    .absent = "WhatsApp is not in this source, or was not installed",
    .columns = shown,
    .cells = cells,
};
