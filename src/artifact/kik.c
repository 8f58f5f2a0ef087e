/* SPDX-License-Identifier: Apache-2.0 */
/* Kik: one row a message, its user beside it. */
#include "artifact/flat.h"
#include "artifact/readers.h"

/* Kinds: 1 received, 2 sent, 3 and 4 notices of a group. */
static bool finish(struct rv_job *job, json_t *record)
{
    json_t *chat = json_object_get(record, "chat");
    json_int_t kind = json_integer_value(json_object_get(record, "kind"));
    bool mine = kind == 2;
    if (kind == 3 || kind == 4)
        json_object_set_new(record, "happened", json_string("group notice"));
    json_object_del(record, "kind");
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
    { "guid", "ZSTANZAID", RV_FLAT_TEXT, NULL, NULL },
    { "date", "ZTIMESTAMP", RV_FLAT_COCOA, NULL, NULL },
    { "received", "ZRECEIVEDTIMESTAMP", RV_FLAT_COCOA, NULL, NULL },
    { "text", "ZBODY", RV_FLAT_TEXT, NULL, NULL },
    { "kind", "ZTYPE", RV_FLAT_NUMBER, NULL, NULL },
    { "chat.id", NULL, RV_FLAT_TEXT, "SELECT u.ZJID FROM main.ZKIKUSER u WHERE u.Z_PK=t.ZUSER",
      "ZKIKUSER.ZJID ZKIKMESSAGE.ZUSER" },
    { "chat.name", NULL, RV_FLAT_TEXT, "SELECT u.ZDISPLAYNAME FROM main.ZKIKUSER u WHERE u.Z_PK=t.ZUSER",
      "ZKIKUSER.ZDISPLAYNAME ZKIKMESSAGE.ZUSER" },
    { "from", NULL, RV_FLAT_TEXT, "SELECT u.ZUSERNAME FROM main.ZKIKUSER u WHERE u.Z_PK=t.ZUSER",
      "ZKIKUSER.ZUSERNAME ZKIKMESSAGE.ZUSER" },
    /* clang-format on */
};
static const struct rv_flat rows = {
    .table = "ZKIKMESSAGE",
    .fields = fields,
    .count = RV_COUNT(fields),
    .rest = "ORDER BY t.ZUSER,t.ZTIMESTAMP,t.Z_PK",
    .identity = "ZSTANZAID",
    .finish = finish,
};

static bool read_kik(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && rv_flat_read(job, db, &rows, err);
}

static const struct rv_place places[] = {
    { "AppDomainGroup-group.com.kik.chat", "cores/private/*/kik.sqlite", "ZKIKMESSAGE ZKIKUSER" },
};
static const char *const shown[] = { "date", "chat.id", "from", "text", NULL };

const struct rv_artifact rv_artifact_kik = {
    .type = "kik",
    .title = "Kik",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_CHAT,
    .read = read_kik,
    .absent = "Kik was not on this phone, or was not part of this source",
    .columns = shown,
};
