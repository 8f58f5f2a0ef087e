/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Back onto a phone, as far as a phone takes it. No service lets a computer write into Messages, Calls or the photo
 * library; what there is: the Documents folder of an app that shares it (it shows up in Files), and the backup as a
 * whole. So files that the phone's own apps open go there, and for the rest it is said what does bring it back.
 */
#include "base/file.h"
#include "base/language.h"
#include "base/text.h"
#include "command/device_json.h"
#include "command/recover_select.h"
#include "command/trusted.h"
#include "command/verbs.h"
#include "proto/afc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 16, PATH_ROOM = 1024 };

/* How a type gets back, in the words for a person; the others: by a backup as a whole only. */
static const struct {
    const char *type, *how;
} ways[] = {
    { "contacts", N_("open contacts.vcf in Files on the phone, then Add All Contacts") },
    { "calendar", N_("open each .ics in Files on the phone; Calendar asks which calendar the events go to") },
    { "photos", N_("mark the pictures in Files on the phone, then Share, Save Images; albums and edits are not kept") },
    { "notes", N_("share each file from Files to Notes; its text becomes a new note") },
    { "voice-memos", N_("play them in Files, or share them to Voice Memos") },
    { "voicemail", N_("they can be played in Files; the Phone app takes none back") },
    { "app-files", N_("they lie in Files; their app takes them when it can open files from there") },
};
static const char by_backup[] =
    N_("no phone takes these one by one: only a backup as a whole brings them back (`revive backup restore`)");

static const char *way_of(const char *type)
{
    for (size_t i = 0; i < RV_COUNT(ways); i++)
        if (strcmp(ways[i].type, type) == 0)
            return ways[i].how;
    return NULL;
}

/* What cannot be put is taken out of the selection, and said. */
static unsigned tell_ways(struct rv_run *run, struct rv_selection *selection)
{
    json_t *list = json_array();
    unsigned possible = 0;
    for (size_t i = 0; rv_artifacts[i] != NULL; i++) {
        const char *how = way_of(rv_artifacts[i]->type);
        if (!selection->types[i])
            continue;
        json_array_append_new(list, json_pack("{s:s,s:s,s:b,s:s}", "type", rv_artifacts[i]->type, "title",
                                              rv_artifacts[i]->title, "possible", how != NULL, "how",
                                              how != NULL ? how : by_backup));
        possible += how != NULL;
        selection->types[i] = how != NULL;
    }
    json_object_set_new(run->result, "ways", list);
    return possible;
}

struct sending {
    struct rv_run *run;
    struct rv_afc *afc;
    uint64_t files, bytes;
};

static bool send_file(struct sending *s, const char *from, const char *to, struct rv_error *err)
{
    RV_AUTO_FD fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint64_t bytes = 0;
    struct rv_afc_info info;
    if (fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %s", from);
    if (!rv_afc_write_file(s->afc, to, fd, &bytes, err) || !rv_afc_info(s->afc, to, &info, err))
        return false;
    if (info.size != bytes)
        return rv_fail(err, RV_E_CORRUPT, "%.120s has %llu bytes on the phone, %llu were sent", to,
                       (unsigned long long)info.size, (unsigned long long)bytes);
    s->files++;
    s->bytes += bytes;
    rv_tell(s->run->ctx,
            &(struct rv_event){
                .kind = RV_EVENT_PROGRESS, .step = "send", .unit = "files", .done = s->files, .percent = -1 });
    return rv_cancel_point(&s->run->ctx->cancel, err);
}

static bool send_folder(struct sending *s, const char *from, const char *to, unsigned depth, struct rv_error *err)
{
    DIR *dir = depth < DEPTH_MAX ? opendir(from) : NULL;
    struct dirent *e;
    struct rv_afc_info info = { 0 };
    struct rv_error gone = { 0 };
    bool there = rv_afc_info(s->afc, to, &info, &gone) && info.folder; /* of an earlier run */
    bool fine = dir != NULL ? there || rv_afc_make_folder(s->afc, to, err)
                            : rv_fail_sys(err, RV_E_IO, errno, "opening the folder %s", from);
    while (fine && (e = readdir(dir)) != NULL) {
        char a[4 * PATH_ROOM], b[PATH_ROOM];
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, "summary.json") == 0)
            continue;
        if (snprintf(a, sizeof a, "%s/%s", from, e->d_name) >= (int)sizeof a ||
            snprintf(b, sizeof b, "%s/%s", to, e->d_name) >= (int)sizeof b || lstat(a, &st) != 0)
            fine = rv_fail(err, RV_E_LIMIT, "a path of more than %d bytes", PATH_ROOM);
        else if (S_ISDIR(st.st_mode))
            fine = send_folder(s, a, b, depth + 1, err);
        else if (S_ISREG(st.st_mode))
            fine = send_file(s, a, b, err);
    }
    if (dir != NULL)
        closedir(dir);
    return fine;
}

static bool send_all(struct rv_run *run, struct rv_lockdown *link, const char *app, const char *folder,
                     struct rv_error *err)
{
    struct rv_stream *stream = rv_lockdown_service(link, "com.apple.mobile.house_arrest", err);
    RV_AUTO(rv_afc) afc = stream != NULL ? rv_afc_take_documents(stream, app, err) : NULL;
    struct sending s = { .run = run, .afc = afc };
    if (afc == NULL)
        return rv_while(err, "opening the folder of %s on the phone", app);
    rv_tell_step(run->ctx, "send", "Sending the files to the phone");
    bool fine = send_folder(&s, folder, "/Documents/revive", 0, err);
    rv_json_set_count(run->result, "files_sent", s.files);
    rv_json_set_count(run->result, "bytes_sent", s.bytes);
    return fine;
}

static bool run_put(struct rv_run *run, struct rv_error *err)
{
    struct rv_selection selection;
    struct rv_device device;
    const char *app = rv_arg(run->args, "app");
    if (!rv_selection_read(run->args, &selection, err))
        return false;
    if (rv_arg(run->args, "from") == NULL)
        return rv_fail(err, RV_E_USAGE, "--from is missing: what shall go onto the phone?");
    unsigned possible = tell_ways(run, &selection);
    if (app == NULL || possible == 0) /* what would go, and how: nothing is done */
        return true;
    RV_AUTO(rv_source) source = rv_recover_source(run, err);
    RV_AUTO(rv_lockdown) link = source != NULL ? rv_command_trusted(run, &device, err) : NULL;
    RV_AUTO_TEXT folder = link != NULL ? rv_source_work_folder(source, err) : NULL;
    json_t *types = json_array();
    json_object_set_new(run->result, "types", types);
    json_object_set_new(run->result, "app", json_string(app));
    return folder != NULL && rv_recover_export(run, &selection, source, folder, types, err) &&
           send_all(run, link, app, folder, err);
}

static const struct rv_option options[] = {
    RV_RECOVER_SOURCE,
    { "app", 0, "BUNDLE",
      "the app whose folder in Files takes them, such as org.videolan.vlc-ios; without it: what can go, and how" },
    RV_RECOVER_FILTERS,
};

const struct rv_command rv_verb_recover_put = {
    .name = "recover put",
    .summary = "Bring recovered data back onto a phone, as far as a phone takes it",
    .about =
        "Contacts, events, pictures, notes and sound are sent as files into the folder that an app of the phone "
        "shares (the folder \"revive\" in Files, On My iPhone), and opened there by the phone's own apps. Messages, "
        "calls and the data of apps go back with a backup as a whole only. Without --app nothing is sent: each "
        "type is listed with its way.",
    .example = "revive recover put --from BACKUP --type contacts --deleted --app org.videolan.vlc-ios\n"
               "    puts the deleted contacts that were found as contacts.vcf into the folder of that app",
    .options = options,
    .option_count = RV_COUNT(options),
    .flags = RV_COMMAND_LONG | RV_COMMAND_DEVICE,
    .run = run_put,
};
