/* SPDX-License-Identifier: Apache-2.0 */
/* The button coach: what stands on paper, and the live one. */
#include "base/language.h"
#include "base/text.h"
#include "coach/follow.h"
#include "command/device_json.h"
#include "command/roads.h"
#include "command/stays.h"
#include "command/verbs.h"
#include "data/devices.h"
#include "restore/restore.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { TRIES_DEFAULT = 6, TRIES_MOST = 50, SETTLE_TIMEOUT_MS = 90000, LINES_MAX = 12 };

struct model {
    char name[RV_TEXT_SHORT], product[RV_TEXT_SHORT];
    const struct rv_coach_group *group;
    bool guessed;
};

/* ---- which model ---- */

/* "iPhone 8 Plus" and "iphone8plus" are one. */
static bool names_match(const char *a, const char *b)
{
    for (;;) {
        a += strspn(a, " -()");
        b += strspn(b, " -()");
        if (*a == '\0' || *b == '\0')
            return *a == *b;
        if (tolower((unsigned char)*a++) != tolower((unsigned char)*b++))
            return false;
    }
}

static bool model_of_product(struct model *model, const char *product, struct rv_error *err)
{
    const struct rv_device_row *row = rv_device_by_product(product, NULL);
    const char *group = rv_coach_group_of(product, &model->guessed);
    snprintf(model->product, sizeof model->product, "%s", product);
    snprintf(model->name, sizeof model->name, "%s", row != NULL ? row->name : product);
    if (group == NULL) {
        rv_fail(err, RV_E_UNSUPPORTED, "no buttons are known for a %.60s", product);
        return rv_advise(err, RV_ADVICE_COACH_MODEL);
    }
    model->group = rv_coach_group(group);
    if (model->group != NULL)
        return true;
    rv_fail(err, RV_E_UNSUPPORTED, "%s", rv_coach_unguided(group));
    return rv_while(err, "looking for the buttons of %s", model->name);
}

static bool model_of_words(struct model *model, const char *words, struct rv_error *err)
{
    for (size_t i = 0; i < rv_device_row_count; i++) {
        const struct rv_device_row *row = &rv_device_rows[i];
        if (names_match(row->name, words) || names_match(row->product, words) || names_match(row->board, words))
            return model_of_product(model, row->product, err);
    }
    if (strchr(words, ',') != NULL) /* the product type of a model that came after this program */
        return model_of_product(model, words, err);
    rv_fail(err, RV_E_USAGE, "no model is called \"%.60s\"", words);
    return rv_advise(err, RV_ADVICE_COACH_MODEL);
}

/* In DFU a model that no table knows does not even tell its family. */
static bool model_of_device(struct model *model, const struct rv_device *device, struct rv_error *err)
{
    const char *product = device->identity.product_type;
    if (product[0] != '\0')
        return model_of_product(model, product, err);
    bool fine = model_of_product(model, "iPhone", err);
    snprintf(model->name, sizeof model->name, "unknown device");
    return fine;
}

/* ---- on paper ---- */

static void add_filled(json_t *list, const struct rv_coach_group *group, const char *text)
{
    char out[RV_COACH_TEXT];
    rv_coach_fill(group, text, out, sizeof out);
    json_array_append_new(list, json_string(out));
}

static json_t *way_json(const struct rv_coach_group *group, const struct rv_coach_script *script, const char *words)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < script->count; i++)
        add_filled(steps, group, script->steps[i].print);
    return json_pack("{s:s, s:s, s:o}", "way", script->id, "words", words, "steps", steps);
}

static json_t *button_json(const char *name, const char *place, const char *also)
{
    json_t *out = json_pack("{s:s, s:s}", "name", name, "place", place);
    if (also != NULL)
        json_object_set_new(out, "also", json_string(also));
    return out;
}

static json_t *buttons_json(const struct rv_coach_group *g)
{
    json_t *list = json_array();
    json_array_append_new(list, button_json(g->power, g->power_place, g->power_also));
    if (g->up[0] != '\0')
        json_array_append_new(list, button_json(g->up, g->up_place, NULL));
    json_array_append_new(list, button_json(g->second, g->second_place, NULL));
    return list;
}

static void put_group(json_t *result, const struct model *model, enum rv_coach_goal goal)
{
    char line[RV_EVENT_DRAWING_WIDTH];
    json_t *drawing = json_array();
    for (size_t i = 0; i < LINES_MAX && rv_coach_draw(model->group, 0, 0, i, line, sizeof line); i++)
        json_array_append_new(drawing, json_string(line));
    json_object_set_new(result, "goal", json_string(rv_coach_goal_name(goal)));
    json_object_set_new(result, "model", json_string(model->name));
    rv_json_set_text(result, "product_type", model->product);
    json_object_set_new(result, "group", json_string(model->group->id));
    json_object_set_new(result, "buttons", buttons_json(model->group));
    json_object_set_new(result, "drawing", drawing);
    rv_json_set_text(result, "note", model->group->note);
}

/* Only one kind of cable is ever right, and for DFU not each that fits. */
static const char *cable_text(const struct model *model, enum rv_coach_goal goal)
{
    static const struct {
        const char *port, *text;
    } cables[] = { { "30-pin", "cable-30-pin" }, { "lightning", "cable-lightning" }, { "usb-c", "cable-usb-c" } };
    const struct rv_device_row *row = rv_device_by_product(model->product, NULL);
    struct rv_identity identity = { 0 };
    struct rv_coach_setup setup = { 0 };
    snprintf(identity.product_type, sizeof identity.product_type, "%s", model->product);
    rv_coach_setup_for(&setup, &identity);
    if (setup.old_lightning && goal == RV_COACH_DFU)
        return rv_coach_text("cable-lightning-old");
    for (size_t i = 0; row != NULL && i < RV_COUNT(cables); i++)
        if (strcmp(cables[i].port, row->port) == 0)
            return rv_coach_text(cables[i].text);
    return NULL;
}

static void put_screen(json_t *result, enum rv_coach_goal goal)
{
    const struct rv_coach_screen *screen = rv_coach_screen(rv_coach_goal_name(goal));
    if (screen == NULL)
        return;
    json_t *drawing = json_array();
    for (size_t i = 0; screen->drawing[i] != NULL; i++)
        json_array_append_new(drawing, json_string(rv_translated(screen->drawing[i])));
    json_object_set_new(result, "screen",
                        json_pack("{s:s, s:o}", "words", rv_translated(screen->words), "drawing", drawing));
}

static void put_ways(json_t *result, const struct model *model, enum rv_coach_goal goal)
{
    const struct rv_coach_group *group = model->group;
    json_t *ways = json_array();
    const struct rv_coach_script *buttons = rv_coach_script(group->kind, goal, RV_COACH_BY_BUTTONS);
    const struct rv_coach_script *cable = rv_coach_script(group->kind, goal, RV_COACH_BY_CABLE);
    json_array_append_new(
        ways, way_json(group, buttons,
                       goal == RV_COACH_EXIT_RECOVERY ? N_("Cable out, then:") : N_("Cable in the computer, then:")));
    if (cable != NULL)
        json_array_append_new(ways, way_json(group, cable, N_("Another way, from a device that is switched off:")));
    json_object_set_new(result, "ways", ways);
    json_t *hints = json_array();
    const char *right_cable = cable_text(model, goal);
    if (right_cable != NULL)
        add_filled(hints, group, right_cable);
    if (goal == RV_COACH_EXIT_RECOVERY)
        add_filled(hints, group, rv_coach_text("unplug-first"));
    if (goal == RV_COACH_DFU)
        add_filled(hints, group,
                   N_("No backup can be made from DFU mode: make one first, if the {device} still works. Entering and "
                      "leaving DFU mode changes nothing and erases nothing. Older firmware cannot be installed from "
                      "there either: Apple signs only current versions."));
    if (goal == RV_COACH_RECOVERY)
        add_filled(
            hints, group,
            N_("Nothing on the {device} is changed by this. It leaves Recovery mode by itself after some 15 minutes, "
               "or by `revive recovery exit`."));
    json_object_set_new(result, "hints", hints);
}

/* ---- before DFU ---- */

static bool ask_before_dfu(struct rv_run *run, const struct rv_device *device, struct rv_error *err)
{
    char when[32], path[512];
    struct rv_ctx *ctx = run->ctx;
    if (device != NULL && (device->mode == RV_MODE_DFU || device->mode == RV_MODE_KIS))
        return true; /* it is there; nothing to lead into */
    rv_tell_note(ctx, "No backup can be made from DFU mode. Entering and leaving it changes nothing and erases "
                      "nothing; what is installed from there may.");
    if (device != NULL && rv_backup_newest(ctx, &device->identity, when, sizeof when, path, sizeof path)) {
        rv_tell_note(ctx, "The newest backup of this device on this computer is of %s (%s).", when, path);
        json_object_set_new(run->result, "newest_backup", json_string(when));
    } else {
        rv_tell_note(ctx, "No backup of this device is known on this computer. If it still works, make one first.");
    }
    static const struct rv_question question = {
        .id = "coach-dfu-damage",
        .text = N_("Has the device been wet, is its screen cracked or its socket broken? New firmware can leave a "
                   "device with such damage without life: save its data first, and let a service look at it. Is it "
                   "free of such damage, and shall we go on to DFU mode?"),
    };
    return rv_ask(ctx, &question, err);
}

/* ---- live ---- */

static bool tell_end(struct rv_run *run, const struct rv_coached *coached, struct rv_error *err)
{
    json_object_set_new(run->result, "reached", json_boolean(coached->end == RV_COACH_REACHED));
    json_object_set_new(run->result, "misses", json_integer(coached->misses));
    if (coached->last != NULL)
        json_object_set_new(run->result, "last_miss", json_string(coached->last->id));
    if (coached->end == RV_COACH_REACHED)
        return true;
    if (coached->end == RV_COACH_SYSTEM_FAILS) {
        rv_fail(err, RV_E_REFUSED, "it was let out of Recovery mode and came back: its system does not start");
        return rv_advise(err, RV_ADVICE_BACK_IN_RECOVERY);
    }
    const char *last = coached->last != NULL ? coached->last->title : "nothing was tried";
    if (!coached->seen)
        rv_fail(err, RV_E_NO_DEVICE, "in %u %s no device showed itself on the cable", coached->misses,
                coached->misses == 1 ? "try" : "tries");
    else if (coached->last != NULL && coached->last->came == RV_COACH_CAME_NOTHING)
        rv_fail(err, RV_E_UNFINISHED, "after %u %s the device is not on the cable any more", coached->misses,
                coached->misses == 1 ? "try" : "tries");
    else
        rv_fail(err, RV_E_TIMEOUT, "%u %s with the buttons, the last one: %s", coached->misses,
                coached->misses == 1 ? "try" : "tries", last);
    return rv_advise(err, RV_ADVICE_COACH_SPENT);
}

static bool tell_where(struct rv_run *run, struct rv_fleet *fleet, uint64_t ecid, enum rv_coach_goal goal,
                       struct rv_error *err)
{
    static const unsigned modes[] = {
        [RV_COACH_RECOVERY] = RV_MODE_BIT(RV_MODE_RECOVERY),
        [RV_COACH_DFU] = RV_MODE_BIT(RV_MODE_DFU) | RV_MODE_BIT(RV_MODE_PORT_DFU) | RV_MODE_BIT(RV_MODE_KIS),
        [RV_COACH_EXIT_RECOVERY] = RV_MODE_BIT(RV_MODE_NORMAL),
        [RV_COACH_EXIT_DFU] = RV_MODE_BIT(RV_MODE_NORMAL),
    };
    struct rv_device now;
    struct rv_error quiet = { 0 };
    if (ecid == 0 || !rv_fleet_await(fleet, ecid, modes[goal], NULL, SETTLE_TIMEOUT_MS, &now, &quiet)) {
        if (quiet.code != RV_E_CANCELLED)
            return true; /* the bus has shown it; more it does not say (yet) */
        *err = quiet;
        return false;
    }
    rv_command_now(run->result, &now);
    return now.mode != RV_MODE_NORMAL || rv_command_stays(fleet, &now, run->result, err);
}

static bool pick(struct rv_run *run, struct rv_fleet *fleet, struct rv_device *device, bool *found,
                 struct rv_error *err)
{
    const char *selector = rv_arg(run->args, "device");
    *found = rv_command_pick(fleet, selector, run->result, device, err);
    if (*found)
        return true;
    /* A named model may come later: it is off, or still to be plugged in. */
    if (err->code == RV_E_NO_DEVICE && selector == NULL && rv_arg(run->args, "model") != NULL) {
        *err = (struct rv_error){ 0 };
        return true;
    }
    return err->code == RV_E_NO_DEVICE ? rv_advise(err, RV_ADVICE_COACH_NO_DEVICE) : false;
}

static bool tries_wanted(struct rv_run *run, unsigned *out, struct rv_error *err)
{
    uint64_t number = TRIES_DEFAULT;
    const char *text = rv_arg(run->args, "tries");
    if (text != NULL && (!rv_text_number(text, 10, &number) || number == 0 || number > TRIES_MOST))
        return rv_fail(err, RV_E_USAGE, "--tries wants a number from 1 to %d", TRIES_MOST);
    *out = (unsigned)number;
    return true;
}

static bool coach_model(struct rv_run *run, struct rv_fleet *fleet, const struct rv_coaching *what, struct model *model,
                        struct rv_error *err)
{
    const struct rv_device *device = what->device;
    struct rv_coached coached;
    struct rv_coach_setup setup = { .goal = what->goal, .by_software = !what->buttons_only };
    if (!tries_wanted(run, &setup.tries_max, err) ||
        (model->group == NULL && (device == NULL || !model_of_device(model, device, err))))
        return false;
    if (device != NULL)
        json_object_set_new(run->result, "was", json_string(rv_mode_name(device->mode)));
    put_group(run->result, model, what->goal);
    if (model->guessed)
        rv_tell_warning(run->ctx,
                        "revive does not know this model; the buttons of the newest %s models are shown. "
                        "--model NAME names another.",
                        model->group->device);
    if (what->goal == RV_COACH_DFU && !ask_before_dfu(run, device, err))
        return false;
    setup.group = model->group;
    setup.restart =
        what->goal >= RV_COACH_EXIT_RECOVERY && what->buttons_only && device != NULL && device->mode == RV_MODE_NORMAL;
    struct rv_identity identity = { 0 };
    if (device != NULL)
        identity = device->identity;
    if (identity.product_type[0] == '\0')
        snprintf(identity.product_type, sizeof identity.product_type, "%s", model->product);
    rv_coach_setup_for(&setup, &identity);
    if (!rv_coach_follow(fleet, &setup, device, &coached, err) || !tell_end(run, &coached, err))
        return rv_while(err, "coaching into %s", rv_coach_goal_name(what->goal));
    return tell_where(run, fleet, coached.device.identity.ecid, what->goal, err);
}

bool rv_command_coach(struct rv_run *run, struct rv_fleet *fleet, const struct rv_coaching *what, struct rv_error *err)
{
    struct model model = { 0 };
    const char *words = rv_arg(run->args, "model");
    if (words != NULL && !model_of_words(&model, words, err))
        return false;
    if (words != NULL || what->device != NULL)
        return coach_model(run, fleet, what, &model, err);
    rv_fail(err, RV_E_NO_DEVICE,
            "which buttons it has is not known: no device is on the cable, and no --model is given");
    return rv_advise(err, RV_ADVICE_COACH_NO_DEVICE);
}

static bool coach_live(struct rv_run *run, enum rv_coach_goal goal, struct model *model, struct rv_error *err)
{
    struct rv_device device = { 0 };
    bool found;
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    if (fleet == NULL || !pick(run, fleet, &device, &found, err))
        return false;
    struct rv_coaching what = { goal, found ? &device : NULL, rv_arg_flag(run->args, "buttons-only") };
    return coach_model(run, fleet, &what, model, err);
}

static bool run_coach(struct rv_run *run, enum rv_coach_goal goal, struct rv_error *err)
{
    struct model model = { 0 };
    const char *words = rv_arg(run->args, "model");
    if (words != NULL && !model_of_words(&model, words, err))
        return false;
    if (!rv_arg_flag(run->args, "print"))
        return coach_live(run, goal, &model, err);
    if (words == NULL) {
        struct rv_device device;
        RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
        if (fleet == NULL || !rv_command_pick(fleet, rv_arg(run->args, "device"), run->result, &device, err))
            return err->code == RV_E_NO_DEVICE ? rv_advise(err, RV_ADVICE_COACH_NO_DEVICE) : false;
        if (!model_of_device(&model, &device, err))
            return false;
    }
    put_group(run->result, &model, goal);
    put_ways(run->result, &model, goal);
    put_screen(run->result, goal);
    if (model.guessed)
        rv_tell_warning(run->ctx, "revive does not know this model; the buttons of the newest %s models are shown.",
                        model.group->device);
    return true;
}

static bool run_recovery(struct rv_run *run, struct rv_error *err)
{
    return run_coach(run, RV_COACH_RECOVERY, err);
}

static bool run_dfu(struct rv_run *run, struct rv_error *err)
{
    return run_coach(run, RV_COACH_DFU, err);
}

static bool run_exit_recovery(struct rv_run *run, struct rv_error *err)
{
    return run_coach(run, RV_COACH_EXIT_RECOVERY, err);
}

static bool run_exit_dfu(struct rv_run *run, struct rv_error *err)
{
    return run_coach(run, RV_COACH_EXIT_DFU, err);
}

static const struct rv_option coach_options[] = {
    { "buttons-only", 0, NULL, "do not ask the device by software first" },
    { "model", 'm', "NAME", "the model, where the device cannot tell: \"iPhone 8\", iPhone10,1, D20AP" },
    { "print", 'p', NULL, "print the steps and do nothing" },
    { "tries", 0, "N", "give up after N tries (6)" },
};

#define HOW                                                                                                            \
    " Watches the cable while you press, says at once when a try went wrong and why, and starts over. What the "       \
    "device "                                                                                                          \
    "can do by itself it is told first."

const struct rv_command rv_verb_coach_dfu = {
    .name = "coach dfu",
    .summary = "Lead you through the buttons into DFU mode, second by second",
    .about = "DFU mode is the deepest one: the screen stays black and only a computer can go on." HOW
             " Entering and leaving it changes nothing on the device; but no backup can be made from there, and a "
             "device that was wet or is broken should see a service first: that is asked before.",
    .example = "revive coach dfu --model \"iPhone 8\" --print\n    prints the steps for that model",
    .options = coach_options,
    .option_count = RV_COUNT(coach_options),
    .flags = RV_COMMAND_DEVICE | RV_COMMAND_LONG,
    .run = run_dfu,
};

const struct rv_command rv_verb_coach_exit_dfu = {
    .name = "coach exit-dfu",
    .summary = "Lead you through the buttons out of DFU mode",
    .about = "A forced restart: nothing on the device is changed." HOW,
    .example = "revive coach exit-dfu\n    and the device starts its system again",
    .options = coach_options,
    .option_count = RV_COUNT(coach_options),
    .flags = RV_COMMAND_DEVICE | RV_COMMAND_LONG,
    .run = run_exit_dfu,
};

const struct rv_command rv_verb_coach_exit_recovery = {
    .name = "coach exit-recovery",
    .summary = "Lead you through the buttons out of Recovery mode",
    .about = "A forced restart: nothing on the device is changed. With --buttons-only a device that "
             "runs, or hangs, is restarted the same way." HOW,
    .example = "revive coach exit-recovery\n    and the device starts its system again",
    .options = coach_options,
    .option_count = RV_COUNT(coach_options),
    .flags = RV_COMMAND_DEVICE | RV_COMMAND_LONG,
    .run = run_exit_recovery,
};

const struct rv_command rv_verb_coach_recovery = {
    .name = "coach recovery",
    .summary = "Lead you through the buttons into Recovery mode, second by second",
    .about = "Recovery mode shows a cable and a computer; from there iOS can be installed again without erasing." HOW
             " Nothing on the device is changed by this.",
    .example = "revive coach recovery\n    and fingers do what a hanging device does not do by itself",
    .options = coach_options,
    .option_count = RV_COUNT(coach_options),
    .flags = RV_COMMAND_DEVICE | RV_COMMAND_LONG,
    .run = run_recovery,
};
