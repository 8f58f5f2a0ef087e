/* SPDX-License-Identifier: Apache-2.0 */
/* What of this computer keeps devices from being seen, opened or restored, and the command that mends it. */
#include "care/mending.h"

#include "base/host.h"
#include "command/verbs.h"

#include <stdio.h>
#include <string.h>

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

static const char *fix_name(enum rv_fix fix)
{
    static const char *const names[] = { NULL, "start-usbmuxd", "udev-rule" };
    return (unsigned)fix < RV_COUNT(names) ? names[fix] : NULL;
}

/* Says the commands, asks, runs them, and looks again. A "no" leaves the trouble as it is. */
static bool mend(struct rv_doctor *doctor, const struct rv_doctor_check *check, struct rv_finding *finding,
                 bool *mended, struct rv_error *err)
{
    char commands[400], text[1024];
    rv_mending_show(finding->fix, commands, sizeof commands);
    snprintf(text, sizeof text, "%s\nrevive can mend that by running, as root:\n%s\nShall it?", finding->words,
             commands);
    struct rv_question question = { "doctor-fix", text, NULL };
    rv_tell_note(doctor->ctx, "%s: to be mended by: %s", check->title, commands);
    if (!rv_ask(doctor->ctx, &question, err)) {
        if (doctor->ctx->ask == NULL)
            return false; /* nobody could be asked: exit 2, nothing done */
        *err = (struct rv_error){ 0 };
        return true;
    }
    if (!rv_mending_run(doctor->ctx, finding->fix, err))
        return rv_while(err, "mending: %s", check->title);
    enum rv_fix fix = finding->fix;
    rv_doctor_look(doctor, check, finding);
    *mended = finding->health == RV_HEALTH_FINE || finding->health == RV_HEALTH_NOTE || finding->fix != fix;
    return true;
}

static bool look(struct rv_run *run, struct rv_doctor *doctor, const struct rv_doctor_check *check, json_t *checks,
                 struct rv_error *err)
{
    struct rv_finding finding;
    bool mended = false;
    rv_doctor_look(doctor, check, &finding);
    if (finding.fix != RV_FIX_NONE && rv_arg_flag(run->args, "fix") && !mend(doctor, check, &finding, &mended, err))
        return false;
    json_t *one = json_pack("{s:s, s:s, s:s, s:s, s:b}", "check", check->id, "title", check->title, "state",
                            rv_health_name(finding.health), "words", finding.words, "mended", mended);
    json_object_set_new(one, "mend", finding.mend[0] != '\0' ? json_string(finding.mend) : json_null());
    json_object_set_new(one, "fix", finding.fix != RV_FIX_NONE ? json_string(fix_name(finding.fix)) : json_null());
    json_array_append_new(checks, one);
    return true;
}

static bool run_doctor(struct rv_run *run, struct rv_error *err)
{
    struct rv_doctor doctor = { .ctx = run->ctx, .root = rv_host_root(), .offline = rv_arg_flag(run->args, "offline") };
    json_t *checks = json_array();
    unsigned troubles = 0, fixable = 0;
    json_object_set_new(run->result, "checks", checks);
    for (size_t i = 0; i < rv_doctor_check_count; i++)
        if (!rv_cancel_point(&run->ctx->cancel, err) || !look(run, &doctor, &rv_doctor_checks[i], checks, err))
            return false;
    size_t i;
    json_t *one;
    json_array_foreach (checks, i, one) {
        troubles += strcmp(json_string_value(json_object_get(one, "state")), "trouble") == 0;
        fixable += json_is_string(json_object_get(one, "fix"));
    }
    json_object_set_new(run->result, "troubles", json_integer(troubles));
    json_object_set_new(run->result, "fixable", json_integer(fixable));
    json_object_set_new(run->result, "settings", settings_json(&run->ctx->settings));
    return true;
}

static const struct rv_option options[] = {
    { "fix", 0, NULL, "mend what revive can mend: shows each command, asks, runs it with sudo" },
    { "offline", 0, NULL, "ask no server" },
};

const struct rv_command rv_verb_doctor = {
    .name = "doctor",
    .summary = "Look at this computer: what keeps devices from being seen, opened or restored",
    .about = "Checks the service for running devices, the rules and rights for Recovery and DFU mode, other programs "
             "that hold devices, what the kernel says about cable and port, room, power, clock, hosts file, proxy, and "
             "the way to each of Apple's servers. What mends a trouble is printed as a command; nothing is changed, "
             "unless --fix is given: then the udev rule is installed and a silent usbmuxd started, each after a yes. "
             "The settings in effect are listed at the end.",
    .example = "revive doctor\n    prints one line a check, and the command that mends each trouble",
    .options = options,
    .option_count = RV_COUNT(options),
    .run = run_doctor,
};
