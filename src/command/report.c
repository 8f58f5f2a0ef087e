/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file for a shop or a bug report: what is attached, what was tried, what this computer looks like, and the logs.
 * Everything goes through one redactor at one place (add_file), so that nothing can be put in past it.
 */
#include "base/file.h"
#include "base/host.h"
#include "base/text.h"
#include "care/checkup.h"
#include "care/redact.h"
#include "command/device_json.h"
#include "command/rescue.h"
#include "command/verbs.h"
#include "device/memory.h"
#include "format/zip_store.h"
#include "proto/lockdown.h"
#include "restore/restore.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    DEVICES_MAX = 16,
    STORIES_MAX = 16,
    JOBS_MAX = 64,
    LOGS_MAX = 20,
    LOG_BYTES_MAX = 4 * 1024 * 1024,
    REPORT_MAX = 128 * 1024 * 1024,
};

struct report {
    struct rv_run *run;
    struct rv_redactor redactor;
    struct rv_zip_store zip;
    const char *folder; /* where single files go; NULL: the archive */
    json_t *entries;
    bool identifiers;
    struct rv_device devices[DEVICES_MAX];
    size_t device_count;
};

/* ---- what must not be in it ---- */

static void know_identity(struct rv_redactor *redactor, const struct rv_identity *id)
{
    rv_redact_know_ecid(redactor, id->ecid);
    rv_redact_know(redactor, "UDID", id->udid);
    rv_redact_know(redactor, "serial", id->serial);
    rv_redact_know(redactor, "name", id->device_name);
}

static void know_running(struct report *r, const struct rv_device *device)
{
    static const struct {
        const char *key, *label;
    } values[] = {
        { "BasebandSerialNumber", "serial" },
        { "BluetoothAddress", "address" },
        { "DeviceName", "name" },
        { "EthernetAddress", "address" },
        { "IntegratedCircuitCardIdentity", "number" },
        { "InternationalMobileEquipmentIdentity", "IMEI" },
        { "InternationalMobileEquipmentIdentity2", "IMEI" },
        { "InternationalMobileSubscriberIdentity", "number" },
        { "MLBSerialNumber", "serial" },
        { "MobileEquipmentIdentifier", "number" },
        { "PhoneNumber", "phone" },
        { "SerialNumber", "serial" },
        { "UniqueDeviceID", "UDID" },
        { "WiFiAddress", "address" },
        { "WirelessBoardSerialNumber", "serial" },
    };
    struct rv_error untold = { 0 };
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(r->run->ctx, &device->mux, &untold);
    if (link == NULL)
        return;
    (void)rv_lockdown_session(link, &untold); /* without trust it tells less, and nobody is asked for this */
    untold = (struct rv_error){ 0 };
    RV_AUTO_PLIST all = rv_lockdown_get(link, NULL, NULL, &untold);
    for (size_t i = 0; all != NULL && i < RV_COUNT(values); i++)
        rv_redact_know(&r->redactor, values[i].label, rv_plist_text(all, values[i].key));
}

static bool know_all(struct report *r, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_memory), err);
    if (room == NULL)
        return false;
    struct rv_memory *memory = (struct rv_memory *)(void *)room->data;
    rv_memory_load(r->run->ctx, memory);
    for (size_t i = 0; i < memory->count; i++)
        know_identity(&r->redactor, &memory->rows[i]);
    for (size_t i = 0; i < r->device_count; i++) {
        know_identity(&r->redactor, &r->devices[i].identity);
        if (r->devices[i].mode == RV_MODE_NORMAL && !r->devices[i].silent)
            know_running(r, &r->devices[i]);
    }
    rv_redact_know_here(&r->redactor);
    return true;
}

/* ---- putting in ---- */

static bool write_single(struct report *r, const char *name, struct rv_span content, struct rv_error *err)
{
    char folder[256];
    const char *slash = strrchr(name, '/');
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - name) : 0, name);
    RV_AUTO_TEXT below = folder[0] != '\0' ? rv_path_join(r->folder, folder, err) : rv_text_copy(r->folder);
    RV_AUTO_TEXT path = rv_path_join(r->folder, name, err);
    return below != NULL && path != NULL && rv_dir_make(below, err) && rv_file_write_atomic(path, content, 0600, err);
}

static bool add_file(struct report *r, const char *name, struct rv_span content, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) clean = RV_BUF(REPORT_MAX);
    if (!r->identifiers) {
        if (!rv_redact(&r->redactor, content, &clean, err))
            return false;
        content = rv_buf_span(&clean);
    }
    json_array_append_new(r->entries, json_pack("{s:s, s:I}", "name", name, "bytes", (json_int_t)content.len));
    return r->folder != NULL ? write_single(r, name, content, err) : rv_zip_store_add(&r->zip, name, content, err);
}

/* ---- the pages ---- */

static bool write_head(struct report *r, struct rv_buf *out, struct rv_error *err)
{
    char when[32], kernel[256] = "unknown", *end;
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &utc);
    struct rv_error unread = { 0 };
    FILE *file = fopen("/proc/version", "re");
    if (file != NULL && fgets(kernel, sizeof kernel, file) != NULL && (end = strchr(kernel, '(')) != NULL)
        *end = '\0';
    if (file != NULL)
        fclose(file);
    RV_AUTO(rv_blob) system = rv_file_read("/etc/os-release", 65536, &unread);
    const char *pretty = system != NULL ? memmem(system->data, system->len, "PRETTY_NAME=\"", 13) : NULL;
    return rv_buf_add_format(out, err, "Report of revive " REVIVE_VERSION ", made %s\n", when) &&
           rv_buf_add_format(out, err, "%s\n\n",
                             r->identifiers ? "Serial numbers and other identifiers are in it, as was asked for."
                                            : "Serial numbers, ECID, UDID, IMEI, phone numbers, names and folders are "
                                              "hidden.") &&
           rv_buf_add_format(out, err, "Computer: %.*s; %s\n", pretty != NULL ? (int)strcspn(pretty + 13, "\"\n") : 7,
                             pretty != NULL ? pretty + 13 : "unknown", kernel);
}

static bool write_devices(struct report *r, struct rv_buf *out, struct rv_error *err)
{
    bool fine = rv_buf_add_text(out, "\nATTACHED NOW\n", err);
    for (size_t i = 0; fine && i < r->device_count; i++) {
        const struct rv_identity *id = &r->devices[i].identity;
        fine = rv_buf_add_format(out, err, "- %s (%s, %s) in %s%s%s\n", id->name[0] ? id->name : "unknown model",
                                 id->product_type, id->hardware_model, rv_mode_words(r->devices[i].mode),
                                 id->version[0] ? ", iOS " : "", id->version) &&
               rv_buf_add_format(out, err, "  serial %s, ECID 0x%llX, UDID %s\n", id->serial[0] ? id->serial : "?",
                                 (unsigned long long)id->ecid, id->udid[0] ? id->udid : "?");
    }
    return fine && (r->device_count > 0 || rv_buf_add_text(out, "nothing\n", err));
}

static bool write_try(struct rv_buf *out, const struct rv_try *one, size_t number, struct rv_error *err)
{
    return rv_buf_add_format(out, err, "  %zu. %s  %s: %s\n", number, one->began, rv_rungs[one->rung].title,
                             one->outcome) &&
           (one->why[0] == '\0' || rv_buf_add_format(out, err, "     %s\n", one->why)) &&
           (one->step[0] == '\0' || rv_buf_add_format(out, err, "     at the step '%s', as %s%s", one->step, one->code,
                                                      one->itunes != 0 ? "" : "\n")) &&
           (one->step[0] == '\0' || one->itunes == 0 ||
            rv_buf_add_format(out, err, " (iTunes would say %d)\n", one->itunes));
}

static bool write_stories(struct report *r, struct rv_buf *out, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_story) * STORIES_MAX, err);
    if (room == NULL || !rv_buf_add_text(out, "\nWHAT WAS TRIED (revive rescue)\n", err))
        return false;
    struct rv_story *stories = (struct rv_story *)(void *)room->data;
    size_t count = rv_story_list(r->run->ctx, stories, STORIES_MAX);
    bool fine = count > 0 || rv_buf_add_text(out, "nothing\n", err);
    for (size_t i = 0; fine && i < count; i++) {
        const struct rv_story *s = &stories[i];
        rv_redact_know_ecid(&r->redactor, s->ecid);
        fine = rv_buf_add_format(out, err, "- %s, ECID 0x%llX, begun %s, %s%s%s\n", s->model[0] ? s->model : "a device",
                                 (unsigned long long)s->ecid, s->began,
                                 strcmp(s->state, "done") == 0    ? "brought back"
                                 : strcmp(s->state, "spent") == 0 ? "without success"
                                                                  : "not ended",
                                 s->symptom[0] ? ", said to be wrong: " : "", s->symptom);
        for (size_t k = 0; fine && k < s->count; k++)
            fine = write_try(out, &s->tries[k], k + 1, err);
    }
    return fine;
}

static bool write_jobs(struct report *r, struct rv_buf *out, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_job) * JOBS_MAX, err);
    struct rv_error unread = { 0 };
    size_t count = 0;
    if (room == NULL || !rv_buf_add_text(out, "\nINSTALLATIONS OF THIS COMPUTER\n", err))
        return false;
    struct rv_job *jobs = (struct rv_job *)(void *)room->data;
    bool fine = rv_job_list(r->run->ctx, jobs, JOBS_MAX, &count, &unread) ||
                rv_buf_add_format(out, err, "they cannot be read: %s\n", unread.text[0]);
    for (size_t i = 0; fine && i < count; i++) {
        rv_redact_know_ecid(&r->redactor, jobs[i].ecid);
        fine = rv_buf_add_format(out, err, "- %s, ECID 0x%llX, begun %s, %s, %u run%s\n  firmware %s\n",
                                 jobs[i].behavior == RV_BEHAVIOR_ERASE ? "Restore (erases)" : "Update",
                                 (unsigned long long)jobs[i].ecid, jobs[i].started, jobs[i].state, jobs[i].attempts,
                                 jobs[i].attempts == 1 ? "" : "s", jobs[i].ipsw_path) &&
               rv_buf_add_format(out, err, "  last finished step: %s\n  why it stopped: %s\n", jobs[i].last_step,
                                 jobs[i].why);
    }
    return fine && (count > 0 || rv_buf_add_text(out, "none\n", err));
}

static bool write_computer(struct report *r, struct rv_buf *out, struct rv_error *err)
{
    struct rv_doctor doctor = { .ctx = r->run->ctx, .root = rv_host_root(), .offline = true };
    bool fine = rv_buf_add_text(out, "\nTHIS COMPUTER (revive doctor)\n", err);
    for (size_t i = 0; fine && i < rv_doctor_check_count; i++) {
        struct rv_finding finding;
        rv_doctor_look(&doctor, &rv_doctor_checks[i], &finding);
        fine = rv_buf_add_format(out, err, "- %s: %s. %s\n", rv_doctor_checks[i].id, rv_health_name(finding.health),
                                 finding.words);
    }
    return fine;
}

static bool add_page(struct report *r, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) page = RV_BUF(REPORT_MAX);
    return write_head(r, &page, err) && write_devices(r, &page, err) && write_stories(r, &page, err) &&
           write_jobs(r, &page, err) && write_computer(r, &page, err) &&
           add_file(r, "report.txt", rv_buf_span(&page), err);
}

/* ---- logs ---- */

static int newest_first(const void *a, const void *b)
{
    return strcmp(*(char *const *)b, *(char *const *)a);
}

static bool add_logs(struct report *r, struct rv_error *err)
{
    enum { SEEN_MAX = 256 };
    char *names[SEEN_MAX];
    size_t count = 0;
    const char *own = rv_log_path(r->run->ctx->log);
    RV_AUTO_TEXT folder = rv_path_join(r->run->ctx->state_dir, "logs", err);
    DIR *dir = folder != NULL ? opendir(folder) : NULL;
    for (const struct dirent *e; dir != NULL && count < SEEN_MAX && (e = readdir(dir)) != NULL;)
        if (rv_text_starts(e->d_name, "revive-") && rv_text_ends(e->d_name, ".log") &&
            (own == NULL || !rv_text_ends(own, e->d_name)) && (names[count] = rv_text_copy(e->d_name)) != NULL)
            count++;
    if (dir != NULL)
        closedir(dir);
    if (count > 1)
        qsort(names, count, sizeof names[0], newest_first);
    bool fine = folder != NULL;
    for (size_t i = 0; i < count; i++) {
        char entry[256];
        struct rv_error unread = { 0 };
        RV_AUTO_TEXT path = rv_path_join(folder, names[i], &unread);
        RV_AUTO(rv_blob) log = path != NULL && fine && i < LOGS_MAX ? rv_file_read(path, LOG_BYTES_MAX, &unread) : NULL;
        snprintf(entry, sizeof entry, "logs/%.100s", names[i]);
        rv_free(names[i]);
        if (log != NULL)
            fine = add_file(r, entry, rv_blob_span(log), err);
        else if (fine && i < LOGS_MAX)
            rv_tell_warning(r->run->ctx, "%s is left out: %s", entry, unread.text[0]);
    }
    return fine;
}

/* ---- the file ---- */

static char *choose_place(struct rv_run *run, bool folder, struct rv_error *err)
{
    char name[64];
    const char *to = rv_arg(run->args, "to");
    time_t now = time(NULL);
    struct tm utc;
    if (to != NULL)
        return rv_text_copy(to);
    gmtime_r(&now, &utc);
    strftime(name, sizeof name, "revive-report-%Y%m%d-%H%M%S", &utc);
    if (!folder)
        snprintf(name + strlen(name), sizeof name - strlen(name), ".zip");
    char *path = rv_text_copy(name);
    if (path == NULL)
        rv_fail_nomem(err);
    return path;
}

static bool look_at_devices(struct report *r, struct rv_error *err)
{
    struct rv_error unseen = { 0 };
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(r->run->ctx, &unseen);
    /* A bus that cannot be read is no reason to make no report. */
    if (fleet == NULL || !rv_fleet_scan(fleet, r->devices, DEVICES_MAX, &r->device_count, NULL, &unseen))
        r->device_count = 0;
    return rv_cancel_point(&r->run->ctx->cancel, err);
}

static bool make(struct report *r, struct rv_error *err)
{
    bool folder = rv_arg_flag(r->run->args, "folder");
    RV_AUTO_TEXT place = choose_place(r->run, folder, err);
    time_t now = time(NULL);
    struct tm local;
    if (place == NULL)
        return false;
    localtime_r(&now, &local);
    rv_zip_store_stamp(&r->zip, local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min);
    r->folder = folder ? place : NULL;
    if (!look_at_devices(r, err) || !know_all(r, err) || !add_page(r, err) || !add_logs(r, err))
        return false;
    if (!folder &&
        (!rv_zip_store_end(&r->zip, err) || !rv_file_write_atomic(place, rv_buf_span(&r->zip.bytes), 0600, err)))
        return false;
    rv_json_set_text(r->run->result, "file", place);
    return true;
}

static bool run_report(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct report), err);
    if (room == NULL)
        return false;
    struct report *r = (struct report *)(void *)room->data;
    *r = (struct report){ .run = run,
                          .zip = { .bytes = RV_BUF(REPORT_MAX) },
                          .entries = json_array(),
                          .identifiers = rv_arg_flag(run->args, "identifiers") };
    json_object_set_new(run->result, "entries", r->entries);
    json_object_set_new(run->result, "identifiers", json_boolean(r->identifiers));
    bool fine = make(r, err);
    rv_buf_clear(&r->zip.bytes);
    return fine || rv_while(err, "making the report");
}

static const struct rv_option options[] = {
    { "folder", 0, NULL, "a folder of files instead of one ZIP" },
    { "identifiers", 0, NULL, "leave serial numbers, names and folders in: for your own eyes" },
    { "to", 0, "PATH", "where to write it; default: revive-report-TIME.zip here" },
};

const struct rv_command rv_verb_report = {
    .name = "report",
    .summary = "Write one file for a repair shop or a bug report",
    .about =
        "What is attached, what was tried with it and how it failed, the installations of this computer, what `revive "
        "doctor` sees, and the logs of revive. Serial number, ECID, UDID, IMEI, phone numbers, addresses, names of "
        "people, devices and computers, and folders are replaced by words for them. Nothing is sent anywhere: read "
        "it, then hand it over yourself.",
    .example = "revive report --to for-the-shop.zip\n    one file, with your names and numbers hidden",
    .options = options,
    .option_count = RV_COUNT(options),
    .run = run_report,
};
