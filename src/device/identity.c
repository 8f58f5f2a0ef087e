/* SPDX-License-Identifier: Apache-2.0 */
#include "device/identity.h"

#include "base/text.h"
#include "data/devices.h"
#include "format/iboot_serial.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { UDID_LONG = 40, UDID_NEW = 24, UDID_NEW_HYPHEN = 25, UDID_CHIP = 8 };

static void take(char *to, size_t size, const char *from)
{
    if (from == NULL || from[0] == '\0')
        return;
    snprintf(to, size, "%s", from);
    rv_text_clean(to);
}

void rv_identity_look_up(struct rv_identity *identity)
{
    const struct rv_device_row *row = NULL;
    if (identity->have_chip && identity->have_board)
        row = rv_device_by_chip(identity->chip, identity->board);
    if (row == NULL && identity->product_type[0] != '\0')
        row = rv_device_by_product(identity->product_type,
                                   identity->hardware_model[0] != '\0' ? identity->hardware_model : NULL);
    if (row == NULL)
        return;
    take(identity->product_type, sizeof identity->product_type, row->product);
    take(identity->name, sizeof identity->name, row->name);
    take(identity->hardware_model, sizeof identity->hardware_model, row->board);
    for (char *c = identity->hardware_model; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    if (!identity->have_chip) {
        identity->chip = row->chip;
        identity->have_chip = true;
    }
    if (!identity->have_board && row->board_id >= 0) {
        identity->board = (uint32_t)row->board_id;
        identity->have_board = true;
    }
}

/* The port's controller tells of itself; the phone's chip and board are packed into its board id. */
static void take_port(struct rv_identity *identity, const struct rv_iboot_serial *s)
{
    identity->ecid = 0; /* the controller's own, not the phone's */
    identity->chip = (uint32_t)(s->board >> 8 & 0xFFFF);
    identity->board = (uint32_t)(s->board >> 24 & 0xFF);
    identity->have_chip = identity->have_board = s->have_board;
}

void rv_identity_from_usb(struct rv_identity *identity, enum rv_mode mode, const char *serial)
{
    struct rv_iboot_serial s;
    struct rv_error ignored = { 0 };
    if (mode == RV_MODE_NORMAL || mode == RV_MODE_RESTORE) {
        rv_identity_set_udid(identity, serial);
        return;
    }
    if (!rv_iboot_serial_parse(serial, &s, &ignored))
        return;
    identity->ecid = s.have_ecid ? s.ecid : 0;
    identity->have_chip = s.have_chip;
    identity->chip = s.chip;
    identity->have_board = s.have_board && s.board <= UINT32_MAX;
    identity->board = (uint32_t)s.board;
    identity->domain = s.domain;
    identity->iboot_flags = s.flags;
    take(identity->serial, sizeof identity->serial, s.serial);
    take(identity->rom, sizeof identity->rom, s.rom);
    if (mode == RV_MODE_PORT_DFU)
        take_port(identity, &s);
    rv_identity_look_up(identity);
}

static bool all_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

void rv_identity_set_udid(struct rv_identity *identity, const char *udid)
{
    char plain[UDID_LONG + 1];
    size_t len = strlen(udid);
    if (len == UDID_NEW_HYPHEN && udid[UDID_CHIP] == '-') {
        memcpy(plain, udid, UDID_CHIP);
        memcpy(plain + UDID_CHIP, udid + UDID_CHIP + 1, len - UDID_CHIP); /* with the NUL */
        len = UDID_NEW;
    } else if (len == UDID_NEW || len == UDID_LONG) {
        memcpy(plain, udid, len + 1);
    } else {
        take(identity->udid, sizeof identity->udid, udid); /* strange, but it is a name */
        return;
    }
    if (len == UDID_LONG || !all_hex(plain, len)) {
        take(identity->udid, sizeof identity->udid, udid);
        return;
    }
    uint64_t chip = 0, ecid = 0;
    snprintf(identity->udid, sizeof identity->udid, "%.8s-%s", plain, plain + UDID_CHIP);
    rv_text_number(plain + UDID_CHIP, 16, &ecid);
    plain[UDID_CHIP] = '\0';
    rv_text_number(plain, 16, &chip);
    identity->ecid = ecid;
    if (!identity->have_chip) {
        identity->chip = (uint32_t)chip;
        identity->have_chip = true;
    }
}

void rv_identity_from_values(struct rv_identity *identity, plist_t values)
{
    uint64_t number = 0;
    const char *udid = rv_plist_text(values, "UniqueDeviceID");
    if (udid != NULL)
        rv_identity_set_udid(identity, udid);
    if (rv_plist_uint(values, "UniqueChipID", &number) && number != 0)
        identity->ecid = number;
    if (rv_plist_uint(values, "ChipID", &number) && number <= UINT32_MAX) {
        identity->chip = (uint32_t)number;
        identity->have_chip = true;
    }
    /* lockdown writes BoardId, restored BoardID */
    if ((rv_plist_uint(values, "BoardId", &number) || rv_plist_uint(values, "BoardID", &number)) &&
        number <= UINT32_MAX) {
        identity->board = (uint32_t)number;
        identity->have_board = true;
    }
    take(identity->serial, sizeof identity->serial, rv_plist_text(values, "SerialNumber"));
    take(identity->product_type, sizeof identity->product_type, rv_plist_text(values, "ProductType"));
    take(identity->hardware_model, sizeof identity->hardware_model, rv_plist_text(values, "HardwareModel"));
    take(identity->device_name, sizeof identity->device_name, rv_plist_text(values, "DeviceName"));
    take(identity->version, sizeof identity->version, rv_plist_text(values, "ProductVersion"));
    take(identity->build, sizeof identity->build, rv_plist_text(values, "BuildVersion"));
    rv_identity_look_up(identity);
}

bool rv_identity_is_mac_part(const struct rv_identity *identity)
{
    return identity->have_chip && (identity->chip == 0x8002 || identity->chip == 0x8012);
}

#define MERGE_TEXT(field)                                                                                              \
    do {                                                                                                               \
        if (to->field[0] == '\0')                                                                                      \
            memcpy(to->field, from->field, sizeof to->field);                                                          \
    } while (0)

void rv_identity_merge(struct rv_identity *to, const struct rv_identity *from)
{
    if (to->ecid == 0)
        to->ecid = from->ecid;
    if (!to->have_chip && from->have_chip) {
        to->chip = from->chip;
        to->have_chip = true;
    }
    if (!to->have_board && from->have_board) {
        to->board = from->board;
        to->have_board = true;
    }
    MERGE_TEXT(serial);
    MERGE_TEXT(udid);
    MERGE_TEXT(product_type);
    MERGE_TEXT(hardware_model);
    MERGE_TEXT(name);
    MERGE_TEXT(device_name);
}
