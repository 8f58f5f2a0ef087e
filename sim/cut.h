/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blow at a place, not at a time. Whatever the device hears, says or does counts as one event; at the Nth event
 * from now the cable is pulled, or the device stands still until it is told to go on, so that a test can put an end
 * to the program at the other side at exactly this place.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_device;

enum sim_cut_kind { SIM_CUT_NONE, SIM_CUT_PULL, SIM_CUT_HOLD };

struct sim_cut {
    _Atomic uint64_t events; /* so far */
    _Atomic uint64_t at;     /* the event that is struck; 0: none */
    pthread_mutex_t lock;    /* guards what follows; nothing else is taken while it is held */
    pthread_cond_t changed;
    enum sim_cut_kind kind;
    bool due, struck, held, ending;
    pthread_t hand; /* pulls the cable: the one who counts may hold the device's lock */
    bool hand_runs;
};

void sim_cut_init(struct sim_cut *cut);
/** Ends the hand and lets everybody go. */
void sim_cut_end(struct sim_cut *cut);
/** Orders the blow; false: no thread. `in` counts from 1. SIM_CUT_NONE takes an order back and lets go. */
bool sim_cut_order(struct sim_device *device, enum sim_cut_kind kind, uint64_t in);
/** Until the blow fell; false: not within timeout_ms. */
bool sim_cut_wait(struct sim_device *device, uint64_t timeout_ms);
uint64_t sim_cut_events(struct sim_device *device);
/** One event; any thread, with or without the device's lock. NULL is allowed: then nothing counts. */
void sim_cut_event(struct sim_device *device);
