/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modem and coprocessors: which ones a model has, what restored tells of them, and whether the tickets that come back
 * are theirs. Keys as public hosts read them (firmware notes 4.3, 4.4); chip numbers are those of manifests, the
 * other values are invented.
 */
#include "base/text.h"
#include "sim/image4.h"
#include "sim/restored_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zip.h>

/* ---- what a model has ---- */

struct chips {
    const char *product;
    uint32_t modem, certificate;
    uint32_t secure_element;
    const char *updaters; /* names as FirmwareUpdaterData uses them */
};
static const struct chips models[] = {
    { "iPhone10,3", 0x3B0E1, 3840149528u, 0x73, "SE Savage" },
    { "iPhone10,6", 0x65, 3840149528u, 0x73, "SE Savage" },
    { "iPhone12,1", 0x68, 524245983u, 0xC8, "SE Savage Rose T200" }, /* modem: log of an 18.3 run */
    { "iPhone13,2", 0xE50E1, 3840149528u, 0xD2, "SE Yonkers Rose T200" },
    { "iPhone9,3", 0x60, 3840149528u, 0, "" },
    { NULL, 0x3B0E1, 3840149528u, 0x73, "SE Savage" }, /* any other */
};

static const struct chips *chips_of(const struct restored *r)
{
    const struct chips *row = models;
    while (row->product != NULL && strcmp(row->product, r->identity.product) != 0)
        row++;
    return row;
}

/* The setting takes them away ("updaters" = "SE", or "none"). */
bool restored_has_chip(const struct restored *r, const char *updater)
{
    char list[64] = "";
    if (!sim_setting(r->device, "updaters", list, sizeof list) || list[0] == '\0')
        snprintf(list, sizeof list, "%s", chips_of(r)->updaters);
    return strstr(list, updater) != NULL;
}

/* ---- modem ---- */

static plist_t baseband_arguments(struct restored *r, bool nonce)
{
    uint8_t serial[12], number[20];
    for (size_t i = 0; i < sizeof serial; i++)
        serial[i] = (uint8_t)(r->identity.ecid >> (8 * (i % 8))) ^ (uint8_t)(0x5A + i);
    for (size_t i = 0; i < sizeof number; i++)
        number[i] = (uint8_t)(r->identity.ap_nonce[i % 20] ^ 0xA5);
    plist_t arguments = plist_new_dict();
    plist_dict_set_item(arguments, "ChipID", plist_new_uint(chips_of(r)->modem));
    plist_dict_set_item(arguments, "CertID", plist_new_uint(chips_of(r)->certificate));
    plist_dict_set_item(arguments, "ChipSerialNo", plist_new_data((const char *)serial, sizeof serial));
    if (nonce)
        plist_dict_set_item(arguments, "Nonce", plist_new_data((const char *)number, sizeof number));
    return arguments;
}

static bool zip_holds(zip_t *zip, const char *name)
{
    return zip_name_locate(zip, name, ZIP_FL_NOCASE) >= 0;
}

/* The first answer, to a request without a nonce, holds the first loader only; the ticket comes with the second. */
static bool check_baseband_zip(struct restored *r, struct rv_span bytes, bool with_ticket, struct rv_error *err)
{
    zip_error_t zip_err;
    zip_error_init(&zip_err);
    zip_source_t *source = bytes.len > 0 ? zip_source_buffer_create(bytes.ptr, bytes.len, 0, &zip_err) : NULL;
    zip_t *zip = source != NULL ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &zip_err) : NULL;
    zip_error_fini(&zip_err);
    if (zip == NULL) {
        zip_source_free(source);
        return rv_fail(err, RV_E_FORMAT, "BasebandData (%zu bytes) is no archive", bytes.len);
    }
    bool ticket = zip_holds(zip, "bbticket.der") || zip_holds(zip, "ebl.fls");
    bool loader = zip_holds(zip, "psi_ram.bin") || zip_holds(zip, "psi_ram.fls") || zip_holds(zip, "restorepsi.bin") ||
                  zip_holds(zip, "dbl.mbn") || zip_holds(zip, "sbl1.mbn");
    sim_record(r->device, "baseband", "%" PRId64 " members, ticket %s", zip_get_num_entries(zip, 0),
               ticket ? "there" : "missing");
    zip_discard(zip);
    if (!ticket && with_ticket)
        return rv_fail(err, RV_E_PROTOCOL, "no ticket in BasebandData");
    return loader || rv_fail(err, RV_E_PROTOCOL, "no first loader in BasebandData");
}

static bool send_baseband_status(struct restored *r, bool accepted, bool done, struct rv_error *err)
{
    plist_t output = plist_new_dict();
    plist_dict_set_item(output, "done", plist_new_bool(done));
    plist_t message = plist_new_dict();
    plist_dict_set_item(message, "MsgType", plist_new_string("BBUpdateStatusMsg"));
    plist_dict_set_item(message, "Accepted", plist_new_bool(accepted));
    plist_dict_set_item(message, "Output", output);
    return restored_send(r, message, err);
}

bool restored_baseband(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    for (int round = 0; round < 2; round++) {
        plist_t answer = restored_fetch(r, step->what, baseband_arguments(r, round > 0), err);
        if (answer == NULL)
            return false;
        bool good = check_baseband_zip(r, sim_plist_data(answer, "BasebandData"), round > 0, err);
        plist_free(answer);
        struct rv_error ignored = { 0 };
        if (!good)
            (void)send_baseband_status(r, false, true, &ignored);
        if (!good || !send_baseband_status(r, true, round > 0, err))
            return rv_while(err, "failed to update baseband");
    }
    return true;
}

/* ---- coprocessors ---- */

static plist_t bytes_node(struct restored *r, uint8_t first, size_t len)
{
    uint8_t bytes[64];
    for (size_t i = 0; i < len && i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(first + 7 * i + r->identity.ecid);
    return plist_new_data((const char *)bytes, len);
}

/* Keys as public hosts read them for these chips (firmware notes 4.4); values invented, chip ids of the manifest. */
static plist_t updater_info(struct restored *r, const char *name)
{
    plist_t info = plist_new_dict();
    if (strcmp(name, "SE") == 0) {
        plist_dict_set_item(info, "SE,ChipID", plist_new_uint(chips_of(r)->secure_element));
        plist_dict_set_item(info, "SE,ID", bytes_node(r, 1, 24));
        plist_dict_set_item(info, "SE,IsDev", plist_new_bool(0));
        plist_dict_set_item(info, "SE,Nonce", bytes_node(r, 2, 20));
        plist_dict_set_item(info, "SE,RootKeyIdentifier", bytes_node(r, 3, 32));
        return info;
    }
    plist_dict_set_item(info, "Savage,ChipID", plist_new_uint(1));
    plist_dict_set_item(info, "Savage,PatchEpoch", plist_new_uint(0));
    plist_dict_set_item(info, "Savage,UID", bytes_node(r, 4, 16));
    plist_dict_set_item(info, "Savage,Nonce", bytes_node(r, 5, 20));
    plist_dict_set_item(info, "Savage,AllowOfflineBoot", plist_new_bool(0));
    plist_dict_set_item(info, "Savage,ProductionMode", plist_new_bool(1));
    plist_dict_set_item(info, "Savage,ReadFWKey", plist_new_bool(0));
    plist_dict_set_item(info, "Savage,ReadECKey", plist_new_bool(0));
    plist_dict_set_item(info, "Savage,Revision", plist_new_data("\x30", 1)); /* B2 */
    return info;
}

bool restored_updater(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    if (!restored_has_chip(r, step->what))
        return true;
    plist_t arguments = plist_new_dict();
    plist_dict_set_item(arguments, "MessageArgType", plist_new_string("FirmwareResponseData"));
    plist_dict_set_item(arguments, "MessageArgUpdaterName", plist_new_string(step->what));
    plist_dict_set_item(arguments, "MessageArgInfo", updater_info(r, step->what));
    plist_t answer = restored_fetch(r, "FirmwareUpdaterData", arguments, err);
    if (answer == NULL)
        return false;
    plist_t data = plist_dict_get_item(answer, "FirmwareResponseData");
    char ticket_key[32];
    snprintf(ticket_key, sizeof ticket_key, "%s,Ticket", step->what);
    bool dict = data != NULL && plist_get_node_type(data) == PLIST_DICT;
    bool ticket = dict && (sim_plist_data(data, ticket_key).len > 0 ||
                           (strcmp(step->what, "SE") == 0 && sim_plist_data(data, "SE2,Ticket").len > 0));
    bool firmware = dict && sim_plist_data(data, "FirmwareData").len > 0;
    plist_free(answer);
    if (!ticket)
        return rv_fail(err, RV_E_PROTOCOL, "_update_generic_firmware: no ticket for %s", step->what);
    return firmware || rv_fail(err, RV_E_PROTOCOL, "_update_generic_firmware: no firmware for %s", step->what);
}
