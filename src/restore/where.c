/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the device turned up, against where it was expected. Apple's restore manager makes its numbers 4005 and 4012
 * to 4016 of nothing else, and of an I/O Kit result those around 2000: both can be computed from what USB showed.
 */
#include "restore/internal.h"
#include "restore/patience.h"

enum {
    NOT_BACK = 4005,
    LOOK_MS = 1,
};

int32_t rv_number_of_mode(enum rv_mode found)
{
    static const int32_t numbers[RV_MODE_COUNT] = {
        [RV_MODE_NONE] = NOT_BACK, [RV_MODE_NORMAL] = 4016,   [RV_MODE_RECOVERY] = 4013, [RV_MODE_DFU] = 4014,
        [RV_MODE_RESTORE] = 4015,  [RV_MODE_PORT_DFU] = 4012, [RV_MODE_KIS] = 4012,
    };
    return (unsigned)found < RV_MODE_COUNT ? numbers[found] : 4012;
}

/* kIOReturnNoDevice, kIOReturnTimeout, kIOReturnExclusiveAccess, kIOReturnNotOpen, kIOReturnNotResponding. */
int32_t rv_number_of_usb(enum rv_code code)
{
    switch (code) {
    case RV_E_GONE:
        return 2015;
    case RV_E_TIMEOUT:
        return 2013;
    case RV_E_BUSY:
        return 2012;
    case RV_E_DENIED:
        return 2001;
    case RV_E_PROTOCOL:
        return 2006;
    default:
        return 0;
    }
}

enum rv_mode rv_restore_where(struct rv_restore *r, const struct rv_device *previous, uint32_t within_ms)
{
    struct rv_error unseen = { 0 };
    struct rv_device now;
    bool seen = rv_fleet_await(r->fleet, r->device.identity.ecid, RV_MODES_ALL, previous, within_ms, &now, &unseen);
    return seen ? now.mode : RV_MODE_NONE;
}

bool rv_restore_await(struct rv_restore *r, unsigned wanted, unsigned wrong, uint32_t timeout_ms, struct rv_error *err)
{
    struct rv_device now;
    if (!rv_fleet_await(r->fleet, r->device.identity.ecid, wanted | wrong, &r->device, timeout_ms, &now, err)) {
        if (err->code == RV_E_TIMEOUT) {
            enum rv_mode found = rv_restore_where(r, NULL, LOOK_MS);
            if ((wanted & RV_MODE_BIT(found)) == 0)
                err->apple = rv_number_of_mode(found);
        }
        return false;
    }
    now.identity.ap_nonce_len = now.mode == RV_MODE_RESTORE ? 0 : now.identity.ap_nonce_len;
    r->device = now;
    if ((wanted & RV_MODE_BIT(now.mode)) != 0)
        return true;
    rv_fail(err, RV_E_REFUSED, "the device came back in %s", rv_mode_words(now.mode));
    err->apple = rv_number_of_mode(now.mode);
    return false;
}

void rv_restore_lost(struct rv_restore *r, struct rv_error *err)
{
    enum { CONNECTION_LOST = 9 };
    enum rv_mode found = rv_restore_where(r, &r->device, RV_WAIT_LOST_MS);
    if (found != RV_MODE_NONE) {
        rv_while(err, "the device left the installation and came back in %s", rv_mode_words(found));
        err->apple = rv_number_of_mode(found);
        return;
    }
    /* Still on the bus as it was: only the connection broke. */
    bool stayed = rv_restore_where(r, NULL, LOOK_MS) != RV_MODE_NONE;
    if (!stayed)
        rv_while(err, "the device left the installation and did not come back in any mode");
    err->apple = stayed ? CONNECTION_LOST : NOT_BACK;
}
