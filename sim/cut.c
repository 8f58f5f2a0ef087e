/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/cut.h"

#include "sim/model.h"

#include <time.h>

void sim_cut_init(struct sim_cut *cut)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&cut->lock, NULL);
    pthread_cond_init(&cut->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void sim_cut_end(struct sim_cut *cut)
{
    pthread_mutex_lock(&cut->lock);
    cut->ending = true;
    cut->held = false;
    cut->at = 0;
    pthread_cond_broadcast(&cut->changed);
    pthread_mutex_unlock(&cut->lock);
    if (!cut->hand_runs)
        return;
    pthread_join(cut->hand, NULL);
    cut->hand_runs = false;
}

/* Lives until the device is closed: that joins it before anything it needs goes. */
static void *hand_body(void *context)
{
    struct sim_device *device = context;
    struct sim_cut *cut = &device->cut;
    pthread_mutex_lock(&cut->lock);
    while (!cut->ending) {
        if (!cut->due) {
            pthread_cond_wait(&cut->changed, &cut->lock);
            continue;
        }
        cut->due = false;
        pthread_mutex_unlock(&cut->lock);
        sim_device_unplug(device);
        pthread_mutex_lock(&cut->lock);
        cut->struck = true;
        pthread_cond_broadcast(&cut->changed);
    }
    pthread_mutex_unlock(&cut->lock);
    return NULL;
}

bool sim_cut_order(struct sim_device *device, enum sim_cut_kind kind, uint64_t in)
{
    struct sim_cut *cut = &device->cut;
    pthread_mutex_lock(&cut->lock);
    if (kind == SIM_CUT_PULL && !cut->hand_runs)
        cut->hand_runs = pthread_create(&cut->hand, NULL, hand_body, device) == 0;
    bool good = kind != SIM_CUT_PULL || cut->hand_runs;
    cut->kind = good ? kind : SIM_CUT_NONE;
    cut->due = cut->struck = cut->held = false;
    cut->at = good && kind != SIM_CUT_NONE ? cut->events + in : 0;
    pthread_cond_broadcast(&cut->changed);
    pthread_mutex_unlock(&cut->lock);
    return good;
}

bool sim_cut_wait(struct sim_device *device, uint64_t timeout_ms)
{
    struct sim_cut *cut = &device->cut;
    uint64_t until = sim_now_ms() + timeout_ms;
    struct timespec at = { .tv_sec = (time_t)(until / 1000), .tv_nsec = (long)(until % 1000) * 1000000 };
    int status = 0;
    pthread_mutex_lock(&cut->lock);
    while (!cut->struck && !cut->ending && status == 0)
        status = pthread_cond_timedwait(&cut->changed, &cut->lock, &at);
    bool struck = cut->struck;
    pthread_mutex_unlock(&cut->lock);
    return struck;
}

uint64_t sim_cut_events(struct sim_device *device)
{
    return device->cut.events;
}

void sim_cut_event(struct sim_device *device)
{
    if (device == NULL)
        return;
    struct sim_cut *cut = &device->cut;
    uint64_t now = ++cut->events, at = cut->at;
    if (at == 0 || now < at)
        return;
    pthread_mutex_lock(&cut->lock);
    if (cut->at == 0 || now < cut->at) {
        pthread_mutex_unlock(&cut->lock);
        return;
    }
    if (cut->kind == SIM_CUT_PULL) {
        cut->at = 0;
        cut->due = true;
        pthread_cond_broadcast(&cut->changed);
    } else {
        /* Everybody who comes after the blow waits too. */
        cut->held = cut->struck = true;
        pthread_cond_broadcast(&cut->changed);
        while (cut->held)
            pthread_cond_wait(&cut->changed, &cut->lock);
    }
    pthread_mutex_unlock(&cut->lock);
}
