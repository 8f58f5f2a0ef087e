/* SPDX-License-Identifier: Apache-2.0 */
/* The DFU state machine of SecureROM, and of the iBSS of A7 to A9 (usb-modes section 5, 11.3). */
#include "sim/model.h"

#include <errno.h>
#include <string.h>

enum { DNLOAD = 1, GETSTATUS = 3, CLRSTATUS = 4, GETSTATE = 5, ABORT = 6 };
enum { DFU_BLOCK = 0x800, DFU_SUFFIX = 16, DFU_IMAGE_CAP = 4 << 20, ERR_STALLED = 0x0F };
enum { DFU_LEAVE_MS = 100, DFU_AWAY_MS = 1750 }; /* [I] */

static int fail(struct sim_device *device, const char *why)
{
    device->dfu.state = DFU_ERROR;
    device->dfu.status = ERR_STALLED;
    sim_record(device, "dfu", "error: %s", why);
    return -EPIPE;
}

static int download(struct sim_device *device, const uint8_t *data, size_t len)
{
    struct sim_dfu *dfu = &device->dfu;
    struct rv_error err = { 0 };
    /* DNLOAD-SYNC too: the last block and the suffix come without a GETSTATUS in between. */
    if (dfu->state != DFU_IDLE && dfu->state != DFU_DNLOAD_SYNC && dfu->state != DFU_DNLOAD_IDLE)
        return fail(device, "DNLOAD out of turn");
    if (len > DFU_BLOCK)
        return fail(device, "a block of more than 2048 bytes");
    if (len == 0) {
        dfu->state = DFU_MANIFEST_SYNC;
        sim_record(device, "dfu", "download ends, %zu bytes", device->upload.len);
        return 0;
    }
    if (dfu->state == DFU_IDLE)
        rv_buf_clear(&device->upload);
    uint64_t before = device->upload.len;
    if (sim_fault_at_locked(device, "vanish_at", before, before + len)) {
        sim_life_pull_locked(device);
        return -ENODEV;
    }
    if (sim_fault_at_locked(device, "stall_at", before, before + len))
        return fail(device, "ordered");
    if (before + len > DFU_IMAGE_CAP || !rv_buf_add(&device->upload, rv_span(data, len), &err))
        return fail(device, "an image larger than the memory of this stage");
    dfu->state = DFU_DNLOAD_SYNC;
    return (int)len;
}

static int status(struct sim_device *device, uint8_t *data, size_t len)
{
    struct sim_dfu *dfu = &device->dfu;
    if (dfu->state == DFU_DNLOAD_SYNC)
        dfu->state = DFU_DNLOAD_IDLE;
    uint8_t out[6] = { dfu->status, 0, 0, 0, dfu->state, 0 };
    /* Each reading moves the end of a download one step on. */
    if (dfu->state == DFU_MANIFEST_SYNC || dfu->state == DFU_MANIFEST)
        dfu->state++;
    size_t n = len < sizeof out ? len : sizeof out;
    memcpy(data, out, n);
    return (int)n;
}

static int to_idle(struct sim_device *device)
{
    device->dfu = (struct sim_dfu){ .state = DFU_IDLE };
    sim_iboot_drop_upload_locked(device);
    return 0;
}

int sim_dfu_control_locked(struct sim_device *device, const uint8_t setup[8], uint8_t *data, size_t len)
{
    if (setup[0] == 0x21 && setup[1] == DNLOAD)
        return download(device, data, len);
    if (setup[0] == 0xA1 && setup[1] == GETSTATUS)
        return status(device, data, len);
    if (setup[0] == 0xA1 && setup[1] == GETSTATE && len >= 1) {
        data[0] = device->dfu.state;
        return 1;
    }
    if (setup[0] == 0x21 && (setup[1] == CLRSTATUS || setup[1] == ABORT))
        return to_idle(device);
    /* Vendor requests, UPLOAD on a stock ROM, anything else. */
    return -EPIPE;
}

void sim_dfu_bus_reset_locked(struct sim_device *device)
{
    if (device->dfu.state != DFU_WAIT_RESET) {
        (void)to_idle(device);
        return;
    }
    bool rom = device->stage == SIM_STAGE_ROM;
    const char *tag = rom ? "ibss" : "ibec";
    struct rv_span payload;
    struct rv_blob *ticket = NULL;
    size_t len = device->upload.len > DFU_SUFFIX ? device->upload.len - DFU_SUFFIX : 0;
    bool good = sim_boot_accept_locked(device, tag, rv_span(device->upload.data, len), &ticket, &payload);
    if (good && !rom) {
        rv_blob_free(device->iboot.boot.ticket);
        device->iboot.boot.ticket = ticket;
        ticket = NULL;
    }
    rv_blob_free(ticket);
    (void)to_idle(device);
    /* A refused image does not say so: the ROM simply starts again. */
    sim_life_leave_locked(device, !good ? SIM_TO_ROM : rom ? SIM_TO_IBSS : SIM_TO_IBEC, DFU_LEAVE_MS, DFU_AWAY_MS);
}
