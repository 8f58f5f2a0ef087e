/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests' host answers to each request of restored. */
#include "restore_inside.h"

#include "base/text.h"
#include "sim/aea.h"
#include "sim/tss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- answers ---- */

static void put_image(struct host *host, plist_t answer, const char *key, const char *component)
{
    struct rv_blob *image = host_personalised(host, component);
    if (image != NULL)
        plist_dict_set_item(answer, key, plist_new_data((const char *)image->data, image->len));
    rv_blob_free(image);
}

static bool asks_for(plist_t arguments, const char *key)
{
    uint8_t yes = 0;
    if (PLIST_IS_BOOLEAN(host_child(arguments, key)))
        plist_get_bool_val(host_child(arguments, key), &yes);
    return yes;
}

static void append_nor(struct host *host, plist_t images, const char *component)
{
    if (strcmp(component, "LLB") == 0 || strcmp(component, "iBoot") == 0)
        return;
    struct rv_blob *image = host_personalised(host, component);
    plist_t bytes = image != NULL ? plist_new_data((const char *)image->data, image->len) : NULL;
    if (bytes != NULL && PLIST_IS_DICT(images))
        plist_dict_set_item(images, component, bytes);
    else if (bytes != NULL)
        plist_array_append_item(images, bytes);
    rv_blob_free(image);
}

static plist_t answer_nor(struct host *host, plist_t arguments)
{
    bool names = asks_for(arguments, "FlashVersion1");
    plist_t answer = plist_new_dict(), images = names ? plist_new_dict() : plist_new_array();
    put_image(host, answer, "LlbImageData", "LLB");
    struct rv_blob *iboot = host_personalised(host, "iBoot");
    if (iboot != NULL && names)
        plist_dict_set_item(images, "iBoot", plist_new_data((const char *)iboot->data, iboot->len));
    else if (iboot != NULL)
        plist_array_append_item(images, plist_new_data((const char *)iboot->data, iboot->len));
    rv_blob_free(iboot);
    host_each_flagged(host, "IsFirmwarePayload", append_nor, images);
    plist_dict_set_item(answer, "NorImageData", images);
    put_image(host, answer, "SEPImageData", "SEP");
    put_image(host, answer, "RestoreSEPImageData", "RestoreSEP");
    return answer;
}

static plist_t answer_ticket(struct host *host, plist_t arguments)
{
    (void)arguments;
    plist_t answer = plist_new_dict();
    struct rv_blob *other = NULL;
    if (host->wrong == OTHER_TICKET)
        other = host_sign(host, host->identity, true);
    if (host->wrong == OTHER_ERASE_TICKET)
        other = host_sign(
            host,
            host_find_identity(host->manifest, host_text(host_child(host->identity, "Info"), "DeviceClass"), true),
            false);
    struct rv_blob *ticket = other != NULL ? other : host->ticket;
    plist_dict_set_item(answer, "RootTicketData", plist_new_data((const char *)ticket->data, ticket->len));
    rv_blob_free(other);
    return answer;
}

static void put_fud(struct host *host, plist_t images, const char *component)
{
    put_image(host, images, component, component);
}

/* List, one by name, or all: FUDData, PersonalizedData and EANData differ in the names of their keys. */
static plist_t answer_list(struct host *host, plist_t arguments, const char *flag, const char *list_key,
                           const char *data_key)
{
    plist_t answer = plist_new_dict();
    const char *name = host_text(arguments, "ImageName");
    plist_t collected = asks_for(arguments, list_key) ? plist_new_array() : plist_new_dict();
    if (asks_for(arguments, list_key)) {
        host_each_flagged(host, flag, host_append_name, collected);
        plist_dict_set_item(answer, list_key, collected);
        return answer;
    }
    if (name == NULL) {
        host_each_flagged(host, flag, put_fud, collected);
        plist_dict_set_item(answer, data_key, collected);
        return answer;
    }
    plist_free(collected);
    put_image(host, answer, data_key, host->wrong == OTHER_NAME ? "iBoot" : name);
    plist_dict_set_item(answer, "ImageName", plist_new_string(host->wrong == OTHER_NAME ? "iBoot" : name));
    return answer;
}

static plist_t answer_fud(struct host *host, plist_t arguments)
{
    return answer_list(host, arguments, "IsFUDFirmware", "FUDImageList", "FUDImageData");
}

static plist_t answer_personalized(struct host *host, plist_t arguments)
{
    return answer_list(host, arguments, host_text(arguments, "ImageType"), "ImageList", "ImageData");
}

static plist_t answer_ean(struct host *host, plist_t arguments)
{
    return answer_list(host, arguments, "IsEarlyAccessFirmware", "EANImageList", "EANData");
}

static void add_zip(zip_t *zip, const char *name, const char *text)
{
    zip_source_t *source = zip_source_buffer(zip, text, strlen(text), 0);
    if (source == NULL || zip_file_add(zip, name, source, ZIP_FL_OVERWRITE) < 0)
        zip_source_free(source);
}

static plist_t answer_baseband(struct host *host, plist_t arguments)
{
    (void)host;
    (void)arguments;
    plist_t answer = plist_new_dict();
    char path[] = "/tmp/revive-bb-XXXXXX";
    int fd = mkstemp(path), code = 0;
    zip_t *zip = fd >= 0 ? zip_open(path, ZIP_TRUNCATE, &code) : NULL;
    if (zip != NULL) {
        add_zip(zip, "psi_ram.bin", "first loader");
        add_zip(zip, "restorepsi.bin", "first loader of a restore");
        add_zip(zip, "bbticket.der", "0\x03ticket");
        zip_close(zip);
    }
    if (fd >= 0)
        close(fd);
    /* libzip wrote a new file under the name. */
    char bytes[4096];
    FILE *file = fopen(path, "rb");
    size_t n = file != NULL ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file != NULL)
        fclose(file);
    unlink(path);
    plist_dict_set_item(answer, "BasebandData", plist_new_data(bytes, n));
    return answer;
}

/* ---- the signing server, without its HTTP ---- */

static plist_t ask_server(struct host *host, plist_t take_request)
{
    const struct sim_tss tss = { .pki = host->pki };
    struct sim_tss_summary summary;
    struct rv_error err = { 0 };
    char *text = NULL;
    uint32_t len = 0;
    plist_dict_set_item(take_request, "@HostPlatformInfo", plist_new_string("mac"));
    plist_dict_set_item(take_request, "@VersionInfo", plist_new_string("libauthinstall-1104.0.9"));
    plist_dict_set_item(take_request, "@UUID", plist_new_string("11111111-2222-3333-4444-555555555555"));
    plist_to_xml(take_request, &text, &len);
    plist_free(take_request);
    struct rv_blob *reply = sim_tss_answer(&tss, rv_span(text, len), &summary, &err);
    free(text);
    const char *xml = reply != NULL ? memmem(reply->data, reply->len, "<?xml", 5) : NULL;
    plist_t out = NULL;
    if (xml != NULL)
        plist_from_xml(xml, (uint32_t)(reply->len - (size_t)(xml - (const char *)reply->data)), &out);
    else
        fprintf(stderr, "# the signing server says %d\n", summary.status);
    rv_blob_free(reply);
    return out != NULL ? out : plist_new_dict();
}

/* "0x14" of a manifest is a number in a request. */
static void copy_tag(plist_t to, plist_t identity, const char *key)
{
    uint64_t value = 0;
    const char *text = host_text(identity, key);
    plist_t node = host_child(identity, key);
    if (text != NULL && rv_text_starts(text, "0x") && rv_text_number(text, 0, &value))
        plist_dict_set_item(to, key, plist_new_uint(value));
    else if (node != NULL)
        plist_dict_set_item(to, key, plist_copy(node));
}

static void flip(plist_t request, const char *key)
{
    uint64_t len = 0;
    const char *bytes =
        PLIST_IS_DATA(host_child(request, key)) ? plist_get_data_ptr(host_child(request, key), &len) : NULL;
    char copy[64];
    if (bytes == NULL || len > sizeof copy)
        return;
    memcpy(copy, bytes, len);
    copy[0] ^= 1;
    plist_dict_set_item(request, key, plist_new_data(copy, len));
}

/* Which ticket an updater wants, and how its own words are called in a request. */
static const struct {
    const char *updater, *ticket, *prefix, *nonce;
} tickets[] = {
    { "Cryptex1", "@Cryptex1,Ticket", "", "Cryptex1,Nonce" },
    { "Rose", "@Rap,Ticket", "", "Rap,Nonce" },
    { "SE", "@SE,Ticket", "", "SE,Nonce" },
    { "Savage", "@Savage,Ticket", "", "Savage,Nonce" },
    { "T200", "@BMU,Ticket", "BMU,", "BMU,Nonce" },
    { "Yonkers", "@Yonkers,Ticket", "", "Yonkers,Nonce" },
};

static size_t ticket_row(const char *updater)
{
    size_t i = 0;
    while (i + 1 < RV_COUNT(tickets) && (updater == NULL || strcmp(tickets[i].updater, updater) != 0))
        i++;
    return i;
}

static plist_t updater_request(struct host *host, plist_t arguments, size_t row)
{
    plist_t generated = host_child(arguments, "DeviceGeneratedRequest"), request = plist_new_dict();
    plist_t tags = host_child(host_child(arguments, "DeviceGeneratedTags"), "BuildIdentityTags");
    if (PLIST_IS_DICT(generated)) {
        plist_dict_merge(&request, generated);
        for (uint32_t i = 0; PLIST_IS_ARRAY(tags) && i < plist_array_get_size(tags); i++)
            copy_tag(request, host->identity, plist_get_string_ptr(plist_array_get_item(tags, i), NULL));
        return request;
    }
    plist_t info = host_child(arguments, "MessageArgInfo");
    plist_dict_iter at = NULL;
    plist_dict_new_iter(info, &at);
    for (;;) {
        char *name = NULL, key[96];
        plist_t value = NULL;
        plist_dict_next_item(info, at, &name, &value);
        if (value == NULL)
            break;
        snprintf(key, sizeof key, "%s%s", tickets[row].prefix, name);
        plist_dict_set_item(request, key, plist_copy(value));
        free(name);
    }
    free(at);
    copy_tag(request, host->identity, "BMU,BoardID");
    plist_dict_set_item(request, tickets[row].ticket, plist_new_bool(1));
    return request;
}

static plist_t answer_updater(struct host *host, plist_t arguments)
{
    const char *name = host_text(arguments, "MessageArgUpdaterName");
    size_t row = ticket_row(name);
    plist_t request = updater_request(host, arguments, row), answer = plist_new_dict();
    if (host->wrong == OTHER_NONCE && strcmp(host->what, name) == 0)
        flip(request, tickets[row].nonce);
    if (host->wrong == OTHER_UDID)
        flip(request, "Cryptex1,UDID");
    plist_t data = ask_server(host, request);
    if (host_child(arguments, "DeviceGeneratedRequest") == NULL)
        plist_dict_set_item(data, "FirmwareData", plist_new_data("firmware", 8));
    plist_dict_set_item(answer, "FirmwareResponseData", data);
    return answer;
}

static plist_t answer_identity(struct host *host, plist_t arguments)
{
    plist_t answer = plist_new_dict();
    const char *variant = host_text(arguments, "Variant");
    plist_dict_set_item(answer, "BuildIdentityDict", plist_copy(host->identity));
    plist_dict_set_item(answer, "Variant", plist_new_string(variant != NULL ? variant : "Erase"));
    return answer;
}

static plist_t answer_receipt(struct host *host, plist_t arguments)
{
    (void)arguments;
    plist_t answer = plist_new_dict();
    plist_dict_set_item(answer, "ReceiptManifest", plist_copy(host_child(host->identity, "Manifest")));
    return answer;
}

/* ---- files and keys ---- */

bool host_stream_file(struct host *host, int fd, const char *component)
{
    enum { PIECE = 8192 };
    const char *path = component != NULL ? host_text(host_info(host, component), "Path") : NULL;
    struct rv_blob *file = path != NULL ? host_member(host, path) : NULL;
    bool here = file != NULL && host->what != NULL && strcmp(host->what, component) == 0, sent = true;
    if (here && host->wrong == FLIPPED_COMPONENT)
        file->data[file->len / 2] ^= 0x10;
    for (size_t at = 0; file != NULL && sent && at < file->len; at += PIECE) {
        plist_t piece = plist_new_dict();
        size_t len = file->len - at < PIECE ? file->len - at : PIECE;
        plist_dict_set_item(piece, "FileData", plist_new_data((const char *)file->data + at, len));
        sent = host_send(fd, piece);
    }
    rv_blob_free(file);
    if (here && host->wrong == NO_END)
        return sent;
    plist_t end = plist_new_dict();
    plist_dict_set_item(end, "FileDataDone", plist_new_bool(1));
    return sent && host_send(fd, end);
}

static plist_t answer_url(struct host *host, plist_t arguments)
{
    struct rv_error err = { 0 };
    const char *url = host_text(arguments, "RequestURL"), *method = host_text(arguments, "RequestMethod");
    bool again = method != NULL && strcmp(method, "POST") == 0;
    bool none = host->wrong == NO_KEY || (host->wrong == KEY_LATER && !again);
    const char *name = url != NULL ? strrchr(url, '/') : NULL;
    struct rv_blob *pem = sim_aea_key_pem(host->wrong == OTHER_KEY || name == NULL ? "another" : name + 1, &err);
    plist_t answer = plist_new_dict(), headers = plist_new_dict();
    plist_dict_set_item(headers, "Content-Type", plist_new_string("binary/octet-stream"));
    plist_dict_set_item(answer, "ResponseBody",
                        none ? plist_new_data("", 0) : plist_new_data((const char *)pem->data, pem->len));
    plist_dict_set_item(answer, "ResponseBodyDone", plist_new_bool(1));
    plist_dict_set_item(answer, "ResponseHeaders", headers);
    plist_dict_set_item(answer, "ResponseStatus", plist_new_uint(none ? 404 : 200));
    rv_blob_free(pem);
    return answer;
}

static plist_t answer_kernel(struct host *host, plist_t arguments)
{
    (void)arguments;
    plist_t answer = plist_new_dict();
    put_image(host, answer, "KernelCacheFile", "KernelCache");
    return answer;
}

static plist_t answer_tree(struct host *host, plist_t arguments)
{
    (void)arguments;
    plist_t answer = plist_new_dict();
    put_image(host, answer, "DeviceTreeFile", "DeviceTree");
    return answer;
}

static plist_t answer_root_hash(struct host *host, plist_t arguments)
{
    (void)arguments;
    plist_t answer = plist_new_dict();
    put_image(host, answer, "SystemImageRootHashFile", "SystemVolume");
    return answer;
}

static plist_t answer_metadata(struct host *host, plist_t arguments)
{
    (void)arguments;
    plist_t answer = plist_new_dict();
    put_image(host, answer, "SystemImageCanonicalMetadataFile", "Ap,SystemVolumeCanonicalMetadata");
    return answer;
}

static const struct {
    const char *type;
    plist_t (*answer)(struct host *host, plist_t arguments);
} answers[] = {
    { "BasebandData", answer_baseband },
    { "BuildIdentityDict", answer_identity },
    { "DeviceTree", answer_tree },
    { "EANData", answer_ean },
    { "FUDData", answer_fud },
    { "FirmwareUpdaterData", answer_updater },
    { "KernelCache", answer_kernel },
    { "NORData", answer_nor },
    { "PersonalizedData", answer_personalized },
    { "ReceiptManifest", answer_receipt },
    { "RootTicket", answer_ticket },
    { "StreamedImageDecryptionKey", answer_url },
    { "SystemImageCanonicalMetadata", answer_metadata },
    { "SystemImageRootHash", answer_root_hash },
    { "URLAsset", answer_url },
};

/* FDRTrustData, and whatever nobody has heard of: an empty dictionary. */
plist_t host_answer(struct host *host, const char *type, plist_t request)
{
    for (size_t i = 0; i < RV_COUNT(answers); i++)
        if (strcmp(answers[i].type, type) == 0)
            return answers[i].answer(host, host_child(request, "Arguments"));
    return plist_new_dict();
}
