/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nonces: new at each boot of ROM, own iBoot and iBSS; the same as often as a stage is asked. One that Normal mode has
 * told is shown by Recovery mode after it: idevicerestore signs in Normal mode and starts iBEC with that ticket [I: how
 * long it is kept; here for one start].
 */
#include "sim/model.h"

#include "base/text.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static const char generator_name[] = "com.apple.System.boot-nonce";

/* A7 to A9X show 20 bytes, A10 and later 32 [certain: published strings]. */
bool sim_chip_has_short_nonce(uint32_t chip)
{
    static const uint32_t chips[] = { 0x8960, 0x7000, 0x7001, 0x8000, 0x8001, 0x8003 };
    for (size_t i = 0; i < RV_COUNT(chips); i++)
        if (chips[i] == chip)
            return true;
    return false;
}

size_t sim_nonce_of_generator(uint32_t chip, uint64_t ecid, uint64_t generator, uint8_t out[SIM_NONCE_MAX])
{
    uint8_t in[16], digest[EVP_MAX_MD_SIZE];
    rv_put_u64le(in, generator);
    rv_put_u64le(in + 8, ecid);
    bool small = sim_chip_has_short_nonce(chip);
    /* A12 and later mix the chip's own key in; the ECID stands for it here [I]. */
    bool mixed = !small && chip >= 0x8020;
    unsigned len = 0;
    EVP_Digest(in, mixed ? 16 : 8, digest, &len, small ? EVP_sha1() : EVP_sha384(), NULL);
    size_t take = small ? 20 : 32;
    memset(out, 0, SIM_NONCE_MAX);
    memcpy(out, digest, take);
    return take;
}

static void seeded_digest(struct sim_device *device, const char *purpose, uint8_t out[32])
{
    uint8_t in[52] = { 0 };
    strncpy((char *)in, purpose, 32);
    rv_put_u64le(in + 32, device->nonce_count);
    rv_put_u64le(in + 40, device->identity.ecid);
    rv_put_u32le(in + 48, device->seed);
    unsigned len = 0;
    EVP_Digest(in, sizeof in, out, &len, EVP_sha256(), NULL);
}

static uint64_t seeded_generator(struct sim_device *device)
{
    uint8_t bytes[32];
    uint64_t generator = 0;
    seeded_digest(device, "generator", bytes);
    for (unsigned i = 0; i < 8; i++)
        generator = generator << 8 | bytes[i];
    return generator;
}

void sim_nonce_keep(struct sim_device *device)
{
    char text[24];
    sim_lock(device);
    snprintf(text, sizeof text, "0x%016" PRIx64, seeded_generator(device));
    sim_nvram_put_locked(device, generator_name, text);
    sim_unlock(device);
}

/* What Normal mode has told, own iBoot shows once more. */
static bool kept_generator(struct sim_device *device, uint64_t *out)
{
    char text[24];
    if (!sim_dict_text(device->nvram, generator_name, text, sizeof text))
        return false;
    sim_nvram_put_locked(device, generator_name, NULL);
    return rv_text_number(text, 0, out);
}

void sim_nonce_fresh_locked(struct sim_device *device, bool own_iboot)
{
    uint8_t bytes[32];
    uint64_t generator;
    device->nonce_count++;
    if (!own_iboot || !kept_generator(device, &generator))
        generator = seeded_generator(device);
    device->identity.ap_nonce_len =
        sim_nonce_of_generator(device->identity.chip, device->identity.ecid, generator, device->identity.ap_nonce);
    seeded_digest(device, "sep", bytes);
    memcpy(device->identity.sep_nonce, bytes, sizeof device->identity.sep_nonce);
    sim_device_save_locked(device); /* the count must not go back when the simulator is started anew */
}
