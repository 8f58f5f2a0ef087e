/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity strings that SecureROM, iBSS, iBEC and iBoot show over USB. Key: certain (c), inferred (i),
 * unknown (u); sources: libirecovery's source and published dumps, gathered in docs/usb-modes.
 *
 *   iSerial: KEY:value, blanks between, numbers bare hex, texts in [ ]; at most 126 characters
 *     CPID c chip · CPRV c revision · CPFM c fuses · SCEP c epoch · BDID c board, 64 bit in port DFU
 *     ECID c · IBFL c flags (bits 0 and 5 u) · SDOM c security domain · SIKA u · PREV u · SYSI u
 *     SRNM c serial · IMEI c · SRTG c ROM build, only while the ROM itself runs · PWND c not stock
 *   string 1: " NONC:<hex>" and on SEP devices " SNON:<hex>", with a leading blank
 */
#pragma once

#include "base/bytes.h"

enum { RV_IBOOT_TEXT = 64, RV_IBOOT_NONCE = 64 };

struct rv_iboot_serial {
    bool have_chip, have_board, have_ecid;
    uint32_t chip, revision, fuses, epoch, domain, flags;
    uint64_t board, ecid;
    char serial[RV_IBOOT_TEXT], imei[RV_IBOOT_TEXT], rom[RV_IBOOT_TEXT], pwned[RV_IBOOT_TEXT];
};

/** A missing or unreadable key is "unknown"; FORMAT when not one known key is there. Texts are cleaned. */
bool rv_iboot_serial_parse(const char *text, struct rv_iboot_serial *out, struct rv_error *err);

struct rv_iboot_nonces {
    uint8_t ap[RV_IBOOT_NONCE], sep[RV_IBOOT_NONCE];
    size_t ap_len, sep_len; /* 0: not told, as on devices without a SEP */
};
/** FORMAT when there is no NONC or one of the two is no hex of at most 64 bytes. */
bool rv_iboot_nonces_parse(const char *text, struct rv_iboot_nonces *out, struct rv_error *err);
