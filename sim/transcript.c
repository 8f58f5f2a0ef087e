/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/transcript.h"

#include "base/file.h"
#include "sim/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FILE_MAX = 64 << 20, LINE_MAX_BYTES = 1 << 20 };

struct sim_transcript {
    pthread_mutex_t lock;
    int fd;
    uint64_t written;
    bool full;
};

struct sim_transcript *sim_transcript_new(const char *path, struct rv_error *err)
{
    struct sim_transcript *t = rv_alloc(sizeof *t);
    if (t == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    t->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (t->fd < 0) {
        rv_fail_sys(err, RV_E_IO, errno, "opening the record %s", path);
        rv_free(t);
        return NULL;
    }
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void sim_transcript_free(struct sim_transcript *t)
{
    if (t == NULL)
        return;
    close(t->fd);
    pthread_mutex_destroy(&t->lock);
    rv_free(t);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void sim_transcript_line(struct sim_transcript *t, const char *on, const char *what, struct rv_span value)
{
    RV_AUTO_CLEAR(rv_buf) line = RV_BUF(LINE_MAX_BYTES + 256);
    struct rv_error err = { 0 }; /* a full disk must not stop the phone */
    static const char over[] = "{\"on\":\"transcript\",\"what\":\"full\",\"value\":null}\n";
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    if (!t->full && t->written + value.len > FILE_MAX) {
        t->full = true;
        (void)rv_fd_write_all(t->fd, rv_span(over, sizeof over - 1), &err);
    }
    if (!t->full &&
        rv_buf_add_format(&line, &err, "{\"ms\":%" PRIu64 ",\"on\":\"%s\",\"what\":\"%s\",\"value\":", now_ms(), on,
                          what) &&
        rv_buf_add(&line, value, &err) && rv_buf_add_text(&line, "}\n", &err) &&
        rv_fd_write_all(t->fd, rv_buf_span(&line), &err))
        t->written += line.len;
    pthread_mutex_unlock(&t->lock);
}

void sim_transcript_text(struct sim_transcript *transcript, const char *on, const char *what, const char *text)
{
    RV_AUTO_CLEAR(rv_buf) value = RV_BUF(LINE_MAX_BYTES);
    struct rv_error err = { 0 };
    if (transcript != NULL && sim_json_add_text(&value, text, &err))
        sim_transcript_line(transcript, on, what, rv_buf_span(&value));
}

void sim_transcript_number(struct sim_transcript *transcript, const char *on, const char *what, uint64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRIu64, number);
    if (transcript != NULL && len > 0)
        sim_transcript_line(transcript, on, what, rv_span(text, (size_t)len));
}

void sim_transcript_plist(struct sim_transcript *transcript, const char *on, const char *what, plist_t message)
{
    RV_AUTO_CLEAR(rv_buf) value = RV_BUF(LINE_MAX_BYTES);
    struct rv_error err = { 0 };
    if (transcript == NULL)
        return;
    if (!sim_json_add_plist(&value, message, &err)) {
        rv_buf_clear(&value);
        (void)rv_buf_add_text(&value, "{\"too_long\":true}", &err);
    }
    sim_transcript_line(transcript, on, what, rv_buf_span(&value));
}
