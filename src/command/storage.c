/* SPDX-License-Identifier: Apache-2.0 */
/* What fills a device, as its own system tells this computer: a second opinion beside a page that does not load. */
#include "base/text.h"
#include "command/device_json.h"
#include "command/trusted.h"
#include "command/verbs.h"

#include <string.h>

enum { PATIENCE_MS = 5 * 60 * 1000 }; /* its own page takes some three minutes on a full device */
static const uint64_t low_bytes = 2000ull * 1000 * 1000;

/* lockdown's domain com.apple.disk_usage (libimobiledevice's ideviceinfo -q); newer systems leave some out. */
static const struct {
    const char *key, *id, *words;
} kinds[] = {
    { "MobileApplicationUsage", "apps", "Apps and their data" },
    { "CameraUsage", "photos", "Photos and videos" },
    { "PhotoUsage", "synced-photos", "Photos from a computer" },
    { "MediaCacheUsage", "media", "Music and films" },
    { "WebAppCacheUsage", "web", "Web pages kept" },
    { "VoicemailUsage", "voicemail", "Voicemail" },
    { "NotesUsage", "notes", "Notes" },
    { "CalendarUsage", "calendar", "Calendar" },
};

static uint64_t number(plist_t values, const char *key)
{
    uint64_t out = 0;
    return rv_plist_uint(values, key, &out) && out <= INT64_MAX ? out : 0;
}

static void put(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void add_kind(json_t *list, const char *id, const char *words, uint64_t bytes)
{
    if (bytes > 0)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:I}", "kind", id, "words", words, "bytes", (json_int_t)bytes));
}

static void put_storage(json_t *result, plist_t values)
{
    json_t *list = json_array();
    uint64_t total = number(values, "TotalDiskCapacity"), data = number(values, "TotalDataCapacity");
    uint64_t open = number(values, "AmountDataAvailable"), told = 0;
    if (open == 0)
        open = number(values, "TotalDataAvailable");
    if (total < data)
        total = data;
    uint64_t left = total > data && data > 0 ? total - data : 0; /* whatever is no user volume is the system's */
    add_kind(list, "system", "iOS itself", left);
    for (size_t i = 0; i < RV_COUNT(kinds); i++) {
        uint64_t bytes = number(values, kinds[i].key);
        if (bytes > total - told)
            continue; /* a value that cannot be true is not shown as one */
        told += bytes;
        add_kind(list, kinds[i].id, kinds[i].words, bytes);
    }
    uint64_t used = data > open ? data - open : 0;
    add_kind(list, "other", "Everything else", used > told ? used - told : 0);
    put(result, "total", total);
    put(result, "used", left + used);
    put(result, "free", open);
    json_object_set_new(result, "kinds", list);
    json_object_set_new(result, "low", json_boolean(open < low_bytes));
}

static bool run_storage(struct rv_run *run, struct rv_error *err)
{
    struct rv_device device;
    RV_AUTO(rv_lockdown) link = rv_command_trusted(run, &device, err);
    if (link == NULL)
        return rv_while(err, "reading what fills the device");
    rv_lockdown_patience(link, PATIENCE_MS);
    rv_tell_note(run->ctx, "Asking the device what fills it; that can take some minutes when it is nearly full.");
    RV_AUTO_PLIST values = rv_lockdown_get(link, "com.apple.disk_usage", NULL, err);
    if (values == NULL)
        return rv_while(err, "reading what fills the device");
    put_storage(run->result, values);
    if (json_is_true(json_object_get(run->result, "low")))
        rv_tell_warning(run->ctx,
                        "There is little room left: downloads, updates over the air and backups on the device "
                        "may fail. An Update from this computer needs less room.");
    return true;
}

const struct rv_command rv_verb_storage = {
    .name = "storage",
    .summary = "Show what fills a device, by kind",
    .about =
        "Asks the running device (it must trust this computer) how much room apps, photos and the rest take, and how "
        "much is free, and draws it as a bar. A second opinion where the device's own storage page turns its wheel for "
        "ever or shows a wrong amount; what to do about that page: `revive guide storage`. Nothing is changed.",
    .example = "revive storage\n    a bar, and a line for each kind",
    .flags = RV_COMMAND_DEVICE,
    .run = run_storage,
};
