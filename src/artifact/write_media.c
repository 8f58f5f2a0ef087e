/* SPDX-License-Identifier: Apache-2.0 */
/* Photos, videos and sound: the originals byte for byte, their times, and a JSON file beside each with what is known.
 */
#include "artifact/writers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* YYYY/MM, and apart what a person had hidden or thrown away. */
static void folder_of(const struct rv_export *out, const json_t *record, char *folder, size_t size)
{
    const char *date = rv_get(record, "date"), *state = rv_get(record, "state");
    const char *sort = strcmp(state, "recently_deleted") == 0            ? "/Recently Deleted"
                       : rv_record_comes_late(record)                    ? "/Deleted"
                       : json_is_true(json_object_get(record, "hidden")) ? "/Hidden"
                                                                         : "";
    if (strlen(date) >= 7)
        snprintf(folder, size, "%s%s/%.4s/%.2s", out->job->artifact->type, sort, date, date + 5);
    else
        snprintf(folder, size, "%s%s/undated", out->job->artifact->type, sort);
}

static bool put_sidecar(struct rv_export *out, const json_t *record, const char *folder, const char *name,
                        struct rv_error *err)
{
    char leaf[RV_NAME_MAX + 64];
    struct rv_sheet s = { 0 };
    snprintf(leaf, sizeof leaf, "%s.json", name);
    char *text = json_dumps(record, JSON_INDENT(1));
    bool fine = text != NULL && rv_sheet_open(out, &s, folder, leaf, err) && rv_sheet_add(&s, err, text) &&
                rv_sheet_add(&s, err, "\n") && rv_sheet_close(out, &s, err);
    rv_sheet_clear(&s);
    free(text);
    return fine;
}

static bool write_media(struct rv_export *out, json_t *record, struct rv_error *err)
{
    static const char *const keys[] = { "original", "live_video_file", "edited_file", "audio" };
    char folder[200], name[RV_NAME_MAX + 32], first[RV_NAME_MAX + 32] = "";
    double date = 0;
    rv_time_parse(rv_get(record, "date"), &date);
    folder_of(out, record, folder, sizeof folder);
    for (size_t i = 0; i < RV_COUNT(keys); i++) {
        const json_t *media = json_object_get(record, keys[i]);
        if (media == NULL)
            continue;
        if (!rv_export_media(out, media, folder, date, name, err))
            return false;
        if (*first == '\0')
            snprintf(first, sizeof first, "%s", name);
    }
    return (*first == '\0' || put_sidecar(out, record, folder, first, err)) && rv_writer_csv.record(out, record, err);
}

static bool end_media(struct rv_export *out, struct rv_error *err)
{
    return rv_writer_csv.end(out, err);
}

static void clear_media(struct rv_export *out)
{
    rv_writer_csv.clear(out);
}

enum { MEDIA = 1u << RV_SHAPE_MEDIA };
const struct rv_writer rv_writer_media = { "originals", MEDIA, MEDIA, write_media, end_media, clear_media };
