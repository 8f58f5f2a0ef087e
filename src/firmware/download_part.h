/* SPDX-License-Identifier: Apache-2.0 */
/* The unfinished file beside its final name: NAME.part holds bytes, NAME.part.json which of them count. */
#pragma once

#include "base/file.h"

struct rv_part {
    int fd;
    char *path, *state_path;
    char url[512];
    char validator[128];   /* names the state of the file on the server; "" when nothing does */
    const char *digest;    /* announced, hex; NULL or "": none */
    bool went_on;          /* with bytes of an earlier run */
    uint64_t total, chunk; /* chunk: bytes that are fetched and counted together; the last one may be shorter */
    size_t chunks;
    uint8_t *done; /* one byte a chunk */
};
#define RV_PART ((struct rv_part){ .fd = -1 })

/**
 * Opens what an earlier run left for the same file of the same server (url, size, and validator
 * or announced digest: with neither, a file that was replaced could not be told), or begins anew: room is
 * asked for first. NOSPACE names what is needed and what is free.
 */
bool rv_part_open(struct rv_part *part, const char *final_path, struct rv_error *err);
/** Writes down which chunks count, after their bytes have reached the disk. */
bool rv_part_save(struct rv_part *part, struct rv_error *err);
/** Nothing of it stays. */
void rv_part_discard(struct rv_part *part);
void rv_part_clear(struct rv_part *part);

uint64_t rv_part_first(const struct rv_part *part, size_t chunk);
uint64_t rv_part_length(const struct rv_part *part, size_t chunk);
