/* SPDX-License-Identifier: Apache-2.0 */
/* A device in a folder of its own, and firmware images signed for it: for tests and witnesses. */
#pragma once

#include "sim/device.h"

enum { WORLD_PARTS = 7 };
struct world {
    char dir[64];  /* removed by world_clear */
    char pki[256]; /* shared by all tests: keys take seconds to make */
    char root[300];
    struct sim_device *device;
    struct rv_blob *im4p[WORLD_PARTS]; /* of world_part_names */
};
extern const char *const world_part_names[WORLD_PARTS]; /* "iBSS" … */

/** Lays a device (product NULL: iPhone10,6) and opens it with the scale 0.01; it is off. Prints and exits on failure.
 */
void world_init(struct world *world, const char *product);
void world_reopen(struct world *world);
void world_clear(struct world *world);
/** A ticket for this identity that covers all parts. Caller frees. */
struct rv_blob *world_ticket(const struct world *world, const struct sim_identity *identity);
/** A part, signed by `ticket`. Caller frees. */
struct rv_blob *world_image(const struct world *world, const char *part, const struct rv_blob *ticket);
/** The record of the device holds these words. */
bool world_recorded(const struct world *world, const char *words);
/** Waits up to 10 s for a mode on the bus. */
bool world_await(const struct world *world, enum sim_mode mode);
/** Waits for another attach than this one, up to 10 s. */
bool world_await_after(const struct world *world, unsigned generation, enum sim_mode mode);

/* USB of the device in short. */
int world_control(const struct world *world, uint8_t type, uint8_t request, uint16_t value, uint8_t *data,
                  uint16_t len);
int world_command(const struct world *world, const char *command);
/** Reply of the last command. */
void world_answer(const struct world *world, char *out, size_t size);
void world_upload(const struct world *world, struct rv_span bytes);
/** The whole DFU download with suffix, up to state 8; false when a block is refused. */
bool world_dfu_send(const struct world *world, struct rv_span bytes);
/** String descriptor as text. */
void world_string(const struct world *world, uint8_t index, char *out, size_t size);
