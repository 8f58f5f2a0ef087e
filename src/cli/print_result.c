/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include "base/language.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

const char *rv_json_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && *text != '\0' ? text : otherwise;
}

const char *rv_json_words(const json_t *object, const char *key, const char *otherwise)
{
    return rv_translated(rv_json_text(object, key, otherwise));
}

void rv_write_hanging(FILE *out, const char *mark, const char *text, int indent, int width)
{
    int column = 0;
    while (*text != '\0') {
        int len = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + len > width - indent) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%-*s%.*s", column == 0 ? indent : 1, column == 0 ? mark : "", len, text);
        mark = "";
        column += len + (column > 0 ? 1 : 0);
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

void rv_write_paragraphs(FILE *out, const char *mark, const char *text, int indent, int width)
{
    enum { LINE_BYTES = 1536 };
    char line[LINE_BYTES];
    do {
        size_t len = strcspn(text, "\n"), blanks = strspn(text, " ");
        snprintf(line, sizeof line, "%.*s", (int)(len < sizeof line ? len : sizeof line - 1), text);
        rv_text_clean(line);
        bool listed = blanks > 0 && blanks < len;
        char lead[32];
        snprintf(lead, sizeof lead, "%*s", listed ? (int)blanks + indent : 0, "");
        rv_write_hanging(out, listed ? lead : mark, line + (listed ? blanks : 0),
                         listed ? indent + (int)blanks : indent, width);
        mark = "";
        text += len + (text[len] == '\n');
    } while (*text != '\0');
}

void rv_print_hanging(const char *mark, const char *text, int indent, int width)
{
    rv_write_hanging(stdout, mark, text, indent, width);
}

void rv_print_wrapped(const char *text, int indent, int width)
{
    rv_print_hanging("", text, indent, width);
}

/* A verb without a renderer of its own: its facts, one a line, nested ones indented. */
/* A verb without a renderer of its own shows this. */
void rv_print_plain(const json_t *value, int indent)
{
    const char *key;
    json_t *one;
    size_t i;
    if (json_is_array(value)) {
        json_array_foreach (value, i, one)
            rv_print_plain(one, indent);
        return;
    }
    if (!json_is_object(value)) {
        char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
        printf("%*s%s\n", indent, "", text != NULL ? text : json_string_value(value));
        free(text);
        return;
    }
    json_object_foreach ((json_t *)(uintptr_t)value, key, one) {
        if (json_is_object(one) || json_is_array(one)) {
            printf("%*s%s:\n", indent, "", key);
            rv_print_plain(one, indent + 2);
        } else if (!json_is_null(one)) {
            printf("%*s%-20s ", indent, "", key);
            rv_print_plain(one, 0);
        }
    }
}

static const struct {
    const char *verb;
    rv_print_fn *print;
} printers[] = {
    /* clang-format off */
    { "", rv_print_status },
    { "backup archive create", rv_print_archive_created },
    { "backup archive list", rv_print_archive_list },
    { "backup archive restore", rv_print_archive_restored },
    { "backup create", rv_print_backup_create },
    { "backup decrypt", rv_print_backup_extract },
    { "backup delete", rv_print_backup_deleted },
    { "backup diff", rv_print_backup_diff },
    { "backup extract", rv_print_backup_extract },
    { "backup list", rv_print_backup_list },
    { "backup mount", rv_print_backup_mounted },
    { "backup password change", rv_print_backup_password },
    { "backup password remove", rv_print_backup_password },
    { "backup password set", rv_print_backup_password },
    { "backup prune", rv_print_backup_pruned },
    { "backup repair", rv_print_backup_repair },
    { "backup restore", rv_print_backup_brought },
    { "backup show", rv_print_backup_show },
    { "backup verify", rv_print_backup_verify },
    { "coach dfu", rv_print_coach },
    { "coach exit-dfu", rv_print_coach },
    { "coach exit-recovery", rv_print_coach },
    { "coach recovery", rv_print_coach },
    { "doctor", rv_print_doctor },
    { "explain", rv_print_explain },
    { "firmware download", rv_print_download },
    { "firmware latest", rv_print_latest },
    { "firmware list", rv_print_releases },
    { "guide", rv_print_guide },
    { "info", rv_print_info },
    { "list", rv_print_list },
    { "logs", rv_print_logs },
    { "recover export", rv_print_exported },
    { "recover list", rv_print_listed },
    { "recover preview", rv_print_preview },
    { "recover put", rv_print_put },
    { "recover report", rv_print_scan },
    { "recover scan", rv_print_scan },
    { "recovery enter", rv_print_mode },
    { "recovery exit", rv_print_mode },
    { "report", rv_print_report },
    { "rescue", rv_print_rescue },
    { "restart", rv_print_mode },
    { "restore", rv_print_restore },
    { "resume", rv_print_restore },
    { "shutdown", rv_print_off },
    { "status", rv_print_jobs },
    { "storage", rv_print_storage },
    { "update", rv_print_restore },
    /* clang-format on */
};

void rv_print_result(struct rv_face *face, json_t *result)
{
    if (face->json) {
        json_t *document = json_object();
        if (face->lines)
            json_object_set_new(document, "event", json_string("result"));
        json_object_set_new(document, "ok", json_true());
        json_object_update_missing(document, result);
        if (json_array_size(face->warnings) > 0)
            json_object_set(document, "warnings", face->warnings);
        rv_print_json(face, document);
        json_decref(document);
        return;
    }
    rv_progress_end(face);
    for (size_t i = 0; i < RV_COUNT(printers); i++) {
        if (strcmp(printers[i].verb, face->command->name) == 0) {
            printers[i].print(face, result);
            return;
        }
    }
    rv_print_plain(result, 0);
}
