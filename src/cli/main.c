/* SPDX-License-Identifier: Apache-2.0 */
/* argv -> a verb -> text or JSON. The order here is the order of a run. */
#include "cli/face.h"
#include "cli/interrupt.h"
#include "cli/logs.h"
#include "cli/sim_child.h"

#include "base/language.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static int finish(struct rv_face *face, int code)
{
    rv_progress_end(face);
    rv_face_clear(face);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written && code == 0) {
        fputs("revive: the output could not be written\n", stderr);
        return 1;
    }
    return code;
}

static int fail(struct rv_face *face, const struct rv_error *err, json_t *result)
{
    if (!face->json && result != NULL && json_object_get(result, "verdict") != NULL)
        rv_print_result(face, result); /* what was found counts, though something is wrong with where */
    rv_print_error(face, err, result);
    return finish(face, rv_exit_code(err));
}

static int run_verb(struct rv_face *face, const struct rv_args *args, struct rv_ctx *ctx)
{
    struct rv_error err = { 0 };
    json_t *result = json_object();
    ctx->event = rv_face_event;
    ctx->event_context = face;
    ctx->assume_yes = rv_arg_flag(args, "yes");
    if (isatty(STDIN_FILENO) && face->tty_err) {
        ctx->ask = rv_face_ask;
        ctx->secret = rv_face_secret;
        ctx->ask_context = face;
    }
    face->ctx = ctx;
    struct rv_run run = { .ctx = ctx, .args = args, .result = result, .json = face->json };
    int code;
    if ((!rv_arg_flag(args, "no-trace") || rv_ctx_leave_no_trace(ctx, &err)) && rv_logs_open(face, ctx, args, &err) &&
        face->command->run(&run, &err)) {
        rv_print_result(face, result);
        code = finish(face, 0);
    } else {
        if (err.code == RV_OK) /* a slip of ours, and never a success */
            rv_fail(&err, RV_E_IO, "%s broke off without a word why", face->command->name);
        for (size_t i = err.depth; i-- > 0;)
            rv_log(ctx->log, RV_LOG_ERROR, "cli", "%s: %s", rv_code_name(err.code), err.text[i]);
        if (err.apple != 0)
            rv_log(ctx->log, RV_LOG_ERROR, "cli", "iTunes number %d", (int)err.apple);
        code = fail(face, &err, result);
    }
    json_decref(result);
    return code;
}

static int with_context(struct rv_face *face, const struct rv_args *args)
{
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    if (!rv_ctx_init(&ctx, &err))
        return fail(face, &err, NULL);
    rv_interrupt_watch(&ctx.cancel);
    int code = run_verb(face, args, &ctx);
    rv_interrupt_forget();
    rv_log_free(ctx.log);
    rv_ctx_clear(&ctx);
    return code;
}

static bool json_wanted(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    struct rv_face face;
    struct rv_error err = { 0 };
    struct rv_args args;
    const struct rv_command *command = NULL;

    signal(SIGPIPE, SIG_IGN); /* a closed pipe must not end an update half way */
    bool understood = rv_args_parse(argc, argv, &command, &args, &err);
    rv_face_init(&face, command, &args);
    if (!json_wanted(argc, argv))
        rv_language_begin();
    if (!understood) {
        face.json = json_wanted(argc, argv);
        return fail(&face, &err, NULL);
    }
    const char *version = rv_arg(&args, "version"); /* with a value it is a verb's own: the iOS that is meant */
    if (version != NULL && *version == '\0') {
        puts("revive " REVIVE_VERSION);
        return finish(&face, 0);
    }
    if (rv_arg_flag(&args, "help") || command == NULL) {
        rv_print_help(&face, command);
        return finish(&face, 0);
    }
    const char *spec = rv_arg(&args, "sim");
    struct rv_sim sim = { .phone = 0 };
    if (spec != NULL && !rv_sim_start(&sim, spec, &err))
        return fail(&face, &err, NULL);
    int code = with_context(&face, &args);
    rv_sim_stop(&sim, code != 0);
    return code;
}
