/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A boot loop as the bus shows it: a running system appears, goes away without having been told to, and appears again.
 * The pure part takes looks; the other watches a real bus. That two departures of a running system within three
 * minutes are a loop, and not a hand at the plug, is inferred [I].
 */
#pragma once

#include "device/device.h"

enum rv_rhythm_verdict { RV_RHYTHM_OPEN, RV_RHYTHM_STEADY, RV_RHYTHM_LOOP, RV_RHYTHM_ABSENT };

struct rv_rhythm {
    uint64_t begun_ms;
    bool begun;
    unsigned presence;   /* of the last look; 0: it was not there */
    unsigned departures; /* how often a running system has gone */
    unsigned arrivals;   /* how often one has come */
};

/**
 * One look: where the device is (NONE: nowhere), and a number that differs from one enumeration to the next (not 0).
 * A device in any mode but Normal ends the watch as STEADY: it waits there.
 */
enum rv_rhythm_verdict rv_rhythm_look(struct rv_rhythm *rhythm, uint64_t now_ms, enum rv_mode mode, unsigned presence);

/**
 * Watches the device (NULL: any) on the bus. STEADY: it stays where it is; LOOP; ABSENT: nothing came. Takes a minute,
 * up to three where it moves, less where it stands in Recovery or DFU mode.
 */
bool rv_fleet_watch_rhythm(struct rv_fleet *fleet, const struct rv_device *device, enum rv_rhythm_verdict *out,
                           struct rv_error *err);
