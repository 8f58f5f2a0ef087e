/* SPDX-License-Identifier: Apache-2.0 */
#include "base/child.h"

#include "base/bytes.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 1 << 16, SETTINGS_MAX = 16 };

int rv_child_secret(const char *text, struct rv_error *err)
{
    int fd = memfd_create("secret", MFD_CLOEXEC);
    if (fd < 0) {
        rv_fail_sys(err, RV_E_IO, errno, "keeping a password in memory");
        return -1;
    }
    if (rv_fd_write_all(fd, rv_span(text, strlen(text)), err) && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    close(fd);
    return -1;
}

/* ---- its environment ---- */

static bool is_setting_of(const char *entry, const char *setting)
{
    size_t name = strcspn(setting, "=");
    return strncmp(entry, setting, name) == 0 && entry[name] == '=';
}

/* Borrowed texts in a list of ours. */
static char **environment_of(const struct rv_child *child, struct rv_error *err)
{
    size_t count = 0, at = 0;
    while (environ[count] != NULL)
        count++;
    char **list = rv_alloc_array(count + SETTINGS_MAX + 1, sizeof *list);
    if (list == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        bool replaced = false;
        for (const char *const *s = child->settings; s != NULL && *s != NULL; s++)
            replaced = replaced || is_setting_of(environ[i], *s);
        if (!replaced)
            list[at++] = environ[i];
    }
    size_t added = 0;
    for (const char *const *s = child->settings; s != NULL && *s != NULL; s++)
        if (strchr(*s, '=') != NULL && added++ < SETTINGS_MAX)
            list[at++] = (char *)(uintptr_t)*s;
    return list;
}

/* ---- its beginning ---- */

struct running {
    const struct rv_child *child;
    pid_t pid;
    int ends[2];           /* of its output and its complaints; -1 once they have ended */
    struct rv_buf text[2]; /* the line that is not whole yet */
    bool interrupted;
};

/* A group of its own: Ctrl-C in the terminal reaches this program, which passes on one SIGINT. */
static bool spawn(struct running *r, const int pipes[2], struct rv_error *err)
{
    const struct rv_child *c = r->child;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, plain;
    char **list = environment_of(c, err);
    if (list == NULL)
        return false;
    sigemptyset(&none);
    sigemptyset(&plain);
    sigaddset(&plain, SIGPIPE); /* ignored here, and that would be inherited */
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, pipes[0], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, pipes[1], STDERR_FILENO);
    if (c->secret >= 0)
        posix_spawn_file_actions_adddup2(&files, c->secret, RV_CHILD_SECRET);
    if (c->folder != NULL)
        posix_spawn_file_actions_addchdir_np(&files, c->folder);
    posix_spawnattr_setsigdefault(&attributes, &plain);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    int why = posix_spawn(&r->pid, c->words[0], &files, &attributes, (char *const *)(uintptr_t)c->words, list);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    rv_free(list);
    return why == 0 || rv_fail_sys(err, RV_E_UNSUPPORTED, why, "starting %s", c->words[0]);
}

static bool start(struct running *r, struct rv_error *err)
{
    int out[2], complaints[2];
    if (pipe2(out, O_CLOEXEC) != 0)
        return rv_fail_sys(err, RV_E_IO, errno, "making a pipe");
    if (pipe2(complaints, O_CLOEXEC) != 0) {
        rv_fail_sys(err, RV_E_IO, errno, "making a pipe");
        close(out[0]);
        close(out[1]);
        return false;
    }
    const int pipes[2] = { out[1], complaints[1] };
    bool fine = spawn(r, pipes, err);
    close(out[1]);
    close(complaints[1]);
    r->ends[0] = out[0];
    r->ends[1] = complaints[0];
    return fine;
}

/* ---- its lines ---- */

static void hand_on(struct running *r, int which, char *line)
{
    if (*line != '\0' && r->child->line != NULL)
        r->child->line(r->child->context, which == 1, line);
}

static bool take(struct running *r, int which, struct rv_error *err)
{
    struct rv_buf *text = &r->text[which];
    uint8_t *room = rv_buf_reserve(text, PIECE, err);
    if (room == NULL)
        return rv_while(err, "reading what %s prints", r->child->words[0]);
    ssize_t got = read(r->ends[which], room, PIECE);
    if (got < 0)
        return errno == EINTR || rv_fail_sys(err, RV_E_IO, errno, "reading what %s prints", r->child->words[0]);
    size_t from = text->len;
    text->len += (size_t)got;
    if (got == 0) {
        if (!rv_buf_add(text, rv_span("", 1), err))
            return false;
        hand_on(r, which, (char *)text->data);
        close(r->ends[which]);
        r->ends[which] = -1;
        return true;
    }
    size_t begin = 0;
    for (uint8_t *end; (end = memchr(text->data + from, '\n', text->len - from)) != NULL;) {
        *end = '\0';
        hand_on(r, which, (char *)text->data + begin);
        begin = from = (size_t)(end - text->data) + 1;
    }
    rv_buf_drop(text, begin);
    return true;
}

static bool listen_to(struct running *r, const struct rv_cancel *cancel, struct rv_error *err)
{
    bool fine = true;
    while (r->ends[0] >= 0 || r->ends[1] >= 0) {
        struct pollfd watch[3] = { { .fd = r->ends[0], .events = POLLIN },
                                   { .fd = r->ends[1], .events = POLLIN },
                                   { .fd = r->interrupted ? -1 : rv_cancel_fd(cancel), .events = POLLIN } };
        if (poll(watch, 3, -1) < 0 && errno != EINTR)
            return rv_fail_sys(err, RV_E_IO, errno, "waiting for %s", r->child->words[0]);
        if ((rv_cancel_asked(cancel) || !fine) && !r->interrupted) {
            kill(r->pid, SIGINT); /* it ends tidily, and says so by closing its output */
            r->interrupted = true;
        }
        for (int i = 0; i < 2; i++)
            if (watch[i].revents != 0 && r->ends[i] >= 0 && !take(r, i, fine ? err : &(struct rv_error){ 0 })) {
                fine = false;
                r->text[i].len = 0;
            }
    }
    return fine;
}

bool rv_child_run(const struct rv_child *child, const struct rv_cancel *cancel, int *exit_code, struct rv_error *err)
{
    struct running r = { .child = child,
                         .ends = { -1, -1 },
                         .text = { RV_BUF(RV_CHILD_LINE_MAX), RV_BUF(RV_CHILD_LINE_MAX) } };
    int status = 0;
    if (!rv_cancel_point(cancel, err))
        return false;
    bool started = start(&r, err), fine = started && listen_to(&r, cancel, err);
    for (int i = 0; i < 2; i++) {
        if (r.ends[i] >= 0)
            close(r.ends[i]);
        rv_buf_clear(&r.text[i]);
    }
    while (started && waitpid(r.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!fine)
        return false;
    if (rv_cancel_asked(cancel) && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        return rv_cancel_point(cancel, err);
    if (!WIFEXITED(status))
        return rv_fail(err, RV_E_IO, "%s was ended by signal %d", child->words[0], WTERMSIG(status));
    *exit_code = WEXITSTATUS(status);
    return true;
}
