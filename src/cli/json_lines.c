/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a long-running command as JSON Lines. */
#include "cli/face.h"

#include "base/text.h"

#include <errno.h>

void rv_print_json(const struct rv_face *face, const json_t *value)
{
    size_t how = JSON_ENCODE_ANY | JSON_REAL_PRECISION(6) | (face->lines ? JSON_COMPACT : JSON_INDENT(2));
    json_dumpf(value, stdout, how);
    fputc('\n', stdout);
    fflush(stdout);
}

/* Text may come from a device: json_string() refuses broken UTF-8, so it is cleaned first. */
static void put_text(json_t *line, const char *key, const char *text)
{
    RV_AUTO_TEXT copy = rv_text_copy(text);
    if (copy == NULL)
        return;
    rv_text_clean(copy);
    json_object_set_new(line, key, json_string(copy));
}

static void put_coach(json_t *line, const struct rv_event_coach *coach)
{
    put_text(line, "said", coach->said);
    put_text(line, "big", coach->big);
    put_text(line, "hold", coach->hold);
    put_text(line, "tap", coach->tap);
    put_text(line, "outcome", coach->outcome);
    json_object_set_new(line, "try", json_integer(coach->attempt));
    json_object_set_new(line, "seconds_left",
                        coach->seconds_left >= 0 ? json_integer(coach->seconds_left) : json_null());
}

static void put_offer(json_t *line, const struct rv_event_offer *offer)
{
    put_text(line, "state", offer->state);
    put_text(line, "subject", offer->subject);
    put_text(line, "title", offer->title);
    put_text(line, "words", offer->words);
    put_text(line, "data", offer->data);
    json_object_set_new(line, "number", json_integer(offer->number));
}

void rv_json_line_show(struct rv_face *face, const struct rv_event *event)
{
    static const char *const names[] = {
        [RV_EVENT_STEP] = "step",   [RV_EVENT_PROGRESS] = "progress", [RV_EVENT_WARNING] = "warning",
        [RV_EVENT_NOTE] = "note",   [RV_EVENT_DEVICE] = "device",     [RV_EVENT_COACH] = "coach",
        [RV_EVENT_OFFER] = "offer",
    };
    json_t *line = json_object();
    json_object_set_new(line, "event", json_string(names[event->kind]));
    put_text(line, "step", event->step);
    put_text(line, "text", event->text);
    if (event->kind == RV_EVENT_PROGRESS) {
        json_object_set_new(line, "done", json_integer((json_int_t)event->done));
        json_object_set_new(line, "total", json_integer((json_int_t)event->total));
        put_text(line, "unit", event->unit != NULL ? event->unit : "bytes");
    }
    if (event->offer != NULL)
        put_offer(line, event->offer);
    if (event->coach != NULL)
        put_coach(line, event->coach);
    if (event->percent >= 0 && event->kind != RV_EVENT_WARNING && event->kind != RV_EVENT_NOTE &&
        event->kind != RV_EVENT_OFFER)
        json_object_set_new(line, "percent", json_real(event->percent));
    rv_print_json(face, line);
    json_decref(line);
}
