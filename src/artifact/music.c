/* SPDX-License-Identifier: Apache-2.0 */
/* The music library: what was on the phone, and where its file lay. Synced and bought media are never in a backup. */
#include "artifact/flat.h"
#include "artifact/readers.h"

static const struct rv_flat_field fields[] = {
    /* clang-format off: one a line */
    { "date", "date_created", RV_FLAT_COCOA, NULL, NULL },
    { "kind", "media_type", RV_FLAT_NUMBER, NULL, NULL },
    { "title", NULL, RV_FLAT_TEXT, "SELECT e.title FROM main.item_extra e WHERE e.item_pid=t.item_pid",
      "item_extra.title item.item_pid" },
    { "artist", NULL, RV_FLAT_TEXT,
      "SELECT a.item_artist FROM main.item_artist a WHERE a.item_artist_pid=t.item_artist_pid",
      "item_artist.item_artist item.item_artist_pid" },
    { "album", NULL, RV_FLAT_TEXT, "SELECT a.album FROM main.album a WHERE a.album_pid=t.album_pid",
      "album.album item.album_pid" },
    { "milliseconds", NULL, RV_FLAT_NUMBER, "SELECT e.total_time_ms FROM main.item_extra e WHERE e.item_pid=t.item_pid",
      "item_extra.total_time_ms item.item_pid" },
    { "bytes", NULL, RV_FLAT_NUMBER, "SELECT e.file_size FROM main.item_extra e WHERE e.item_pid=t.item_pid",
      "item_extra.file_size item.item_pid" },
    { "path", NULL, RV_FLAT_TEXT,
      "SELECT b.path||'/'||e.location FROM main.item_extra e, main.base_location b WHERE e.item_pid=t.item_pid AND "
      "b.base_location_id=t.base_location_id",
      "item_extra.location base_location.path item.base_location_id" },
    /* clang-format on */
};
static const struct rv_flat rows = {
    .table = "item",
    .fields = fields,
    .count = RV_COUNT(fields),
    .rest = "ORDER BY t.item_pid",
};

static bool read_music(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    return db != NULL && rv_flat_read(job, db, &rows, err);
}

static const struct rv_place places[] = {
    { "MediaDomain", "Media/iTunes_Control/iTunes/MediaLibrary.sqlitedb", "item item_extra" },
};
static const char *const shown[] = { "artist", "album", "milliseconds", "title", NULL };
static const char *const cells[] = { "artist", "album", "title", "milliseconds", "bytes", "path", NULL };

const struct rv_artifact rv_artifact_music = {
    .type = "music",
    .title = "Music library",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_ROWS,
    .read = read_music,
    .absent = "the music library is not part of most backups; it can be copied from a phone, and from its media folder "
              "by AFC",
    .columns = shown,
    .cells = cells,
};
