/* SPDX-License-Identifier: Apache-2.0 */
/* What of this computer keeps devices from being seen, opened or restored, and the command that mends it. */
#include "care/checkup.h"

#include "base/host.h"
#include "command/verbs.h"

static json_t *setting_json(const char *value)
{
    return value != NULL ? json_string(value) : json_null();
}

static json_t *settings_json(const struct rv_settings *s)
{
    json_t *j = json_object();
    json_object_set_new(j, "REVIVE_APPLE_CATALOG", setting_json(s->apple_catalog));
    json_object_set_new(j, "REVIVE_APPLE_TSS", setting_json(s->apple_tss));
    json_object_set_new(j, "REVIVE_DEADLINE_SCALE", json_real(s->deadline_scale));
    json_object_set_new(j, "REVIVE_HOST_ROOT", setting_json(rv_host_root()[0] != '\0' ? rv_host_root() : NULL));
    json_object_set_new(j, "REVIVE_TRUST_ROOT", setting_json(s->trust_root));
    json_object_set_new(j, "REVIVE_USB", setting_json(s->usb));
    return j;
}

static bool run_doctor(struct rv_run *run, struct rv_error *err)
{
    struct rv_doctor doctor = { .ctx = run->ctx, .root = rv_host_root(), .offline = rv_arg_flag(run->args, "offline") };
    json_t *checks = json_array();
    unsigned troubles = 0;
    json_object_set_new(run->result, "checks", checks);
    for (size_t i = 0; i < rv_doctor_check_count; i++) {
        struct rv_finding finding;
        const struct rv_doctor_check *check = &rv_doctor_checks[i];
        if (!rv_cancel_point(&run->ctx->cancel, err))
            return false;
        rv_doctor_look(&doctor, check, &finding);
        troubles += finding.health == RV_HEALTH_TROUBLE;
        json_t *mend = finding.mend[0] != '\0' ? json_string(finding.mend) : json_null();
        json_array_append_new(checks,
                              json_pack("{s:s, s:s, s:s, s:s, s:o}", "check", check->id, "title", check->title, "state",
                                        rv_health_name(finding.health), "words", finding.words, "mend", mend));
    }
    json_object_set_new(run->result, "troubles", json_integer(troubles));
    json_object_set_new(run->result, "settings", settings_json(&run->ctx->settings));
    return true;
}

static const struct rv_option options[] = {
    { "offline", 0, NULL, "ask no server" },
};

const struct rv_command rv_verb_doctor = {
    .name = "doctor",
    .summary = "Look at this computer: what keeps devices from being seen, opened or restored",
    .about = "Checks the service for running devices, the rules and rights for Recovery and DFU mode, other programs "
             "that hold devices, what the kernel says about cable and port, room, power, clock, hosts file, proxy, and "
             "the way to each of Apple's servers. It changes nothing: what mends a trouble is printed as a command. "
             "The settings in effect are listed at the end.",
    .example = "revive doctor\n    prints one line a check, and the command that mends each trouble",
    .options = options,
    .option_count = RV_COUNT(options),
    .run = run_doctor,
};
