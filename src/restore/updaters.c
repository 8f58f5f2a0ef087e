/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures for the device's other chips (docs/firmware.md 4.4). Newer devices send the request ready made; older
 * ones send facts about the chip, and the host puts the request together from them and the manifest.
 */
#include "restore/install.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAVAGE_PREFIX = 16 };

static void put_true(plist_t request, const char *key)
{
    plist_dict_set_item(request, key, plist_new_bool(1));
}

static void put_copy(plist_t request, const char *key, plist_t from, const char *from_key)
{
    plist_t node = from == NULL ? NULL : rv_plist_node(from, from_key);
    if (node != NULL)
        plist_dict_set_item(request, key, plist_copy(node));
}

/* Manifest entries of a family ("SE,"), each without Info and without the digests of the other key set. */
static void put_family(plist_t request, plist_t identity, const char *family, const char *leave_out)
{
    const char **names = NULL;
    size_t count = 0;
    struct rv_error unlisted = { 0 };
    if (!rv_identity_components(identity, &names, &count, &unlisted))
        return;
    for (size_t i = 0; i < count; i++) {
        if (!rv_text_starts(names[i], family))
            continue;
        plist_t entry = plist_copy(rv_identity_component(identity, names[i])), value;
        plist_dict_remove_item(entry, "Info");
        plist_dict_iter iter = NULL;
        plist_dict_new_iter(entry, &iter);
        char *key = NULL;
        plist_t trimmed = plist_new_dict();
        for (plist_dict_next_item(entry, iter, &key, &value); key != NULL;
             free(key), key = NULL, plist_dict_next_item(entry, iter, &key, &value))
            if (leave_out == NULL || !rv_text_starts(key, leave_out))
                plist_dict_set_item(trimmed, key, plist_copy(value));
        free(iter);
        plist_free(entry);
        plist_dict_set_item(request, names[i], trimmed);
    }
    rv_free(names);
}

static const char *se_firmware(plist_t identity, uint64_t chip)
{
    const char *first = chip == 0x20211 ? "SE,Firmware" : "SE,UpdatePayload";
    const char *second = chip == 0x20211 ? "SE,UpdatePayload" : "SE,Firmware";
    return rv_identity_component(identity, first) != NULL ? first : second;
}

static bool request_se(struct rv_install *in, plist_t info, plist_t request, const char **firmware,
                       struct rv_error *err)
{
    (void)err;
    static const char *const keys[] = { "SE,ChipID", "SE,ID", "SE,Nonce", "SE,RootKeyIdentifier" };
    uint64_t chip = 0;
    put_true(request, "@BBTicket");
    put_true(request, "@SE,Ticket");
    for (size_t i = 0; i < RV_COUNT(keys); i++)
        put_copy(request, keys[i], info, keys[i]);
    if (!rv_plist_number(info, "SE,ChipID", &chip))
        rv_plist_number(in->r->identity, "SE,ChipID", &chip);
    put_family(request, in->r->identity, "SE,", rv_plist_bool(info, "SE,IsDev", false) ? "Production" : "Development");
    *firmware = se_firmware(in->r->identity, chip);
    return true;
}

static bool request_savage(struct rv_install *in, plist_t info, plist_t request, const char **firmware,
                           struct rv_error *err)
{
    static const char *const keys[] = { "Savage,UID",       "Savage,ChipID",           "Savage,PatchEpoch",
                                        "Savage,Nonce",     "Savage,AllowOfflineBoot", "Savage,ReadFWKey",
                                        "Savage,ReadECKey", "Savage,ProductionMode" };
    static const struct {
        uint8_t revision;
        const char *prod, *dev;
    } parts[] = { { 0xB0, "Savage,B0-Prod-Patch", "Savage,B0-Dev-Patch" },
                  { 0x20, "Savage,B2-Prod-Patch", "Savage,B2-Dev-Patch" },
                  { 0x30, "Savage,B2-Prod-Patch", "Savage,B2-Dev-Patch" },
                  { 0xA0, "Savage,BA-Prod-Patch", "Savage,BA-Dev-Patch" } };
    put_true(request, "@BBTicket");
    put_true(request, "@Savage,Ticket");
    for (size_t i = 0; i < RV_COUNT(keys); i++)
        put_copy(request, keys[i], info, keys[i]);
    plist_t sep = plist_new_dict();
    put_copy(sep, "Digest", rv_identity_component(in->r->identity, "SEP"), "Digest");
    plist_dict_set_item(request, "SEP", sep);
    struct rv_span revision = rv_plist_data(info, "Savage,Revision");
    bool production = rv_plist_bool(info, "Savage,ProductionMode", true);
    for (size_t i = 0; revision.len > 0 && i < RV_COUNT(parts); i++)
        if ((revision.ptr[0] & 0xF0) == (parts[i].revision & 0xF0))
            *firmware = production ? parts[i].prod : parts[i].dev;
    plist_t entry = *firmware == NULL ? NULL : rv_identity_component(in->r->identity, *firmware);
    if (entry == NULL)
        return rv_fail(err, RV_E_NOT_FOUND, "the firmware has no part for this revision of the Face ID camera");
    plist_t part = plist_copy(entry);
    plist_dict_remove_item(part, "Info");
    plist_dict_set_item(request, *firmware, part);
    return true;
}

static const struct updater {
    const char *name;
    bool (*request)(struct rv_install *in, plist_t info, plist_t request, const char **firmware, struct rv_error *err);
    bool prefix; /* 16 bytes before the file: u32 0, u32 length, 8 zeroes */
} updaters[] = {
    { "SE", request_se, false },
    { "Savage", request_savage, true },
};

static bool put_firmware(struct rv_install *in, plist_t response, const char *component, bool prefix,
                         struct rv_error *err)
{
    pthread_mutex_lock(&in->firmware);
    RV_AUTO(rv_blob) file = rv_ipsw_component(in->r->ipsw, in->r->identity, component, err);
    pthread_mutex_unlock(&in->firmware);
    if (file == NULL)
        return false;
    struct rv_buf out = RV_BUF(file->len + SAVAGE_PREFIX);
    uint8_t head[SAVAGE_PREFIX] = { 0 };
    rv_put_u32le(head + 4, (uint32_t)file->len);
    bool fine =
        (!prefix || rv_buf_add(&out, rv_span(head, sizeof head), err)) && rv_buf_add(&out, rv_blob_span(file), err);
    if (fine)
        plist_dict_set_item(response, "FirmwareData", plist_new_data((const char *)out.data, out.len));
    rv_buf_clear(&out);
    return fine;
}

static bool wants_firmware(plist_t arguments)
{
    plist_t tags = rv_plist_array(rv_plist_dict(arguments, "DeviceGeneratedTags"), "ResponseTags");
    for (uint32_t i = 0; tags != NULL && i < plist_array_get_size(tags); i++) {
        plist_t tag = plist_array_get_item(tags, i);
        if (plist_get_node_type(tag) == PLIST_STRING && strcmp(plist_get_string_ptr(tag, NULL), "FirmwareData") == 0)
            return true;
    }
    return false;
}

plist_t rv_updater_response(struct rv_install *in, plist_t arguments, struct rv_error *err)
{
    const char *name = rv_plist_text(arguments, "MessageArgUpdaterName");
    plist_t info = rv_plist_dict(arguments, "MessageArgInfo");
    plist_t generated = rv_plist_dict(arguments, "DeviceGeneratedRequest");
    if (name == NULL) {
        rv_fail(err, RV_E_PROTOCOL, "the device does not name the updater");
        return NULL;
    }
    const struct updater *known = NULL;
    for (size_t i = 0; i < RV_COUNT(updaters); i++)
        if (strcmp(updaters[i].name, name) == 0)
            known = &updaters[i];
    if (known == NULL && generated == NULL) {
        rv_fail(err, RV_E_UNSUPPORTED, "the chip updater '%.60s' is not known", name);
        return NULL;
    }
    RV_AUTO_PLIST request = plist_new_dict();
    const char *firmware = NULL;
    if (known != NULL && !known->request(in, info, request, &firmware, err))
        return NULL;
    if (generated != NULL)
        plist_dict_merge(&request, generated);
    plist_t response = rv_tss_ask(&in->calm, request, err);
    if (response == NULL) {
        rv_while(err, "asking for the signature of %.60s", name);
        return NULL;
    }
    /* From iOS 18 on the device says whether it wants the file too; before, it always did. */
    bool wanted = firmware != NULL && (generated == NULL || wants_firmware(arguments));
    if (!wanted || put_firmware(in, response, firmware, known->prefix, err))
        return response;
    plist_free(response);
    return NULL;
}
