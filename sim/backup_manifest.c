/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/backup_manifest.h"

#include "base/text.h"
#include "sim/db.h"
#include "sim/wire.h"

#include <limits.h>
#include <string.h>

/* ---- MBFile ---- */

unsigned sim_row_kind(uint32_t mode)
{
    switch (mode & SIM_MODE_KIND) {
    case SIM_MODE_FILE:
        return SIM_ROW_FILE;
    case SIM_MODE_FOLDER:
        return SIM_ROW_FOLDER;
    case SIM_MODE_LINK:
        return SIM_ROW_LINK;
    default:
        return 0;
    }
}

static plist_t class_of(const char *name, const char *parent)
{
    plist_t dict = plist_new_dict(), list = plist_new_array();
    plist_array_append_item(list, plist_new_string(name));
    if (parent != NULL)
        plist_array_append_item(list, plist_new_string(parent));
    plist_array_append_item(list, plist_new_string("NSObject"));
    plist_dict_set_item(dict, "$classname", plist_new_string(name));
    plist_dict_set_item(dict, "$classes", list);
    return dict;
}

/* Appends an object and returns the reference to it. */
static plist_t refer(plist_t objects, plist_t object)
{
    plist_array_append_item(objects, object);
    return plist_new_uid(plist_array_get_size(objects) - 1);
}

static void put_numbers(plist_t dict, const struct sim_row *row)
{
    const struct sim_file *f = &row->file;
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        { "Birth", (uint64_t)f->birth },
        { "Flags", 0 },
        { "GroupID", f->gid },
        { "InodeNumber", f->inode },
        { "LastModified", (uint64_t)f->mtime },
        { "LastStatusChange", (uint64_t)f->ctime },
        { "Mode", f->mode },
        { "ProtectionClass", f->class },
        { "Size", f->size },
        { "UserID", f->uid },
    };
    for (size_t i = 0; i < RV_COUNT(numbers); i++)
        plist_dict_set_item(dict, numbers[i].key, plist_new_uint(numbers[i].value));
}

static plist_t archive_objects(const struct sim_row *row)
{
    plist_t objects = plist_new_array(), file = plist_new_dict();
    plist_array_append_item(objects, plist_new_string("$null"));
    plist_array_append_item(objects, file);
    put_numbers(file, row);
    plist_dict_set_item(file, "RelativePath", refer(objects, plist_new_string(row->file.path)));
    if (sim_row_kind(row->file.mode) == SIM_ROW_LINK)
        plist_dict_set_item(file, "Target", refer(objects, plist_new_string(row->file.target)));
    if (row->has_digest)
        plist_dict_set_item(file, "Digest",
                            refer(objects, plist_new_data((const char *)row->digest, sizeof row->digest)));
    if (row->has_key) {
        plist_t key = plist_new_dict();
        plist_dict_set_item(key, "NS.data", plist_new_data((const char *)row->key, sizeof row->key));
        plist_dict_set_item(file, "EncryptionKey", refer(objects, key));
        plist_dict_set_item(key, "$class", refer(objects, class_of("NSMutableData", "NSData")));
    }
    plist_dict_set_item(file, "$class", refer(objects, class_of("MBFile", NULL)));
    return objects;
}

struct rv_blob *sim_row_archive(const struct sim_row *row, struct rv_error *err)
{
    plist_t archive = plist_new_dict(), top = plist_new_dict();
    char *bytes = NULL;
    uint32_t len = 0;
    plist_dict_set_item(top, "root", plist_new_uid(1));
    plist_dict_set_item(archive, "$version", plist_new_uint(100000));
    plist_dict_set_item(archive, "$archiver", plist_new_string("NSKeyedArchiver"));
    plist_dict_set_item(archive, "$top", top);
    plist_dict_set_item(archive, "$objects", archive_objects(row));
    plist_to_bin(archive, &bytes, &len);
    plist_free(archive);
    struct rv_blob *blob = bytes != NULL ? rv_blob_copy(rv_span(bytes, len), err) : NULL;
    plist_to_bin_free(bytes);
    return blob;
}

struct archive {
    plist_t objects, file;
};

/* What a key of the object refers to; NULL when the reference leads nowhere. */
static plist_t follow(const struct archive *a, plist_t dict, const char *key)
{
    plist_t node = plist_dict_get_item(dict, key);
    uint64_t index = 0;
    if (node == NULL || plist_get_node_type(node) != PLIST_UID)
        return NULL;
    plist_get_uid_val(node, &index);
    return index < plist_array_get_size(a->objects) ? plist_array_get_item(a->objects, (uint32_t)index) : NULL;
}

static bool number(const struct archive *a, const char *key, uint64_t *out)
{
    plist_t node = plist_dict_get_item(a->file, key);
    if (node == NULL || plist_get_node_type(node) != PLIST_UINT)
        return false;
    plist_get_uint_val(node, out);
    return true;
}

static bool text(const struct archive *a, const char *key, char *out, size_t size)
{
    plist_t node = follow(a, a->file, key);
    uint64_t len = 0;
    const char *chars = PLIST_IS_STRING(node) ? plist_get_string_ptr(node, &len) : NULL;
    if (chars == NULL || len >= size || strlen(chars) != len)
        return false;
    memcpy(out, chars, len + 1);
    return true;
}

static bool data(plist_t node, uint8_t *out, size_t size)
{
    uint64_t len = 0;
    const char *bytes = PLIST_IS_DATA(node) ? plist_get_data_ptr(node, &len) : NULL;
    if (bytes == NULL || len != size)
        return false;
    memcpy(out, bytes, size);
    return true;
}

static bool take_numbers(const struct archive *a, struct sim_file *f)
{
    uint64_t mode, size, mtime, uid, gid, class, ctime, birth, inode;
    /* All of them stand in every record that was ever seen; that a device misses each one is [I]. */
    if (!number(a, "Mode", &mode) || !number(a, "Size", &size) || !number(a, "LastModified", &mtime) ||
        !number(a, "UserID", &uid) || !number(a, "GroupID", &gid) || !number(a, "ProtectionClass", &class) ||
        !number(a, "LastStatusChange", &ctime) || !number(a, "Birth", &birth) || !number(a, "InodeNumber", &inode) ||
        mode > UINT16_MAX || size > INT64_MAX || class >= SIM_CLASSES)
        return false;
    f->mode = (uint32_t)mode;
    f->size = size;
    f->mtime = (int64_t)mtime;
    f->ctime = (int64_t)ctime;
    f->birth = (int64_t)birth;
    f->uid = (uint32_t)uid;
    f->gid = (uint32_t)gid;
    f->class = (uint32_t) class;
    f->inode = inode;
    return true;
}

static bool take_file(const struct archive *a, struct sim_row *row)
{
    plist_t key = follow(a, a->file, "EncryptionKey");
    if (!take_numbers(a, &row->file) || !text(a, "RelativePath", row->file.path, sizeof row->file.path))
        return false;
    if (sim_row_kind(row->file.mode) == SIM_ROW_LINK && !text(a, "Target", row->file.target, sizeof row->file.target))
        return false;
    row->has_digest = data(follow(a, a->file, "Digest"), row->digest, sizeof row->digest);
    row->has_key = PLIST_IS_DICT(key) && data(plist_dict_get_item(key, "NS.data"), row->key, sizeof row->key);
    return key == NULL || row->has_key;
}

/* What unarchives objects refuses what is no archive, and an object of another class. */
static bool is_archive_of(const struct archive *a, plist_t plist, const char *class)
{
    const char *archiver = sim_plist_text(plist, "$archiver");
    plist_t version = plist_dict_get_item(plist, "$version");
    const char *name = sim_plist_text(follow(a, a->file, "$class"), "$classname");
    uint64_t number = 0;
    if (PLIST_IS_UINT(version))
        plist_get_uint_val(version, &number);
    return archiver != NULL && strcmp(archiver, "NSKeyedArchiver") == 0 && number == 100000 && name != NULL &&
           strcmp(name, class) == 0;
}

bool sim_row_parse(struct rv_span bytes, struct sim_row *row)
{
    plist_t plist = sim_plist_parse(bytes);
    plist_t top = PLIST_IS_DICT(plist) ? plist_dict_get_item(plist, "$top") : NULL;
    struct archive a = { .objects = PLIST_IS_DICT(plist) ? plist_dict_get_item(plist, "$objects") : NULL };
    bool good = false;
    if (PLIST_IS_ARRAY(a.objects) && PLIST_IS_DICT(top)) {
        a.file = follow(&a, top, "root");
        good = PLIST_IS_DICT(a.file) && is_archive_of(&a, plist, "MBFile") && take_file(&a, row);
    }
    plist_free(plist);
    return good;
}

/* ---- the database ---- */

static const char schema[] =
    "CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB);"
    "CREATE INDEX FilesDomainIdx ON Files(domain);"
    "CREATE INDEX FilesRelativePathIdx ON Files(relativePath);"
    "CREATE INDEX FilesFlagsIdx ON Files(flags);"
    "CREATE TABLE Properties (key TEXT PRIMARY KEY, value BLOB);";

sqlite3 *sim_manifest_new(const char *path, struct rv_error *err)
{
    sqlite3 *db = sim_db_open(path, true, err);
    if (db != NULL &&
        sim_db_run(db,
                   "PRAGMA page_size=4096; PRAGMA auto_vacuum=FULL; PRAGMA journal_mode=OFF;"
                   "PRAGMA synchronous=OFF; PRAGMA cache_size=-131072; BEGIN",
                   err) &&
        sim_db_run(db, schema, err))
        return db;
    sqlite3_close(db);
    return NULL;
}

bool sim_manifest_property(sqlite3 *db, const char *key, struct rv_span value, struct rv_error *err)
{
    sqlite3_stmt *s = sim_db_prepare(db, "INSERT OR REPLACE INTO Properties VALUES(?1,?2)", err);
    if (s == NULL)
        return false;
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_blob(s, 2, value.ptr, (int)value.len, SQLITE_STATIC);
    bool good = sim_db_do(s, err);
    sqlite3_finalize(s);
    return good;
}

bool sim_manifest_finish(sqlite3 *db, struct rv_error *err)
{
    /* The header tells of a write-ahead log, yet none is shipped. */
    bool good = sim_db_run(db, "COMMIT; PRAGMA user_version=2; PRAGMA journal_mode=WAL", err);
    return sqlite3_close(db) == SQLITE_OK && good;
}

sqlite3 *sim_manifest_open(const char *path, bool *below_2, struct rv_error *err)
{
    sqlite3 *db = sim_db_open(path, false, err);
    if (db == NULL)
        return NULL;
    *below_2 = sim_db_number(db, "PRAGMA user_version", 0) < 2;
    sqlite3_stmt *look = sim_db_prepare(db, "SELECT fileID,domain,relativePath,flags,file FROM Files", err);
    int found = look != NULL ? sqlite3_step(look) : SQLITE_ERROR;
    sqlite3_finalize(look);
    if (found == SQLITE_ROW || found == SQLITE_DONE)
        return db;
    rv_fail(err, RV_E_CORRUPT, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    return NULL;
}

/* Rows whose folder has none: what a restore would put them into is not known. That devices ask is [I]. */
static const char orphans[] =
    "SELECT count(*) FROM Files f WHERE relativePath<>'' AND NOT EXISTS (SELECT 1 FROM Files p WHERE p.relativePath="
    "rtrim(rtrim(f.relativePath, replace(f.relativePath,'/','')),'/') AND p.domain=f.domain AND p.flags&7=2)";

bool sim_manifest_sound(sqlite3 *db, struct rv_error *err)
{
    char answer[64] = "";
    sqlite3_stmt *s = sim_db_prepare(db, "PRAGMA integrity_check(1)", err);
    bool good = s != NULL && sqlite3_step(s) == SQLITE_ROW && sim_db_text(s, 0, answer, sizeof answer) &&
                strcmp(answer, "ok") == 0;
    sqlite3_finalize(s);
    if (!good)
        return rv_fail(err, RV_E_CORRUPT, "database disk image is malformed");
    if (sim_db_number(db, "PRAGMA page_size", 0) != 4096)
        return rv_fail(err, RV_E_CORRUPT, "its pages are not of 4096 bytes");
    s = sim_db_prepare(db, "SELECT key,value FROM Properties", err);
    good = s != NULL;
    sqlite3_finalize(s);
    int64_t alone = sim_db_number(db, orphans, -1);
    return good &&
           (alone == 0 || rv_fail(err, RV_E_CORRUPT, "%lld rows without the row of their folder", (long long)alone));
}

bool sim_manifest_row(sqlite3_stmt *s, struct sim_row *row)
{
    char id[SIM_FILE_ID], path[SIM_PATH_MAX], own[SIM_FILE_ID];
    memset(row, 0, sizeof *row);
    if (!sim_db_text(s, 0, id, sizeof id) || !sim_db_text(s, 1, row->file.domain, sizeof row->file.domain) ||
        !sim_db_text(s, 2, path, sizeof path))
        return false;
    row->flags = (unsigned)sqlite3_column_int64(s, 3);
    const void *blob = sqlite3_column_blob(s, 4);
    if (!sim_row_parse(rv_span(blob, (size_t)sqlite3_column_bytes(s, 4)), row) || strcmp(row->file.path, path) != 0)
        return false;
    memcpy(row->file.id, id, sizeof id);
    sim_file_id(row->file.domain, path, own);
    return strcmp(own, id) == 0 && sim_row_kind(row->file.mode) == (row->flags & SIM_ROW_KINDS);
}

struct rv_blob *sim_manifest_property_get(sqlite3 *db, const char *key)
{
    struct rv_error ignored = { 0 };
    struct rv_blob *value = NULL;
    sqlite3_stmt *s = sim_db_prepare(db, "SELECT value FROM Properties WHERE key=?1", &ignored);
    if (s == NULL)
        return NULL;
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) == SQLITE_BLOB)
        value = rv_blob_copy(rv_span(sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0)), &ignored);
    sqlite3_finalize(s);
    return value;
}

bool sim_path_is_safe(const char *path)
{
    if (path[0] == 0)
        return true; /* the domain itself */
    for (const char *at = path;; at++) {
        size_t len = strcspn(at, "/");
        if (len == 0 || len > NAME_MAX || (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += len;
        if (*at == 0)
            return true;
    }
}
