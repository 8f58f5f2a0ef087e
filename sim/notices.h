/* SPDX-License-Identifier: Apache-2.0 */
/* What was posted last, for those who observe; one who sleeps too long misses the oldest. */
#pragma once

#include <pthread.h>
#include <stdint.h>

enum { SIM_NOTICES = 32, SIM_NOTICE_MAX = 100 };
struct sim_notices {
    pthread_mutex_t lock;
    char name[SIM_NOTICES][SIM_NOTICE_MAX];
    uint64_t count; /* since power on: the nth stands at n % SIM_NOTICES */
};
