/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/image4.h"

#include <stdio.h>

bool sim_image4_accept(struct rv_span img4, const char *tag, struct rv_span root, const struct sim_identity *identity,
                       unsigned rules, struct rv_span *payload, struct rv_span *ticket, char *why, size_t why_size)
{
    (void)img4, (void)tag, (void)root, (void)identity, (void)rules, (void)payload, (void)ticket;
    snprintf(why, why_size, "not built in yet");
    return false;
}

bool sim_ticket_accept(struct rv_span im4m, struct rv_span root, const struct sim_identity *identity, unsigned rules,
                       char *why, size_t why_size)
{
    (void)im4m, (void)root, (void)identity, (void)rules;
    snprintf(why, why_size, "not built in yet");
    return false;
}

size_t sim_ticket_digest(struct rv_span im4m, const char *tag, uint8_t *to, size_t room)
{
    (void)im4m, (void)tag, (void)to, (void)room;
    return 0;
}

struct rv_blob *sim_im4p_make(const char *tag, const char *version, struct rv_span payload, struct rv_error *err)
{
    (void)tag, (void)version, (void)payload;
    rv_fail(err, RV_E_UNSUPPORTED, "not built in yet");
    return NULL;
}

struct rv_blob *sim_img4_make(struct rv_span im4p, struct rv_span im4m, struct rv_error *err)
{
    (void)im4p, (void)im4m;
    rv_fail(err, RV_E_UNSUPPORTED, "not built in yet");
    return NULL;
}
