/* SPDX-License-Identifier: Apache-2.0 */
#include "coach/coach.h"

#include "base/language.h"

#include <stdio.h>
#include <string.h>

static const char *place(const struct rv_coach_group *g, const char *name, size_t len)
{
    const struct {
        const char *name, *value;
    } places[] = { { "H", g->second },
                   { "P", g->power },
                   { "U", g->up },
                   { "device", g->device },
                   { "h_place", g->second_place },
                   { "p_place", g->power_place },
                   { "u_place", g->up_place } };
    for (size_t i = 0; i < RV_COUNT(places); i++)
        if (strlen(places[i].name) == len && strncmp(places[i].name, name, len) == 0)
            return rv_translated(places[i].value);
    return "";
}

void rv_coach_fill(const struct rv_coach_group *group, const char *text, char *out, size_t size)
{
    size_t at = 0;
    text = rv_translated(text);
    while (*text != '\0' && at + 1 < size) {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        if (end == NULL) {
            out[at++] = *text++;
            continue;
        }
        const char *value = place(group, text + 1, (size_t)(end - text - 1));
        size_t len = strlen(value), room = size - 1 - at;
        memcpy(out + at, value, len < room ? len : room);
        at += len < room ? len : room;
        text = end + 1;
    }
    out[at] = '\0';
}

static unsigned button_of(char letter)
{
    return letter == 'P' ? RV_BUTTON_POWER : letter == 'H' ? RV_BUTTON_SECOND : RV_BUTTON_UP;
}

bool rv_coach_draw(const struct rv_coach_group *group, unsigned hold, unsigned tap, size_t index, char *out,
                   size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i <= index; i++)
        if (group->drawing[i] == NULL)
            return false;
    for (const char *text = rv_translated(group->drawing[index]); *text != '\0' && at + 4 < size; text++) {
        if (text[0] == '{' && text[1] != '\0' && text[2] == '}') {
            unsigned button = button_of(text[1]);
            memcpy(out + at, (hold & button) != 0 ? "[#]" : (tap & button) != 0 ? "[o]" : "[ ]", 3);
            at += 3;
            text += 2;
        } else {
            out[at++] = *text;
        }
    }
    out[at] = '\0';
    return true;
}

void rv_coach_buttons(const struct rv_coach_group *group, unsigned buttons, char *out, size_t size)
{
    const struct {
        unsigned button;
        const char *name;
    } all[] = { { RV_BUTTON_POWER, group->power }, { RV_BUTTON_UP, group->up }, { RV_BUTTON_SECOND, group->second } };
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < RV_COUNT(all); i++) {
        if ((buttons & all[i].button) == 0 || at >= size)
            continue;
        int n = snprintf(out + at, size - at, "%s%s", at > 0 ? " + " : "", rv_translated(all[i].name));
        at += n > 0 ? (size_t)n : 0;
    }
}
