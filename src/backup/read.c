/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of a backup as plain bytes: AES-256-CBC from a zero vector, padded to whole blocks, stored size
 * (Size / 16 + 1) * 16. Its end is where the padding says when that is valid, else where the record says.
 */
#include "backup/backup.h"
#include "backup/place.h"
#include "crypto/cbc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 18 };

struct rv_backup_reader {
    struct rv_cbc *cbc;
    uint8_t *stored, *plain;
};

struct rv_backup_reader *rv_backup_reader_new(struct rv_error *err)
{
    RV_AUTO(rv_backup_reader) r = rv_alloc(sizeof *r);
    if (r == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    r->cbc = rv_cbc_new(err);
    r->stored = rv_alloc(PIECE);
    r->plain = rv_alloc(PIECE);
    if (r->cbc == NULL || r->stored == NULL || r->plain == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    return rv_steal(&r);
}

void rv_backup_reader_free(struct rv_backup_reader *r)
{
    if (r == NULL)
        return;
    rv_cbc_free(r->cbc);
    rv_free(r->stored);
    if (r->plain != NULL)
        rv_wipe(r->plain, PIECE);
    rv_free(r->plain);
    rv_free(r);
}

struct stream {
    struct rv_backup_reader *reader;
    const struct rv_backup_wish *wish;
    struct rv_backup_read *got;
    uint64_t left; /* stored bytes that are still to come */
    uint64_t size; /* plain, as the record has it */
    bool encrypted;
};

uint64_t rv_backup_content_end(uint64_t whole, const uint8_t last[RV_CBC_BLOCK], uint64_t size)
{
    unsigned padding = rv_cbc_padding(last);
    if (padding > 0 && whole - padding <= size)
        return whole - padding;
    /* Tools that re-encrypt have left zeroes behind the content: the record's word then. */
    return whole < size ? whole : size;
}

/* What of this piece is content; the last one tells where it ends, and the record bounds every one. */
static size_t content_of(struct stream *s, size_t len)
{
    uint64_t end = s->got->stored / RV_CBC_BLOCK * RV_CBC_BLOCK; /* decrypted so far */
    if (s->left == 0) {
        const uint8_t *last = s->reader->plain + len - RV_CBC_BLOCK;
        unsigned padding = rv_cbc_padding(last);
        s->got->padding_bad = padding == 0 || end - padding != s->size;
        end = rv_backup_content_end(end, last, s->size);
    }
    end = end < s->size ? end : s->size;
    return end > s->got->plain ? (size_t)(end - s->got->plain) : 0;
}

static bool hand_on(struct stream *s, size_t len, struct rv_error *err)
{
    struct rv_span plain = rv_span(s->reader->stored, len);
    if (s->encrypted && len > 0) {
        if (!rv_cbc_run(s->reader->cbc, s->reader->stored, len, s->reader->plain, err))
            return false;
        plain = rv_span(s->reader->plain, content_of(s, len));
    }
    s->got->plain += plain.len;
    return plain.len == 0 || s->wish->plain == NULL || s->wish->plain(s->wish->context, plain, err);
}

static bool pump(struct stream *s, int fd, struct rv_error *err)
{
    while (s->left > 0) {
        size_t want = s->left < PIECE ? (size_t)s->left : PIECE, have = 0;
        if (s->wish->past_bad_spots) {
            ssize_t n = rv_place_read_past(fd, s->reader->stored, want, s->got->stored, &s->got->unreadable);
            if (n < 0)
                return rv_fail_sys(err, RV_E_IO, errno, "reading at byte %llu", (unsigned long long)s->got->stored);
            if ((size_t)n < want)
                return rv_fail(err, RV_E_CORRUPT, "the file became shorter while it was read");
            have = want;
        }
        while (have < want) {
            ssize_t n = read(fd, s->reader->stored + have, want - have);
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return rv_fail_sys(err, RV_E_IO, errno, "reading at byte %llu",
                                   (unsigned long long)(s->got->stored + have));
            if (n == 0)
                return rv_fail(err, RV_E_CORRUPT, "the file became shorter while it was read");
            have += (size_t)n;
        }
        s->left -= have;
        s->got->stored += have;
        if (s->wish->stored_too != NULL &&
            !s->wish->stored_too(s->wish->context, rv_span(s->reader->stored, have), err))
            return false;
        if (!hand_on(s, s->encrypted ? have / RV_CBC_BLOCK * RV_CBC_BLOCK : have, err))
            return false;
    }
    return true;
}

static bool begin(struct stream *s, const struct rv_backup *b, const struct rv_backup_row *row, struct rv_error *err)
{
    uint8_t key[32];
    if (!s->encrypted)
        return true;
    if (!b->unlocked) {
        rv_fail(err, RV_E_DENIED, "the file is encrypted and the backup is locked");
        return rv_advise(err, RV_ADVICE_BACKUP_PASSWORD_NEEDED);
    }
    bool fine = rv_backup_file_key(b->keys, row->file->key, key, err) && rv_cbc_start(s->reader->cbc, false, key, err);
    rv_wipe(key, sizeof key);
    return fine;
}

bool rv_backup_read_file(struct rv_backup_reader *reader, const struct rv_backup *b, const struct rv_backup_row *row,
                         const struct rv_backup_wish *wish, struct rv_backup_read *out, struct rv_error *err)
{
    char place[64];
    struct rv_backup_read got = { 0 };
    struct stream s = { .reader = reader, .wish = wish, .got = &got };
    s.encrypted = b->encrypted && row->file != NULL && row->file->key.len > 0;
    s.size = row->file != NULL ? row->file->size : 0;
    struct stat st;
    if (row->place == NULL && !rv_backup_locate(b, row->id, place, &s.left))
        return rv_fail(err, RV_E_NOT_FOUND, "the file %s is not there", row->id);
    RV_AUTO_FD fd = rv_place_open(b->dir, row->place != NULL ? row->place : place, O_RDONLY | O_NONBLOCK, err);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return rv_fail(err, RV_E_IO, "%s is not a file", row->id);
    s.left = (uint64_t)st.st_size;
    if (s.left > PIECE)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    uint64_t stored = s.left;
    if (!begin(&s, b, row, err) || !pump(&s, fd, err))
        return rv_while(err, "reading %s %s", row->domain, row->path);
    if (s.encrypted && stored % RV_CBC_BLOCK != 0)
        got.padding_bad = true;
    *out = got;
    return true;
}
