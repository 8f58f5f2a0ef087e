/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/logs.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { KEPT_MAX = 20, SEEN_MAX = 4096, NAME_MAX_BYTES = 128 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names begin with the time, so the oldest sort first. Only names of ours are touched. */
static void drop_oldest(const char *folder)
{
    DIR *dir = opendir(folder);
    char **names = rv_alloc_array(SEEN_MAX, sizeof *names);
    size_t count = 0;
    const struct dirent *entry;
    while (dir != NULL && names != NULL && count < SEEN_MAX && (entry = readdir(dir)) != NULL)
        if (rv_text_starts(entry->d_name, "revive-") && rv_text_ends(entry->d_name, ".log"))
            if ((names[count] = rv_text_copy(entry->d_name)) != NULL)
                count++;
    if (count > 1)
        qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        if (i + KEPT_MAX <= count)
            unlinkat(dirfd(dir), names[i], 0);
        rv_free(names[i]);
    }
    rv_free(names);
    if (dir != NULL)
        closedir(dir);
}

/* state_dir/logs/revive-20261121T124400Z-update-PID.log */
static char *kept_path(const struct rv_face *face, const struct rv_ctx *ctx, struct rv_error *err)
{
    char name[NAME_MAX_BYTES], when[32], verb[32];
    time_t now = time(NULL);
    struct tm utc;
    RV_AUTO_TEXT folder = rv_path_join(ctx->state_dir, "logs", err);
    if (folder == NULL || !rv_dir_make(folder, err))
        return NULL;
    drop_oldest(folder);
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &utc);
    snprintf(verb, sizeof verb, "%s", face->command->name);
    for (char *c = verb; *c != '\0'; c++)
        *c = *c == ' ' ? '-' : *c;
    snprintf(name, sizeof name, "revive-%s-%s-%ld.log", when, verb, (long)getpid());
    return rv_path_join(folder, name, err);
}

bool rv_logs_open(struct rv_face *face, struct rv_ctx *ctx, const struct rv_args *args, struct rv_error *err)
{
    const char *named = rv_arg(args, "log");
    bool identifiers = rv_arg_flag(args, "log-identifiers");
    bool keep = (face->command->flags & RV_COMMAND_LONG) != 0 && !rv_arg_flag(args, "no-trace");
    if (named != NULL) {
        ctx->log = rv_log_new(named, identifiers, err);
        if (ctx->log == NULL)
            return false;
    } else if (keep) {
        struct rv_error own = { 0 };
        RV_AUTO_TEXT path = kept_path(face, ctx, &own);
        if (path != NULL)
            ctx->log = rv_log_new(path, identifiers, &own);
        if (ctx->log == NULL)
            rv_tell_warning(ctx, "no log of this run can be kept: %s", own.text[0]);
    }
    if (ctx->log == NULL)
        ctx->log = rv_log_new(NULL, identifiers, err);
    if (ctx->log == NULL)
        return false;
    if (face->verbose)
        rv_log_echo(ctx->log, STDERR_FILENO, RV_LOG_DEBUG);
    rv_log(ctx->log, RV_LOG_INFO, "cli", "revive " REVIVE_VERSION " %s", face->command->name);
    return true;
}
