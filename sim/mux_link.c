/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/services.h"

struct sim_mux_link *sim_mux_link_new(struct sim_device *device, void (*readable)(void *), void *context)
{
    (void)device;
    (void)readable;
    (void)context;
    return NULL;
}

void sim_mux_link_free(struct sim_mux_link *link)
{
    (void)link;
}

void sim_mux_link_out(struct sim_mux_link *link, const uint8_t *data, size_t len)
{
    (void)link;
    (void)data;
    (void)len;
}

size_t sim_mux_link_in(struct sim_mux_link *link, uint8_t *to, size_t room)
{
    (void)link;
    (void)to;
    (void)room;
    return 0;
}
