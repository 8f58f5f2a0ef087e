/* SPDX-License-Identifier: Apache-2.0 */
/* imo: times in nanoseconds since 1970. */
#include "artifact/flat.h"
#include "artifact/readers.h"

/* Who wrote is there for what others wrote. */
static bool finish(struct rv_job *job, json_t *record)
{
    json_t *chat = json_object_get(record, "chat");
    const json_t *from = json_object_get(record, "from");
    bool mine = json_integer_value(json_object_get(record, "sent")) == 1 || from == NULL;
    rv_put_time(record, "date", json_real_value(json_object_get(record, "nanoseconds")) / 1e9, RV_UNIX);
    json_object_del(record, "nanoseconds");
    json_object_del(record, "sent");
    if (chat == NULL && from != NULL)
        json_object_set_new(record, "chat", chat = json_pack("{s:O}", "id", (json_t *)(uintptr_t)from));
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
    { "nanoseconds", "ZTS", RV_FLAT_REAL, NULL, NULL }, { "text", "ZTEXT", RV_FLAT_TEXT, NULL, NULL },
    { "from", "ZA_UID", RV_FLAT_TEXT, NULL, NULL },     { "from_name", "ZALIAS", RV_FLAT_TEXT, NULL, NULL },
    { "sent", "ZISSENT", RV_FLAT_NUMBER, NULL, NULL },  { "chat.id", "ZU_ID", RV_FLAT_TEXT, NULL, NULL },
    /* clang-format on */
};
static const struct rv_flat rows = {
    .table = "ZIMOCHATMSG",
    .fields = fields,
    .count = RV_COUNT(fields),
    .rest = "ORDER BY t.ZTS,t.Z_PK",
    .finish = finish,
};

static bool read_imo(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && rv_flat_read(job, db, &rows, err);
}

static const struct rv_place places[] = {
    { "AppDomain-im.imo.imoIM", "IMODb2.sqlite", "ZIMOCHATMSG" },
    { "AppDomain-im.imo.imoIM", "Library/Application Support/IMODb2.sqlite", NULL },
};
static const char *const shown[] = { "date", "chat.id", "from", "text", NULL };

const struct rv_artifact rv_artifact_imo = {
    .type = "imo",
    .title = "imo",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_CHAT,
    .read = read_imo,
    .absent = "imo was not on this phone, or was not part of this source",
    .columns = shown,
};
