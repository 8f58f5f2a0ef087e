/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restic 0.12 to 0.18 as a program: `cat config`, `init`, `backup --json`, `snapshots --json`, `restore --verify`.
 * Before 0.17 it says why it failed by words alone (exit 1 for all of it), so those words are a table here; what is not
 * in it is an error of this computer with restic's last words.
 *
 * certain: restic's manual ("Scripting"), 0.14 as Debian 12 has it.
 */
#include "backup/history.h"

#include "backup/place.h"
#include "base/child.h"
#include "base/file.h"
#include "base/program.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { WORDS_MAX = 32, VERSION_NEEDED = 12, LIST_MAX = 100000, SAID_MAX = 180, NAME_ROOM = 512 };
enum { EXIT_PART = 3, EXIT_NO_REPOSITORY = 10, EXIT_LOCKED = 11, EXIT_PASSWORD = 12, NO_REASON = -1 };

struct rv_history {
    struct rv_ctx *ctx;
    char *program;
    const char *address, *password;
};

/* ---- why it failed ---- */

struct reason {
    const char *phrase; /* in what restic prints */
    enum rv_code code;
    enum rv_advice advice; /* NONE: the code's own */
    int exit_code;         /* of 0.17 and later; 0: none of its own */
};

/* The first row that fits any line counts. */
static const struct reason reasons[] = {
    { "wrong password or no key found", RV_E_REFUSED, RV_ADVICE_ARCHIVE_PASSWORD_WRONG, EXIT_PASSWORD },
    { "empty password", RV_E_USAGE, RV_ADVICE_ARCHIVE_PASSWORD_NEEDED, 0 },
    { "no space left on device", RV_E_NOSPACE, RV_ADVICE_NONE, 0 },
    { "connection refused", RV_E_NETWORK, RV_ADVICE_ARCHIVE_UNREACHABLE, 0 },
    { "no such host", RV_E_NETWORK, RV_ADVICE_ARCHIVE_UNREACHABLE, 0 },
    { "i/o timeout", RV_E_NETWORK, RV_ADVICE_ARCHIVE_UNREACHABLE, 0 },
    { "no route to host", RV_E_NETWORK, RV_ADVICE_ARCHIVE_UNREACHABLE, 0 },
    { "network is unreachable", RV_E_NETWORK, RV_ADVICE_ARCHIVE_UNREACHABLE, 0 },
    { "connection reset", RV_E_NETWORK, RV_ADVICE_ARCHIVE_UNREACHABLE, 0 },
    { "unable to start the sftp session", RV_E_NETWORK, RV_ADVICE_ARCHIVE_UNREACHABLE, 0 },
    { "x509:", RV_E_NETWORK, RV_ADVICE_ARCHIVE_UNREACHABLE, 0 },
    { "Access Denied", RV_E_DENIED, RV_ADVICE_ARCHIVE_UNREACHABLE, 0 },
    { "(403)", RV_E_DENIED, RV_ADVICE_ARCHIVE_UNREACHABLE, 0 },
    { "(401)", RV_E_DENIED, RV_ADVICE_ARCHIVE_UNREACHABLE, 0 },
    { "permission denied", RV_E_DENIED, RV_ADVICE_NONE, 0 },
    { "already locked", RV_E_BUSY, RV_ADVICE_ARCHIVE_LOCKED, EXIT_LOCKED },
    { "ciphertext verification failed", RV_E_CORRUPT, RV_ADVICE_ARCHIVE_DAMAGED, 0 },
    { "is damaged", RV_E_CORRUPT, RV_ADVICE_ARCHIVE_DAMAGED, 0 },
    { "not found in repository", RV_E_CORRUPT, RV_ADVICE_ARCHIVE_DAMAGED, 0 },
    { "invalid data returned", RV_E_CORRUPT, RV_ADVICE_ARCHIVE_DAMAGED, 0 },
    { "returned error, retrying", RV_E_CORRUPT, RV_ADVICE_ARCHIVE_DAMAGED, 0 }, /* a part is missing */
    { "ReadFull(<", RV_E_CORRUPT, RV_ADVICE_ARCHIVE_DAMAGED, 0 },
    { "unexpected EOF", RV_E_CORRUPT, RV_ADVICE_ARCHIVE_DAMAGED, 0 },
    { "decrypting blob", RV_E_CORRUPT, RV_ADVICE_ARCHIVE_DAMAGED, 0 },
    { "nonce is invalid", RV_E_CORRUPT, RV_ADVICE_ARCHIVE_DAMAGED, 0 },
    { "config file already exists", RV_E_USAGE, RV_ADVICE_NONE, 0 },
    { "unable to open config file", RV_E_NOT_FOUND, RV_ADVICE_ARCHIVE_NOT_THERE, EXIT_NO_REPOSITORY },
};

/* ---- one run ---- */

typedef void said_fn(void *context, json_t *message);

struct asking {
    const struct rv_history *archive;
    said_fn *said; /* told of every JSON document it prints */
    void *context;
    int reason;          /* row of the table */
    char last[SAID_MAX]; /* what it complained of */
    uint64_t unreadable; /* files */
};

static void complain(struct asking *a, const char *line)
{
    for (int i = 0; i < (int)RV_COUNT(reasons); i++)
        if (strstr(line, reasons[i].phrase) != NULL && (a->reason == NO_REASON || i < a->reason)) {
            a->reason = i;
            snprintf(a->last, sizeof a->last, "%s", line);
        }
    if (a->reason == NO_REASON)
        snprintf(a->last, sizeof a->last, "%s", line);
}

static void on_line(void *context, bool complaint, char *line)
{
    struct asking *a = context;
    if (complaint)
        complain(a, line);
    if (*line != '{' && *line != '[')
        return;
    json_t *message = json_loads(line, 0, NULL);
    if (message == NULL)
        return;
    const char *type = json_string_value(json_object_get(message, "message_type"));
    if (type != NULL && strcmp(type, "error") == 0) {
        const char *item = json_string_value(json_object_get(message, "item"));
        if (a->unreadable++ == 0)
            rv_tell_warning(a->archive->ctx, "restic could not read %s", item != NULL ? item : "a file");
    } else if (!complaint && a->said != NULL) {
        a->said(a->context, message);
    }
    json_decref(message);
}

static bool explain(const struct asking *a, int exit_code, const char *doing, struct rv_error *err)
{
    const struct reason *why = a->reason != NO_REASON ? &reasons[a->reason] : NULL;
    for (size_t i = 0; i < RV_COUNT(reasons); i++)
        if (reasons[i].exit_code != 0 && reasons[i].exit_code == exit_code)
            why = &reasons[i];
    rv_fail(err, why != NULL ? why->code : RV_E_IO, "restic (exit %d): %s", exit_code,
            a->last[0] != '\0' ? a->last : "it does not say why");
    if (why != NULL && why->advice != RV_ADVICE_NONE)
        rv_advise(err, why->advice);
    return rv_while(err, "%s", doing);
}

/* True: it ran, and *exit_code is 0 or EXIT_PART. */
static bool ask(struct asking *a, const char *folder, const char *const *words, const char *doing, int *exit_code,
                struct rv_error *err)
{
    const struct rv_history *r = a->archive;
    const char *list[WORDS_MAX + 1] = { r->program };
    RV_AUTO_TEXT cache = rv_path_join(r->ctx->cache_dir, "restic", err);
    RV_AUTO_FD secret = cache != NULL ? rv_child_secret(r->password, err) : -1;
    if (secret < 0)
        return false;
    size_t count = 1;
    if (r->ctx->pairings != NULL) /* nothing of this run stays */
        list[count++] = "--no-cache";
    for (size_t i = 0; words[i] != NULL; i++) {
        rv_assert(count < WORDS_MAX);
        list[count++] = words[i];
    }
    char repository[NAME_ROOM * 8 + 32], cache_setting[NAME_ROOM * 8 + 32];
    int long_one = snprintf(repository, sizeof repository, "RESTIC_REPOSITORY=%s", r->address);
    if (long_one < 0 || (size_t)long_one >= sizeof repository)
        return rv_fail(err, RV_E_USAGE, "an address of %d bytes", long_one);
    snprintf(cache_setting, sizeof cache_setting, "RESTIC_CACHE_DIR=%s", cache);
    const char *const settings[] = { repository,
                                     cache_setting,
                                     "RESTIC_PASSWORD_FILE=/dev/fd/3",
                                     "RESTIC_PROGRESS_FPS=2",
                                     "RESTIC_PASSWORD",
                                     "RESTIC_PASSWORD_COMMAND",
                                     "RESTIC_REPOSITORY_FILE",
                                     "LC_ALL=C.UTF-8",
                                     NULL };
    const struct rv_child child = {
        .words = list, .settings = settings, .folder = folder, .secret = secret, .line = on_line, .context = a
    };
    a->reason = NO_REASON;
    *exit_code = 0;
    if (!rv_child_run(&child, &r->ctx->cancel, exit_code, err))
        return rv_while(err, "%s", doing);
    return *exit_code == 0 || *exit_code == EXIT_PART || explain(a, *exit_code, doing, err);
}

/* ---- restic itself ---- */

static void on_version(void *context, bool complaint, char *line)
{
    unsigned *minor = context;
    static const char begin[] = "restic 0.";
    if (complaint || strncmp(line, begin, sizeof begin - 1) != 0)
        return;
    for (const char *p = line + sizeof begin - 1; *p >= '0' && *p <= '9' && *minor < 10000; p++)
        *minor = *minor * 10 + (unsigned)(*p - '0');
}

static bool check_version(struct rv_history *a, struct rv_error *err)
{
    unsigned minor = 0;
    int exit_code = 0;
    const char *const words[] = { a->program, "version", NULL };
    static const char *const settings[] = { "RESTIC_PASSWORD", NULL };
    const struct rv_child child = {
        .words = words, .settings = settings, .secret = -1, .line = on_version, .context = &minor
    };
    if (!rv_child_run(&child, &a->ctx->cancel, &exit_code, err))
        return false;
    return minor >= VERSION_NEEDED ||
           rv_fail(err, RV_E_UNSUPPORTED, "%s is older than 0.%d", a->program, VERSION_NEEDED);
}

struct rv_history *rv_history_open(struct rv_ctx *ctx, const char *address, const char *password, struct rv_error *err)
{
    RV_AUTO(rv_history) a = rv_alloc(sizeof *a);
    if (a == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    *a = (struct rv_history){ .ctx = ctx, .address = address, .password = password };
    a->program = rv_program_find("restic", err);
    if (a->program == NULL)
        err->code = RV_E_UNSUPPORTED;
    if (a->program == NULL || !check_version(a, err)) {
        rv_advise(err, RV_ADVICE_ARCHIVE_NO_RESTIC);
        return NULL;
    }
    return rv_steal(&a);
}

void rv_history_free(struct rv_history *a)
{
    if (a == NULL)
        return;
    rv_free(a->program);
    rv_free(a);
}

bool rv_history_look(struct rv_history *a, struct rv_error *err)
{
    static const char *const words[] = { "cat", "config", "--quiet", "--no-lock", NULL };
    struct asking asking = { .archive = a };
    int exit_code;
    return ask(&asking, NULL, words, "opening the archive", &exit_code, err);
}

bool rv_history_begin(struct rv_history *a, struct rv_error *err)
{
    static const char *const words[] = { "init", "--quiet", NULL };
    struct asking asking = { .archive = a };
    int exit_code;
    return ask(&asking, NULL, words, "beginning an archive", &exit_code, err);
}

/* ---- a backup into it ---- */

static uint64_t count_of(const json_t *message, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(message, key));
    return value > 0 ? (uint64_t)value : 0;
}

struct saving {
    struct rv_history *archive;
    struct rv_saved *out;
};

static void on_saving(void *context, json_t *message)
{
    struct saving *s = context;
    const char *type = json_string_value(json_object_get(message, "message_type"));
    if (type != NULL && strcmp(type, "status") == 0) {
        double part = json_number_value(json_object_get(message, "percent_done"));
        rv_tell(s->archive->ctx, &(struct rv_event){ .kind = RV_EVENT_PROGRESS,
                                                     .step = "archive",
                                                     .unit = "bytes",
                                                     .done = count_of(message, "bytes_done"),
                                                     .total = count_of(message, "total_bytes"),
                                                     .percent = part >= 0 && part <= 1 ? part * 100 : -1 });
    } else if (type != NULL && strcmp(type, "summary") == 0) {
        const char *id = json_string_value(json_object_get(message, "snapshot_id"));
        snprintf(s->out->snapshot, sizeof s->out->snapshot, "%s", id != NULL ? id : "");
        s->out->files_new = count_of(message, "files_new");
        s->out->files_changed = count_of(message, "files_changed");
        s->out->files_same = count_of(message, "files_unmodified");
        s->out->bytes = count_of(message, "total_bytes_processed");
        s->out->bytes_added = count_of(message, "data_added");
    }
}

bool rv_history_save(struct rv_history *a, const char *parent, const char *name, const char *const *tags,
                     struct rv_saved *out, struct rv_error *err)
{
    const char *words[WORDS_MAX] = { "backup", "--json", "--tag", "revive" };
    size_t count = 4;
    for (size_t i = 0; tags[i] != NULL && i < RV_HISTORY_TAGS; i++) {
        words[count++] = "--tag";
        words[count++] = tags[i];
    }
    words[count++] = "--";
    words[count++] = name;
    struct saving saving = { .archive = a, .out = out };
    struct asking asking = { .archive = a, .said = on_saving, .context = &saving };
    int exit_code;
    *out = (struct rv_saved){ .files_new = 0 };
    if (!ask(&asking, parent, words, "putting the backup into the archive", &exit_code, err))
        return false;
    out->unreadable = asking.unreadable;
    if (exit_code == EXIT_PART || asking.unreadable > 0) {
        rv_fail(err, RV_E_CORRUPT, "restic could not read %llu of its files: %s",
                (unsigned long long)(asking.unreadable > 0 ? asking.unreadable : 1), asking.last);
        return rv_advise(err, RV_ADVICE_BACKUP_DAMAGED);
    }
    return out->snapshot[0] != '\0' || rv_fail(err, RV_E_PROTOCOL, "restic does not say what it has made");
}

/* ---- what is in it ---- */

struct listing {
    struct rv_snapshot *list;
    size_t count;
    bool full; /* memory */
};

static void take_text(char out[RV_SNAPSHOT_TEXT], const char *text)
{
    snprintf(out, RV_SNAPSHOT_TEXT, "%s", text != NULL ? text : "");
    rv_text_clean(out);
}

static void take_tag(struct rv_snapshot *s, const char *tag)
{
    const struct {
        const char *begin;
        char *to;
    } known[] = { { "device:", s->device },
                  { "udid:", s->udid },
                  { "ios:", s->version },
                  { "made:", s->made },
                  { "state:", s->state } };
    for (size_t i = 0; i < RV_COUNT(known); i++)
        if (rv_text_starts(tag, known[i].begin))
            take_text(known[i].to, tag + strlen(known[i].begin));
}

static bool take_snapshot(struct rv_snapshot *s, const json_t *one)
{
    const json_t *tag, *tags = json_object_get(one, "tags");
    const char *id = json_string_value(json_object_get(one, "id"));
    const char *path = json_string_value(json_array_get(json_object_get(one, "paths"), 0));
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    size_t i;
    *s = (struct rv_snapshot){ .id = "" };
    if (id == NULL || strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64 || slash == NULL)
        return false;
    snprintf(s->id, sizeof s->id, "%s", id);
    snprintf(s->folder, sizeof s->folder, "%s", slash + 1);
    take_text(s->time, json_string_value(json_object_get(one, "time")));
    take_text(s->host, json_string_value(json_object_get(one, "hostname")));
    json_array_foreach (tags, i, tag)
        if (json_is_string(tag))
            take_tag(s, json_string_value(tag));
    return true;
}

static void on_list(void *context, json_t *message)
{
    struct listing *l = context;
    const json_t *one;
    size_t i, room = json_array_size(message);
    if (!json_is_array(message) || l->list != NULL || room > LIST_MAX)
        return;
    l->list = rv_alloc_array(room + 1, sizeof *l->list);
    l->full = l->list == NULL;
    json_array_foreach (message, i, one)
        if (l->list != NULL && take_snapshot(&l->list[l->count], one))
            l->count++;
}

static int by_time(const void *a, const void *b)
{
    return strcmp(((const struct rv_snapshot *)a)->time, ((const struct rv_snapshot *)b)->time);
}

bool rv_history_list(struct rv_history *a, struct rv_snapshot **out, size_t *count, struct rv_error *err)
{
    static const char *const words[] = { "snapshots", "--json", "--no-lock", "--tag", "revive", NULL };
    struct listing listing = { .list = NULL };
    struct asking asking = { .archive = a, .said = on_list, .context = &listing };
    int exit_code;
    bool fine = ask(&asking, NULL, words, "reading the list of the archive", &exit_code, err);
    if (fine && listing.full)
        fine = rv_fail_nomem(err);
    if (!fine) {
        rv_free(listing.list);
        return false;
    }
    if (listing.count > 1)
        qsort(listing.list, listing.count, sizeof *listing.list, by_time);
    *out = listing.list;
    *count = listing.count;
    return true;
}

/* ---- one out of it ---- */

struct bringing {
    int top;    /* the folder `to` */
    int hidden; /* to/.NAME.restoring */
    char hidden_name[NAME_ROOM];
};

/* An archive of somebody else may hold links and devices: a backup has none. */
static bool only_files(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    const int *at = context;
    if (S_ISREG(st->st_mode))
        return true;
    if (!S_ISDIR(st->st_mode))
        return rv_fail(err, RV_E_CORRUPT, "the archived folder holds something that is neither file nor folder: %.80s",
                       name);
    RV_AUTO_FD inner = openat(*at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %.80s", name);
    return rv_place_each(inner, ".", only_files, &inner, err);
}

static bool prepare(struct bringing *b, const struct rv_snapshot *which, const char *to, struct rv_error *err)
{
    struct stat st;
    size_t len = strlen(which->folder);
    if (!rv_place_check(rv_span(which->folder, len), err) || which->folder[0] == '.')
        return err->code != RV_OK ? false
                                  : rv_fail(err, RV_E_DENIED, "a backup called %s is not restored", which->folder);
    if (!rv_dir_make(to, err))
        return false;
    b->top = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->top < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %s", to);
    if (fstatat(b->top, which->folder, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return rv_fail(err, RV_E_USAGE, "%s holds %s already: nothing is written over it", to, which->folder);
    snprintf(b->hidden_name, sizeof b->hidden_name, ".%s.restoring", which->folder);
    if (mkdirat(b->top, b->hidden_name, 0700) != 0 && errno != EEXIST)
        return rv_fail_sys(err, RV_E_IO, errno, "making a folder in %s", to);
    b->hidden = openat(b->top, b->hidden_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (b->hidden < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %s in %s", b->hidden_name, to);
    if (flock(b->hidden, LOCK_EX | LOCK_NB) != 0) {
        close(b->hidden);
        b->hidden = -1;
        return rv_fail(err, RV_E_BUSY, "another program is restoring %s into %s", which->folder, to);
    }
    /* what a killed run left of it */
    return rv_place_remove(b->hidden, which->folder, err);
}

/* Secured, then named: never the other way round. */
static bool give_name(struct bringing *b, const char *name, const char *to, struct rv_error *err)
{
    if (syncfs(b->hidden) != 0)
        return rv_fail_sys(err, RV_E_IO, errno, "securing the backup on the disk");
    if (rv_place_rename_new(b->hidden, name, b->top, name) != 0)
        return rv_fail_sys(err, RV_E_IO, errno, "giving the backup its name in %s", to);
    return fsync(b->top) == 0 || rv_fail_sys(err, RV_E_IO, errno, "securing %s on the disk", to);
}

static bool bring(struct rv_history *a, struct bringing *b, const struct rv_snapshot *which, const char *to,
                  struct rv_error *err)
{
    struct asking asking = { .archive = a };
    struct rv_error missing = { 0 };
    int exit_code;
    RV_AUTO_TEXT target = rv_path_join(to, b->hidden_name, err);
    if (target == NULL)
        return false;
    const char *const words[] = { "restore", which->id, "--no-lock", "--verify", "--target", target, NULL };
    if (!ask(&asking, NULL, words, "bringing the backup out of the archive", &exit_code, err))
        return false;
    RV_AUTO_FD folder = openat(b->hidden, which->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) {
        rv_fail(&missing, RV_E_CORRUPT, "the archive holds no folder %s", which->folder);
        *err = missing;
        return rv_advise(err, RV_ADVICE_ARCHIVE_DAMAGED);
    }
    return rv_place_each(folder, ".", only_files, &folder, err);
}

bool rv_history_bring(struct rv_history *a, const struct rv_snapshot *which, const char *to, rv_history_proof_fn *proof,
                      void *context, char **folder, struct rv_error *err)
{
    struct bringing b = { .top = -1, .hidden = -1 };
    struct rv_error none = { 0 };
    char inner[NAME_ROOM * 2];
    bool fine = prepare(&b, which, to, err) && bring(a, &b, which, to, err);
    if (fine) {
        snprintf(inner, sizeof inner, "%s/%s", b.hidden_name, which->folder);
        RV_AUTO_TEXT path = rv_path_join(to, inner, err);
        fine = path != NULL && proof(context, path, err) && give_name(&b, which->folder, to, err);
    }
    if (b.hidden >= 0) {
        rv_place_remove(b.top, b.hidden_name, &none);
        close(b.hidden);
    }
    if (b.top >= 0)
        close(b.top);
    *folder = fine ? rv_path_join(to, which->folder, err) : NULL;
    return *folder != NULL;
}
