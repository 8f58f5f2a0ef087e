/* SPDX-License-Identifier: Apache-2.0 */
/* The coach on paper, and where a live one ended. */
#include "cli/print.h"

#include "base/language.h"

#include <string.h>

static void print_paper(const struct rv_face *face, const json_t *result)
{
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    const json_t *buttons = json_object_get(result, "buttons"), *ways = json_object_get(result, "ways");
    json_t *one, *step;
    size_t i, n;
    printf("%s%s: %s%s\n\n", bold, rv_json_text(result, "model", "device"), rv_json_text(result, "goal", ""), off);
    json_array_foreach (json_object_get(result, "drawing"), i, one)
        printf("  %s\n", json_string_value(one));
    putchar('\n');
    json_array_foreach (buttons, i, one) {
        const char *also = rv_json_words(one, "also", NULL);
        printf("  %s: %s%s%s%s\n", rv_json_words(one, "name", ""), rv_json_words(one, "place", ""),
               also != NULL ? " (" : "", also != NULL ? also : "", also != NULL ? ")" : "");
    }
    if (rv_json_words(result, "note", NULL) != NULL)
        printf("  %s\n", rv_json_words(result, "note", ""));
    json_array_foreach (ways, i, one) {
        printf("\n%s%s%s\n", bold, rv_json_words(one, "words", ""), off);
        json_array_foreach (json_object_get(one, "steps"), n, step)
            printf("  %zu. %s\n", n + 1, json_string_value(step));
    }
    json_array_foreach (json_object_get(result, "hints"), i, one)
        printf("\n%s\n", json_string_value(one));
    const json_t *screen = json_object_get(result, "screen");
    if (screen != NULL)
        printf("\n%s\n\n", rv_json_text(screen, "words", ""));
    json_array_foreach (json_object_get(screen, "drawing"), i, one)
        printf("  %s\n", json_string_value(one));
}

void rv_print_coach(const struct rv_face *face, const json_t *result)
{
    if (json_object_get(result, "ways") != NULL) {
        print_paper(face, result);
        return;
    }
    const char *goal = rv_json_text(result, "goal", "");
    json_int_t tries = json_integer_value(json_object_get(result, "misses")) + 1;
    const char *where = strcmp(goal, "dfu") == 0        ? _("is in DFU mode: its screen stays black, and that is right")
                        : strcmp(goal, "recovery") == 0 ? _("is in Recovery mode: it shows a cable and a computer")
                                                        : _("is starting its system");
    printf("%s%s%s %s", rv_style(face->colour_out, "bold"), rv_json_text(result, "model", _("The device")),
           rv_style(face->colour_out, "off"), where);
    printf(tries > 1 ? _(" (%lld tries).\n") : ".\n", (long long)tries);
    if (strcmp(goal, "dfu") == 0)
        puts(_("next: `revive update --latest` installs iOS and keeps the data; `revive coach exit-dfu` leads out."));
    if (strcmp(goal, "recovery") == 0)
        puts(_("next: `revive update --latest` installs iOS and keeps the data; `revive recovery exit` leads out."));
}
