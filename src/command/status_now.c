/* SPDX-License-Identifier: Apache-2.0 */
/* `revive` alone: what is attached, what state it is in, and the one next thing to do. Changes nothing. */
#include "command/device_json.h"
#include "command/triage.h"
#include "command/verbs.h"
#include "proto/lockdown.h"
#include "restore/restore.h"

enum { DEVICES_MAX = 64 };

static json_t *situation_json(const struct rv_findings *f, size_t index)
{
    const struct rv_situation *situation = rv_triage(f);
    json_t *out = rv_device_json(f->device);
    json_object_set_new(out, "index", json_integer((json_int_t)index + 1));
    json_object_set_new(out, "state", json_string(situation->id));
    json_object_set_new(out, "state_words", json_string(situation->words));
    json_t *next = json_object();
    json_object_set_new(next, "command", situation->command != NULL ? json_string(situation->command) : json_null());
    json_object_set_new(next, "words", json_string(situation->why));
    json_object_set_new(out, "next", next);
    if (f->have_env)
        json_object_set_new(out, "iboot_settings", rv_recovery_env_json(&f->env));
    return out;
}

static bool fail_nothing(bool mux_missing, struct rv_error *err)
{
    rv_fail(err, RV_E_NO_DEVICE, "this computer sees no iPhone, iPad or iPod touch on its USB");
    if (!mux_missing)
        return false;
    rv_while(err, "looking; the usbmux service, which shows devices that are on, does not answer either");
    return rv_advise(err, RV_ADVICE_NOTHING_NO_MUX);
}

static bool run_status(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    RV_AUTO(rv_blob) room = fleet == NULL ? NULL : rv_blob_new(sizeof(struct rv_device) * DEVICES_MAX, err);
    size_t count = 0;
    bool mux_missing = false;
    if (room == NULL)
        return false;
    struct rv_device *devices = (struct rv_device *)(void *)room->data;
    if (!rv_fleet_scan(fleet, devices, DEVICES_MAX, &count, &mux_missing, err))
        return false;
    json_object_set_new(run->result, "usbmux", json_string(mux_missing ? "missing" : "ok"));
    json_t *all = json_array();
    json_object_set_new(run->result, "devices", all);
    if (count == 0)
        return fail_nothing(mux_missing, err);
    for (size_t i = 0; i < count; i++) {
        struct rv_findings findings = { .device = &devices[i], .mux_missing = mux_missing };
        if (!rv_findings_gather(fleet, &findings, err))
            return false;
        json_array_append_new(all, situation_json(&findings, i));
    }
    return true;
}

const struct rv_command rv_verb_status = {
    .name = "",
    .summary = "Say what is attached, what state it is in, and the one next thing to do",
    .about =
        "Looks at every device on this computer's USB and says in plain words what is wrong with it and what to do "
        "next. Nothing is changed.",
    .example = "revive\n    is always a good first command",
    .run = run_status,
};
