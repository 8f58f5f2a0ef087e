/* SPDX-License-Identifier: Apache-2.0 */
/* `revive explain`, for a person: what it is, why, what to do next. */
#include "cli/print.h"

#include "base/language.h"

#include <string.h>

static void print_list(const json_t *list, const char *indent, bool numbered)
{
    size_t i;
    json_t *one;
    json_array_foreach (list, i, one) {
        if (numbered)
            printf("%s%zu. %s\n", indent, i + 1, rv_translated(json_string_value(one)));
        else
            printf("%s- %s\n", indent, rv_translated(json_string_value(one)));
    }
}

static void print_joined(const char *label, const json_t *list)
{
    size_t i;
    json_t *one;
    if (json_array_size(list) == 0)
        return;
    printf("%s", label);
    json_array_foreach (list, i, one)
        printf("%s%s", i > 0 ? ", " : " ", rv_translated(json_string_value(one)));
    putchar('\n');
}

static void print_head(const struct rv_face *face, const json_t *meaning)
{
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    const json_t *code = json_object_get(meaning, "code"), *range = json_object_get(meaning, "range");
    const char *hex = rv_json_text(meaning, "hex", NULL);
    printf("%s", bold);
    if (hex != NULL)
        printf("%s: ", hex);
    else if (json_is_integer(code))
        printf(_("Error %lld: "), (long long)json_integer_value(code));
    else if (range != NULL)
        printf(_("Numbers %lld to %lld: "), (long long)json_integer_value(json_array_get(range, 0)),
               (long long)json_integer_value(json_array_get(range, 1)));
    printf("%s%s\n%s\n", rv_json_words(meaning, "name", "?"), off, rv_json_words(meaning, "meaning", ""));
}

static void print_meaning(const struct rv_face *face, const json_t *meaning)
{
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    print_head(face, meaning);
    printf(_("Belongs to: %s; phase: %s.\n"), rv_json_words(meaning, "domain_words", "?"),
           rv_json_words(meaning, "phase_words", "?"));
    print_joined(_("Points at:"), json_object_get(meaning, "points_at_words"));
    printf(_("%sWhy it happens:%s\n"), bold, off);
    print_list(json_object_get(meaning, "causes"), "  ", false);
    printf(_("%sWhat to do next:%s\n"), bold, off);
    print_list(json_object_get(meaning, "actions"), "  ", true);
    if (json_is_true(json_object_get(meaning, "worth_a_retry")))
        puts(_("This one often passes by itself: try the same once more first."));
    printf(_("How sure this is: %s.\n"), rv_json_words(meaning, "certainty_words", "?"));
}

static void print_unknown(const struct rv_face *face, const json_t *result)
{
    const json_t *family = json_object_get(result, "family"), *status = json_object_get(result, "signing_status");
    printf(_("revive does not know what %s means: no public source tells.\n"), rv_json_text(result, "query", "this"));
    if (json_is_integer(status))
        printf(_("Numbers from 3100 to 3999 wrap an answer of Apple's signing server: this one is STATUS %lld.\n"),
               (long long)json_integer_value(status));
    if (!json_is_object(family))
        return;
    puts(json_is_true(json_object_get(result, "of_the_family"))
             ? _("It belongs to a family of which something can be said:\n")
             : _("It belongs to no known family; the nearest one, which may have nothing to do with it:\n"));
    print_meaning(face, family);
}

static void print_code(const struct rv_face *face, const json_t *result)
{
    const json_t *meanings = json_object_get(result, "meanings");
    if (json_array_size(meanings) == 0) {
        print_unknown(face, result);
        return;
    }
    print_meaning(face, json_array_get(meanings, 0));
    for (size_t i = 1; i < json_array_size(meanings); i++) {
        printf(_("\nThe same number elsewhere (%s):\n"),
               rv_json_words(json_array_get(meanings, i), "domain_words", "?"));
        print_head(face, json_array_get(meanings, i));
    }
}

static void print_causes(const json_t *result)
{
    size_t i;
    json_t *one;
    const json_t *inner = json_object_get(result, "inner");
    json_array_foreach (json_object_get(result, "causes"), i, one)
        printf("  %*s%s%s\n", (int)(2 * i), "", i > 0 ? _("because: ") : "", json_string_value(one));
    if (json_is_object(inner))
        printf(_("  beneath it: %s %lld%s%s\n"), rv_json_text(inner, "domain", "?"),
               (long long)json_integer_value(json_object_get(inner, "code")),
               rv_json_words(inner, "meaning", NULL) != NULL ? ": " : "", rv_json_words(inner, "meaning", ""));
}

static void print_how_far(const json_t *result)
{
    const json_t *phase = json_object_get(result, "phase"), *step = json_object_get(result, "step");
    const json_t *operation = json_object_get(result, "operation");
    if (json_is_object(phase))
        printf(_("How far it came: %s.\n"), rv_json_words(phase, "words", "?"));
    if (json_is_object(operation))
        printf(_("Last progress told: %s.\n"), rv_json_words(operation, "words", "?"));
    if (!json_is_object(step))
        return;
    printf(_("Failed step on the phone: %s (%s)"), rv_json_words(step, "name", "?"), rv_json_text(step, "id", "?"));
    const json_t *seconds = json_object_get(step, "seconds");
    if (json_is_number(seconds))
        printf(_(", %.1f s after it began"), json_number_value(seconds));
    puts(".");
}

static void print_log(const struct rv_face *face, const json_t *result)
{
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    const char *outcome = rv_json_text(result, "outcome", "");
    const json_t *code = json_object_get(result, "code"), *meaning = json_object_get(result, "meaning");
    bool failed = strcmp(outcome, "failed") == 0;
    printf("%s%s%s\n", bold,
           failed                         ? _("This restore failed.")
           : strcmp(outcome, "done") == 0 ? _("This restore ended well.")
                                          : _("This log ends without saying that the restore failed or ended well."),
           off);
    print_how_far(result);
    if (!failed)
        return;
    if (json_is_integer(code))
        printf(_("Number: %lld%s.\n"), (long long)json_integer_value(code),
               json_is_true(json_object_get(result, "known")) ? "" : _(" (not known)"));
    if (json_is_object(meaning))
        printf("%s: %s\n", rv_json_words(meaning, "name", "?"), rv_json_words(meaning, "meaning", ""));
    printf(_("%sWhy, deepest reason last:%s\n"), bold, off);
    print_causes(result);
    printf(_("Points at: %s.\n"), rv_json_words(result, "part_words", N_("nothing in particular")));
    printf(_("%sWhat to do next:%s\n"), bold, off);
    print_list(json_object_get(result, "actions"), "  ", true);
}

void rv_print_explain(const struct rv_face *face, const json_t *result)
{
    if (strcmp(rv_json_text(result, "kind", ""), "log") == 0)
        print_log(face, result);
    else
        print_code(face, result);
}
