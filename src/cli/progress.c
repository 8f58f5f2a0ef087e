/* SPDX-License-Identifier: Apache-2.0 */
/* Progress for a person, on stderr: a live bar on a terminal, else a line a step and at most one a second inside it. */
#include "cli/print.h"

#include "base/language.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

enum { BAR_CELLS = 24, LINE_MAX = 640, BAR_EVERY_MS = 100, PLAIN_EVERY_MS = 1000, RATE_AFTER_MS = 100 };

static void copy_clean(char *to, size_t room, const char *text)
{
    snprintf(to, room, "%s", text != NULL ? rv_translated(text) : "");
    rv_text_clean(to);
}

void rv_progress_end(struct rv_face *face)
{
    rv_coach_screen_end(face);
    if (face->progress.line_open)
        fputs("\r\033[K", stderr);
    face->progress.line_open = false;
}

/* Parts and steps are for programs; to a person only amounts of data say something. */
static bool counts_bytes(const struct rv_event *event)
{
    return event->total > 0 && (event->unit == NULL || strcmp(event->unit, "bytes") == 0);
}

/* Something on the phone waits for the person, and not for ever. */
static bool counts_down(const struct rv_event *event)
{
    return event->total > event->done && event->unit != NULL && strcmp(event->unit, "seconds") == 0;
}

static void seconds_words(double left, char *out, size_t room)
{
    if (left >= 90)
        snprintf(out, room, _(", %.0f min left"), round(left / 60));
    else
        snprintf(out, room, _(", %.0f s left"), round(left));
}

/* ", 3.1 MB/s, 2 min left", or "" while there is nothing to say yet. */
static void rate_words(struct rv_face *face, const struct rv_event *event, char *out, size_t room)
{
    struct rv_progress *p = &face->progress;
    uint64_t now = rv_clock_now(&face->ctx->clock);
    const char *step = event->text != NULL ? event->text : event->step != NULL ? event->step : "";
    char size[32];
    *out = '\0';
    if (!counts_bytes(event)) {
        p->rate_step[0] = '\0';
        return;
    }
    if (strcmp(step, p->rate_step) != 0 || event->done < p->begun_done) {
        snprintf(p->rate_step, sizeof p->rate_step, "%s", step);
        p->begun_ms = p->heard_ms; /* what is done by the first word was done since the last one before it */
        p->begun_done = 0;
    }
    uint64_t spent = now - p->begun_ms, done = event->done - p->begun_done;
    if (spent < RATE_AFTER_MS || done == 0)
        return;
    double per_second = (double)done * 1000 / (double)spent;
    size_t used = (size_t)snprintf(out, room, ", %s/s", rv_text_size((uint64_t)per_second, size, sizeof size));
    if (event->total > event->done && used < room)
        seconds_words((double)(event->total - event->done) / per_second, out + used, room - used);
}

static void amount_words(const struct rv_event *event, char *out, size_t room)
{
    char done[32], total[32];
    *out = '\0';
    if (counts_bytes(event))
        snprintf(out, room, _(" %s of %s"), rv_text_size(event->done, done, sizeof done),
                 rv_text_size(event->total, total, sizeof total));
    else if (counts_down(event))
        snprintf(out, room, _(" %u:%02u left"), (unsigned)(event->total - event->done) / 60,
                 (unsigned)(event->total - event->done) % 60);
}

/* An event may say what part of the step it is about; a single word is a component's name, for programs. */
static const char *progress_words(const struct rv_face *face, const struct rv_event *event, char *out, size_t room)
{
    copy_clean(out, room, event->text != NULL && strchr(event->text, ' ') != NULL ? event->text : face->progress.words);
    return out[0] != '\0' ? out : _("Working");
}

static void show_bar(struct rv_face *face, const struct rv_event *event)
{
    char amount[96], rate[96], bar[BAR_CELLS * 3 + 1] = "", line[LINE_MAX], words[256];
    double percent = face->progress.percent;
    unsigned full = (unsigned)(percent * BAR_CELLS / 100 + 0.5);
    for (unsigned i = 0; i < BAR_CELLS; i++)
        strncat(bar, i < full ? "█" : "░", sizeof bar - strlen(bar) - 1);
    amount_words(event, amount, sizeof amount);
    rate_words(face, event, rate, sizeof rate);
    progress_words(face, event, words, sizeof words);
    /* A narrow terminal cuts the words, never the figures. */
    size_t room = face->width > BAR_CELLS + 11 ? face->width - BAR_CELLS - 11 : 1;
    size_t figures = strlen(amount) + strlen(rate), words_room = room > figures ? room - figures : 1;
    snprintf(line, sizeof line, "%3.0f %%  %.*s%s%s", percent, (int)words_room, words, amount, rate);
    fprintf(stderr, "\r\033[K %s%s%s %s", rv_style(face->colour_err, "green"), bar, rv_style(face->colour_err, "off"),
            line);
    face->progress.line_open = true;
}

static void show_progress(struct rv_face *face, const struct rv_event *event)
{
    struct rv_progress *p = &face->progress;
    if (event->percent > p->percent) /* the whole job's; an event about a part does not know it, and none goes back */
        p->percent = event->percent > 100 ? 100 : event->percent;
    uint64_t now = rv_clock_now(&face->ctx->clock);
    bool whole = event->total > 0 && event->done == event->total;
    uint64_t every = face->tty_err ? BAR_EVERY_MS : PLAIN_EVERY_MS;
    if (now - p->last_print_ms < every && !(whole && face->tty_err))
        return;
    p->last_print_ms = now;
    if (face->tty_err) {
        show_bar(face, event);
        return;
    }
    char amount[96], rate[96], percent[16] = "", words[256];
    amount_words(event, amount, sizeof amount);
    rate_words(face, event, rate, sizeof rate);
    if (p->percent > 0 || event->percent >= 0)
        snprintf(percent, sizeof percent, " %.0f %%", p->percent);
    fprintf(stderr, "%s:%s%s%s\n", progress_words(face, event, words, sizeof words), percent, amount, rate);
}

int rv_note_width(const struct rv_face *face)
{
    enum { UNBROKEN = 1 << 20 };
    return face->tty_err ? (int)face->width : UNBROKEN;
}

/* Whole words on a terminal; one line for a pipe, unless the text itself has several. */
static void show_words(const struct rv_face *face, const struct rv_event *event)
{
    enum { MARKED = 9 };
    bool warns = event->kind == RV_EVENT_WARNING;
    char mark[48] = "";
    if (warns)
        snprintf(mark, sizeof mark, _("%swarning:%s "), rv_style(face->colour_err, "yellow"),
                 rv_style(face->colour_err, "off"));
    rv_write_paragraphs(stderr, mark, event->text != NULL ? event->text : "", warns ? MARKED : 0, rv_note_width(face));
}

void rv_progress_show(struct rv_face *face, const struct rv_event *event)
{
    char text[1024];
    copy_clean(text, sizeof text, event->text);
    if (event->kind == RV_EVENT_STEP) {
        if (event->text != NULL && strcmp(text, face->progress.words) == 0)
            return; /* the device does some things several times; once is news */
        copy_clean(face->progress.step, sizeof face->progress.step, event->step);
        copy_clean(face->progress.words, sizeof face->progress.words, event->text != NULL ? event->text : event->step);
    }
    if (face->quiet && event->kind != RV_EVENT_WARNING)
        return;
    if (event->kind == RV_EVENT_PROGRESS) {
        show_progress(face, event);
        face->progress.heard_ms = rv_clock_now(&face->ctx->clock);
        return;
    }
    face->progress.heard_ms = rv_clock_now(&face->ctx->clock);
    rv_progress_end(face);
    bool colour = face->colour_err;
    if (event->kind == RV_EVENT_WARNING || event->kind == RV_EVENT_NOTE)
        show_words(face, event);
    else if (event->kind == RV_EVENT_STEP)
        fprintf(stderr, "%s→%s %s\n", rv_style(colour, "bold"), rv_style(colour, "off"), face->progress.words);
    else if (event->kind == RV_EVENT_DEVICE)
        fprintf(stderr, _("%s  device: %s%s\n"), rv_style(colour, "dim"), text, rv_style(colour, "off"));
    else
        fprintf(stderr, "%s\n", text);
}
