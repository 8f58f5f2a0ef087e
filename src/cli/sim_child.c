/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sim_child.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/program.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 16, LINE_MAX_BYTES = 256, LOG_MAX_BYTES = 1 << 20, START_MS = 20000 };

/* A device of minutes in a second or two; what the product waits for is not shortened. */
static const char time_scale[] = "0.05";

struct child {
    const char *program;
    const char *const *words; /* NULL-terminated */
    const char *log;          /* its stderr */
    int out;                  /* read end of its stdout */
};

static void become(const struct child *child, int out, pid_t parent)
{
    char *words[WORDS_MAX + 1];
    size_t n = 0;
    for (; n < WORDS_MAX && child->words[n] != NULL; n++)
        words[n] = (char *)(uintptr_t)child->words[n];
    words[n] = NULL;
    int log = open(child->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    setpgid(0, 0); /* Ctrl-C is for the command, not for the phone */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_DFL);
    if (getppid() != parent || log < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        _exit(127);
    execv(child->program, words);
    _exit(127);
}

static pid_t start_child(struct child *child, struct rv_error *err)
{
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0) {
        rv_fail_sys(err, RV_E_IO, errno, "making a pipe");
        return 0;
    }
    pid_t pid = fork();
    if (pid == 0)
        become(child, ends[1], parent);
    close(ends[1]);
    child->out = ends[0];
    if (pid < 0) {
        close(ends[0]);
        rv_fail_sys(err, RV_E_IO, errno, "starting %s", child->program);
        return 0;
    }
    return pid;
}

/* What the child wrote last, for the error. */
static const char *last_words(const struct child *child, char *out, size_t room)
{
    struct rv_error ignored = { 0 };
    RV_AUTO(rv_blob) all = rv_file_read(child->log, LOG_MAX_BYTES, &ignored);
    size_t end = all != NULL ? all->len : 0;
    while (end > 0 && all->data[end - 1] == '\n')
        end--;
    size_t begin = end;
    while (begin > 0 && all->data[begin - 1] != '\n')
        begin--;
    snprintf(out, room, "%.*s", (int)(end - begin), all != NULL ? (const char *)all->data + begin : "");
    return *out != '\0' ? out : "it said nothing";
}

/* The child's first line, by a deadline. */
static bool first_line(const struct child *child, char *line, size_t room, struct rv_error *err)
{
    struct rv_clock clock;
    rv_clock_system(&clock);
    struct rv_deadline deadline = rv_deadline_in(&clock, START_MS);
    size_t at = 0;
    while (at + 1 < room) {
        struct pollfd p = { .fd = child->out, .events = POLLIN };
        if (poll(&p, 1, rv_deadline_left_ms(&deadline)) <= 0)
            return rv_fail(err, RV_E_TIMEOUT, "`revive-sim %s` does not get ready", child->words[1]);
        ssize_t n = read(child->out, line + at, 1);
        if (n <= 0)
            return rv_fail(err, RV_E_IO, "`revive-sim %s` ended before it was ready: %s", child->words[1],
                           last_words(child, line, room));
        if (line[at] == '\n')
            break;
        at++;
    }
    line[at] = '\0';
    return true;
}

/* Runs one of its short verbs to the end. */
static bool run_child(const struct child *child, struct rv_error *err)
{
    struct child own = *child;
    char drained[LINE_MAX_BYTES];
    int status = -1;
    pid_t pid = start_child(&own, err);
    if (pid == 0)
        return false;
    while (read(own.out, drained, sizeof drained) > 0)
        continue;
    close(own.out);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    return rv_fail(err, RV_E_IO, "`revive-sim %s` failed: %s", child->words[1],
                   last_words(child, drained, sizeof drained));
}

static bool set_environment(const struct rv_sim *sim, const char *port, struct rv_error *err)
{
    char value[2 * RV_SIM_PATH];
    snprintf(value, sizeof value, "UNIX:%s/mux", sim->folder);
    bool fine = setenv("USBMUXD_SOCKET_ADDRESS", value, 1) == 0;
    snprintf(value, sizeof value, "usbip:UNIX:%s/usb", sim->folder);
    fine = fine && setenv("REVIVE_USB", value, 1) == 0;
    snprintf(value, sizeof value, "http://127.0.0.1:%s/TSS/controller?action=2", port);
    fine = fine && setenv("REVIVE_APPLE_TSS", value, 1) == 0;
    snprintf(value, sizeof value, "http://127.0.0.1:%s/check/version", port);
    fine = fine && setenv("REVIVE_APPLE_CATALOG", value, 1) == 0;
    snprintf(value, sizeof value, "http://127.0.0.1:%s/v4/device/", port);
    fine = fine && setenv("REVIVE_IPSW_ME", value, 1) == 0;
    snprintf(value, sizeof value, "%s/pki/root.der", sim->scene);
    fine = fine && setenv("REVIVE_TRUST_ROOT", value, 1) == 0;
    snprintf(value, sizeof value, "%s/state", sim->scene); /* a virtual device does not mix with real ones */
    fine = fine && setenv("XDG_STATE_HOME", value, 1) == 0;
    snprintf(value, sizeof value, "%s/cache", sim->scene);
    return (fine && setenv("XDG_CACHE_HOME", value, 1) == 0) || rv_fail_nomem(err);
}

static bool start_apple(struct rv_sim *sim, struct child *child, char *port, size_t room, struct rv_error *err)
{
    char pki[RV_SIM_PATH + 8], files[RV_SIM_PATH + 8], line[LINE_MAX_BYTES];
    snprintf(pki, sizeof pki, "%s/pki", sim->scene);
    snprintf(files, sizeof files, "%s/files", sim->scene);
    child->words = (const char *const[]){ "revive-sim", "apple", "--pki", pki, "--files", files, NULL };
    sim->apple = start_child(child, err);
    if (sim->apple == 0)
        return false;
    bool fine = first_line(child, line, sizeof line, err);
    close(child->out);
    if (fine && !rv_text_starts(line, "listening "))
        return rv_fail(err, RV_E_PROTOCOL, "`revive-sim apple` said '%.80s'", line);
    snprintf(port, room, "%s", fine ? line + strlen("listening ") : "");
    return fine;
}

static bool start_phone(struct rv_sim *sim, struct child *child, const char *settles_in, struct rv_error *err)
{
    char phone[RV_SIM_PATH + 8], mux[RV_SIM_PATH + 16], usb[RV_SIM_PATH + 16], control[RV_SIM_PATH + 8];
    char line[LINE_MAX_BYTES];
    snprintf(phone, sizeof phone, "%s/phone", sim->scene);
    snprintf(mux, sizeof mux, "UNIX:%s/mux", sim->folder);
    snprintf(usb, sizeof usb, "UNIX:%s/usb", sim->folder);
    snprintf(control, sizeof control, "%s/ctl", sim->folder);
    child->words =
        (const char *const[]){ "revive-sim", "run",       "--state", phone,          "--usbmuxd", mux, "--usbip",
                               usb,          "--control", control,   "--time-scale", time_scale,  NULL };
    sim->phone = start_child(child, err);
    if (sim->phone == 0)
        return false;
    bool fine = first_line(child, line, sizeof line, err);
    close(child->out);
    if (!fine || settles_in == NULL)
        return fine;
    child->words = (const char *const[]){ "revive-sim", "ctl", "--control", control, "await", settles_in, "20", NULL };
    return run_child(child, err);
}

static const struct {
    const char *spec, *scenario, *settles_in;
} situations[] = {
    { "", "boot-loop", "recovery" }, { "boot-loop", "boot-loop", "recovery" }, { "dfu", "dfu", "dfu" },
    { "fresh", "fresh", "normal" },  { "normal", "fresh", "normal" },          { "recovery", "recovery", "recovery" },
};

/* Where the scene is, and what has to be laid there; *scenario NULL: it is there already. */
static bool choose_scene(struct rv_sim *sim, const char *spec, const char **scenario, const char **settles_in,
                         struct rv_error *err)
{
    for (size_t i = 0; i < RV_COUNT(situations); i++) {
        if (strcmp(situations[i].spec, spec) != 0)
            continue;
        *scenario = situations[i].scenario;
        *settles_in = situations[i].settles_in;
        snprintf(sim->scene, sizeof sim->scene, "%.500s/scene", sim->folder);
        return true;
    }
    if (strchr(spec, '/') == NULL)
        return rv_fail(err, RV_E_USAGE,
                       "--sim=%.60s is no situation (boot-loop, recovery, dfu, normal) and no folder (./%.60s)", spec,
                       spec);
    if (strlen(spec) > RV_SIM_PATH - 64)
        return rv_fail(err, RV_E_LIMIT, "the path of --sim is longer than %d", RV_SIM_PATH - 64);
    snprintf(sim->scene, sizeof sim->scene, "%s", spec);
    RV_AUTO_TEXT keys = rv_path_join(spec, "pki/root.der", err);
    if (keys == NULL)
        return false;
    *scenario = rv_file_exists(keys) ? NULL : "boot-loop";
    *settles_in = *scenario != NULL ? "recovery" : NULL;
    return true;
}

bool rv_sim_start(struct rv_sim *sim, const char *spec, struct rv_error *err)
{
    const char *tmp = getenv("TMPDIR"), *scenario = NULL, *settles_in = NULL;
    char log[RV_SIM_PATH + 16], port[LINE_MAX_BYTES];
    memset(sim, 0, sizeof *sim);
    RV_AUTO_TEXT program = rv_program_find("revive-sim", err);
    if (program == NULL)
        return rv_while(err, "starting the virtual iPhone");
    /* Short on purpose: a socket's path has 107 bytes at most. */
    snprintf(sim->folder, sizeof sim->folder, "%s/revive-XXXXXX", tmp != NULL && strlen(tmp) < 60 ? tmp : "/tmp");
    if (mkdtemp(sim->folder) == NULL)
        return rv_fail_sys(err, RV_E_IO, errno, "making a folder for the virtual iPhone");
    snprintf(log, sizeof log, "%s/sim.log", sim->folder);
    struct child child = { .program = program, .log = log };
    bool fine = choose_scene(sim, spec, &scenario, &settles_in, err);
    if (fine && scenario != NULL) {
        child.words = (const char *const[]){ "revive-sim", "stage", "--dir", sim->scene, "--scenario", scenario, NULL };
        fine = run_child(&child, err);
    }
    fine = fine && start_apple(sim, &child, port, sizeof port, err) && start_phone(sim, &child, settles_in, err) &&
           set_environment(sim, port, err);
    if (fine)
        return true;
    rv_sim_stop(sim, false);
    return rv_while(err, "starting the virtual iPhone");
}

static void end_child(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGTERM);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    (void)remove(path); /* a folder that still holds a log stays */
    return 0;
}

static int remove_all_but_logs(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    return strstr(path, "/scene/state/revive/logs/") != NULL ? 0 : remove_one(path, st, kind, where);
}

void rv_sim_stop(struct rv_sim *sim, bool keep_logs)
{
    end_child(sim->phone);
    end_child(sim->apple);
    sim->phone = sim->apple = 0;
    if (sim->folder[0] != '\0')
        nftw(sim->folder, keep_logs ? remove_all_but_logs : remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
