/* SPDX-License-Identifier: Apache-2.0 */
/* Lays a device as it leaves the factory: identity, boot images signed for its ECID, system volume, user data. */
#include "sim/model.h"

#include "base/file.h"
#include "base/text.h"
#include "data/devices.h"
#include "sim/apple.h"
#include "sim/build_list.h"
#include "sim/image4.h"
#include "sim/tss.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGE_CAP = 256 << 20, INVENTED_SYSTEM = 1 << 20 };
static const uint64_t invented_ecid = 0x000A1B2C3D4E5F26;

/* ROM builds by chip (usb-modes 3.1); A12 to A14 are not published there, "iBoot-0" stands for them. */
static const struct {
    uint32_t chip;
    const char *build;
} roms[] = {
    { 0x8960, "iBoot-1704.10" },         { 0x7000, "iBoot-1992.0.0.1.19" },   { 0x7001, "iBoot-1991.0.0.2.16" },
    { 0x8000, "iBoot-2234.0.0.3.3" },    { 0x8003, "iBoot-2234.0.0.2.22" },   { 0x8001, "iBoot-2481.0.0.2.1" },
    { 0x8010, "iBoot-2696.0.0.1.33" },   { 0x8011, "iBoot-3135.0.0.2.3" },    { 0x8015, "iBoot-3332.0.0.1.23" },
    { 0x8110, "iBoot-6338.0.0.200.19" }, { 0x8120, "iBoot-7195.0.0.300.25" },
};

struct laying {
    const struct sim_create *what;
    struct sim_identity id;
    plist_t identity; /* of the BuildManifest, borrowed */
    plist_t manifest; /* its "Manifest" dictionary, borrowed */
    struct rv_blob *ticket;
    char version[32], build[32], iboot[64];
};

/* ---- identity ---- */

static void digest_of(const char *purpose, uint64_t number, uint8_t out[32])
{
    uint8_t in[40] = { 0 };
    unsigned len = 0;
    strncpy((char *)in, purpose, 32);
    rv_put_u64le(in + 32, number);
    EVP_Digest(in, sizeof in, out, &len, EVP_sha256(), NULL);
}

/* 15 digits that no telephone has: the test range 00 1 01, and a true check digit. */
static void invent_imei(uint64_t ecid, char out[32])
{
    uint8_t bytes[32];
    digest_of("imei", ecid, bytes);
    snprintf(out, 32, "00101");
    for (size_t i = 5; i < 14; i++)
        out[i] = (char)('0' + bytes[i] % 10);
    unsigned sum = 0;
    for (size_t i = 0; i < 14; i++) {
        unsigned digit = (unsigned)(out[i] - '0') * (i % 2 ? 2 : 1);
        sum += digit / 10 + digit % 10;
    }
    out[14] = (char)('0' + (10 - sum % 10) % 10);
    out[15] = 0;
}

static bool invent_identity(const struct sim_create *what, struct sim_identity *id, struct rv_error *err)
{
    const char *product = what->product != NULL ? what->product : "iPhone10,6";
    const struct rv_device_row *row = rv_device_by_product(product, what->model);
    uint8_t bytes[32];
    if (row == NULL || row->board_id < 0 || !row->img4)
        return rv_fail(err, RV_E_NOT_FOUND, "no such device can be played: %s", product);
    *id = (struct sim_identity){ .chip = row->chip, .board = (uint32_t)row->board_id, .domain = 1 };
    id->ecid = what->ecid != 0 ? what->ecid : invented_ecid;
    snprintf(id->product, sizeof id->product, "%s", row->product);
    snprintf(id->model, sizeof id->model, "%s", row->board);
    snprintf(id->name, sizeof id->name, "%s", row->name);
    snprintf(id->rom, sizeof id->rom, "iBoot-0");
    for (size_t i = 0; i < RV_COUNT(roms); i++)
        if (roms[i].chip == id->chip)
            snprintf(id->rom, sizeof id->rom, "%s", roms[i].build);
    digest_of("serial", id->ecid, bytes);
    snprintf(id->serial, sizeof id->serial, "SIM");
    for (size_t i = 0; i < 9; i++)
        id->serial[3 + i] = "0123456789CDFGHJKLMNPQRTVWXY"[bytes[i] % 28];
    /* From A12 on the UDID is chip and ECID; before, 40 digits that follow from nothing visible. */
    if (id->chip >= 0x8020 && !sim_chip_has_short_nonce(id->chip)) {
        snprintf(id->udid, sizeof id->udid, "%08X-%016" PRIX64, id->chip, id->ecid);
    } else {
        digest_of("udid", id->ecid, bytes);
        rv_text_hex(rv_span(bytes, 20), id->udid, sizeof id->udid);
    }
    invent_imei(id->ecid, id->imei);
    return true;
}

/* ---- firmware ---- */

static uint64_t number_in(plist_t dict, const char *key)
{
    char text[32];
    uint64_t value = 0;
    plist_t node = plist_dict_get_item(dict, key);
    if (node != NULL && plist_get_node_type(node) == PLIST_UINT)
        plist_get_uint_val(node, &value);
    else if (sim_dict_text(dict, key, text, sizeof text)) /* "0x8015" */
        (void)rv_text_number(text, 0, &value);
    return value;
}

static plist_t find_identity(plist_t manifest, const struct sim_identity *id)
{
    plist_t list = plist_dict_get_item(manifest, "BuildIdentities"), found = NULL;
    char class[32], behavior[32];
    for (uint32_t i = 0; list != NULL && i < plist_array_get_size(list); i++) {
        plist_t each = plist_array_get_item(list, i), info = plist_dict_get_item(each, "Info");
        if (number_in(each, "ApChipID") != id->chip || number_in(each, "ApBoardID") != id->board ||
            !sim_dict_text(info, "DeviceClass", class, sizeof class) || !rv_text_equal_nocase(class, id->model))
            continue;
        if (found == NULL ||
            (sim_dict_text(info, "RestoreBehavior", behavior, sizeof behavior) && strcmp(behavior, "Update") == 0))
            found = each;
    }
    return found;
}

static void copy_key(plist_t from, plist_t to, const char *key)
{
    plist_t node = plist_dict_get_item(from, key);
    if (node != NULL)
        plist_dict_set_item(to, key, plist_copy(node));
}

/* What Apple's server was asked at the factory: every component of the identity, with the nonce of that day. */
static plist_t factory_request(struct laying *l)
{
    uint8_t nonce[SIM_NONCE_MAX];
    size_t nonce_len = sim_nonce_of_generator(l->id.chip, l->id.ecid, l->what->seed, nonce);
    plist_t request = plist_new_dict();
    plist_dict_set_item(request, "@ApImg4Ticket", plist_new_bool(1));
    plist_dict_set_item(request, "ApECID", plist_new_uint(l->id.ecid));
    plist_dict_set_item(request, "ApChipID", plist_new_uint(l->id.chip));
    plist_dict_set_item(request, "ApBoardID", plist_new_uint(l->id.board));
    plist_dict_set_item(request, "ApSecurityDomain", plist_new_uint(l->id.domain));
    plist_dict_set_item(request, "ApProductionMode", plist_new_bool(1));
    plist_dict_set_item(request, "ApSecurityMode", plist_new_bool(1));
    plist_dict_set_item(request, "ApNonce", plist_new_data((const char *)nonce, nonce_len));
    plist_dict_set_item(request, "SepNonce", plist_new_data((const char *)nonce, 20));
    copy_key(l->identity, request, "UniqueBuildID");
    copy_key(l->identity, request, "PearlCertificationRootPub");
    plist_dict_iter it = NULL;
    plist_dict_new_iter(l->manifest, &it);
    for (;;) {
        char *name = NULL;
        plist_t part = NULL;
        plist_dict_next_item(l->manifest, it, &name, &part);
        if (name == NULL)
            break;
        if (plist_dict_get_item(part, "Digest") != NULL && strcmp(name, "BasebandFirmware") != 0) {
            plist_t copy = plist_copy(part);
            plist_dict_remove_item(copy, "Info");
            plist_dict_set_item(copy, "EPRO", plist_new_bool(1));
            plist_dict_set_item(copy, "ESEC", plist_new_bool(1));
            plist_dict_set_item(request, name, copy);
        }
        free(name);
    }
    free(it);
    return request;
}

static bool write_flash(const char *dir, const char *tag, struct rv_span im4p, struct rv_span im4m,
                        struct rv_error *err)
{
    char path[4096], leaf[256];
    RV_AUTO(rv_blob) image = sim_img4_make(im4p, im4m, err);
    rv_path_safe_leaf(tag, leaf, sizeof leaf);
    snprintf(path, sizeof path, "%s/flash/%s.img4", dir, leaf);
    return (image != NULL && rv_file_write_atomic(path, rv_blob_span(image), 0600, err)) ||
           rv_while(err, "laying %s", tag);
}

/* Own storage holds what boots it, not what a restore loads. */
static bool belongs_in_flash(const char *name, plist_t part)
{
    uint8_t trusted = 0;
    plist_t flag = plist_dict_get_item(part, "Trusted");
    if (flag != NULL && plist_get_node_type(flag) == PLIST_BOOLEAN)
        plist_get_bool_val(flag, &trusted);
    return trusted && !rv_text_starts(name, "Restore") && strcmp(name, "iBSS") != 0 && strcmp(name, "iBEC") != 0 &&
           strcmp(name, "OS") != 0;
}

static struct rv_blob *invented_image(const char *name, struct rv_error *err)
{
    const char *tag = sim_component_tag(name);
    return sim_im4p_make(tag != NULL ? tag : "none", "invented", rv_span(name, strlen(name)), err);
}

static bool lay_component(struct laying *l, const char *name, plist_t part, struct rv_error *err)
{
    char path[512], tag[5];
    plist_t info = plist_dict_get_item(part, "Info");
    if (!belongs_in_flash(name, part) || info == NULL || !sim_dict_text(info, "Path", path, sizeof path))
        return true;
    RV_AUTO(rv_blob)
    im4p = l->what->ipsw != NULL ? sim_ipsw_file(l->what->ipsw, path, IMAGE_CAP, err) : invented_image(name, err);
    if (im4p == NULL)
        return rv_while(err, "taking %s", path);
    if (!sim_im4p_read(rv_blob_span(im4p), tag, NULL))
        return true; /* no image of its own: disk images and caches */
    return write_flash(l->what->state_dir, tag, rv_blob_span(im4p), rv_blob_span(l->ticket), err);
}

static bool lay_components(struct laying *l, struct rv_error *err)
{
    bool ok = true;
    plist_dict_iter it = NULL;
    plist_dict_new_iter(l->manifest, &it);
    while (ok) {
        char *name = NULL;
        plist_t part = NULL;
        plist_dict_next_item(l->manifest, it, &name, &part);
        if (name == NULL)
            break;
        ok = plist_get_node_type(part) != PLIST_DICT || lay_component(l, name, part, err);
        free(name);
    }
    free(it);
    return ok;
}

static bool sign(struct laying *l, struct rv_error *err)
{
    char *pki = rv_text_copy(l->what->trust_root);
    if (pki == NULL)
        return rv_fail_nomem(err);
    char *slash = strrchr(pki, '/');
    if (slash != NULL)
        *slash = 0;
    plist_t request = factory_request(l);
    l->ticket = sim_sign_ticket(slash != NULL ? pki : ".", request, err);
    plist_free(request);
    rv_free(pki);
    return l->ticket != NULL || rv_while(err, "signing the boot images");
}

static bool lay_images(struct laying *l, struct rv_error *err)
{
    sim_dict_text(plist_dict_get_item(l->manifest, "LLB"), "BuildString", l->iboot, sizeof l->iboot);
    l->iboot[strcspn(l->iboot, "~")] = 0;
    return sign(l, err) && lay_components(l, err);
}

static bool lay_firmware(struct laying *l, struct rv_error *err)
{
    char path[4096];
    plist_t manifest = sim_build_manifest(l->what->ipsw);
    if (manifest == NULL)
        return rv_fail(err, RV_E_FORMAT, "%s has no BuildManifest.plist", l->what->ipsw);
    l->identity = find_identity(manifest, &l->id);
    l->manifest = l->identity != NULL ? plist_dict_get_item(l->identity, "Manifest") : NULL;
    snprintf(path, sizeof path, "%s/system.img", l->what->state_dir);
    sim_dict_text(manifest, "ProductVersion", l->version, sizeof l->version);
    sim_dict_text(manifest, "ProductBuildVersion", l->build, sizeof l->build);
    bool ok = l->manifest != NULL || rv_fail(err, RV_E_NOT_FOUND, "%s is not for %s", l->what->ipsw, l->id.product);
    ok = ok && lay_images(l, err) && sim_factory_lay_system(l->what->ipsw, path, err);
    plist_free(manifest);
    return ok;
}

static bool invented_component(struct laying *l, const char *name, struct rv_error *err)
{
    char path[64];
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    RV_AUTO(rv_blob) image = invented_image(name, err);
    if (image == NULL)
        return false;
    EVP_Digest(image->data, image->len, digest, &len, sim_chip_has_short_nonce(l->id.chip) ? EVP_sha1() : EVP_sha384(),
               NULL);
    plist_t part = plist_new_dict(), info = plist_new_dict();
    snprintf(path, sizeof path, "invented/%s.im4p", name);
    plist_dict_set_item(info, "Path", plist_new_string(path));
    plist_dict_set_item(part, "Info", info);
    plist_dict_set_item(part, "Digest", plist_new_data((const char *)digest, len));
    plist_dict_set_item(part, "Trusted", plist_new_bool(1));
    plist_dict_set_item(part, "BuildString", plist_new_string("iBoot-4076.30.43"));
    plist_dict_set_item(l->manifest, name, part);
    return true;
}

/* Without an IPSW: the few images that a boot wants, and a system volume of seeded bytes. */
static bool lay_invented(struct laying *l, struct rv_error *err)
{
    static const char *const names[] = { "DeviceTree", "KernelCache", "LLB", "SEP", "iBoot" };
    static const char build_id[20] = "invented";
    char path[4096];
    bool ok = true;
    l->identity = plist_new_dict();
    l->manifest = plist_new_dict();
    plist_dict_set_item(l->identity, "UniqueBuildID", plist_new_data(build_id, sizeof build_id));
    plist_dict_set_item(l->identity, "Manifest", l->manifest);
    snprintf(l->version, sizeof l->version, "11.2");
    snprintf(l->build, sizeof l->build, "15C114");
    for (size_t i = 0; ok && i < RV_COUNT(names); i++)
        ok = invented_component(l, names[i], err);
    snprintf(path, sizeof path, "%s/system.img", l->what->state_dir);
    ok = ok && lay_images(l, err) && sim_data_lay(path, INVENTED_SYSTEM, l->what->seed ^ 0x51u, err);
    plist_free(l->identity);
    return ok;
}

/* ---- the folder ---- */

static const struct {
    const char *name, *value;
} first_settings[] = {
    { "activation_locked", "no" },
    { "battery", "80" },
    { "device_name", "iPhone" },
    { "find_my", "no" },
    { "locked", "no" },
    { "time_scale", "1" },
    { "trust", "ask" },
};

static bool copy_root(const struct sim_create *what, struct rv_error *err)
{
    char path[4096];
    RV_AUTO(rv_blob) root = rv_file_read(what->trust_root, 1 << 16, err);
    snprintf(path, sizeof path, "%s/root.der", what->state_dir);
    return root != NULL && rv_file_write_atomic(path, rv_blob_span(root), 0600, err);
}

/* The rest of the folder is written by the device itself, once it can be opened. */
static bool write_identity(struct laying *l, struct rv_error *err)
{
    struct sim_device seedling = { .dir = rv_text_copy(l->what->state_dir), .identity = l->id, .record_fd = -1 };
    if (seedling.dir == NULL)
        return rv_fail_nomem(err);
    pthread_mutex_init(&seedling.record_lock, NULL);
    seedling.seed = l->what->seed;
    seedling.settings = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(first_settings); i++)
        plist_dict_set_item(seedling.settings, first_settings[i].name, plist_new_string(first_settings[i].value));
    if (l->iboot[0] != 0)
        plist_dict_set_item(seedling.settings, "iboot_version", plist_new_string(l->iboot));
    sim_device_save_locked(&seedling);
    plist_free(seedling.settings);
    rv_free(seedling.dir);
    pthread_mutex_destroy(&seedling.record_lock);
    return true;
}

bool sim_device_create(const struct sim_create *what, struct rv_error *err)
{
    char path[4096];
    struct laying l = { .what = what };
    if (what->trust_root == NULL)
        return rv_fail(err, RV_E_USAGE, "a new device wants a root of trust");
    snprintf(path, sizeof path, "%s/flash", what->state_dir);
    if (!invent_identity(what, &l.id, err) || !rv_dir_make(what->state_dir, err) || !rv_dir_make(path, err) ||
        !copy_root(what, err))
        return rv_while(err, "laying a new device in %s", what->state_dir);
    bool ok = what->ipsw != NULL ? lay_firmware(&l, err) : lay_invented(&l, err);
    snprintf(path, sizeof path, "%s/data.img", what->state_dir);
    ok = ok && sim_data_lay(path, what->data_bytes, what->seed, err) &&
         sim_installed_write(what->state_dir, l.version, l.build, l.iboot, err) && write_identity(&l, err);
    rv_blob_free(l.ticket);
    return ok || rv_while(err, "laying a new device in %s", what->state_dir);
}
