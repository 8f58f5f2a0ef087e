/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/face.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, WIDTH_LEAST = 40 };

static unsigned terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < WIDTH_LEAST)
        return WIDTH_DEFAULT;
    return size.ws_col;
}

void rv_face_init(struct rv_face *face, const struct rv_command *command, const struct rv_args *args)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM"); /* no-color.org */
    bool colour = (no_color == NULL || *no_color == '\0') && (term == NULL || strcmp(term, "dumb") != 0);
    memset(face, 0, sizeof *face);
    face->command = command;
    face->json = rv_arg_flag(args, "json");
    face->quiet = rv_arg_flag(args, "quiet");
    face->verbose = rv_arg_flag(args, "verbose");
    face->tty_err = isatty(STDERR_FILENO) != 0;
    face->colour_err = colour && face->tty_err;
    face->colour_out = colour && isatty(STDOUT_FILENO) != 0;
    face->width = terminal_width();
    face->warnings = json_array();
    pthread_mutex_init(&face->lock, NULL);
    if (command == NULL)
        return;
    bool watches = (command->flags & RV_COMMAND_WATCH) != 0 && rv_arg_flag(args, "watch");
    face->lines = face->json && ((command->flags & RV_COMMAND_LONG) != 0 || watches);
}

void rv_face_clear(struct rv_face *face)
{
    json_decref(face->warnings);
    pthread_mutex_destroy(&face->lock);
}

const char *rv_style(bool colour, const char *style)
{
    static const struct {
        const char *name, *sequence;
    } styles[] = {
        { "bold", "\033[1m" }, { "dim", "\033[2m" },    { "green", "\033[32m" },
        { "off", "\033[0m" },  { "red", "\033[1;31m" }, { "yellow", "\033[33m" },
    };
    for (size_t i = 0; colour && i < RV_COUNT(styles); i++)
        if (strcmp(styles[i].name, style) == 0)
            return styles[i].sequence;
    return "";
}

void rv_face_event(void *context, const struct rv_event *event)
{
    struct rv_face *face = context;
    pthread_mutex_lock(&face->lock);
    if (event->kind == RV_EVENT_ROW || event->kind == RV_EVENT_ROW_PART) {
        fputs(event->text, stdout);
        if (event->kind == RV_EVENT_ROW)
            fputc('\n', stdout);
    } else if (face->lines)
        rv_json_line_show(face, event);
    else if (face->json && event->kind == RV_EVENT_WARNING && event->text != NULL)
        json_array_append_new(face->warnings, json_string(event->text));
    else if (!face->json && event->kind == RV_EVENT_COACH)
        rv_coach_show(face, event);
    else if (!face->json && event->kind == RV_EVENT_OFFER)
        rv_offer_show(face, event);
    else if (!face->json)
        rv_progress_show(face, event);
    pthread_mutex_unlock(&face->lock);
}
