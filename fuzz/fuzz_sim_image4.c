/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual device's own reader of images and tickets: whatever a host sends, it may only say no. */
#include "sim/image4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sim_identity who = {
        .ecid = 1, .chip = 0x8015, .board = 0x0e, .domain = 1, .ap_nonce_len = 32
    };
    const struct rv_span in = rv_span(data, size);
    char why[128], tag[5];
    uint8_t digest[64];
    struct rv_span payload;
    /* The input stands for the root as well: no certificate of its own may make it accepted without a signature. */
    if (sim_image4_accept(in, "ibss", in, &who, SIM_IMAGE_NEEDS_NONCE, NULL, NULL, why, sizeof why) ||
        sim_ticket_accept(in, in, &who, 0, why, sizeof why))
        __builtin_trap();
    sim_ticket_digest(in, "ibss", digest, sizeof digest);
    sim_ticket_octets(in, "BNCH");
    sim_im4p_read(in, tag, &payload);
    return 0;
}
