/* SPDX-License-Identifier: Apache-2.0 */
/* A small ZIP archive written whole in memory, entries stored as they are. For reports, not for firmware. */
#pragma once

#include "base/bytes.h"

enum { RV_ZIP_STORE_ENTRIES = 256, RV_ZIP_STORE_NAME = 120 };

struct rv_zip_store {
    struct rv_buf bytes; /* the archive as far as it is written */
    struct {
        char name[RV_ZIP_STORE_NAME];
        uint32_t crc, size, offset;
    } entries[RV_ZIP_STORE_ENTRIES];
    size_t count;
    uint16_t dos_time, dos_date;
};

/** Year 1980 to 2107, in the zone of the caller's choice; clamped. */
void rv_zip_store_stamp(struct rv_zip_store *zip, int year, int month, int day, int hour, int minute);
bool rv_zip_store_add(struct rv_zip_store *zip, const char *name, struct rv_span content, struct rv_error *err);
/** Writes the directory; zip->bytes is the archive then. */
bool rv_zip_store_end(struct rv_zip_store *zip, struct rv_error *err);
