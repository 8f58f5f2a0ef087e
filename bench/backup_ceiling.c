/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plainest programs that do what a backup cannot leave out; bench_backup.py runs the product against them.
 *
 *   backup_ceiling create FILE          the trusted phone at the usbmuxd socket: the same request, every byte of its
 *                                       stream of files by one loop of write to FILE, everything else agreed to;
 *                                       then FILE is brought to the disk
 *   backup_ceiling sha1 FOLDER THREADS  every file below FOLDER through OpenSSL's SHA-1
 *   backup_ceiling unlock FOLDER WORD   the two derivations of the keybag by OpenSSL, then the product's unlocking of
 *                                       the same backup
 *
 * One line: seconds, bytes; unlock: seconds of OpenSSL, seconds of the product.
 */
#include "backup/backup.h"
#include "proto/lockdown.h"
#include "proto/mobilebackup2.h"

#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_PIECE = 1 << 20, READ_PIECE = 1 << 18, FILES_MAX = 2000000, THREADS_MAX = 64, WAIT_MS = 600000 };

static struct rv_ctx ctx;

_Noreturn static void give_up(const char *what, const struct rv_error *err)
{
    fprintf(stderr, "backup_ceiling: %s: %s\n", what, err != NULL && err->depth > 0 ? err->text[0] : "failed");
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- create ---- */

struct pouring {
    struct rv_mb2 *link;
    int fd;
    uint8_t *piece;
    size_t len;
    uint64_t bytes;
};

static void pour(struct pouring *p, size_t until)
{
    for (size_t at = 0; p->len >= until && at < p->len;) {
        ssize_t n = write(p->fd, p->piece + at, p->len - at);
        if (n <= 0)
            give_up("write", NULL);
        at += (size_t)n;
        p->len = at == p->len ? 0 : p->len;
    }
}

static void take_file(struct pouring *p)
{
    struct rv_error err = { 0 };
    uint8_t code = RV_MB2_DATA;
    uint32_t len = 0;
    while (code == RV_MB2_DATA) {
        if (!rv_mb2_read_block(p->link, &code, &len, &err))
            give_up("block", &err);
        while (len > 0) {
            struct rv_span part;
            size_t room = WRITE_PIECE - p->len;
            if (!rv_mb2_read_some(p->link, len < room ? len : room, &part, &err))
                give_up("bytes", &err);
            memcpy(p->piece + p->len, part.ptr, part.len);
            p->len += part.len;
            p->bytes += part.len;
            len -= (uint32_t)part.len;
            pour(p, WRITE_PIECE);
        }
    }
}

static void take_files(struct pouring *p)
{
    char path[RV_MB2_PATH_MAX + 1];
    struct rv_error err = { 0 };
    for (;;) {
        if (!rv_mb2_read_path(p->link, path, &err))
            give_up("path", &err);
        if (path[0] == '\0')
            return;
        if (!rv_mb2_read_path(p->link, path, &err))
            give_up("path", &err);
        take_file(p);
    }
}

/* The host has no backup yet: each file that is asked for is not there. */
static void have_nothing(struct pouring *p, plist_t message)
{
    struct rv_error err = { 0 };
    plist_t paths = plist_array_get_item(message, 1), failures = plist_new_dict();
    for (uint32_t i = 0; i < plist_array_get_size(paths); i++) {
        const char *path = plist_get_string_ptr(plist_array_get_item(paths, i), NULL);
        plist_t one = plist_new_dict();
        plist_dict_set_item(one, "DLFileErrorString", plist_new_string("none"));
        plist_dict_set_item(one, "DLFileErrorCode", plist_new_uint((uint64_t)(int64_t)RV_MB2_NOT_FOUND));
        plist_dict_set_item(failures, path, one);
        if (!rv_mb2_send_path(p->link, path, &err) ||
            !rv_mb2_send_block(p->link, RV_MB2_ERROR_LOCAL, rv_span("none", 4), &err))
            give_up("answer", &err);
    }
    if (!rv_mb2_send_end(p->link, &err) || !rv_mb2_answer(p->link, RV_MB2_MANY, "Multi status", failures, &err))
        give_up("answer", &err);
}

static void answer(struct pouring *p, plist_t message)
{
    struct rv_error err = { 0 };
    const char *name = rv_mb2_name(message);
    bool space = strcmp(name, "DLMessageGetFreeDiskSpace") == 0;
    if (strcmp(name, "DLMessageDownloadFiles") == 0) {
        have_nothing(p, message);
        return;
    }
    if (strcmp(name, "DLMessageUploadFiles") == 0)
        take_files(p);
    if (!rv_mb2_answer(p->link, RV_MB2_FINE, NULL, space ? plist_new_uint(1ull << 50) : NULL, &err))
        give_up("answer", &err);
}

static struct rv_mb2 *open_agent(const struct rv_mux_id *id)
{
    struct rv_error err = { 0 };
    struct rv_lockdown *link = rv_lockdown_open(&ctx, id, &err);
    if (link == NULL || !rv_lockdown_session(link, &err))
        give_up("lockdown", &err);
    struct rv_stream *stream = rv_lockdown_service_escrow(link, "com.apple.mobilebackup2", &err);
    struct rv_mb2 *agent = stream != NULL ? rv_mb2_take(stream, &err) : NULL;
    if (agent == NULL)
        give_up("the backup agent", &err);
    rv_lockdown_free(link);
    return agent;
}

static void create(const char *file)
{
    struct rv_mux_id ids[4];
    size_t count = 0;
    struct rv_error err = { 0 };
    if (!rv_mux_list(&ctx, ids, RV_COUNT(ids), &count, &err) || count == 0)
        give_up("no phone", &err);
    double begun = now();
    struct pouring p = { .link = open_agent(&ids[0]), .piece = malloc(WRITE_PIECE) };
    p.fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    plist_t request = plist_new_dict(), options = plist_new_dict();
    plist_dict_set_item(options, "ForceFullBackup", plist_new_bool(1));
    plist_dict_set_item(request, "MessageName", plist_new_string("Backup"));
    plist_dict_set_item(request, "TargetIdentifier", plist_new_string(ids[0].udid));
    plist_dict_set_item(request, "SourceIdentifier", plist_new_string(ids[0].udid));
    plist_dict_set_item(request, "Options", options);
    if (p.fd < 0 || p.piece == NULL || !rv_mb2_request(p.link, request, &err))
        give_up("beginning", &err);
    for (bool more = true; more;) {
        plist_t message = rv_mb2_receive(p.link, WAIT_MS, &err);
        if (message == NULL)
            give_up("message", &err);
        more = strcmp(rv_mb2_name(message), "DLMessageProcessMessage") != 0;
        if (more)
            answer(&p, message);
        plist_free(message);
    }
    pour(&p, 1);
    if (fdatasync(p.fd) != 0)
        give_up("fdatasync", NULL);
    printf("%.4f %llu\n", now() - begun, (unsigned long long)p.bytes);
    close(p.fd);
    free(p.piece);
    rv_mb2_free(p.link);
}

/* ---- SHA-1 ---- */

static char **names;
static size_t name_count;
static atomic_size_t next_name;
static atomic_ullong hashed;

static int note(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)walk;
    if (kind == FTW_F && name_count < FILES_MAX)
        names[name_count++] = strdup(path);
    return 0;
}

static void *hash_files(void *piece)
{
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    for (size_t i; (i = atomic_fetch_add(&next_name, 1)) < name_count;) {
        uint8_t out[EVP_MAX_MD_SIZE];
        int fd = open(names[i], O_RDONLY | O_CLOEXEC);
        EVP_DigestInit_ex(sum, EVP_sha1(), NULL);
        for (ssize_t n; (n = read(fd, piece, READ_PIECE)) > 0; atomic_fetch_add(&hashed, (unsigned long long)n))
            EVP_DigestUpdate(sum, piece, (size_t)n);
        EVP_DigestFinal_ex(sum, out, NULL);
        close(fd);
    }
    EVP_MD_CTX_free(sum);
    return NULL;
}

static void sha1(const char *folder, unsigned threads)
{
    pthread_t t[THREADS_MAX];
    void *pieces[THREADS_MAX];
    names = calloc(FILES_MAX, sizeof *names);
    if (names == NULL || threads == 0 || threads > THREADS_MAX)
        give_up("sha1", NULL);
    double begun = now();
    nftw(folder, note, 16, FTW_PHYS);
    for (unsigned i = 0; i < threads; i++)
        if ((pieces[i] = malloc(READ_PIECE)) == NULL || pthread_create(&t[i], NULL, hash_files, pieces[i]) != 0)
            give_up("threads", NULL);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(t[i], NULL);
        free(pieces[i]);
    }
    printf("%.4f %llu\n", now() - begun, atomic_load(&hashed));
    for (size_t i = 0; i < name_count; i++)
        free(names[i]);
    free(names);
}

/* ---- unlocking ---- */

static void unlock(const char *folder, const char *word)
{
    uint8_t first[32], second[32];
    struct rv_error err = { 0 };
    RV_AUTO(rv_backup) b = rv_backup_look(&ctx, folder, &err);
    if (b == NULL || !b->has_keybag)
        give_up("the backup", &err);
    const struct rv_keybag *bag = &b->keybag;
    double begun = now();
    if (PKCS5_PBKDF2_HMAC(word, (int)strlen(word), bag->double_salt.bytes, (int)bag->double_salt.len,
                          (int)bag->double_rounds, EVP_sha256(), sizeof first, first) != 1 ||
        PKCS5_PBKDF2_HMAC((const char *)first, sizeof first, bag->salt.bytes, (int)bag->salt.len, (int)bag->rounds,
                          EVP_sha1(), sizeof second, second) != 1)
        give_up("OpenSSL", NULL);
    double between = now();
    if (!rv_backup_unlock(b, word, &err))
        give_up("unlocking", &err);
    printf("%.4f %.4f\n", between - begun, now() - between);
}

int main(int argc, char **argv)
{
    struct rv_error err = { 0 };
    if (!rv_ctx_init(&ctx, &err))
        give_up("settings", &err);
    if (argc == 3 && strcmp(argv[1], "create") == 0)
        create(argv[2]);
    else if (argc == 4 && strcmp(argv[1], "sha1") == 0)
        sha1(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
    else if (argc == 4 && strcmp(argv[1], "unlock") == 0)
        unlock(argv[2], argv[3]);
    else
        give_up("create FILE | sha1 FOLDER THREADS | unlock FOLDER WORD", NULL);
    rv_ctx_clear(&ctx);
    return 0;
}
