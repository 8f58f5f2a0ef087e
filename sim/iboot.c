/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery mode: iBoot of own storage, iBSS (A10 and later) and iBEC (usb-modes section 4, 11.3).
 * A refused image is refused as a device does it: the command goes through on USB and nothing happens.
 */
#include "sim/model.h"

#include "sim/image4.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMAND_MAX = 255, PLIST_HEAD_MAX = 1 << 16 };
/* Real-device milliseconds (usb-modes section 16). */
enum {
    GO_LEAVE_MS = 1700,
    GO_AWAY_MS = 1900,
    BOOTX_LEAVE_MS = 1200,
    BOOTX_AWAY_MS = 14100,
    PANIC_AWAY_MS = 12000,
    REBOOT_LEAVE_MS = 150,
    REBOOT_NORMAL_MS = 25000,
    REBOOT_RECOVERY_MS = 4000,
};

void sim_iboot_drop_upload_locked(struct sim_device *device)
{
    rv_buf_clear(&device->upload);
    sim_transcript_forget_upload_locked(device);
}

void sim_iboot_clear_locked(struct sim_device *device, bool keep_ticket)
{
    struct rv_blob *ticket = device->iboot.boot.ticket;
    device->iboot = (struct sim_iboot){ 0 };
    if (keep_ticket)
        device->iboot.boot.ticket = ticket;
    else
        rv_blob_free(ticket);
    sim_iboot_drop_upload_locked(device);
}

static bool loaded(const struct sim_device *device, const char *tag)
{
    for (unsigned i = 0; i < device->iboot.loaded_count; i++)
        if (strcmp(device->iboot.loaded[i], tag) == 0)
            return true;
    return false;
}

/* Takes the upload as `tag`. All images of a stage must come with one ticket: iBEC's own, or the first one's. */
static bool take_image(struct sim_device *device, const char *tag, struct rv_span *payload)
{
    struct sim_iboot *iboot = &device->iboot;
    struct rv_blob *ticket = NULL;
    if (!sim_boot_accept_locked(device, tag, rv_buf_span(&device->upload), &ticket, payload))
        return false;
    if (iboot->boot.ticket != NULL && !rv_span_equal(rv_blob_span(iboot->boot.ticket), rv_blob_span(ticket))) {
        sim_record(device, "refused", "%s: its ticket is not the one this stage was booted with", tag);
        rv_blob_free(ticket);
        return false;
    }
    rv_blob_free(iboot->boot.ticket);
    iboot->boot.ticket = ticket;
    if (!loaded(device, tag) && iboot->loaded_count < SIM_LOADED_MAX)
        snprintf(iboot->loaded[iboot->loaded_count++], sizeof iboot->loaded[0], "%.4s", tag);
    return true;
}

/* The type an image says of itself: the four characters after "IM4P". */
static bool own_tag(struct rv_span image, char tag[5])
{
    size_t end = image.len < 64 ? image.len : 64;
    for (size_t at = 0; at + 10 <= end; at++) {
        if (memcmp(image.ptr + at, "IM4P\x16\x04", 6) != 0)
            continue;
        memcpy(tag, image.ptr + at + 6, 4);
        tag[4] = 0;
        return true;
    }
    return false;
}

static bool in_ibec(struct sim_device *device, const char *what)
{
    if (device->stage == SIM_STAGE_IBEC)
        return true;
    sim_record(device, "refused", "%s outside iBEC", what);
    return false;
}

/* ---- commands ---- */

typedef void command_fn(struct sim_device *device, const char *rest);

static void do_getenv(struct sim_device *device, const char *rest)
{
    if (!sim_env_get_locked(device, rest, device->iboot.answer, sizeof device->iboot.answer))
        device->iboot.answer[0] = 0;
}

static void do_setenv(struct sim_device *device, const char *rest)
{
    char name[64];
    const char *space = strchr(rest, ' ');
    size_t len = space != NULL ? (size_t)(space - rest) : strlen(rest);
    if (len == 0 || len >= sizeof name)
        return;
    snprintf(name, sizeof name, "%.*s", (int)len, rest);
    sim_env_set_locked(device, name, space != NULL ? space + 1 : "");
}

static void do_saveenv(struct sim_device *device, const char *rest)
{
    (void)rest;
    sim_env_save_locked(device);
}

static void do_clearenv(struct sim_device *device, const char *rest)
{
    (void)rest;
    plist_free(device->env);
    device->env = plist_new_dict();
}

static void do_reboot(struct sim_device *device, const char *rest)
{
    (void)rest;
    sim_record(device, "reboot", "command");
    sim_life_leave_locked(device, SIM_TO_BOOT, REBOOT_LEAVE_MS,
                          sim_auto_boot_locked(device) ? REBOOT_NORMAL_MS : REBOOT_RECOVERY_MS);
}

static void do_go(struct sim_device *device, const char *rest)
{
    struct rv_span payload;
    struct rv_blob *ticket = NULL;
    (void)rest;
    if (!sim_boot_accept_locked(device, "ibec", rv_buf_span(&device->upload), &ticket, &payload))
        return;
    rv_blob_free(device->iboot.boot.ticket);
    device->iboot.boot.ticket = ticket;
    sim_life_leave_locked(device, SIM_TO_IBEC, GO_LEAVE_MS, GO_AWAY_MS);
}

static void do_firmware(struct sim_device *device, const char *rest)
{
    char tag[5];
    struct rv_span payload;
    (void)rest;
    if (!own_tag(rv_buf_span(&device->upload), tag)) {
        sim_record(device, "refused", "firmware: no image");
        return;
    }
    if (in_ibec(device, "firmware"))
        (void)take_image(device, tag, &payload);
}

/* The invented ramdisk begins with a property list that tells which one it is; a real one is a disk image whose
 * kernel finds out. */
static bool read_ramdisk(struct sim_device *device, struct rv_span payload)
{
    static const char end[] = "</plist>";
    char behavior[32];
    size_t len = payload.len < PLIST_HEAD_MAX ? payload.len : PLIST_HEAD_MAX;
    const uint8_t *tail = memmem(payload.ptr, len, end, sizeof end - 1);
    plist_t dict = NULL;
    if (tail != NULL)
        plist_from_xml((const char *)payload.ptr, (uint32_t)((size_t)(tail - payload.ptr) + sizeof end - 1), &dict);
    struct sim_boot *boot = &device->iboot.boot;
    bool known = dict != NULL && plist_get_node_type(dict) == PLIST_DICT &&
                 sim_dict_text(dict, "RestoreBehavior", behavior, sizeof behavior) &&
                 sim_dict_text(dict, "ProductVersion", boot->version, sizeof boot->version) &&
                 sim_dict_text(dict, "ProductBuildVersion", boot->build, sizeof boot->build);
    plist_free(dict);
    if (known)
        boot->erase = strcmp(behavior, "Erase") == 0;
    sim_record(device, "ramdisk", "%s %s (%s)", known ? behavior : "unknown", known ? boot->version : "",
               known ? boot->build : "");
    return known;
}

static void do_ramdisk(struct sim_device *device, const char *rest)
{
    struct rv_span payload;
    (void)rest;
    if (in_ibec(device, "ramdisk") && take_image(device, "rdsk", &payload))
        device->iboot.ramdisk_known = read_ramdisk(device, payload);
}

static void do_devicetree(struct sim_device *device, const char *rest)
{
    struct rv_span payload;
    (void)rest;
    if (in_ibec(device, "devicetree"))
        (void)take_image(device, "rdtr", &payload);
}

static void do_rsepfirmware(struct sim_device *device, const char *rest)
{
    struct rv_span payload;
    (void)rest;
    if (in_ibec(device, "rsepfirmware"))
        (void)take_image(device, "rsep", &payload);
}

static void do_setpicture(struct sim_device *device, const char *rest)
{
    struct rv_span payload;
    if (device->upload.len == 0)
        sim_record(device, "screen", "picture %s", rest);
    else if (take_image(device, "rlgo", &payload))
        sim_record(device, "screen", "picture %s from the host", rest);
}

static void do_bgcolor(struct sim_device *device, const char *rest)
{
    sim_record(device, "screen", "background %s", rest);
}

static void do_ticket(struct sim_device *device, const char *rest)
{
    (void)rest;
    sim_record(device, "refused", "ticket: this device's images carry their own");
}

/* Older phones fetch the SEP by restored (NORData): idevicerestore 1.0.0, which never sends it here, took an iPhone 6s,
 * 8 and XS Max as far as restored's PersonalizedData on 14 and 15 (its issues 379, 426, 659); that the iPhone 12 wants
 * it is told by its commit 7fd59d5 [I: the A13]. */
static bool wants_rsep(const struct sim_device *device)
{
    enum { A14 = 0x8101 };
    return device->identity.chip >= A14;
}

/* From 12 on the ramdisk runs nothing that its trust cache does not list: iBoot loads it before, where there is one. */
static bool wants_trust_cache(const struct sim_device *device)
{
    uint8_t digest[64];
    return device->iboot.boot.ticket != NULL &&
           sim_ticket_digest(rv_blob_span(device->iboot.boot.ticket), "rtsc", digest, sizeof digest) > 0;
}

static bool is_wanted(const struct sim_device *device, const char *tag)
{
    if (strcmp(tag, "rsep") == 0)
        return wants_rsep(device);
    return strcmp(tag, "rtsc") != 0 || wants_trust_cache(device);
}

static void do_bootx(struct sim_device *device, const char *rest)
{
    static const char *const needed[] = { "rdsk", "rdtr", "rsep", "rtsc" };
    struct rv_span payload;
    (void)rest;
    if (!in_ibec(device, "bootx") || !take_image(device, "rkrn", &payload))
        return;
    bool whole = device->iboot.ramdisk_known;
    for (size_t i = 0; i < RV_COUNT(needed); i++) {
        if (!loaded(device, needed[i]) && is_wanted(device, needed[i])) {
            sim_record(device, "refused", "the kernel finds no %s and panics", needed[i]);
            whole = false;
        }
    }
    sim_life_leave_locked(device, whole ? SIM_TO_RESTORE : SIM_TO_BOOT, BOOTX_LEAVE_MS,
                          whole ? BOOTX_AWAY_MS : PANIC_AWAY_MS);
}

static const struct {
    const char *word;
    command_fn *fn;
} commands[] = {
    { "bgcolor", do_bgcolor },       { "bootx", do_bootx },
    { "clearenv", do_clearenv },     { "clearenvp", do_clearenv },
    { "devicetree", do_devicetree }, { "firmware", do_firmware },
    { "getenv", do_getenv },         { "go", do_go },
    { "ramdisk", do_ramdisk },       { "reboot", do_reboot },
    { "reset", do_reboot },          { "rsepfirmware", do_rsepfirmware },
    { "saveenv", do_saveenv },       { "setenv", do_setenv },
    { "setenvnp", do_setenv },       { "setpicture", do_setpicture },
    { "ticket", do_ticket },
};

/* The fault names a command word; the device stalls it, or leaves before its status stage. */
static bool struck(struct sim_device *device, const char *fault, const char *word)
{
    char value[64];
    char setting[64];
    snprintf(setting, sizeof setting, "fault.%s", fault);
    sim_setting_text_locked(device, setting, "", value, sizeof value);
    size_t len = strcspn(value, " ");
    return len == strlen(word) && strncmp(value, word, len) == 0 && sim_fault_locked(device, fault, NULL, 0);
}

static int run_command(struct sim_device *device, const uint8_t *data, size_t len)
{
    char text[COMMAND_MAX + 1], word[32];
    size_t n = strnlen((const char *)data, len < COMMAND_MAX ? len : COMMAND_MAX);
    memcpy(text, data, n);
    text[n] = 0;
    size_t first = strcspn(text, " ");
    snprintf(word, sizeof word, "%.*s", (int)first, text);
    const char *rest = text[first] == ' ' ? text + first + 1 : "";
    sim_record(device, "command", "%s", text);
    if (struck(device, "stall_command", word))
        return -EPIPE;
    device->iboot.answer[0] = 0;
    for (size_t i = 0; i < RV_COUNT(commands); i++) {
        if (strcmp(commands[i].word, word) == 0) {
            commands[i].fn(device, rest);
            return struck(device, "drop_status", word) ? -EPIPE : (int)len;
        }
    }
    sim_record(device, "command", "unknown: nothing happens");
    return (int)len;
}

static int read_answer(const struct sim_device *device, uint8_t *data, size_t len)
{
    size_t n = strlen(device->iboot.answer) + 1;
    if (n > len)
        n = len;
    memcpy(data, device->iboot.answer, n);
    return (int)n;
}

int sim_iboot_control_locked(struct sim_device *device, const uint8_t setup[8], uint8_t *data, size_t len)
{
    /* Hosts send the leaving verbs with bRequest 1, older ones everything with 0: both are commands. */
    if (setup[0] == 0x40 && setup[1] <= 1 && len > 0)
        return run_command(device, data, len);
    if (setup[0] == 0xC0 && setup[1] == 0)
        return read_answer(device, data, len);
    if (setup[0] == 0x41 && setup[1] == 0) {
        sim_iboot_drop_upload_locked(device);
        device->halted = false;
        return (int)len;
    }
    if (setup[0] == 0x21 && setup[1] == 1)
        return (int)len; /* "end of file" nudge */
    return -EPIPE;
}

int sim_iboot_bulk_out_locked(struct sim_device *device, const uint8_t *data, size_t len)
{
    char size[24];
    struct rv_error err = { 0 };
    uint64_t before = device->upload.len;
    device->idle_since_ms = sim_now_ms();
    if (device->halted)
        return -EPIPE;
    if (len == 0)
        return 0; /* closes a transfer that is a multiple of the packet size */
    if (sim_fault_at_locked(device, "vanish_at", before, before + len)) {
        sim_life_pull_locked(device);
        return -ENODEV;
    }
    if (sim_fault_at_locked(device, "stall_at", before, before + len) ||
        !rv_buf_add(&device->upload, rv_span(data, len), &err)) {
        device->halted = true;
        return -EPIPE;
    }
    snprintf(size, sizeof size, "0x%zx", device->upload.len);
    plist_dict_set_item(device->env, "filesize", plist_new_string(size));
    return (int)len;
}
