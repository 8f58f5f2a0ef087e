/* SPDX-License-Identifier: Apache-2.0 */
#include "device/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void play(struct fake_usb *fake)
{
    struct world *world = fake->own;
    while (world->steps_done < world->step_count && world->steps[world->steps_done].at_ms <= world->now)
        world->steps[world->steps_done++].happen(world);
}

static bool mux_list(void *own, struct rv_ctx *ctx, struct rv_mux_id *out, size_t max, size_t *count,
                     struct rv_error *err)
{
    struct world *world = own;
    (void)ctx;
    if (world->mux_missing)
        return rv_fail(err, RV_E_GONE, "no daemon");
    size_t n = world->mux_count < max ? world->mux_count : max;
    memcpy(out, world->mux, n * sizeof out[0]);
    *count = n;
    return true;
}

static bool ask(void *own, struct rv_ctx *ctx, const struct rv_mux_id *id, struct rv_device *out, struct rv_error *err)
{
    struct world *world = own;
    (void)ctx;
    (void)id;
    world->asked++;
    if (world->silent)
        return rv_fail(err, RV_E_TIMEOUT, "no answer");
    out->mode = world->mux_mode;
    out->identity.ecid = world->mux_ecid;
    return true;
}

int world_make(void **state)
{
    struct rv_error err = { 0 };
    struct world *world = calloc(1, sizeof *world);
    *state = world;
    if (world == NULL || !rv_cancel_init(&world->ctx.cancel, &err))
        return -1;
    rv_clock_fake(&world->ctx.clock, &world->now);
    fake_usb_init(&world->usb, &world->ctx);
    world->usb.own = world;
    world->usb.on_wait = play;
    struct rv_fleet_sources sources = { .bus = &world->usb.base, .mux_list = mux_list, .ask = ask, .own = world };
    world->fleet = rv_fleet_open_take(&world->ctx, &sources, &err);
    return world->fleet == NULL ? -1 : 0;
}

int world_remove(void **state)
{
    struct world *world = *state;
    rv_fleet_free(world->fleet);
    rv_cancel_clear(&world->ctx.cancel);
    free(world);
    return 0;
}

void world_script(struct world *world, const struct world_step *steps, size_t count)
{
    memcpy(world->steps, steps, count * sizeof steps[0]);
    world->step_count = count;
}

void world_attach_mux(struct world *world, uint32_t handle, const char *udid, enum rv_mode mode, uint64_t ecid)
{
    struct rv_mux_id *id = &world->mux[world->mux_count++];
    *id = (struct rv_mux_id){ .handle = handle, .product = 0x12A8 };
    snprintf(id->udid, sizeof id->udid, "%s", udid);
    world->mux_mode = mode;
    world->mux_ecid = ecid;
}
