/* SPDX-License-Identifier: Apache-2.0 */
/* recover scan, list, export, preview: what was found, what was not, why, and what next. */
#include "cli/print.h"

#include "base/language.h"

#include <string.h>

static long long count_of(const json_t *row, const char *key)
{
    return (long long)json_integer_value(json_object_get(row, key));
}

static void print_why(const json_t *types, int width)
{
    size_t i, k;
    json_t *row, *why;
    json_array_foreach ((json_t *)(uintptr_t)types, i, row) {
        if (count_of(row, "files") == 0)
            continue;
        json_array_foreach (json_object_get(row, "why"), k, why)
            rv_print_hanging("  -", json_string_value(why), 4, width);
        if (count_of(row, "tombstones") > 0)
            printf("  - %s: %lld marks of things deleted for good, without their content\n",
                   rv_json_text(row, "title", ""), count_of(row, "tombstones"));
    }
}

static bool any_why(const json_t *types)
{
    size_t i;
    json_t *row;
    json_array_foreach ((json_t *)(uintptr_t)types, i, row)
        if (count_of(row, "files") > 0 &&
            (json_array_size(json_object_get(row, "why")) > 0 || count_of(row, "tombstones") > 0))
            return true;
    return false;
}

static void print_absent(const json_t *types, int width)
{
    size_t i;
    json_t *row;
    bool head = false;
    json_array_foreach ((json_t *)(uintptr_t)types, i, row) {
        if (count_of(row, "files") > 0)
            continue;
        if (!head)
            puts("\nNot in this source:");
        head = true;
        char line[700];
        snprintf(line, sizeof line, "%s: %s", rv_json_text(row, "title", ""),
                 json_string_value(json_array_get(json_object_get(row, "why"), 0)));
        rv_print_hanging("  -", line, 4, width);
    }
}

void rv_print_scan(const struct rv_face *face, const json_t *result)
{
    const json_t *types = json_object_get(result, "types");
    long long deleted = 0, found = 0;
    size_t i;
    json_t *row;
    bool single = strcmp(rv_json_text(result, "source", ""), "file") == 0;
    bool several = json_array_size(json_object_get(result, "backups")) > 1;
    printf("%-16s %12s %18s %10s%s\n", "", "live", "recently deleted", "deleted", several ? "  in older backups" : "");
    json_array_foreach ((json_t *)(uintptr_t)types, i, row) {
        if (count_of(row, "files") == 0)
            continue;
        found++;
        deleted += count_of(row, "deleted") + count_of(row, "recently_deleted") + count_of(row, "in_older_backups");
        printf("%-16s %12lld %18lld %10lld", rv_json_text(row, "title", ""), count_of(row, "live"),
               count_of(row, "recently_deleted"), count_of(row, "deleted"));
        if (several)
            printf("  %16lld", count_of(row, "in_older_backups"));
        putchar('\n');
    }
    if (found == 0)
        puts("Nothing that revive knows was found here.");
    if (any_why(types))
        puts("\nWhat to know:");
    print_why(types, face->width);
    if (!single)
        print_absent(types, face->width);
    if (found > 0) {
        puts("\nRecently deleted: still in the app's own trash. Deleted: rows found again in freed space of the "
             "databases;\n"
             "each carries how sure it is, and its text may be cut.");
        if (several)
            puts("In older backups: there in one of them, not in a newer one; each says between which two it went.");
        printf("next: `revive recover list --from %s%s` shows them; `revive recover export` saves them.\n",
               rv_json_text(result, "from", "SOURCE"), deleted > 0 ? " --deleted" : "");
    }
}

void rv_print_listed(const struct rv_face *face, const json_t *result)
{
    const json_t *types = json_object_get(result, "types");
    if (types == NULL) { /* raw rows */
        rv_print_verdict(face, result);
        return;
    }
    long long shown = count_of(result, "shown");
    printf(
        "\n%lld shown%s. \xE2\x99\xBB recently deleted, still in the app's trash; \xE2\x9C\x97 deleted, found again.\n",
        shown, json_is_true(json_object_get(result, "more")) ? ", and there are more: --page shows the next" : "");
    if (any_why(types))
        puts("What to know:");
    print_why(types, face->width);
    if (json_array_size(types) == 0)
        puts("Nothing of the kind is in this source: `revive recover scan` says what is, and why not.");
}

void rv_print_exported(const struct rv_face *face, const json_t *result)
{
    const json_t *types = json_object_get(result, "types");
    long long lost = 0;
    size_t i;
    json_t *row;
    json_array_foreach ((json_t *)(uintptr_t)types, i, row) {
        printf("%-16s %lld as %s", rv_json_text(row, "title", ""), count_of(row, "exported"),
               rv_json_text(row, "format", ""));
        if (count_of(row, "media_copied") + count_of(row, "media_there_already") > 0)
            printf(", %lld files with them", count_of(row, "media_copied") + count_of(row, "media_there_already"));
        putchar('\n');
        lost += count_of(row, "media_not_found");
    }
    if (lost > 0)
        printf("\n%lld pictures and files are named and are not here: they were in iCloud only, or left this backup.\n",
               lost);
    if (any_why(types))
        puts("\nWhat to know:");
    print_why(types, face->width);
    if (json_array_size(types) == 0)
        puts("Nothing to export was found: `revive recover scan` says what is in this source.");
    else
        printf("\nSaved in %s; summary.json there says what is missing and why.\n", rv_json_text(result, "to", ""));
}

void rv_print_preview(const struct rv_face *face, const json_t *result)
{
    (void)face;
    rv_print_plain(json_object_get(result, "item"), 0);
}

void rv_print_put(const struct rv_face *face, const json_t *result)
{
    size_t i;
    json_t *way;
    bool sent = json_object_get(result, "files_sent") != NULL;
    if (sent)
        printf(
            "%lld files were sent. On the phone they lie in Files, On My iPhone, in the folder \"revive\" of %s.\n\n",
            count_of(result, "files_sent"), rv_json_text(result, "app", "the app"));
    json_array_foreach (json_object_get(result, "ways"), i, way) {
        char line[600];
        snprintf(line, sizeof line, "%s %s: %s",
                 json_is_true(json_object_get(way, "possible")) ? "\xE2\x9C\x93" : "\xE2\x9C\x97",
                 rv_json_text(way, "title", ""), _(rv_json_text(way, "how", "")));
        rv_print_hanging("", line, 4, face->width);
    }
    if (!sent)
        puts("\nNothing was sent: name the app whose folder takes the files with --app.");
}
