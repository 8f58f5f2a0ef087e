/* SPDX-License-Identifier: Apache-2.0 */
/* `revive firmware list`, `latest` and `download` in words. */
#include "cli/print.h"

#include "base/language.h"
#include "base/text.h"

enum { TEXT_SIZE = 32 };

static const char *size_of(const json_t *release, char *out, size_t size)
{
    const json_t *bytes = json_object_get(release, "bytes");
    return json_is_integer(bytes) ? rv_text_size((uint64_t)json_integer_value(bytes), out, size) : "?";
}

static const char *signing_of(const json_t *release)
{
    const json_t *is_signed = json_object_get(release, "signed");
    return rv_translated(json_is_true(is_signed)    ? N_("signed")
                         : json_is_false(is_signed) ? N_("not signed any more")
                                                    : N_("not known"));
}

void rv_print_releases(const struct rv_face *face, const json_t *result)
{
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    size_t i;
    json_t *release;
    char size[TEXT_SIZE];
    printf("%s%-10s %-10s %9s  %s%s\n", bold, _("VERSION"), _("BUILD"), _("SIZE"), _("SIGNED BY APPLE"), off);
    json_array_foreach (json_object_get(result, "releases"), i, release)
        printf("%-10s %-10s %9s  %s\n", rv_json_text(release, "version", "?"), rv_json_text(release, "build", "?"),
               size_of(release, size, sizeof size), signing_of(release));
    printf(_("\nfor %s; `revive update --version VERSION` loads one and installs it\n"),
           rv_json_text(result, "product", "?"));
}

void rv_print_latest(const struct rv_face *face, const json_t *result)
{
    char size[TEXT_SIZE];
    (void)face;
    printf(_("iOS %s (%s) is the newest for %s: %s, %s\n%s\n"), rv_json_text(result, "version", "?"),
           rv_json_text(result, "build", "?"), rv_json_text(result, "product", "?"), size_of(result, size, sizeof size),
           signing_of(result), rv_json_text(result, "url", ""));
}

void rv_print_download(const struct rv_face *face, const json_t *result)
{
    const json_t *release = json_object_get(result, "firmware");
    (void)face;
    printf(_("iOS %s (%s) is at %s, whole and as announced\n"), rv_json_text(release, "version", "?"),
           rv_json_text(release, "build", "?"), rv_json_text(result, "file", "?"));
}
