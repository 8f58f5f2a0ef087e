/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coach on a terminal: what to do as a line that stays, below it the device with its buttons and a count in large
 * figures, drawn anew each second. In a pipe: a line a word.
 */
#include "cli/print.h"

#include "base/language.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

enum { FIGURE_ROWS = 5, FIGURE_COLUMNS = 3, DRAWING_COLUMNS = 50, WIDTH_FOR_BOTH = 76, MARGIN = 3 };

/* A bit a block, highest first. */
static const unsigned char figures[10][FIGURE_ROWS] = {
    { 7, 5, 5, 5, 7 }, { 2, 6, 2, 2, 7 }, { 7, 1, 7, 4, 7 }, { 7, 1, 7, 1, 7 }, { 5, 5, 7, 1, 1 },
    { 7, 4, 7, 1, 7 }, { 7, 4, 7, 5, 7 }, { 7, 1, 1, 2, 2 }, { 7, 5, 7, 5, 7 }, { 7, 5, 7, 1, 7 },
};

void rv_coach_screen_end(struct rv_face *face)
{
    if (face->coach.lines > 0)
        fprintf(stderr, "\033[%uA\r\033[J", face->coach.lines);
    face->coach.lines = 0;
}

static void print_figure_row(int number, int row)
{
    char digits[8];
    snprintf(digits, sizeof digits, "%d", number);
    for (const char *d = digits; *d != '\0'; d++) {
        for (int bit = FIGURE_COLUMNS - 1; bit >= 0; bit--)
            fputs((figures[*d - '0'][row] >> bit & 1) != 0 ? "██" : "  ", stderr);
        fputs("  ", stderr);
    }
}

static void print_big(struct rv_face *face)
{
    fputs(rv_style(face->colour_err, "bold"), stderr);
    fputs(face->coach.big, stderr);
    fputs(rv_style(face->colour_err, "off"), stderr);
}

static void draw_block(struct rv_face *face, int seconds_left)
{
    struct rv_coach_screen *s = &face->coach;
    bool both = face->width >= WIDTH_FOR_BOTH;
    unsigned rows = 0;
    while (both && rows < RV_EVENT_DRAWING_MAX && s->drawing[rows][0] != '\0')
        rows++;
    unsigned least = FIGURE_ROWS + 2;
    for (unsigned row = 0; row < (rows > least ? rows : least); row++) {
        int figure = (int)row - 1;
        fprintf(stderr, "%*s%-*s", MARGIN, "", both ? DRAWING_COLUMNS : 0, row < rows ? s->drawing[row] : "");
        if (row == 0 && s->big[0] != '\0')
            print_big(face);
        else if (figure >= 0 && figure < FIGURE_ROWS && seconds_left >= 0 && seconds_left < 100)
            print_figure_row(seconds_left, figure);
        fputc('\n', stderr);
        s->lines++;
    }
}

static void keep(struct rv_coach_screen *s, const struct rv_event_coach *coach)
{
    size_t i = 0;
    for (; coach->big[i] != '\0' && i + 1 < sizeof s->big; i++)
        s->big[i] = (char)toupper((unsigned char)coach->big[i]);
    s->big[i] = '\0';
    memcpy(s->drawing, coach->drawing, sizeof s->drawing);
}

static void print_line(struct rv_face *face, const char *style, const char *mark, const char *text)
{
    fputs(rv_style(face->colour_err, style), stderr);
    rv_write_paragraphs(stderr, mark, text, 2, rv_note_width(face));
    fputs(rv_style(face->colour_err, "off"), stderr);
}

static void show_tick(struct rv_face *face, const struct rv_event_coach *coach)
{
    if (!face->tty_err) {
        fprintf(stderr, "  %d\n", coach->seconds_left);
        return;
    }
    rv_coach_screen_end(face);
    draw_block(face, coach->seconds_left);
}

static void show_beat(struct rv_face *face, const struct rv_event_coach *coach, const char *text)
{
    print_line(face, "bold", "→ ", text);
    if (!face->tty_err)
        return;
    keep(&face->coach, coach);
    fputc('\a', stderr); /* eyes are on the device: an ear hears that something changed */
    if (coach->drawing[0][0] != '\0' || coach->seconds_left >= 0)
        draw_block(face, coach->seconds_left);
}

void rv_coach_show(struct rv_face *face, const struct rv_event *event)
{
    const struct rv_event_coach *coach = event->coach;
    char text[640];
    snprintf(text, sizeof text, "%s", event->text != NULL ? event->text : "");
    rv_text_clean(text);
    if (strcmp(coach->said, "tick") == 0) {
        show_tick(face, coach);
        return;
    }
    rv_progress_end(face);
    if (strcmp(coach->said, "verdict") == 0) {
        fprintf(stderr, _("%stry %u: %s.%s\n"), rv_style(face->colour_err, "yellow"), coach->attempt, coach->big,
                rv_style(face->colour_err, "off"));
        rv_write_paragraphs(stderr, "", text, 2, rv_note_width(face));
    } else if (strcmp(coach->said, "end") == 0) {
        print_line(face, "green", "→ ", text);
    } else if (strcmp(coach->said, "beat") == 0) {
        show_beat(face, coach, text);
    } else {
        print_line(face, "dim", "· ", text);
    }
}
