/* SPDX-License-Identifier: Apache-2.0 */
#include "command/trusted.h"

#include "command/device_json.h"

enum { TRUST_WAIT_MS = 120000 };

static bool check_mode(const struct rv_device *device, struct rv_error *err)
{
    if (device->mode == RV_MODE_NORMAL && device->mux.handle != 0)
        return true;
    if (device->mode == RV_MODE_NORMAL) {
        rv_fail(err, RV_E_GONE, "the device is on USB, but the usbmux service does not list it");
        return rv_advise(err, RV_ADVICE_NO_MUX);
    }
    rv_fail(err, RV_E_UNSUPPORTED, "the device is in %s; only its running system can tell that",
            rv_mode_words(device->mode));
    return device->mode == RV_MODE_DFU ? rv_advise(err, RV_ADVICE_LEAVE_DFU) : false;
}

struct rv_lockdown *rv_command_trusted(struct rv_run *run, struct rv_device *device, struct rv_error *err)
{
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    if (fleet == NULL || !rv_command_pick(fleet, rv_arg(run->args, "device"), run->result, device, err) ||
        !check_mode(device, err))
        return NULL;
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(run->ctx, &device->mux, err);
    if (link == NULL || !rv_lockdown_pair(link, TRUST_WAIT_MS, err))
        return NULL;
    return rv_steal(&link);
}
