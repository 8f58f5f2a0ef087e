/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What restored asks of the host and what it does with the answers: nothing is written that the ticket the
 * ramdisk was booted with does not vouch for. Names of requests and reply keys as public clients answer them
 * (restore protocol notes 2.3).
 */
#include "base/file.h"
#include "base/text.h"
#include "sim/image4.h"
#include "sim/restored_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

/* ---- images ---- */

/* Content of a DER element of this tag; an empty span with ptr NULL when it is none. */
static struct rv_span der_take(struct rv_reader *in, uint8_t tag)
{
    if (rv_read_u8(in) != tag)
        return rv_span(NULL, 0);
    uint64_t len = rv_read_u8(in);
    if (len >= 0x80) {
        unsigned count = len & 0x7F;
        len = 0;
        for (unsigned i = 0; i < count && i < 8; i++)
            len = len << 8 | rv_read_u8(in);
        if (count == 0 || count > 8)
            return rv_span(NULL, 0);
    }
    return in->bad ? rv_span(NULL, 0) : rv_read_span(in, len);
}

/* The type that an IMG4's payload says it is ("ibot"), to know under which tag to check it. */
static bool image_type(struct rv_span img4, char tag[5])
{
    enum { SEQUENCE = 0x30, IA5 = 0x16 };
    struct rv_reader file = { .in = img4 };
    struct rv_reader outer = { .in = der_take(&file, SEQUENCE) };
    struct rv_span magic = der_take(&outer, IA5);
    struct rv_reader payload = { .in = der_take(&outer, SEQUENCE) };
    struct rv_span inner = der_take(&payload, IA5);
    struct rv_span type = der_take(&payload, IA5);
    if (!rv_span_equal(magic, RV_SPAN_TEXT("IMG4")) || !rv_span_equal(inner, RV_SPAN_TEXT("IM4P")) || type.len != 4)
        return false;
    memcpy(tag, type.ptr, 4);
    tag[4] = '\0';
    return true;
}

/* Signed for this device, by the very ticket of this boot, and of this kind. */
static bool accept_image(struct restored *r, struct rv_span img4, const char *tag, const char *name,
                         struct rv_error *err)
{
    struct rv_span payload, ticket;
    char why[160] = "";
    if (img4.len == 0)
        return rv_fail(err, RV_E_PROTOCOL, "no %s in the answer", name);
    if (!sim_image4_accept(img4, tag, sim_trust_root(r->device), &r->identity, 0, &payload, &ticket, why, sizeof why)) {
        sim_record(r->device, "refused", "%s: %s", name, why);
        return rv_fail(err, RV_E_REFUSED, "image4 validation of %s failed", name);
    }
    if (!rv_span_equal(ticket, rv_blob_span(r->boot->ticket))) {
        sim_record(r->device, "refused", "%s: another ticket than the ramdisk's", name);
        return rv_fail(err, RV_E_REFUSED, "%s is not signed by the boot manifest", name);
    }
    return true;
}

static bool keep_image(struct restored *r, struct rv_span img4, const char *tag, struct rv_error *err)
{
    struct restored_image *slot = NULL;
    for (size_t i = 0; i < r->flash_count; i++)
        if (strcmp(r->flash[i].tag, tag) == 0)
            slot = &r->flash[i];
    struct rv_blob *copy = rv_blob_copy(img4, err);
    if (copy == NULL)
        return false;
    if (slot == NULL && r->flash_count == RESTORED_IMAGES_MAX) {
        rv_blob_free(copy);
        return rv_fail(err, RV_E_LIMIT, "more than %d boot images", RESTORED_IMAGES_MAX);
    }
    if (slot == NULL)
        slot = &r->flash[r->flash_count++];
    rv_blob_free(slot->bytes);
    slot->bytes = copy;
    snprintf(slot->tag, sizeof slot->tag, "%s", tag);
    return true;
}

static bool take_image(struct restored *r, struct rv_span img4, const char *tag, const char *name, struct rv_error *err)
{
    return accept_image(r, img4, tag, name, err) && keep_image(r, img4, tag, err);
}

static bool have_image(const struct restored *r, const char *tag)
{
    for (size_t i = 0; i < r->flash_count; i++)
        if (strcmp(r->flash[i].tag, tag) == 0)
            return true;
    return false;
}

void restored_forget_images(struct restored *r)
{
    for (size_t i = 0; i < r->flash_count; i++)
        rv_blob_free(r->flash[i].bytes);
    r->flash_count = 0;
}

/* ---- before the disk ---- */

bool restored_check_protocol(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    (void)err;
    restored_log(r, "client protocol version %u", r->generation->protocol);
    return true;
}

static bool check_needs(struct restored *r, const char *key, const struct restored_need *needs, size_t count,
                        struct rv_error *err)
{
    plist_t announced = r->options != NULL ? plist_dict_get_item(r->options, key) : NULL;
    bool compatible = true;
    for (size_t i = 0; i < count; i++) {
        if (announced != NULL && plist_dict_get_item(announced, needs[i].name) != NULL)
            continue;
        restored_log(r, "%s missing or is not supported (%s): %s", key, needs[i].required ? "required" : "optional",
                     needs[i].name);
        compatible = compatible && !needs[i].required;
    }
    return compatible ||
           rv_fail(err, RV_E_REFUSED, "This host version is unsupported. You may need to update your host tools.");
}

bool restored_check_host(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    const struct restored_generation *needs = r->host_check;
    return check_needs(r, "SupportedDataTypes", needs->data_needs, needs->data_need_count, err) &&
           check_needs(r, "SupportedMessageTypes", needs->message_needs, needs->message_need_count, err);
}

/* NorImageData is an array, or a dictionary for newer flash layouts; each image says itself what it is. */
static bool take_nor_image(struct restored *r, plist_t node, struct rv_error *err)
{
    char tag[5];
    uint64_t len = 0;
    const char *bytes = plist_get_node_type(node) == PLIST_DATA ? plist_get_data_ptr(node, &len) : NULL;
    struct rv_span img4 = rv_span(bytes, len);
    if (bytes == NULL || !image_type(img4, tag))
        return rv_fail(err, RV_E_FORMAT, "NorImageData holds something that is no image4");
    return take_image(r, img4, tag, tag, err);
}

static bool take_nor_images(struct restored *r, plist_t nor, struct rv_error *err)
{
    if (nor != NULL && plist_get_node_type(nor) == PLIST_ARRAY) {
        for (uint32_t i = 0; i < plist_array_get_size(nor); i++)
            if (!take_nor_image(r, plist_array_get_item(nor, i), err))
                return false;
        return true;
    }
    if (nor == NULL || plist_get_node_type(nor) != PLIST_DICT)
        return rv_fail(err, RV_E_PROTOCOL, "no NorImageData in the answer");
    plist_dict_iter it = NULL;
    plist_dict_new_iter(nor, &it);
    plist_t node = NULL;
    bool taken = true;
    do {
        plist_dict_next_item(nor, it, NULL, &node);
        taken = node == NULL || take_nor_image(r, node, err);
    } while (taken && node != NULL);
    free(it);
    return taken;
}

static bool take_boot_firmware(struct restored *r, plist_t answer, struct rv_error *err)
{
    uint8_t digest[64];
    struct rv_span ticket = rv_blob_span(r->boot->ticket);
    if (!take_image(r, sim_plist_data(answer, "LlbImageData"), "illb", "LlbImageData", err))
        return false;
    plist_t nor = plist_dict_get_item(answer, "NorImageData");
    if (!take_nor_images(r, nor, err))
        return false;
    if (!have_image(r, "ibot"))
        return rv_fail(err, RV_E_PROTOCOL, "no iBoot in NorImageData");
    if (sim_ticket_digest(ticket, "sepi", digest, sizeof digest) > 0 &&
        !take_image(r, sim_plist_data(answer, "SEPImageData"), "sepi", "SEPImageData", err))
        return false;
    return sim_ticket_digest(ticket, "rsep", digest, sizeof digest) == 0 ||
           take_image(r, sim_plist_data(answer, "RestoreSEPImageData"), "rsep", "RestoreSEPImageData", err);
}

bool restored_load_sep(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    restored_log(r, "entering load_sep_os");
    plist_t answer = restored_fetch(r, step->what, NULL, err);
    bool taken = answer != NULL && take_boot_firmware(r, answer, err);
    plist_free(answer);
    return taken || rv_while(err, "failed to load the boot firmware");
}

bool restored_check_ticket(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    plist_t answer = restored_fetch(r, step->what, NULL, err);
    if (answer == NULL)
        return false;
    struct rv_span ticket = sim_plist_data(answer, "RootTicketData");
    char why[160] = "";
    bool valid = true;
    restored_log(r, "entering ramrod_ticket_update");
    if (ticket.len == 0)
        valid = rv_fail(err, RV_E_PROTOCOL, "no RootTicketData in the answer");
    else if (!rv_span_equal(ticket, rv_blob_span(r->boot->ticket)))
        valid = rv_fail(err, RV_E_REFUSED, "ticket_hash differs from the boot manifest hash");
    else if (!sim_ticket_accept(ticket, sim_trust_root(r->device), &r->identity, 0, why, sizeof why))
        valid = rv_fail(err, RV_E_REFUSED, "ticket is not valid: %s", why);
    else
        restored_log(r, "received valid ticket (%zu bytes)", ticket.len);
    plist_free(answer);
    return valid || rv_while(err, "failed to update ticket");
}

bool restored_fdr(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    if (step->what != NULL) {
        plist_t answer = restored_fetch(r, step->what, NULL, err);
        if (answer == NULL)
            return false;
        if (plist_dict_get_size(answer) == 0)
            restored_log(r, "FDR trust data missing in the answer: using the trust object of the ramdisk");
        plist_free(answer);
    }
    /* This device's factory data is whole: the proxy is tried, and nothing depends on it. */
    if (!sim_proxy_ping(r->device))
        restored_log(r, "CHECKPOINT NOTICE: no proxy connection to the host");
    return true;
}

bool restored_previous_log(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    char path[4096], status[24];
    if (!sim_nvram_get(r->device, "restored-exit-status", status, sizeof status) || status[0] == '\0' ||
        !sim_storage_path(r->device, "restore.log", path, sizeof path))
        return true;
    struct rv_error none = { 0 };
    RV_AUTO(rv_blob) log = rv_file_read(path, 2 * 1024 * 1024, &none);
    if (log == NULL)
        return true;
    RV_AUTO_TEXT text = rv_text_copy_n((const char *)log->data, log->len);
    plist_t message = plist_new_dict();
    plist_dict_set_item(message, "MsgType", plist_new_string("PreviousRestoreLogMsg"));
    plist_dict_set_item(message, "PreviousRestoreLog", plist_new_string(text != NULL ? text : ""));
    return restored_send(r, message, err);
}

/* ---- the user partition ---- */

bool restored_check_data(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    char path[4096], damaged[16];
    struct stat st;
    if (r->boot->erase)
        return true;
    bool there = sim_storage_path(r->device, "data.img", path, sizeof path) && stat(path, &st) == 0 && st.st_size > 0;
    if (there && sim_setting(r->device, "data_damaged", damaged, sizeof damaged) && strcmp(damaged, "yes") == 0)
        there = false;
    return there || rv_fail(err, RV_E_CORRUPT, "%s: the data volume cannot be mounted", step->name);
}

bool restored_wipe(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    if (!r->boot->erase || r->skip_write)
        return true;
    /* From here the old system cannot start any more. */
    sim_install_begin(r->device);
    sim_record(r->device, "wipe", "the user partition's key is gone");
    return sim_install_wipe_data(r->device, err) || rv_while(err, "failed to format effaceable storage");
}

bool restored_system_image(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    if (!sim_asr_run(r, err))
        return rv_while(err, "failed to restore the system image");
    for (int percent = 0; percent <= 100; percent += 20) {
        if (!restored_progress(r, 14, percent, err))
            return false;
        sim_pause(r->device, 3000);
    }
    return true;
}

/* ---- boot images ---- */

bool restored_install_image(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    bool kernel = strcmp(step->what, "KernelCache") == 0;
    const char *tag = kernel ? "krnl" : "dtre";
    plist_t answer = restored_fetch(r, step->what, NULL, err);
    if (answer == NULL)
        return false;
    struct rv_span img4 = sim_plist_data(answer, kernel ? "KernelCacheFile" : "DeviceTreeFile");
    bool done =
        accept_image(r, img4, tag, step->what, err) && (r->skip_write || sim_install_flash(r->device, tag, img4, err));
    plist_free(answer);
    return done || rv_while(err, "failed to install %s", step->what);
}

bool restored_flash(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    for (size_t i = 0; i < r->flash_count && !r->skip_write; i++) {
        if (!sim_install_flash(r->device, r->flash[i].tag, rv_blob_span(r->flash[i].bytes), err))
            return rv_while(err, "failed to flash firmware '%s'", r->flash[i].tag);
        if (!restored_progress(r, 18, (int)(i * 99 / r->flash_count), err))
            return false;
    }
    return true;
}

static bool check_fud_images(struct restored *r, plist_t images, struct rv_error *err)
{
    plist_dict_iter it = NULL;
    plist_dict_new_iter(images, &it);
    bool good = true;
    for (;;) {
        char *name = NULL;
        plist_t node = NULL;
        plist_dict_next_item(images, it, &name, &node);
        if (node == NULL)
            break;
        char tag[5] = "";
        uint64_t len = 0;
        const char *bytes = plist_get_node_type(node) == PLIST_DATA ? plist_get_data_ptr(node, &len) : NULL;
        struct rv_span img4 = rv_span(bytes, len);
        if (bytes == NULL || !image_type(img4, tag))
            good = rv_fail(err, RV_E_FORMAT, "FUD image %s is no image4", name);
        else
            good = accept_image(r, img4, tag, name, err);
        free(name);
        if (!good)
            break;
    }
    free(it);
    return good;
}

/* 10 to 12: neither a list nor a name in the arguments, so the answer is the whole dictionary. */
bool restored_fud(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    plist_t answer = restored_fetch(r, step->what, plist_new_dict(), err);
    if (answer == NULL)
        return false;
    plist_t images = plist_dict_get_item(answer, "FUDImageData");
    bool good = true;
    if (images == NULL || plist_get_node_type(images) != PLIST_DICT)
        good = rv_fail(err, RV_E_PROTOCOL, "no FUDImageData in the answer");
    else
        good = check_fud_images(r, images, err);
    plist_free(answer);
    return good || rv_while(err, "failed to install FUD firmware");
}

/* ---- baseband and coprocessors ---- */

/* Values that the invented modem gives: chip of the manifest (0x65, ICE17 of the iPhone X), the rest made up. */
static plist_t baseband_arguments(struct restored *r, bool nonce)
{
    uint8_t serial[12], number[20];
    for (size_t i = 0; i < sizeof serial; i++)
        serial[i] = (uint8_t)(r->identity.ecid >> (8 * (i % 8))) ^ (uint8_t)(0x5A + i);
    for (size_t i = 0; i < sizeof number; i++)
        number[i] = (uint8_t)(r->identity.ap_nonce[i % 20] ^ 0xA5);
    plist_t arguments = plist_new_dict();
    plist_dict_set_item(arguments, "ChipID", plist_new_uint(0x65));
    plist_dict_set_item(arguments, "CertID", plist_new_uint(3840149528u));
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
        plist_dict_set_item(info, "SE,ChipID", plist_new_uint(0x73));
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

/* Which coprocessors this model has; the setting takes them away ("updaters" = "SE", or "none"). */
static bool has_updater(struct restored *r, const char *name)
{
    char list[64] = "SE,Savage";
    if (sim_setting(r->device, "updaters", list, sizeof list) && list[0] == '\0')
        snprintf(list, sizeof list, "SE,Savage");
    return strstr(list, name) != NULL;
}

bool restored_updater(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    if (!has_updater(r, step->what))
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

/* ---- the end ---- */

bool restored_commit(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    return r->skip_write || sim_install_done(r->device, err);
}

bool restored_set_boot(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    (void)err;
    sim_nvram_set(r->device, "auto-boot", "true", true);
    sim_nvram_set(r->device, "restored-exit-status", "", true);
    return true;
}
