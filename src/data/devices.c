/* SPDX-License-Identifier: Apache-2.0 */
#include "data/devices.h"

#include <string.h>
#include <strings.h>

const struct rv_device_row rv_device_rows[] = {
#include "devices_table.inc"
};
const size_t rv_device_row_count = sizeof rv_device_rows / sizeof rv_device_rows[0];

const struct rv_device_row *rv_device_by_chip(uint32_t chip, uint32_t board_id)
{
    for (size_t i = 0; i < rv_device_row_count; i++)
        if (rv_device_rows[i].chip == chip && rv_device_rows[i].board_id >= 0 &&
            (uint32_t)rv_device_rows[i].board_id == board_id)
            return &rv_device_rows[i];
    return NULL;
}

const struct rv_device_row *rv_device_by_product(const char *product, const char *board)
{
    for (size_t i = 0; i < rv_device_row_count; i++)
        if (strcmp(rv_device_rows[i].product, product) == 0 &&
            (board == NULL || strcasecmp(rv_device_rows[i].board, board) == 0))
            return &rv_device_rows[i];
    return NULL;
}
