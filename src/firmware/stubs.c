/* SPDX-License-Identifier: Apache-2.0 */
/* What has no file of its own yet. */
#include "firmware/firmware.h"

static void *not_yet(const char *what, struct rv_error *err)
{
    rv_fail(err, RV_E_UNSUPPORTED, "%s is not built yet", what);
    return NULL;
}

struct rv_ticket *rv_ticket_fetch(struct rv_ctx *ctx, const struct rv_ipsw *ipsw, plist_t identity,
                                  const struct rv_target *target, struct rv_error *err)
{
    (void)ctx;
    (void)ipsw;
    (void)identity;
    (void)target;
    return not_yet("asking for a ticket", err);
}

struct rv_ticket *rv_ticket_load(const char *path, struct rv_error *err)
{
    return not_yet(path, err);
}

struct rv_ticket *rv_ticket_from_im4m(struct rv_span im4m, struct rv_error *err)
{
    (void)im4m;
    return not_yet("reading a ticket", err);
}

void rv_ticket_free(struct rv_ticket *ticket)
{
    (void)ticket;
}

struct rv_span rv_ticket_im4m(const struct rv_ticket *ticket)
{
    (void)ticket;
    return rv_span(NULL, 0);
}

plist_t rv_ticket_answer(const struct rv_ticket *ticket)
{
    (void)ticket;
    return NULL;
}

bool rv_ticket_verify(struct rv_ctx *ctx, const struct rv_ticket *ticket, plist_t identity,
                      const struct rv_target *target, enum rv_trust *trust, struct rv_error *err)
{
    (void)ctx;
    (void)ticket;
    (void)identity;
    (void)target;
    (void)trust;
    return not_yet("verifying a ticket", err) != NULL;
}

struct rv_blob *rv_personalise(struct rv_ipsw *ipsw, plist_t identity, const char *component,
                               const struct rv_ticket *ticket, struct rv_error *err)
{
    (void)ipsw;
    (void)identity;
    (void)ticket;
    return not_yet(component, err);
}

plist_t rv_tss_ask(struct rv_ctx *ctx, plist_t request, struct rv_error *err)
{
    (void)ctx;
    (void)request;
    return not_yet("the signing server", err);
}

struct rv_blob *rv_baseband_personalise(struct rv_ctx *ctx, struct rv_ipsw *ipsw, plist_t identity, uint64_t ecid,
                                        plist_t arguments, struct rv_error *err)
{
    (void)ctx;
    (void)ipsw;
    (void)identity;
    (void)ecid;
    (void)arguments;
    return not_yet("the baseband", err);
}
