/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of notices, lock and notices is what sync programs keep to; the assertion is what keeps a phone awake whose
 * screen locks by itself. Sources: libimobiledevice 1.3.0 tools/idevicebackup2.c (lock, notices), pymobiledevice3
 * services/power_assertion.py.
 */
#include "backup/sync.h"

#include "proto/afc.h"
#include "proto/notify.h"
#include "proto/plist_frame.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { LOCK_TRIES = 50, LOCK_PAUSE_MS = 200, LISTEN_MS = 1000, ASSERTION_MS = 10000 };
enum { AWAKE_SECONDS = 12 * 60 * 60 }; /* an upper bound: it ends with the connection */

struct rv_sync {
    struct rv_ctx *ctx;
    struct rv_notify *notify; /* NULL: the phone has no such service */
    struct rv_afc *media;
    struct rv_stream *awake;
    uint64_t lock;
    bool locked, listens;
    pthread_t listener;
    pthread_mutex_t mutex; /* of the agent: it may go while a cancel comes */
    struct rv_mb2 *agent;
    atomic_bool ends, cancelled, asks, heard;
};

/* ---- what the phone says ---- */

static void cancel(struct rv_sync *s)
{
    atomic_store(&s->cancelled, true);
    pthread_mutex_lock(&s->mutex);
    if (s->agent != NULL)
        rv_mb2_stop(s->agent);
    pthread_mutex_unlock(&s->mutex);
}

static void hear(struct rv_sync *s, const char *name)
{
    static const char screen[] = "com.apple.LocalAuthentication.ui.";
    if (strcmp(name, "com.apple.itunes-client.syncCancelRequest") == 0)
        cancel(s);
    if (strncmp(name, screen, sizeof screen - 1) != 0)
        return;
    atomic_store(&s->asks, strcmp(name + sizeof screen - 1, "presented") == 0);
    atomic_store(&s->heard, true);
}

static void *listen_to_phone(void *context)
{
    struct rv_sync *s = context;
    while (!atomic_load(&s->ends)) {
        char name[RV_NOTIFY_NAME];
        struct rv_error err = { 0 };
        if (rv_notify_next(s->notify, LISTEN_MS, name, &err))
            hear(s, name);
        else if (err.code != RV_E_TIMEOUT)
            break;
    }
    return NULL;
}

static void post(struct rv_sync *s, const char *name)
{
    struct rv_error none = { 0 };
    if (s->notify != NULL)
        (void)rv_notify_post(s->notify, name, &none);
}

static bool open_notices(struct rv_sync *s, struct rv_lockdown *link, struct rv_error *err)
{
    static const char *const wanted[] = {
        "com.apple.itunes-client.syncCancelRequest",  "com.apple.itunes-client.syncSuspendRequest",
        "com.apple.itunes-client.syncResumeRequest",  "com.apple.mobile.backup.domain_changed",
        "com.apple.LocalAuthentication.ui.presented", "com.apple.LocalAuthentication.ui.dismissed",
    };
    struct rv_error why = { 0 };
    struct rv_stream *stream = rv_lockdown_service(link, "com.apple.mobile.notification_proxy", &why);
    if (stream == NULL) {
        rv_log(s->ctx->log, RV_LOG_DEBUG, "backup", "no notices of the phone: %s", why.text[0]);
        return true;
    }
    s->notify = rv_notify_take(stream, err);
    bool fine = s->notify != NULL;
    for (size_t i = 0; fine && i < RV_COUNT(wanted); i++)
        fine = rv_notify_observe(s->notify, wanted[i], err);
    if (!fine)
        return false;
    s->listens = pthread_create(&s->listener, NULL, listen_to_phone, s) == 0;
    return s->listens || rv_fail(err, RV_E_NOMEM, "no thread to listen to the phone");
}

/* ---- awake ---- */

/* Without it a long backup ends with 208 when the screen locks. */
static void keep_awake(struct rv_sync *s, struct rv_lockdown *link)
{
    struct rv_error why = { 0 };
    s->awake = rv_lockdown_service(link, "com.apple.mobile.assertion_agent", &why);
    RV_AUTO_PLIST message = plist_new_dict();
    plist_dict_set_item(message, "CommandKey", plist_new_string("CommandCreateAssertion"));
    plist_dict_set_item(message, "AssertionTypeKey", plist_new_string("PreventUserIdleSystemSleep"));
    plist_dict_set_item(message, "AssertionNameKey", plist_new_string("revive backup"));
    plist_dict_set_item(message, "AssertionTimeoutKey", plist_new_uint(AWAKE_SECONDS));
    RV_AUTO_PLIST answer = s->awake != NULL && rv_plist_send(s->awake, message, true, ASSERTION_MS, &why)
                               ? rv_plist_receive(s->awake, ASSERTION_MS, &why)
                               : NULL;
    if (answer == NULL)
        rv_log(s->ctx->log, RV_LOG_DEBUG, "backup", "the phone is not kept awake: %s", why.text[0]);
}

/* ---- the lock ---- */

static bool wait_for_lock(struct rv_sync *s, struct rv_error *err)
{
    for (unsigned tried = 0; tried < LOCK_TRIES; tried++) {
        struct rv_error why = { 0 };
        if (rv_afc_lock(s->media, s->lock, &why))
            return s->locked = true;
        if (why.code != RV_E_BUSY) {
            *err = why;
            return false;
        }
        if (!rv_clock_pause(&s->ctx->clock, LOCK_PAUSE_MS, "another program synchronises with the phone",
                            &s->ctx->cancel, err))
            return false;
    }
    rv_fail(err, RV_E_BUSY, "another program has been synchronising with the phone for %d seconds",
            LOCK_TRIES * LOCK_PAUSE_MS / 1000);
    return rv_advise(err, RV_ADVICE_BACKUP_SYNCING);
}

static bool take_lock(struct rv_sync *s, struct rv_lockdown *link, struct rv_error *err)
{
    struct rv_error why = { 0 };
    struct rv_stream *stream = rv_lockdown_service(link, "com.apple.afc", &why);
    s->media = stream != NULL ? rv_afc_take(stream, &why) : NULL;
    if (s->media == NULL || !rv_afc_open_lock(s->media, "/com.apple.itunes.lock_sync", &s->lock, &why)) {
        rv_log(s->ctx->log, RV_LOG_DEBUG, "backup", "no lock of the phone: %s", why.text[0]);
        return true;
    }
    post(s, "com.apple.itunes-mobdev.syncLockRequest");
    return wait_for_lock(s, err);
}

/* ---- the whole ---- */

struct rv_sync *rv_sync_begin(struct rv_ctx *ctx, struct rv_lockdown *link, struct rv_error *err)
{
    struct rv_sync *s = rv_alloc(sizeof *s);
    if (s == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    s->ctx = ctx;
    pthread_mutex_init(&s->mutex, NULL);
    bool fine = open_notices(s, link, err);
    post(s, "com.apple.itunes-mobdev.syncWillStart");
    fine = fine && take_lock(s, link, err);
    if (!fine) {
        rv_sync_free(s);
        rv_while(err, "telling the phone that it is being synchronised");
        return NULL;
    }
    post(s, "com.apple.itunes-mobdev.syncDidStart");
    keep_awake(s, link);
    return s;
}

void rv_sync_free(struct rv_sync *s)
{
    if (s == NULL)
        return;
    if (s->locked)
        rv_afc_unlock(s->media, s->lock);
    post(s, "com.apple.itunes-mobdev.syncDidFinish");
    atomic_store(&s->ends, true);
    if (s->listens) {
        rv_notify_stop(s->notify);
        pthread_join(s->listener, NULL);
    }
    rv_stream_free(s->awake);
    rv_afc_free(s->media);
    rv_notify_free(s->notify);
    pthread_mutex_destroy(&s->mutex);
    rv_free(s);
}

void rv_sync_guard(struct rv_sync *s, struct rv_mb2 *agent)
{
    pthread_mutex_lock(&s->mutex);
    s->agent = agent;
    pthread_mutex_unlock(&s->mutex);
    if (agent != NULL && atomic_load(&s->cancelled))
        rv_mb2_stop(agent);
}

void rv_sync_release(struct rv_sync *s)
{
    rv_sync_guard(s, NULL);
}

bool rv_sync_cancelled(struct rv_sync *s)
{
    return atomic_load(&s->cancelled);
}

bool rv_sync_asks_passcode(struct rv_sync *s, bool *heard)
{
    *heard = atomic_load(&s->heard);
    return atomic_load(&s->asks);
}

/* ---- files beside the backup ---- */

bool rv_sync_put(struct rv_sync *s, const char *folder, const char *path, struct rv_span bytes, struct rv_error *err)
{
    struct rv_error there = { 0 };
    if (s->media == NULL)
        return rv_fail(err, RV_E_UNSUPPORTED, "the phone's media folder cannot be reached");
    (void)rv_afc_make_folder(s->media, folder, &there);
    return rv_afc_write(s->media, path, bytes, err);
}

void rv_sync_take_back(struct rv_sync *s, const char *folder, const char *path)
{
    struct rv_error none = { 0 };
    if (s->media != NULL && rv_afc_remove(s->media, path, &none))
        (void)rv_afc_remove(s->media, folder, &none);
}

struct gathering {
    struct rv_buf bytes;
};

static bool gather(void *context, struct rv_span piece, struct rv_error *err)
{
    return rv_buf_add(&((struct gathering *)context)->bytes, piece, err);
}

struct rv_blob *rv_sync_get(struct rv_sync *s, const char *path, size_t cap)
{
    struct rv_error none = { 0 };
    struct gathering all = { .bytes = RV_BUF(cap) };
    struct rv_blob *blob = NULL;
    if (s->media != NULL && rv_afc_read(s->media, path, gather, &all, &none))
        blob = rv_blob_copy(rv_buf_span(&all.bytes), &none);
    rv_buf_clear(&all.bytes);
    return blob;
}
