/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/choice.h"

#include "backup/mending.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- words ---- */

/* What a person calls settings lies in several domains. */
static const struct {
    const char *word, *domain, *path; /* patterns; path NULL: all of it */
} habits[] = {
    { "settings", "SystemPreferencesDomain", NULL },           { "settings", "ManagedPreferencesDomain", NULL },
    { "settings", "HomeDomain", "Library/Preferences/*" },     { "settings", "RootDomain", "Library/Preferences/*" },
    { "settings", "WirelessDomain", "Library/Preferences/*" }, { "keychain", "KeychainDomain", NULL },
};

static bool is_habit(const char *word)
{
    for (size_t i = 0; i < RV_COUNT(habits); i++)
        if (strcmp(habits[i].word, word) == 0)
            return true;
    return false;
}

bool rv_choice_parse(const char *list, bool only, struct rv_choice *out, struct rv_error *err)
{
    *out = (struct rv_choice){ .only = only };
    for (const char *at = list; *at != '\0';) {
        size_t len = strcspn(at, ",");
        if (len >= RV_CHOICE_WORD || out->count == RV_CHOICE_MAX)
            return rv_fail(err, RV_E_USAGE, "more than %d names, or one of more than %d letters, in '%.60s'",
                           RV_CHOICE_MAX, RV_CHOICE_WORD - 1, list);
        if (len > 0) {
            snprintf(out->words[out->count], RV_CHOICE_WORD, "%.*s", (int)len, at);
            out->met[out->count] = is_habit(out->words[out->count]); /* a phone may have none of it */
            out->count++;
        }
        at += len + (at[len] == ',');
    }
    return out->count > 0 || rv_fail(err, RV_E_USAGE, "no name is given: settings, keychain, a domain or an app");
}

bool rv_choice_has(const struct rv_choice *choice, const char *word)
{
    for (unsigned i = 0; i < choice->count; i++)
        if (strcmp(choice->words[i], word) == 0)
            return true;
    return false;
}

/* An app's data lies in domains made of its bundle id. */
static bool is_of_app(const char *word, const char *domain)
{
    static const char *const heads[] = { "AppDomain-", "AppDomainPlugin-", "AppDomainGroup-group.", "AppDomainGroup-" };
    size_t len = strlen(word);
    for (size_t i = 0; i < RV_COUNT(heads); i++) {
        const char *rest = domain + strlen(heads[i]);
        if (strncmp(domain, heads[i], strlen(heads[i])) == 0 && strncmp(rest, word, len) == 0 &&
            (rest[len] == '\0' || rest[len] == '.'))
            return true;
    }
    return false;
}

static bool means(const char *word, const char *domain, const char *path)
{
    for (size_t i = 0; i < RV_COUNT(habits); i++)
        if (strcmp(habits[i].word, word) == 0 && strcmp(habits[i].domain, domain) == 0 &&
            (habits[i].path == NULL || fnmatch(habits[i].path, path, 0) == 0))
            return true;
    return !is_habit(word) && (fnmatch(word, domain, 0) == 0 || is_of_app(word, domain));
}

bool rv_choice_keeps(struct rv_choice *choice, const char *domain, const char *path)
{
    bool named = false;
    for (unsigned i = 0; i < choice->count; i++) {
        if (!means(choice->words[i], domain, path))
            continue;
        choice->met[i] = true;
        named = true;
    }
    return named == choice->only;
}

/* ---- the index ---- */

struct trimming {
    struct rv_choice *choice;
    struct rv_index_writer *writer;
    struct rv_trimmed *out;
};

static bool add_row(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    struct trimming *t = context;
    if (!rv_choice_keeps(t->choice, row->domain, row->path)) {
        t->out->left_out++;
        return true;
    }
    t->out->kept++;
    if (row->file != NULL && rv_mbfile_kind(row->file) == RV_MBFILE_FILE)
        t->out->bytes += row->file->size;
    return rv_index_writer_add(t->writer, row, err);
}

static bool make_folder(struct rv_trimmed *out, struct rv_error *err)
{
    if (!rv_private_make(&out->folder, err))
        return false;
    out->dir = open(out->folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return out->dir >= 0 || rv_fail_sys(err, RV_E_IO, errno, "opening %s", out->folder.path);
}

const char *rv_choice_index_name(const struct rv_backup *b)
{
    return b->kind == RV_BACKUP_MBDB ? "Manifest.mbdb" : "Manifest.db";
}

bool rv_choice_trim(struct rv_choice *choice, struct rv_backup *b, struct rv_trimmed *out, struct rv_error *err)
{
    *out = (struct rv_trimmed){ .dir = -1 };
    if (!rv_backup_open_index(b, err) || !make_folder(out, err))
        return false;
    struct rv_mending like = { .ctx = b->ctx,
                               .b = b,
                               .mbdb = b->kind == RV_BACKUP_MBDB,
                               .encrypted = b->encrypted,
                               .manifest = b->manifest.plist,
                               .to = out->dir };
    RV_AUTO(rv_index_writer) writer = rv_index_writer_new(&like, err);
    struct trimming t = { .choice = choice, .writer = writer, .out = out };
    return writer != NULL && rv_backup_each(b, add_row, &t, err) && rv_index_writer_finish(writer, err);
}

void rv_trimmed_clear(struct rv_trimmed *t)
{
    if (t->dir >= 0)
        close(t->dir);
    rv_private_remove(&t->folder);
    *t = (struct rv_trimmed){ .dir = -1 };
}
