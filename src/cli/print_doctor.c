/* SPDX-License-Identifier: Apache-2.0 */
/* `revive doctor`: one line a check, its trouble and what mends it below. */
#include "cli/print.h"

#include "base/language.h"

#include <string.h>

static const char *mark_of(const char *state)
{
    static const char *const marks[][2] = { { "fine", N_("ok") },
                                            { "note", N_("note") },
                                            { "trouble", N_("TROUBLE") } };
    for (size_t i = 0; i < RV_COUNT(marks); i++)
        if (strcmp(state, marks[i][0]) == 0)
            return marks[i][1];
    return "?";
}

static const char *colour_of(const char *state)
{
    return strcmp(state, "fine") == 0 ? "green" : strcmp(state, "trouble") == 0 ? "red" : "yellow";
}

void rv_print_doctor(const struct rv_face *face, const json_t *result)
{
    const char *off = rv_style(face->colour_out, "off"), *key;
    json_t *one;
    size_t i;
    json_array_foreach (json_object_get(result, "checks"), i, one) {
        const char *state = rv_json_text(one, "state", "unknown"), *mend = rv_json_text(one, "mend", NULL);
        printf("%s%-8s%s%s\n         %s\n", rv_style(face->colour_out, colour_of(state)), rv_translated(mark_of(state)),
               off, rv_json_words(one, "title", "?"), rv_json_words(one, "words", ""));
        if (json_is_true(json_object_get(one, "mended")))
            puts(_("         it was mended just now"));
        if (mend != NULL)
            printf(_("         mend it: %s\n"), mend);
    }
    json_object_foreach (json_object_get(result, "settings"), key, one)
        if (json_is_string(one))
            printf(_("set      %s = %s\n"), key, json_string_value(one));
    long long troubles = (long long)json_integer_value(json_object_get(result, "troubles"));
    if (json_integer_value(json_object_get(result, "fixable")) > 0)
        puts(_("`revive doctor --fix` mends some of it: it shows each command and asks before it runs."));
    printf("%s\n", troubles == 0 ? _("No trouble was found on this computer.")
                                 : _("Mend the first trouble first, then look again."));
}
