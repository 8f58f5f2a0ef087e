/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of backups in words. */
#include "cli/print.h"

#include "base/language.h"
#include "base/text.h"

#include <string.h>

enum { TEXT_SIZE = 32 };

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static const char *size_of(const json_t *object, const char *key, char out[TEXT_SIZE])
{
    return rv_text_size((uint64_t)number_of(object, key), out, TEXT_SIZE);
}

static void print_age(const json_t *backup, char *out, size_t room)
{
    long long days = number_of(backup, "age_days");
    if (!json_is_integer(json_object_get(backup, "age_days")))
        snprintf(out, room, _("date not known"));
    else if (days <= 0)
        snprintf(out, room, _("today"));
    else
        snprintf(out, room, "%lld day%s old", days, days == 1 ? "" : "s");
}

static const char *state_words(const json_t *backup)
{
    const char *state = rv_json_text(backup, "state", "unknown");
    if (json_is_true(json_object_get(backup, "finished")))
        return json_is_true(json_object_get(backup, "encrypted")) ? _("finished, encrypted") : _("finished");
    if (json_is_true(json_object_get(backup, "foreign")))
        return _("not a backup any more: its lists are gone");
    if (strcmp(state, "unreadable") == 0)
        return _("cannot be read");
    if (strcmp(state, "finished") == 0 || strcmp(state, "unknown") == 0)
        return _("damaged: `revive backup verify` says what is wrong");
    return strcmp(state, "empty") == 0 ? _("empty") : _("broken off before it was finished");
}

void rv_print_backup_list(const struct rv_face *face, const json_t *result)
{
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    json_t *b;
    size_t i;
    char size[TEXT_SIZE], age[64];
    json_array_foreach (json_object_get(result, "backups"), i, b) {
        print_age(b, age, sizeof age);
        printf(_("%s%2lld  %s%s, iOS %s, %.10s (%s), %s\n"), bold, number_of(b, "number"),
               rv_json_text(b, "device", _("a phone without a name")), off, rv_json_text(b, "version", "?"),
               rv_json_text(b, "date", "?"), age, size_of(b, "bytes", size));
        printf("    %s\n    %s%s%s%s\n", state_words(b), rv_json_text(b, "folder", "?"),
               json_object_get(b, "place") != NULL ? " (" : "", rv_json_text(b, "place", ""),
               json_object_get(b, "place") != NULL ? ")" : "");
    }
    if (json_array_size(json_object_get(result, "backups")) == 0)
        printf(
            "No backup was found on this computer. A disk that is not attached is not looked at; a folder elsewhere is "
            "named with --in DIR.\nTo make one: plug the phone in and type `revive backup create`.\n");
}

void rv_print_backup_show(const struct rv_face *face, const json_t *result)
{
    const json_t *b = json_object_get(result, "backup");
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    json_t *part;
    size_t i;
    char size[TEXT_SIZE], age[64];
    print_age(b, age, sizeof age);
    printf(_("%s%s%s, %s with iOS %s\n"), bold, rv_json_text(b, "device", _("a phone without a name")), off,
           rv_json_text(b, "product_type", "?"), rv_json_text(b, "version", "?"));
    printf(_("made %.10s (%s), %s, %s on the disk\n%s\n\n"), rv_json_text(b, "date", "?"), age, state_words(b),
           size_of(b, "bytes", size), rv_json_text(b, "folder", "?"));
    json_array_foreach (json_object_get(result, "sorts"), i, part)
        printf("%9lld %-32s %9s\n", number_of(part, "files"), rv_json_words(part, "words", "?"),
               size_of(part, "bytes", size));
    printf("%9lld %-32s %9s\n", number_of(result, "content_files"), _("files in all"),
           size_of(result, "content_bytes", size));
    if (number_of(b, "age_days") > 0)
        printf(_("\nWhat came onto the phone since %.10s is not in this backup.\n"), rv_json_text(b, "date", "?"));
}

void rv_print_backup_verify(const struct rv_face *face, const json_t *result)
{
    char size[TEXT_SIZE];
    json_t *kind;
    size_t i;
    (void)face;
    printf(_("This backup is whole: %lld files (%s) were read and fit the index%s.\n"),
           number_of(result, "checked_files"), size_of(result, "checked_bytes", size),
           number_of(result, "decrypted") > 0 ? _(", and the password opens every one") : "");
    json_array_foreach (json_object_get(json_object_get(result, "findings"), "kinds"), i, kind)
        printf(_("note: %s (%lld)\n"), rv_json_words(kind, "words", "?"), number_of(kind, "count"));
}

void rv_print_backup_extract(const struct rv_face *face, const json_t *result)
{
    char size[TEXT_SIZE];
    (void)face;
    printf(_("%lld files (%s) are in %s"), number_of(result, "files"), size_of(result, "bytes", size),
           rv_json_text(result, "to", "?"));
    if (number_of(result, "already_there") > 0)
        printf(_("; %lld were there already"), number_of(result, "already_there"));
    printf("\n");
}

void rv_print_backup_mounted(const struct rv_face *face, const json_t *result)
{
    char size[TEXT_SIZE], read[TEXT_SIZE];
    (void)face;
    printf(_("%lld files (%s) were shown in %s; %s of them were read. The backup is as it was.\n"),
           number_of(result, "files"), size_of(result, "bytes", size), rv_json_text(result, "at", "?"),
           size_of(result, "read_bytes", read));
}

void rv_print_archive_created(const struct rv_face *face, const json_t *result)
{
    char size[TEXT_SIZE], added[TEXT_SIZE];
    (void)face;
    printf(_("The backup (%s) is in the archive as %s; %s of it were new there.\n"), size_of(result, "bytes", size),
           rv_json_text(result, "snapshot", "?"), size_of(result, "bytes_added", added));
    if (strcmp(rv_json_text(result, "state", ""), "lists") == 0)
        printf(_("Only its lists were checked: `revive backup verify` checks every file.\n"));
}

void rv_print_archive_list(const struct rv_face *face, const json_t *result)
{
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    json_t *s;
    size_t i;
    json_array_foreach (json_object_get(result, "snapshots"), i, s)
        printf(_("%s%3lld  %s%s, iOS %s, made %.10s, archived %.10s from %s%s\n"), bold, number_of(s, "number"),
               rv_json_text(s, "device", _("a phone without a name")), off, rv_json_text(s, "version", "?"),
               rv_json_text(s, "made", "?"), rv_json_text(s, "archived", "?"), rv_json_text(s, "host", "?"),
               strcmp(rv_json_text(s, "state", ""), "damaged") == 0 ? _(", damaged") : "");
    if (json_array_size(json_object_get(result, "snapshots")) == 0)
        printf(_("The archive holds no backup yet: `revive backup archive create` puts one into it.\n"));
}

void rv_print_archive_restored(const struct rv_face *face, const json_t *result)
{
    printf(_("%sThe backup is in %s%s\nIt was compared with the archive byte by byte.\n"),
           rv_style(face->colour_out, "bold"), rv_json_text(result, "folder", "?"), rv_style(face->colour_out, "off"));
}

void rv_print_backup_repair(const struct rv_face *face, const json_t *result)
{
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    long long nameless = number_of(result, "files_nameless");
    printf("%sThe mended backup is in %s%s\n", bold, rv_json_text(result, "repaired", "?"), off);
    printf("%lld files are in it, %lld of them mended", number_of(result, "files_kept"),
           number_of(result, "files_mended"));
    if (number_of(result, "files_named") > 0)
        printf("; %lld had lost their names and got them back", number_of(result, "files_named"));
    printf(".\n");
    if (nameless > 0)
        printf("%lld files have no name any more; they lie in %s\n", nameless, rv_json_text(result, "nameless", "?"));
    if (number_of(json_object_get(result, "lost"), "damage") == 0)
        printf("Nothing was lost.\n");
    printf("It was checked from end to end. %s\n",
           json_object_get(result, "undo") != NULL ? "The damaged one is kept:" : "The damaged one is as it was.");
    if (json_object_get(result, "undo") != NULL)
        printf("%s\n", rv_json_text(result, "undo", "?"));
}

void rv_print_backup_create(const struct rv_face *face, const json_t *result)
{
    char size[TEXT_SIZE];
    printf("%sThe backup is whole, in %s%s\n", rv_style(face->colour_out, "bold"), rv_json_text(result, "folder", "?"),
           rv_style(face->colour_out, "off"));
    printf("%lld files (%s) came over the cable%s.\n", number_of(result, "files_received"),
           size_of(result, "bytes_received", size),
           json_is_true(json_object_get(result, "incremental")) ? "; what had not changed was there already" : "");
    if (!json_is_true(json_object_get(result, "encrypted")))
        printf("It is not encrypted: passwords, Health and calls are not in it. `revive backup password set` changes "
               "that.\n");
    else if (!json_is_true(json_object_get(result, "read_back")))
        printf(
            "It is encrypted; without its password only its lists were checked: `revive backup verify` checks all.\n");
}

void rv_print_backup_brought(const struct rv_face *face, const json_t *result)
{
    char size[TEXT_SIZE];
    (void)face;
    printf(
        "The phone took %lld files (%s).\n%s\n", number_of(result, "files_sent"), size_of(result, "bytes_sent", size),
        json_is_true(json_object_get(result, "restarts")) ? "It starts anew now and puts everything in its place: that "
                                                            "takes minutes. Leave it plugged in. Apps come from "
                                                            "the App Store afterwards."
                                                          : "It puts everything in its place when it is started anew.");
}

void rv_print_backup_password(const struct rv_face *face, const json_t *result)
{
    (void)face;
    printf("%s\n",
           json_is_true(json_object_get(result, "encrypts"))
               ? "The phone encrypts its backups from now on. Write the password down: without it nobody can open them."
               : "The phone's next backups are not encrypted.");
}

void rv_print_backup_diff(const struct rv_face *face, const json_t *result)
{
    (void)face;
    printf("%lld added, %lld removed, %lld changed, %lld as they were\n", number_of(result, "added"),
           number_of(result, "removed"), number_of(result, "changed"), number_of(result, "same"));
}

void rv_print_backup_deleted(const struct rv_face *face, const json_t *result)
{
    char size[TEXT_SIZE];
    (void)face;
    printf("The backup is deleted; %s are free again.\n", size_of(result, "freed_bytes", size));
}

void rv_print_backup_pruned(const struct rv_face *face, const json_t *result)
{
    (void)face;
    if (json_array_size(json_object_get(result, "deleted")) == 0)
        printf("Nothing goes: no phone has more finished backups than that.\n");
}
