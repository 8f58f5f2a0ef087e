/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/names.h"

#include "artifact/db.h"

#include <ctype.h>
#include <string.h>

enum { KEY_MAX = 300 };

void rv_names_key(const char *address, char *out, size_t size)
{
    size_t n = 0, digits = 0;
    for (const char *at = address; *at != '\0'; at++)
        digits += isdigit((unsigned char)*at) != 0;
    bool number = strchr(address, '@') == NULL && digits >= 7; /* a telephone number, however it is written */
    size_t skip = number && digits > 9 ? digits - 9 : 0;
    for (const char *at = address; *at != '\0' && n + 1 < size; at++) {
        if (number && !isdigit((unsigned char)*at))
            continue;
        if (number && skip > 0) {
            skip--;
            continue;
        }
        out[n++] = (char)tolower((unsigned char)*at);
    }
    out[n] = '\0';
}

static void load(struct rv_db *db, json_t *names)
{
    static const char *const columns[] = { "UID", "property", "value" };
    struct rv_query q = {
        .table = "ABMultiValue",
        .columns = columns,
        .count = 3,
        .extra = ",(SELECT trim(ifnull(p.First,'')||' '||ifnull(p.Last,'')) FROM main.ABPerson p WHERE "
                 "p.ROWID=t.record_id),(SELECT p.Organization FROM main.ABPerson p WHERE p.ROWID=t.record_id)",
        .extra_count = 2,
        .rest = "WHERE t.property IN (3,4) ORDER BY t.UID"
    };
    struct rv_error quiet = { 0 };
    RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, &quiet);
    while (rows != NULL && rv_rows_next(rows)) {
        RV_AUTO_TEXT address = rv_rows_copy(rows, 2);
        char key[KEY_MAX];
        int column = rv_rows_text(rows, 3).len > 0 ? 3 : 4;
        if (address == NULL || rv_rows_text(rows, column).len == 0)
            continue;
        rv_names_key(address, key, sizeof key);
        if (json_object_get(names, key) == NULL)
            json_object_set_new_nocheck(names, key, rv_text_json(rv_rows_text(rows, column)));
    }
}

json_t *rv_names_load(struct rv_job *job)
{
    json_t *names = json_object();
    struct rv_source_file file;
    struct rv_error quiet = { 0 };
    bool carve = job->carve;
    if (!rv_source_find(job->source, "HomeDomain", "Library/AddressBook/AddressBook.sqlitedb", &file, &quiet))
        return names;
    job->carve = false; /* names of people who are there */
    struct rv_db *db = rv_db_open(job, &file, &quiet);
    if (db != NULL)
        load(db, names);
    rv_db_free(db);
    job->carve = carve;
    rv_source_file_clear(&file);
    return names;
}

const char *rv_names_of(const json_t *names, const char *address)
{
    char key[KEY_MAX];
    if (names == NULL || address == NULL)
        return NULL;
    rv_names_key(address, key, sizeof key);
    return json_string_value(json_object_get(names, key));
}
