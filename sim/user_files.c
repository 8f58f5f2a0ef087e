/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/user_files.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/db.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OWN_PATH_MAX = 4096, CHUNK = 65536 };

struct sim_user {
    sqlite3 *db;
    sqlite3_stmt *put;
    char folder_path[OWN_PATH_MAX];                              /* of contents on disk */
    char last_domain[SIM_DOMAIN_MAX], last_folder[SIM_PATH_MAX]; /* whose folders are known to stand */
    uint64_t next_inode;
};

static const char *const leaves[] = { [SIM_USER_PRESENT] = "user", [SIM_USER_NEXT] = "next" };

/* ---- names ---- */

void sim_file_id(const char *domain, const char *path, char out[SIM_FILE_ID])
{
    char text[SIM_DOMAIN_MAX + SIM_PATH_MAX + 2];
    uint8_t digest[EVP_MAX_MD_SIZE];
    int len = snprintf(text, sizeof text, "%s-%s", domain, path);
    EVP_Digest(text, (size_t)len, digest, NULL, EVP_sha1(), NULL);
    rv_text_hex(rv_span(digest, 20), out, SIM_FILE_ID);
}

/* Protection and owner as seen in a real backup of 14.3: data of apps and the camera opens after the first unlock. */
static const struct {
    const char *prefix;
    uint32_t class, owner;
} habits[] = {
    { "AppDomain", 3, 501 },    { "CameraRollDomain", 3, 501 },       { "MediaDomain", 3, 501 },
    { "RootDomain", 4, 0 },     { "SystemPreferencesDomain", 4, 0 },  { "DatabaseDomain", 4, 0 },
    { "SysContainer", 3, 501 }, { "ManagedPreferencesDomain", 4, 0 }, { "", 4, 501 },
};

bool sim_file_new(struct sim_file *file, const char *domain, const char *path, uint32_t mode)
{
    size_t domain_len = strlen(domain), path_len = strlen(path);
    if (domain_len >= sizeof file->domain || path_len >= sizeof file->path)
        return false;
    memset(file, 0, sizeof *file);
    memcpy(file->domain, domain, domain_len + 1);
    memcpy(file->path, path, path_len + 1);
    file->mode = mode;
    size_t row = 0;
    while (!rv_text_starts(domain, habits[row].prefix))
        row++;
    file->class = (mode & SIM_MODE_KIND) == SIM_MODE_FILE ? habits[row].class : 0;
    file->uid = file->gid = habits[row].owner;
    file->mtime = file->ctime = file->birth = 1710000000;
    sim_file_id(domain, path, file->id);
    return true;
}

/* ---- opening ---- */

static bool store_path(struct sim_device *device, enum sim_user_which which, const char *suffix, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "%s/%s%s", sim_state_dir(device), leaves[which], suffix) < size;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_store(struct sim_device *device, enum sim_user_which which)
{
    static const char *const suffixes[] = { ".db", ".db-wal", ".db-shm" };
    char path[OWN_PATH_MAX];
    for (size_t i = 0; i < RV_COUNT(suffixes); i++)
        if (store_path(device, which, suffixes[i], path, sizeof path))
            (void)unlink(path);
    if (store_path(device, which, "", path, sizeof path))
        (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char schema[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536;"
                             "CREATE TABLE IF NOT EXISTS file(id TEXT PRIMARY KEY, domain TEXT, path TEXT, target TEXT,"
                             " mode, uid, gid, class, size, inode, mtime, ctime, birth, form, key, bulk)";
static const char put_sql[] = "INSERT OR REPLACE INTO file VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,"
                              "coalesce((SELECT inode FROM file WHERE id=?1),?10),?11,?12,?13,?14,?15,?16)";
static const char columns[] = "id,domain,path,target,mode,uid,gid,class,size,inode,mtime,ctime,birth,form,key";

static struct sim_user *open_store(struct sim_device *device, enum sim_user_which which, struct rv_error *err)
{
    char path[OWN_PATH_MAX];
    struct sim_user *user = rv_alloc(sizeof *user);
    if (user == NULL || !store_path(device, which, ".db", path, sizeof path) ||
        !store_path(device, which, "", user->folder_path, sizeof user->folder_path)) {
        rv_free(user);
        rv_fail_nomem(err);
        return NULL;
    }
    user->db = sim_db_open(path, true, err);
    if (user->db != NULL && sim_db_run(user->db, schema, err) && rv_dir_make(user->folder_path, err))
        user->put = sim_db_prepare(user->db, put_sql, err);
    if (user->put == NULL) {
        sim_user_free(user);
        return NULL;
    }
    user->next_inode = (uint64_t)sim_db_number(user->db, "SELECT max(inode) FROM file", 1000) + 1;
    return user;
}

static bool lay(struct sim_user *user, struct sim_device *device, struct rv_error *err)
{
    return sim_db_run(user->db, "BEGIN", err) && sim_person_lay(user, device, err) && sim_bulk_lay(user, device, err) &&
           sim_db_run(user->db, "COMMIT", err);
}

struct sim_user *sim_user_open(struct sim_device *device, enum sim_user_which which, struct rv_error *err)
{
    static pthread_mutex_t laying = PTHREAD_MUTEX_INITIALIZER;
    char path[OWN_PATH_MAX];
    pthread_mutex_lock(&laying);
    bool fresh =
        which == SIM_USER_PRESENT && store_path(device, which, ".db", path, sizeof path) && !rv_file_exists(path);
    struct sim_user *user = open_store(device, which, err);
    if (user != NULL && fresh && !lay(user, device, err)) {
        sim_user_free(user);
        remove_store(device, which);
        user = NULL;
    }
    pthread_mutex_unlock(&laying);
    return user;
}

void sim_user_free(struct sim_user *user)
{
    if (user == NULL)
        return;
    sqlite3_finalize(user->put);
    sqlite3_close(user->db);
    rv_free(user);
}

sqlite3 *sim_user_db(struct sim_user *user)
{
    return user->db;
}

bool sim_user_wipe(struct sim_device *device, struct rv_error *err)
{
    remove_store(device, SIM_USER_NEXT);
    remove_store(device, SIM_USER_PRESENT);
    RV_AUTO(sim_user) user = open_store(device, SIM_USER_PRESENT, err);
    return user != NULL;
}

void sim_user_drop_next(struct sim_device *device)
{
    remove_store(device, SIM_USER_NEXT);
}

bool sim_user_swap(struct sim_device *device, struct rv_error *err)
{
    static const char *const suffixes[] = { ".db", "" };
    char from[OWN_PATH_MAX], to[OWN_PATH_MAX];
    remove_store(device, SIM_USER_PRESENT);
    for (size_t i = 0; i < RV_COUNT(suffixes); i++)
        if (!store_path(device, SIM_USER_NEXT, suffixes[i], from, sizeof from) ||
            !store_path(device, SIM_USER_PRESENT, suffixes[i], to, sizeof to) || rename(from, to) != 0)
            return rv_fail_sys(err, RV_E_IO, errno, "restored data cannot take its place");
    return true;
}

/* ---- rows ---- */

static bool put_row(struct sim_user *user, const struct sim_file *f, struct rv_error *err)
{
    sqlite3_stmt *s = user->put;
    const int64_t numbers[] = { f->mode,          f->uid,
                                f->gid,           f->class,
                                (int64_t)f->size, (int64_t)(f->inode != 0 ? f->inode : user->next_inode++),
                                f->mtime,         f->ctime,
                                f->birth,         (int64_t)f->form,
                                (int64_t)f->key };
    sqlite3_bind_text(s, 1, f->id, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, f->domain, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, f->path, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 4, f->target, -1, SQLITE_STATIC);
    for (size_t i = 0; i < RV_COUNT(numbers); i++)
        sqlite3_bind_int64(s, (int)i + 5, numbers[i]);
    sqlite3_bind_int64(s, 16, f->form != SIM_FORM_DISK);
    return sim_db_do(s, err);
}

/* Every folder on the way, and the domain's own row, which has an empty path. */
static bool put_folders(struct sim_user *user, const struct sim_file *file, struct rv_error *err)
{
    const char *slash = strrchr(file->path, '/');
    size_t len = slash != NULL ? (size_t)(slash - file->path) : 0;
    if (strcmp(user->last_domain, file->domain) == 0 && strlen(user->last_folder) == len &&
        strncmp(user->last_folder, file->path, len) == 0)
        return true;
    struct sim_file folder, there;
    char path[SIM_PATH_MAX] = "";
    for (size_t at = 0; at <= len; at++) {
        if (at != 0 && at != len && file->path[at] != '/')
            continue;
        memcpy(path, file->path, at);
        path[at] = 0;
        if (sim_user_find(user, file->domain, path, &there) || strcmp(path, file->path) == 0)
            continue;
        if (!sim_file_new(&folder, file->domain, path, SIM_MODE_FOLDER | 0755) || !put_row(user, &folder, err))
            return false;
    }
    memcpy(user->last_folder, file->path, len);
    user->last_folder[len] = 0;
    memcpy(user->last_domain, file->domain, sizeof user->last_domain);
    return true;
}

bool sim_user_put(struct sim_user *user, const struct sim_file *file, struct rv_error *err)
{
    return put_folders(user, file, err) && put_row(user, file, err);
}

bool sim_user_put_bytes(struct sim_user *user, const char *domain, const char *path, struct rv_span content,
                        struct rv_error *err)
{
    struct sim_file file;
    struct sim_intake intake;
    if (!sim_file_new(&file, domain, path, SIM_MODE_FILE | 0644))
        return rv_fail(err, RV_E_LIMIT, "the name is too long: %s", path);
    sim_intake_begin(&intake, user, file.id);
    if (!sim_intake_add(&intake, content, err) || !sim_intake_end(&intake, &file, err)) {
        sim_intake_drop(&intake);
        return false;
    }
    return sim_user_put(user, &file, err);
}

static bool take_row(sqlite3_stmt *s, struct sim_file *f)
{
    memset(f, 0, sizeof *f);
    bool named = sim_db_text(s, 0, f->id, sizeof f->id) && sim_db_text(s, 1, f->domain, sizeof f->domain) &&
                 sim_db_text(s, 2, f->path, sizeof f->path) && sim_db_text(s, 3, f->target, sizeof f->target);
    f->mode = (uint32_t)sqlite3_column_int64(s, 4);
    f->uid = (uint32_t)sqlite3_column_int64(s, 5);
    f->gid = (uint32_t)sqlite3_column_int64(s, 6);
    f->class = (uint32_t)sqlite3_column_int64(s, 7);
    f->size = (uint64_t)sqlite3_column_int64(s, 8);
    f->inode = (uint64_t)sqlite3_column_int64(s, 9);
    f->mtime = sqlite3_column_int64(s, 10);
    f->ctime = sqlite3_column_int64(s, 11);
    f->birth = sqlite3_column_int64(s, 12);
    f->form = (enum sim_form)sqlite3_column_int64(s, 13);
    f->key = (uint64_t)sqlite3_column_int64(s, 14);
    return named;
}

bool sim_user_find(struct sim_user *user, const char *domain, const char *path, struct sim_file *out)
{
    char sql[300], id[SIM_FILE_ID];
    struct rv_error ignored = { 0 };
    (void)snprintf(sql, sizeof sql, "SELECT %s FROM file WHERE id=?1", columns);
    sqlite3_stmt *s = sim_db_prepare(user->db, sql, &ignored);
    sim_file_id(domain, path, id);
    sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
    bool found = s != NULL && sqlite3_step(s) == SQLITE_ROW && take_row(s, out);
    sqlite3_finalize(s);
    return found;
}

bool sim_user_each(struct sim_user *user, sim_file_fn *fn, void *context, struct rv_error *err)
{
    char sql[300];
    struct sim_file file;
    (void)snprintf(sql, sizeof sql, "SELECT %s FROM file ORDER BY domain,path", columns);
    sqlite3_stmt *s = sim_db_prepare(user->db, sql, err);
    bool good = s != NULL;
    while (good && sqlite3_step(s) == SQLITE_ROW)
        good = take_row(s, &file) && fn(context, &file);
    sqlite3_finalize(s);
    return good;
}

bool sim_user_totals(struct sim_user *user, struct sim_totals *out, struct rv_error *err)
{
    sqlite3_stmt *s = sim_db_prepare(
        user->db,
        "SELECT count(*), coalesce(sum(size),0), (SELECT count(*) FROM file) FROM file WHERE mode&61440=32768", err);
    bool good = s != NULL && sqlite3_step(s) == SQLITE_ROW;
    if (good) {
        out->files = (uint64_t)sqlite3_column_int64(s, 0);
        out->bytes = (uint64_t)sqlite3_column_int64(s, 1);
        out->rows = (uint64_t)sqlite3_column_int64(s, 2);
    }
    sqlite3_finalize(s);
    return good;
}

/* ---- content ---- */

static uint64_t mixed(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* 16 bytes that tell the number all the rest follows from: in a picture, the comment that a JPEG may begin with. */
static const uint8_t plain_head[8] = "RVGROWN\n";
static const uint8_t jpeg_head[8] = { 0xff, 0xd8, 0xff, 0xfe, 0x00, 0x0c, 'R', 'G' };

void sim_grow(enum sim_form form, uint64_t key, uint64_t at, uint8_t *to, size_t len)
{
    uint8_t word[8];
    while (len > 0) {
        uint64_t index = at / 8;
        size_t skip = at % 8, part = 8 - skip < len ? 8 - skip : len;
        if (index == 0)
            memcpy(word, form == SIM_FORM_GROWN_JPEG ? jpeg_head : plain_head, 8);
        else
            rv_put_u64le(word, index == 1 ? key : mixed(key + index));
        memcpy(to, word + skip, part);
        to += part;
        at += part;
        len -= part;
    }
}

static bool content_path(const struct sim_user *user, const char *id, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "%s/%.2s/%s", user->folder_path, id, id) < size;
}

bool sim_content_open(struct sim_content *content, struct sim_user *user, const struct sim_file *file,
                      struct rv_error *err)
{
    char path[OWN_PATH_MAX];
    *content = (struct sim_content){ .file = file, .fd = -1 };
    if (file->form != SIM_FORM_DISK || (file->mode & SIM_MODE_KIND) != SIM_MODE_FILE)
        return true;
    if (!content_path(user, file->id, path, sizeof path))
        return rv_fail(err, RV_E_LIMIT, "path too long");
    content->fd = open(path, O_RDONLY | O_CLOEXEC);
    return content->fd >= 0 || rv_fail_sys(err, RV_E_IO, errno, "%s", file->path);
}

long sim_content_read(struct sim_content *content, uint8_t *to, size_t room)
{
    uint64_t left = content->file->size - content->at;
    size_t part = left < room ? (size_t)left : room;
    if ((content->file->mode & SIM_MODE_KIND) != SIM_MODE_FILE || part == 0)
        return 0;
    if (content->fd < 0) {
        sim_grow(content->file->form, content->file->key, content->at, to, part);
    } else {
        ssize_t n = read(content->fd, to, part);
        if (n <= 0)
            return -1;
        part = (size_t)n;
    }
    content->at += part;
    return (long)part;
}

void sim_content_close(struct sim_content *content)
{
    if (content->fd >= 0)
        close(content->fd);
    content->fd = -1;
}

bool sim_content_hash(struct sim_user *user, const struct sim_file *file, char out[65], struct rv_error *err)
{
    struct sim_content content;
    uint8_t digest[EVP_MAX_MD_SIZE];
    uint8_t *chunk = rv_alloc(CHUNK);
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    long n = -1;
    if (chunk != NULL && sum != NULL && sim_content_open(&content, user, file, err)) {
        EVP_DigestInit_ex(sum, EVP_sha256(), NULL);
        while ((n = sim_content_read(&content, chunk, CHUNK)) > 0)
            EVP_DigestUpdate(sum, chunk, (size_t)n);
        EVP_DigestFinal_ex(sum, digest, NULL);
        rv_text_hex(rv_span(digest, 32), out, 65);
        sim_content_close(&content);
    }
    EVP_MD_CTX_free(sum);
    rv_free(chunk);
    return n == 0 || rv_fail(err, RV_E_IO, "%s cannot be read", file->path);
}

/* ---- content that comes in ---- */

void sim_intake_begin(struct sim_intake *intake, struct sim_user *user, const char *id)
{
    *intake = (struct sim_intake){ .user = user, .fd = -1 };
    (void)snprintf(intake->id, sizeof intake->id, "%s", id);
}

/* From now on it stands on the disk, with all that came before. */
static bool spill(struct sim_intake *intake, struct rv_error *err)
{
    char path[OWN_PATH_MAX];
    uint8_t chunk[4096];
    if (!content_path(intake->user, intake->id, path, sizeof path))
        return rv_fail(err, RV_E_LIMIT, "path too long");
    char *slash = strrchr(path, '/');
    *slash = 0;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return rv_fail_sys(err, RV_E_IO, errno, "%s", path);
    *slash = '/';
    intake->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (intake->fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "%s", path);
    size_t first = intake->size < sizeof intake->head ? (size_t)intake->size : sizeof intake->head;
    if (!rv_fd_write_all(intake->fd, rv_span(intake->head, first), err))
        return false;
    for (uint64_t at = first; at < intake->size;) {
        size_t part = intake->size - at < sizeof chunk ? (size_t)(intake->size - at) : sizeof chunk;
        sim_grow(intake->form, intake->key, at, chunk, part);
        if (!rv_fd_write_all(intake->fd, rv_span(chunk, part), err))
            return false;
        at += part;
    }
    intake->form = SIM_FORM_DISK;
    return true;
}

static void recognise(struct sim_intake *intake)
{
    struct rv_reader r = { .in = { intake->head, sizeof intake->head }, .at = 8 };
    intake->key = rv_read_u64le(&r);
    if (memcmp(intake->head, plain_head, 8) == 0)
        intake->form = SIM_FORM_GROWN;
    else if (memcmp(intake->head, jpeg_head, 8) == 0)
        intake->form = SIM_FORM_GROWN_JPEG;
}

/* How many of the bytes are as they would have grown. */
static size_t as_grown(const struct sim_intake *intake, struct rv_span bytes)
{
    uint8_t chunk[4096];
    size_t at = 0;
    while (at < bytes.len) {
        size_t part = bytes.len - at < sizeof chunk ? bytes.len - at : sizeof chunk;
        sim_grow(intake->form, intake->key, intake->size + at, chunk, part);
        if (memcmp(chunk, bytes.ptr + at, part) != 0)
            return at;
        at += part;
    }
    return at;
}

bool sim_intake_add(struct sim_intake *intake, struct rv_span bytes, struct rv_error *err)
{
    if (intake->fd < 0 && intake->size < sizeof intake->head) {
        size_t part = sizeof intake->head - (size_t)intake->size;
        part = part < bytes.len ? part : bytes.len;
        if (part > 0)
            memcpy(intake->head + intake->size, bytes.ptr, part);
        intake->size += part;
        bytes = rv_span(bytes.ptr + part, bytes.len - part);
        if (intake->size < sizeof intake->head)
            return true;
        recognise(intake);
    }
    if (intake->fd < 0) {
        size_t same = intake->form != SIM_FORM_DISK ? as_grown(intake, bytes) : 0;
        intake->size += same;
        bytes = rv_span(bytes.ptr + same, bytes.len - same);
        if (bytes.len == 0 && intake->form != SIM_FORM_DISK)
            return true;
        if (!spill(intake, err))
            return false;
    }
    intake->size += bytes.len;
    return bytes.len == 0 || rv_fd_write_all(intake->fd, bytes, err);
}

bool sim_intake_end(struct sim_intake *intake, struct sim_file *file, struct rv_error *err)
{
    if (intake->fd < 0 && intake->form == SIM_FORM_DISK && !spill(intake, err))
        return false;
    file->size = intake->size;
    file->form = intake->form;
    file->key = intake->key;
    if (intake->fd >= 0)
        close(intake->fd);
    intake->fd = -1;
    return true;
}

void sim_intake_drop(struct sim_intake *intake)
{
    if (intake->fd >= 0)
        close(intake->fd);
    intake->fd = -1;
}
