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
        plist_t arguments = baseband_arguments(r, round > 0);
        plist_t answer = r->generation->async ? restored_fetch_on_port(r, step->what, arguments, err)
                                              : restored_fetch(r, step->what, arguments, err);
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

enum value_kind { NUMBER, YES, NO, BYTES, ECID_NUMBER, CHIP_NUMBER };
struct value {
    const char *name; /* behind the prefix */
    enum value_kind kind;
    uint64_t number;  /* or how many invented bytes */
    bool of_identity; /* the build identity states it: a generated request leaves it to the host */
};

struct updater {
    const char *name, *ticket, *prefix;
    bool plain_info; /* MessageArgInfo has no prefix */
    const struct value *values;
    size_t value_count;
    const char *files[3]; /* asked for before, from 16 on */
};

enum { NONCE_LEN = 20, REVISION_B2 = 0x30 };
static const struct value se_values[] = {
    { "ChipID", CHIP_NUMBER, 0, true },
    { "ID", BYTES, 24, false },
    { "IsDev", NO, 0, false },
    { "Nonce", BYTES, NONCE_LEN, false },
    { "RootKeyIdentifier", BYTES, 32, false },
};
static const struct value savage_values[] = {
    { "ChipID", NUMBER, 1, true },        { "PatchEpoch", NUMBER, 0, true },    { "UID", BYTES, 16, false },
    { "Nonce", BYTES, NONCE_LEN, false }, { "AllowOfflineBoot", NO, 0, false }, { "ProductionMode", YES, 0, false },
    { "ReadFWKey", NO, 0, false },        { "ReadECKey", NO, 0, false },        { "Revision", BYTES, 1, false },
};
static const struct value yonkers_values[] = {
    { "BoardID", NUMBER, 0, true },         { "ChipID", NUMBER, 0x414, true },    { "PatchEpoch", NUMBER, 0, true },
    { "ECID", ECID_NUMBER, 0, false },      { "Nonce", BYTES, NONCE_LEN, false }, { "AllowOfflineBoot", NO, 0, false },
    { "ProductionMode", YES, 0, false },    { "ReadFWKey", NO, 0, false },        { "ReadECKey", NO, 0, false },
    { "FabRevision", NUMBER, 6657, false },
};
static const struct value rose_values[] = {
    { "BoardID", NUMBER, 264, true },  { "ChipID", NUMBER, 8198, true },        { "SecurityDomain", NUMBER, 1, true },
    { "ECID", ECID_NUMBER, 0, false }, { "Nonce", BYTES, 32, false },           { "ProductionMode", YES, 0, false },
    { "SecurityMode", YES, 0, false }, { "FdrRootCaDigest", BYTES, 32, false },
};
static const struct value t200_values[] = {
    { "BoardID", NUMBER, 5715, true },   { "ChipID", NUMBER, 57601, true }, { "Nonce", BYTES, NONCE_LEN, false },
    { "ProductionMode", YES, 0, false }, { "UniqueID", BYTES, 16, false },
};
static const struct value wireless_values[] = {
    { "ECID", ECID_NUMBER, 0, false },
    { "Nonce", BYTES, 32, false },
    { "ProductionMode", YES, 0, false },
};

#define VALUES(list) .values = (list), .value_count = RV_COUNT(list)
static const struct updater updaters[] = {
    { "Centauri", "Wireless1,Ticket", "Wireless1", false, VALUES(wireless_values), .files = { NULL } },
    { "JasmineIR1", "JasmineIR1,Ticket", "JasmineIR1", false, VALUES(wireless_values), .files = { NULL } },
    { "Rose", "Rap,Ticket", "Rap", false, VALUES(rose_values), .files = { "Rap,SoftwareBinaryDsp1", NULL } },
    { "SE", "SE,Ticket", "SE", false, VALUES(se_values), .files = { "SE,UpdatePayload", NULL } },
    { "Savage", "Savage,Ticket", "Savage", false, VALUES(savage_values),
      .files = { "Savage,BA-Prod-Patch", "Savage,BE-Prod-Patch", NULL } },
    { "T200", "BMU,Ticket", "BMU", true, VALUES(t200_values), .files = { "BMU,FirmwareMap", NULL } },
    { "Yonkers", "Yonkers,Ticket", "Yonkers", false, VALUES(yonkers_values),
      .files = { "Yonkers,SysTopPatch1", NULL } },
};

static const struct updater *updater_named(const char *name)
{
    const struct updater *row = updaters;
    while (strcmp(row->name, name) != 0)
        row++;
    return row;
}

static void chip_bytes(const struct restored *r, const struct updater *u, const struct value *v, uint8_t out[64])
{
    uint8_t first = (uint8_t)(u - updaters) * 16 + (uint8_t)(v - u->values);
    for (size_t i = 0; i < v->number && i < 64; i++)
        out[i] = (uint8_t)(first + 7 * i + r->identity.ecid);
    if (strcmp(v->name, "Revision") == 0)
        out[0] = REVISION_B2;
}

static plist_t value_node(const struct restored *r, const struct updater *u, const struct value *v)
{
    uint8_t bytes[64];
    switch (v->kind) {
    case NUMBER:
        return plist_new_uint(v->number);
    case CHIP_NUMBER:
        return plist_new_uint(chips_of(r)->secure_element);
    case ECID_NUMBER:
        return plist_new_uint(r->identity.ecid ^ 0x5A5A0000);
    case YES:
    case NO:
        return plist_new_bool(v->kind == YES);
    case BYTES:
        break;
    }
    chip_bytes(r, u, v, bytes);
    return plist_new_data((const char *)bytes, v->number);
}

static plist_t updater_info(const struct restored *r, const struct updater *u)
{
    char key[64];
    plist_t info = plist_new_dict();
    for (size_t i = 0; i < u->value_count; i++) {
        if (u->plain_info && u->values[i].of_identity && strcmp(u->values[i].name, "BoardID") == 0)
            continue; /* only the identity has it */
        snprintf(key, sizeof key, "%s%s%s", u->plain_info ? "" : u->prefix, u->plain_info ? "" : ",",
                 u->values[i].name);
        plist_dict_set_item(info, key, value_node(r, u, &u->values[i]));
    }
    return info;
}

/* What the device would have signed: the host sends it on and adds only what the tags name. */
static plist_t generated_request(const struct restored *r, const struct updater *u)
{
    char key[64];
    plist_t request = plist_new_dict();
    snprintf(key, sizeof key, "@%s", u->ticket);
    plist_dict_set_item(request, key, plist_new_bool(1));
    plist_dict_set_item(request, "@BBTicket", plist_new_bool(1));
    for (size_t i = 0; i < u->value_count; i++) {
        snprintf(key, sizeof key, "%s,%s", u->prefix, u->values[i].name);
        if (!u->values[i].of_identity)
            plist_dict_set_item(request, key, value_node(r, u, &u->values[i]));
    }
    for (size_t i = 0; u->files[i] != NULL; i++) {
        plist_t entry = r->manifest != NULL ? plist_dict_get_item(r->manifest, u->files[i]) : NULL;
        plist_t part = entry != NULL ? plist_copy(entry) : plist_new_dict();
        plist_dict_remove_item(part, "Info");
        plist_dict_set_item(request, u->files[i], part);
    }
    return request;
}

static plist_t updater_arguments(const struct restored *r, const struct updater *u)
{
    const char *tags[8];
    char names[8][64];
    size_t count = 0;
    plist_t arguments = plist_new_dict();
    plist_dict_set_item(arguments, "MessageArgType", plist_new_string("FirmwareResponseData"));
    plist_dict_set_item(arguments, "MessageArgUpdaterName", plist_new_string(u->name));
    plist_dict_set_item(arguments, "MessageArgInfo",
                        r->generation->device_generated ? plist_new_dict() : updater_info(r, u));
    if (!r->generation->device_generated)
        return arguments;
    for (size_t i = 0; i < u->value_count && count < RV_COUNT(tags); i++) {
        if (!u->values[i].of_identity)
            continue;
        snprintf(names[count], sizeof names[count], "%s,%s", u->prefix, u->values[i].name);
        tags[count] = names[count];
        count++;
    }
    plist_dict_set_item(arguments, "DeviceGeneratedRequest", generated_request(r, u));
    plist_dict_set_item(arguments, "DeviceGeneratedTags", restored_generated_tags(u->ticket, tags, count));
    return arguments;
}

static bool check_response(struct restored *r, const struct updater *u, plist_t data, struct rv_error *err)
{
    const struct value *nonce = u->values;
    uint8_t bytes[64];
    char why[160] = "";
    while (strcmp(nonce->name, "Nonce") != 0)
        nonce++;
    chip_bytes(r, u, nonce, bytes);
    struct rv_span ticket = PLIST_IS_DICT(data) ? sim_plist_data(data, u->ticket) : rv_span(NULL, 0);
    if (ticket.len == 0)
        return rv_fail(err, RV_E_PROTOCOL, "_update_generic_firmware: no ticket for %s", u->name);
    if (!sim_peripheral_ticket_accept(ticket, sim_trust_root(r->device), u->ticket, rv_span(bytes, nonce->number), why,
                                      sizeof why)) {
        sim_record(r->device, "refused", "%s: %s", u->ticket, why);
        return rv_fail(err, RV_E_REFUSED, "_update_generic_firmware: the ticket of %s is not valid: %s", u->name, why);
    }
    if (r->generation->device_generated)
        return true; /* the files came before */
    plist_t firmware = plist_dict_get_item(data, "FirmwareData");
    return PLIST_IS_DICT(firmware) || sim_plist_data(data, "FirmwareData").len > 0 ||
           rv_fail(err, RV_E_PROTOCOL, "_update_generic_firmware: no firmware for %s", u->name);
}

static bool fetch_files(struct restored *r, const struct updater *u, struct rv_error *err)
{
    if (!r->generation->identity_dict || u->files[0] == NULL)
        return true;
    if (!restored_fetch_identity(r, err))
        return false;
    for (size_t i = 0; u->files[i] != NULL; i++) {
        struct restored_file file;
        if (!restored_fetch_file(r, u->files[i], &file, err) || !restored_file_matches(r, u->files[i], &file, err))
            return false;
    }
    return true;
}

bool restored_updater(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    const struct updater *u = updater_named(step->what);
    if (!fetch_files(r, u, err) || (r->generation->receipts && !restored_fetch_receipt(r, err)))
        return rv_while(err, "failed to update %s", u->name);
    plist_t answer = restored_fetch(r, "FirmwareUpdaterData", updater_arguments(r, u), err);
    bool good = answer != NULL && check_response(r, u, plist_dict_get_item(answer, "FirmwareResponseData"), err);
    plist_free(answer);
    return good || rv_while(err, "failed to update %s", u->name);
}
