/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that run: devices with their faces, Apple's servers, and a word to a running device. */
#include "sim/program.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/apple.h"
#include "sim/services.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DEVICES_MAX = 64, SETS_MAX = 64, ANSWER_MAX = 8192 };

struct run {
    struct sim_device *devices[DEVICES_MAX];
    size_t count;
    const char *usbmuxd, *usbip, *control, *mode, *time_scale, *record;
    const char *sets[SETS_MAX];
    size_t set_count;
    uint64_t ready_fd;
};

/* SIGTERM, SIGINT and "quit" end the program by way of main, so that the devices are closed. Blocked before any thread
 * is made, so that all inherit it. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void wait_for_end(const sigset_t *set)
{
    int which;
    while (sigwait(set, &which) == EINTR)
        continue;
}

static bool open_devices(struct sim_words *words, struct run *run, struct rv_error *err)
{
    const char *folder;
    while ((folder = sim_option(words, "--state")) != NULL) {
        if (run->count == DEVICES_MAX)
            return rv_fail(err, RV_E_LIMIT, "at most %d devices", DEVICES_MAX);
        run->devices[run->count] = sim_device_open(folder, err);
        if (run->devices[run->count] == NULL)
            return false;
        run->count++;
    }
    return run->count > 0 || rv_fail(err, RV_E_USAGE, "--state DIR is missing");
}

static void apply_sets(struct run *run, struct sim_device *device)
{
    char name[64];
    for (size_t i = 0; i < run->set_count; i++) {
        size_t len = strcspn(run->sets[i], "=");
        snprintf(name, sizeof name, "%.*s", (int)len, run->sets[i]);
        sim_setting_put(device, name, run->sets[i][len] == '=' ? run->sets[i] + len + 1 : "yes");
    }
    if (run->time_scale != NULL)
        sim_setting_put(device, "time_scale", run->time_scale);
}

static bool open_faces(struct run *run, struct rv_error *err)
{
    if (run->usbmuxd != NULL && !sim_usbmuxd_start(run->devices, run->count, run->usbmuxd, err))
        return false;
    if (run->usbip != NULL && !sim_usbip_start(run->devices, run->count, run->usbip, err))
        return false;
    return run->control == NULL || sim_control_start(run->devices, run->count, run->control, err);
}

static bool switch_on(struct run *run, struct rv_error *err)
{
    static const struct {
        const char *word;
        enum sim_mode mode;
    } modes[] = { { "normal", SIM_NORMAL }, { "recovery", SIM_RECOVERY }, { "dfu", SIM_DFU }, { "off", SIM_OFF } };
    for (size_t m = 0; m < RV_COUNT(modes); m++) {
        if (strcmp(modes[m].word, run->mode) != 0)
            continue;
        for (size_t i = 0; i < run->count; i++)
            sim_device_start(run->devices[i], modes[m].mode);
        return true;
    }
    return rv_fail(err, RV_E_USAGE, "no such mode: %s", run->mode);
}

static void say_ready(const struct run *run)
{
    static const char line[] = "ready\n";
    struct rv_error ignored = { 0 };
    int fd = run->ready_fd != 0 ? (int)run->ready_fd : STDOUT_FILENO;
    (void)rv_fd_write_all(fd, rv_span(line, sizeof line - 1), &ignored);
    if (run->ready_fd != 0)
        close(fd);
}

static bool run_devices(struct sim_words *words, struct run *run, const sigset_t *ends, struct rv_error *err)
{
    if (!open_devices(words, run, err))
        return false;
    for (size_t i = 0; i < run->count; i++) {
        apply_sets(run, run->devices[i]);
        if (run->record != NULL && !sim_device_transcribe(run->devices[i], run->record, err))
            return false;
    }
    /* Faces first: nobody may miss the first attach. */
    if (!open_faces(run, err) || !switch_on(run, err))
        return false;
    say_ready(run);
    wait_for_end(ends);
    return true;
}

int sim_verb_run(struct sim_words *words)
{
    struct rv_error err = { 0 };
    sigset_t ends;
    struct run run = {
        .usbmuxd = sim_option(words, "--usbmuxd"),
        .usbip = sim_option(words, "--usbip"),
        .control = sim_option(words, "--control"),
        .mode = sim_option(words, "--mode"),
        .time_scale = sim_option(words, "--time-scale"),
        .record = sim_option(words, "--record"),
        .ready_fd = sim_option_number(words, "--ready-fd", 0),
    };
    if (run.mode == NULL)
        run.mode = "normal";
    while (run.set_count < SETS_MAX && (run.sets[run.set_count] = sim_option(words, "--set")) != NULL)
        run.set_count++;
    for (int i = 0; i < words->count; i++) /* --state words are taken later; anything else is wrong */
        if (words->word[i] != NULL && strcmp(words->word[i], "--state") == 0)
            i++;
        else if (words->word[i] != NULL && !rv_text_starts(words->word[i], "--state="))
            return sim_words_end(words);
    block_signals(&ends);
    bool ok = run_devices(words, &run, &ends, &err);
    /* The faces' threads still hold the devices; the end of the process frees all of it at once. */
    for (size_t i = 0; i < run.count; i++)
        sim_device_start(run.devices[i], SIM_OFF);
    int status = ok ? 0 : sim_complain(&err);
    fflush(NULL);
    _exit(status);
}

int sim_verb_apple(struct sim_words *words)
{
    struct rv_error err = { 0 };
    sigset_t ends;
    unsigned port = 0;
    enum { FAULTS_MAX = 16 };
    const char *faults[FAULTS_MAX + 1] = { NULL };
    for (size_t i = 0; i < FAULTS_MAX && (faults[i] = sim_option(words, "--fault")) != NULL;)
        i++;
    struct sim_apple_options options = {
        .listen = sim_option(words, "--listen"),
        .pki = sim_option(words, "--pki"),
        .files = sim_option(words, "--files"),
        .refuse_status = (int)sim_option_number(words, "--refuse", 0),
        .record = sim_option(words, "--record"),
        .tls = sim_option(words, "--tls"),
        .faults = faults,
    };
    if (sim_words_end(words) != 0)
        return 2;
    if (options.listen == NULL)
        options.listen = "127.0.0.1:0";
    if (options.pki == NULL) {
        fprintf(stderr, "revive-sim: --pki is missing\n");
        return 2;
    }
    block_signals(&ends);
    if (!sim_apple_start(&options, &port, &err))
        return sim_complain(&err);
    printf("listening %u\n", port);
    fflush(stdout);
    wait_for_end(&ends);
    return 0;
}

/* ---- ctl ---- */

static int connect_control(const char *path, struct rv_error *err)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    if (rv_text_starts(path, "UNIX:"))
        path += strlen("UNIX:");
    if (strlen(path) >= sizeof name.sun_path) {
        rv_fail(err, RV_E_LIMIT, "path too long: %s", path);
        return -1;
    }
    memcpy(name.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    rv_fail_sys(err, RV_E_GONE, errno, "no device listens on %s", path);
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool ask(int fd, const char *line, char *answer, size_t size, struct rv_error *err)
{
    size_t at = 0;
    if (!rv_fd_write_all(fd, rv_span(line, strlen(line)), err))
        return false;
    while (at + 1 < size && memchr(answer, '\n', at) == NULL) {
        ssize_t got = read(fd, answer + at, size - 1 - at);
        if (got <= 0)
            break;
        at += (size_t)got;
    }
    answer[at] = 0;
    return at > 0 || rv_fail(err, RV_E_GONE, "no answer");
}

int sim_verb_ctl(struct sim_words *words)
{
    struct rv_error err = { 0 };
    char line[1024] = "", answer[ANSWER_MAX];
    const char *path = sim_option(words, "--control");
    for (int i = 0; i < words->count; i++) {
        size_t at = strlen(line);
        if (words->word[i] != NULL)
            snprintf(line + at, sizeof line - at, "%s%s", at ? " " : "", words->word[i]);
    }
    if (path == NULL || line[0] == 0 || strlen(line) + 2 > sizeof line) {
        fprintf(stderr, "revive-sim: ctl --control SOCKET WORDS...\n");
        return 2;
    }
    snprintf(line + strlen(line), 2, "\n");
    RV_AUTO_FD fd = connect_control(path, &err);
    if (fd < 0 || !ask(fd, line, answer, sizeof answer, &err))
        return sim_complain(&err);
    fputs(answer, stdout);
    return rv_text_starts(answer, "{\"ok\":true") ? 0 : 1;
}
