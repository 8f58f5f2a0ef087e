/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "base/text.h"
#include "device/identity.h"
#include "format/iboot_serial.h"

static void ends(const char *text, size_t room)
{
    assert(memchr(text, '\0', room) != NULL);
    for (const char *c = text; *c != '\0'; c++)
        assert((unsigned char)*c >= 0x20 && *c != 0x7F);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1);
    struct rv_error err = { 0 };
    struct rv_iboot_serial serial;
    struct rv_iboot_nonces nonces;
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    if (rv_iboot_serial_parse(text, &serial, &err)) {
        ends(serial.serial, sizeof serial.serial);
        ends(serial.imei, sizeof serial.imei);
        ends(serial.rom, sizeof serial.rom);
        ends(serial.pwned, sizeof serial.pwned);
    } else {
        fuzz_failed(&err);
    }
    if (rv_iboot_nonces_parse(text, &nonces, &err))
        assert(nonces.ap_len > 0 && nonces.ap_len <= RV_IBOOT_NONCE && nonces.sep_len <= RV_IBOOT_NONCE);
    for (int mode = 0; mode < RV_MODE_COUNT; mode++) {
        struct rv_identity identity = { 0 };
        rv_identity_from_usb(&identity, (enum rv_mode)mode, text);
        ends(identity.udid, sizeof identity.udid);
        ends(identity.serial, sizeof identity.serial);
    }
    free(text);
    return 0;
}
