/* SPDX-License-Identifier: Apache-2.0 */
/* A rescue in words: what is wrong, the one next step, and at the end what was done. */
#include "cli/print.h"

#include "base/language.h"
#include "base/text.h"

#include <string.h>

enum { INDENT = 3, WIDTH_MOST = 96 };

static int width_of(const struct rv_face *face)
{
    return face->width > 40 && face->width < WIDTH_MOST ? (int)face->width : WIDTH_MOST;
}

/* Before the question: one block, so that nothing of it is lost among progress lines. */
void rv_offer_show(struct rv_face *face, const struct rv_event *event)
{
    const struct rv_event_offer *offer = event->offer;
    const char *bold = rv_style(face->colour_err, "bold"), *off = rv_style(face->colour_err, "off");
    int width = width_of(face);
    if (face->quiet)
        return;
    rv_progress_end(face);
    fprintf(stderr, "\n%s%s%s\n", bold, offer->subject, off);
    rv_write_hanging(stderr, "", rv_translated(offer->why), INDENT, width);
    fprintf(stderr, _("%sNext: %s%s\n"), bold, rv_translated(offer->title), off);
    if (offer->words[0] != '\0')
        rv_write_hanging(stderr, "", rv_translated(offer->words), INDENT, width);
    fputc('\n', stderr);
}

void rv_print_rescue(const struct rv_face *face, const json_t *result)
{
    const char *fate = rv_json_text(result, "data", "untouched");
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    size_t taken = json_array_size(json_object_get(result, "tries"));
    rv_print_wrapped(rv_json_words(json_object_get(result, "offer"), "why", ""), 0, width_of(face));
    if (taken == 0)
        return;
    printf("%s%s%s\n", bold,
           strcmp(fate, "erased") == 0 ? _("The device was erased and has a new system.")
           : strcmp(fate, "kept") == 0 ? _("Its system was installed again; your data was kept.")
                                       : _("Nothing on it was changed; your data is as it was."),
           off);
    if (strcmp(fate, "erased") != 0)
        printf(_("If you have no backup of it yet, make one now.\n"));
}

void rv_print_report(const struct rv_face *face, const json_t *result)
{
    int width = width_of(face);
    printf("%s%s%s holds %zu file%s.\n", rv_style(face->colour_out, "bold"), rv_json_text(result, "file", "?"),
           rv_style(face->colour_out, "off"), json_array_size(json_object_get(result, "entries")),
           json_array_size(json_object_get(result, "entries")) == 1 ? "" : "s");
    rv_print_wrapped(
        json_is_true(json_object_get(result, "identifiers"))
            ? "Serial numbers, names and folders are in it: it is for your own eyes."
            : "Serial numbers, ECID, UDID, IMEI, phone numbers, names and folders are hidden in it. Look into "
              "it, then hand it over; nothing was sent anywhere.",
        0, width);
}
