/* SPDX-License-Identifier: Apache-2.0 */
/* Questions, on a terminal only. Without one the answer is no, and rv_ask() says so. */
#include "cli/print.h"

#include "base/language.h"
#include "base/text.h"

#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { ANSWER_MAX = 256 };

static bool read_line(char *out, size_t room)
{
    if (fgets(out, (int)room, stdin) == NULL)
        return false;
    out[strcspn(out, "\r\n")] = '\0';
    return true;
}

bool rv_face_ask(void *context, const struct rv_question *question)
{
    struct rv_face *face = context;
    char answer[ANSWER_MAX], text[1024];
    pthread_mutex_lock(&face->lock);
    rv_progress_end(face);
    fputs(rv_style(face->colour_err, "bold"), stderr);
    rv_write_paragraphs(stderr, "", rv_translated(question->text), 0, (int)face->width);
    fputs(rv_style(face->colour_err, "off"), stderr);
    if (question->type_exactly != NULL) {
        snprintf(text, sizeof text, "%s", question->type_exactly);
        rv_text_clean(text);
        fprintf(stderr, _("Type \"%s\" to go on, anything else to stop: "), text);
    } else {
        fprintf(stderr, _("Type y or n: "));
    }
    bool told = read_line(answer, sizeof answer);
    pthread_mutex_unlock(&face->lock);
    if (!told)
        return false;
    if (question->type_exactly != NULL)
        return strcmp(answer, text) == 0;
    /* TRANSLATORS: what a person types to agree; "y" and "yes" count too. */
    const char *const yes[] = { "y", "yes", _("y"), _("yes") };
    bool agreed = false;
    for (size_t i = 0; i < RV_COUNT(yes); i++)
        agreed = agreed || rv_text_equal_nocase(answer, yes[i]);
    return agreed;
}

bool rv_face_secret(void *context, const char *text, char *out, size_t room)
{
    struct rv_face *face = context;
    struct termios shown, hidden;
    pthread_mutex_lock(&face->lock);
    rv_progress_end(face);
    fprintf(stderr, "%s: ", text);
    bool quiet = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (quiet) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        quiet = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
    }
    bool told = read_line(out, room);
    if (quiet)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    pthread_mutex_unlock(&face->lock);
    return told;
}
