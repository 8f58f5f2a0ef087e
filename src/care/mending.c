/* SPDX-License-Identifier: Apache-2.0 */
#include "care/mending.h"

#include "base/file.h"
#include "base/text.h"
#include "data/udev_rules.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 8, COMMANDS_MAX = 4 };
/* Stands for the file with the rule, written where this user may write. */
#define RULE_FILE "@rule"

struct mending {
    const char *commands[COMMANDS_MAX][WORDS_MAX];
};

static const struct mending mendings[] = {
    [RV_FIX_START_USBMUXD] = { { { "systemctl", "restart", "usbmuxd" } } },
    [RV_FIX_UDEV_RULE] = { { { "install", "-m", "644", RULE_FILE, "/etc/udev/rules.d/" RV_UDEV_RULES_NAME },
                             { "udevadm", "control", "--reload" },
                             { "udevadm", "trigger", "--subsystem-match=usb" } } },
};

static const struct mending *mending_of(enum rv_fix fix)
{
    return (unsigned)fix < RV_COUNT(mendings) ? &mendings[fix] : &mendings[RV_FIX_NONE];
}

void rv_mending_show(enum rv_fix fix, char *out, size_t size)
{
    const struct mending *m = mending_of(fix);
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < COMMANDS_MAX && m->commands[i][0] != NULL; i++) {
        int n = snprintf(out + at, size - at, "%s%s", i > 0 ? "\n" : "", geteuid() == 0 ? "" : "sudo ");
        at += n > 0 ? (size_t)n : 0;
        for (size_t k = 0; at < size && k < WORDS_MAX && m->commands[i][k] != NULL; k++) {
            const char *word = m->commands[i][k];
            n = snprintf(out + at, size - at, "%s%s", k > 0 ? " " : "",
                         strcmp(word, RULE_FILE) == 0 ? RV_UDEV_RULES_NAME : word);
            at += n > 0 ? (size_t)n : 0;
        }
        if (at >= size)
            return;
    }
}

static bool run_command(const char *const words[WORDS_MAX], const char *rule, struct rv_error *err)
{
    char *argv[WORDS_MAX + 2];
    size_t n = 0;
    pid_t pid;
    int status = 0;
    if (geteuid() != 0)
        argv[n++] = (char *)(uintptr_t) "sudo";
    for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++)
        argv[n++] = (char *)(uintptr_t)(strcmp(words[i], RULE_FILE) == 0 ? rule : words[i]);
    argv[n] = NULL;
    /* The terminal stays with it: sudo asks for the password there. */
    int failed = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
    if (failed != 0)
        return rv_fail_sys(err, RV_E_IO, failed, "starting %s", argv[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    return rv_fail(err, RV_E_REFUSED, "`%s%s` did not succeed", geteuid() == 0 ? "" : "sudo ", words[0]);
}

bool rv_mending_run(struct rv_ctx *ctx, enum rv_fix fix, struct rv_error *err)
{
    const struct mending *m = mending_of(fix);
    RV_AUTO_TEXT rule = rv_path_join(ctx->state_dir, RV_UDEV_RULES_NAME, err);
    if (rule == NULL)
        return false;
    bool with_rule = fix == RV_FIX_UDEV_RULE;
    struct rv_span text = rv_span((const uint8_t *)rv_udev_rules, strlen(rv_udev_rules));
    if (with_rule && (!rv_dir_make(ctx->state_dir, err) || !rv_file_write_atomic(rule, text, 0644, err)))
        return false;
    bool fine = true;
    for (size_t i = 0; fine && i < COMMANDS_MAX && m->commands[i][0] != NULL; i++)
        fine = run_command(m->commands[i], rule, err);
    if (with_rule)
        unlink(rule);
    return fine;
}
