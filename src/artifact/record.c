/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/record.h"

#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const double cocoa_epoch = 978307200.0;

const char *const rv_record_state_names[RV_RECORD_STATES] = { "live", "recently_deleted", "carved", "in_older_backup" };

bool rv_epoch_to_unix(double raw, enum rv_epoch epoch, double *out)
{
    if (raw == 0 || !isfinite(raw))
        return false;
    switch (epoch) {
    case RV_UNIX:
        *out = raw;
        break;
    case RV_UNIX_MS:
        *out = raw / 1e3;
        break;
    case RV_COCOA_OR_UNIX:
        *out = raw > cocoa_epoch ? raw : raw + cocoa_epoch;
        break;
    default:
        *out = (fabs(raw) > 1e15 ? raw / 1e9 : raw) + cocoa_epoch;
    }
    return fabs(*out) < 1e11;
}

/* Days since 1970 of a civil date, and back (proleptic Gregorian, years 0..9999). */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

char *rv_time_text(double unix_seconds, char *out, size_t size)
{
    double whole = floor(unix_seconds);
    int ms = (int)((unix_seconds - whole) * 1000);
    time_t t = (time_t)whole;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL) {
        *out = '\0';
        return out;
    }
    size_t n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
    if (ms > 0)
        snprintf(out + n, size - n, ".%03dZ", ms);
    else
        snprintf(out + n, size - n, "Z");
    return out;
}

static bool digits(const char *text, size_t at, size_t count, unsigned *out)
{
    *out = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (unsigned)(text[i] - '0');
    }
    return true;
}

bool rv_time_parse(const char *text, double *out)
{
    unsigned year, month, day, hour = 0, minute = 0, second = 0;
    size_t length = strlen(text);
    bool date = length >= 10 && text[4] == '-' && text[7] == '-' && digits(text, 0, 4, &year) &&
                digits(text, 5, 2, &month) && digits(text, 8, 2, &day) && month >= 1 && month <= 12 && day >= 1 &&
                day <= 31;
    bool clock = date && length >= 19 && (text[10] == 'T' || text[10] == ' ') && digits(text, 11, 2, &hour) &&
                 digits(text, 14, 2, &minute) && digits(text, 17, 2, &second);
    if (!date || (length > 10 && !clock))
        return false;
    *out = (double)(days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second);
    return true;
}

/* A copy in which broken UTF-8 is U+FFFD and NUL is gone. */
static char *made_fit(struct rv_span text, size_t *length)
{
    char *out = rv_alloc(text.len * 3 + 1);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < text.len;) {
        const unsigned char *s = text.ptr + i;
        size_t left = text.len - i;
        size_t k = s[0] < 0x80             ? 1
                   : (s[0] & 0xE0) == 0xC0 ? 2
                   : (s[0] & 0xF0) == 0xE0 ? 3
                   : (s[0] & 0xF8) == 0xF0 ? 4
                                           : 0;
        bool fine = k > 0 && k <= left && s[0] != 0xC0 && s[0] != 0xC1 && s[0] < 0xF5;
        for (size_t j = 1; fine && j < k; j++)
            fine = (s[j] & 0xC0) == 0x80;
        if (fine && k == 3)
            fine = !(s[0] == 0xE0 && s[1] < 0xA0) && !(s[0] == 0xED && s[1] >= 0xA0);
        if (fine && k == 4)
            fine = !(s[0] == 0xF0 && s[1] < 0x90) && !(s[0] == 0xF4 && s[1] >= 0x90);
        if (!fine) {
            memcpy(out + n, "\xEF\xBF\xBD", 3);
            n += 3;
            i++;
            continue;
        }
        if (s[0] != 0) {
            memcpy(out + n, s, k);
            n += k;
        }
        i += k;
    }
    *length = n;
    return out;
}

json_t *rv_text_json(struct rv_span text)
{
    size_t length;
    RV_AUTO_TEXT fit = made_fit(text, &length);
    return fit != NULL ? json_stringn_nocheck(fit, length) : NULL;
}

struct rv_span rv_words(const char *text)
{
    return text != NULL ? rv_span(text, strlen(text)) : (struct rv_span){ 0 };
}

void rv_put_text(json_t *record, const char *key, struct rv_span text)
{
    if (text.ptr != NULL)
        json_object_set_new(record, key, rv_text_json(text));
}

void rv_put_words(json_t *record, const char *key, const char *text)
{
    if (text != NULL && *text != '\0')
        rv_put_text(record, key, rv_words(text));
}

void rv_put_number(json_t *record, const char *key, int64_t value)
{
    json_object_set_new(record, key, json_integer(value));
}

void rv_put_real(json_t *record, const char *key, double value)
{
    if (isfinite(value))
        json_object_set_new(record, key, json_real(value));
}

void rv_put_flag(json_t *record, const char *key, bool value)
{
    if (value)
        json_object_set_new(record, key, json_true());
}

void rv_put_time(json_t *record, const char *key, double raw, enum rv_epoch epoch)
{
    double seconds;
    char text[40], name[64];
    if (!rv_epoch_to_unix(raw, epoch, &seconds))
        return;
    json_object_set_new(record, key, json_string(rv_time_text(seconds, text, sizeof text)));
    if (strcmp(key, "date") != 0)
        return;
    snprintf(name, sizeof name, "%s_raw", key);
    json_object_set_new(record, name, raw == floor(raw) ? json_integer((json_int_t)raw) : json_real(raw));
}

void rv_put_bytes(json_t *record, const char *key, struct rv_span bytes)
{
    RV_AUTO_TEXT text = rv_text_base64(bytes);
    if (text != NULL)
        json_object_set_new(record, key, json_string(text));
}

json_t *rv_media_json(struct rv_job *job, const char *domain, const char *path, const char *name, const char *why)
{
    json_t *j = json_object();
    rv_put_words(j, "name", name);
    rv_put_words(j, "domain", path != NULL ? domain : NULL);
    rv_put_words(j, "path", path);
    struct rv_source_file file = { 0 };
    struct rv_source *owner;
    struct rv_error gone = { 0 };
    if (path != NULL && !job->count_only && rv_source_find_media(job->source, domain, path, &file, &owner, &gone)) {
        rv_put_number(j, "bytes", (int64_t)file.size);
        json_object_set_new(j, "state", json_string("present"));
        if (owner != job->source)
            rv_put_words(j, "backup", owner->date != NULL ? owner->date : owner->kind->name);
        job->counts.media++;
        rv_source_file_clear(&file);
        return j;
    }
    job->counts.missing_media += !job->count_only;
    json_object_set_new(j, "state", json_string(path == NULL || why != NULL ? why : "not_in_source"));
    return j;
}

/* ---- for eyes ---- */

static const json_t *reach(const json_t *record, const char *key)
{
    const char *dot = strchr(key, '.');
    char head[32];
    if (dot == NULL)
        return json_object_get(record, key);
    snprintf(head, sizeof head, "%.*s", (int)(dot - key), key);
    return json_object_get(json_object_get(record, head), dot + 1);
}

static void add_value(const json_t *value, struct rv_buf *out, struct rv_error *err)
{
    static const char *const inside[] = { "value", "name", "address", "text" };
    size_t i;
    json_t *one;
    if (json_is_string(value))
        rv_buf_add_text(out, json_string_value(value), err);
    else if (json_is_integer(value))
        rv_buf_add_format(out, err, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        rv_buf_add_format(out, err, "%.10g", json_real_value(value));
    else if (json_is_true(value))
        rv_buf_add_text(out, "yes", err);
    else if (json_is_array(value))
        json_array_foreach ((json_t *)(uintptr_t)value, i, one) {
            if (i > 0)
                rv_buf_add_text(out, ", ", err);
            add_value(one, out, err);
        }
    else if (json_is_object(value))
        for (i = 0; i < RV_COUNT(inside); i++)
            if (json_object_get(value, inside[i]) != NULL) {
                add_value(json_object_get(value, inside[i]), out, err);
                break;
            }
}

char *rv_record_whole_cell(const json_t *record, const char *key)
{
    struct rv_buf text = RV_BUF(1 << 28);
    struct rv_error quiet = { 0 };
    add_value(reach(record, key), &text, &quiet);
    char *copy = rv_text_copy_n(text.len > 0 ? (const char *)text.data : "", text.len);
    rv_buf_clear(&text);
    return copy;
}

static void put_local(const char *iso, char *out, size_t size)
{
    double at;
    struct tm tm;
    if (!rv_time_parse(iso, &at)) {
        snprintf(out, size, "%s", iso);
        return;
    }
    time_t t = (time_t)at;
    if (strlen(iso) <= 10 || localtime_r(&t, &tm) == NULL)
        snprintf(out, size, "%s", iso);
    else
        strftime(out, size, "%Y-%m-%d %H:%M", &tm);
}

/* A message without words is shown as what it is. */
static void put_wordless(const json_t *record, char *out, size_t size)
{
    const json_t *balloon = json_object_get(record, "balloon");
    size_t files = json_array_size(json_object_get(record, "attachments"));
    const json_t *event = json_object_get(record, "happened");
    if (event != NULL)
        snprintf(out, size, "(%s)", json_string_value(event));
    else if (json_is_true(json_object_get(record, "unsent")))
        snprintf(out, size, "(unsent a message)");
    else if (files > 0)
        snprintf(out, size, "(%zu attachment%s)", files, files == 1 ? "" : "s");
    else if (balloon != NULL)
        snprintf(out, size, "(%s)", json_string_value(json_object_get(balloon, "kind")));
    else if (json_is_true(json_object_get(record, "undecodable")))
        snprintf(out, size, "(could not decode)");
}

bool rv_record_comes_late(const json_t *record)
{
    const char *state = json_string_value(json_object_get(record, "state"));
    return state != NULL && (strcmp(state, rv_record_state_names[RV_CARVED]) == 0 ||
                             strcmp(state, rv_record_state_names[RV_EARLIER]) == 0);
}

void rv_record_state_words(const json_t *record, char *out, size_t size)
{
    const char *state = json_string_value(json_object_get(record, "state"));
    const char *had = json_string_value(json_object_get(json_object_get(record, "source"), "backup"));
    const char *gone = json_string_value(json_object_get(record, "deleted_before"));
    *out = '\0';
    if (state == NULL)
        return;
    if (strcmp(state, rv_record_state_names[RV_TRASHED]) == 0)
        snprintf(out, size, "from Recently Deleted");
    if (strcmp(state, rv_record_state_names[RV_CARVED]) == 0)
        snprintf(out, size, "deleted; found again, %.0f %% sure",
                 100 * json_real_value(json_object_get(record, "confidence")));
    if (strcmp(state, rv_record_state_names[RV_EARLIER]) == 0)
        snprintf(out, size, "in the backup of %.10s, deleted before that of %.10s",
                 had != NULL ? had : "an unknown day", gone != NULL ? gone : "an unknown day");
}

void rv_record_cell(const json_t *record, const char *key, char *out, size_t size)
{
    const json_t *value = reach(record, key);
    *out = '\0';
    if (json_is_string(value) && (strcmp(key, "date") == 0 || strcmp(key, "modified") == 0)) {
        put_local(json_string_value(value), out, size);
    } else {
        RV_AUTO_TEXT whole = rv_record_whole_cell(record, key);
        snprintf(out, size, "%s", whole != NULL ? whole : "");
    }
    if (*out == '\0' && strcmp(key, "text") == 0)
        put_wordless(record, out, size);
    for (char *c = out; *c != '\0'; c++)
        if (*c == '\n' || *c == '\t' || *c == '\r')
            *c = ' ';
    size_t length = strlen(out);
    while (length > 0 && ((unsigned char)out[length - 1] & 0xC0) == 0x80) /* not cut inside a character */
        length--;
    if (length > 0 && (unsigned char)out[length - 1] >= 0xC0 && strlen(out) + 1 >= size)
        out[length - 1] = '\0';
    rv_text_clean(out);
}
