/* SPDX-License-Identifier: Apache-2.0 */
#include "base/language.h"
#include "base/text.h"
#include "command/firmware_fetch.h"
#include "command/install_job.h"
#include "command/roads.h"
#include "command/verbs.h"

#include <stdio.h>

/* The name that the person has to type: what the device is called, or what it is. */
static void device_name(const struct rv_device *device, char *out, size_t out_size)
{
    const struct rv_identity *id = &device->identity;
    snprintf(out, out_size, "%s", id->device_name[0] ? id->device_name : id->name[0] ? id->name : "erase");
}

bool rv_command_agree_erase(struct rv_run *run, const struct rv_device *device, struct rv_error *err)
{
    char name[128], text[600];
    device_name(device, name, sizeof name);
    snprintf(text, sizeof text,
             _("This ERASES everything on %s: photos, messages, apps, settings. Nothing of it can be brought back "
               "without a backup. If Find My is on, the device asks for its owner's Apple Account afterwards. "
               "`revive update` installs the same system and keeps the data."),
             name);
    struct rv_question question = { "erase-device", text, name };
    return run->ctx->assume_yes || (run->ctx->ask != NULL && run->ctx->ask(run->ctx->ask_context, &question)) ||
           rv_fail(err, RV_E_USAGE, "erasing was not agreed to: nothing was done");
}

static bool consent(struct rv_run *run, struct rv_restore_options *options, struct rv_error *err)
{
    if (options->dry_run)
        return true;
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    struct rv_device device;
    if (fleet == NULL || !rv_restore_find(run->ctx, fleet, options->selector, true, &device, err))
        return false;
    options->consent = rv_command_agree_erase(run, &device, err);
    options->ecid = device.identity.ecid; /* the one that was named, not another that comes meanwhile */
    options->waited = true;
    return options->consent;
}

static bool run_restore(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO_TEXT ipsw = rv_firmware_for_job(run, err);
    if (ipsw == NULL)
        return false;
    struct rv_restore_options options = {
        .behavior = RV_BEHAVIOR_ERASE,
        .ipsw_path = ipsw,
        .ticket_path = rv_arg(run->args, "ticket"),
        .selector = rv_arg(run->args, "device"),
        .dry_run = rv_arg_flag(run->args, "dry-run"),
    };
    return consent(run, &options, err) && rv_restore_verb(run, &options, err);
}

static const struct rv_option restore_options[] = {
    { "dry-run", 0, NULL, "check everything, print the plan, change nothing" },
    { "ipsw", 0, "FILE", "the firmware file to install" },
    { "latest", 0, NULL, "load the newest signed firmware for the device and install it" },
    { "ticket", 0, "FILE", "a signing ticket instead of asking the server" },
    { "version", 0, "VERSION", "load that version or build and install it" },
};

const struct rv_command rv_verb_restore = {
    .name = "restore",
    .summary = "Erase the device and install iOS",
    .about = "Erases everything on the device and installs the system from a firmware file. Try `revive update` first: "
             "it keeps the data. The name of the device has to be typed (or --yes given).",
    .example =
        "revive restore --ipsw iPhone10,6_11.2_15C114_Restore.ipsw\n    asks for the device's name, then erases it",
    .options = restore_options,
    .option_count = RV_COUNT(restore_options),
    .flags = RV_COMMAND_LONG | RV_COMMAND_DEVICE | RV_COMMAND_ERASES,
    .run = run_restore,
};
