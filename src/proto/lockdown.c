/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/lockdown.h"

struct rv_lockdown *rv_lockdown_open(struct rv_ctx *ctx, const struct rv_mux_id *id, struct rv_error *err)
{
    (void)ctx;
    (void)id;
    rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
    return NULL;
}

void rv_lockdown_free(struct rv_lockdown *link)
{
    (void)link;
}

bool rv_lockdown_type(struct rv_lockdown *link, char *out, size_t out_size, struct rv_error *err)
{
    (void)link;
    (void)out;
    (void)out_size;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

plist_t rv_lockdown_get(struct rv_lockdown *link, const char *domain, const char *key, struct rv_error *err)
{
    (void)link;
    (void)domain;
    (void)key;
    rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
    return NULL;
}

bool rv_lockdown_session(struct rv_lockdown *link, struct rv_error *err)
{
    (void)link;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_lockdown_pair(struct rv_lockdown *link, uint32_t wait_ms, struct rv_error *err)
{
    (void)link;
    (void)wait_ms;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

struct rv_stream *rv_lockdown_service(struct rv_lockdown *link, const char *service, struct rv_error *err)
{
    (void)link;
    (void)service;
    rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
    return NULL;
}

bool rv_lockdown_enter_recovery(struct rv_lockdown *link, struct rv_error *err)
{
    (void)link;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}
