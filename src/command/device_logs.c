/* SPDX-License-Identifier: Apache-2.0 */
/* `revive logs`: what the running system says, its crash reports, and this computer's log of the last installation. */
#include "base/file.h"
#include "base/text.h"
#include "command/device_json.h"
#include "command/trusted.h"
#include "command/verbs.h"
#include "proto/afc.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum {
    LINE_BYTES = 4096,
    SLICE_MS = 1000,
    SECONDS_MOST = 7 * 24 * 3600,
    MOVED_MS = 120000, /* the mover gathers what is in memory first */
    DEPTH_MAX = 4,
    REPORTS_MAX = 4096,
    REPORT_BYTES_MAX = 256 * 1024 * 1024,
    LOG_BYTES_MAX = 16 * 1024 * 1024,
};

static void tell_line(struct rv_run *run, const char *line)
{
    RV_AUTO_TEXT clean = rv_text_copy(line);
    if (clean == NULL)
        return;
    rv_text_clean(clean);
    if (!run->json) {
        rv_tell(run->ctx, &(struct rv_event){ .kind = RV_EVENT_ROW, .text = clean, .percent = -1 });
        return;
    }
    json_t *object = json_pack("{s:s, s:s}", "event", "line", "text", clean);
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (text != NULL)
        rv_tell(run->ctx, &(struct rv_event){ .kind = RV_EVENT_ROW, .text = text, .percent = -1 });
    rv_free(text);
}

/* ---- live ---- */

struct lines {
    struct rv_run *run;
    const char *match;
    char line[LINE_BYTES];
    size_t len;
    uint64_t told;
};

/* Lines end by a newline and a NUL; what is longer than a line is told in pieces. */
static void take_bytes(struct lines *l, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool end = bytes[i] == '\n' || bytes[i] == '\0' || l->len + 1 == sizeof l->line;
        if (!end) {
            l->line[l->len++] = (char)bytes[i];
            continue;
        }
        l->line[l->len] = '\0';
        if (l->len > 0 && (l->match == NULL || strcasestr(l->line, l->match) != NULL)) {
            tell_line(l->run, l->line);
            l->told++;
        }
        l->len = 0;
    }
}

static bool follow(struct rv_run *run, struct rv_stream *stream, uint64_t seconds, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct lines) + LINE_BYTES, err);
    if (room == NULL)
        return false;
    struct lines *l = (struct lines *)(void *)room->data;
    uint8_t *bytes = room->data + sizeof *l;
    *l = (struct lines){ .run = run, .match = rv_arg(run->args, "match") };
    uint64_t begun = rv_clock_now(&run->ctx->clock);
    bool fine = true;
    while (fine && (seconds == 0 || rv_clock_now(&run->ctx->clock) - begun < seconds * 1000)) {
        size_t got = 0;
        struct rv_error quiet = { 0 };
        if (rv_stream_receive_some(stream, bytes, LINE_BYTES, &got, SLICE_MS, &quiet)) {
            take_bytes(l, bytes, got);
            fine = got > 0 || rv_fail(err, RV_E_GONE, "the device ended its log");
        } else if (quiet.code == RV_E_CANCELLED) {
            break; /* the person has seen enough: that is its orderly end */
        } else if (quiet.code != RV_E_TIMEOUT) {
            *err = quiet;
            fine = false;
        }
    }
    json_object_set_new(run->result, "lines", json_integer((json_int_t)l->told));
    return fine;
}

static bool run_live(struct rv_run *run, struct rv_error *err)
{
    struct rv_device device;
    uint64_t seconds = 0;
    const char *text = rv_arg(run->args, "seconds");
    if (text != NULL && (!rv_text_number(text, 10, &seconds) || seconds == 0 || seconds > SECONDS_MOST))
        return rv_fail(err, RV_E_USAGE, "--seconds wants a number from 1 to %d", SECONDS_MOST);
    RV_AUTO(rv_lockdown) link = rv_command_trusted(run, &device, err);
    RV_AUTO(rv_stream) stream = link != NULL ? rv_lockdown_service(link, "com.apple.syslog_relay", err) : NULL;
    if (stream == NULL)
        return false;
    if (seconds == 0)
        rv_tell_note(run->ctx, "What the device says, until Ctrl-C:");
    return follow(run, stream, seconds, err);
}

/* ---- crash reports ---- */

struct reports {
    struct rv_run *run;
    struct rv_afc *afc;
    const char *to; /* NULL: only listed */
    json_t *list;
    uint64_t saved;
};

struct file_sink {
    struct rv_atomic_file *file;
    uint64_t bytes;
};

static bool write_piece(void *context, struct rv_span bytes, struct rv_error *err)
{
    struct file_sink *sink = context;
    sink->bytes += bytes.len;
    if (sink->bytes > REPORT_BYTES_MAX)
        return rv_fail(err, RV_E_LIMIT, "a report of more than %d MB", REPORT_BYTES_MAX / 1024 / 1024);
    return rv_atomic_file_write(sink->file, bytes, err);
}

/* The device's own path becomes one safe name after another: no name leads out of the folder. */
static char *place_of(const struct reports *r, const char *path, bool *made, struct rv_error *err)
{
    char *place = rv_text_copy(r->to);
    *made = true;
    while (place != NULL && *path != '\0') {
        char name[256], leaf[256];
        size_t len = strcspn(path, "/");
        snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), path);
        path += len + (path[len] == '/');
        if (name[0] == '\0')
            continue;
        if (*path == '\0')
            *made = rv_dir_make(place, err);
        rv_path_safe_leaf(name, leaf, sizeof leaf);
        char *deeper = rv_path_join(place, leaf, err);
        rv_free(place);
        place = deeper;
    }
    return place;
}

static bool save_report(struct reports *r, const char *path, struct rv_error *err)
{
    bool made = false;
    RV_AUTO_TEXT place = place_of(r, path, &made, err);
    RV_AUTO(rv_atomic_file) file = place != NULL && made ? rv_atomic_file_new(place, 0600, err) : NULL;
    struct file_sink sink = { .file = file };
    if (file == NULL || !rv_afc_read(r->afc, path, write_piece, &sink, err) || !rv_atomic_file_commit(file, err))
        return false;
    r->saved++;
    return true;
}

static bool take_report(struct reports *r, const char *path, const struct rv_afc_info *info, struct rv_error *err)
{
    json_t *one = json_object();
    if (json_array_size(r->list) >= REPORTS_MAX) {
        json_decref(one);
        return rv_fail(err, RV_E_LIMIT, "more than %d reports", REPORTS_MAX);
    }
    rv_json_set_text(one, "name", path[0] == '/' ? path + 1 : path);
    json_object_set_new(one, "bytes", json_integer((json_int_t)info->size));
    json_object_set_new(one, "modified", json_integer((json_int_t)info->modified_s));
    json_array_append_new(r->list, one);
    return r->to == NULL || save_report(r, path, err);
}

static bool walk(struct reports *r, const char *folder, unsigned depth, struct rv_error *err)
{
    RV_AUTO(rv_blob) names = rv_afc_list(r->afc, folder, err);
    if (names == NULL)
        return false;
    for (size_t at = 0; at < names->len;) {
        char path[1024];
        struct rv_afc_info info;
        const char *name = (const char *)names->data + at;
        at += strlen(name) + 1;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name) >= sizeof path)
            continue;
        if (!rv_afc_info(r->afc, path, &info, err))
            return false;
        if (info.file && !take_report(r, path, &info, err))
            return false;
        if (info.folder && depth < DEPTH_MAX && !walk(r, path, depth + 1, err))
            return false;
    }
    return true;
}

/* The mover brings reports to where they can be read, and says so with five bytes. */
static bool gather_reports(struct rv_lockdown *link, struct rv_error *err)
{
    char said[5];
    RV_AUTO(rv_stream) mover = rv_lockdown_service(link, "com.apple.crashreportmover", err);
    if (mover == NULL || !rv_stream_receive(mover, said, sizeof said, MOVED_MS, err))
        return rv_while(err, "having the device gather its reports");
    return memcmp(said, "ping", sizeof said) == 0 ||
           rv_fail(err, RV_E_PROTOCOL, "the device says something else when its reports are gathered");
}

static bool run_crashes(struct rv_run *run, struct rv_error *err)
{
    struct rv_device device;
    struct reports r = { .run = run, .to = rv_arg(run->args, "save"), .list = json_array() };
    json_object_set_new(run->result, "reports", r.list);
    RV_AUTO(rv_lockdown) link = rv_command_trusted(run, &device, err);
    if (link == NULL || !gather_reports(link, err))
        return false;
    struct rv_stream *stream = rv_lockdown_service(link, "com.apple.crashreportcopymobile", err);
    RV_AUTO(rv_afc) afc = stream != NULL ? rv_afc_take(stream, err) : NULL;
    if (afc == NULL || (r.to != NULL && !rv_dir_make(r.to, err)))
        return false;
    r.afc = afc;
    if (!walk(&r, "/", 0, err))
        return rv_while(err, "reading the crash reports");
    json_object_set_new(run->result, "saved", json_integer((json_int_t)r.saved));
    rv_json_set_text(run->result, "folder", r.to);
    return true;
}

/* ---- the last installation ---- */

static bool is_installation(const char *name)
{
    static const char *const verbs[] = { "-update-", "-restore-", "-resume-", "-rescue-" };
    for (size_t i = 0; i < RV_COUNT(verbs); i++)
        if (rv_text_starts(name, "revive-") && rv_text_ends(name, ".log") && strstr(name, verbs[i]) != NULL)
            return true;
    return false;
}

static bool run_last(struct rv_run *run, struct rv_error *err)
{
    char newest[256] = "";
    RV_AUTO_TEXT folder = rv_path_join(run->ctx->state_dir, "logs", err);
    DIR *dir = folder != NULL ? opendir(folder) : NULL;
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        if (is_installation(e->d_name) && strcmp(e->d_name, newest) > 0) /* names begin with the time */
            snprintf(newest, sizeof newest, "%s", e->d_name);
    if (dir != NULL)
        closedir(dir);
    RV_AUTO_TEXT path = folder != NULL && newest[0] != '\0' ? rv_path_join(folder, newest, err) : NULL;
    if (path == NULL)
        return rv_fail(err, RV_E_NOT_FOUND, "no log of an update, a restore or a rescue is kept on this computer");
    RV_AUTO(rv_blob) all = rv_file_read(path, LOG_BYTES_MAX, err);
    if (all == NULL)
        return false;
    for (size_t at = 0; at < all->len;) {
        char line[LINE_BYTES];
        const char *text = (const char *)all->data + at;
        const char *end = memchr(text, '\n', all->len - at);
        size_t len = end != NULL ? (size_t)(end - text) : all->len - at;
        snprintf(line, sizeof line, "%.*s", (int)(len < sizeof line ? len : sizeof line - 1), text);
        tell_line(run, line);
        at += len + 1;
    }
    rv_json_set_text(run->result, "log", path);
    return true;
}

static bool run_logs(struct rv_run *run, struct rv_error *err)
{
    bool crashes = rv_arg_flag(run->args, "crashes") || rv_arg(run->args, "save") != NULL;
    if (rv_arg_flag(run->args, "last"))
        return run_last(run, err);
    return crashes ? run_crashes(run, err) : run_live(run, err);
}

static const struct rv_option options[] = {
    { "crashes", 0, NULL, "list the crash reports of the device" },
    { "last", 0, NULL, "print this computer's log of the last update, restore or rescue" },
    { "match", 0, "TEXT", "only lines that hold TEXT" },
    { "save", 0, "DIR", "copy the crash reports into a folder" },
    { "seconds", 0, "N", "end after N seconds; default: at Ctrl-C" },
};

const struct rv_command rv_verb_logs = {
    .name = "logs",
    .summary = "Show what a running device says, and its crash reports",
    .about = "Prints the log of the running device (it must trust this computer) line by line as it is written, until "
             "Ctrl-C; or lists and copies its crash reports; or prints the log that this computer kept of the last "
             "installation. Nothing on the device is changed or deleted.",
    .example = "revive logs --save ~/reports\n    copies the crash reports for a person who can read them",
    .options = options,
    .option_count = RV_COUNT(options),
    .flags = RV_COMMAND_DEVICE | RV_COMMAND_LONG,
    .run = run_logs,
};
