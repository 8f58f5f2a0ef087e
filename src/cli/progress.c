/* SPDX-License-Identifier: Apache-2.0 */
/* Progress for a person, on stderr: a live bar on a terminal, else a line a step and at most one a second inside it. */
#include "cli/face.h"

#include "base/text.h"

#include <string.h>

enum { BAR_CELLS = 24, LINE_MAX = 512, BAR_EVERY_MS = 100, PLAIN_EVERY_MS = 1000, RATE_AFTER_MS = 300 };

static void copy_clean(char *to, size_t room, const char *text)
{
    snprintf(to, room, "%s", text != NULL ? text : "");
    rv_text_clean(to);
}

void rv_progress_end(struct rv_face *face)
{
    if (face->progress.line_open)
        fputs("\r\033[K", stderr);
    face->progress.line_open = false;
}

/* Parts and steps are for programs; to a person only amounts of data say something. */
static bool counts_bytes(const struct rv_event *event)
{
    return event->total > 0 && (event->unit == NULL || strcmp(event->unit, "bytes") == 0);
}

static void seconds_words(double left, char *out, size_t room)
{
    if (left >= 90)
        snprintf(out, room, ", %.0f min left", left / 60 + 0.5);
    else
        snprintf(out, room, ", %.0f s left", left + 0.5);
}

/* ", 3.1 MB/s, 2 min left", or "" while there is nothing to say yet. */
static void rate_words(struct rv_face *face, const struct rv_event *event, char *out, size_t room)
{
    struct rv_progress *p = &face->progress;
    uint64_t now = rv_clock_now(&face->ctx->clock);
    const char *step = event->step != NULL ? event->step : "";
    char size[32];
    *out = '\0';
    if (!counts_bytes(event))
        return;
    if (strcmp(step, p->rate_step) != 0 || event->done < p->begun_done) {
        snprintf(p->rate_step, sizeof p->rate_step, "%s", step);
        p->begun_ms = now;
        p->begun_done = event->done;
        return;
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
        snprintf(out, room, " %s of %s", rv_text_size(event->done, done, sizeof done),
                 rv_text_size(event->total, total, sizeof total));
}

static void show_bar(struct rv_face *face, const struct rv_event *event)
{
    char amount[96], rate[96], bar[BAR_CELLS * 3 + 1] = "", line[LINE_MAX];
    double percent = event->percent;
    if (percent < 0)
        percent = event->total > 0 ? 100.0 * (double)event->done / (double)event->total : 0;
    percent = percent > 100 ? 100 : percent;
    unsigned full = (unsigned)(percent * BAR_CELLS / 100 + 0.5);
    for (unsigned i = 0; i < BAR_CELLS; i++)
        strncat(bar, i < full ? "█" : "░", sizeof bar - strlen(bar) - 1);
    amount_words(event, amount, sizeof amount);
    rate_words(face, event, rate, sizeof rate);
    snprintf(line, sizeof line, "%3.0f %%  %s%s%s", percent, face->progress.words, amount, rate);
    unsigned room = face->width > BAR_CELLS + 4 ? face->width - BAR_CELLS - 4 : 1;
    fprintf(stderr, "\r\033[K %s%s%s %.*s", rv_style(face->colour_err, "green"), bar, rv_style(face->colour_err, "off"),
            (int)room, line);
    fflush(stderr);
    face->progress.line_open = true;
}

static void show_progress(struct rv_face *face, const struct rv_event *event)
{
    struct rv_progress *p = &face->progress;
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
    char amount[96], rate[96], percent[16] = "";
    amount_words(event, amount, sizeof amount);
    rate_words(face, event, rate, sizeof rate);
    if (event->percent >= 0)
        snprintf(percent, sizeof percent, " %.0f %%", event->percent);
    fprintf(stderr, "%s:%s%s%s\n", p->words[0] != '\0' ? p->words : "working", percent, amount, rate);
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
        return;
    }
    rv_progress_end(face);
    bool colour = face->colour_err;
    if (event->kind == RV_EVENT_WARNING)
        fprintf(stderr, "%swarning:%s %s\n", rv_style(colour, "yellow"), rv_style(colour, "off"), text);
    else if (event->kind == RV_EVENT_STEP)
        fprintf(stderr, "%s→%s %s\n", rv_style(colour, "bold"), rv_style(colour, "off"), face->progress.words);
    else if (event->kind == RV_EVENT_DEVICE)
        fprintf(stderr, "%s  device: %s%s\n", rv_style(colour, "dim"), text, rv_style(colour, "off"));
    else
        fprintf(stderr, "%s\n", text);
    fflush(stderr);
}
