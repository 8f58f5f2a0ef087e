/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests' host answers to each request of restored. */
#include "restore_inside.h"

#include "base/text.h"

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

static plist_t answer_updater(struct host *host, plist_t arguments)
{
    (void)host;
    const char *name = host_text(arguments, "MessageArgUpdaterName");
    char key[64];
    snprintf(key, sizeof key, "%s,Ticket", name != NULL ? name : "");
    plist_t answer = plist_new_dict(), data = plist_new_dict();
    plist_dict_set_item(data, key, plist_new_data("ticket", 6));
    plist_dict_set_item(data, "FirmwareData", plist_new_data("firmware", 8));
    plist_dict_set_item(answer, "FirmwareResponseData", data);
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
    { "DeviceTree", answer_tree },
    { "EANData", answer_ean },
    { "FUDData", answer_fud },
    { "FirmwareUpdaterData", answer_updater },
    { "KernelCache", answer_kernel },
    { "NORData", answer_nor },
    { "PersonalizedData", answer_personalized },
    { "RootTicket", answer_ticket },
    { "SystemImageCanonicalMetadata", answer_metadata },
    { "SystemImageRootHash", answer_root_hash },
};

/* FDRTrustData, and whatever nobody has heard of: an empty dictionary. */
plist_t host_answer(struct host *host, const char *type, plist_t request)
{
    for (size_t i = 0; i < RV_COUNT(answers); i++)
        if (strcmp(answers[i].type, type) == 0)
            return answers[i].answer(host, host_child(request, "Arguments"));
    return plist_new_dict();
}
