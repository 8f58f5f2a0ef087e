/* SPDX-License-Identifier: Apache-2.0 */
/* What fills a device, as a bar and a table; crash reports as a list. */
#include "cli/print.h"

#include "base/text.h"

#include <string.h>
#include <time.h>

enum { BAR_MOST = 60, BAR_LEAST = 24, KINDS_MAX = 16 };

/* One letter a kind, so that the bar can be read without colours too. */
static const char letters[] = "ABCDEFGHIJKLMNOP";
static const unsigned char shades[] = { 244, 33, 208, 170, 37, 141, 220, 167, 72, 109, 250 };

static uint64_t bytes_of(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

static void begin_shade(const struct rv_face *face, size_t kind)
{
    if (face->colour_out)
        printf("\033[48;5;%dm\033[30m", shades[kind % sizeof shades]);
}

static void end_shade(const struct rv_face *face)
{
    if (face->colour_out)
        fputs("\033[0m", stdout);
}

/* Cells by the running sum, so that roundings do not add up: the bar is exactly as long as it should be. */
static void print_bar(const struct rv_face *face, const json_t *kinds, uint64_t total)
{
    unsigned cells = face->width > BAR_MOST + 4 ? BAR_MOST : BAR_LEAST, at = 0;
    uint64_t sum = 0;
    size_t i;
    json_t *kind;
    putchar('[');
    json_array_foreach (kinds, i, kind) {
        sum += bytes_of(kind, "bytes");
        unsigned end = total > 0 ? (unsigned)((double)sum * cells / (double)total + 0.5) : 0;
        begin_shade(face, i);
        for (; at < end && at < cells; at++)
            putchar(letters[i % (sizeof letters - 1)]);
        end_shade(face);
    }
    for (; at < cells; at++)
        putchar('.');
    puts("]");
}

static void print_line(const struct rv_face *face, size_t index, const json_t *kind, uint64_t total)
{
    char size[32];
    uint64_t bytes = bytes_of(kind, "bytes");
    putchar(' ');
    begin_shade(face, index);
    putchar(letters[index % (sizeof letters - 1)]);
    end_shade(face);
    printf("  %-24s %10s  %3.0f %%\n", rv_json_text(kind, "words", "?"), rv_text_size(bytes, size, sizeof size),
           total > 0 ? 100.0 * (double)bytes / (double)total : 0.0);
}

void rv_print_storage(const struct rv_face *face, const json_t *result)
{
    char used[32], total[32], open[32];
    const json_t *kinds = json_object_get(result, "kinds"), *device = json_object_get(result, "device");
    uint64_t all = bytes_of(result, "total");
    size_t i;
    json_t *kind;
    printf("%s%s%s: %s of %s used, %s free\n", rv_style(face->colour_out, "bold"),
           rv_json_text(device, "device_name", rv_json_text(device, "name", "The device")),
           rv_style(face->colour_out, "off"), rv_text_size(bytes_of(result, "used"), used, sizeof used),
           rv_text_size(all, total, sizeof total), rv_text_size(bytes_of(result, "free"), open, sizeof open));
    print_bar(face, kinds, all);
    json_array_foreach (kinds, i, kind)
        print_line(face, i, kind, all);
}

void rv_print_logs(const struct rv_face *face, const json_t *result)
{
    size_t i;
    json_t *one;
    const json_t *reports = json_object_get(result, "reports");
    (void)face;
    json_array_foreach (reports, i, one) {
        char size[32], when[32] = "?";
        time_t modified = (time_t)json_integer_value(json_object_get(one, "modified"));
        struct tm local;
        if (modified > 0 && localtime_r(&modified, &local) != NULL)
            strftime(when, sizeof when, "%Y-%m-%d %H:%M", &local);
        printf("%s  %9s  %s\n", when, rv_text_size(bytes_of(one, "bytes"), size, sizeof size),
               rv_json_text(one, "name", "?"));
    }
    if (reports != NULL && json_array_size(reports) == 0)
        puts("The device keeps no crash reports.");
    if (rv_json_text(result, "folder", NULL) != NULL)
        printf("%lld copied into %s\n", (long long)json_integer_value(json_object_get(result, "saved")),
               rv_json_text(result, "folder", ""));
}

void rv_print_off(const struct rv_face *face, const json_t *result)
{
    (void)face;
    printf("%s is off.\n", rv_json_text(json_object_get(result, "device"), "name", "The device"));
}
