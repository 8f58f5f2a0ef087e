/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ctx.h"

#include "base/file.h"
#include "base/language.h"
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool take_env(const char *name, char **out, struct rv_error *err)
{
    const char *value = getenv(name);
    *out = NULL;
    if (value == NULL || *value == '\0')
        return true;
    *out = rv_text_copy(value);
    return *out != NULL || rv_fail_nomem(err);
}

static bool xdg(const char *name, const char *below_home, char **out, struct rv_error *err)
{
    const char *value = getenv(name), *home = getenv("HOME");
    RV_AUTO_TEXT base = NULL;
    if (value != NULL && value[0] == '/') /* the XDG rule: relative values are ignored */
        base = rv_text_copy(value);
    else
        base = rv_path_join(home != NULL && home[0] == '/' ? home : "/tmp", below_home, err);
    if (base == NULL)
        return rv_fail_nomem(err);
    *out = rv_path_join(base, "revive", err);
    return *out != NULL;
}

static bool take_scale(struct rv_ctx *ctx, struct rv_error *err)
{
    ctx->settings.deadline_scale = 1;
    const char *value = getenv("REVIVE_DEADLINE_SCALE");
    if (value == NULL || *value == '\0')
        return true;
    char *end = NULL;
    errno = 0;
    double scale = strtod(value, &end);
    if (errno != 0 || *end != '\0' || !(scale > 0.0009 && scale < 1001))
        return rv_fail(err, RV_E_USAGE, "REVIVE_DEADLINE_SCALE is '%s', not a number from 0.001 to 1000", value);
    ctx->settings.deadline_scale = ctx->clock.scale = scale;
    return true;
}

/* Texts that a context owns: taken as they are from the environment, or folders by the XDG rule. */
static const struct setting {
    const char *name, *below_home; /* below_home: of a folder that is not named */
    size_t at;
} texts[] = {
    { "REVIVE_APPLE_CATALOG", NULL, offsetof(struct rv_ctx, settings.apple_catalog) },
    { "REVIVE_APPLE_TSS", NULL, offsetof(struct rv_ctx, settings.apple_tss) },
    { "REVIVE_IPSW_ME", NULL, offsetof(struct rv_ctx, settings.ipsw_me) },
    { "REVIVE_TRUST_ROOT", NULL, offsetof(struct rv_ctx, settings.trust_root) },
    { "REVIVE_USB", NULL, offsetof(struct rv_ctx, settings.usb) },
    { "XDG_CACHE_HOME", ".cache", offsetof(struct rv_ctx, cache_dir) },
    { "XDG_CONFIG_HOME", ".config", offsetof(struct rv_ctx, config_dir) },
    { "XDG_DATA_HOME", ".local/share", offsetof(struct rv_ctx, data_dir) },
    { "XDG_STATE_HOME", ".local/state", offsetof(struct rv_ctx, state_dir) },
};

static char **place(struct rv_ctx *ctx, const struct setting *setting)
{
    return (char **)(void *)((char *)ctx + setting->at);
}

bool rv_ctx_init(struct rv_ctx *ctx, struct rv_error *err)
{
    memset(ctx, 0, sizeof *ctx);
    ctx->cancel.fds[0] = ctx->cancel.fds[1] = -1;
    rv_clock_system(&ctx->clock);
    bool fine = rv_cancel_init(&ctx->cancel, err) && take_scale(ctx, err);
    for (size_t i = 0; fine && i < RV_COUNT(texts); i++)
        fine = texts[i].below_home == NULL ? take_env(texts[i].name, place(ctx, &texts[i]), err)
                                           : xdg(texts[i].name, texts[i].below_home, place(ctx, &texts[i]), err);
    if (!fine)
        rv_ctx_clear(ctx);
    return fine;
}

bool rv_ctx_leave_no_trace(struct rv_ctx *ctx, struct rv_error *err)
{
    if (ctx->pairings == NULL)
        ctx->pairings = rv_alloc(sizeof *ctx->pairings);
    return ctx->pairings != NULL || rv_fail_nomem(err);
}

static void forget_pairings(struct rv_ctx *ctx)
{
    for (size_t i = 0; ctx->pairings != NULL && i < ctx->pairings->count; i++) {
        struct rv_blob *record = ctx->pairings->rows[i].record;
        rv_wipe(record->data, record->len);
        rv_blob_free(record);
    }
    rv_free(ctx->pairings);
    ctx->pairings = NULL;
}

void rv_ctx_clear(struct rv_ctx *ctx)
{
    rv_cancel_clear(&ctx->cancel);
    forget_pairings(ctx);
    for (size_t i = 0; i < RV_COUNT(texts); i++)
        rv_text_auto(place(ctx, &texts[i]));
}

bool rv_ask(struct rv_ctx *ctx, const struct rv_question *question, struct rv_error *err)
{
    if (ctx->assume_yes) {
        rv_log(ctx->log, RV_LOG_INFO, "ask", "%s: yes (--yes)", question->id);
        return true;
    }
    if (ctx->ask == NULL) {
        rv_fail(err, RV_E_USAGE, "nobody can be asked here (no terminal, and no --yes): %s", question->text);
        return rv_advise(err, RV_ADVICE_UNANSWERED);
    }
    bool yes = ctx->ask(ctx->ask_context, question);
    rv_log(ctx->log, RV_LOG_INFO, "ask", "%s: %s", question->id, yes ? "yes" : "no");
    if (yes)
        return true;
    rv_fail(err, RV_E_USAGE, "the answer was not yes: %s", question->text);
    return rv_advise(err, RV_ADVICE_DECLINED);
}

static void log_event(struct rv_ctx *ctx, const char *step, const char *text)
{
    rv_log(ctx->log, RV_LOG_INFO, "event", "%s%s%s", step ? step : "", step ? ": " : "", text ? text : "");
}

void rv_tell(struct rv_ctx *ctx, const struct rv_event *event)
{
    if (event->kind != RV_EVENT_PROGRESS && event->kind != RV_EVENT_ROW && event->kind != RV_EVENT_ROW_PART)
        log_event(ctx, event->step, event->text);
    if (ctx->event != NULL)
        ctx->event(ctx->event_context, event);
}

void rv_tell_step(struct rv_ctx *ctx, const char *step, const char *text)
{
    rv_tell(ctx, &(struct rv_event){ .kind = RV_EVENT_STEP, .step = step, .text = text, .percent = -1 });
}

/* The log has it in English, the person in their language. */
__attribute__((format(printf, 3, 0))) static void tell_text(struct rv_ctx *ctx, enum rv_event_kind kind,
                                                            const char *fmt, va_list ap)
{
    char text[1024];
    va_list again;
    va_copy(again, ap);
    vsnprintf(text, sizeof text, fmt, ap);
    log_event(ctx, NULL, text);
    vsnprintf(text, sizeof text, rv_translated(fmt), again);
    va_end(again);
    if (ctx->event != NULL)
        ctx->event(ctx->event_context, &(struct rv_event){ .kind = kind, .text = text, .percent = -1 });
}

void rv_tell_note(struct rv_ctx *ctx, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell_text(ctx, RV_EVENT_NOTE, fmt, ap);
    va_end(ap);
}

void rv_tell_warning(struct rv_ctx *ctx, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell_text(ctx, RV_EVENT_WARNING, fmt, ap);
    va_end(ap);
}
