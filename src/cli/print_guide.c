/* SPDX-License-Identifier: Apache-2.0 */
/* A guide is read by a person with the phone in the other hand: numbered steps, no line too long. */
#include "cli/print.h"

#include "base/language.h"

enum { COLUMN = 24, WIDTH_MIN = 40, WIDTH_MAX = 100, INDENT = 4 };

static void print_topics(const json_t *topics)
{
    size_t i;
    json_t *topic;
    puts(_("Topics (`revive guide TOPIC`, or ask in your own words):\n"));
    json_array_foreach (topics, i, topic)
        printf("  %-*s %s\n", COLUMN, rv_json_text(topic, "topic", ""), rv_json_words(topic, "title", ""));
}

void rv_print_guide(const struct rv_face *face, const json_t *result)
{
    int width = face->width > WIDTH_MIN && face->width < WIDTH_MAX ? (int)face->width : WIDTH_MAX;
    const json_t *topics = json_object_get(result, "topics");
    size_t i;
    json_t *line;
    if (json_is_array(topics)) {
        print_topics(topics);
        return;
    }
    printf("%s%s%s\n\n", rv_style(face->colour_out, "bold"), rv_json_words(result, "title", ""),
           rv_style(face->colour_out, "off"));
    rv_print_wrapped(rv_json_words(result, "answer", ""), 0, width);
    putchar('\n');
    json_array_foreach (json_object_get(result, "steps"), i, line) {
        char mark[24];
        snprintf(mark, sizeof mark, "%2zu.", i + 1);
        rv_print_hanging(mark, json_string_value(line), INDENT, width);
    }
    if (json_array_size(json_object_get(result, "with_revive")) > 0)
        puts(_("\nWith revive:"));
    json_array_foreach (json_object_get(result, "with_revive"), i, line)
        rv_print_wrapped(json_string_value(line), INDENT, width);
}
