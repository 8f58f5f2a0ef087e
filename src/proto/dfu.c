/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DFU class as Apple's SecureROM and iBSS speak it (libirecovery's source; gaster for the states).
 * Requests on endpoint 0, index 0.
 */
#include "proto/dfu.h"

#include <string.h>
#include <zlib.h>

enum {
    TO_INTERFACE = 0x21,
    FROM_INTERFACE = 0xA1,
    DNLOAD = 1,
    GETSTATUS = 3,
    CLRSTATUS = 4,
    GETSTATE = 5,
    ABORT = 6,

    STATE_IDLE = 2,
    STATE_DNLOAD_IDLE = 5,
    STATE_WAIT_RESET = 8,
    STATE_ERROR = 10,

    BLOCK = 0x800,
    SUFFIX = 16,
    TRIES = 3,
    STATUS_READS = 20,
    QUICK_READS = 3, /* the states on the way to the reset move on by being read */
    STATUS_PAUSE_MS = 1000,
    POLL_MAX_MS = 5000, /* what the device asks for is obeyed up to here */
    TIMEOUT_MS = 10000,
};

struct status {
    uint8_t status, state;
    uint32_t poll_ms;
};

static bool get_status(struct rv_usb *usb, struct status *out, struct rv_error *err)
{
    uint8_t raw[6] = { 0 };
    size_t got = 0;
    if (!rv_usb_control(usb, (struct rv_usb_setup){ FROM_INTERFACE, GETSTATUS, 0, 0 }, raw, sizeof raw, TIMEOUT_MS,
                        &got, err))
        return rv_while(err, "asking for the DFU status");
    if (got != sizeof raw)
        return rv_fail(err, RV_E_PROTOCOL, "a DFU status of %zu bytes", got);
    *out = (struct status){ raw[0], raw[4], (uint32_t)(raw[1] | raw[2] << 8 | raw[3] << 16) };
    return true;
}

static bool get_state(struct rv_usb *usb, uint8_t *out, struct rv_error *err)
{
    size_t got = 0;
    if (!rv_usb_control(usb, (struct rv_usb_setup){ FROM_INTERFACE, GETSTATE, 0, 0 }, out, 1, TIMEOUT_MS, &got, err))
        return rv_while(err, "asking for the DFU state");
    return got == 1 || rv_fail(err, RV_E_PROTOCOL, "an empty DFU state");
}

static bool plain(struct rv_usb *usb, uint8_t request, struct rv_error *err)
{
    return rv_usb_control(usb, (struct rv_usb_setup){ TO_INTERFACE, request, 0, 0 }, NULL, 0, TIMEOUT_MS, NULL, err);
}

static bool download(struct rv_usb *usb, uint16_t block, struct rv_span bytes, struct rv_error *err)
{
    uint8_t copy[BLOCK];
    size_t done = 0;
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    if (!rv_usb_control(usb, (struct rv_usb_setup){ TO_INTERFACE, DNLOAD, block, 0 }, copy, (uint16_t)bytes.len,
                        TIMEOUT_MS, &done, err))
        return rv_while(err, "sending DFU block %u", block);
    return done == bytes.len ||
           rv_fail(err, RV_E_PROTOCOL, "the device took %zu of %zu bytes of DFU block %u", done, bytes.len, block);
}

/* Reads the status until it is `wanted`, at the pace that the device asks for. */
static bool await_state(struct rv_usb *usb, uint8_t wanted, struct rv_error *err)
{
    struct rv_ctx *ctx = rv_usb_ctx(usb);
    struct status status = { 0 };
    for (int reads = 0; reads <= STATUS_READS; reads++) {
        if (!get_status(usb, &status, err))
            return false;
        if (status.state == wanted)
            return true;
        if (status.state == STATE_ERROR || status.status != 0)
            return rv_fail(err, RV_E_REFUSED, "the device's DFU is in state %u, status %u", status.state,
                           status.status);
        uint32_t pause = status.poll_ms > 0 ? status.poll_ms : reads < QUICK_READS ? 1 : STATUS_PAUSE_MS;
        if (!rv_clock_pause(&ctx->clock, pause < POLL_MAX_MS ? pause : POLL_MAX_MS, "the device's bwPollTimeout",
                            &ctx->cancel, err))
            return false;
    }
    return rv_fail(err, RV_E_TIMEOUT, "the device's DFU stays in state %u instead of %u", status.state, wanted);
}

static bool make_idle(struct rv_usb *usb, struct rv_error *err)
{
    uint8_t state = 0;
    for (int tries = 0; tries < TRIES; tries++) {
        if (!get_state(usb, &state, err))
            return false;
        if (state == STATE_IDLE)
            return true;
        if (!plain(usb, state == STATE_ERROR ? CLRSTATUS : ABORT, err))
            return rv_while(err, "clearing DFU state %u", state);
    }
    return rv_fail(err, RV_E_PROTOCOL, "the device's DFU does not become idle; it is in state %u", state);
}

/* Bytes FF FF FF FF, vendor 05AC, DFU 1.0, "UFD", length, then a CRC-32 without the final inversion. */
static void make_suffix(struct rv_span image, uint8_t out[SUFFIX])
{
    static const uint8_t head[12] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xAC, 0x05, 0x00, 0x01, 0x55, 0x46, 0x44, 0x10 };
    uLong crc = crc32_z(0, NULL, 0);
    crc = crc32_z(crc, image.ptr, image.len);
    crc = crc32_z(crc, head, sizeof head);
    memcpy(out, head, sizeof head);
    rv_put_u32le(out + sizeof head, ~(uint32_t)crc);
}

/* The last block of the image and the suffix: in one piece where they fit, else in two of the same number. */
static bool send_tail(struct rv_usb *usb, uint16_t block, struct rv_span tail, const uint8_t suffix[SUFFIX],
                      struct rv_error *err)
{
    uint8_t last[BLOCK];
    if (tail.len + SUFFIX > BLOCK)
        return download(usb, block, tail, err) && download(usb, block, rv_span(suffix, SUFFIX), err);
    memcpy(last, tail.ptr, tail.len);
    memcpy(last + tail.len, suffix, SUFFIX);
    return download(usb, block, rv_span(last, tail.len + SUFFIX), err);
}

struct progress {
    rv_sent_fn *sent;
    void *context;
    uint64_t told;
};

static bool send_image(struct rv_usb *usb, struct rv_span image, struct progress *progress, struct rv_error *err)
{
    uint8_t suffix[SUFFIX];
    make_suffix(image, suffix);
    uint16_t block = 0;
    for (size_t at = 0; at < image.len; block++) {
        size_t len = image.len - at < BLOCK ? image.len - at : BLOCK;
        struct rv_span part = rv_span_part(image, at, len);
        bool last = at + len == image.len;
        if (!(last ? send_tail(usb, block, part, suffix, err) : download(usb, block, part, err)) ||
            !await_state(usb, STATE_DNLOAD_IDLE, err))
            return rv_while(err, "after %zu of %zu bytes", at, image.len);
        at += len;
        if (progress->sent != NULL && at > progress->told) {
            progress->told = at;
            progress->sent(progress->context, at, image.len);
        }
    }
    return download(usb, block, rv_span(NULL, 0), err) && await_state(usb, STATE_WAIT_RESET, err);
}

bool rv_dfu_upload(struct rv_usb *usb, struct rv_span image, rv_sent_fn *sent, void *context, struct rv_error *err)
{
    struct progress progress = { .sent = sent, .context = context };
    if (image.len == 0 || image.len > (size_t)BLOCK * UINT16_MAX)
        return rv_fail(err, RV_E_LIMIT, "an image of %zu bytes for DFU", image.len);
    for (int tries = 1;; tries++) {
        if (make_idle(usb, err) && send_image(usb, image, &progress, err)) {
            rv_usb_reset(usb); /* the device leaves DFU on it; what the call returns means nothing */
            return true;
        }
        bool again = err->code == RV_E_REFUSED || err->code == RV_E_TIMEOUT || err->code == RV_E_PROTOCOL;
        if (!again || tries == TRIES)
            return rv_while(err, "sending an image of %zu bytes in DFU mode", image.len);
    }
}
