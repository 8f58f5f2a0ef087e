/* SPDX-License-Identifier: Apache-2.0 */
/* Viber: Core Data in Contacts.data. */
#include "artifact/flat.h"
#include "artifact/readers.h"

#include <string.h>

/* What was not received was sent. */
static bool finish(struct rv_job *job, json_t *record)
{
    json_t *chat = json_object_get(record, "chat");
    const char *status = json_string_value(json_object_get(record, "status"));
    bool mine = status != NULL && strcmp(status, "received") != 0; /* delivered, send, sent, pending ... */
    (void)job;
    if (chat == NULL)
        json_object_set_new(record, "chat", chat = json_object());
    if (json_object_get(chat, "id") == NULL)
        json_object_set_new(chat, "id", json_string("unknown"));
    if (mine)
        json_object_set_new(record, "from", json_string("me"));
    json_object_set_new(record, "from_me", json_boolean(mine));
    return true;
}

static const struct rv_flat_field fields[] = {
    /* clang-format off: one a line */
    { "guid", "ZTOKEN", RV_FLAT_TEXT, NULL, NULL },
    { "date", "ZDATE", RV_FLAT_COCOA, NULL, NULL },
    { "text", "ZTEXT", RV_FLAT_TEXT, NULL, NULL },
    { "status", "ZSTATE", RV_FLAT_TEXT, NULL, NULL },
    { "chat.id", "ZCONVERSATION", RV_FLAT_TEXT, NULL, NULL },
    { "chat.name", NULL, RV_FLAT_TEXT, "SELECT c.ZNAME FROM main.ZCONVERSATION c WHERE c.Z_PK=t.ZCONVERSATION",
      "ZCONVERSATION.ZNAME ZVIBERMESSAGE.ZCONVERSATION" },
    { "from", NULL, RV_FLAT_TEXT, "SELECT m.ZDISPLAYFULLNAME FROM main.ZMEMBER m WHERE m.Z_PK=t.ZPHONENUMINDEX",
      "ZMEMBER.ZDISPLAYFULLNAME ZVIBERMESSAGE.ZPHONENUMINDEX" },
    { "file", NULL, RV_FLAT_TEXT, "SELECT a.ZNAME FROM main.ZATTACHMENT a WHERE a.Z_PK=t.ZATTACHMENT",
      "ZATTACHMENT.ZNAME ZVIBERMESSAGE.ZATTACHMENT" },
    /* clang-format on */
};
static const struct rv_flat rows = {
    .table = "ZVIBERMESSAGE",
    .fields = fields,
    .count = RV_COUNT(fields),
    .rest = "ORDER BY t.ZCONVERSATION,t.ZDATE,t.Z_PK",
    .finish = finish,
};

static bool read_viber(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && rv_flat_read(job, db, &rows, err);
}

static const struct rv_place places[] = {
    { "AppDomainGroup-group.viber.share.container", "com.viber/database/Contacts.data", "ZVIBERMESSAGE ZCONVERSATION" },
    { "AppDomain-com.viber", "Documents/Contacts.data", NULL },
};
static const char *const shown[] = { "date", "chat.id", "from", "text", NULL };

const struct rv_artifact rv_artifact_viber = {
    .type = "viber",
    .title = "Viber",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_CHAT,
    .read = read_viber,
    .absent = "Viber was not on this phone, or was not part of this source",
    .columns = shown,
};
