/* SPDX-License-Identifier: Apache-2.0 */
/* The device table, compiled from data/devices.json. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rv_device_row {
    const char *product; /* "iPhone10,6" */
    const char *board;   /* "D221AP" */
    const char *name;    /* "iPhone X" */
    const char *buttons; /* group of usb-modes 12.1 */
    const char *port;    /* "lightning" */
    uint32_t chip;
    int32_t board_id; /* -1: unknown */
    bool img4;
};
extern const struct rv_device_row rv_device_rows[];
extern const size_t rv_device_row_count;
const struct rv_device_row *rv_device_by_chip(uint32_t chip, uint32_t board_id);          /* NULL: unknown */
const struct rv_device_row *rv_device_by_product(const char *product, const char *board); /* board may be NULL */
