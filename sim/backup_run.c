/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/backup_run.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/model.h"
#include "sim/notices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SMALL_MAX = 16 << 20 };
static const uint64_t fetch_max = (uint64_t)8 << 30;

bool sim_backup_fail(struct sim_backup *run, int code, const char *fmt, ...)
{
    va_list args;
    if (run->code != MB_OK)
        return false;
    run->code = code;
    va_start(args, fmt);
    (void)vsnprintf(run->words, sizeof run->words, fmt, args);
    va_end(args);
    return false;
}

bool sim_backup_gone(struct sim_backup *run)
{
    return sim_backup_fail(run, MB_IO, "%s", run->link.why[0] ? run->link.why : "the host is gone");
}

bool sim_backup_flag(struct sim_backup *run, const char *setting, bool otherwise)
{
    char text[16];
    if (!sim_setting(run->device, setting, text, sizeof text) || text[0] == 0)
        return otherwise;
    return strcmp(text, "yes") == 0;
}

uint64_t sim_backup_number(struct sim_backup *run, const char *setting, uint64_t otherwise)
{
    sim_lock(run->device);
    uint64_t value = sim_setting_number_locked(run->device, setting, otherwise);
    sim_unlock(run->device);
    return value;
}

/* ---- faults ---- */

/* A fault whose value is "STEP" or "STEP REST": strikes when that step comes. */
static bool strikes(struct sim_backup *run, const char *fault, const char *step, char *rest, size_t size)
{
    char setting[64], text[96];
    (void)snprintf(setting, sizeof setting, "fault.%s", fault);
    if (!sim_setting(run->device, setting, text, sizeof text))
        return false;
    size_t len = strcspn(text, " ");
    if (strlen(step) != len || strncmp(step, text, len) != 0)
        return false;
    if (rest != NULL)
        (void)snprintf(rest, size, "%s", text[len] == ' ' ? text + len + 1 : "");
    sim_record(run->device, "fault", "%s strikes at %s", fault, step);
    sim_setting_put(run->device, setting, "");
    return true;
}

/* Stands still until the host hangs up. */
static void stand_still(struct sim_backup *run)
{
    uint8_t byte;
    while (sim_wire_read_some(run->link.wire, &byte, 1, -1) > 0)
        continue;
}

/* The person taps the cross on the screen: hosts are told, and a host that heeds it hangs up. */
static void ask_host_to_stop(struct sim_backup *run)
{
    enum { PATIENCE_MS = 20000 };
    (void)sim_link_flush(&run->link);
    sim_notice_post(run->device, "com.apple.itunes-client.syncCancelRequest");
    if (sim_wire_waits(run->link.wire, PATIENCE_MS))
        sim_record(run->device, "backup", "the host heeds the cancel");
}

/* A screen that locks by itself takes the files' keys away, unless a host keeps the device awake. */
static bool falls_asleep(struct sim_backup *run, const char *step)
{
    return strcmp(step, "batch") == 0 && sim_backup_flag(run, "backup_autolock", false) &&
           !sim_backup_flag(run, "kept_awake", false);
}

bool sim_backup_step(struct sim_backup *run, const char *step)
{
    char rest[64];
    uint64_t code = 0;
    if (strcmp(run->at, step) != 0)
        sim_record(run->device, "backup-step", "%s", step);
    (void)snprintf(run->at, sizeof run->at, "%s", step);
    if (strikes(run, "backup_cut", step, NULL, 0)) {
        (void)sim_link_flush(&run->link);
        sim_device_unplug(run->device);
        sim_link_break(&run->link, "the cable was pulled at %s", step);
        return sim_backup_gone(run);
    }
    if (strikes(run, "backup_hangup", step, NULL, 0)) {
        (void)sim_link_flush(&run->link);
        sim_link_break(&run->link, "the agent ended at %s", step);
        return sim_backup_gone(run);
    }
    if (strikes(run, "backup_stall", step, NULL, 0)) {
        (void)sim_link_flush(&run->link);
        stand_still(run);
        sim_link_break(&run->link, "stood still at %s", step);
        return sim_backup_gone(run);
    }
    if (strikes(run, "backup_error", step, rest, sizeof rest) && rv_text_number(rest, 10, &code))
        return sim_backup_fail(run, (int)code, "An error was ordered at %s", step);
    if (strikes(run, "backup_cancel", step, NULL, 0))
        ask_host_to_stop(run);
    if (falls_asleep(run, step))
        return sim_backup_fail(run, MB_LOCKED, "Device locked while it was backed up (MBErrorDomain/208)");
    if (sim_backup_flag(run, "backup_cancelled", false)) {
        sim_setting_put(run->device, "backup_cancelled", "");
        return sim_backup_fail(run, MB_CANCELLED, "Cancelled by the person at the device");
    }
    return true;
}

/* ---- paths ---- */

void sim_backup_path(struct sim_backup *run, const char *leaf, char out[SIM_OWN_PATH])
{
    (void)snprintf(out, SIM_OWN_PATH, "%s/backup/%s", sim_state_dir(run->device), leaf);
}

void sim_backup_host(struct sim_backup *run, const char *leaf, char out[SIM_HOST_PATH])
{
    (void)snprintf(out, SIM_HOST_PATH, "%s/%.300s", run->source, leaf);
}

void sim_backup_host_file(struct sim_backup *run, const char *id, bool snapshot, char out[SIM_HOST_PATH])
{
    const char *between = snapshot ? "Snapshot/" : "";
    if (run->old_form)
        (void)snprintf(out, SIM_HOST_PATH, "%s/%s%s", run->source, between, id);
    else
        (void)snprintf(out, SIM_HOST_PATH, "%s/%s%.2s/%s", run->source, between, id, id);
}

/* ---- fetching ---- */

struct fetch {
    int fd;
    uint64_t size;
    bool done, failed;
};

static void fetch_bytes(void *context, size_t index, struct rv_span bytes)
{
    struct fetch *f = context;
    struct rv_error err = { 0 };
    (void)index;
    f->size += bytes.len;
    if (f->size > fetch_max || f->fd < 0 || !rv_fd_write_all(f->fd, bytes, &err))
        f->failed = true;
}

static void fetch_done(void *context, size_t index, const char *trouble)
{
    struct fetch *f = context;
    (void)index;
    f->done = trouble == NULL;
}

/* The host's number for the one file that failed. */
static int host_code(plist_t detail, const char *path)
{
    plist_t entry = PLIST_IS_DICT(detail) ? plist_dict_get_item(detail, path) : NULL;
    plist_t code = PLIST_IS_DICT(entry) ? plist_dict_get_item(entry, "DLFileErrorCode") : NULL;
    uint64_t number = 0;
    if (!PLIST_IS_UINT(code))
        return SIM_HOST_OTHER;
    plist_get_uint_val(code, &number);
    int64_t wide = (int64_t)number;
    return wide < 0 && wide > -100 ? (int)wide : SIM_HOST_OTHER;
}

bool sim_backup_fetch(struct sim_backup *run, const char *host_leaf, const char *leaf, bool *missing)
{
    char own[SIM_OWN_PATH], host[SIM_HOST_PATH];
    sim_backup_path(run, leaf, own);
    sim_backup_host(run, host_leaf, host);
    struct fetch f = { .fd = open(own, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) };
    struct sim_sink sink = { &f, fetch_bytes, fetch_done };
    plist_t detail = NULL;
    int status = 0;
    *missing = false;
    bool alive = sim_link_download(&run->link, sim_link_words(host, NULL), &sink, &status, &detail);
    if (f.fd >= 0)
        close(f.fd);
    if (status == SIM_HOST_MULTI)
        status = host_code(detail, host);
    plist_free(detail);
    if (!alive)
        return sim_backup_gone(run);
    if (f.failed)
        return sim_backup_fail(run, MB_DEVICE_FULL, "%s does not fit on this device", host_leaf);
    if (f.done)
        return true;
    *missing = status == SIM_HOST_NOT_FOUND;
    return *missing || sim_backup_fail(run, MB_DRIVE_READ, "Error reading %s from the backup (MBErrorDomain/%d)",
                                       host_leaf, MB_DRIVE_READ);
}

struct rv_blob *sim_backup_fetched(struct sim_backup *run, const char *leaf)
{
    char own[SIM_OWN_PATH];
    struct rv_error err = { 0 };
    sim_backup_path(run, leaf, own);
    return rv_file_read(own, SMALL_MAX, &err);
}

bool sim_backup_wrote(struct sim_backup *run, bool alive, int status, const char *what)
{
    if (!alive)
        return sim_backup_gone(run);
    switch (status) {
    case SIM_HOST_OK:
        return true;
    case SIM_HOST_NO_SPACE:
        return sim_backup_fail(run, MB_DRIVE_FULL, "No space left on the drive while %s (MBErrorDomain/105)", what);
    case SIM_HOST_NOT_FOUND:
    case SIM_HOST_EXISTS:
        return sim_backup_fail(run, MB_CORRUPT, "Error %s: status %d of the host (MBErrorDomain/205)", what, status);
    default:
        return sim_backup_fail(run, MB_DRIVE_WRITE, "Error %s: status %d of the host (MBErrorDomain/104)", what,
                               status);
    }
}
