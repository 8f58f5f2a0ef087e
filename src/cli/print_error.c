/* SPDX-License-Identifier: Apache-2.0 */
/* An error has four parts: what happened, why, what to do next, where the log is. */
#include "cli/face.h"

#include "base/language.h"

#include <string.h>

static void print_text(struct rv_face *face, const json_t *error)
{
    const char *red = rv_style(face->colour_err, "red"), *off = rv_style(face->colour_err, "off");
    const char *bold = rv_style(face->colour_err, "bold");
    json_t *one;
    size_t i;
    rv_progress_end(face);
    fprintf(stderr, "%s%s%s\n", red, rv_translated(json_string_value(json_object_get(error, "title"))), off);
    fprintf(stderr, _("%sWhy:%s\n"), bold, off);
    json_array_foreach (json_object_get(error, "causes"), i, one)
        fprintf(stderr, "  %*s%s%s\n", (int)(2 * i), "", i > 0 ? _("because: ") : "", json_string_value(one));
    const json_t *itunes = json_object_get(error, "itunes_code");
    const char *name = json_string_value(json_object_get(json_object_get(error, "itunes"), "name"));
    if (json_is_integer(itunes))
        fprintf(stderr, _("  (iTunes and Finder call this error %lld%s%s; `revive explain %lld` says more)\n"),
                (long long)json_integer_value(itunes), name != NULL ? ": " : "",
                name != NULL ? rv_translated(name) : "", (long long)json_integer_value(itunes));
    fprintf(stderr, _("%sWhat to do next:%s\n"), bold, off);
    json_array_foreach (json_object_get(error, "actions"), i, one)
        fprintf(stderr, "  %zu. %s\n", i + 1, rv_translated(json_string_value(one)));
    const char *log = json_string_value(json_object_get(error, "log"));
    fprintf(stderr, _("%sLog:%s %s\n"), bold, off,
            log != NULL ? log : _("none was kept; run it again with --log FILE"));
}

void rv_print_error(struct rv_face *face, const struct rv_error *err, json_t *result)
{
    json_t *error = rv_error_json(err, face->ctx != NULL ? rv_log_path(face->ctx->log) : NULL);
    if (face->json) {
        json_t *document = json_object();
        if (face->lines)
            json_object_set_new(document, "event", json_string("result"));
        json_object_set_new(document, "ok", json_false());
        if (result != NULL)
            json_object_update_missing(document, result);
        json_object_set(document, "error", error);
        if (json_array_size(face->warnings) > 0)
            json_object_set(document, "warnings", face->warnings);
        rv_print_json(face, document);
        json_decref(document);
    } else {
        print_text(face, error);
    }
    json_decref(error);
}
