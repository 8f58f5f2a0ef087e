/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long revive waits for a device that says nothing, phase by phase: real-device values, scaled once by
 * REVIVE_DEADLINE_SCALE and never below three seconds (base/clock.h). Each is the reference client's own
 * (idevicerestore, libirecovery) or longer; what ends a wait early is the device turning up in another mode (where.c).
 *
 * Waits of single transfers stand with their protocol: 10 s for each USB request (proto/dfu.c, proto/iboot.c), 60 s
 * without progress while something is sent, 30 s for an answer of restored (proto/restored.c), 60 s without progress
 * in the image stream (proto/asr.c), 20 s in a proxy connection, 600 s between two of its messages (proto/fdr.c).
 */
#pragma once

enum rv_patience {
    /* finding it */
    RV_WAIT_FIND_MS = 60000,      /* resume names a device that may be restarting right now, which takes 25 to 40 s */
    RV_WAIT_AGAIN_MS = 5000,      /* the same presence, before a step is tried again */
    RV_WAIT_STARTING_MS = 120000, /* a restart takes 25 to 40 s, lockdown answers 5 to 20 s after the first sight */
    RV_WAIT_LOST_MS = 20000,      /* a device that left the installation and restarts is back within this */
    /* into Recovery mode */
    RV_WAIT_LEAVE_MS = 60000,    /* to leave the bus; reference: 60 s to leave and 60 s to come back */
    RV_WAIT_RETURN_MS = 60000,   /* to come back; slow hubs need it */
    RV_WAIT_LOOP_MS = 30000,     /* a system in a boot loop shows itself for seconds, then falls back within 10 s */
    RV_WAIT_RESTORED_MS = 10000, /* a restore program that an earlier run left waiting */
    RV_WAIT_DEAF_MS = 180000,    /* restored restarts the device 120 s after it opened its port in vain */
    /* into Restore mode */
    RV_WAIT_BOOTX_MS = 30000,    /* to leave the bus after `bootx` */
    RV_WAIT_RESTORE_MS = 300000, /* to show the restore program; reference: 300 s */
    RV_WAIT_OPEN_MS = 30000,     /* its port */
    /* installing */
    RV_WAIT_QUIET_S = 300,        /* between two messages; operations with a figure of their own set it (words.c) */
    RV_WAIT_FAILURE_S = 120,      /* after a reported failure: devices of 26.5 were seen to vanish then */
    RV_WAIT_INSTALL_S = 4 * 3600, /* the whole step, however much it talks: 17 minutes is the longest seen */
    /* the first start */
    RV_WAIT_START_MS = 1800000,   /* "Attempting data recovery" was seen to take 15 minutes: twice that */
    RV_WAIT_LOCKDOWN_MS = 120000, /* usbmux sees the device 5 to 20 s before lockdown answers fully */
};

/* A device that talks for ever is no better than a silent one: a restore has about a thousand messages. */
enum { RV_MESSAGES_MAX = 20000 };
