/* SPDX-License-Identifier: Apache-2.0 */
/* Contacts: AddressBook.sqlitedb, the same for fifteen years but for added columns. */
#include "artifact/db.h"
#include "artifact/readers.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    P_ROWID,
    P_FIRST,
    P_LAST,
    P_MIDDLE,
    P_PREFIX,
    P_SUFFIX,
    P_NICKNAME,
    P_FIRST_PHONETIC,
    P_LAST_PHONETIC,
    P_PREVIOUS,
    P_ORGANIZATION,
    P_DEPARTMENT,
    P_JOB,
    P_NOTE,
    P_KIND,
    P_BIRTHDAY,
    P_CREATED,
    P_MODIFIED,
    P_DISPLAY,
    P_STORE,
    P_LINK,
    P_GUID,
    P_EXTERNAL,
    P_COLUMNS
};
static const char *const columns[P_COLUMNS] = {
    "ROWID",        "First",
    "Last",         "Middle",
    "Prefix",       "Suffix",
    "Nickname",     "FirstPhonetic",
    "LastPhonetic", "PreviousFamilyName",
    "Organization", "Department",
    "JobTitle",     "Note",
    "Kind",         "Birthday",
    "CreationDate", "ModificationDate",
    "DisplayName",  "StoreID",
    "PersonLink",   "guid",
    "ExternalUUID",
};

/* ABMultiValue.property: a list of its own in the record; numbers that are not known go to "others", never lost. */
static const struct {
    int64_t property;
    const char *list;
} properties[] = {
    { 3, "phones" },     { 4, "emails" }, { 5, "addresses" }, { 12, "dates" },
    { 13, "messaging" }, { 22, "urls" },  { 23, "related" },  { 46, "social" },
};

struct reading {
    struct rv_job *job;
    struct rv_db *db, *images;
    struct rv_source_file image_file;
    struct rv_rows *values, *entries, *groups, *full, *thumbnails;
};

/* "_$!<Mobile>!$_" -> "Mobile"; a label of the person's own stays as it is. */
static void put_label(json_t *value, struct rv_span label)
{
    RV_AUTO_TEXT text = label.len > 0 ? rv_text_copy_n((const char *)label.ptr, label.len) : NULL;
    if (text == NULL)
        return;
    size_t length = strlen(text);
    if (length > 8 && rv_text_starts(text, "_$!<") && rv_text_ends(text, ">!$_")) {
        text[length - 4] = '\0';
        rv_put_words(value, "label", text + 4);
    } else {
        rv_put_words(value, "label", text);
        rv_put_flag(value, "own_label", true);
    }
}

static void put_parts(struct reading *r, json_t *value, int64_t uid)
{
    static const struct {
        const char *key, *name;
    } names[] = { { "Street", "street" },
                  { "City", "city" },
                  { "State", "state" },
                  { "ZIP", "zip" },
                  { "Country", "country" },
                  { "CountryCode", "country_code" },
                  { "SubLocality", "sublocality" },
                  { "service", "service" },
                  { "username", "username" },
                  { "url", "url" } };
    if (r->entries == NULL)
        return;
    rv_rows_bind(r->entries, 1, uid);
    while (rv_rows_next(r->entries)) {
        RV_AUTO_TEXT key = rv_rows_copy(r->entries, 3);
        const char *name = key;
        for (size_t i = 0; key != NULL && i < RV_COUNT(names); i++)
            if (rv_text_equal_nocase(key, names[i].key))
                name = names[i].name;
        if (name != NULL && *name != '\0')
            rv_put_text(value, name, rv_rows_text(r->entries, 2));
    }
}

static void put_values(struct reading *r, json_t *record, int64_t person)
{
    if (r->values == NULL)
        return;
    rv_rows_bind(r->values, 1, person);
    while (rv_rows_next(r->values)) {
        const char *list_name = "others";
        json_t *value = json_object();
        for (size_t i = 0; i < RV_COUNT(properties); i++)
            if (properties[i].property == rv_rows_int(r->values, 1))
                list_name = properties[i].list;
        put_label(value, rv_rows_text(r->values, 5));
        rv_put_text(value, "value", rv_rows_text(r->values, 3));
        if (strcmp(list_name, "dates") == 0 && !rv_rows_null(r->values, 3))
            rv_put_time(value, "value", rv_rows_real(r->values, 3), RV_COCOA);
        if (strcmp(list_name, "others") == 0)
            rv_put_number(value, "property", rv_rows_int(r->values, 1));
        put_parts(r, value, rv_rows_int(r->values, 0));
        json_t *list = json_object_get(record, list_name);
        if (list == NULL) {
            list = json_array();
            json_object_set_new(record, list_name, list);
        }
        json_array_append_new(list, value);
    }
}

static void put_groups(struct reading *r, json_t *record, int64_t person)
{
    json_t *list = json_array();
    if (r->groups != NULL) {
        rv_rows_bind(r->groups, 1, person);
        while (rv_rows_next(r->groups))
            json_array_append_new(list, rv_text_json(rv_rows_text(r->groups, 1)));
    }
    if (json_array_size(list) > 0)
        json_object_set(record, "groups", list);
    json_decref(list);
}

/* Text of Cocoa seconds at noon UTC of the day (perhaps negative), or a date itself. Year 1604: none was given. */
static void put_birthday(json_t *record, const struct rv_rows *rows)
{
    RV_AUTO_TEXT text = rv_rows_copy(rows, P_BIRTHDAY);
    char day[40];
    double at;
    if (text == NULL || *text == '\0')
        return;
    if (strlen(text) >= 10 && text[4] == '-' && rv_time_parse(text, &at)) {
        snprintf(day, sizeof day, "%.10s", text);
    } else {
        rv_time_text(rv_rows_real(rows, P_BIRTHDAY) + 978307200.0, day, sizeof day);
        if (strlen(day) < 10)
            return;
        day[10] = '\0';
    }
    if (strncmp(day, "1604-", 5) == 0)
        memcpy(day, "--", 3), memmove(day + 2, day + 5, 6);
    json_object_set_new(record, "birthday", json_string(day));
}

static void put_name(json_t *record, const struct rv_rows *rows)
{
    static const int parts[] = { P_PREFIX, P_FIRST, P_MIDDLE, P_LAST, P_SUFFIX };
    struct rv_buf name = RV_BUF(1 << 16);
    struct rv_error quiet = { 0 };
    for (size_t i = 0; i < RV_COUNT(parts); i++) {
        struct rv_span part = rv_rows_text(rows, parts[i]);
        if (part.len > 0 && name.len > 0)
            rv_buf_add_text(&name, " ", &quiet);
        rv_buf_add(&name, part, &quiet);
    }
    struct rv_span shown = rv_buf_span(&name);
    if (shown.len == 0)
        shown = rv_rows_text(rows, P_ORGANIZATION);
    if (shown.len == 0)
        shown = rv_rows_text(rows, P_NICKNAME);
    if (shown.len == 0)
        shown = rv_rows_text(rows, P_DISPLAY);
    if (shown.len > 0)
        rv_put_text(record, "name", shown);
    rv_buf_clear(&name);
}

/* The largest picture: the whole one, else a thumbnail. As base64, since it lies in a row and in no file. */
static void put_picture(struct reading *r, json_t *record, int64_t person)
{
    struct rv_rows *sources[] = { r->full, r->thumbnails };
    for (size_t i = 0; i < RV_COUNT(sources); i++) {
        if (sources[i] == NULL)
            continue;
        rv_rows_bind(sources[i], 1, person);
        if (!rv_rows_next(sources[i]))
            continue;
        struct rv_span data = rv_rows_text(sources[i], 1);
        bool jpeg = data.len > 3 && memcmp(data.ptr, "\xFF\xD8\xFF", 3) == 0;
        if (!jpeg && !(data.len > 4 && memcmp(data.ptr, "\x89PNG", 4) == 0))
            continue;
        rv_put_bytes(record, "photo_base64", data);
        json_object_set_new(record, "photo_kind", json_string(jpeg ? "JPEG" : "PNG"));
        return;
    }
}

static json_t *make_record(struct reading *r, const struct rv_rows *rows)
{
    static const struct {
        int column;
        const char *key;
    } texts[] = { { P_FIRST, "first" },
                  { P_LAST, "last" },
                  { P_MIDDLE, "middle" },
                  { P_PREFIX, "prefix" },
                  { P_SUFFIX, "suffix" },
                  { P_NICKNAME, "nickname" },
                  { P_FIRST_PHONETIC, "first_phonetic" },
                  { P_LAST_PHONETIC, "last_phonetic" },
                  { P_PREVIOUS, "previous_name" },
                  { P_ORGANIZATION, "organization" },
                  { P_DEPARTMENT, "department" },
                  { P_JOB, "job" },
                  { P_NOTE, "note" },
                  { P_GUID, "guid" } };
    json_t *record = rv_rows_record(rows, RV_LIVE);
    for (size_t i = 0; i < RV_COUNT(texts); i++)
        if (rv_rows_text(rows, texts[i].column).len > 0)
            rv_put_text(record, texts[i].key, rv_rows_text(rows, texts[i].column));
    put_name(record, rows);
    rv_put_flag(record, "is_organization", rv_rows_int(rows, P_KIND) == 1);
    put_birthday(record, rows);
    rv_put_time(record, "created", rv_rows_real(rows, P_CREATED), RV_COCOA);
    rv_put_time(record, "modified", rv_rows_real(rows, P_MODIFIED), RV_COCOA);
    if (!rv_rows_null(rows, P_STORE))
        rv_put_number(record, "store", rv_rows_int(rows, P_STORE));
    if (rv_rows_int(rows, P_LINK) > 0)
        rv_put_number(record, "linked", rv_rows_int(rows, P_LINK));
    if (!rv_rows_null(rows, P_ROWID)) {
        int64_t person = rv_rows_int(rows, P_ROWID);
        put_values(r, record, person);
        put_groups(r, record, person);
        put_picture(r, record, person);
    }
    if (json_object_get(record, "name") == NULL) { /* only a number, or an address: that is what it is known by */
        const json_t *only = json_array_get(json_object_get(record, "phones"), 0);
        if (only == NULL)
            only = json_array_get(json_object_get(record, "emails"), 0);
        if (only != NULL)
            json_object_set(record, "name", json_object_get(only, "value"));
    }
    return record;
}

static void prepare_pictures(struct reading *r, struct rv_error *err)
{
    static const char *const data[] = { "ROWID", "data" };
    struct rv_query full = {
        .table = "ABFullSizeImage", .columns = data, .count = 2, .rest = "WHERE t.record_id=?1 AND t.data NOT NULL"
    };
    struct rv_query small = { .table = "ABThumbnailImage",
                              .columns = data,
                              .count = 2,
                              .rest = "WHERE t.record_id=?1 AND t.data NOT NULL ORDER BY length(t.data) DESC" };
    struct rv_error quiet = { 0 };
    struct rv_job *job = r->job;
    bool carve = job->carve;
    if (job->count_only || !rv_source_find(job->source, "HomeDomain", "Library/AddressBook/AddressBookImages.sqlitedb",
                                           &r->image_file, &quiet))
        return;
    job->carve = false; /* pictures belong to rows of the other file */
    r->images = rv_db_open(job, &r->image_file, &quiet);
    job->carve = carve;
    if (r->images != NULL) {
        r->full = rv_rows_new(r->images, &full, err);
        r->thumbnails = rv_rows_new(r->images, &small, err);
    }
}

static void prepare(struct reading *r, struct rv_error *err)
{
    static const char *const value_columns[] = { "UID", "property", "label", "value", "identifier" };
    static const char *const entry_columns[] = { "parent_id", "key", "value" };
    static const char *const group_columns[] = { "ROWID", "Name" };
    struct rv_query v = { .table = "ABMultiValue",
                          .columns = value_columns,
                          .count = 5,
                          .extra = ",(SELECT l.value FROM main.ABMultiValueLabel l WHERE l.rowid=t.label)",
                          .extra_count = 1,
                          .rest = "WHERE t.record_id=?1 ORDER BY t.property,t.UID" };
    struct rv_query e = { .table = "ABMultiValueEntry",
                          .columns = entry_columns,
                          .count = 3,
                          .extra = ",(SELECT k.value FROM main.ABMultiValueEntryKey k WHERE k.rowid=t.key)",
                          .extra_count = 1,
                          .rest = "WHERE t.parent_id=?1" };
    struct rv_query g = { .table = "ABGroup",
                          .columns = group_columns,
                          .count = 2,
                          .rest =
                              "WHERE t.ROWID IN (SELECT m.group_id FROM main.ABGroupMembers m WHERE m.member_id=?1 AND "
                              "ifnull(m.member_type,0)=0) ORDER BY t.Name" };
    r->values = rv_rows_new(r->db, &v, err);
    r->entries = rv_db_has_table(r->db, "ABMultiValueEntryKey") ? rv_rows_new(r->db, &e, err) : NULL;
    r->groups = rv_db_has_table(r->db, "ABGroupMembers") ? rv_rows_new(r->db, &g, err) : NULL;
    prepare_pictures(r, err);
}

static bool read_people(struct reading *r, struct rv_error *err)
{
    for (enum rv_pass pass = RV_PASS_LIVE; pass < RV_PASSES; pass++) {
        struct rv_query q = { .table = "ABPerson",
                              .columns = columns,
                              .count = P_COLUMNS,
                              .pass = pass,
                              .identity = "guid",
                              .rest = "ORDER BY t.Last,t.First,t.ROWID" };
        RV_AUTO(rv_rows) rows = rv_rows_new(r->db, &q, err);
        if (err->code != RV_OK)
            return false;
        while (rows != NULL && !r->job->enough && rv_rows_next(rows))
            if (!rv_job_emit(r->job, rv_rows_state(rows, RV_LIVE), r->job->count_only ? NULL : make_record(r, rows),
                             err))
                return false;
    }
    return true;
}

static bool read_contacts(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_db_open(job, file, err);
    struct reading r = { .job = job, .db = db };
    if (db == NULL)
        return false;
    prepare(&r, err);
    job->counts.tombstones += (uint64_t)rv_db_number(db,
                                                     "SELECT count(DISTINCT record) FROM main.ABPersonChanges WHERE "
                                                     "type=2 AND record NOT IN (SELECT ROWID FROM main.ABPerson)",
                                                     0);
    bool fine = err->code == RV_OK && read_people(&r, err);
    rv_rows_free(r.values);
    rv_rows_free(r.entries);
    rv_rows_free(r.groups);
    rv_rows_free(r.full);
    rv_rows_free(r.thumbnails);
    rv_db_free(r.images);
    rv_source_file_clear(&r.image_file);
    return fine;
}

static const struct rv_place places[] = { { "HomeDomain", "Library/AddressBook/AddressBook.sqlitedb",
                                            "ABPerson ABMultiValue" } };
static const char *const shown[] = { "modified", "name", "phones", "emails", NULL };
static const char *const cells[] = { "name",   "first",  "last",      "organization", "job",
                                     "phones", "emails", "addresses", "birthday",     "urls",
                                     "note",   "groups", "created",   "modified",     NULL };

const struct rv_artifact rv_artifact_contacts = {
    .type = "contacts",
    .title = "Contacts",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_PERSON,
    .read = read_contacts,
    .absent = "the phone's address book is not in this source",
    .columns = shown,
    .cells = cells,
};
