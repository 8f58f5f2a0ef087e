/* SPDX-License-Identifier: Apache-2.0 */
/* Notes: NoteStore.sqlite (iOS 9 and later; one table holds nearly everything), notes.sqlite before. */
#include "artifact/db.h"
#include "artifact/note_text.h"
#include "artifact/readers.h"

#include "base/text.h"
#include "crypto/wrap.h"

#include <stdio.h>
#include <string.h>

enum {
    N_PK,
    N_ENTITY,
    N_TITLE,
    N_SNIPPET,
    N_PINNED,
    N_LOCKED,
    N_HINT,
    N_DELETED,
    N_ID,
    N_SHARED,
    N_SALT,
    N_ROUNDS,
    N_WRAPPED,
    N_COLUMNS
};
static const char *const columns[N_COLUMNS] = {
    "Z_PK",
    "Z_ENT",
    "ZTITLE1",
    "ZSNIPPET",
    "ZISPINNED",
    "ZISPASSWORDPROTECTED",
    "ZPASSWORDHINT",
    "ZMARKEDFORDELETION",
    "ZIDENTIFIER",
    "ZSERVERSHAREDATA",
    "ZCRYPTOSALT",
    "ZCRYPTOITERATIONCOUNT",
    "ZCRYPTOWRAPPEDKEY",
};
enum {
    X_DATA = N_COLUMNS,
    X_CREATED,
    X_MODIFIED,
    X_FOLDER,
    X_FOLDER_ID,
    X_FOLDER_TYPE,
    X_PARENT,
    X_ACCOUNT,
    X_ACCOUNT_ID,
    X_IV,
    X_TAG,
    X_COUNT = 11
};

static const char domain[] = "AppDomainGroup-group.com.apple.notes";

struct reading {
    struct rv_job *job;
    struct rv_db *db;
    struct rv_rows *attachments;
    int64_t note, account, media;
    bool trash_named; /* a folder says by its name that it is the trash */
    bool locked_seen; /* one that no password opened */
};

/* "coalesce(t.A,t.B)" of the columns that are there; "NULL" for none. */
static void either(struct rv_db *db, const char *const *names, size_t count, const char *prefix, char *out, size_t size)
{
    size_t found = 0;
    snprintf(out, size, "coalesce(");
    for (size_t i = 0; i < count; i++)
        if (rv_db_has(db, "ZICCLOUDSYNCINGOBJECT", names[i]))
            snprintf(out + strlen(out), size - strlen(out), "%s%s.%s", found++ > 0 ? "," : "", prefix, names[i]);
    snprintf(out + strlen(out), size - strlen(out), "%sNULL)", found > 0 ? "," : "");
    if (found == 0)
        snprintf(out, size, "NULL");
}

/* ---- attachments ---- */

enum {
    A_PK,
    A_ID,
    A_UTI,
    A_UTI1,
    A_TITLE,
    A_URL,
    A_ALT,
    A_TEXT,
    A_DATA,
    A_DATA1,
    A_MEDIA,
    A_SIZE,
    A_COLUMNS,
    A_FILENAME = A_COLUMNS,
    A_MEDIA_ID,
    A_GENERATION
};
static const char *const attachment_columns[A_COLUMNS] = {
    "Z_PK",     "ZIDENTIFIER", "ZTYPEUTI",       "ZTYPEUTI1",       "ZTITLE", "ZURLSTRING",
    "ZALTTEXT", "ZOCRSUMMARY", "ZMERGEABLEDATA", "ZMERGEABLEDATA1", "ZMEDIA", "ZFILESIZE",
};

static struct rv_rows *attachments_of(struct reading *r, char *extra, size_t size, struct rv_error *err)
{
    struct rv_db *db = r->db;
    static const char *const generations[] = { "ZGENERATION1", "ZGENERATION" };
    char generation[120];
    either(db, generations, RV_COUNT(generations), "m", generation, sizeof generation);
    bool direct = rv_db_has(db, "ZICCLOUDSYNCINGOBJECT", "ZMEDIA"),
         back = rv_db_has(db, "ZICCLOUDSYNCINGOBJECT", "ZATTACHMENT1");
    const char *link = direct && back ? "(m.Z_PK=t.ZMEDIA OR m.ZATTACHMENT1=t.Z_PK)"
                       : direct       ? "m.Z_PK=t.ZMEDIA"
                       : back         ? "m.ZATTACHMENT1=t.Z_PK"
                                      : "0";
    bool named = rv_db_has(db, "ZICCLOUDSYNCINGOBJECT", "ZFILENAME");
    snprintf(extra, size,
             ",(SELECT %s FROM main.ZICCLOUDSYNCINGOBJECT m WHERE %s AND m.Z_ENT=%lld LIMIT 1),"
             "(SELECT m.ZIDENTIFIER FROM main.ZICCLOUDSYNCINGOBJECT m WHERE %s AND m.Z_ENT=%lld LIMIT 1),"
             "(SELECT %s FROM main.ZICCLOUDSYNCINGOBJECT m WHERE %s AND m.Z_ENT=%lld LIMIT 1)",
             named ? "m.ZFILENAME" : "NULL", link, (long long)r->media, link, (long long)r->media, generation, link,
             (long long)r->media);
    struct rv_query q = { .table = "ZICCLOUDSYNCINGOBJECT",
                          .columns = attachment_columns,
                          .count = A_COLUMNS,
                          .extra = extra,
                          .extra_count = 3,
                          .rest = "WHERE t.ZIDENTIFIER=?1 LIMIT 1" };
    return rv_rows_new(db, &q, err);
}

/* A media file lies below its account, or not, and since iOS 17 in a folder of its generation. */
static json_t *media_of(struct reading *r, const char *account, const char *id, const char *generation,
                        const char *name)
{
    char path[1024];
    for (unsigned shape = 0; shape < 4; shape++) {
        struct rv_source_file file = { 0 };
        struct rv_error gone = { 0 };
        if ((shape % 2 == 0 && *generation == '\0') || (shape < 2 && *account == '\0'))
            continue;
        switch (shape) {
        case 0:
            snprintf(path, sizeof path, "Accounts/%s/Media/%s/%s/%s", account, id, generation, name);
            break;
        case 1:
            snprintf(path, sizeof path, "Accounts/%s/Media/%s/%s", account, id, name);
            break;
        case 2:
            snprintf(path, sizeof path, "Media/%s/%s/%s", id, generation, name);
            break;
        default:
            snprintf(path, sizeof path, "Media/%s/%s", id, name);
        }
        if (rv_source_find(r->job->source, domain, path, &file, &gone)) {
            rv_source_file_clear(&file);
            break;
        }
    }
    return rv_media_json(r->job, domain, path, name, NULL);
}

static json_t *attachment(struct reading *r, const json_t *place, const char *account)
{
    json_t *j = json_object();
    const char *id = json_string_value(json_object_get(place, "id"));
    json_object_set(j, "id", json_object_get(place, "id"));
    json_object_set(j, "uti", json_object_get(place, "uti"));
    if (r->attachments == NULL || id == NULL)
        return j;
    rv_rows_bind_text(r->attachments, 1, rv_words(id));
    if (!rv_rows_next(r->attachments))
        return j;
    const struct rv_rows *a = r->attachments;
    const char *uti = json_string_value(json_object_get(place, "uti"));
    rv_put_text(j, "title", rv_rows_text(a, A_TITLE));
    rv_put_text(j, "url", rv_rows_text(a, A_URL));
    rv_put_text(j, "shown", rv_rows_text(a, A_ALT));
    rv_put_text(j, "text", rv_rows_text(a, A_TEXT));
    struct rv_span data = rv_rows_text(a, rv_rows_null(a, A_DATA1) ? A_DATA : A_DATA1);
    if (uti != NULL && strcmp(uti, "com.apple.notes.table") == 0 && data.len > 0) {
        json_t *table = rv_note_table_json(data);
        if (table != NULL)
            json_object_set_new(j, "table", table);
        else
            rv_put_flag(j, "undecodable", true);
    }
    RV_AUTO_TEXT name = rv_rows_copy(a, A_FILENAME);
    RV_AUTO_TEXT media = rv_rows_copy(a, A_MEDIA_ID);
    RV_AUTO_TEXT generation = rv_rows_copy(a, A_GENERATION);
    if (name != NULL && *name != '\0' && media != NULL && generation != NULL)
        json_object_set_new(j, "file", media_of(r, account, media, generation, name));
    return j;
}

static void put_attachments(struct reading *r, json_t *record, const char *account)
{
    json_t *places = json_object_get(record, "places"), *place;
    size_t i;
    if (places == NULL)
        return;
    json_t *list = json_array();
    json_array_foreach (places, i, place)
        json_array_append_new(list, attachment(r, place, account));
    json_object_set_new(record, "attachments", list);
    json_object_del(record, "places");
}

/* ---- notes ---- */

static void put_open_body(struct reading *r, json_t *record, struct rv_span data, const char *account)
{
    struct rv_error why = { 0 };
    if (data.len == 0)
        return;
    if (rv_note_put_body(record, data, &why)) {
        put_attachments(r, record, account);
    } else { /* never shown as if it were empty */
        rv_put_flag(record, "undecodable", true);
        rv_put_bytes(record, "body_base64", data);
    }
}

/*
 * One password at one note: PBKDF2 (SHA-256) gives the key that wraps the note's own, AES-GCM seals the body. A wrong
 * password shows by the wrapped key. Source: apple_cloud_notes_parser, lib/AppleDecrypter.rb.
 */
static bool open_note(const struct rv_rows *rows, struct rv_span password, uint8_t *out)
{
    enum { ROUNDS_MAX = 10 * 1000 * 1000 };
    struct rv_span salt = rv_rows_text(rows, N_SALT), wrapped = rv_rows_text(rows, N_WRAPPED);
    struct rv_span iv = rv_rows_text(rows, X_IV), tag = rv_rows_text(rows, X_TAG), data = rv_rows_text(rows, X_DATA);
    int64_t rounds = rv_rows_int(rows, N_ROUNDS);
    uint8_t kek[RV_KEY], key[RV_SHORT_KEY];
    struct rv_error why = { 0 };
    bool fine = salt.len > 0 && salt.len <= 256 && wrapped.len == RV_SHORT_KEY + 8 && tag.len == 16 && rounds > 0 &&
                rounds <= ROUNDS_MAX && rv_pbkdf2(RV_DIGEST_SHA256, password, salt, (uint32_t)rounds, kek, &why) &&
                rv_key_unwrap_short(kek, wrapped.ptr, key, &why) && rv_gcm_open(key, iv, tag.ptr, data, out, &why);
    rv_wipe(kek, sizeof kek);
    rv_wipe(key, sizeof key);
    return fine;
}

/* With the passwords that the person gave, line by line: they may have changed over the years. */
static bool unlock(struct reading *r, json_t *record, const struct rv_rows *rows, const char *account)
{
    const char *at = r->job->source->note_passwords;
    struct rv_span data = rv_rows_text(rows, X_DATA);
    struct rv_error why = { 0 };
    RV_AUTO(rv_blob) plain = at != NULL && data.len > 0 ? rv_blob_new(data.len, &why) : NULL;
    while (plain != NULL && *at != '\0') {
        size_t length = strcspn(at, "\r\n");
        if (length > 0 && open_note(rows, rv_span(at, length), plain->data)) {
            rv_put_flag(record, "unlocked", true);
            put_open_body(r, record, rv_blob_span(plain), account);
            rv_wipe(plain->data, plain->len);
            return true;
        }
        at += length;
        at += strspn(at, "\r\n");
    }
    return false;
}

static void put_body(struct reading *r, json_t *record, const struct rv_rows *rows, bool locked, const char *account)
{
    struct rv_span data = rv_rows_text(rows, X_DATA);
    if (!locked) {
        put_open_body(r, record, data, account);
        return;
    }
    json_object_set_new(record, "locked", json_true());
    if (unlock(r, record, rows, account))
        return;
    bool passcode = data.len > 8 && memcmp(data.ptr, "bplist00", 8) == 0;
    rv_put_words(record, "locked_by",
                 passcode ? "the device's passcode: not recoverable from a backup" : "a password of its own");
    r->locked_seen = true;
}

static bool is_trash(const struct reading *r, const struct rv_rows *rows)
{
    RV_AUTO_TEXT folder = rv_rows_copy(rows, X_FOLDER_ID);
    if (rv_rows_int(rows, N_DELETED) != 0)
        return true;
    return r->trash_named ? rv_text_starts(folder, "TrashFolder-") : rv_rows_int(rows, X_FOLDER_TYPE) == 1;
}

static json_t *make_record(struct reading *r, const struct rv_rows *rows, enum rv_record_state state)
{
    json_t *record = rv_rows_record(rows, state);
    RV_AUTO_TEXT account = rv_rows_copy(rows, X_ACCOUNT_ID);
    rv_put_text(record, "id", rv_rows_text(rows, N_ID));
    rv_put_text(record, "title", rv_rows_text(rows, N_TITLE));
    rv_put_time(record, "date", rv_rows_real(rows, X_MODIFIED), RV_COCOA);
    rv_put_time(record, "created", rv_rows_real(rows, X_CREATED), RV_COCOA);
    rv_put_time(record, "modified", rv_rows_real(rows, X_MODIFIED), RV_COCOA);
    rv_put_text(record, "folder", rv_rows_text(rows, X_FOLDER));
    rv_put_text(record, "in_folder", rv_rows_text(rows, X_PARENT));
    rv_put_text(record, "account", rv_rows_text(rows, X_ACCOUNT));
    rv_put_text(record, "snippet", rv_rows_text(rows, N_SNIPPET));
    rv_put_flag(record, "pinned", rv_rows_int(rows, N_PINNED) != 0);
    rv_put_flag(record, "shared", !rv_rows_null(rows, N_SHARED));
    bool locked = rv_rows_int(rows, N_LOCKED) != 0;
    if (locked)
        rv_put_text(record, "password_hint", rv_rows_text(rows, N_HINT));
    put_body(r, record, rows, locked, account != NULL ? account : "");
    return record;
}

static void describe(struct reading *r, char *extra, size_t size)
{
    static const char *const created[] = { "ZCREATIONDATE3", "ZCREATIONDATE1", "ZCREATIONDATE" };
    static const char *const modified[] = { "ZMODIFICATIONDATE1", "ZMODIFICATIONDATE" };
    static const char *const accounts[] = { "ZACCOUNT7", "ZACCOUNT6", "ZACCOUNT5", "ZACCOUNT4",
                                            "ZACCOUNT3", "ZACCOUNT2", "ZACCOUNT" };
    struct rv_db *db = r->db;
    char a[200], b[200], c[300], folder[300], *notes = NULL, *folders = NULL;
    either(db, created, RV_COUNT(created), "t", a, sizeof a);
    either(db, modified, RV_COUNT(modified), "t", b, sizeof b);
    either(db, accounts, RV_COUNT(accounts), "t", c, sizeof c);
    RV_AUTO_TEXT join = rv_db_join_table(db, "Z\\_%NOTES", "Z\\_%NOTES", "Z\\_%FOLDERS", &notes, &folders);
    if (rv_db_has(db, "ZICCLOUDSYNCINGOBJECT", "ZFOLDER"))
        snprintf(folder, sizeof folder, "t.ZFOLDER");
    else if (join != NULL)
        snprintf(folder, sizeof folder, "(SELECT j.\"%s\" FROM main.\"%s\" j WHERE j.\"%s\"=t.Z_PK LIMIT 1)", folders,
                 join, notes);
    else
        snprintf(folder, sizeof folder, "NULL");
    bool type = rv_db_has(db, "ZICCLOUDSYNCINGOBJECT", "ZFOLDERTYPE"),
         parent = rv_db_has(db, "ZICCLOUDSYNCINGOBJECT", "ZPARENT");
    snprintf(extra, size,
             ",(SELECT d.ZDATA FROM main.ZICNOTEDATA d WHERE d.ZNOTE=t.Z_PK),%s,%s,"
             "(SELECT f.ZTITLE2 FROM main.ZICCLOUDSYNCINGOBJECT f WHERE f.Z_PK=%s),"
             "(SELECT f.ZIDENTIFIER FROM main.ZICCLOUDSYNCINGOBJECT f WHERE f.Z_PK=%s),"
             "(SELECT %s FROM main.ZICCLOUDSYNCINGOBJECT f WHERE f.Z_PK=%s),"
             "(SELECT p.ZTITLE2 FROM main.ZICCLOUDSYNCINGOBJECT f JOIN main.ZICCLOUDSYNCINGOBJECT p ON p.Z_PK=%s WHERE "
             "f.Z_PK=%s),"
             "(SELECT x.ZNAME FROM main.ZICCLOUDSYNCINGOBJECT x WHERE x.Z_ENT=%lld AND x.Z_PK=%s),"
             "(SELECT x.ZIDENTIFIER FROM main.ZICCLOUDSYNCINGOBJECT x WHERE x.Z_ENT=%lld AND x.Z_PK=%s),"
             "(SELECT %s FROM main.ZICNOTEDATA d WHERE d.ZNOTE=t.Z_PK),"
             "(SELECT %s FROM main.ZICNOTEDATA d WHERE d.ZNOTE=t.Z_PK)",
             a, b, folder, folder, type ? "f.ZFOLDERTYPE" : "NULL", folder, parent ? "f.ZPARENT" : "NULL", folder,
             (long long)r->account, c, (long long)r->account, c,
             rv_db_has(db, "ZICNOTEDATA", "ZCRYPTOINITIALIZATIONVECTOR") ? "d.ZCRYPTOINITIALIZATIONVECTOR" : "NULL",
             rv_db_has(db, "ZICNOTEDATA", "ZCRYPTOTAG") ? "d.ZCRYPTOTAG" : "NULL");
    rv_free(notes);
    rv_free(folders);
}

/* Bodies whose note is gone, then notes whose body is gone too. */
static bool read_carved(struct reading *r, struct rv_error *err)
{
    static const char *const data_columns[] = { "Z_PK", "ZNOTE", "ZDATA", "ZCRYPTOTAG" };
    struct rv_query d = { .table = "ZICNOTEDATA", .columns = data_columns, .count = 4, .pass = RV_PASS_CARVED };
    struct rv_query n = { .table = "ZICCLOUDSYNCINGOBJECT",
                          .columns = columns,
                          .count = N_COLUMNS,
                          .extra_count = X_COUNT,
                          .identity = "ZIDENTIFIER",
                          .pass = RV_PASS_CARVED };
    bool fine = true;
    RV_AUTO(rv_rows) bodies = rv_rows_new(r->db, &d, err);
    while (fine && err->code == RV_OK && bodies != NULL && !r->job->enough && rv_rows_next(bodies)) {
        struct rv_error why = { 0 };
        if (rv_rows_text(bodies, 2).len == 0 || !rv_rows_null(bodies, 3))
            continue;
        json_t *record = rv_rows_record(bodies, RV_CARVED);
        if (!rv_note_put_body(record, rv_rows_text(bodies, 2), &why)) {
            json_decref(record);
            continue;
        }
        const char *text = json_string_value(json_object_get(record, "text"));
        rv_put_text(record, "title", rv_span(text, strcspn(text, "\n")));
        put_attachments(r, record, "");
        fine = rv_job_emit(r->job, RV_CARVED, record, err);
    }
    RV_AUTO(rv_rows) notes = fine && err->code == RV_OK ? rv_rows_new(r->db, &n, err) : NULL;
    while (fine && err->code == RV_OK && notes != NULL && !r->job->enough && rv_rows_next(notes))
        if (rv_rows_int(notes, N_ENTITY) == r->note && rv_rows_text(notes, N_TITLE).len > 0)
            fine = rv_job_emit(r->job, RV_CARVED, r->job->count_only ? NULL : make_record(r, notes, RV_CARVED), err);
    return fine && err->code == RV_OK;
}

static bool read_store(struct rv_job *job, struct rv_db *db, struct rv_error *err)
{
    struct reading r = { .job = job,
                         .db = db,
                         .note = rv_db_entity(db, "ICNote"),
                         .account = rv_db_entity(db, "ICAccount"),
                         .media = rv_db_entity(db, "ICMedia") };
    char extra[3000], more[1200], rest[100];
    r.trash_named =
        rv_db_number(db, "SELECT count(*) FROM main.ZICCLOUDSYNCINGOBJECT WHERE ZIDENTIFIER LIKE 'TrashFolder-%'", 0) >
        0;
    describe(&r, extra, sizeof extra);
    if (!job->count_only)
        r.attachments = attachments_of(&r, more, sizeof more, err);
    snprintf(rest, sizeof rest, "WHERE t.Z_ENT=%lld ORDER BY t.Z_PK", (long long)r.note);
    struct rv_query q = { .table = "ZICCLOUDSYNCINGOBJECT",
                          .columns = columns,
                          .count = N_COLUMNS,
                          .extra = extra,
                          .extra_count = X_COUNT,
                          .rest = rest };
    RV_AUTO(rv_rows) rows = err->code == RV_OK ? rv_rows_new(db, &q, err) : NULL;
    bool fine = err->code == RV_OK;
    while (fine && rows != NULL && !job->enough && rv_rows_next(rows)) {
        enum rv_record_state state = is_trash(&r, rows) ? RV_TRASHED : RV_LIVE;
        fine = rv_job_emit(job, state, job->count_only ? NULL : make_record(&r, rows, state), err);
    }
    fine = fine && read_carved(&r, err);
    rv_rows_free(r.attachments);
    if (r.locked_seen)
        rv_job_note(job, "locked notes keep their title and dates; their text needs the password "
                         "(--notes-password-file), and notes locked with the device's passcode cannot be opened from a "
                         "backup");
    return fine;
}

/* ---- before iOS 9 ---- */

enum {
    O_PK,
    O_TITLE,
    O_SUMMARY,
    O_AUTHOR,
    O_CREATED,
    O_MODIFIED,
    O_DELETED,
    O_GUID,
    O_COLUMNS,
    O_BODY = O_COLUMNS,
    O_FOLDER
};
static const char *const old_columns[O_COLUMNS] = { "Z_PK",         "ZTITLE",        "ZSUMMARY",
                                                    "ZAUTHOR",      "ZCREATIONDATE", "ZMODIFICATIONDATE",
                                                    "ZDELETEDFLAG", "ZGUID" };

static json_t *make_old(const struct rv_rows *rows, enum rv_record_state state)
{
    json_t *record = rv_rows_record(rows, state);
    rv_put_text(record, "id", rv_rows_text(rows, O_GUID));
    rv_put_text(record, "title", rv_rows_text(rows, O_TITLE));
    rv_put_time(record, "date", rv_rows_real(rows, O_MODIFIED), RV_COCOA);
    rv_put_time(record, "created", rv_rows_real(rows, O_CREATED), RV_COCOA);
    rv_put_time(record, "modified", rv_rows_real(rows, O_MODIFIED), RV_COCOA);
    rv_put_text(record, "author", rv_rows_text(rows, O_AUTHOR));
    rv_put_text(record, "folder", rv_rows_text(rows, O_FOLDER));
    if (!rv_rows_null(rows, O_BODY)) {
        json_object_set_new(record, "text", rv_note_text_of_html(rv_rows_text(rows, O_BODY)));
        rv_put_text(record, "html", rv_rows_text(rows, O_BODY));
    } else {
        rv_put_text(record, "text", rv_rows_text(rows, O_SUMMARY));
    }
    return record;
}

static bool read_old(struct rv_job *job, struct rv_db *db, struct rv_error *err)
{
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES; pass++) {
        struct rv_query q = { .table = "ZNOTE",
                              .columns = old_columns,
                              .count = O_COLUMNS,
                              .pass = pass,
                              .identity = "ZGUID",
                              .extra_count = 2,
                              .rest = "ORDER BY t.Z_PK" };
        q.extra = rv_db_has(db, "ZNOTEBODY", "ZCONTENT")
                      ? ",(SELECT b.ZCONTENT FROM main.ZNOTEBODY b WHERE b.Z_PK=t.ZBODY),(SELECT s.ZNAME FROM "
                        "main.ZSTORE s WHERE s.Z_PK=t.ZSTORE)"
                      : ",(SELECT b.ZHTMLSTRING FROM main.ZNOTEBODY b WHERE b.Z_PK=t.ZBODY),(SELECT s.ZNAME FROM "
                        "main.ZFOLDER s WHERE s.Z_PK=t.ZFOLDER)";
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        if (err->code != RV_OK)
            return false;
        while (rows != NULL && !job->enough && rv_rows_next(rows)) {
            enum rv_record_state state = rv_rows_state(rows, rv_rows_int(rows, O_DELETED) == 1 ? RV_TRASHED : RV_LIVE);
            if (!rv_job_emit(job, state, job->count_only ? NULL : make_old(rows, state), err))
                return false;
        }
    }
    return true;
}

static bool read_notes(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    if (db == NULL)
        return false;
    return rv_db_has_table(db, "ZICCLOUDSYNCINGOBJECT") ? read_store(job, db, err) : read_old(job, db, err);
}

static const struct rv_place places[] = {
    { domain, "NoteStore.sqlite", "ZICCLOUDSYNCINGOBJECT ZICNOTEDATA" },
    { "HomeDomain", "Library/Notes/notes.sqlite", "ZNOTE ZNOTEBODY" },
};
static const char *const shown[] = { "date", "folder", "title", "text", NULL };
static const char *const cells[] = { "title",  "folder", "account", "created", "modified",
                                     "pinned", "locked", "text",    NULL };

const struct rv_artifact rv_artifact_notes = {
    .type = "notes",
    .title = "Notes",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_NOTE,
    .read = read_notes,
    .absent = "notes of a mail account (IMAP) live with the mail, and are not in a backup",
    .columns = shown,
    .cells = cells,
};
