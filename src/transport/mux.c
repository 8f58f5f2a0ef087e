/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libusbmuxd 2.0.2 opens a socket to the daemon for each call and waits at most 5 s for each answer, which
 * a cancel cannot cut short. Its tag counter is a plain global of the library: one lock around every call.
 * It does not hand out LocationID, so rv_mux_id.location stays 0.
 */
#include "transport/mux.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <usbmuxd.h>

enum { PAIR_RECORD_MAX = 1 << 20 };

static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;

static bool fail_daemon(struct rv_error *err)
{
    rv_fail(err, RV_E_GONE, "no usbmux daemon answers%s%s", getenv("USBMUXD_SOCKET_ADDRESS") != NULL ? " at " : "",
            getenv("USBMUXD_SOCKET_ADDRESS") != NULL ? getenv("USBMUXD_SOCKET_ADDRESS") : "");
    return rv_advise(err, RV_ADVICE_NO_MUX);
}

bool rv_mux_list(struct rv_ctx *ctx, struct rv_mux_id *out, size_t max, size_t *count, struct rv_error *err)
{
    usbmuxd_device_info_t *list = NULL;
    if (!rv_cancel_point(&ctx->cancel, err))
        return false;
    pthread_mutex_lock(&library_lock);
    int n = usbmuxd_get_device_list(&list);
    pthread_mutex_unlock(&library_lock);
    if (n < 0)
        return fail_daemon(err);
    size_t found = 0;
    for (int i = 0; i < n && found < max; i++) {
        struct rv_mux_id *id = &out[found++];
        *id = (struct rv_mux_id){
            .handle = list[i].handle,
            .product = (uint16_t)list[i].product_id,
            .network = list[i].conn_type == CONNECTION_TYPE_NETWORK,
        };
        snprintf(id->udid, sizeof id->udid, "%s", list[i].udid);
    }
    usbmuxd_device_list_free(&list);
    *count = found;
    return true;
}

struct rv_stream *rv_mux_connect(struct rv_ctx *ctx, const struct rv_mux_id *id, uint16_t port, struct rv_error *err)
{
    if (!rv_cancel_point(&ctx->cancel, err))
        return NULL;
    pthread_mutex_lock(&library_lock);
    int fd = usbmuxd_connect(id->handle, port);
    pthread_mutex_unlock(&library_lock);
    if (fd >= 0)
        return rv_stream_take_fd(ctx, fd, err);
    if (fd == -ECONNREFUSED)
        rv_fail(err, RV_E_REFUSED, "nothing listens on port %u of the device", port);
    else if (fd == -ENODEV)
        rv_fail(err, RV_E_GONE, "the device has left");
    else
        rv_fail(err, RV_E_GONE, "usbmux gives no connection to port %u of the device (%d)", port, fd);
    return NULL;
}

/* ---- pair records ---- */

/* The place of a device's record among those of this run; count: it has none. Under library_lock. */
static size_t own_pairing(const struct rv_ctx *ctx, const char *udid)
{
    size_t i = 0;
    while (i < ctx->pairings->count && strcmp(ctx->pairings->rows[i].udid, udid) != 0)
        i++;
    return i;
}

static bool keep_own_pairing(struct rv_ctx *ctx, const char *udid, struct rv_span record, struct rv_error *err)
{
    struct rv_blob *copy = rv_blob_copy(record, err);
    if (copy == NULL)
        return false;
    pthread_mutex_lock(&library_lock);
    struct rv_pairings *own = ctx->pairings;
    size_t i = own_pairing(ctx, udid);
    bool room = i < RV_PAIRINGS_MAX && strlen(udid) < sizeof own->rows[0].udid;
    if (room) {
        struct rv_blob *old = i < own->count ? own->rows[i].record : NULL;
        if (old != NULL)
            rv_wipe(old->data, old->len);
        rv_blob_free(old);
        snprintf(own->rows[i].udid, sizeof own->rows[i].udid, "%s", udid);
        own->rows[i].record = copy;
        own->count += i == own->count;
    }
    pthread_mutex_unlock(&library_lock);
    if (!room)
        rv_blob_free(copy);
    return room || rv_fail(err, RV_E_LIMIT, "more than %d devices were paired with in one run", RV_PAIRINGS_MAX);
}

/* False: this run has not paired with the device. *record NULL: there was no memory for the copy. */
static bool find_own_pairing(struct rv_ctx *ctx, const char *udid, struct rv_blob **record, struct rv_error *err)
{
    if (ctx->pairings == NULL)
        return false;
    pthread_mutex_lock(&library_lock);
    size_t i = own_pairing(ctx, udid);
    bool found = i < ctx->pairings->count;
    if (found)
        *record = rv_blob_copy(rv_blob_span(ctx->pairings->rows[i].record), err);
    pthread_mutex_unlock(&library_lock);
    return found;
}

struct rv_blob *rv_mux_pair_record(struct rv_ctx *ctx, const char *udid, struct rv_error *err)
{
    char *data = NULL;
    uint32_t size = 0;
    if (!rv_cancel_point(&ctx->cancel, err))
        return NULL;
    struct rv_blob *own = NULL;
    if (find_own_pairing(ctx, udid, &own, err))
        return own;
    pthread_mutex_lock(&library_lock);
    int n = usbmuxd_read_pair_record(udid, &data, &size);
    pthread_mutex_unlock(&library_lock);
    struct rv_blob *record = NULL;
    if (n == 0 && data != NULL && size > 0 && size <= PAIR_RECORD_MAX)
        record = rv_blob_copy(rv_span(data, size), err);
    else if (n == -EIO)
        fail_daemon(err);
    else if (n == 0 && size > PAIR_RECORD_MAX)
        rv_fail(err, RV_E_LIMIT, "the pair record has %u bytes", size);
    else
        rv_fail(err, RV_E_NOT_FOUND, "this computer has no pair record of the device");
    if (data != NULL)
        rv_wipe(data, size); /* it holds private keys */
    free(data);              /* the library's own malloc */
    return record;
}

bool rv_mux_save_pair_record(struct rv_ctx *ctx, const char *udid, uint32_t handle, struct rv_span record,
                             struct rv_error *err)
{
    if (!rv_cancel_point(&ctx->cancel, err))
        return false;
    if (ctx->pairings != NULL)
        return keep_own_pairing(ctx, udid, record, err);
    pthread_mutex_lock(&library_lock);
    int n = usbmuxd_save_pair_record_with_device_id(udid, handle, (const char *)record.ptr, (uint32_t)record.len);
    pthread_mutex_unlock(&library_lock);
    return n == 0 || rv_fail_sys(err, RV_E_IO, n < 0 ? -n : n, "the usbmux daemon does not save the pair record");
}

bool rv_mux_delete_pair_record(struct rv_ctx *ctx, const char *udid, struct rv_error *err)
{
    if (!rv_cancel_point(&ctx->cancel, err))
        return false;
    if (ctx->pairings != NULL) /* what other programs are trusted by stays */
        return true;
    pthread_mutex_lock(&library_lock);
    int n = usbmuxd_delete_pair_record(udid);
    pthread_mutex_unlock(&library_lock);
    if (n == -ENOENT)
        return rv_fail(err, RV_E_NOT_FOUND, "this computer has no pair record of the device");
    return n == 0 || rv_fail_sys(err, RV_E_IO, n < 0 ? -n : n, "the usbmux daemon does not delete the pair record");
}

bool rv_mux_buid(struct rv_ctx *ctx, char *out, size_t out_size, struct rv_error *err)
{
    char *buid = NULL;
    if (!rv_cancel_point(&ctx->cancel, err))
        return false;
    pthread_mutex_lock(&library_lock);
    int n = usbmuxd_read_buid(&buid);
    pthread_mutex_unlock(&library_lock);
    bool ok = n == 0 && buid != NULL && strlen(buid) < out_size;
    if (ok)
        snprintf(out, out_size, "%s", buid);
    free(buid);
    return ok || fail_daemon(err);
}
