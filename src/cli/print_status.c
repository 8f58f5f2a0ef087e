/* SPDX-License-Identifier: Apache-2.0 */
/* `revive` alone, for a person who may be frightened: which device, what is wrong, the one next thing. */
#include "cli/print.h"

#include "base/language.h"

#include <string.h>

enum { INDENT = 3 };

static void print_one(const struct rv_face *face, const json_t *device, bool numbered)
{
    int width = face->width > 40 && face->width < 100 ? (int)face->width : 100;
    const json_t *next = json_object_get(device, "next");
    const char *command = rv_json_text(next, "command", NULL);
    const char *own = rv_json_text(device, "device_name", NULL), *serial = rv_json_text(device, "serial", NULL);
    const char *version = rv_json_text(device, "version", NULL);
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    if (numbered)
        printf("%lld: ", (long long)json_integer_value(json_object_get(device, "index")));
    printf("%s%s%s", bold, rv_json_text(device, "name", _("Apple device")), off);
    if (own != NULL)
        printf(" \"%s\"", own);
    if (version != NULL)
        printf(_(", iOS %s"), version);
    if (serial != NULL)
        printf(_(", serial %s"), serial);
    printf(" (%s)\n", rv_json_words(device, "mode_words", "?"));
    rv_print_wrapped(rv_json_words(device, "state_words", ""), INDENT, width);
    if (command != NULL)
        printf(_("%*sNext: %s%s%s\n"), INDENT, "", bold, command, off);
    rv_print_wrapped(rv_json_words(next, "words", ""), command != NULL ? INDENT + 6 : INDENT, width);
}

void rv_print_status(const struct rv_face *face, const json_t *result)
{
    size_t i;
    json_t *device;
    const json_t *devices = json_object_get(result, "devices");
    json_array_foreach (devices, i, device) {
        if (i > 0)
            putchar('\n');
        print_one(face, device, json_array_size(devices) > 1);
    }
}
