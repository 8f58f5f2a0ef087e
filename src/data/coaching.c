/* SPDX-License-Identifier: Apache-2.0 */
#include "data/coaching.h"

#include "data/devices.h"

#include <string.h>

#include "coach_table.inc"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

const struct rv_coach_group *rv_coach_group(const char *id)
{
    for (size_t i = 0; i < COUNT(groups); i++)
        if (strcmp(groups[i].id, id) == 0)
            return &groups[i];
    return NULL;
}

const char *rv_coach_unguided(const char *id)
{
    for (size_t i = 0; i < COUNT(unguided); i++)
        if (strcmp(unguided[i].id, id) == 0)
            return unguided[i].words;
    return NULL;
}

const struct rv_coach_script *rv_coach_script(enum rv_coach_kind kind, enum rv_coach_goal goal,
                                              enum rv_coach_route route)
{
    for (size_t i = 0; i < COUNT(scripts); i++)
        if (scripts[i].kind == kind && scripts[i].goal == goal && scripts[i].route == route)
            return &scripts[i];
    return NULL;
}

const struct rv_coach_verdict *rv_coach_verdict(enum rv_coach_goal goal, enum rv_coach_came came)
{
    for (size_t i = 0; i < COUNT(verdicts); i++)
        if ((verdicts[i].goals & 1u << goal) != 0 && verdicts[i].came == came)
            return &verdicts[i];
    return NULL;
}

const char *rv_coach_text(const char *id)
{
    for (size_t i = 0; i < COUNT(texts); i++)
        if (strcmp(texts[i].id, id) == 0)
            return texts[i].words;
    return "";
}

const struct rv_coach_screen *rv_coach_screen(const char *goal)
{
    for (size_t i = 0; i < COUNT(screens); i++)
        if (strcmp(screens[i].id, goal) == 0)
            return &screens[i];
    return NULL;
}

const char *rv_coach_goal_name(enum rv_coach_goal goal)
{
    static const char *const names[] = { "recovery", "dfu", "exit-recovery", "exit-dfu" };
    return names[goal];
}

const char *rv_coach_group_of(const char *product, bool *guessed)
{
    static const struct {
        const char *prefix, *group;
    } newest[] = { { "iPad", "ipad-nohome" }, { "iPhone", "iphone8+" }, { "iPod", "ipod7" } };
    const struct rv_device_row *row = rv_device_by_product(product, NULL);
    *guessed = row == NULL;
    if (row != NULL)
        return row->buttons;
    for (size_t i = 0; i < COUNT(newest); i++)
        if (strncmp(product, newest[i].prefix, strlen(newest[i].prefix)) == 0)
            return newest[i].group;
    return NULL;
}
