/* SPDX-License-Identifier: Apache-2.0 */
#include "care/checkup.h"

#include "base/host.h"
#include "base/language.h"
#include "base/text.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 1024 };
static const uint64_t gigabyte = 1000 * 1000 * 1000;

const char *rv_health_name(enum rv_health health)
{
    static const char *const names[] = { "fine", "note", "trouble", "unknown" };
    return (unsigned)health < RV_COUNT(names) ? names[health] : "unknown";
}

void rv_found(struct rv_finding *out, enum rv_health health, const char *fmt, ...)
{
    va_list ap;
    out->health = health;
    va_start(ap, fmt);
    vsnprintf(out->words, sizeof out->words, _(fmt), ap);
    va_end(ap);
    rv_text_clean(out->words);
}

void rv_mend(struct rv_finding *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out->mend, sizeof out->mend, _(fmt), ap);
    va_end(ap);
    rv_text_clean(out->mend);
}

bool rv_doctor_lines(struct rv_doctor *doctor, const char *path,
                     bool (*line)(void *context, const char *text, unsigned number), void *context)
{
    char whole[PATH_MAX], text[LINE];
    unsigned number = 0;
    if ((size_t)snprintf(whole, sizeof whole, "%s%s", doctor->root, path) >= sizeof whole)
        return false;
    FILE *file = fopen(whole, "re");
    if (file == NULL)
        return false;
    while (fgets(text, sizeof text, file) != NULL) {
        text[strcspn(text, "\r\n")] = '\0';
        if (!line(context, text, ++number))
            break;
    }
    fclose(file);
    return true;
}

static void look_room(struct rv_doctor *doctor, struct rv_finding *out)
{
    uint64_t notes = 0, cache = 0;
    char text[32];
    if (!rv_host_room(doctor->ctx->state_dir, &notes) || !rv_host_room(doctor->ctx->cache_dir, &cache)) {
        rv_found(out, RV_HEALTH_UNKNOWN, "How much room %s has cannot be told.", doctor->ctx->state_dir);
        return;
    }
    uint64_t least = notes < cache ? notes : cache;
    rv_text_size(least, text, sizeof text);
    bool tight = least < gigabyte, low = least < 15 * gigabyte;
    rv_found(out,
             tight ? RV_HEALTH_TROUBLE
             : low ? RV_HEALTH_NOTE
                   : RV_HEALTH_FINE,
             "%s free where revive keeps firmware and notes%s.", text,
             low ? "; a firmware file alone has up to 10 GB" : "");
    if (low)
        rv_mend(out, "make room below %s, or set XDG_CACHE_HOME to a larger disk", doctor->ctx->cache_dir);
}

static void look_power(struct rv_doctor *doctor, struct rv_finding *out)
{
    enum rv_known battery = rv_host_on_battery(doctor->root);
    if (battery == RV_YES) {
        rv_found(out, RV_HEALTH_NOTE, "This computer runs on its battery.");
        rv_mend(out, "plug it in before an update or a restore");
    } else if (battery == RV_NO) {
        rv_found(out, RV_HEALTH_FINE, "This computer does not run on a battery now.");
    } else {
        rv_found(out, RV_HEALTH_UNKNOWN, "This computer does not tell where its power comes from.");
    }
}

const struct rv_doctor_check rv_doctor_checks[] = {
    { "usbmuxd", "Service that talks to running devices (usbmuxd)", rv_look_usbmuxd, false },
    { "udev-rules", "Rules that let you open devices in Recovery and DFU mode", rv_look_udev_rules, false },
    { "usb-rights", "Rights on what is attached now", rv_look_usb_rights, false },
    { "other-programs", "Other programs that hold devices", rv_look_other_programs, false },
    { "cable", "Cable and port, as the kernel saw them", rv_look_cable, false },
    { "room", "Room on the disk", look_room, false },
    { "power", "Power of this computer", look_power, false },
    { "clock", "Clock", rv_look_clock, false },
    { "hosts-file", "Hosts file", rv_look_hosts_file, false },
    { "proxy", "Proxy settings", rv_look_proxy, false },
    { "signing-server", "Apple's signing server (errors 3194, 3004)", rv_look_signing_server, true },
    { "activation-server", "Apple's activation server", rv_look_activation_server, true },
    { "version-server", "Apple's list of signed versions", rv_look_version_server, true },
    { "download-server", "Apple's firmware downloads", rv_look_download_server, true },
};
const size_t rv_doctor_check_count = RV_COUNT(rv_doctor_checks);

void rv_doctor_look(struct rv_doctor *doctor, const struct rv_doctor_check *check, struct rv_finding *out)
{
    *out = (struct rv_finding){ .health = RV_HEALTH_UNKNOWN };
    if (check->online && doctor->offline)
        rv_found(out, RV_HEALTH_UNKNOWN, "Not asked: --offline.");
    else
        check->look(doctor, out);
}
