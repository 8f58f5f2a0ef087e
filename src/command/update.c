/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "command/firmware_fetch.h"
#include "command/install_job.h"
#include "command/verbs.h"

static bool run_update(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO_TEXT ipsw = rv_firmware_for_job(run, err);
    if (ipsw == NULL)
        return false;
    struct rv_restore_options options = {
        .behavior = RV_BEHAVIOR_UPDATE,
        .ipsw_path = ipsw,
        .ticket_path = rv_arg(run->args, "ticket"),
        .selector = rv_arg(run->args, "device"),
        .dry_run = rv_arg_flag(run->args, "dry-run"),
    };
    return rv_restore_verb(run, &options, err);
}

static const struct rv_option update_options[] = {
    { "dry-run", 0, NULL, "check everything, print the plan, change nothing" },
    { "ipsw", 0, "FILE", "the firmware file to install" },
    { "latest", 0, NULL, "load the newest signed firmware for the device and install it" },
    { "ticket", 0, "FILE", "a signing ticket instead of asking the server" },
    { "version", 0, "VERSION", "load that version or build and install it" },
};

const struct rv_command rv_verb_update = {
    .name = "update",
    .summary = "Install iOS again or newer, keeping the data",
    .about =
        "Installs the system from a firmware file over the present one. Settings, apps and files on the device stay. "
        "Works from Recovery mode, DFU mode and from a running device. Before anything is sent, the file, the "
        "signature and the device are checked; what is at stake (newest backup, battery, cable) is said first. "
        "If it is interrupted, `revive resume` goes on. revive never erases when an update was asked for.",
    .example = "revive update --ipsw iPhone10,6_11.2_15C114_Restore.ipsw\n"
               "    brings a phone stuck in Recovery mode back, data kept",
    .options = update_options,
    .option_count = RV_COUNT(update_options),
    .flags = RV_COMMAND_LONG | RV_COMMAND_DEVICE,
    .run = run_update,
};
