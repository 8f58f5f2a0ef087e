/* SPDX-License-Identifier: Apache-2.0 */
/* Devices in words: `revive list`, `revive info`, and the verbs that end with "it is now in …". */
#include "cli/print.h"

#include "base/language.h"
#include "base/text.h"

#include <string.h>

enum { COLUMN = 22 };

/* What a person calls it: its own name, its model's, or what is known. */
static const char *called(const json_t *device)
{
    return rv_json_text(device, "device_name",
                        rv_json_text(device, "name", rv_json_text(device, "product_type", _("an Apple device"))));
}

static const char *identified(const json_t *device)
{
    return rv_json_text(device, "serial", rv_json_text(device, "ecid", rv_json_text(device, "udid", "")));
}

void rv_print_list(const struct rv_face *face, const json_t *result)
{
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, N_("off"));
    json_t *device;
    size_t i;
    if (json_array_size(json_object_get(result, "devices")) == 0) {
        puts(_("No device is attached."));
        if (strcmp(rv_json_text(result, "usbmux", ""), "missing") == 0)
            puts(_(
                "The usbmux service does not answer: a device in Normal mode is seen only with it (package usbmuxd)."));
        return;
    }
    printf("%s%2s  %-22s %-14s %-14s %s%s\n", bold, "#", _("DEVICE"), _("MODE"), _("SERIAL"), "ECID / UDID", off);
    json_array_foreach (json_object_get(result, "devices"), i, device) {
        long long index = json_integer_value(json_object_get(device, "index"));
        printf("%2lld  %-22.40s %-14s %-14s %s%s\n", index, called(device), rv_json_words(device, "mode_words", "?"),
               rv_json_text(device, "serial", "-"), rv_json_text(device, "ecid", rv_json_text(device, "udid", "-")),
               json_is_false(json_object_get(device, "permitted")) ? _("  (no permission)") : "");
    }
}

static void fact(const char *name, const char *value)
{
    if (value != NULL && *value != '\0')
        printf("  %-*s %s\n", COLUMN, rv_translated(name), value);
}

static void fact_yes(const char *name, const json_t *value, const char *yes, const char *no)
{
    if (json_is_boolean(value))
        fact(name, rv_translated(json_is_true(value) ? yes : no));
}

static void print_storage(const json_t *storage)
{
    const json_t *total = json_object_get(storage, "total"), *free_room = json_object_get(storage, "free");
    char all[32], left[32], text[96];
    if (!json_is_integer(total))
        return;
    rv_text_size((uint64_t)json_integer_value(total), all, sizeof all);
    snprintf(text, sizeof text, "%s", all);
    if (json_is_integer(free_room))
        snprintf(text, sizeof text, _("%s, %s free"), all,
                 rv_text_size((uint64_t)json_integer_value(free_room), left, sizeof left));
    fact(N_("Storage"), text);
}

static void print_battery(const json_t *battery)
{
    const json_t *percent = json_object_get(battery, "percent");
    char text[64];
    if (!json_is_integer(percent))
        return;
    snprintf(text, sizeof text, "%lld %%%s", (long long)json_integer_value(percent),
             json_is_true(json_object_get(battery, "charging")) ? _(", charging") : "");
    fact(N_("Battery"), text);
}

static void print_version(const json_t *device)
{
    char text[160];
    const char *version = rv_json_text(device, "version", NULL), *build = rv_json_text(device, "build", NULL);
    if (version == NULL)
        return;
    snprintf(text, sizeof text, "%s%s%s%s", version, build != NULL ? " (" : "", build != NULL ? build : "",
             build != NULL ? ")" : "");
    fact("iOS", text);
}

static void print_settings(const json_t *settings)
{
    const char *key;
    json_t *value;
    char name[64];
    json_object_foreach ((json_t *)(uintptr_t)settings, key, value) {
        snprintf(name, sizeof name, "iBoot %.50s", key);
        fact(name, json_string_value(value));
    }
}

/* In the form of the public device lists: 0x8015 / 0x0E. */
static void print_chip(const json_t *device)
{
    const char *board = rv_json_text(device, "board", NULL);
    char text[64];
    snprintf(text, sizeof text, "%s%s%s", rv_json_text(device, "chip", board != NULL ? "?" : ""),
             board != NULL ? " / " : "", board != NULL ? board : "");
    for (char *at = text; *at != '\0'; at++)
        if (*at >= 'a' && *at <= 'f')
            *at = (char)(*at - 'a' + 'A');
    fact(N_("Chip / board"), text);
}

void rv_print_info(const struct rv_face *face, const json_t *result)
{
    static const struct {
        const char *key, *name;
    } texts[] = { { "activation", N_("Activation") },
                  { "baseband", N_("Modem firmware") },
                  { "imei", N_("IMEI") },
                  { "phone_number", N_("Phone number") },
                  { "model_number", N_("Model number") },
                  { "rom", N_("Boot ROM") },
                  { "trust", N_("Trust") } };
    const json_t *device = json_object_get(result, "device"), *backup = json_object_get(result, "newest_backup");
    printf("%s%s%s\n", rv_style(face->colour_out, "bold"), called(device), rv_style(face->colour_out, N_("off")));
    fact(N_("Model"), rv_json_text(device, "name", NULL));
    fact(N_("Product type"), rv_json_text(device, "product_type", NULL));
    fact(N_("Mode"), rv_json_words(device, "mode_words", NULL));
    print_version(device);
    fact(N_("Serial number"), rv_json_text(device, "serial", NULL));
    fact(N_("ECID"), rv_json_text(device, "ecid", NULL));
    fact(N_("UDID"), rv_json_text(device, "udid", NULL));
    print_chip(device);
    print_battery(json_object_get(result, "battery"));
    print_storage(json_object_get(result, "storage"));
    for (size_t i = 0; i < RV_COUNT(texts); i++)
        fact(texts[i].name, rv_json_text(result, texts[i].key, NULL));
    fact_yes(N_("Find My"), json_object_get(result, "find_my"), N_("on"), N_("off"));
    fact_yes(N_("Trusts this computer"), json_object_get(result, "trusted"), N_("yes"), N_("no"));
    fact_yes(N_("Passcode"), json_object_get(result, N_("locked")), N_("locked"), N_("unlocked"));
    fact_yes(N_("Backups encrypted"), json_object_get(json_object_get(result, "backup"), "encrypted"), N_("yes"),
             N_("no"));
    print_settings(json_object_get(result, "iboot_settings"));
    if (json_is_object(backup))
        fact(N_("Newest backup here"), rv_json_text(backup, "date", _("of unknown date")));
    else
        fact(N_("Newest backup here"), _("none"));
}

void rv_print_mode(const struct rv_face *face, const json_t *result)
{
    const json_t *device = json_object_get(result, "device");
    const char *was = rv_json_text(result, "was", ""), *now = rv_json_text(result, "now", "");
    bool same = strcmp(was, now) == 0 && strcmp(face->command->name, "restart") != 0;
    printf(_("%s%s%s (%s) is %s in %s.\n"), rv_style(face->colour_out, "bold"), called(device),
           rv_style(face->colour_out, N_("off")), identified(device), same ? _("already") : _("now"),
           rv_json_words(device, "mode_words", N_("an unknown mode")));
    if (strcmp(now, "recovery") == 0 && strcmp(was, "normal") == 0)
        puts(_("next: `revive recovery exit` starts its system again; nothing on it was changed."));
}
