/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What restored asks of the host and what it does with the answers: nothing is written that the ticket the
 * ramdisk was booted with does not vouch for. Names of requests and reply keys as public clients answer them
 * (restore protocol notes 2.3).
 */
#include "base/file.h"
#include "base/text.h"
#include "sim/image4.h"
#include "sim/model.h"
#include "sim/restored_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

bool restored_accept_image(struct restored *r, struct rv_span img4, const char *tag, const char *name,
                           struct rv_error *err)
{
    struct rv_span payload, ticket;
    char why[160] = "", own[5];
    if (img4.len == 0)
        return rv_fail(err, RV_E_PROTOCOL, "no %s in the answer", name);
    if (tag == NULL && !image_type(img4, own))
        return rv_fail(err, RV_E_FORMAT, "%s is no image4", name);
    tag = tag != NULL ? tag : own;
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
    return restored_accept_image(r, img4, tag, name, err) && keep_image(r, img4, tag, err);
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

/* Newer flash layouts ask for a dictionary of names; from which chip on is [I]. */
static bool wants_names(const struct restored *r)
{
    return r->identity.chip >= 0x8020 && !sim_chip_has_short_nonce(r->identity.chip);
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
    if (!wants_names(r) && nor != NULL && plist_get_node_type(nor) == PLIST_ARRAY) {
        for (uint32_t i = 0; i < plist_array_get_size(nor); i++)
            if (!take_nor_image(r, plist_array_get_item(nor, i), err))
                return false;
        return true;
    }
    if (!wants_names(r) || nor == NULL || plist_get_node_type(nor) != PLIST_DICT)
        return rv_fail(err, RV_E_PROTOCOL, "no NorImageData of the form asked for in the answer");
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
    plist_t arguments = NULL;
    if (wants_names(r)) {
        arguments = plist_new_dict();
        plist_dict_set_item(arguments, "FlashVersion1", plist_new_bool(1));
    }
    plist_t answer = restored_fetch(r, step->what, arguments, err);
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
    plist_t answer = restored_fetch(r, step->what, NULL, err);
    if (answer == NULL)
        return false;
    if (plist_dict_get_size(answer) == 0)
        restored_log(r, "FDR trust data missing in the answer: using the trust object of the ramdisk");
    plist_free(answer);
    return true;
}

/* This device's factory data is whole: the proxy is tried, and nothing depends on it. */
bool restored_proxy(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    (void)err;
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
    (void)step;
    char path[4096], damaged[16];
    struct stat st;
    if (r->boot->erase)
        return true;
    bool there = sim_storage_path(r->device, "data.img", path, sizeof path) && stat(path, &st) == 0 && st.st_size > 0;
    if (there && sim_setting(r->device, "data_damaged", damaged, sizeof damaged) && strcmp(damaged, "yes") == 0)
        there = false;
    return there || rv_fail(err, RV_E_CORRUPT, "%s: the data volume cannot be mounted", r->now->name);
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

static bool verify_image(struct restored *r, struct rv_error *err)
{
    static const int percents[] = { 0, 1, 25, 50, 75, 99, 100 };
    for (size_t i = 0; i < RV_COUNT(percents); i++) {
        if (!restored_progress(r, 14, percents[i], err))
            return false;
        sim_pause(r->device, 3000);
    }
    return true;
}

bool restored_system_image(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    if (!sim_asr_run(r, err))
        return rv_while(err, "failed to restore the system image");
    return verify_image(r, err);
}

/* From 18 on it comes beside the other steps, which go on meanwhile. */
bool restored_start_image(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    return sim_asr_start(r, err) || rv_while(err, "failed to restore the system image");
}

bool restored_await_image(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    if (!sim_asr_await(r, err))
        return rv_while(err, "failed to restore the system image");
    return verify_image(r, err);
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
    bool done = restored_accept_image(r, img4, tag, step->what, err) &&
                (r->skip_write || sim_install_flash(r->device, tag, img4, err));
    plist_free(answer);
    return done || rv_while(err, "failed to install %s", step->what);
}

/* Again, without telling of it. */
bool restored_write_flash(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    for (size_t i = 0; i < r->flash_count && !r->skip_write; i++)
        if (!sim_install_flash(r->device, r->flash[i].tag, rv_blob_span(r->flash[i].bytes), err))
            return rv_while(err, "failed to flash firmware '%s'", r->flash[i].tag);
    return true;
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
