/* SPDX-License-Identifier: Apache-2.0 */
/* What a search of a database says at its end: how much was found, and what that file can and cannot give. */
#include "cli/print.h"

enum { INDENT = 3 };

static long long count(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static int width_of(const struct rv_face *face)
{
    return face->width > 40 && face->width < 100 ? (int)face->width : 100;
}

static void print_list(const struct rv_face *face, const char *title, const json_t *list)
{
    size_t i;
    json_t *line;
    if (json_array_size(list) == 0)
        return;
    printf("%s%s%s\n", rv_style(face->colour_out, "bold"), title, rv_style(face->colour_out, "off"));
    json_array_foreach (list, i, line)
        rv_print_hanging(" - ", json_string_value(line), INDENT, width_of(face));
}

static void print_missing(const json_t *verdict)
{
    size_t i;
    json_t *one;
    const json_t *tables = json_object_get(verdict, "tables");
    json_array_foreach (tables, i, one)
        printf(" - %s: %lld numbers up to %lld belong to no live row%s\n", rv_json_text(one, "table", "?"),
               count(one, "missing_rowids"), count(one, "highest_rowid"),
               json_is_true(json_object_get(one, "counted_by_sqlite")) ? " (SQLite's own count)" : "");
}

static void print_sources(const json_t *verdict)
{
    static const struct {
        const char *key, *words;
    } names[] = { { "gap", "in the gaps of pages" },    { "freeblock", "between live rows" },
                  { "free-page", "on pages set free" }, { "wal", "in older pages of the -wal" },
                  { "journal", "in the -journal" },     { "table", "in tables" } };
    const json_t *sources = json_object_get(verdict, "sources");
    const char *mark = " (";
    for (size_t i = 0; i < RV_COUNT(names); i++)
        if (count(sources, names[i].key) > 0) {
            printf("%s%lld %s", mark, count(sources, names[i].key), names[i].words);
            mark = ", ";
        }
    if (json_object_size(sources) > 0)
        putchar(')');
}

/* States that rows are said to have been in. */
static void print_commits(const struct rv_face *face, const json_t *verdict)
{
    enum { SHOWN_MAX = 12 };
    size_t i;
    json_t *one;
    const json_t *commits = json_object_get(verdict, "commits");
    if (json_array_size(commits) == 0 || json_array_size(commits) > SHOWN_MAX)
        return;
    printf("%sStates, the oldest first%s\n", rv_style(face->colour_out, "bold"), rv_style(face->colour_out, "off"));
    json_array_foreach (commits, i, one)
        printf(" %lld. %s%s\n", count(one, "commit"), rv_json_text(one, "from", "?"),
               i + 1 == json_array_size(commits) ? " (as it is now)" : "");
}

void rv_print_verdict(const struct rv_face *face, const json_t *result)
{
    const json_t *verdict = json_object_get(result, "verdict"), *saved = json_object_get(result, "saved");
    const char *bold = rv_style(face->colour_out, "bold"), *off = rv_style(face->colour_out, "off");
    const char *file = rv_json_text(result, "file", "FILE");
    long long found = count(verdict, "deleted_rows"), partial = count(verdict, "partial_rows");
    printf("\n%s%s: %lld row%s no longer live%s", bold, file, found, found == 1 ? " that is" : "s that are", off);
    print_sources(verdict);
    printf(", beside %lld live ones.\n", count(verdict, "live_rows"));
    if (partial > 0)
        printf("%lld of them in part: newer rows lie over their ends.\n", partial);
    if (count(verdict, "copies_of_live_rows") > 0)
        printf("%lld copies of live rows were left out.\n", count(verdict, "copies_of_live_rows"));
    print_list(face, "What can still be inside this file", json_object_get(verdict, "can_be_inside"));
    print_list(face, "What cannot, and why", json_object_get(verdict, "cannot_be_inside"));
    if (json_array_size(json_object_get(verdict, "tables")) > 0) {
        printf("%sHow much is missing%s\n", bold, off);
        print_missing(verdict);
    }
    print_commits(face, verdict);
    print_list(face, "Where else to look", json_object_get(verdict, "look_elsewhere"));
    if (saved != NULL)
        printf("Saved: %s%s%s, %lld live rows in %lld tables, %lld others beside them.\n", bold,
               rv_json_text(saved, "file", "?"), off, count(saved, "live_rows"), count(saved, "tables"),
               count(saved, "recovered_rows"));
    else if (found > 0)
        printf("next: add `--to NEW.db` to keep all of it in a clean database, or `--json` for a script.\n");
}
