/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINES = 512, LINE = 512, MASKS = 32, MASK_TEXT = 64 };

struct rv_log {
    pthread_mutex_t lock;
    int fd, echo_fd;
    enum rv_log_level echo_most;
    bool identifiers;
    char *path;
    unsigned next, mask_count;
    char masks[MASKS][MASK_TEXT];
    char ring[LINES][LINE];
};

struct rv_log *rv_log_new(const char *path, bool identifiers, struct rv_error *err)
{
    struct rv_log *log = rv_alloc(sizeof *log);
    if (log == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    pthread_mutex_init(&log->lock, NULL);
    log->fd = log->echo_fd = -1;
    log->identifiers = identifiers;
    if (path == NULL)
        return log;
    log->path = rv_text_copy(path);
    log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log->path == NULL || log->fd < 0) {
        rv_fail_sys(err, RV_E_IO, errno, "opening the log file %s", path);
        rv_log_free(log);
        return NULL;
    }
    return log;
}

void rv_log_free(struct rv_log *log)
{
    if (log == NULL)
        return;
    if (log->fd >= 0)
        close(log->fd);
    pthread_mutex_destroy(&log->lock);
    rv_free(log->path);
    rv_free(log);
}

static void mask_line(const struct rv_log *log, char *line)
{
    for (unsigned i = 0; !log->identifiers && i < log->mask_count; i++) {
        size_t n = strlen(log->masks[i]);
        for (char *at = line; (at = strcasestr(at, log->masks[i])) != NULL; at += n)
            memset(at + 2, '*', n - 2); /* two characters tell devices of one log apart */
    }
}

void rv_log(struct rv_log *log, enum rv_log_level level, const char *room, const char *fmt, ...)
{
    static const char *const names[] = { "error", "info", "debug" };
    if (log == NULL)
        return;
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    char line[LINE];
    size_t n = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    n += (size_t)snprintf(line + n, sizeof line - n, ".%03ldZ %s %s: ", now.tv_nsec / 1000000, names[level], room);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line + n, sizeof line - n, fmt, ap);
    va_end(ap);
    for (char *c = line; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';

    pthread_mutex_lock(&log->lock);
    mask_line(log, line);
    memcpy(log->ring[log->next++ % LINES], line, sizeof line);
    if (log->fd >= 0)
        dprintf(log->fd, "%s\n", line);
    if (log->echo_fd >= 0 && level <= log->echo_most)
        dprintf(log->echo_fd, "%s\n", line);
    pthread_mutex_unlock(&log->lock);
}

const char *rv_log_path(const struct rv_log *log)
{
    return log == NULL ? NULL : log->path;
}

void rv_log_mask(struct rv_log *log, const char *identifier)
{
    if (log == NULL || identifier == NULL || strlen(identifier) < 6)
        return;
    pthread_mutex_lock(&log->lock);
    bool known = false;
    for (unsigned i = 0; i < log->mask_count; i++)
        known = known || strcasecmp(log->masks[i], identifier) == 0;
    if (!known && log->mask_count < MASKS)
        snprintf(log->masks[log->mask_count++], MASK_TEXT, "%s", identifier);
    pthread_mutex_unlock(&log->lock);
}

void rv_log_recent(struct rv_log *log, char *out, uint32_t out_size)
{
    size_t n = 0;
    out[0] = '\0';
    if (log == NULL)
        return;
    pthread_mutex_lock(&log->lock);
    unsigned first = log->next > LINES ? log->next - LINES : 0;
    for (unsigned i = first; i < log->next; i++) {
        size_t len = strlen(log->ring[i % LINES]);
        if (n + len + 2 > out_size) { /* keep the newest: drop from the front */
            size_t drop = n / 2;
            memmove(out, out + drop, n - drop);
            n -= drop;
            if (n + len + 2 > out_size)
                break;
        }
        memcpy(out + n, log->ring[i % LINES], len);
        n += len;
        out[n++] = '\n';
        out[n] = '\0';
    }
    pthread_mutex_unlock(&log->lock);
}

void rv_log_echo(struct rv_log *log, int fd, enum rv_log_level most)
{
    if (log == NULL)
        return;
    pthread_mutex_lock(&log->lock);
    log->echo_fd = fd;
    log->echo_most = most;
    pthread_mutex_unlock(&log->lock);
}
