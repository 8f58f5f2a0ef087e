/* SPDX-License-Identifier: Apache-2.0 */
/* Each rung of the ladder by the road that its own verb goes. */
#include "command/rescue.h"

#include "base/file.h"
#include "base/text.h"
#include "command/firmware_fetch.h"
#include "command/install_job.h"
#include "command/roads.h"
#include "device/rhythm.h"

#include <stdio.h>
#include <string.h>

typedef bool rung_fn(struct rv_rescue *rescue, struct rv_run *run, struct rv_error *err);

static bool take_restart(struct rv_rescue *r, struct rv_run *run, struct rv_error *err)
{
    return rv_command_restart(run, r->fleet, &r->device, err);
}

static bool take_exit(struct rv_rescue *r, struct rv_run *run, struct rv_error *err)
{
    return rv_command_exit(run, r->fleet, &r->device, err);
}

static bool coach(struct rv_rescue *r, struct rv_run *run, enum rv_coach_goal goal, bool buttons_only,
                  struct rv_error *err)
{
    struct rv_coaching what = { goal, r->seen ? &r->device : NULL, buttons_only };
    return rv_command_coach(run, r->fleet, &what, err);
}

static bool take_force_restart(struct rv_rescue *r, struct rv_run *run, struct rv_error *err)
{
    return coach(r, run, RV_COACH_EXIT_RECOVERY, true, err);
}

static bool take_leave_dfu(struct rv_rescue *r, struct rv_run *run, struct rv_error *err)
{
    return coach(r, run, RV_COACH_EXIT_DFU, false, err);
}

static bool take_into_recovery(struct rv_rescue *r, struct rv_run *run, struct rv_error *err)
{
    return coach(r, run, RV_COACH_RECOVERY, false, err);
}

static bool take_into_dfu(struct rv_rescue *r, struct rv_run *run, struct rv_error *err)
{
    return coach(r, run, RV_COACH_DFU, false, err);
}

static bool take_charge(struct rv_rescue *r, struct rv_run *run, struct rv_error *err)
{
    enum rv_rhythm_verdict seen = RV_RHYTHM_ABSENT;
    rv_tell_step(run->ctx, "await-attach", "Looking for two minutes whether it shows itself on the cable");
    for (unsigned minute = 0; minute < 2 && seen == RV_RHYTHM_ABSENT; minute++)
        if (!rv_fleet_watch_rhythm(r->fleet, NULL, &seen, err))
            return false;
    return seen != RV_RHYTHM_ABSENT || rv_fail(err, RV_E_TIMEOUT, "nothing came onto the cable");
}

/* ---- installing ---- */

/* The file of a job that broke off, unless another one is named: the cache need not be asked again. */
static char *interrupted_file(struct rv_rescue *r, enum rv_behavior behavior)
{
    struct rv_job job;
    struct rv_error none = { 0 };
    const struct rv_args *args = r->run->args;
    bool named = rv_arg(args, "ipsw") != NULL || rv_arg(args, "version") != NULL || rv_arg_flag(args, "latest");
    if (named || !rv_job_find(r->run->ctx, r->device.identity.ecid, &job, &none) || job.behavior != behavior ||
        !rv_file_exists(job.ipsw_path))
        return NULL;
    return rv_text_copy(job.ipsw_path);
}

static bool find_firmware(struct rv_rescue *r, struct rv_run *run, enum rv_behavior behavior, struct rv_error *err)
{
    if (r->ipsw == NULL)
        r->ipsw = interrupted_file(r, behavior);
    if (r->ipsw == NULL)
        r->ipsw = rv_firmware_for_product(run, r->device.identity.product_type, err);
    return r->ipsw != NULL;
}

static void keep_failure(struct rv_rescue *r, const json_t *result)
{
    const json_t *failed = json_object_get(result, "failed");
    struct rv_try *one = &r->story.tries[r->story.count - 1];
    const char *step = json_string_value(json_object_get(failed, "step"));
    const char *code = json_string_value(json_object_get(failed, "code"));
    snprintf(one->step, sizeof one->step, "%s", step != NULL ? step : "");
    snprintf(one->code, sizeof one->code, "%s", code != NULL ? code : "");
    one->itunes = (int)json_integer_value(json_object_get(failed, "itunes_code"));
}

static bool install(struct rv_rescue *r, struct rv_run *run, enum rv_behavior behavior, struct rv_error *err)
{
    if (!find_firmware(r, run, behavior, err))
        return false;
    struct rv_restore_options options = {
        .behavior = behavior,
        .ipsw_path = r->ipsw,
        .ticket_path = rv_arg(run->args, "ticket"),
        .selector = rv_arg(run->args, "device"),
        .ecid = r->device.identity.ecid,
        .consent = behavior == RV_BEHAVIOR_ERASE, /* the name was typed before this rung was taken */
    };
    bool fine = rv_restore_verb(run, &options, err);
    keep_failure(r, run->result);
    json_array_append(r->installations, run->result);
    if (!fine && behavior == RV_BEHAVIOR_ERASE && err->code == RV_E_UNFINISHED)
        r->story.facts |= RV_LADDER_BIT(RV_FACT_ERASE_BEGUN);
    return fine;
}

static bool take_update(struct rv_rescue *r, struct rv_run *run, struct rv_error *err)
{
    return install(r, run, RV_BEHAVIOR_UPDATE, err);
}

static bool take_restore(struct rv_rescue *r, struct rv_run *run, struct rv_error *err)
{
    return rv_command_agree_erase(run, &r->device, err) && install(r, run, RV_BEHAVIOR_ERASE, err);
}

static rung_fn *const roads[RV_RUNG_COUNT] = {
    [RV_RUNG_RESTART] = take_restart,     [RV_RUNG_FORCE_RESTART] = take_force_restart,
    [RV_RUNG_CHARGE] = take_charge,       [RV_RUNG_EXIT] = take_exit,
    [RV_RUNG_LEAVE_DFU] = take_leave_dfu, [RV_RUNG_INTO_RECOVERY] = take_into_recovery,
    [RV_RUNG_UPDATE] = take_update,       [RV_RUNG_UPDATE_AGAIN] = take_update,
    [RV_RUNG_INTO_DFU] = take_into_dfu,   [RV_RUNG_UPDATE_DFU] = take_update,
    [RV_RUNG_RESTORE] = take_restore,
};

bool rv_rescue_take(struct rv_rescue *rescue, enum rv_rung_id rung, struct rv_error *err)
{
    rv_assert((unsigned)rung < RV_RUNG_COUNT && roads[rung] != NULL);
    struct rv_run own = *rescue->run;
    own.result = json_object();
    bool fine = roads[rung](rescue, &own, err);
    json_decref(own.result);
    return fine;
}
