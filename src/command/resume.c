/* SPDX-License-Identifier: Apache-2.0 */
#include "command/install_job.h"
#include "command/verbs.h"

#include "base/text.h"

#include <string.h>
#include <sys/stat.h>

/* The file of the interrupted job, byte count and time as they were: half an update with another file is no plan. */
static bool same_firmware(const struct rv_job *job, struct rv_error *err)
{
    struct stat st;
    if (stat(job->ipsw_path, &st) != 0)
        rv_fail(err, RV_E_NOT_FOUND, "the firmware file %.150s is not there any more", job->ipsw_path);
    else if ((uint64_t)st.st_size != job->ipsw_size || st.st_mtime != job->ipsw_mtime)
        rv_fail(err, RV_E_CORRUPT, "the firmware file %.150s is another one now", job->ipsw_path);
    else
        return true;
    return rv_advise(err, RV_ADVICE_FIRMWARE_GONE);
}

static bool find_job(struct rv_run *run, struct rv_job *job, struct rv_error *err)
{
    const char *selector = rv_arg(run->args, "device");
    uint64_t ecid = 0;
    if (selector != NULL && (!rv_text_number(selector, 0, &ecid) || ecid < 0x10000)) {
        /* A name that is no ECID: ask the attached devices whom it means. */
        struct rv_device device;
        RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
        if (fleet == NULL || !rv_fleet_pick(fleet, selector, &device, err))
            return false;
        ecid = device.identity.ecid;
    }
    return rv_job_find(run->ctx, ecid, job, err);
}

static bool run_resume(struct rv_run *run, struct rv_error *err)
{
    struct rv_job job;
    if (!find_job(run, &job, err) || !same_firmware(&job, err))
        return false;
    rv_tell_note(run->ctx, "Going on with the %s begun at %s (last finished step: %s).",
                 job.behavior == RV_BEHAVIOR_UPDATE ? "update" : "erase and install", job.started,
                 job.last_step[0] == '\0' ? "none" : job.last_step);
    struct rv_restore_options options = {
        .behavior = job.behavior,
        .ipsw_path = job.ipsw_path,
        .ticket_path = NULL, /* a ticket is for one boot: a new one is asked for */
        .ecid = job.ecid,
        .consent = job.behavior == RV_BEHAVIOR_ERASE, /* it was given when the job was begun */
    };
    return rv_restore_verb(run, &options, err);
}

const struct rv_command rv_verb_resume = {
    .name = "resume",
    .summary = "Go on with an interrupted update or restore",
    .about =
        "Takes up the job that broke off: an unplugged cable, a stopped program, a failed step. The device is found "
        "by its ECID in whatever mode it is now, and the plan that fits this mode is run with the same firmware "
        "file. In an update the data on the device is kept.",
    .example = "revive resume\n    goes on with the interrupted update of the attached device",
    .flags = RV_COMMAND_LONG | RV_COMMAND_DEVICE,
    .run = run_resume,
};
