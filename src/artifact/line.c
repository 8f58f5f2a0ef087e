/* SPDX-License-Identifier: Apache-2.0 */
/* LINE: times in milliseconds since 1970, no sender on what was sent. */
#include "artifact/flat.h"
#include "artifact/readers.h"

/* A sender is there for what others wrote. */
static bool finish(struct rv_job *job, json_t *record)
{
    json_t *chat = json_object_get(record, "chat");
    bool mine = json_object_get(record, "sender") == NULL;
    json_object_del(record, "sender");
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
    { "guid", "ZID", RV_FLAT_TEXT, NULL, NULL },
    { "date", "ZTIMESTAMP", RV_FLAT_MS, NULL, NULL },
    { "text", "ZTEXT", RV_FLAT_TEXT, NULL, NULL },
    { "sender", "ZSENDER", RV_FLAT_NUMBER, NULL, NULL },
    { "content", "ZCONTENTTYPE", RV_FLAT_NUMBER, NULL, NULL },
    { "chat.id", "ZCHAT", RV_FLAT_TEXT, NULL, NULL },
    { "chat.name", NULL, RV_FLAT_TEXT,
      "SELECT u.ZNAME FROM main.ZCHAT c JOIN main.ZUSER u ON u.ZMID=c.ZMID WHERE c.Z_PK=t.ZCHAT",
      "ZCHAT.ZMID ZUSER.ZMID ZUSER.ZNAME ZMESSAGE.ZCHAT" },
    { "from", NULL, RV_FLAT_TEXT, "SELECT u.ZNAME FROM main.ZUSER u WHERE u.Z_PK=t.ZSENDER",
      "ZUSER.ZNAME ZMESSAGE.ZSENDER" },
    /* clang-format on */
};
static const struct rv_flat rows = {
    .table = "ZMESSAGE",
    .fields = fields,
    .count = RV_COUNT(fields),
    .rest = "ORDER BY t.ZCHAT,t.ZTIMESTAMP,t.Z_PK",
    .finish = finish,
};

static bool read_line(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && rv_flat_read(job, db, &rows, err);
}

static const struct rv_place places[] = {
    { "AppDomainGroup-group.com.linecorp.line", "Library/Application Support/PrivateStore/*/Messages/Line.sqlite",
      "ZMESSAGE ZCHAT ZUSER" },
};
static const char *const shown[] = { "date", "chat.id", "from", "text", NULL };

const struct rv_artifact rv_artifact_line = {
    .type = "line",
    .title = "LINE",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_CHAT,
    .read = read_line,
    .absent = "LINE was not on this phone, or was not part of this source",
    .columns = shown,
};
