/* SPDX-License-Identifier: Apache-2.0 */
#include "device/orders.h"

#include "proto/iboot.h"
#include "proto/lockdown.h"

#include <string.h>

bool rv_device_order_recovery(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err)
{
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(rv_fleet_ctx(fleet), &device->mux, err);
    return (link != NULL && rv_lockdown_enter_recovery(link, err)) ||
           rv_while(err, "asking the device to enter Recovery mode");
}

bool rv_device_order_auto_boot(struct rv_usb *usb, struct rv_error *err)
{
    char value[RV_TEXT_SHORT];
    if (!rv_iboot_command(usb, "setenv auto-boot true", err) || !rv_iboot_command(usb, "saveenv", err))
        return false;
    /* iBoot takes any setenv without a word: only reading back tells (usb-modes section 10). */
    if (!rv_iboot_getenv(usb, "auto-boot", value, sizeof value, err))
        return false;
    return strcmp(value, "true") == 0 ||
           rv_fail(err, RV_E_REFUSED, "iBoot keeps auto-boot at \"%s\" though it was told \"true\"", value);
}

bool rv_device_order_exit(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err)
{
    RV_AUTO(rv_usb) usb = rv_device_open_usb(fleet, device, err);
    return usb != NULL && rv_device_order_auto_boot(usb, err) && rv_iboot_command(usb, "reboot", err);
}
