/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is attached, in which mode. One record per device, keyed by ECID across modes (usb-modes 7.4);
 * UDID, port path and "the only one that changed" are the fallbacks where a mode does not tell the ECID.
 */
#pragma once

#include "base/ctx.h"
#include "transport/mux.h"
#include "transport/usb.h"

enum rv_mode {
    RV_MODE_NONE, /* not attached */
    RV_MODE_NORMAL,
    RV_MODE_RECOVERY, /* iBoot, iBEC, and an iBSS that shows 0x1281 */
    RV_MODE_DFU,      /* SecureROM or old iBSS, 0x1227 (and 0x1222) */
    RV_MODE_RESTORE,  /* ramdisk, restored */
    RV_MODE_PORT_DFU, /* 0xF014 */
    RV_MODE_KIS,      /* 0x1881 */
    RV_MODE_COUNT
};
const char *rv_mode_name(enum rv_mode mode);  /* "recovery": JSON */
const char *rv_mode_words(enum rv_mode mode); /* "Recovery mode": people */

enum { RV_NONCE_MAX = 64, RV_TEXT_SHORT = 64 };

/** What the identity string of DFU/Recovery, or lockdown/restored, told. Missing numbers: have_* false. */
struct rv_identity {
    uint64_t ecid; /* 0: unknown */
    bool have_chip, have_board;
    uint32_t chip, board, domain; /* CPID, BDID, SDOM */
    uint32_t iboot_flags;         /* IBFL */
    uint8_t ap_nonce[RV_NONCE_MAX], sep_nonce[RV_NONCE_MAX];
    size_t ap_nonce_len, sep_nonce_len;
    char serial[RV_TEXT_SHORT]; /* SRNM */
    char udid[RV_TEXT_SHORT];
    char rom[RV_TEXT_SHORT];                           /* SRTG: present only while the SecureROM itself runs */
    char product_type[RV_TEXT_SHORT];                  /* "iPhone10,6" from the table, or lockdown */
    char hardware_model[RV_TEXT_SHORT];                /* "d221ap" lower case */
    char name[RV_TEXT_SHORT];                          /* "iPhone X" */
    char device_name[128];                             /* the person's name for it, Normal mode */
    char version[RV_TEXT_SHORT], build[RV_TEXT_SHORT]; /* Normal mode */
};

struct rv_device {
    enum rv_mode mode;
    struct rv_identity identity;
    struct rv_usb_id usb; /* valid in DFU, Recovery, port DFU, KIS */
    struct rv_mux_id mux; /* valid in Normal and Restore */
    bool denied;          /* on USB, but this user may not open it */
    bool silent;          /* Normal by USB id, but lockdown did not answer (locked early boot, no trust needed) */
};

struct rv_fleet; /* the list of devices, thread safe */

struct rv_fleet *rv_fleet_open(struct rv_ctx *ctx, struct rv_error *err);
void rv_fleet_free(struct rv_fleet *fleet);
RV_DEFINE_AUTO(rv_fleet)
struct rv_ctx *rv_fleet_ctx(struct rv_fleet *fleet);
struct rv_usb_bus *rv_fleet_usb(struct rv_fleet *fleet);

/** Looks at USB and usbmux now. A missing usbmux daemon is not an error: *mux_missing tells. */
bool rv_fleet_scan(struct rv_fleet *fleet, struct rv_device *out, size_t max, size_t *count, bool *mux_missing,
                   struct rv_error *err);

/**
 * The device that a person named (UDID, ECID, serial, index from 1), or the only one (selector NULL).
 * NO_DEVICE none; USAGE several and none named (cause lists them).
 */
bool rv_fleet_pick(struct rv_fleet *fleet, const char *selector, struct rv_device *out, struct rv_error *err);

#define RV_MODE_BIT(mode) (1u << (mode))
/**
 * Waits until the device of that ECID is in one of `modes` (bits; RV_MODE_BIT(RV_MODE_NONE): has left).
 * A re-enumeration into the same mode counts only if its bus address differs from `not_address`
 * (pass the old device to wait for "left and came back", NULL otherwise).
 * TIMEOUT's cause says what was seen instead. timeout_ms 0: as long as the slowest device needs, twice.
 * With ecid 0 the device is followed by UDID or by the USB port of `previous`.
 */
bool rv_fleet_await(struct rv_fleet *fleet, uint64_t ecid, unsigned modes, const struct rv_device *previous,
                    uint32_t timeout_ms, struct rv_device *out, struct rv_error *err);

/** Opens the USB handle of a DFU/Recovery device, configured and with interface 0 claimed; retries as usb-modes 4.1. */
struct rv_usb *rv_device_open_usb(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err);
/** Re-reads the nonces (string 1) into identity. */
bool rv_device_read_nonces(struct rv_usb *usb, struct rv_identity *identity, struct rv_error *err);
