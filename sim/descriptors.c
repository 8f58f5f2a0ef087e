/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USB descriptors and strings of every mode, as published dumps of an iPhone X show them (usb-modes section 2).
 * Inferred: the content of the DFU functional descriptor, bcdDevice in Normal mode, configuration 2 (audio) in detail.
 */
#include "sim/model.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint8_t config_dfu[] = {
    0x09, 0x02, 0x19, 0x00, 0x01, 0x01, 0x05, 0x80, 0xFA, /* configuration */
    0x09, 0x04, 0x00, 0x00, 0x00, 0xFE, 0x01, 0x00, 0x00, /* DFU, end point 0 only */
    0x07, 0x21, 0x01, 0x0A, 0x00, 0x00, 0x08,             /* functional, transfers of 0x800 */
};

static const uint8_t config_recovery[] = {
    0x09, 0x02, 0x39, 0x00, 0x02, 0x01, 0x05, 0x80, 0xFA, /* configuration */
    0x09, 0x04, 0x00, 0x00, 0x01, 0xFE, 0x01, 0x02, 0x00, /* upload */
    0x07, 0x05, 0x04, 0x02, 0x00, 0x02, 0x00,             /* bulk OUT */
    0x09, 0x04, 0x01, 0x00, 0x00, 0xFF, 0xFF, 0x51, 0x00, /* console, shut */
    0x09, 0x04, 0x01, 0x01, 0x02, 0xFF, 0xFF, 0x51, 0x06, /* console, open */
    0x07, 0x05, 0x81, 0x02, 0x00, 0x02, 0x00,             /* bulk IN */
    0x07, 0x05, 0x02, 0x02, 0x00, 0x02, 0x00,             /* bulk OUT */
};

#define PTP_INTERFACE                                                                                                  \
    0x09, 0x04, 0x00, 0x00, 0x03, 0x06, 0x01, 0x01, 0x0E, 0x07, 0x05, 0x02, 0x02, 0x00, 0x02, 0x00, 0x07, 0x05, 0x81,  \
        0x02, 0x00, 0x02, 0x00, 0x07, 0x05, 0x83, 0x03, 0x40, 0x00, 0x0A
#define MUX_INTERFACE                                                                                                  \
    0x09, 0x04, 0x01, 0x00, 0x02, 0xFF, 0xFE, 0x02, 0x0F, 0x07, 0x05, 0x04, 0x02, 0x00, 0x02, 0x00, 0x07, 0x05, 0x85,  \
        0x02, 0x00, 0x02, 0x00
#define ETHERNET_PIPES 0x07, 0x05, 0x86, 0x02, 0x00, 0x02, 0x00, 0x07, 0x05, 0x05, 0x02, 0x00, 0x02, 0x00

static const uint8_t config_ptp[] = { 0x09, 0x02, 0x27, 0x00, 0x01, 0x01, 0x05, 0xC0, 0xFA, PTP_INTERFACE };

static const uint8_t config_audio[] = {
    0x09, 0x02, 0x95, 0x00, 0x03, 0x02, 0x06, 0xC0, 0xFA,                   /* configuration */
    0x09, 0x04, 0x00, 0x00, 0x00, 0x01, 0x01, 0x00, 0x00,                   /* audio control */
    0x09, 0x24, 0x01, 0x00, 0x01, 0x1E, 0x00, 0x01, 0x01,                   /* header */
    0x0C, 0x24, 0x02, 0x01, 0x01, 0x02, 0x00, 0x02, 0x03, 0x00, 0x00, 0x00, /* input terminal */
    0x09, 0x24, 0x03, 0x02, 0x01, 0x01, 0x00, 0x01, 0x00,                   /* output terminal */
    0x09, 0x04, 0x01, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00,                   /* streaming, shut */
    0x09, 0x04, 0x01, 0x01, 0x01, 0x01, 0x02, 0x00, 0x00,                   /* streaming, open */
    0x07, 0x24, 0x01, 0x02, 0x01, 0x01, 0x00,                               /* general */
    0x23, 0x24, 0x02, 0x01, 0x02, 0x02, 0x10, 0x09,                         /* PCM, nine rates */
    0x40, 0x1F, 0x00, 0x11, 0x2B, 0x00, 0xE0, 0x2E, 0x00, 0x80, 0x3E, 0x00, 0x22, 0x56,
    0x00, 0xC0, 0x5D, 0x00, 0x00, 0x7D, 0x00, 0x44, 0xAC, 0x00, 0x80, 0xBB, 0x00, /* Hz, three bytes each */
    0x09, 0x05, 0x81, 0x01, 0xC0, 0x00, 0x04, 0x00, 0x00,                         /* isochronous IN */
    0x07, 0x25, 0x01, 0x01, 0x00, 0x00, 0x00,                                     /* its class part */
    0x09, 0x04, 0x02, 0x00, 0x01, 0x03, 0x00, 0x00, 0x00,                         /* HID */
    0x09, 0x21, 0x11, 0x01, 0x00, 0x01, 0x22, 0x60, 0x00,                         /* report of 96 bytes */
    0x07, 0x05, 0x83, 0x03, 0x40, 0x00, 0x04,                                     /* interrupt IN */
};

static const uint8_t config_mux[] = {
    0x09, 0x02, 0x3E, 0x00, 0x02, 0x03, 0x07, 0xC0, 0xFA, PTP_INTERFACE, MUX_INTERFACE
};

static const uint8_t config_ethernet[] = {
    0x09,          0x02, 0x75, 0x00, 0x03, 0x04, 0x08, 0xC0, 0xFA, PTP_INTERFACE,
    MUX_INTERFACE, 0x09, 0x04, 0x02, 0x00, 0x00, 0xFF, 0xFD, 0x01, 0x11,           /* "AppleUSBEthernet", shut */
    0x09,          0x04, 0x02, 0x01, 0x02, 0xFF, 0xFD, 0x01, 0x11, ETHERNET_PIPES, /* alternate 1 */
    0x09,          0x04, 0x02, 0x02, 0x02, 0xFF, 0xFD, 0x01, 0x11, ETHERNET_PIPES, /* alternate 2 */
};

_Static_assert(sizeof config_dfu == 25 && sizeof config_recovery == 57, "lengths of the dumps");
_Static_assert(sizeof config_ptp == 39 && sizeof config_audio == 149, "lengths of the dumps");
_Static_assert(sizeof config_mux == 62 && sizeof config_ethernet == 117, "lengths of the dumps");

static const struct rv_span configs_dfu[] = { { config_dfu, sizeof config_dfu } };
static const struct rv_span configs_recovery[] = { { config_recovery, sizeof config_recovery } };
static const struct rv_span configs_system[] = {
    { config_ptp, sizeof config_ptp },
    { config_audio, sizeof config_audio },
    { config_mux, sizeof config_mux },
    { config_ethernet, sizeof config_ethernet },
};

struct mode_row {
    uint16_t product;
    uint8_t manufacturer, name, serial; /* string indexes */
    const struct rv_span *configs;
    uint8_t config_count;
};
static const struct mode_row modes[] = {
    [SIM_OFF] = { 0 },
    [SIM_NORMAL] = { 0x12A8, 1, 2, 3, configs_system, RV_COUNT(configs_system) },
    [SIM_RECOVERY] = { 0x1281, 2, 3, 4, configs_recovery, RV_COUNT(configs_recovery) },
    [SIM_DFU] = { 0x1227, 2, 3, 4, configs_dfu, RV_COUNT(configs_dfu) },
    [SIM_RESTORE] = { 0x12A8, 1, 2, 3, configs_system, RV_COUNT(configs_system) },
};

static size_t put(struct rv_span from, uint8_t *to, size_t room)
{
    size_t len = from.len < room ? from.len : room;
    memcpy(to, from.ptr, len);
    return len;
}

/* The product id tells the family only: iPhone 12A8, iPad 12AB, iPod touch 12AA. */
static uint16_t product_id(const struct sim_device *device, const struct mode_row *row)
{
    if (row->product != 0x12A8)
        return row->product;
    if (rv_text_starts(device->identity.product, "iPad"))
        return 0x12AB;
    return rv_text_starts(device->identity.product, "iPod") ? 0x12AA : 0x12A8;
}

size_t sim_device_descriptor_locked(struct sim_device *device, uint8_t *to, size_t room)
{
    if (!device->shown)
        return 0;
    const struct mode_row *row = &modes[device->mode];
    uint8_t out[18] = { 18, 1, 0x00, 0x02, 0, 0, 0, 64, 0xAC, 0x05 };
    rv_put_u16le(out + 10, product_id(device, row));
    rv_put_u16le(out + 12, device->mode == SIM_NORMAL || device->mode == SIM_RESTORE ? 0x1006 : 0);
    out[14] = row->manufacturer;
    out[15] = row->name;
    out[16] = row->serial;
    out[17] = row->config_count;
    return put(rv_span(out, sizeof out), to, room);
}

size_t sim_config_descriptor_locked(struct sim_device *device, unsigned index, uint8_t *to, size_t room)
{
    if (!device->shown || index >= modes[device->mode].config_count)
        return 0;
    return put(modes[device->mode].configs[index], to, room);
}

/* ---- strings ---- */

static void nonce_string(const struct sim_identity *id, char *out, size_t size)
{
    char ap[2 * SIM_NONCE_MAX + 1], sep[41];
    rv_text_hex(rv_span(id->ap_nonce, id->ap_nonce_len), ap, sizeof ap);
    rv_text_hex(rv_span(id->sep_nonce, sizeof id->sep_nonce), sep, sizeof sep);
    for (char *p = ap; *p != 0; p++)
        if (*p >= 'a')
            *p = (char)(*p - 'a' + 'A');
    for (char *p = sep; *p != 0; p++)
        if (*p >= 'a')
            *p = (char)(*p - 'a' + 'A');
    snprintf(out, size, " NONC:%s SNON:%s", ap, sep);
}

/* IBFL: 0x01 "booted from own storage" in own iBoot [I], 0x20 from A11 on [I]. */
static void identity_string(const struct sim_device *device, char *out, size_t size)
{
    const struct sim_identity *id = &device->identity;
    bool rom = device->stage == SIM_STAGE_ROM;
    bool dfu = device->mode == SIM_DFU;
    unsigned flags = (id->chip >= 0x8015 && !sim_chip_has_short_nonce(id->chip) ? 0x3C : 0x1C) |
                     (device->stage == SIM_STAGE_IBOOT ? 1u : 0u);
    uint64_t ecid = id->ecid ^ (device->strange_ecid ? 0xFF00 : 0);
    /* ROMs up to A11 do not tell the security domain. */
    bool domain = !dfu || id->chip >= 0x8110;
    int at = snprintf(out, size, "%sCPID:%04X CPRV:11 CPFM:03 SCEP:01 BDID:%02X ECID:%016" PRIX64 " IBFL:%02X",
                      domain ? "SDOM:01 " : "", id->chip, id->board, ecid, flags);
    if (at < 0 || (size_t)at >= size)
        return;
    if (rom)
        snprintf(out + at, size - (size_t)at, " SRTG:[%s]", id->rom);
    else if (!dfu)
        snprintf(out + at, size - (size_t)at, " SRNM:[%s]", id->serial);
}

static void boot_string(struct sim_device *device, unsigned index, char *out, size_t size)
{
    switch (index) {
    case 1:
        nonce_string(&device->identity, out, size);
        break;
    case 2:
        snprintf(out, size, "Apple Inc.");
        break;
    case 3:
    case 5:
        snprintf(out, size, "Apple Mobile Device (%s Mode)", device->mode == SIM_DFU ? "DFU" : "Recovery");
        break;
    case 4:
        identity_string(device, out, size);
        break;
    case 6:
        if (device->mode == SIM_RECOVERY)
            snprintf(out, size, "Apple USB Serial Interface");
        break;
    default:
        break;
    }
}

/* A12 and later show 24 characters without the hyphen that programs insert. */
static void serial_of_system(struct sim_device *device, char *out, size_t size)
{
    char text[64];
    sim_setting_text_locked(device, "restore_serial", "", text, sizeof text);
    const char *from = device->mode == SIM_RESTORE && text[0] != 0 ? text : device->identity.udid;
    size_t at = 0;
    for (; *from != 0 && at + 1 < size; from++)
        if (*from != '-')
            out[at++] = *from;
    out[at] = 0;
}

static void system_string(struct sim_device *device, unsigned index, char *out, size_t size)
{
    static const char *const names[] = {
        [1] = "Apple Inc.",
        [5] = "PTP",
        [6] = "iPod USB Interface",
        [7] = "PTP + Apple Mobile Device",
        [8] = "PTP + Apple Mobile Device + Apple USB Ethernet",
        [0x0E] = "PTP",
        [0x0F] = "Apple USB Multiplexor",
        [0x11] = "AppleUSBEthernet",
    };
    if (index == 2)
        snprintf(out, size, "%.*s", (int)strcspn(device->identity.product, "0123456789"), device->identity.product);
    else if (index == 3)
        serial_of_system(device, out, size);
    else if (index < RV_COUNT(names) && names[index] != NULL)
        snprintf(out, size, "%s", names[index]);
}

size_t sim_string_descriptor_locked(struct sim_device *device, unsigned index, uint8_t *to, size_t room)
{
    static const uint8_t languages[] = { 4, 3, 0x09, 0x04 };
    char text[256] = "";
    uint8_t out[256] = { 0, 3 };
    if (index == 0)
        return put(rv_span(languages, sizeof languages), to, room);
    if (device->mode == SIM_DFU || device->mode == SIM_RECOVERY)
        boot_string(device, index, text, sizeof text);
    else
        system_string(device, index, text, sizeof text);
    size_t len = strnlen(text, 126); /* what fills the one-byte length */
    if (len == 0)
        return 0;
    for (size_t i = 0; i < len; i++)
        out[2 + 2 * i] = (uint8_t)text[i];
    out[0] = (uint8_t)(2 + 2 * len);
    return put(rv_span(out, out[0]), to, room);
}
