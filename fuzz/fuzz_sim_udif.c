/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual device's reader of disk images: tables of any content, chunks never outside of the file. */
#include "sim/diskimage.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_at(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    const struct rv_span *in = context;
    if (offset > in->len || len > in->len - offset)
        return rv_fail(err, RV_E_PROTOCOL, "outside");
    memcpy(to, in->ptr + offset, len);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_error err = { 0 };
    struct rv_span in = rv_span(data, size);
    const struct sim_image_source source = { read_at, &in, size };
    RV_AUTO(sim_udif) udif = sim_udif_open(&source, &err);
    for (size_t i = 0; udif && i < sim_udif_chunk_count(udif); i++) {
        const struct sim_udif_chunk *chunk = sim_udif_chunk_at(udif, i);
        bool stored = chunk->kind == SIM_CHUNK_RAW || chunk->kind == SIM_CHUNK_ZLIB;
        if (chunk->sector + chunk->sectors > sim_udif_bytes(udif) / SIM_UDIF_SECTOR ||
            (stored && chunk->offset + chunk->length > size))
            __builtin_trap();
    }
    return 0;
}
