/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of iBoot's Recovery mode as libirecovery's source has them; all with index 0. */
#include "proto/iboot.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum {
    VENDOR_OUT = 0x40,
    VENDOR_IN = 0xC0,
    VENDOR_INTERFACE_OUT = 0x41,
    CLASS_INTERFACE_OUT = 0x21,
    COMMAND_MAX = 255,
    REPLY_MAX = 255,
    TIMEOUT_MS = 10000,
    NUDGE_TIMEOUT_MS = 5000,
    UPLOAD_ENDPOINT = 0x04,
    /* iBoot sees packets of 512 bytes and the short one that ends them, not how the host cuts its transfers:
     * libirecovery's 0x8000 and this are the same on the wire, but for the pauses between two transfers. */
    UPLOAD_CHUNK = 0x100000,
    PACKET = 512,
    UPLOAD_TRIES = 2,
};

static bool is_word(const char *command, const char *word)
{
    size_t len = strlen(word);
    return strncmp(command, word, len) == 0 && (command[len] == '\0' || command[len] == ' ');
}

/* Verbs after which this stage is gone: they travel with bRequest 1 (libirecovery since 1.1). */
static bool leaves(const char *command)
{
    static const char *const verbs[] = { "go", "bootx", "reboot", "memboot", "reset" };
    for (size_t i = 0; i < RV_COUNT(verbs); i++)
        if (is_word(command, verbs[i]))
            return true;
    return false;
}

/* Commands that may be said twice with no harm, should the first one have timed out. */
static bool may_repeat(const char *command)
{
    return is_word(command, "getenv") || is_word(command, "setenv") || is_word(command, "saveenv");
}

static bool say(struct rv_usb *usb, const char *command, uint8_t request, struct rv_error *err)
{
    char bytes[COMMAND_MAX + 1];
    size_t len = strlen(command) + 1;
    memcpy(bytes, command, len);
    return rv_usb_control(usb, (struct rv_usb_setup){ VENDOR_OUT, request, 0, 0 }, bytes, (uint16_t)len, TIMEOUT_MS,
                          NULL, err);
}

bool rv_iboot_command(struct rv_usb *usb, const char *command, struct rv_error *err)
{
    if (strlen(command) > COMMAND_MAX)
        return rv_fail(err, RV_E_LIMIT, "a command of %zu bytes for iBoot", strlen(command));
    if (leaves(command)) {
        /* Stall, timeout, vanished: all usual, the device drops off the bus in the middle (usb-modes 4.6a). */
        if (say(usb, command, 1, err) || err->code != RV_E_CANCELLED)
            return true;
        return false;
    }
    bool ok = say(usb, command, 0, err);
    if (!ok && err->code == RV_E_TIMEOUT && may_repeat(command))
        ok = say(usb, command, 0, err);
    return ok || rv_while(err, "telling iBoot \"%.60s\"", command);
}

bool rv_iboot_getenv(struct rv_usb *usb, const char *name, char *out, size_t out_size, struct rv_error *err)
{
    char command[COMMAND_MAX + 1], reply[REPLY_MAX + 1] = { 0 };
    size_t got = 0;
    out[0] = '\0';
    int n = snprintf(command, sizeof command, "getenv %s", name);
    if (n < 0 || (size_t)n >= sizeof command)
        return rv_fail(err, RV_E_LIMIT, "a variable name of %zu bytes", strlen(name));
    if (!rv_iboot_command(usb, command, err))
        return err->code == RV_E_REFUSED; /* iBoot stalls on names that it does not know */
    if (!rv_usb_control(usb, (struct rv_usb_setup){ VENDOR_IN, 0, 0, 0 }, reply, REPLY_MAX, TIMEOUT_MS, &got, err))
        return err->code == RV_E_REFUSED || rv_while(err, "reading iBoot's %s", name);
    reply[got] = '\0';
    rv_text_clean(reply);
    snprintf(out, out_size, "%s", reply);
    return true;
}

struct progress {
    rv_sent_fn *sent;
    void *context;
    uint64_t told; /* a second try does not count backwards */
};

static void tell(struct progress *progress, uint64_t at, uint64_t total)
{
    if (progress->sent == NULL || at <= progress->told)
        return;
    progress->told = at;
    progress->sent(progress->context, at, total);
}

static bool upload_once(struct rv_usb *usb, struct rv_span bytes, struct progress *progress, struct rv_error *err)
{
    /* Resets the device's count of received bytes. */
    if (!rv_usb_control(usb, (struct rv_usb_setup){ VENDOR_INTERFACE_OUT, 0, 0, 0 }, NULL, 0, TIMEOUT_MS, NULL, err))
        return rv_while(err, "announcing an upload");
    size_t at = 0;
    while (at < bytes.len) {
        size_t len = bytes.len - at < UPLOAD_CHUNK ? bytes.len - at : UPLOAD_CHUNK;
        if (!rv_usb_bulk_out(usb, UPLOAD_ENDPOINT, rv_span_part(bytes, at, len), TIMEOUT_MS, NULL, err))
            return rv_while(err, "after %zu of %zu bytes", at, bytes.len);
        at += len;
        tell(progress, at, bytes.len);
    }
    if (bytes.len % PACKET == 0 && !rv_usb_bulk_out(usb, UPLOAD_ENDPOINT, rv_span(NULL, 0), TIMEOUT_MS, NULL, err))
        return rv_while(err, "closing an upload of %zu bytes", bytes.len);
    return true;
}

bool rv_iboot_upload(struct rv_usb *usb, struct rv_span bytes, rv_sent_fn *sent, void *context, struct rv_error *err)
{
    struct progress progress = { .sent = sent, .context = context };
    for (int tries = 1;; tries++) {
        if (upload_once(usb, bytes, &progress, err))
            return true;
        bool again = err->code == RV_E_REFUSED || err->code == RV_E_TIMEOUT || err->code == RV_E_PROTOCOL;
        struct rv_error ignored = { 0 };
        if (again)
            rv_usb_clear_halt(usb, UPLOAD_ENDPOINT, &ignored);
        if (!again || tries == UPLOAD_TRIES)
            return rv_while(err, "uploading %zu bytes to iBoot", bytes.len);
    }
}

void rv_iboot_end_of_file(struct rv_usb *usb)
{
    struct rv_error ignored = { 0 };
    rv_usb_control(usb, (struct rv_usb_setup){ CLASS_INTERFACE_OUT, 1, 0, 0 }, NULL, 0, NUDGE_TIMEOUT_MS, NULL,
                   &ignored);
}
