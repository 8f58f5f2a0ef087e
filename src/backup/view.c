/* SPDX-License-Identifier: Apache-2.0 */
/* CBC needs only the block before to decrypt one: with it in front, any place of a file is as near as its beginning. */
#include "backup/view.h"

#include "backup/place.h"
#include "crypto/cbc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 15 };

struct rv_backup_view {
    int fd; /* -1: an empty file of which nothing is stored */
    uint64_t stored, size;
    struct rv_cbc *cbc; /* NULL: it lies there plain */
    uint8_t key[32];
    uint8_t room[PIECE + RV_CBC_BLOCK];
};

static bool pread_all(const struct rv_backup_view *v, uint64_t at, void *to, size_t len, struct rv_error *err)
{
    for (size_t have = 0; have < len;) {
        ssize_t n = pread(v->fd, (uint8_t *)to + have, len - have, (off_t)(at + have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rv_fail_sys(err, RV_E_IO, errno, "reading at byte %llu", (unsigned long long)(at + have));
        if (n == 0)
            return rv_fail(err, RV_E_CORRUPT, "the file became shorter while it was read");
        have += (size_t)n;
    }
    return true;
}

/* Whole blocks from `at`, decrypted; they begin at room + RV_CBC_BLOCK. */
static bool decrypt_at(struct rv_backup_view *v, uint64_t at, size_t len, struct rv_error *err)
{
    size_t before = at > 0 ? RV_CBC_BLOCK : 0;
    uint8_t *begin = v->room + RV_CBC_BLOCK - before;
    return pread_all(v, at - before, begin, len + before, err) && rv_cbc_start(v->cbc, false, v->key, err) &&
           rv_cbc_run(v->cbc, begin, len + before, begin, err);
}

static bool settle_size(struct rv_backup_view *v, uint64_t size, struct rv_error *err)
{
    uint64_t whole = v->stored / RV_CBC_BLOCK * RV_CBC_BLOCK;
    v->size = v->cbc == NULL ? v->stored : 0;
    if (v->cbc == NULL || whole == 0)
        return true;
    if (!decrypt_at(v, whole - RV_CBC_BLOCK, RV_CBC_BLOCK, err))
        return false;
    v->size = rv_backup_content_end(whole, v->room + RV_CBC_BLOCK, size);
    return true;
}

static bool open_stored(struct rv_backup_view *v, const struct rv_backup *b, const struct rv_backup_row *row,
                        struct rv_error *err)
{
    char place[64];
    struct stat st;
    if (!rv_backup_locate(b, row->id, place, &v->stored))
        return row->file->size == 0 || rv_fail(err, RV_E_NOT_FOUND, "the file %s is not there", row->id);
    v->fd = rv_place_open(b->dir, place, O_RDONLY | O_NONBLOCK, err);
    if (v->fd < 0)
        return false;
    if (fstat(v->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return rv_fail(err, RV_E_IO, "%s is not a file", row->id);
    v->stored = (uint64_t)st.st_size;
    if (!b->encrypted || row->file->key.len == 0)
        return true;
    v->cbc = rv_cbc_new(err);
    return v->cbc != NULL && rv_backup_file_key(b->keys, row->file->key, v->key, err);
}

struct rv_backup_view *rv_backup_view_open(const struct rv_backup *b, const struct rv_backup_row *row,
                                           struct rv_error *err)
{
    RV_AUTO(rv_backup_view) v = rv_alloc(sizeof *v);
    if (v == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    v->fd = -1;
    if (b->encrypted && row->file->key.len > 0 && !b->unlocked) {
        rv_fail(err, RV_E_DENIED, "the file is encrypted and the backup is locked");
        rv_advise(err, RV_ADVICE_BACKUP_PASSWORD_NEEDED);
        return NULL;
    }
    if (!open_stored(v, b, row, err) || !settle_size(v, row->file->size, err))
        return NULL;
    return rv_steal(&v);
}

void rv_backup_view_free(struct rv_backup_view *v)
{
    if (v == NULL)
        return;
    if (v->fd >= 0)
        close(v->fd);
    rv_cbc_free(v->cbc);
    rv_wipe(v->key, sizeof v->key);
    if (v->cbc != NULL)
        rv_wipe(v->room, sizeof v->room);
    rv_free(v);
}

uint64_t rv_backup_view_size(const struct rv_backup_view *v)
{
    return v->size;
}

bool rv_backup_view_read(struct rv_backup_view *v, uint64_t at, void *to, size_t len, size_t *got, struct rv_error *err)
{
    uint8_t *out = to;
    uint64_t end = at < v->size ? (len < v->size - at ? at + len : v->size) : at;
    *got = 0;
    if (v->cbc == NULL) {
        if (end > at && !pread_all(v, at, to, (size_t)(end - at), err))
            return false;
        *got = (size_t)(end - at);
        return true;
    }
    for (uint64_t here = at; here < end;) {
        uint64_t first = here / RV_CBC_BLOCK * RV_CBC_BLOCK;
        uint64_t last = (end + RV_CBC_BLOCK - 1) / RV_CBC_BLOCK * RV_CBC_BLOCK;
        size_t blocks = last - first < PIECE ? (size_t)(last - first) : PIECE;
        if (!decrypt_at(v, first, blocks, err))
            return false;
        size_t skip = (size_t)(here - first), use = blocks - skip;
        use = use < end - here ? use : (size_t)(end - here);
        memcpy(out + (here - at), v->room + RV_CBC_BLOCK + skip, use);
        here += use;
    }
    *got = (size_t)(end - at);
    return true;
}
