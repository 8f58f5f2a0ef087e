/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery mode to Restore mode (docs/restore.md 1.4 and 1.5, docs/usb-modes.md 4.7; the order is idevicerestore's):
 * ticket, iBEC, then what the kernel of the ramdisk needs, then `bootx`.
 */
#include "restore/internal.h"
#include "restore/patience.h"

#include "proto/dfu.h"
#include "proto/iboot.h"

#include <string.h>

enum {
    RAMDISK_PAUSE_MS = 2000,
    REFUSED_BY_IBOOT_MS = 3000, /* back sooner than this: iBoot refused an image (idevicerestore 415, 725) */
};

/* ---- sending ---- */

struct upload {
    struct rv_restore *r;
    const char *component;
};

static void tell_sent(void *context, uint64_t sent, uint64_t total)
{
    const struct upload *u = context;
    rv_restore_progress(u->r, sent, total, "bytes", u->component);
}

static bool has_component(const struct rv_restore *r, const char *component)
{
    return rv_identity_component(r->identity, component) != NULL;
}

/* Personalises a component, uploads it to the load address and gives the command that takes it from there. */
static bool send_component(struct rv_restore *r, const char *component, const char *command, struct rv_error *err)
{
    RV_AUTO(rv_blob) image = rv_personalise(r->ipsw, r->identity, component, r->ticket, err);
    if (image == NULL)
        return rv_while(err, "signing %s", component);
    struct rv_usb *usb = rv_restore_usb(r, err);
    if (usb == NULL)
        return rv_while(err, "opening the device in Recovery mode");
    struct upload u = { r, component };
    if (!rv_iboot_upload(usb, rv_blob_span(image), tell_sent, &u, err))
        return rv_while(err, "sending %s (%zu bytes)", component, image->len);
    rv_log(r->ctx->log, RV_LOG_DEBUG, "restore", "sent %s, %zu bytes", component, image->len);
    return command == NULL || rv_iboot_command(usb, command, err) || rv_while(err, "giving the command '%s'", command);
}

/* Reads the nonce that the present stage shows now. */
static bool refresh_nonce(struct rv_restore *r, struct rv_error *err)
{
    struct rv_usb *usb = rv_restore_usb(r, err);
    return (usb != NULL && rv_device_read_nonces(usb, &r->device.identity, err)) ||
           rv_while(err, "reading the device's one-time number");
}

static bool nonce_is_signed(const struct rv_restore *r)
{
    const struct rv_identity *id = &r->device.identity;
    /* Both: a phone shows the ApNonce of Normal mode once more in Recovery mode, with a SepNonce that is new, and
     * RestoreSEP is refused with the old one. */
    return r->ticket != NULL && id->ap_nonce_len == r->signed_nonce_len &&
           memcmp(id->ap_nonce, r->signed_nonce, r->signed_nonce_len) == 0 &&
           id->sep_nonce_len == r->signed_sep_nonce_len &&
           memcmp(id->sep_nonce, r->signed_sep_nonce, r->signed_sep_nonce_len) == 0;
}

/* ---- ticket ---- */

static bool verify_ticket(struct rv_restore *r, const struct rv_target *target, struct rv_error *err)
{
    enum rv_trust trust;
    if (!rv_guard_ticket(r->ctx, r->ticket, r->identity, target, &trust, err)) {
        rv_while(err, "checking the signing ticket before anything is sent");
        err->advice = r->options->ticket_path != NULL ? RV_ADVICE_BAD_TICKET : RV_ADVICE_STRANGER_TICKET;
        return false;
    }
    r->result->not_apple = trust == RV_TRUST_EXTRA;
    if (r->result->not_apple)
        rv_tell_note(r->ctx, "The signature is not Apple's: it comes from the extra root of REVIVE_TRUST_ROOT.");
    return true;
}

bool rv_restore_sign(struct rv_restore *r, struct rv_error *err)
{
    struct rv_target target;
    rv_restore_target(r, &target);
    rv_ticket_free(r->ticket);
    r->ticket = r->options->ticket_path != NULL ? rv_ticket_load(r->options->ticket_path, err)
                                                : rv_ticket_fetch(r->ctx, r->ipsw, r->identity, &target, err);
    if (r->ticket == NULL)
        return rv_while(err, r->options->ticket_path != NULL ? "reading the signing ticket"
                                                             : "asking for the signature of this firmware");
    if (!verify_ticket(r, &target, err))
        return false;
    r->signed_nonce_len = r->device.identity.ap_nonce_len;
    memcpy(r->signed_nonce, r->device.identity.ap_nonce, r->signed_nonce_len);
    r->signed_sep_nonce_len = r->device.identity.sep_nonce_len;
    memcpy(r->signed_sep_nonce, r->device.identity.sep_nonce, r->signed_sep_nonce_len);
    struct rv_error unwritten = { 0 };
    if (r->journal != NULL && rv_journal_begun(r->journal) &&
        !rv_journal_ticket(r->journal, rv_ticket_im4m(r->ticket), r->result->not_apple, &unwritten))
        rv_tell_warning(r->ctx, "The signing ticket could not be kept: %s", unwritten.text[0]);
    return true;
}

bool rv_step_sign(struct rv_restore *r, struct rv_error *err)
{
    if (!refresh_nonce(r, err))
        return false;
    return nonce_is_signed(r) || rv_restore_sign(r, err);
}

/* ---- stages ---- */

/* On no bus at all: a cable that was pulled, not an image that was refused. */
static bool vanished(struct rv_restore *r)
{
    struct rv_device seen[RV_USB_DEVICES_MAX];
    struct rv_error ignored;
    size_t count = 0;
    bool mux_missing = false;
    if (!rv_fleet_scan(r->fleet, seen, RV_COUNT(seen), &count, &mux_missing, &ignored))
        return false;
    for (size_t i = 0; i < count; i++)
        if (seen[i].identity.ecid == r->device.identity.ecid || strcmp(seen[i].usb.port, r->device.usb.port) == 0)
            return false;
    return true;
}

static bool back_in(struct rv_restore *r, unsigned modes, struct rv_error *err)
{
    rv_restore_usb_close(r);
    if (rv_restore_await(r, modes, RV_MODES_ALL & ~modes, RV_WAIT_LEAVE_MS + RV_WAIT_RETURN_MS, err))
        return true;
    if (err->code == RV_E_TIMEOUT && vanished(r)) {
        err->code = RV_E_GONE;
        rv_advise(err, RV_ADVICE_REPLUG);
    }
    return false;
}

/* A new stage may have drawn a new nonce: then the ticket is no longer good (docs/usb-modes.md 7.3). */
static bool sign_again_if_needed(struct rv_restore *r, struct rv_error *err)
{
    if (!refresh_nonce(r, err))
        return false;
    if (nonce_is_signed(r))
        return true;
    rv_tell_note(r->ctx, "The device drew a new one-time number: asking for the signature again.");
    return rv_restore_sign(r, err) || rv_while(err, "signing again for the device's new one-time number");
}

bool rv_step_send_ibss(struct rv_restore *r, struct rv_error *err)
{
    RV_AUTO(rv_blob) image = rv_personalise(r->ipsw, r->identity, "iBSS", r->ticket, err);
    if (image == NULL)
        return rv_while(err, "signing iBSS");
    struct rv_usb *usb = rv_restore_usb(r, err);
    struct upload u = { r, "iBSS" };
    if (usb == NULL || !rv_dfu_upload(usb, rv_blob_span(image), tell_sent, &u, err))
        return rv_while(err, "sending iBSS (%zu bytes)", image->len);
    r->touched = true; /* it has jumped, or comes back: neither is the program that ran before */
    if (!back_in(r, RV_MODE_BIT(RV_MODE_DFU) | RV_MODE_BIT(RV_MODE_RECOVERY), err)) {
        rv_while(err, "waiting for the device to start iBSS");
        return rv_advise(err, RV_ADVICE_REPLUG);
    }
    if (r->device.mode == RV_MODE_DFU && r->device.identity.rom[0] != '\0') {
        rv_fail(err, RV_E_REFUSED, "the device did not start iBSS: its ROM refused the image");
        err->apple = rv_number_of_mode(RV_MODE_DFU);
        return rv_advise(err, RV_ADVICE_IMAGE_REFUSED);
    }
    return sign_again_if_needed(r, err);
}

static bool send_ibec_to_dfu(struct rv_restore *r, struct rv_error *err)
{
    RV_AUTO(rv_blob) image = rv_personalise(r->ipsw, r->identity, "iBEC", r->ticket, err);
    if (image == NULL)
        return rv_while(err, "signing iBEC");
    struct rv_usb *usb = rv_restore_usb(r, err);
    struct upload u = { r, "iBEC" };
    return (usb != NULL && rv_dfu_upload(usb, rv_blob_span(image), tell_sent, &u, err)) ||
           rv_while(err, "sending iBEC (%zu bytes)", image->len);
}

static bool send_ibec_to_recovery(struct rv_restore *r, struct rv_error *err)
{
    if (!send_component(r, "iBEC", "go", err))
        return false;
    rv_iboot_end_of_file(r->usb);
    return true;
}

static bool start_ibec(struct rv_restore *r, struct rv_error *err)
{
    bool dfu = r->device.mode == RV_MODE_DFU;
    if (!rv_guard_identity(r->identity, r->options->behavior, err))
        return false;
    if (!(dfu ? send_ibec_to_dfu(r, err) : send_ibec_to_recovery(r, err)))
        return false;
    r->touched = true;
    if (!back_in(r, RV_MODE_BIT(RV_MODE_RECOVERY), err)) {
        if (err->code == RV_E_TIMEOUT)
            err->code = RV_E_REFUSED;
        if (err->code == RV_E_REFUSED)
            rv_advise(err, RV_ADVICE_IMAGE_REFUSED);
        return rv_while(err, "waiting for the device to start the new start-up software (iBEC)");
    }
    return true;
}

/*
 * All images of one boot carry the ticket that iBEC was started with (restored compares it, docs/restore.md 2.5,
 * 0x060B). A device that draws a new nonce while iBEC starts therefore gets iBEC once more, with the new ticket.
 */
bool rv_step_send_ibec(struct rv_restore *r, struct rv_error *err)
{
    enum { STARTS_MAX = 3 };
    for (unsigned i = 0; i < STARTS_MAX; i++) {
        if (!start_ibec(r, err) || !refresh_nonce(r, err))
            return false;
        if (nonce_is_signed(r))
            return true;
        if (!sign_again_if_needed(r, err))
            return false;
    }
    rv_fail(err, RV_E_REFUSED, "the device drew a new one-time number at each of %d starts", STARTS_MAX);
    return rv_advise(err, RV_ADVICE_NONCE_CHANGED);
}

/* ---- in iBEC ---- */

bool rv_step_prepare(struct rv_restore *r, struct rv_error *err)
{
    static const char *const names[] = { "build-version", "build-style", "boot-stage", "radio-error" };
    struct rv_usb *usb = rv_restore_usb(r, err);
    if (usb == NULL)
        return false;
    for (size_t i = 0; i < RV_COUNT(names); i++) {
        char value[256];
        if (!rv_iboot_getenv(usb, names[i], value, sizeof value, err))
            return rv_while(err, "asking for %s", names[i]);
        rv_log(r->ctx->log, RV_LOG_INFO, "restore", "iBoot's %s is '%s'", names[i], value);
        if (strcmp(names[i], "boot-stage") == 0 && value[0] != '\0' && strcmp(value, "2") != 0) {
            rv_fail(err, RV_E_REFUSED, "the device is in boot stage %.20s instead of 2: it did not take iBEC", value);
            return rv_advise(err, RV_ADVICE_IMAGE_REFUSED);
        }
    }
    return (rv_iboot_command(usb, "setenv auto-boot false", err) && rv_iboot_command(usb, "saveenv", err)) ||
           rv_while(err, "telling the device to stay in Recovery mode");
}

bool rv_step_send_logo(struct rv_restore *r, struct rv_error *err)
{
    if (!has_component(r, "RestoreLogo"))
        return true;
    return send_component(r, "RestoreLogo", "setpicture 4", err) && rv_iboot_command(r->usb, "bgcolor 0 0 0", err);
}

bool rv_step_send_firmware(struct rv_restore *r, struct rv_error *err)
{
    const char **names = NULL;
    size_t count = 0;
    if (!rv_identity_components(r->identity, &names, &count, err))
        return false;
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++)
        if (rv_component_flag(r->identity, names[i], "IsLoadedByiBoot") &&
            !rv_component_flag(r->identity, names[i], "IsLoadedByiBootStage1"))
            fine = send_component(r, names[i], "firmware", err);
    rv_free(names);
    return fine;
}

bool rv_step_send_ramdisk(struct rv_restore *r, struct rv_error *err)
{
    char ignored[64]; /* both are only asked because the reference client asks them */
    /* The ramdisk decides whether data is kept: the last moment to be sure which one this is. */
    if (!rv_guard_identity(r->identity, r->options->behavior, err))
        return false;
    struct rv_usb *usb = rv_restore_usb(r, err);
    if (usb == NULL || !rv_iboot_getenv(usb, "ramdisk-size", ignored, sizeof ignored, err) ||
        !send_component(r, "RestoreRamDisk", NULL, err))
        return false;
    return rv_iboot_getenv(r->usb, "ramdisk-delay", ignored, sizeof ignored, err) &&
           rv_iboot_command(r->usb, "ramdisk", err) &&
           rv_clock_pause(&r->ctx->clock, RAMDISK_PAUSE_MS, "iBoot unpacks the ramdisk and answers nothing meanwhile",
                          &r->ctx->cancel, err);
}

bool rv_step_send_device_tree(struct rv_restore *r, struct rv_error *err)
{
    return send_component(r, "RestoreDeviceTree", "devicetree", err);
}

bool rv_step_send_sep(struct rv_restore *r, struct rv_error *err)
{
    return !has_component(r, "RestoreSEP") || send_component(r, "RestoreSEP", "rsepfirmware", err);
}

/* From the command `bootx` on the device is on its own; whether it took it shows in what it does next. */
bool rv_step_boot_kernel(struct rv_restore *r, struct rv_error *err)
{
    if (!send_component(r, "RestoreKernelCache", NULL, err))
        return false;
    rv_iboot_end_of_file(r->usb);
    if (rv_ipsw_version(r->ipsw)->build_major >= 8 &&
        !rv_iboot_command(r->usb, "setenv boot-args rd=md0 nand-enable-reformat=1 -progress", err))
        return rv_while(err, "giving the kernel its settings");
    if (!rv_iboot_command(r->usb, "bootx", err))
        return rv_while(err, "starting the restore software");
    rv_restore_usb_close(r);
    struct rv_device now;
    unsigned away = RV_MODE_BIT(RV_MODE_NONE) | RV_MODE_BIT(RV_MODE_RESTORE) | RV_MODE_BIT(RV_MODE_RECOVERY);
    if (!rv_fleet_await(r->fleet, r->device.identity.ecid, away, &r->device, RV_WAIT_BOOTX_MS, &now, err)) {
        rv_advise(err, RV_ADVICE_IMAGE_REFUSED);
        return rv_while(err, "waiting for the device to start the restore software");
    }
    return true;
}

/* How long it took tells who refused (docs/restore.md 1.5). */
static bool came_back(struct rv_restore *r, uint64_t real_ms, struct rv_error *err)
{
    const char *where = rv_mode_words(r->device.mode);
    if (real_ms < REFUSED_BY_IBOOT_MS) {
        rv_fail(err, RV_E_REFUSED, "the device was back in %s after %.1f s: it refused one of the images", where,
                (double)real_ms / 1000);
        rv_advise(err, RV_ADVICE_IMAGE_REFUSED);
    } else {
        rv_fail(err, RV_E_REFUSED, "the device was back in %s after %.0f s: the restore software started and stopped",
                where, (double)real_ms / 1000);
        rv_advise(err, RV_ADVICE_KERNEL_DIED);
    }
    err->apple = rv_number_of_mode(r->device.mode);
    return false;
}

bool rv_step_await_restore(struct rv_restore *r, struct rv_error *err)
{
    uint64_t left_at = rv_clock_now(&r->ctx->clock);
    double scale = r->ctx->clock.scale > 0 ? r->ctx->clock.scale : 1;
    /* All modes are wanted here: how long it took says more than that it was the wrong one. */
    if (!rv_restore_await(r, RV_MODES_ALL, 0, RV_WAIT_RESTORE_MS, err)) {
        rv_while(err, "waiting for the device in Restore mode; if its screen shows a progress bar, look at the usbmux "
                      "service of this computer");
        return rv_advise(err, RV_ADVICE_REPLUG_RESTORE);
    }
    uint64_t took = (uint64_t)((double)(rv_clock_now(&r->ctx->clock) - left_at) / scale);
    rv_log(r->ctx->log, RV_LOG_INFO, "restore", "in %s after %llu ms", rv_mode_name(r->device.mode),
           (unsigned long long)took);
    return r->device.mode == RV_MODE_RESTORE || came_back(r, took, err);
}

/* ---- the way back ---- */

bool rv_restore_undo(struct rv_restore *r, struct rv_error *err)
{
    struct rv_device now;
    rv_restore_usb_close(r);
    /* The person asked to stop: this short piece of work has to run all the same. */
    int asked = atomic_exchange(&r->ctx->cancel.asked, 0);
    bool fine = rv_fleet_await(r->fleet, r->device.identity.ecid, RV_MODE_BIT(RV_MODE_RECOVERY), NULL,
                               RV_WAIT_LEAVE_MS / 4, &now, err);
    if (fine) {
        r->device = now;
        struct rv_usb *usb = rv_restore_usb(r, err);
        fine = usb != NULL && rv_iboot_command(usb, "setenv auto-boot true", err) &&
               rv_iboot_command(usb, "saveenv", err) && rv_iboot_command(usb, "reset", err);
        rv_restore_usb_close(r);
    }
    atomic_fetch_add(&r->ctx->cancel.asked, asked);
    return fine || rv_while(err, "letting the device start as before");
}
