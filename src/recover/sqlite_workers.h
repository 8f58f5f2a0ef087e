/* SPDX-License-Identifier: Apache-2.0 */
/* A few threads that share numbered jobs; what they do must not depend on which thread does it, or when. */
#pragma once

#include "base/error.h"

#include <stdint.h>

enum { RV_SQ_WORKERS_MAX = 8 };

/** One job. `worker` is below the number of workers: each has its own carver and buffers. */
typedef bool rv_sq_job_fn(void *context, unsigned worker, uint32_t job, struct rv_error *err);

/** As many as there are processors, at most RV_SQ_WORKERS_MAX. */
unsigned rv_sq_workers_count(void);

/** Runs jobs 0..jobs-1, the caller's thread among the workers. False with the error of the first job that failed. */
bool rv_sq_workers_run(unsigned workers, uint32_t jobs, rv_sq_job_fn *run, void *context, struct rv_error *err);
