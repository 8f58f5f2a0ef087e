/* SPDX-License-Identifier: Apache-2.0 */
/* What of this computer matters to long work: its power, its room, and that it does not fall asleep meanwhile. */
#pragma once

#include "base/ctx.h"
#include "base/mem.h"

/** Three answers to a question that may not be answerable. */
enum rv_known { RV_UNKNOWN, RV_NO, RV_YES };

/** Put before absolute paths of this computer's own state (/sys, /etc, /proc): REVIVE_HOST_ROOT, for tests; else "". */
const char *rv_host_root(void);
/** From /sys/class/power_supply below root ("" is this computer). A computer without a battery: RV_NO. */
enum rv_known rv_host_on_battery(const char *root);
/** Bytes that this user may still write where `path` is, or would be; false: cannot be told. */
bool rv_host_room(const char *path, uint64_t *free_bytes);

/**
 * Keeps the computer from sleeping (systemd-logind's inhibitor, by its own program) until freed, or until this
 * program ends, however it ends. UNSUPPORTED where there is no such service: work goes on without.
 */
struct rv_awake;
struct rv_awake *rv_awake_hold(struct rv_ctx *ctx, const char *why, struct rv_error *err);
void rv_awake_free(struct rv_awake *awake);
RV_DEFINE_AUTO(rv_awake)
