/* SPDX-License-Identifier: Apache-2.0 */
/* A few threads that share numbered jobs; what they do must not depend on which thread does it, or when. */
#pragma once

#include "base/error.h"

#include <pthread.h>
#include <stdint.h>

enum {
    RV_SQ_WORKERS_MAX = 8,
    RV_SQ_AHEAD = 32 /* finished jobs that may wait for being taken */
};

/** One job. `worker` is below the number of workers: each has its own carver and buffers. */
typedef bool rv_sq_job_fn(void *context, unsigned worker, uint32_t job, struct rv_error *err);
/** What a job left behind: called by the thread that called rv_sq_workers_run(), in the order of the jobs. */
typedef bool rv_sq_take_fn(void *context, uint32_t job, struct rv_error *err);

struct rv_sq_crew {
    rv_sq_job_fn *run;
    rv_sq_take_fn *take; /* NULL: none; else job n begins only when job n - RV_SQ_AHEAD has been taken */
    void *context;
    uint32_t jobs;
    /* Their own: */
    pthread_mutex_t lock;       /* of all below */
    pthread_cond_t moved;       /* a job was finished or taken, or one failed */
    uint32_t next, taken;       /* jobs */
    bool finished[RV_SQ_AHEAD]; /* by job modulo RV_SQ_AHEAD */
    bool failed;
    uint32_t failed_job;
    struct rv_error err;
};

/** As many as there are processors, at most RV_SQ_WORKERS_MAX. */
unsigned rv_sq_workers_count(void);

/** Runs jobs 0..jobs-1, the caller's thread among the workers. False with the error of the first job that failed. */
bool rv_sq_workers_run(struct rv_sq_crew *crew, unsigned workers, struct rv_error *err);

/**
 * Called by a job that has more to leave than memory should hold: returns when all jobs before it are taken, so that it
 * may give its things away itself. False: another job failed, and this one fails without an error of its own.
 */
bool rv_sq_workers_await_turn(struct rv_sq_crew *crew, unsigned worker, uint32_t job);
