/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/mux.h"

bool rv_mux_list(struct rv_ctx *ctx, struct rv_mux_id *out, size_t max, size_t *count, struct rv_error *err)
{
    (void)ctx;
    (void)out;
    (void)max;
    (void)count;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

struct rv_stream *rv_mux_connect(struct rv_ctx *ctx, const struct rv_mux_id *id, uint16_t port, struct rv_error *err)
{
    (void)ctx;
    (void)id;
    (void)port;
    rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
    return NULL;
}

struct rv_blob *rv_mux_pair_record(struct rv_ctx *ctx, const char *udid, struct rv_error *err)
{
    (void)ctx;
    (void)udid;
    rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
    return NULL;
}

bool rv_mux_save_pair_record(struct rv_ctx *ctx, const char *udid, uint32_t handle, struct rv_span record,
                             struct rv_error *err)
{
    (void)ctx;
    (void)udid;
    (void)handle;
    (void)record;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_mux_delete_pair_record(struct rv_ctx *ctx, const char *udid, struct rv_error *err)
{
    (void)ctx;
    (void)udid;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_mux_buid(struct rv_ctx *ctx, char *out, size_t out_size, struct rv_error *err)
{
    (void)ctx;
    (void)out;
    (void)out_size;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}
