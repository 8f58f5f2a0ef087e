/* SPDX-License-Identifier: Apache-2.0 */
#include "base/host.h"

#include "base/file.h"
#include "base/program.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ATTRIBUTE = 64, ANSWER_MS = 3000 };

const char *rv_host_root(void)
{
    const char *root = getenv("REVIVE_HOST_ROOT");
    return root != NULL ? root : "";
}

/* ---- power ---- */

/* One line of a sysfs attribute; "" when it is not there. */
static void read_attribute(const char *folder, const char *supply, const char *name, char *out)
{
    char path[PATH_MAX];
    out[0] = '\0';
    int len = snprintf(path, sizeof path, "%s/%s/%s", folder, supply, name);
    int fd = len > 0 && (size_t)len < sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    ssize_t got = read(fd, out, ATTRIBUTE - 1);
    out[got > 0 ? got : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    close(fd);
}

struct power {
    bool mains, discharging;
};

/* Documentation/ABI/testing/sysfs-class-power of Linux: type, online, status; scope Device is a mouse or a phone. */
static void look_at_supply(const char *folder, const char *supply, struct power *power)
{
    char type[ATTRIBUTE], scope[ATTRIBUTE], value[ATTRIBUTE];
    read_attribute(folder, supply, "type", type);
    read_attribute(folder, supply, "scope", scope);
    if (strcmp(scope, "Device") == 0)
        return;
    if (strcmp(type, "Battery") == 0) {
        read_attribute(folder, supply, "status", value);
        power->discharging = power->discharging || strcmp(value, "Discharging") == 0;
    } else {
        read_attribute(folder, supply, "online", value);
        power->mains = power->mains || strcmp(value, "1") == 0;
    }
}

enum rv_known rv_host_on_battery(const char *root)
{
    char path[PATH_MAX];
    struct power power = { 0 };
    if ((size_t)snprintf(path, sizeof path, "%s/sys/class/power_supply", root) >= sizeof path)
        return RV_UNKNOWN;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return RV_UNKNOWN;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (entry->d_name[0] != '.')
            look_at_supply(path, entry->d_name, &power);
    closedir(folder);
    return power.discharging && !power.mains ? RV_YES : RV_NO;
}

/* ---- room ---- */

bool rv_host_room(const char *path, uint64_t *free_bytes)
{
    char at[PATH_MAX];
    struct statvfs st;
    if ((size_t)snprintf(at, sizeof at, "%s", path) >= sizeof at)
        return false;
    while (statvfs(at, &st) != 0) { /* a folder that is still to be made: what it will stand in */
        char *slash = strrchr(at, '/');
        if (errno != ENOENT || slash == NULL || slash == at)
            return false;
        *slash = '\0';
    }
    *free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return true;
}

/* ---- sleep ---- */

struct rv_awake {
    pid_t pid;
    int line; /* while it is open the helper lives */
};

void rv_awake_free(struct rv_awake *awake)
{
    if (awake == NULL)
        return;
    if (awake->line >= 0)
        close(awake->line);
    if (awake->pid > 0) {
        kill(-awake->pid, SIGTERM);
        while (waitpid(awake->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    rv_free(awake);
}

/* In a process group of its own: Ctrl-C in the terminal is for revive, which may still need some minutes. */
static bool start(const char *program, const char *what, const char *why, int end, pid_t *pid, struct rv_error *err)
{
    char what_option[64], why_option[256];
    snprintf(what_option, sizeof what_option, "--what=%s", what);
    snprintf(why_option, sizeof why_option, "--why=%s", why);
    char who[] = "--who=revive", mode[] = "--mode=block", command[] = "cat";
    char *const words[] = { (char *)(uintptr_t)program, what_option, why_option, who, mode, command, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&files, end, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, end, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    int why_not = posix_spawn(pid, program, &files, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return why_not == 0 || rv_fail_sys(err, RV_E_UNSUPPORTED, why_not, "starting %s", program);
}

/* The helper runs its command only once it holds the lock: an echo proves it. */
static bool answers(struct rv_ctx *ctx, int line, struct rv_error *err)
{
    char echo = 0;
    struct rv_deadline deadline = rv_deadline_in(&ctx->clock, ANSWER_MS);
    if (send(line, "\n", 1, MSG_NOSIGNAL) != 1)
        return rv_fail(err, RV_E_UNSUPPORTED, "the sleep service does not listen");
    for (;;) {
        struct pollfd watch = { .fd = line, .events = POLLIN };
        int left = rv_deadline_left_ms(&deadline), ready = poll(&watch, 1, left);
        if (ready > 0)
            return read(line, &echo, 1) == 1 || rv_fail(err, RV_E_UNSUPPORTED, "the sleep service refused");
        if (ready == 0 || errno != EINTR)
            return rv_fail(err, RV_E_UNSUPPORTED, "the sleep service does not answer");
    }
}

static struct rv_awake *hold(struct rv_ctx *ctx, const char *program, const char *what, const char *why,
                             struct rv_error *err)
{
    int ends[2];
    RV_AUTO(rv_awake) awake = rv_alloc(sizeof *awake);
    if (awake == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    awake->line = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        rv_fail_sys(err, RV_E_UNSUPPORTED, errno, "making a line to %s", program);
        return NULL;
    }
    awake->line = ends[0];
    bool started = start(program, what, why, ends[1], &awake->pid, err);
    close(ends[1]);
    if (!started)
        awake->pid = 0;
    return started && answers(ctx, awake->line, err) ? rv_steal(&awake) : NULL;
}

struct rv_awake *rv_awake_hold(struct rv_ctx *ctx, const char *why, struct rv_error *err)
{
    /* logind lets a closed lid pass all locks but its own; where policy forbids that one, the rest is still good. */
    static const char *const whats[] = { "sleep:idle:handle-lid-switch", "sleep:idle" };
    struct rv_error attempt = { 0 };
    RV_AUTO_TEXT program = rv_program_find("systemd-inhibit", &attempt);
    if (program == NULL)
        program = rv_program_find("elogind-inhibit", &attempt);
    for (size_t i = 0; program != NULL && i < RV_COUNT(whats); i++) {
        struct rv_awake *awake = hold(ctx, program, whats[i], why, &attempt);
        if (awake != NULL)
            return awake;
    }
    rv_fail(err, RV_E_UNSUPPORTED, "%s", attempt.text[0]);
    return NULL;
}
