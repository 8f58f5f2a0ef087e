/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/download.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "firmware/download_part.h"
#include "transport/http.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WORKERS = 4,
    CHUNK = 4 * 1024 * 1024,
    BLOCK = 256 * 1024,
    TRIES = 6,                  /* without progress */
    PROGRESS_LEAST = 64 * 1024, /* fewer bytes before a cut are none: a host could drip for ever */
    TIMEOUT_MS = 30000,
    TELL_MS = 200,
    SAVE_EVERY = 16, /* chunks: 64 MiB are loaded again at most after a kill */
    LOCK_POLL_MS = 300,
    STATUS_WHOLE = 200,
    STATUS_PART = 206
};

struct loader {
    struct rv_ctx *ctx;
    const struct rv_download *what;
    struct rv_part part;
    bool ranges; /* the server gives parts */
    pthread_mutex_t lock;
    pthread_cond_t news;
    /* under the lock: */
    size_t next; /* chunks before it are done or taken */
    uint64_t loaded;
    unsigned running;
    bool stop, replaced;
    struct rv_error err;
};

/* ---- one chunk ---- */

struct piece {
    struct loader *loader;
    const struct rv_http_fetch *asked;
    uint64_t at, end; /* the next byte wanted, and one past the last */
    bool moved;
};

static bool store(void *context, const struct rv_http_head *head, struct rv_span bytes, struct rv_error *err)
{
    struct piece *p = context;
    struct loader *l = p->loader;
    if (!p->moved && l->ranges && !rv_http_check_part(p->asked, head, l->part.total, err)) {
        pthread_mutex_lock(&l->lock);
        l->replaced = l->replaced || err->code == RV_E_CORRUPT;
        pthread_mutex_unlock(&l->lock);
        return false;
    }
    if (bytes.len > p->end - p->at)
        return rv_fail(err, RV_E_PROTOCOL, "the server sent more than was asked for");
    for (size_t done = 0; done < bytes.len;) {
        ssize_t n = pwrite(l->part.fd, (const uint8_t *)bytes.ptr + done, bytes.len - done, (off_t)(p->at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return rv_fail_sys(err, RV_E_IO, errno, "writing %s", l->part.path);
        done += (size_t)n;
    }
    p->at += bytes.len;
    p->moved = p->moved || bytes.len > 0;
    pthread_mutex_lock(&l->lock);
    l->loaded += bytes.len;
    pthread_mutex_unlock(&l->lock);
    return true;
}

static bool fetch_once(struct piece *p, struct rv_error *err)
{
    struct loader *l = p->loader;
    struct rv_http_head head;
    struct rv_http_fetch fetch = { .url = l->part.url,
                                   .first = p->at,
                                   .length = l->ranges ? p->end - p->at : 0,
                                   .if_range = l->part.validator[0] != '\0' ? l->part.validator : NULL,
                                   .timeout_ms = TIMEOUT_MS,
                                   .sink = store,
                                   .context = p };
    p->asked = &fetch;
    if (!rv_http_fetch(l->ctx, &fetch, &head, err))
        return false;
    if (head.status != STATUS_WHOLE && head.status != STATUS_PART)
        return rv_fail(err, RV_E_NETWORK, "the server answered with HTTP status %ld", head.status);
    return p->at == p->end || rv_fail(err, RV_E_NETWORK, "the server ended the file too early");
}

static bool stopped(struct loader *l)
{
    pthread_mutex_lock(&l->lock);
    bool stop = l->stop;
    pthread_mutex_unlock(&l->lock);
    return stop;
}

/* Goes on behind the last byte that came, until nothing comes any more several times in a row. */
static bool fetch_chunk(struct loader *l, size_t chunk, struct rv_error *err)
{
    struct piece p = { .loader = l, .at = rv_part_first(&l->part, chunk) };
    p.end = p.at + rv_part_length(&l->part, chunk);
    for (unsigned tries = 0;;) {
        uint64_t before = p.at;
        p.moved = false;
        if (!l->ranges) { /* such a server can only begin again */
            pthread_mutex_lock(&l->lock);
            l->loaded -= p.at;
            pthread_mutex_unlock(&l->lock);
            p.at = 0;
        }
        if (fetch_once(&p, err))
            return true;
        tries = l->ranges && p.at - before >= PROGRESS_LEAST ? 0 : tries + 1;
        if (err->code != RV_E_NETWORK || tries == TRIES || stopped(l))
            return false;
        rv_log(l->ctx->log, RV_LOG_INFO, "download", "again, try %u: %s", tries, err->text[0]);
        if (!rv_clock_pause(&l->ctx->clock, tries * 500, "a server that fails is not hammered", &l->ctx->cancel, err))
            return false;
    }
}

/* ---- workers ---- */

static bool take_chunk(struct loader *l, size_t *chunk)
{
    pthread_mutex_lock(&l->lock);
    while (l->next < l->part.chunks && l->part.done[l->next])
        l->next++;
    bool there = !l->stop && l->next < l->part.chunks;
    *chunk = there ? l->next++ : 0;
    pthread_mutex_unlock(&l->lock);
    return there;
}

static void *work(void *context)
{
    struct loader *l = context;
    size_t chunk = 0;
    while (take_chunk(l, &chunk)) {
        struct rv_error err = { 0 };
        bool ok = fetch_chunk(l, chunk, &err);
        pthread_mutex_lock(&l->lock);
        if (ok)
            l->part.done[chunk] = 1;
        else if (!l->stop)
            l->err = err;
        l->stop = l->stop || !ok;
        pthread_cond_signal(&l->news);
        pthread_mutex_unlock(&l->lock);
    }
    pthread_mutex_lock(&l->lock);
    l->running--;
    pthread_cond_signal(&l->news);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- the digest, behind the front of what is loaded ---- */

struct sums {
    struct rv_digest *digest; /* NULL: none is known */
    const char *wanted;
    struct rv_blob *block;
    size_t chunk; /* chunks before it are in */
};

static bool has_sha256(const struct rv_download *what)
{
    return what->sha256 != NULL && what->sha256[0] != '\0';
}

static const char *announced(const struct rv_download *what)
{
    return has_sha256(what) ? what->sha256 : what->sha1;
}

static bool start_sums(struct sums *sums, const struct rv_download *what, struct rv_error *err)
{
    bool long_one = has_sha256(what);
    *sums = (struct sums){ .wanted = announced(what) };
    if (sums->wanted == NULL || sums->wanted[0] == '\0')
        return true;
    sums->digest = rv_digest_new(long_one ? RV_DIGEST_SHA256 : RV_DIGEST_SHA1, err);
    sums->block = sums->digest != NULL ? rv_blob_new(BLOCK, err) : NULL;
    return sums->block != NULL;
}

static void clear_sums(struct sums *sums)
{
    rv_digest_free(sums->digest);
    rv_blob_free(sums->block);
}

static bool add_range(struct sums *sums, int fd, uint64_t at, uint64_t length, struct rv_error *err)
{
    while (length > 0) {
        size_t n = length < BLOCK ? (size_t)length : BLOCK;
        if (!rv_fd_read_at(fd, sums->block->data, n, at, err))
            return false;
        rv_digest_add(sums->digest, rv_span(sums->block->data, n));
        at += n;
        length -= n;
    }
    return true;
}

/* One chunk at a time, so that progress is told between them. False: nothing to do yet. */
static bool sum_next(struct sums *sums, struct loader *l, struct rv_error *err)
{
    pthread_mutex_lock(&l->lock);
    bool ready = sums->chunk < l->part.chunks && l->part.done[sums->chunk];
    pthread_mutex_unlock(&l->lock);
    if (!ready)
        return false;
    size_t chunk = sums->chunk++;
    return sums->digest == NULL ||
           add_range(sums, l->part.fd, rv_part_first(&l->part, chunk), rv_part_length(&l->part, chunk), err);
}

static bool check_sum(struct sums *sums, struct rv_error *err)
{
    uint8_t digest[RV_DIGEST_MAX];
    char hex[2 * RV_DIGEST_MAX + 1];
    if (sums->digest == NULL)
        return true;
    size_t len = strlen(sums->wanted) / 2;
    rv_digest_end(sums->digest, digest);
    if (rv_text_equal_nocase(rv_text_hex(rv_span(digest, len), hex, sizeof hex), sums->wanted))
        return true;
    rv_fail(err, RV_E_CORRUPT, "what came from the server has the digest %.16s..., announced was %.16s...", hex,
            sums->wanted);
    return rv_advise(err, RV_ADVICE_DOWNLOAD_DAMAGED);
}

/* ---- the whole ---- */

static void tell_progress(struct loader *l)
{
    pthread_mutex_lock(&l->lock);
    uint64_t done = l->loaded;
    pthread_mutex_unlock(&l->lock);
    struct rv_event event = { .kind = RV_EVENT_PROGRESS,
                              .step = "download",
                              .unit = "bytes",
                              .done = done,
                              .total = l->part.total,
                              .percent = -1 };
    rv_tell(l->ctx, &event);
}

static void wait_news(struct loader *l)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TELL_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&l->lock);
    if (l->running > 0)
        pthread_cond_timedwait(&l->news, &l->lock, &until);
    pthread_mutex_unlock(&l->lock);
}

static size_t chunks_done(struct loader *l)
{
    size_t done = 0;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->part.chunks; i++)
        done += l->part.done[i];
    pthread_mutex_unlock(&l->lock);
    return done;
}

static unsigned still_running(struct loader *l)
{
    pthread_mutex_lock(&l->lock);
    unsigned running = l->running;
    pthread_mutex_unlock(&l->lock);
    return running;
}

/* While the workers load: digest, progress, and now and then a note of what is there. */
static bool follow(struct loader *l, struct sums *sums, struct rv_error *err)
{
    struct rv_error unsaved = { 0 };
    size_t saved = chunks_done(l);
    for (;;) {
        unsigned running = still_running(l);
        while (sum_next(sums, l, err))
            tell_progress(l);
        if (err->code != RV_OK)
            return false;
        tell_progress(l);
        if (running == 0)
            return true;
        if (chunks_done(l) >= saved + SAVE_EVERY) {
            saved = chunks_done(l);
            rv_part_save(&l->part, &unsaved); /* a lost note costs time, nothing else */
        }
        wait_news(l);
    }
}

static bool run_workers(struct loader *l, struct sums *sums, struct rv_error *err)
{
    pthread_t threads[WORKERS];
    unsigned wanted = l->ranges ? WORKERS : 1, started = 0;
    l->running = wanted;
    while (started < wanted && pthread_create(&threads[started], NULL, work, l) == 0)
        started++;
    pthread_mutex_lock(&l->lock);
    l->running -= wanted - started;
    pthread_mutex_unlock(&l->lock);
    bool ok = started > 0 ? follow(l, sums, err) : rv_fail_nomem(err);
    pthread_mutex_lock(&l->lock);
    l->stop = l->stop || !ok;
    pthread_mutex_unlock(&l->lock);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (ok && l->err.code != RV_OK) {
        *err = l->err;
        ok = false;
    }
    return ok;
}

/* What was loaded is kept for the next call, unless it is known to be wrong. */
static bool keep_or_discard(struct loader *l, struct rv_error *err)
{
    struct rv_error ignored = { 0 };
    bool wrong = err->code == RV_E_CORRUPT || err->code == RV_E_NOSPACE || !l->ranges;
    if (wrong || !rv_part_save(&l->part, &ignored))
        rv_part_discard(&l->part);
    return false;
}

static bool load_all(struct loader *l, struct rv_error *err)
{
    struct sums sums;
    for (size_t i = 0; i < l->part.chunks; i++)
        l->loaded += l->part.done[i] ? rv_part_length(&l->part, i) : 0;
    bool ok = start_sums(&sums, l->what, err) && run_workers(l, &sums, err) && check_sum(&sums, err);
    clear_sums(&sums);
    /* Parts of two files may have met where the server has no name for a file's state. */
    l->replaced = l->replaced || (!ok && err->code == RV_E_CORRUPT && l->part.went_on && l->part.validator[0] == '\0');
    if (!ok)
        return keep_or_discard(l, err);
    if (fsync(l->part.fd) != 0) {
        rv_fail_sys(err, RV_E_IO, errno, "writing %s", l->part.path);
        return keep_or_discard(l, err);
    }
    if (rename(l->part.path, l->what->to) != 0)
        return rv_fail_sys(err, RV_E_IO, errno, "naming %s", l->what->to);
    unlink(l->part.state_path);
    return true;
}

/* ---- before it ---- */

static bool no_bytes(void *context, const struct rv_http_head *head, struct rv_span part, struct rv_error *err)
{
    (void)part;
    *(struct rv_http_head *)context = *head;
    return rv_fail(err, RV_E_CANCELLED, "only the head was wanted");
}

/* Size, ETag, and whether parts are given: asked for with the first byte, as some servers lie about HEAD. */
static bool ask_head(struct loader *l, struct rv_error *err)
{
    struct rv_http_head head, seen = { .total = UINT64_MAX };
    struct rv_http_fetch fetch = {
        .url = l->what->url, .length = 1, .timeout_ms = TIMEOUT_MS, .sink = no_bytes, .context = &seen
    };
    if (!rv_http_fetch(l->ctx, &fetch, &head, err) && (seen.status == 0 || rv_cancel_asked(&l->ctx->cancel)))
        return false;
    *err = (struct rv_error){ 0 };
    head = seen.status != 0 ? seen : head;
    if (head.status != STATUS_WHOLE && head.status != STATUS_PART)
        return rv_fail(err, head.status == 404 ? RV_E_NOT_FOUND : RV_E_NETWORK, "%s answered with HTTP status %ld",
                       l->what->url, head.status);
    if (head.total == UINT64_MAX)
        return rv_fail(err, RV_E_NETWORK, "%s does not tell how long the file is", l->what->url);
    if (l->what->size_bytes != 0 && l->what->size_bytes != head.total) {
        rv_fail(err, RV_E_CORRUPT, "the server's file has %llu bytes, announced were %llu",
                (unsigned long long)head.total, (unsigned long long)l->what->size_bytes);
        return rv_advise(err, RV_ADVICE_DOWNLOAD_DAMAGED);
    }
    l->ranges = head.status == STATUS_PART;
    l->part.total = head.total;
    l->part.chunk = l->ranges ? CHUNK : (head.total > 0 ? head.total : 1);
    snprintf(l->part.validator, sizeof l->part.validator, "%s", rv_http_validator(&head));
    l->part.digest = announced(l->what);
    snprintf(l->part.url, sizeof l->part.url, "%s", l->what->url);
    return true;
}

static bool load(struct rv_ctx *ctx, const struct rv_download *what, bool *replaced, struct rv_error *err)
{
    struct loader l = { .ctx = ctx, .what = what, .part = RV_PART };
    pthread_mutex_init(&l.lock, NULL);
    pthread_cond_init(&l.news, NULL);
    bool ok = ask_head(&l, err);
    bool opened = ok && rv_part_open(&l.part, what->to, err);
    if (ok && !opened)
        rv_part_discard(&l.part);
    ok = opened && load_all(&l, err);
    *replaced = l.replaced;
    rv_part_clear(&l.part);
    pthread_cond_destroy(&l.news);
    pthread_mutex_destroy(&l.lock);
    return ok;
}

/* A file under the final name is taken only if it is what was announced; how it came there is not known. */
static bool is_there(struct rv_ctx *ctx, const struct rv_download *what, bool *wrong, struct rv_error *err)
{
    struct stat st;
    struct sums sums;
    *wrong = false;
    int fd = open(what->to, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    rv_tell_step(ctx, "check", "The file is there already; checking it");
    bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
              (what->size_bytes == 0 || (uint64_t)st.st_size == what->size_bytes);
    ok = ok && start_sums(&sums, what, err);
    if (ok) {
        ok = sums.digest != NULL && add_range(&sums, fd, 0, (uint64_t)st.st_size, err) && check_sum(&sums, err);
        clear_sums(&sums);
    }
    close(fd);
    *wrong = !ok;
    return ok;
}

static int take_lock(struct rv_ctx *ctx, const char *to, struct rv_error *err)
{
    char leaf[256];
    const char *name = strrchr(to, '/');
    snprintf(leaf, sizeof leaf, "lock-%.200s", name != NULL ? name + 1 : to);
    RV_AUTO_TEXT path = rv_dir_make(ctx->cache_dir, err) ? rv_path_join(ctx->cache_dir, leaf, err) : NULL;
    int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (path != NULL && fd < 0)
        rv_fail_sys(err, RV_E_IO, errno, "creating %s", path);
    bool told = false;
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (!told)
            rv_tell_note(ctx, "Another revive is loading this file; waiting for it");
        told = true;
        if (!rv_clock_pause(&ctx->clock, LOCK_POLL_MS, "the other program says nothing when it ends", &ctx->cancel,
                            err)) {
            close(fd);
            fd = -1;
        }
    }
    return fd;
}

static bool make_folder_of(const char *path, struct rv_error *err)
{
    const char *slash = strrchr(path, '/');
    RV_AUTO_TEXT folder = slash != NULL && slash != path ? rv_text_copy_n(path, (size_t)(slash - path)) : NULL;
    return folder == NULL || rv_dir_make(folder, err);
}

bool rv_download(struct rv_ctx *ctx, const struct rv_download *what, struct rv_error *err)
{
    bool wrong = false, replaced = false;
    struct rv_error ignored = { 0 };
    if (!make_folder_of(what->to, err))
        return false;
    int lock = take_lock(ctx, what->to, err);
    if (lock < 0)
        return false;
    bool ok = is_there(ctx, what, &wrong, &ignored);
    if (!ok && wrong)
        rv_tell_warning(ctx, "%s is not the announced file; it is loaded anew", what->to);
    if (!ok) {
        rv_tell_step(ctx, "download", "Loading the firmware");
        ok = load(ctx, what, &replaced, err);
        if (!ok && replaced) {
            rv_tell_warning(ctx, "The file on the server was replaced meanwhile; loading begins again");
            ok = load(ctx, what, &replaced, err);
        }
    }
    close(lock);
    return ok || rv_while(err, "loading %s", what->url);
}
