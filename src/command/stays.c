/* SPDX-License-Identifier: Apache-2.0 */
#include "command/stays.h"

/*
 * A phone in a boot loop shows itself in Normal mode for seconds, dies and tries again, until it gives up in Recovery
 * mode. Another presence in Normal mode alone is no fall: a restarted usbmux service gives each device a new number.
 */
static const unsigned fallen =
    RV_MODE_BIT(RV_MODE_NONE) | RV_MODE_BIT(RV_MODE_RECOVERY) | RV_MODE_BIT(RV_MODE_DFU) | RV_MODE_BIT(RV_MODE_RESTORE);

bool rv_command_stays(struct rv_fleet *fleet, const struct rv_device *now, json_t *result, struct rv_error *err)
{
    struct rv_device there;
    struct rv_error watch_err = { 0 };
    rv_tell_step(rv_fleet_ctx(fleet), "watch-start",
                 "It has started. Watching for a minute whether it stays on: leave the cable in");
    if (!rv_fleet_await(fleet, now->identity.ecid, fallen, now, RV_STAYS_MS, &there, &watch_err)) {
        if (watch_err.code == RV_E_TIMEOUT)
            return true;
        *err = watch_err;
        return false;
    }
    json_object_set_new(result, "now", json_string(rv_mode_name(there.mode)));
    if (there.mode == RV_MODE_NONE)
        rv_fail(err, RV_E_REFUSED,
                "the device started and went away again within a minute: its system does not stay up, or the cable "
                "was pulled");
    else
        rv_fail(err, RV_E_REFUSED,
                "the device started and fell back to %s within a minute: its system does not stay up",
                rv_mode_words(there.mode));
    return rv_advise(err, RV_ADVICE_BACK_IN_RECOVERY);
}
