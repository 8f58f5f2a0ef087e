/* SPDX-License-Identifier: Apache-2.0 */
/* `revive sim …` is `revive-sim …`: the virtual iPhone is a program of its own, so that the two share nothing. */
#include "command/verbs.h"

#include "base/mem.h"
#include "base/program.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static bool run_sim(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO_TEXT program = rv_program_find("revive-sim", err);
    char *words[RV_ARGS_MAX + 2];
    size_t n = 0;
    if (program == NULL)
        return rv_while(err, "starting the virtual iPhone");
    words[n++] = program;
    for (size_t i = 0; i < run->args->words; i++)
        words[n++] = (char *)(uintptr_t)run->args->positional[i]; /* execv's prototype predates const */
    words[n] = NULL;
    signal(SIGPIPE, SIG_DFL); /* ours is ignored, and that would be inherited */
    execv(program, words);
    return rv_fail_sys(err, RV_E_IO, errno, "starting %s", program);
}

const struct rv_command rv_verb_sim = {
    .name = "sim",
    .summary = "Run and script the virtual iPhone",
    .words = "…",
    .about = "Hands its words to revive-sim, the virtual iPhone that revive is tried and tested with.",
    .example = "revive sim --help\n    lists what the virtual iPhone can do",
    .flags = RV_COMMAND_RAW,
    .run = run_sim,
};
