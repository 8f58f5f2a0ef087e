/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door: every verb once, with typed options, events out and one JSON result. Help, completion,
 * man pages and (later) web forms are printed from this table. Faces (cli/, web/) render results; nothing
 * below prints.
 */
#pragma once

#include "base/ctx.h"

#include <jansson.h>

struct rv_option {
    const char *name;  /* long name without dashes */
    char letter;       /* 0: none */
    const char *value; /* what its value is called ("FILE"); NULL: a flag */
    const char *help;
};

/** Parsed words of one command line; borrowed from argv. */
struct rv_args {
    enum { RV_ARGS_MAX = 64 } limit_;
    size_t count, words;
    struct {
        const char *name, *value; /* option; value "" for flags */
    } options[RV_ARGS_MAX];
    const char *positional[RV_ARGS_MAX];
};
const char *rv_arg(const struct rv_args *args, const char *name); /* value or NULL; the last one wins */
bool rv_arg_flag(const struct rv_args *args, const char *name);
const char *rv_arg_word(const struct rv_args *args, size_t index); /* positional or NULL */

struct rv_run {
    struct rv_ctx *ctx;
    const struct rv_args *args;
    json_t *result; /* an object; the verb adds keys */
    bool json;      /* a long-running verb may stream differently */
};

enum {
    RV_COMMAND_LONG = 1 << 0,   /* prints JSON Lines of events, then {"event":"result"} */
    RV_COMMAND_DEVICE = 1 << 1, /* takes -d/--device */
    RV_COMMAND_ERASES = 1 << 2,
    RV_COMMAND_RAW = 1 << 3,   /* every word after the verb is positional, options too */
    RV_COMMAND_WATCH = 1 << 4, /* with its option --watch the command is LONG */
};

struct rv_command {
    const char *name;    /* "recovery enter"; "" is `revive` alone */
    const char *summary; /* one line, for help */
    const char *words;   /* usage of positionals, such as "CODE|FILE"; NULL none */
    const char *about;   /* paragraph for --help and the man page */
    const char *example; /* one worked example: a command line and what it does */
    const struct rv_option *options;
    size_t option_count;
    unsigned flags;
    bool (*run)(struct rv_run *run, struct rv_error *err);
};
extern const struct rv_command *const rv_commands[]; /* sorted by name, NULL-terminated */
const struct rv_command *rv_command_find(const char *name);

/** Exit code of cli.md for an error. */
int rv_exit_code(const struct rv_error *err);
/** {"code","title","cause","actions","itunes_code","log"}; new reference. */
json_t *rv_error_json(const struct rv_error *err, const char *log_path);
