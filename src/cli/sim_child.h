/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --sim: the virtual iPhone as children of this process, for its time only. They are reached as any device is,
 * through settings that everybody may set (USBMUXD_SOCKET_ADDRESS, REVIVE_USB, REVIVE_APPLE_TSS,
 * REVIVE_TRUST_ROOT); nothing else in the program knows.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

enum { RV_SIM_PATH = 512 };

struct rv_sim {
    char folder[RV_SIM_PATH]; /* sockets; and the scene, unless the person named one */
    char scene[RV_SIM_PATH];  /* made by `revive-sim stage`: phone, keys, firmware files */
    pid_t apple, phone;       /* 0: not running */
};

/**
 * spec: "" or a situation ("boot-loop", "recovery", "dfu", "normal") in a new scene that ends with the command;
 * or the folder of a scene, laid there when it is not there yet, that stays. Sets the environment.
 */
bool rv_sim_start(struct rv_sim *sim, const char *spec, struct rv_error *err);
/** Ends the children and removes a scene of its own; keep_logs: but for the logs of commands in it. */
void rv_sim_stop(struct rv_sim *sim, bool keep_logs);
