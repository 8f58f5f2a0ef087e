/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/world.h"

#include "base/file.h"
#include "sim/apple.h"
#include "sim/image4.h"

#include <ftw.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const world_part_names[WORLD_PARTS] = {
    "iBSS", "iBEC", "RestoreRamDisk", "RestoreDeviceTree", "RestoreSEP", "RestoreLogo", "RestoreKernelCache"
};
static const char *const part_tags[WORLD_PARTS] = { "ibss", "ibec", "rdsk", "rdtr", "rsep", "rlgo", "rkrn" };
static const char ramdisk[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict>"
    "<key>Variant</key><string>Customer Upgrade Install (IPSW)</string>"
    "<key>RestoreBehavior</key><string>Update</string>"
    "<key>ProductVersion</key><string>11.3</string>"
    "<key>ProductBuildVersion</key><string>15E216</string></dict></plist>\nand the disk image";

enum { AWAIT_MS = 10000, AWAIT_STEP_MS = 5 };

static _Noreturn void give_up(const char *what, const struct rv_error *err)
{
    printf("Bail out! %s: %s\n", what, err->depth > 0 ? err->text[0] : "?");
    exit(1);
}

void world_init(struct world *world, const char *product)
{
    struct rv_error err = { 0 };
    char state[128];
    *world = (struct world){ 0 };
    snprintf(world->dir, sizeof world->dir, "/tmp/revive-sim-XXXXXX");
    if (mkdtemp(world->dir) == NULL)
        give_up("no scratch folder", &err);
    const char *pki = getenv("REVIVE_TEST_PKI");
    snprintf(world->pki, sizeof world->pki, "%s", pki != NULL ? pki : "/tmp/revive-test-pki");
    snprintf(world->root, sizeof world->root, "%s/root.der", world->pki);
    snprintf(state, sizeof state, "%s/phone", world->dir);
    struct sim_create what = {
        .state_dir = state, .product = product, .trust_root = world->root, .data_bytes = 100000, .seed = 7
    };
    if (!sim_pki_make(world->pki, &err) || !sim_device_create(&what, &err))
        give_up("no device", &err);
    for (size_t i = 0; i < WORLD_PARTS; i++) {
        bool is_ramdisk = strcmp(part_tags[i], "rdsk") == 0;
        world->im4p[i] = sim_im4p_make(part_tags[i], "test",
                                       is_ramdisk ? rv_span(ramdisk, sizeof ramdisk - 1)
                                                  : rv_span(world_part_names[i], strlen(world_part_names[i])),
                                       &err);
        if (world->im4p[i] == NULL)
            give_up("no image", &err);
    }
    world_reopen(world);
}

void world_reopen(struct world *world)
{
    struct rv_error err = { 0 };
    char state[128];
    sim_device_close(world->device);
    snprintf(state, sizeof state, "%s/phone", world->dir);
    world->device = sim_device_open(state, &err);
    if (world->device == NULL)
        give_up("no device", &err);
    sim_setting_put(world->device, "time_scale", "0.005");
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

void world_clear(struct world *world)
{
    sim_device_close(world->device);
    for (size_t i = 0; i < WORLD_PARTS; i++)
        rv_blob_free(world->im4p[i]);
    nftw(world->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    *world = (struct world){ 0 };
}

static bool short_digest(const struct sim_identity *identity)
{
    return identity->ap_nonce_len == 20;
}

struct rv_blob *world_ticket(const struct world *world, const struct sim_identity *id)
{
    struct rv_error err = { 0 };
    plist_t r = plist_new_dict();
    plist_dict_set_item(r, "@ApImg4Ticket", plist_new_bool(1));
    plist_dict_set_item(r, "ApECID", plist_new_uint(id->ecid));
    plist_dict_set_item(r, "ApChipID", plist_new_uint(id->chip));
    plist_dict_set_item(r, "ApBoardID", plist_new_uint(id->board));
    plist_dict_set_item(r, "ApSecurityDomain", plist_new_uint(id->domain));
    plist_dict_set_item(r, "ApProductionMode", plist_new_bool(1));
    plist_dict_set_item(r, "ApSecurityMode", plist_new_bool(1));
    plist_dict_set_item(r, "ApNonce", plist_new_data((const char *)id->ap_nonce, id->ap_nonce_len));
    plist_dict_set_item(r, "SepNonce", plist_new_data((const char *)id->sep_nonce, sizeof id->sep_nonce));
    plist_dict_set_item(r, "UniqueBuildID", plist_new_data("01234567890123456789", 20));
    for (size_t i = 0; i < WORLD_PARTS; i++) {
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        EVP_Digest(world->im4p[i]->data, world->im4p[i]->len, digest, &len,
                   short_digest(id) ? EVP_sha1() : EVP_sha384(), NULL);
        plist_t part = plist_new_dict();
        plist_dict_set_item(part, "Digest", plist_new_data((const char *)digest, len));
        plist_dict_set_item(part, "Trusted", plist_new_bool(1));
        plist_dict_set_item(part, "EPRO", plist_new_bool(1));
        plist_dict_set_item(part, "ESEC", plist_new_bool(1));
        plist_dict_set_item(r, world_part_names[i], part);
    }
    struct rv_blob *ticket = sim_sign_ticket(world->pki, r, &err);
    plist_free(r);
    if (ticket == NULL)
        give_up("no ticket", &err);
    return ticket;
}

struct rv_blob *world_image(const struct world *world, const char *part, const struct rv_blob *ticket)
{
    struct rv_error err = { 0 };
    for (size_t i = 0; i < WORLD_PARTS; i++) {
        if (strcmp(world_part_names[i], part) != 0)
            continue;
        struct rv_blob *image = sim_img4_make(rv_blob_span(world->im4p[i]), rv_blob_span(ticket), &err);
        if (image != NULL)
            return image;
    }
    give_up(part, &err);
}

bool world_recorded(const struct world *world, const char *words)
{
    struct rv_error err = { 0 };
    char path[128];
    snprintf(path, sizeof path, "%s/phone/record.jsonl", world->dir);
    RV_AUTO(rv_blob) record = rv_file_read(path, 1 << 24, &err);
    return record != NULL && memmem(record->data, record->len, words, strlen(words)) != NULL;
}

bool world_await_after(const struct world *world, unsigned generation, enum sim_mode mode)
{
    for (int waited = 0; waited < AWAIT_MS; waited += AWAIT_STEP_MS) {
        unsigned now;
        enum sim_mode seen = sim_device_mode(world->device, &now);
        if (seen == mode && now > generation)
            return true;
        (void)poll(NULL, 0, AWAIT_STEP_MS);
    }
    return false;
}

bool world_await(const struct world *world, enum sim_mode mode)
{
    if (mode != SIM_OFF)
        return world_await_after(world, 0, mode);
    for (int waited = 0; waited < AWAIT_MS; waited += AWAIT_STEP_MS) {
        if (sim_device_mode(world->device, NULL) == SIM_OFF)
            return true;
        (void)poll(NULL, 0, AWAIT_STEP_MS);
    }
    return false;
}

int world_control(const struct world *world, uint8_t type, uint8_t request, uint16_t value, uint8_t *data, uint16_t len)
{
    uint8_t setup[8] = {
        type, request, (uint8_t)value, (uint8_t)(value >> 8), 0, 0, (uint8_t)len, (uint8_t)(len >> 8)
    };
    return sim_usb_control(world->device, setup, data, len);
}

int world_command(const struct world *world, const char *command)
{
    uint8_t bytes[512] = { 0 };
    size_t len = strlen(command) + 1;
    memcpy(bytes, command, len);
    return world_control(world, 0x40, 0, 0, bytes, (uint16_t)len);
}

void world_answer(const struct world *world, char *out, size_t size)
{
    uint8_t bytes[255] = { 0 };
    int got = world_control(world, 0xC0, 0, 0, bytes, sizeof bytes);
    snprintf(out, size, "%.*s", got > 0 ? got : 0, (const char *)bytes);
}

void world_upload(const struct world *world, struct rv_span bytes)
{
    uint8_t nothing[1];
    (void)world_control(world, 0x41, 0, 0, nothing, 0);
    for (size_t at = 0; at < bytes.len; at += 0x8000) {
        size_t len = bytes.len - at < 0x8000 ? bytes.len - at : 0x8000;
        (void)sim_usb_bulk_out(world->device, 0x04, bytes.ptr + at, len);
    }
}

bool world_dfu_send(const struct world *world, struct rv_span bytes)
{
    uint8_t block[0x800], status[6], suffix[16] = { 0 }; /* the ROM does not check the sum */
    for (size_t at = 0; at < bytes.len; at += sizeof block) {
        size_t len = bytes.len - at < sizeof block ? bytes.len - at : sizeof block;
        memcpy(block, bytes.ptr + at, len);
        if (world_control(world, 0x21, 1, 0, block, (uint16_t)len) != (int)len ||
            world_control(world, 0xA1, 3, 0, status, 6) != 6 || status[4] != 5)
            return false;
    }
    if (world_control(world, 0x21, 1, 0, suffix, 16) != 16 || world_control(world, 0x21, 1, 0, block, 0) != 0)
        return false;
    for (unsigned state = 6; state <= 8; state++)
        if (world_control(world, 0xA1, 3, 0, status, 6) != 6 || status[4] != state)
            return false;
    return true;
}

void world_string(const struct world *world, uint8_t index, char *out, size_t size)
{
    uint8_t bytes[256], setup[8] = { 0x80, 6, index, 3, 0x09, 0x04, 255, 0 };
    int got = sim_usb_control(world->device, setup, bytes, 255);
    size_t at = 0;
    for (int i = 2; i + 1 < got && at + 1 < size; i += 2)
        out[at++] = (char)bytes[i];
    out[at] = 0;
}
