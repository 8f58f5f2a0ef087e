/* SPDX-License-Identifier: Apache-2.0 */
/* What tests do to and ask of the person's files: "user WORD ..." at the control socket. */
#include "sim/user_files.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/db.h"
#include "sim/json.h"

#include <dirent.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_CAP = 256 << 20, OWN_PATH_MAX = 4096, LAY_DEPTH = 32 };

struct ask {
    struct sim_device *device;
    struct sim_user *user;
    const char *rest;
    char *answer;
    size_t size;
};

static bool refuse(struct ask *ask, const char *why)
{
    char text[600];
    sim_json_text(why, text, sizeof text);
    (void)snprintf(ask->answer, ask->size, "{\"ok\":false,\"error\":\"%s\"}", text);
    return false;
}

static bool refuse_error(struct ask *ask, const struct rv_error *err)
{
    return refuse(ask, err->depth > 0 ? err->text[0] : "it failed");
}

static void do_totals(struct ask *ask)
{
    struct sim_totals totals;
    struct rv_error err = { 0 };
    if (!sim_user_totals(ask->user, &totals, &err)) {
        refuse_error(ask, &err);
        return;
    }
    (void)snprintf(ask->answer, ask->size,
                   "{\"ok\":true,\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"rows\":%" PRIu64 "}", totals.files,
                   totals.bytes, totals.rows);
}

/* One line a row, so that two devices, or one at two times, can be compared: kind and mode, size, date, SHA-256 (or a
 * link's target), domain, path. */
struct listing {
    struct sim_user *user;
    FILE *to;
    EVP_MD_CTX *sum;
    uint64_t rows;
};

static bool list_one(void *context, const struct sim_file *file)
{
    struct listing *l = context;
    struct rv_error err = { 0 };
    char hash[65] = "-", line[SIM_DOMAIN_MAX + 2 * SIM_PATH_MAX + 200];
    bool plain = (file->mode & SIM_MODE_KIND) == SIM_MODE_FILE;
    if (plain && !sim_content_hash(l->user, file, hash, &err))
        return false;
    int len = snprintf(line, sizeof line, "%o\t%" PRIu64 "\t%" PRId64 "\t%s\t%s\t%s\n", file->mode, file->size,
                       plain ? file->mtime : 0, file->target[0] ? file->target : hash, file->domain, file->path);
    l->rows++;
    EVP_DigestUpdate(l->sum, line, (size_t)len);
    return l->to == NULL || fputs(line, l->to) >= 0;
}

static void list(struct ask *ask, FILE *to)
{
    struct listing l = { .user = ask->user, .to = to, .sum = EVP_MD_CTX_new() };
    struct rv_error err = { 0 };
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hash[65];
    bool good = l.sum != NULL && EVP_DigestInit_ex(l.sum, EVP_sha256(), NULL) == 1 &&
                sim_user_each(ask->user, list_one, &l, &err);
    if (good) {
        EVP_DigestFinal_ex(l.sum, digest, NULL);
        (void)snprintf(ask->answer, ask->size, "{\"ok\":true,\"rows\":%" PRIu64 ",\"digest\":\"%s\"}", l.rows,
                       rv_text_hex(rv_span(digest, 32), hash, sizeof hash));
    } else {
        refuse(ask, "a file's content cannot be read");
    }
    EVP_MD_CTX_free(l.sum);
}

static void do_digest(struct ask *ask)
{
    list(ask, NULL);
}

static void do_list(struct ask *ask)
{
    FILE *to = fopen(ask->rest, "we");
    if (to == NULL) {
        refuse(ask, "user list FILE: it cannot be written");
        return;
    }
    list(ask, to);
    if (fclose(to) != 0)
        refuse(ask, "the list could not be written");
}

/* "DOMAIN PATH": domains have no spaces, paths may. */
static bool take_name(struct ask *ask, char domain[SIM_DOMAIN_MAX], const char **path)
{
    size_t len = strcspn(ask->rest, " ");
    if (len == 0 || len >= SIM_DOMAIN_MAX || ask->rest[len] == 0)
        return refuse(ask, "DOMAIN PATH are wanted");
    (void)snprintf(domain, SIM_DOMAIN_MAX, "%.*s", (int)len, ask->rest);
    *path = ask->rest + len + 1;
    return true;
}

static void do_hash(struct ask *ask)
{
    char domain[SIM_DOMAIN_MAX], hash[65];
    const char *path;
    struct sim_file file;
    struct rv_error err = { 0 };
    if (!take_name(ask, domain, &path))
        return;
    if (!sim_user_find(ask->user, domain, path, &file))
        refuse(ask, "no such file");
    else if (!sim_content_hash(ask->user, &file, hash, &err))
        refuse_error(ask, &err);
    else
        (void)snprintf(ask->answer, ask->size,
                       "{\"ok\":true,\"hash\":\"%s\",\"bytes\":%" PRIu64 ",\"mtime\":%" PRId64 "}", hash, file.size,
                       file.mtime);
}

/* "HOSTFILE DOMAIN PATH" */
static void do_put(struct ask *ask)
{
    char from[OWN_PATH_MAX], domain[SIM_DOMAIN_MAX];
    const char *path;
    struct rv_error err = { 0 };
    size_t len = strcspn(ask->rest, " ");
    (void)snprintf(from, sizeof from, "%.*s", (int)len, ask->rest);
    ask->rest += len + (ask->rest[len] == ' ');
    if (!take_name(ask, domain, &path))
        return;
    RV_AUTO(rv_blob) content = rv_file_read(from, FILE_CAP, &err);
    if (content == NULL || !sim_user_put_bytes(ask->user, domain, path, rv_blob_span(content), &err))
        refuse_error(ask, &err);
    else
        (void)snprintf(ask->answer, ask->size, "{\"ok\":true}");
}

/* "FOLDER": all that lies below it, as DOMAIN/PATH. */
static bool lay_folder(struct ask *ask, const char *at, size_t root, unsigned depth, uint64_t *files)
{
    DIR *dir = depth < LAY_DEPTH ? opendir(at) : NULL;
    struct dirent *entry;
    bool good = dir != NULL;
    while (good && (entry = readdir(dir)) != NULL) {
        char path[OWN_PATH_MAX];
        struct stat st;
        struct rv_error err = { 0 };
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        good = snprintf(path, sizeof path, "%s/%s", at, entry->d_name) < (int)sizeof path && lstat(path, &st) == 0;
        if (good && S_ISDIR(st.st_mode)) {
            good = lay_folder(ask, path, root, depth + 1, files);
        } else if (good) {
            char domain[SIM_DOMAIN_MAX];
            size_t len = strcspn(path + root, "/");
            RV_AUTO(rv_blob) content = rv_file_read(path, FILE_CAP, &err);
            good = content != NULL && len < sizeof domain && path[root + len] == '/';
            (void)snprintf(domain, sizeof domain, "%.*s", (int)len, path + root);
            good = good && sim_user_put_bytes(ask->user, domain, path + root + len + 1, rv_blob_span(content), &err);
            *files += good;
        }
    }
    if (dir != NULL)
        closedir(dir);
    return good;
}

static void do_lay(struct ask *ask)
{
    uint64_t files = 0;
    if (!lay_folder(ask, ask->rest, strlen(ask->rest) + 1, 0, &files))
        refuse(ask, "user lay FOLDER: not all of it could be read");
    else
        (void)snprintf(ask->answer, ask->size, "{\"ok\":true,\"files\":%" PRIu64 "}", files);
}

/* "DOMAIN PATH" */
static void do_drop(struct ask *ask)
{
    char domain[SIM_DOMAIN_MAX];
    const char *path;
    struct sim_file file;
    struct rv_error err = { 0 };
    if (!take_name(ask, domain, &path))
        return;
    sqlite3_stmt *drop = sim_user_find(ask->user, domain, path, &file)
                             ? sim_db_prepare(sim_user_db(ask->user), "DELETE FROM file WHERE id = ?1", &err)
                             : NULL;
    if (drop == NULL || sqlite3_bind_text(drop, 1, file.id, -1, SQLITE_STATIC) != SQLITE_OK || !sim_db_do(drop, &err))
        refuse(ask, "no such file");
    else
        (void)snprintf(ask->answer, ask->size, "{\"ok\":true}");
    sqlite3_finalize(drop);
}

static void for_some(struct ask *ask, bool (*what)(struct sim_user *, unsigned, uint64_t *, struct rv_error *))
{
    uint64_t percent = 0, count = 0;
    struct rv_error err = { 0 };
    if (!rv_text_number(ask->rest, 10, &percent) || percent > 100)
        refuse(ask, "a percentage is wanted");
    else if (!what(ask->user, (unsigned)percent, &count, &err))
        refuse_error(ask, &err);
    else
        (void)snprintf(ask->answer, ask->size, "{\"ok\":true,\"files\":%" PRIu64 "}", count);
}

static void do_change(struct ask *ask)
{
    for_some(ask, sim_bulk_change);
}

static void do_remove(struct ask *ask)
{
    for_some(ask, sim_bulk_remove);
}

static void do_wipe(struct ask *ask)
{
    struct rv_error err = { 0 };
    sim_user_free(rv_steal(&ask->user));
    if (sim_user_wipe(ask->device, &err))
        (void)snprintf(ask->answer, ask->size, "{\"ok\":true}");
    else
        refuse_error(ask, &err);
}

static const struct {
    const char *word;
    void (*fn)(struct ask *ask);
} commands[] = {
    { "change", do_change }, { "digest", do_digest }, { "drop", do_drop }, { "hash", do_hash },
    { "lay", do_lay },       { "list", do_list },     { "put", do_put },   { "remove", do_remove },
    { "totals", do_totals }, { "wipe", do_wipe },
};

void sim_user_command(struct sim_device *device, const char *words, char *answer, size_t size)
{
    struct ask ask = { .device = device, .answer = answer, .size = size };
    struct rv_error err = { 0 };
    size_t len = strcspn(words, " ");
    ask.rest = words + len + (words[len] == ' ');
    for (size_t i = 0; i < RV_COUNT(commands); i++) {
        if (strlen(commands[i].word) != len || strncmp(commands[i].word, words, len) != 0)
            continue;
        ask.user = sim_user_open(device, SIM_USER_PRESENT, &err);
        if (ask.user == NULL)
            refuse_error(&ask, &err);
        else
            commands[i].fn(&ask);
        sim_user_free(ask.user);
        return;
    }
    refuse(&ask, "user totals | digest | list FILE | hash DOMAIN PATH | put FILE DOMAIN PATH | change PERCENT | "
                 "remove PERCENT | wipe");
}
