/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modem's firmware: a zip inside the IPSW whose images get signatures from the server put into them
 * (firmware 4.3; public reading: idevicerestore, restore_sign_bbfw). Not seen on a device by us [I].
 */
#include "firmware/baseband.h"

#include "base/text.h"
#include "firmware/ipsw.h"
#include "firmware/tss.h"
#include "format/fls.h"
#include "format/mbn.h"

#include <stdio.h>
#include <string.h>
#include <zip.h>

enum { BBFW_MAX = 512 * 1024 * 1024, CHIP_MAV25 = 0x1F30E1, CHIP_ICE16 = 0x68 };

struct image_row {
    const char *element, *file;
};

static const struct image_row images[] = {
    { "DBL", "dbl.mbn" },
    { "ENANDPRG", "ENPRG.mbn" },
    { "FlashPSI", "psi_flash.fls" },
    { "Misc", "multi_image.mbn" },
    { "PSI", "psi_ram.bin" },
    { "PSI2", "psi_ram2.bin" },
    { "RamPSI", "psi_ram.fls" },
    { "RestoreDBL", "restoredbl.mbn" },
    { "RestorePSI", "restorepsi.bin" },
    { "RestorePSI2", "restorepsi2.bin" },
    { "RestoreSBL1", "restoresbl1.mbn" },
    { "SBL1", "sbl1.mbn" },
    { "eDBL", "dbl.mbn" },
};

static const struct image_row images_mav25[] = {
    { "Misc", "multi_image.mbn" },
    { "RestoreSBL1", "restorexbl_sc.elf" },
    { "SBL1", "xbl_sc.elf" },
    { "TME", "signed_firmware_soc_view.elf" },
};

/* ---- request ---- */

static void copy_if_there(plist_t to, const char *key, plist_t from, const char *from_key)
{
    plist_t node = rv_plist_node(from, from_key);
    if (node != NULL)
        plist_dict_set_item(to, key, plist_copy(node));
}

static void drop(plist_t dict, const char *key)
{
    if (rv_plist_node(dict, key) != NULL)
        plist_dict_remove_item(dict, key);
}

/* Two revisions of one modem share a chip id; the certificate tells which of the two digests is its own. */
static void drop_other_revision(plist_t firmware, uint64_t certificate)
{
    static const uint32_t first[] = { 0x26F3FACC, 0x5CF2EC4E, 0x8399785A };
    bool is_first = false;
    for (size_t i = 0; i < RV_COUNT(first); i++)
        is_first = is_first || (uint32_t)certificate == first[i];
    drop(firmware, is_first ? "PSI2-PartialDigest" : "PSI-PartialDigest");
    drop(firmware, is_first ? "RestorePSI2-PartialDigest" : "RestorePSI-PartialDigest");
}

plist_t rv_baseband_request(plist_t identity, uint64_t ecid, plist_t arguments, struct rv_error *err)
{
    static const char *const hashes[] = { "BbActivationManifestKeyHash",        "BbCalibrationManifestKeyHash",
                                          "BbFactoryActivationManifestKeyHash", "BbFDRSecurityKeyHash",
                                          "BbProvisioningManifestKeyHash",      "BbSkeyId" };
    uint64_t chip = 0, certificate = 0;
    plist_t firmware = rv_tss_entry(identity, "BasebandFirmware");
    if (firmware == NULL) {
        rv_fail(err, RV_E_NOT_FOUND, "this firmware has nothing for the modem");
        return NULL;
    }
    RV_AUTO_PLIST request = plist_new_dict();
    plist_dict_set_item(request, "BasebandFirmware", firmware);
    if (!rv_plist_number(arguments, "ChipID", &chip) && !rv_plist_number(identity, "BbChipID", &chip)) {
        rv_fail(err, RV_E_FORMAT, "neither the device nor the firmware names the modem");
        return NULL;
    }
    if (!rv_tss_add_common(request, identity, ecid, err))
        return NULL;
    plist_dict_set_item(request, "@BBTicket", plist_new_bool(1));
    plist_dict_set_item(request, "BbChipID", plist_new_uint(chip));
    if (rv_plist_number(arguments, "CertID", &certificate))
        plist_dict_set_item(request, "BbGoldCertId", plist_new_uint((uint32_t)certificate));
    copy_if_there(request, "BbSNUM", arguments, "ChipSerialNo");
    copy_if_there(request, "BbNonce", arguments, "Nonce"); /* not there in the first request */
    for (size_t i = 0; i < RV_COUNT(hashes); i++)
        copy_if_there(request, hashes[i], identity, hashes[i]);
    if (chip == CHIP_ICE16)
        drop_other_revision(firmware, certificate);
    if (rv_plist_bool(rv_plist_dict(identity, "Info"), "FDRSupport", false)) {
        plist_dict_set_item(request, "ApProductionMode", plist_new_bool(1));
        plist_dict_set_item(request, "ApSecurityMode", plist_new_bool(1));
    }
    return rv_steal(&request);
}

/* ---- stitching ---- */

static const char *file_of(const char *element, size_t len, uint64_t chip)
{
    bool newest = chip == CHIP_MAV25;
    const struct image_row *rows = newest ? images_mav25 : images;
    size_t count = newest ? RV_COUNT(images_mav25) : RV_COUNT(images);
    for (size_t i = 0; i < count; i++) {
        if (strlen(rows[i].element) == len && memcmp(rows[i].element, element, len) == 0)
            return rows[i].file;
    }
    return NULL;
}

/* "SBL1-Blob", "SBL1-HashTableDigest-Blob": the blob of the answer that belongs to a file, or none. */
static struct rv_span blob_for(plist_t answer, const char *file, uint64_t chip)
{
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = rv_plist_dict(answer, "BasebandFirmware") };
    while (rv_plist_walk(&walk)) {
        const char *dash = strchr(walk.key, '-');
        const char *mine = dash != NULL ? file_of(walk.key, (size_t)(dash - walk.key), chip) : NULL;
        if (mine != NULL && rv_text_ends(walk.key, "-Blob") && strcmp(mine, file) == 0)
            return rv_plist_data(walk.dict, walk.key);
    }
    return rv_span(NULL, 0);
}

static bool keeps(const char *name)
{
    return rv_text_ends(name, ".fls") || rv_text_ends(name, ".mbn") || rv_text_ends(name, ".elf") ||
           rv_text_ends(name, ".bin");
}

static bool replace(struct rv_blob **image, struct rv_blob *with)
{
    if (with == NULL)
        return false;
    rv_blob_free(*image);
    *image = with;
    return true;
}

static bool stitch_one(struct rv_blob **image, const char *name, plist_t answer, uint64_t chip, struct rv_error *err)
{
    struct rv_span blob = blob_for(answer, name, chip), ticket = rv_plist_data(answer, "BBTicket");
    bool fine = true;
    if (blob.len > 0 && rv_text_ends(name, ".fls"))
        fine = replace(image, rv_fls_sign(rv_blob_span(*image), blob, err));
    else if (blob.len > 0 && chip == CHIP_MAV25)
        fine = rv_mbn_stitch_v7(*image, blob, err);
    else if (blob.len > 0)
        fine = rv_mbn_stitch(*image, blob, err);
    if (fine && strcmp(name, "ebl.fls") == 0)
        fine = replace(image, rv_fls_insert_ticket(rv_blob_span(*image), ticket, err));
    return fine || rv_while(err, "putting the signature into '%s'", name);
}

/* Every blob of the answer must have found its file: a modem that is half signed does not start. */
static bool check_answer(plist_t answer, const struct rv_archive *bbfw, uint64_t chip, struct rv_error *err)
{
    if (rv_plist_data(answer, "BBTicket").len == 0)
        return rv_fail(err, RV_E_PROTOCOL, "the signing server's answer holds no ticket for the modem");
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = rv_plist_dict(answer, "BasebandFirmware") };
    while (rv_plist_walk(&walk)) {
        if (!rv_text_ends(walk.key, "-Blob") || !PLIST_IS_DATA(walk.value))
            continue;
        const char *file = file_of(walk.key, strcspn(walk.key, "-"), chip);
        struct rv_archive_place place;
        if (file == NULL)
            return rv_fail(err, RV_E_UNSUPPORTED, "the modem's part '%.60s' is not known", walk.key);
        if (!rv_archive_place(bbfw, file, &place, err))
            return rv_while(err, "looking for the modem's part '%.60s'", walk.key);
        rv_archive_place_clear(&place);
    }
    return true;
}

/* ---- the new zip ---- */

struct packer {
    zip_t *zip;
    zip_source_t *target; /* one reference of our own, to read the result from */
};

static bool packer_start(struct packer *p, struct rv_error *err)
{
    zip_error_t why;
    zip_error_init(&why);
    p->target = zip_source_buffer_create(NULL, 0, 0, &why);
    if (p->target != NULL) {
        zip_source_keep(p->target);
        p->zip = zip_open_from_source(p->target, ZIP_TRUNCATE, &why);
        if (p->zip == NULL) { /* both references are ours then */
            zip_source_free(p->target);
            zip_source_free(p->target);
        }
    }
    zip_error_fini(&why);
    return p->zip != NULL || rv_fail_nomem(err);
}

static bool packer_add(struct packer *p, const char *name, struct rv_span content, struct rv_error *err)
{
    /* libzip frees its buffer with free(), which rv_free() is. */
    struct rv_blob *copy = rv_blob_copy(content, err);
    if (copy == NULL)
        return false;
    zip_source_t *source = zip_source_buffer(p->zip, copy->data, copy->len, 1);
    if (source == NULL) {
        rv_blob_free(copy);
        return rv_fail_nomem(err);
    }
    rv_free(copy);
    if (zip_file_add(p->zip, name, source, ZIP_FL_ENC_UTF_8) < 0) {
        zip_source_free(source);
        return rv_fail(err, RV_E_FORMAT, "'%s' cannot be put into the modem's zip", name);
    }
    return true;
}

static struct rv_blob *packer_end(struct packer *p, struct rv_error *err)
{
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_close(p->zip) != 0) {
        rv_fail(err, RV_E_IO, "the modem's zip cannot be written: %s", zip_strerror(p->zip));
        return NULL;
    }
    p->zip = NULL;
    RV_AUTO(rv_blob) out = NULL;
    if (zip_source_stat(p->target, &stat) == 0 && (stat.valid & ZIP_STAT_SIZE) != 0 && stat.size < BBFW_MAX)
        out = rv_blob_new((size_t)stat.size, err);
    if (out == NULL || zip_source_open(p->target) != 0) {
        rv_fail_nomem(err);
        return NULL;
    }
    bool whole = zip_source_read(p->target, out->data, out->len) == (zip_int64_t)out->len;
    zip_source_close(p->target);
    if (!whole) {
        rv_fail(err, RV_E_IO, "the modem's zip cannot be read back");
        return NULL;
    }
    return rv_steal(&out);
}

static bool pack_all(struct packer *p, const struct rv_archive *bbfw, plist_t answer, uint64_t chip,
                     struct rv_error *err)
{
    bool fls = false;
    const char *name;
    for (size_t i = 0; (name = rv_archive_name(bbfw, i)) != NULL; i++) {
        if (!keeps(name))
            continue;
        fls = fls || strcmp(name, "ebl.fls") == 0;
        RV_AUTO(rv_blob) image = rv_archive_read(bbfw, name, BBFW_MAX, err);
        if (image == NULL || !stitch_one(&image, name, answer, chip, err) ||
            !packer_add(p, name, rv_blob_span(image), err))
            return false;
    }
    return fls || packer_add(p, "bbticket.der", rv_plist_data(answer, "BBTicket"), err);
}

struct rv_blob *rv_baseband_stitch(struct rv_span bbfw, plist_t answer, uint64_t chip, struct rv_error *err)
{
    RV_AUTO(rv_archive) archive = rv_archive_open_bytes(bbfw, err);
    struct packer packer = { .zip = NULL };
    if (archive == NULL || !check_answer(answer, archive, chip, err) || !packer_start(&packer, err))
        return NULL;
    struct rv_blob *out = pack_all(&packer, archive, answer, chip, err) ? packer_end(&packer, err) : NULL;
    if (packer.zip != NULL)
        zip_discard(packer.zip);
    zip_source_free(packer.target);
    return out;
}

struct rv_blob *rv_baseband_personalise(struct rv_ctx *ctx, struct rv_ipsw *ipsw, plist_t identity, uint64_t ecid,
                                        plist_t arguments, struct rv_error *err)
{
    uint64_t chip = 0;
    RV_AUTO_PLIST request = rv_baseband_request(identity, ecid, arguments, err);
    if (request == NULL)
        return NULL;
    rv_plist_uint(request, "BbChipID", &chip);
    RV_AUTO(rv_blob) bbfw = rv_ipsw_component(ipsw, identity, "BasebandFirmware", err);
    if (bbfw == NULL)
        return NULL;
    RV_AUTO_PLIST answer = rv_tss_ask(ctx, request, err);
    struct rv_blob *out = answer != NULL ? rv_baseband_stitch(rv_blob_span(bbfw), answer, chip, err) : NULL;
    if (out == NULL)
        rv_while(err, "signing the modem's firmware");
    return out;
}
