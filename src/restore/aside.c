/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers given aside. From iOS 18 on the device asks for several things at once (AsyncDataRequestMsg, DataPort) and
 * goes on telling on the control connection; a server that takes its time must hold up neither that nor the image.
 */
#include "restore/install.h"

#include <string.h>

static void *answer(void *context)
{
    struct rv_aside *aside = context;
    struct rv_install *in = aside->in;
    struct rv_error err = { 0 };
    if (!rv_install_answer(in, &aside->request, &err)) {
        rv_log(in->r->ctx->log, RV_LOG_ERROR, "restore", "answering %.60s aside: %s", aside->request.type, err.text[0]);
        /* A port of its own may be closed by a device that no longer wants it; on the control connection it waits. */
        pthread_mutex_lock(&in->lock);
        if (aside->request.data_port == 0 && in->aside_failed.code == RV_OK)
            in->aside_failed = err;
        pthread_mutex_unlock(&in->lock);
    }
    aside->ended = true;
    return NULL;
}

bool rv_aside_check(struct rv_install *in, struct rv_error *err)
{
    pthread_mutex_lock(&in->lock);
    bool fine = in->aside_failed.code == RV_OK;
    if (!fine)
        *err = in->aside_failed;
    pthread_mutex_unlock(&in->lock);
    return fine;
}

static void join(struct rv_aside *aside)
{
    pthread_join(aside->thread, NULL);
    rv_plist_auto(&aside->message);
    aside->ended = false;
}

/* A free place; those whose work is done are free again. */
static struct rv_aside *place(struct rv_install *in)
{
    struct rv_aside *found = NULL;
    for (size_t i = 0; i < RV_ASIDE_MAX; i++) {
        struct rv_aside *aside = &in->asides[i];
        if (aside->message != NULL && aside->ended)
            join(aside);
        if (aside->message == NULL && found == NULL)
            found = aside;
    }
    return found;
}

bool rv_aside_begin(struct rv_install *in, plist_t message, struct rv_error *err)
{
    struct rv_aside *aside = place(in);
    if (aside == NULL)
        return rv_fail(err, RV_E_LIMIT, "the device asks for more than %d things at once", RV_ASIDE_MAX);
    plist_t copy = plist_copy(message);
    aside->in = in;
    if (!rv_request_read(copy, &aside->request, err)) {
        plist_free(copy);
        return false;
    }
    if (pthread_create(&aside->thread, NULL, answer, aside) != 0) {
        plist_free(copy);
        return rv_fail(err, RV_E_NOMEM, "no thread can be started for a request");
    }
    aside->message = copy;
    return true;
}

void rv_aside_end(struct rv_install *in)
{
    for (size_t i = 0; i < RV_ASIDE_MAX; i++)
        if (in->asides[i].message != NULL)
            join(&in->asides[i]);
}

bool rv_aside_working(const struct rv_install *in)
{
    for (size_t i = 0; i < RV_ASIDE_MAX; i++)
        if (in->asides[i].message != NULL && !in->asides[i].ended)
            return true;
    return false;
}
