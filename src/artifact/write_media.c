/* SPDX-License-Identifier: Apache-2.0 */
/* Photos, videos and sound: the originals byte for byte, their times, and beside each what is known: JSON for
 * everything, XMP for photo programs.
 */
#include "artifact/html.h"
#include "artifact/writers.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* TYPE/APP/its folders, each a safe name. */
static void app_folder(const char *type, const char *sort, const json_t *record, char *folder, size_t size)
{
    char part[RV_NAME_MAX], leaf[RV_NAME_MAX + 8];
    size_t n = (size_t)snprintf(folder, size, "%s%s", type, sort);
    snprintf(part, sizeof part, "%.100s", rv_get(record, "app"));
    for (const char *at = rv_get(record, "folder");; at += strspn(at, "/")) {
        rv_path_safe_leaf(part, leaf, 100);
        if (n + strlen(leaf) + 2 >= size)
            return;
        n += (size_t)snprintf(folder + n, size - n, "/%s", leaf);
        size_t length = strcspn(at, "/");
        if (length == 0)
            return;
        snprintf(part, sizeof part, "%.*s", length < 100 ? (int)length : 100, at);
        at += length;
    }
}

/* YYYY/MM, and apart what a person had hidden or thrown away. */
static void folder_of(const struct rv_export *out, const json_t *record, char *folder, size_t size)
{
    const char *date = rv_get(record, "date"), *state = rv_get(record, "state");
    const char *sort = strcmp(state, "recently_deleted") == 0            ? "/Recently Deleted"
                       : rv_record_comes_late(record)                    ? "/Deleted"
                       : json_is_true(json_object_get(record, "hidden")) ? "/Hidden"
                                                                         : "";
    if (*rv_get(record, "app") != '\0') { /* files of apps: their own folders */
        app_folder(out->job->artifact->type, sort, record, folder, size);
        return;
    }
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

/* Degrees as XMP has them: "47,12.345600N". */
static bool put_degrees(struct rv_sheet *s, const char *name, double degrees, const char *ways, struct rv_error *err)
{
    double whole, part = modf(fabs(degrees), &whole);
    return rv_sheet_put(s, err, " exif:%s=\"%.0f,%.6f%c\"", name, whole, part * 60, ways[degrees < 0]);
}

/* The time on the wall where it was taken, when its zone is known, else UTC. */
static bool put_taken(struct rv_sheet *s, const json_t *record, struct rv_error *err)
{
    const json_t *zone = json_object_get(record, "zone_seconds");
    long offset = json_is_integer(zone) ? (long)json_integer_value(zone) : 0;
    double at;
    char text[40], shown[60];
    if (!rv_time_parse(rv_get(record, "date"), &at) || labs(offset) > 86400)
        return true;
    rv_time_text(at + (double)offset, text, sizeof text);
    if (json_is_integer(zone))
        snprintf(shown, sizeof shown, "%.19s%c%02ld:%02ld", text, offset < 0 ? '-' : '+', labs(offset) / 3600,
                 labs(offset) / 60 % 60);
    else
        snprintf(shown, sizeof shown, "%.19sZ", text);
    return rv_sheet_put(s, err, " xmp:CreateDate=\"%s\" exif:DateTimeOriginal=\"%s\" photoshop:DateCreated=\"%s\"",
                        shown, shown, shown);
}

/* What photo programs read beside a picture: the time, the place, albums, caption, a favourite as five stars. */
static bool put_xmp(struct rv_export *out, const json_t *record, const char *folder, const char *name,
                    struct rv_error *err)
{
    char leaf[RV_NAME_MAX + 64];
    struct rv_sheet s = { 0 };
    const json_t *gps = json_object_get(record, "gps"), *albums = json_object_get(record, "albums");
    size_t i;
    json_t *one;
    snprintf(leaf, sizeof leaf, "%s.xmp", name);
    bool fine =
        rv_sheet_open(out, &s, folder, leaf, err) &&
        rv_sheet_add(&s, err,
                     "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
                     "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF "
                     "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description "
                     "rdf:about=\"\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" "
                     "xmlns:exif=\"http://ns.adobe.com/exif/1.0/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" "
                     "xmlns:photoshop=\"http://ns.adobe.com/photoshop/1.0/\"") &&
        put_taken(&s, record, err);
    if (fine && json_array_size(gps) == 2)
        fine = put_degrees(&s, "GPSLatitude", json_real_value(json_array_get(gps, 0)), "NS", err) &&
               put_degrees(&s, "GPSLongitude", json_real_value(json_array_get(gps, 1)), "EW", err);
    fine =
        fine && rv_sheet_add(&s, err, json_is_true(json_object_get(record, "favourite")) ? " xmp:Rating=\"5\">" : ">");
    if (fine && *rv_get(record, "caption"))
        fine = rv_sheet_add(&s, err, "<dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">") &&
               rv_html_add(&s, rv_get(record, "caption"), err) &&
               rv_sheet_add(&s, err, "</rdf:li></rdf:Alt></dc:description>");
    if (fine && json_array_size(albums) > 0)
        fine = rv_sheet_add(&s, err, "<dc:subject><rdf:Bag>");
    json_array_foreach ((json_t *)(uintptr_t)albums, i, one)
        fine = fine && rv_sheet_add(&s, err, "<rdf:li>") && rv_html_add(&s, json_string_value(one), err) &&
               rv_sheet_add(&s, err, "</rdf:li>");
    if (fine && json_array_size(albums) > 0)
        fine = rv_sheet_add(&s, err, "</rdf:Bag></dc:subject>");
    fine = fine && rv_sheet_add(&s, err, "</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"w\"?>\n") &&
           rv_sheet_close(out, &s, err);
    rv_sheet_clear(&s);
    return fine;
}

static bool is_picture(const struct rv_export *out)
{
    return strcmp(out->job->artifact->type, "photos") == 0;
}

static bool write_media(struct rv_export *out, json_t *record, struct rv_error *err)
{
    static const char *const keys[] = { "original", "live_video_file", "edited_file", "audio" };
    char folder[1024], name[RV_NAME_MAX + 32], first[RV_NAME_MAX + 32] = "";
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
    bool bare = *first == '\0' || *rv_get(record, "app") != '\0'; /* an app's file stands for itself */
    return (bare || (put_sidecar(out, record, folder, first, err) &&
                     (!is_picture(out) || put_xmp(out, record, folder, first, err)))) &&
           rv_writer_csv.record(out, record, err);
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
