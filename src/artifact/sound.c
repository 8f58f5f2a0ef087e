/* SPDX-License-Identifier: Apache-2.0 */
/* Voicemail and voice memos: a table of rows, and sound in files beside it. */
#include "artifact/db.h"
#include "artifact/readers.h"

#include "base/text.h"
#include "format/keyed.h"

#include <stdio.h>
#include <string.h>

/* ---- voicemail ---- */

enum { V_ROWID, V_DATE, V_SENDER, V_CALLBACK, V_DURATION, V_EXPIRES, V_TRASHED, V_FLAGS, V_RECEIVER, V_COLUMNS };
static const char *const voicemail_columns[V_COLUMNS] = {
    "ROWID", "date", "sender", "callback_num", "duration", "expiration", "trashed_date", "flags", "receiver",
};
enum { FLAG_READ = 1, FLAG_DELETED = 8 };

static void put_transcript(struct rv_job *job, json_t *record, int64_t rowid)
{
    enum { TRANSCRIPT_MAX = 1 << 20 };
    struct rv_source_file file;
    struct rv_error quiet = { 0 };
    struct rv_keyed archive;
    char path[80];
    snprintf(path, sizeof path, "Library/Voicemail/%lld.transcript", (long long)rowid);
    if (!rv_source_find(job->source, "HomeDomain", path, &file, &quiet))
        return;
    RV_AUTO(rv_blob) bytes = rv_source_read(job->source, &file, TRANSCRIPT_MAX, &quiet);
    RV_AUTO_PLIST list = bytes != NULL ? rv_plist_parse(rv_blob_span(bytes), &quiet) : NULL;
    if (list != NULL && rv_keyed_open(list, &archive, &quiet))
        rv_put_text(record, "transcript",
                    rv_keyed_text(&archive, rv_keyed_get(&archive, archive.root, "transcriptionString")));
    rv_source_file_clear(&file);
}

static json_t *make_voicemail(struct rv_job *job, const struct rv_rows *rows, enum rv_record_state state)
{
    json_t *record = rv_rows_record(rows, state);
    char path[80], name[64];
    rv_put_time(record, "date", rv_rows_real(rows, V_DATE), RV_UNIX);
    rv_put_text(record, "sender", rv_rows_text(rows, V_SENDER));
    rv_put_text(record, "callback", rv_rows_text(rows, V_CALLBACK));
    rv_put_text(record, "receiver", rv_rows_text(rows, V_RECEIVER));
    rv_put_real(record, "duration", rv_rows_real(rows, V_DURATION));
    rv_put_time(record, "expires", rv_rows_real(rows, V_EXPIRES), RV_UNIX);
    rv_put_time(record, "trashed", rv_rows_real(rows, V_TRASHED), RV_COCOA);
    json_object_set_new(record, "heard", json_boolean(rv_rows_int(rows, V_FLAGS) & FLAG_READ));
    if (rv_rows_null(rows, V_ROWID))
        return record;
    RV_AUTO_TEXT sender = rv_rows_copy(rows, V_SENDER);
    const char *date = json_string_value(json_object_get(record, "date"));
    snprintf(path, sizeof path, "Library/Voicemail/%lld.amr", (long long)rv_rows_int(rows, V_ROWID));
    snprintf(name, sizeof name, "%.10s %.2s%.2s %.30s.amr", date != NULL ? date : "undated   ",
             date != NULL ? date + 11 : "", date != NULL ? date + 14 : "",
             sender != NULL && *sender ? sender : "unknown");
    json_object_set_new(record, "audio", rv_media_json(job, "HomeDomain", path, name, NULL));
    put_transcript(job, record, rv_rows_int(rows, V_ROWID));
    return record;
}

static bool read_voicemail(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    for (enum rv_pass pass = RV_PASS_LIVE; db != NULL && pass < RV_PASSES; pass++) {
        struct rv_query q = { .table = "voicemail",
                              .columns = voicemail_columns,
                              .count = V_COLUMNS,
                              .pass = pass,
                              .rest = "ORDER BY t.date,t.ROWID" };
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        while (rows != NULL && !job->enough && rv_rows_next(rows)) {
            bool trashed = rv_rows_real(rows, V_TRASHED) != 0 || (rv_rows_int(rows, V_FLAGS) & FLAG_DELETED) != 0;
            enum rv_record_state state = rv_rows_state(rows, trashed ? RV_TRASHED : RV_LIVE);
            if (!rv_job_emit(job, state, job->count_only ? NULL : make_voicemail(job, rows, state), err))
                return false;
        }
    }
    return db != NULL && err->code == RV_OK;
}

static const struct rv_place voicemail_places[] = { { "HomeDomain", "Library/Voicemail/voicemail.db", "voicemail" } };
static const char *const voicemail_shown[] = { "date", "duration", "sender", "transcript", NULL };
static const char *const voicemail_cells[] = { "date",       "sender",  "callback", "receiver", "duration",
                                               "transcript", "trashed", "audio",    NULL };

const struct rv_artifact rv_artifact_voicemail = {
    .type = "voicemail",
    .title = "Voicemail",
    .places = voicemail_places,
    .place_count = RV_COUNT(voicemail_places),
    .shape = RV_SHAPE_MEDIA,
    .read = read_voicemail,
    .absent = "without Visual Voicemail of the carrier the messages stay with the carrier",
    .columns = voicemail_shown,
    .cells = voicemail_cells,
};

/* ---- voice memos ---- */

enum { R_PK, R_DATE, R_DURATION, R_PATH, R_LABEL, R_TITLE, R_SORT_TITLE, R_EVICTED, R_FOLDER, R_ID, R_COLUMNS };
static const char *const memo_columns[R_COLUMNS] = {
    "Z_PK",          "ZDATE",   "ZDURATION", "ZPATH", "ZCUSTOMLABEL", "ZENCRYPTEDTITLE", "ZCUSTOMLABELFORSORTING",
    "ZEVICTIONDATE", "ZFOLDER", "ZUNIQUEID",
};

static json_t *make_memo(struct rv_job *job, const struct rv_rows *rows, enum rv_record_state state)
{
    static const int titles[] = { R_TITLE, R_SORT_TITLE, R_LABEL }; /* "encrypted" is plain text all the same */
    json_t *record = rv_rows_record(rows, state);
    RV_AUTO_TEXT stored = rv_rows_copy(rows, R_PATH);
    const char *slash = stored != NULL ? strrchr(stored, '/') : NULL;
    const char *leaf = slash != NULL ? slash + 1 : stored;
    char path[600], name[700];
    rv_put_text(record, "id", rv_rows_text(rows, R_ID));
    rv_put_time(record, "date", rv_rows_real(rows, R_DATE), RV_COCOA);
    rv_put_time(record, "deleted", rv_rows_real(rows, R_EVICTED), RV_COCOA);
    rv_put_real(record, "duration", rv_rows_real(rows, R_DURATION));
    for (size_t i = 0; i < RV_COUNT(titles) && json_object_get(record, "title") == NULL; i++)
        if (rv_rows_text(rows, titles[i]).len > 0)
            rv_put_text(record, "title", rv_rows_text(rows, titles[i]));
    if (json_object_get(record, "title") == NULL)
        rv_put_words(record, "title", leaf);
    if (!rv_rows_null(rows, R_COLUMNS))
        rv_put_text(record, "folder", rv_rows_text(rows, R_COLUMNS));
    if (leaf == NULL || *leaf == '\0')
        return record;
    const char *dot = strrchr(leaf, '.');
    snprintf(path, sizeof path, "Media/Recordings/%.500s", leaf);
    snprintf(name, sizeof name, "%.500s%.16s", json_string_value(json_object_get(record, "title")),
             dot != NULL ? dot : "");
    rv_put_words(record, "file", path);
    json_object_set_new(record, "audio", rv_media_json(job, "MediaDomain", path, name, NULL));
    return record;
}

static bool read_memos(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    if (db == NULL)
        return false;
    const char *table = rv_db_has_table(db, "ZCLOUDRECORDING") ? "ZCLOUDRECORDING" : "ZRECORDING";
    bool folders = rv_db_has_table(db, "ZFOLDER") && rv_db_has(db, table, "ZFOLDER");
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES; pass++) {
        struct rv_query q = { .table = table,
                              .columns = memo_columns,
                              .count = R_COLUMNS,
                              .pass = pass,
                              .extra_count = 1,
                              .identity = "ZUNIQUEID",
                              .rest = "ORDER BY t.ZDATE,t.Z_PK" };
        q.extra = folders ? ",(SELECT f.ZENCRYPTEDNAME FROM main.ZFOLDER f WHERE f.Z_PK=t.ZFOLDER)" : ",NULL";
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        while (rows != NULL && !job->enough && rv_rows_next(rows)) {
            enum rv_record_state state = rv_rows_state(rows, rv_rows_null(rows, R_EVICTED) ? RV_LIVE : RV_TRASHED);
            if (!rv_job_emit(job, state, job->count_only ? NULL : make_memo(job, rows, state), err))
                return false;
        }
    }
    return err->code == RV_OK;
}

static const struct rv_place memo_places[] = {
    { "MediaDomain", "Media/Recordings/CloudRecordings.db", "ZCLOUDRECORDING" },
    { "AppDomainGroup-group.com.apple.VoiceMemos.shared", "Recordings/CloudRecordings.db", NULL },
    { "MediaDomain", "Media/Recordings/Recordings.db", "ZRECORDING" },
};
static const char *const memo_shown[] = { "date", "duration", "folder", "title", NULL };
static const char *const memo_cells[] = { "date", "title", "duration", "folder", "deleted", "file", NULL };

const struct rv_artifact rv_artifact_memos = {
    .type = "voice-memos",
    .title = "Voice memos",
    .places = memo_places,
    .place_count = RV_COUNT(memo_places),
    .shape = RV_SHAPE_MEDIA,
    .read = read_memos,
    .absent = "recordings kept in iCloud may be left out of a backup",
    .columns = memo_shown,
    .cells = memo_cells,
};
