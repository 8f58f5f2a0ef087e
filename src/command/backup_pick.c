/* SPDX-License-Identifier: Apache-2.0 */
#include "command/backup_pick.h"

#include "backup/facts.h"
#include "backup/find.h"
#include "backup/sorts.h"
#include "base/file.h"
#include "base/text.h"
#include "command/device_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PASSWORD_FILE_MAX = 4096, LINE_MAX_BYTES = 1024 };

void rv_say(struct rv_run *run, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    if (run->json)
        return;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    rv_text_clean(line);
    rv_tell(run->ctx, &(struct rv_event){ .kind = RV_EVENT_ROW, .text = line, .percent = -1 });
}

/* ---- which one ---- */

struct choosing {
    struct rv_run *run;
    const char *word;
    uint64_t number, count, matches;
    char *path;
};

static bool is_meant(const struct choosing *c, const char *path, const struct rv_backup *b)
{
    const char *slash = strrchr(path, '/'), *folder = slash != NULL ? slash + 1 : path;
    return c->word == NULL || (c->number != 0 && c->number == c->count) || rv_text_equal_nocase(c->word, folder) ||
           rv_text_equal_nocase(c->word, rv_backup_text(b, "Target Identifier", "UniqueDeviceID")) ||
           rv_text_equal_nocase(c->word, rv_backup_text(b, "Device Name", "DeviceName")) ||
           rv_text_equal_nocase(c->word, rv_backup_text(b, "Serial Number", "SerialNumber"));
}

static bool consider(void *context, const char *path, const char *place, struct rv_error *err)
{
    struct choosing *c = context;
    struct rv_error none = { 0 };
    (void)place;
    RV_AUTO(rv_backup) b = rv_backup_look(c->run->ctx, path, &none);
    c->count++;
    if (b == NULL || !is_meant(c, path, b))
        return true;
    c->matches++;
    rv_free(c->path);
    c->path = rv_text_copy(path);
    return c->path != NULL || rv_fail_nomem(err);
}

char *rv_backup_pick_path(struct rv_run *run, const char *word, struct rv_error *err)
{
    struct choosing c = { .run = run, .word = word };
    if (word != NULL && (strchr(word, '/') != NULL || rv_backup_is_folder(word)))
        return rv_text_copy(word);
    if (word != NULL && strlen(word) < 8 && !rv_text_number(word, 10, &c.number))
        c.number = 0;
    if (!rv_backup_find(run->ctx, rv_arg(run->args, "in"), consider, &c, err)) {
        rv_free(c.path);
        return NULL;
    }
    if (c.matches == 1)
        return c.path;
    rv_free(c.path);
    if (c.matches > 1)
        rv_fail(err, RV_E_USAGE,
                "%llu backups were found%s%s: which one? Name its folder or its number in `revive backup list`",
                (unsigned long long)c.matches, word != NULL ? " for " : "", word != NULL ? word : "");
    else
        rv_fail(err, RV_E_NOT_FOUND, "no backup%s%s was found", word != NULL ? " called " : "",
                word != NULL ? word : "");
    rv_advise(err, RV_ADVICE_NO_BACKUP_THERE);
    return NULL;
}

struct rv_backup *rv_backup_pick(struct rv_run *run, const char *word, struct rv_error *err)
{
    RV_AUTO_TEXT path = rv_backup_pick_path(run, word, err);
    if (path == NULL)
        return NULL;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    return rv_backup_look(run->ctx, path, err);
}

/* ---- its password ---- */

static bool take_password(struct rv_span from, char *out, struct rv_error *err)
{
    size_t len = 0;
    while (len < from.len && from.ptr[len] != '\n' && from.ptr[len] != '\r')
        len++;
    if (len >= RV_BACKUP_PASSWORD_MAX)
        return rv_fail(err, RV_E_USAGE, "a password of more than %d bytes", RV_BACKUP_PASSWORD_MAX - 1);
    if (len > 0)
        memcpy(out, from.ptr, len);
    out[len] = '\0';
    return true;
}

/* Where else a password may come from than its option and the person. */
static const struct {
    const char *option, *setting, *file_setting;
    enum rv_advice advice; /* when there is none */
} password_ways[] = {
    { "password-file", "REVIVE_BACKUP_PASSWORD", NULL, RV_ADVICE_BACKUP_PASSWORD_NEEDED },
    { "archive-password-file", "RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", RV_ADVICE_ARCHIVE_PASSWORD_NEEDED },
    { "new-password-file", NULL, NULL, RV_ADVICE_BACKUP_PASSWORD_NEEDED },
};

bool rv_backup_password(struct rv_run *run, const char *file_option, const char *prompt,
                        char out[RV_BACKUP_PASSWORD_MAX], struct rv_error *err)
{
    size_t way = 0;
    while (way + 1 < RV_COUNT(password_ways) && strcmp(password_ways[way].option, file_option) != 0)
        way++;
    const char *file = rv_arg(run->args, file_option);
    const char *env = password_ways[way].setting != NULL ? getenv(password_ways[way].setting) : NULL;
    if (file == NULL && password_ways[way].file_setting != NULL)
        file = getenv(password_ways[way].file_setting);
    if (file != NULL) {
        RV_AUTO(rv_blob) bytes = rv_file_read(file, PASSWORD_FILE_MAX, err);
        if (bytes == NULL)
            return rv_while(err, "reading the password");
        bool fine = take_password(rv_blob_span(bytes), out, err);
        rv_wipe(bytes->data, bytes->len);
        return fine;
    }
    if (env != NULL)
        return take_password(rv_span(env, strlen(env)), out, err);
    if (run->ctx->secret != NULL && run->ctx->secret(run->ctx->ask_context, prompt, out, RV_BACKUP_PASSWORD_MAX))
        return true;
    rv_fail(err, RV_E_USAGE, "a password is needed, and nobody can be asked here: %s", prompt);
    return rv_advise(err, password_ways[way].advice);
}

bool rv_backup_pick_unlock(struct rv_run *run, struct rv_backup *b, struct rv_error *err)
{
    char password[RV_BACKUP_PASSWORD_MAX];
    if (!b->encrypted || b->unlocked)
        return true;
    if (!b->has_keybag)
        return rv_backup_unlock(b, "", err);
    bool fine = rv_backup_password(run, "password-file", "Password of this backup", password, err);
    if (fine) {
        rv_tell_step(run->ctx, "unlock", "Trying the password (this takes some seconds on purpose)");
        fine = rv_backup_unlock(b, password, err);
    }
    rv_wipe(password, sizeof password);
    return fine;
}

/* ---- JSON ---- */

static const char *const kind_names[] = { "none", "mdinfo", "mbdb", "db" };

static void set_date(json_t *j, const char *key, int64_t seconds)
{
    char text[32];
    struct tm tm;
    time_t t = (time_t)seconds;
    if (seconds != 0 && gmtime_r(&t, &tm) != NULL && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        json_object_set_new(j, key, json_string(text));
}

json_t *rv_backup_json(const struct rv_backup *b, const char *place)
{
    json_t *j = json_object();
    const char *slash = strrchr(b->path, '/'), *name = slash != NULL ? slash + 1 : b->path;
    int64_t date = rv_backup_date(b);
    bool finished = b->state == RV_BACKUP_FINISHED && b->kind != RV_BACKUP_NO_INDEX && b->manifest.plist != NULL;
    rv_json_set_text(j, "folder", b->path);
    rv_json_set_text(j, "name", name);
    rv_json_set_text(j, "place", place);
    rv_json_set_text(j, "udid", rv_backup_text(b, "Target Identifier", "UniqueDeviceID"));
    rv_json_set_text(j, "device", rv_backup_text(b, "Device Name", "DeviceName"));
    rv_json_set_text(j, "product_type", rv_backup_text(b, "Product Type", "ProductType"));
    rv_json_set_text(j, "version", rv_backup_text(b, "Product Version", "ProductVersion"));
    rv_json_set_text(j, "build", rv_backup_text(b, "Build Version", "BuildVersion"));
    rv_json_set_text(j, "serial", rv_backup_text(b, "Serial Number", "SerialNumber"));
    set_date(j, "date", date);
    if (date != 0)
        json_object_set_new(j, "age_days", json_integer((time(NULL) - date) / 86400));
    json_object_set_new(j, "encrypted", json_boolean(b->encrypted));
    json_object_set_new(j, "state", json_string(rv_backup_state_names[b->state]));
    json_object_set_new(j, "finished", json_boolean(finished));
    json_object_set_new(j, "index", json_string(kind_names[b->kind]));
    json_object_set_new(j, "foreign", json_boolean(!b->info.exists && !b->status.exists && !b->manifest.exists));
    return j;
}

static json_t *kinds_json(const struct rv_findings *f)
{
    json_t *kinds = json_array();
    for (unsigned i = 0; i < RV_FIND_KINDS; i++)
        if (f->counts[i] > 0)
            json_array_append_new(kinds, json_pack("{s:s, s:I, s:b, s:s}", "id", rv_finding_rows[i].id, "count",
                                                   (json_int_t)f->counts[i], "damage", (int)rv_finding_rows[i].damage,
                                                   "words", rv_finding_rows[i].words));
    return kinds;
}

json_t *rv_findings_json(const struct rv_findings *f)
{
    json_t *files = json_array(), *sorts = json_array();
    for (uint32_t i = 0; i < f->kept_count; i++) {
        json_t *one = json_pack("{s:s}", "kind", rv_finding_rows[f->kept[i].kind].id);
        rv_json_set_text(one, "domain", f->kept[i].domain);
        rv_json_set_text(one, "path", f->kept[i].path);
        rv_json_set_text(one, "detail", f->kept[i].detail);
        json_array_append_new(files, one);
    }
    for (unsigned i = 0; i < rv_backup_sort_count; i++)
        if (f->lost_by_sort[i] > 0)
            json_array_append_new(
                sorts,
                json_pack("{s:s, s:I, s:s}", "sort", rv_backup_sorts[i].id, "count", (json_int_t)f->lost_by_sort[i],
                          "words", f->lost_by_sort[i] == 1 ? rv_backup_sorts[i].one : rv_backup_sorts[i].many));
    return json_pack("{s:I, s:o, s:o, s:o}", "damage", (json_int_t)rv_findings_damage(f), "kinds", kinds_json(f),
                     "by_sort", sorts, "list", files);
}

static const char *name_of(const struct rv_finding *one)
{
    const struct rv_backup_database *d =
        one->domain != NULL && one->path != NULL ? rv_backup_database_of(one->domain, one->path) : NULL;
    return d != NULL ? d->words : NULL;
}

/* The first of the findings that tell of this database. */
static bool names_first(const struct rv_findings *f, uint32_t at)
{
    const char *name = name_of(&f->kept[at]);
    for (uint32_t i = 0; name != NULL && i < at; i++)
        if (name_of(&f->kept[i]) == name)
            return false;
    return name != NULL;
}

static const char *mark_of(unsigned kind, bool mended)
{
    static const bool put_right[RV_FIND_KINDS] = {
        [RV_FIND_FILE_SIZE] = true,   [RV_FIND_FILE_DIGEST] = true,  [RV_FIND_FILE_PADDING] = true,
        [RV_FIND_FILE_PARTLY] = true, [RV_FIND_FILE_CONTENT] = true, [RV_FIND_DATABASE] = true
    };
    if (mended)
        return put_right[kind] ? "MENDED" : "LOST";
    return rv_finding_rows[kind].damage ? "DAMAGE" : "note";
}

static void tell_findings(struct rv_run *run, const struct rv_findings *f, bool mended)
{
    for (unsigned i = 0; i < RV_FIND_KINDS; i++) {
        if (f->counts[i] == 1)
            rv_say(run, "%-8s %s", mark_of(i, mended), rv_finding_rows[i].words);
        else if (f->counts[i] > 1)
            rv_say(run, "%-8s %s (%llu times)", mark_of(i, mended), rv_finding_rows[i].words,
                   (unsigned long long)f->counts[i]);
    }
    for (unsigned i = 0; i < rv_backup_sort_count; i++)
        if (f->lost_by_sort[i] > 0)
            rv_say(run, "%8llu %s unreadable or changed", (unsigned long long)f->lost_by_sort[i],
                   f->lost_by_sort[i] == 1 ? rv_backup_sorts[i].one : rv_backup_sorts[i].many);
    for (uint32_t i = 0; i < f->kept_count; i++)
        if (names_first(f, i))
            rv_say(run, "         among them the database of %s", name_of(&f->kept[i]));
    unsigned shown = 0;
    for (uint32_t i = 0; i < f->kept_count && shown < 20; i++)
        if (f->kept[i].path != NULL) {
            rv_say(run, "         %s: %s %s%s%s", rv_finding_rows[f->kept[i].kind].id, f->kept[i].domain,
                   f->kept[i].path, f->kept[i].detail != NULL ? ": " : "",
                   f->kept[i].detail != NULL ? f->kept[i].detail : "");
            shown++;
        }
    if (f->kept_count > shown && shown == 20)
        rv_say(run, "         … and more; --json lists all");
}

void rv_findings_tell(struct rv_run *run, const struct rv_findings *f)
{
    tell_findings(run, f, false);
}

void rv_findings_tell_mended(struct rv_run *run, const struct rv_findings *f)
{
    tell_findings(run, f, true);
}
