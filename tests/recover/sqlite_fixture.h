/* SPDX-License-Identifier: Apache-2.0 */
/* Databases that the SQLite library wrote, and what a search finds in them; for the tests of the search. */
#pragma once

#include "support/test.h"

#include "base/file.h"
#include "base/text.h"
#include "recover/sqlite_scan.h"

#include <dirent.h>
#include <sqlite3.h>

enum { NAME = 64, ROWS = 400 };

struct seen {
    int64_t rowid;
    bool rowid_known;
    char key[NAME]; /* the distinctive text column */
    char table[NAME];
    enum rv_sq_status status;
};

struct result {
    struct seen rows[8192];
    unsigned count;
    struct rv_sq_verdict verdict;
};

static inline bool keep(void *context, const struct rv_sq_found *found, struct rv_error *err)
{
    struct result *r = context;
    assert_true(r->count < RV_COUNT(r->rows));
    struct seen *s = &r->rows[r->count++];
    struct rv_buf text = RV_BUF(4096);
    memset(s, 0, sizeof *s);
    s->rowid = found->row->rowid;
    s->rowid_known = found->row->rowid_known;
    s->status = found->status;
    snprintf(s->table, NAME, "%s", found->row->table->name != NULL ? found->row->table->name : "?");
    for (unsigned i = 0; i < found->row->count && s->key[0] == '\0'; i++) {
        const struct rv_sq_value *v = &found->row->values[i];
        if (v->kind != RV_SQ_TEXT || !rv_sq_text_to_utf8(v->bytes, found->encoding, &text, err))
            continue;
        if (text.len >= 4 && memcmp(text.data, "key-", 4) == 0)
            snprintf(s->key, NAME, "%.*s", (int)text.len, (const char *)text.data);
    }
    rv_buf_clear(&text);
    return true;
}

static char folder[] = "/tmp/rv-sqlite-XXXXXX";

static inline void path_of(char *out, const char *leaf)
{
    snprintf(out, 512, "%s/%s", folder, leaf);
}

static inline void sql(sqlite3 *db, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = sqlite3_vmprintf(fmt, ap);
    va_end(ap);
    char *message = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
    sqlite3_free(text);
}

static inline sqlite3 *create(const char *leaf, const char *pragmas)
{
    char path[512];
    sqlite3 *db = NULL;
    path_of(path, leaf);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sql(db, "PRAGMA secure_delete=0; %s", pragmas);
    return db;
}

/* message(id, key, words, date, flag): like the tables that people lose things from. */
static inline void fill(sqlite3 *db, unsigned rows)
{
    sql(db, "CREATE TABLE message (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL, words TEXT, date "
            "INTEGER, "
            "flag INTEGER DEFAULT 0)");
    sql(db, "BEGIN");
    for (unsigned i = 1; i <= rows; i++)
        sql(db, "INSERT INTO message(key, words, date, flag) VALUES('key-%u', 'see you at the station %.*s', %lld, %u)",
            i, (int)(i % 40), "tomorrow morning bring the tickets please and thanks",
            600000000LL * 1000000000 + i * 1000000000LL, i % 2);
    sql(db, "COMMIT");
}

static inline void scan(const char *leaf, bool all, struct result *out)
{
    char path[512];
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    path_of(path, leaf);
    memset(out, 0, sizeof *out);
    assert_fine(rv_ctx_init(&ctx, &err));
    struct rv_sq_scan_options options = { .live = all, .salvage = all };
    assert_fine(rv_sq_scan(&ctx, path, &options, keep, out, &out->verdict, &err));
    rv_ctx_clear(&ctx);
}

static inline bool found_key(const struct result *r, unsigned i)
{
    char key[NAME];
    snprintf(key, sizeof key, "key-%u", i);
    for (unsigned k = 0; k < r->count; k++)
        if (strcmp(r->rows[k].key, key) == 0)
            return true;
    return false;
}

static struct result result;

static inline struct rv_blob *bytes_of(const char *leaf)
{
    char path[512];
    struct rv_error err = { 0 };
    path_of(path, leaf);
    struct rv_blob *bytes = rv_file_read(path, 64 << 20, &err);
    assert_non_null(bytes);
    return bytes;
}

/* Searches bytes in memory, live rows too. False: they are no database at all. */
static inline bool scan_bytes(const struct rv_sq_files *files, struct result *out)
{
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    struct rv_sq_scan_options options = { .live = true, .salvage = true, .threads = 1 };
    memset(out, 0, sizeof *out);
    assert_fine(rv_ctx_init(&ctx, &err));
    bool fine = rv_sq_scan_bytes(&ctx, files, &options, keep, out, &out->verdict, &err);
    rv_ctx_clear(&ctx);
    return fine;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char path[512];
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        path_of(path, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    if (listing != NULL)
        closedir(listing);
    return rmdir(folder);
}
