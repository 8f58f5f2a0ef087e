/* SPDX-License-Identifier: Apache-2.0 */
/* Both buses in memory, on a fake clock, with a script of what happens when. */
#pragma once

#include "support/fake_usb.h"
#include "support/rv_test.h"

#include "device/fleet_parts.h"

enum { WORLD_STEPS = 16 };

#define ECID_X 0x000C2C680044E02Eull
#define UDID_X "d0afcec7cd3457a32cd94cb20dd5cdcb1c9c8ef9"
#define SERIAL_X_RECOVERY                                                                                              \
    "SDOM:01 CPID:8015 CPRV:11 CPFM:03 SCEP:01 BDID:0E ECID:000C2C680044E02E IBFL:3D SRNM:[FK1WT6BPJCLH]"
#define SERIAL_X_DFU                                                                                                   \
    "CPID:8015 CPRV:11 CPFM:03 SCEP:01 BDID:0E ECID:000C2C680044E02E IBFL:3C SRTG:[iBoot-3332.0.0.1.23]"
#define SERIAL_8_RECOVERY                                                                                              \
    "SDOM:01 CPID:8015 CPRV:11 CPFM:03 SCEP:01 BDID:0C ECID:00113DD918D2402E IBFL:3C SRNM:[FD3VW25VJCM4]"

struct world;
struct world_step {
    uint64_t at_ms;
    void (*happen)(struct world *world);
};

struct world {
    uint64_t now;
    struct rv_ctx ctx;
    struct fake_usb usb;
    struct rv_mux_id mux[4];
    size_t mux_count;
    bool mux_missing;
    /* what the device behind the mux entry answers */
    bool silent;
    enum rv_mode mux_mode;
    uint64_t mux_ecid;
    unsigned asked;
    struct world_step steps[WORLD_STEPS];
    size_t step_count, steps_done;
    struct rv_fleet *fleet;
};

int world_make(void **state);
int world_remove(void **state);
void world_script(struct world *world, const struct world_step *steps, size_t count);
void world_attach_mux(struct world *world, uint32_t handle, const char *udid, enum rv_mode mode, uint64_t ecid);

#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
#define WORLD_SCRIPT(world, ...)                                                                                       \
    do {                                                                                                               \
        static const struct world_step steps_[] = { __VA_ARGS__ };                                                     \
        world_script(world, steps_, sizeof steps_ / sizeof steps_[0]);                                                 \
    } while (0)
