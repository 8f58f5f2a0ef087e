/* SPDX-License-Identifier: Apache-2.0 */
#include "recover/sqlite_workers.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

struct crew {
    rv_sq_job_fn *run;
    void *context;
    uint32_t jobs;
    atomic_uint next;
    atomic_bool failed;
};

struct member {
    struct crew *crew;
    unsigned number;
    uint32_t failed_job;
    bool failed;
    struct rv_error err;
    pthread_t thread;
};

unsigned rv_sq_workers_count(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online > RV_SQ_WORKERS_MAX ? RV_SQ_WORKERS_MAX : (unsigned)online;
}

static void *work(void *context)
{
    struct member *m = context;
    struct crew *crew = m->crew;
    while (!atomic_load(&crew->failed)) {
        uint32_t job = atomic_fetch_add(&crew->next, 1);
        if (job >= crew->jobs)
            break;
        if (crew->run(crew->context, m->number, job, &m->err))
            continue;
        m->failed = true;
        m->failed_job = job;
        atomic_store(&crew->failed, true);
    }
    return NULL;
}

bool rv_sq_workers_run(unsigned workers, uint32_t jobs, rv_sq_job_fn *run, void *context, struct rv_error *err)
{
    struct crew crew = { .run = run, .context = context, .jobs = jobs };
    struct member members[RV_SQ_WORKERS_MAX] = { 0 };
    unsigned started = 1;
    members[0].crew = &crew;
    workers = workers > RV_SQ_WORKERS_MAX ? RV_SQ_WORKERS_MAX : workers;
    for (; started < workers && started < jobs; started++) {
        members[started].crew = &crew;
        members[started].number = started;
        if (pthread_create(&members[started].thread, NULL, work, &members[started]) != 0)
            break; /* fewer hands do the same work */
    }
    work(&members[0]);
    const struct member *first = NULL;
    for (unsigned i = 0; i < started; i++) {
        if (i > 0)
            pthread_join(members[i].thread, NULL);
        if (members[i].failed && (first == NULL || members[i].failed_job < first->failed_job))
            first = &members[i];
    }
    if (first != NULL)
        *err = first->err;
    return first == NULL;
}
