/* SPDX-License-Identifier: Apache-2.0 */
#include "command/install_job.h"

#include <stdio.h>

static json_t *device_json(const struct rv_device *device)
{
    const struct rv_identity *id = &device->identity;
    char ecid[24];
    snprintf(ecid, sizeof ecid, "0x%llX", (unsigned long long)id->ecid);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "ecid", ecid, "mode", rv_mode_name(device->mode), "name", id->name,
                     "product_type", id->product_type, "serial", id->serial);
}

static json_t *plan_json(const struct rv_restore_result *result, enum rv_behavior behavior)
{
    enum { STEPS_MAX = 32 };
    struct rv_step_words words[STEPS_MAX];
    size_t count = rv_plan_words(result->started_in, behavior, words, STEPS_MAX);
    json_t *plan = json_array();
    for (size_t i = 0; i < count && i < STEPS_MAX; i++)
        json_array_append_new(plan, json_pack("{s:s, s:s, s:b}", "step", words[i].name, "text", words[i].words,
                                              "erases", words[i].erases));
    return plan;
}

static json_t *known_json(enum rv_known known)
{
    return known == RV_UNKNOWN ? json_null() : json_boolean(known == RV_YES);
}

static json_t *stake_json(const struct rv_stake *s)
{
    json_t *j = json_object();
    json_object_set_new(j, "find_my", known_json(s->find_my));
    json_object_set_new(j, "activation_lock", known_json(s->activation_lock));
    json_object_set_new(j, "activation", s->activation[0] != '\0' ? json_string(s->activation) : json_null());
    json_object_set_new(j, "battery_percent", s->battery_percent < 0 ? json_null() : json_integer(s->battery_percent));
    json_object_set_new(j, "charging", known_json(s->charging));
    json_object_set_new(j, "host_on_battery", known_json(s->host_on_battery));
    json_object_set_new(j, "host_kept_awake", json_boolean(s->host_awake));
    json_object_set_new(j, "room_bytes", s->room_known ? json_integer((json_int_t)s->room_bytes) : json_null());
    json_object_set_new(j, "device_free_bytes", s->fill_known ? json_integer((json_int_t)s->device_free) : json_null());
    return j;
}

bool rv_restore_verb(struct rv_run *run, struct rv_restore_options *options, struct rv_error *err)
{
    struct rv_restore_result result = { 0 };
    uint64_t begun = rv_clock_now(&run->ctx->clock);
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    if (fleet == NULL)
        return false;
    bool fine = rv_restore_run(fleet, options, &result, err);
    json_t *out = run->result;
    bool seen = result.device.identity.ecid != 0;
    json_object_set_new(out, "behaviour", json_string(options->behavior == RV_BEHAVIOR_UPDATE ? "update" : "erase"));
    json_object_set_new(out, "device", seen ? device_json(&result.device) : json_null());
    json_object_set_new(out, "dry_run", json_boolean(options->dry_run));
    json_object_set_new(out, "steps", seen ? plan_json(&result, options->behavior) : json_array());
    json_object_set_new(out, "started_in", seen ? json_string(rv_mode_name(result.started_in)) : json_null());
    json_object_set_new(out, "preflight", result.stake_known ? stake_json(&result.stake) : json_null());
    json_object_set_new(out, "resumed", json_integer(result.resumed));
    json_object_set_new(out, "duration_s", json_real((double)(rv_clock_now(&run->ctx->clock) - begun) / 1000));
    json_object_set_new(out, "not_apple", json_boolean(result.not_apple));
    json_object_set_new(out, "data_kept", json_boolean(result.data_kept));
    if (!fine && result.failed_step != NULL)
        json_object_set_new(out, "failed",
                            json_pack("{s:s, s:s, s:i}", "step", result.failed_step, "code",
                                      rv_code_name(result.failed_code), "itunes_code", (int)err->apple));
    json_object_set_new(out, "version", result.version[0] ? json_string(result.version) : json_null());
    json_object_set_new(out, "build", result.build[0] ? json_string(result.build) : json_null());
    const char *log = rv_log_path(run->ctx->log);
    json_object_set_new(out, "log", log == NULL ? json_null() : json_string(log));
    return fine;
}
