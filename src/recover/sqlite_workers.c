/* SPDX-License-Identifier: Apache-2.0 */
#include "recover/sqlite_workers.h"

#include "base/mem.h"

#include <pthread.h>
#include <unistd.h>

struct member {
    struct rv_sq_crew *crew;
    unsigned number;
    pthread_t thread;
};

unsigned rv_sq_workers_count(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online > RV_SQ_WORKERS_MAX ? RV_SQ_WORKERS_MAX : (unsigned)online;
}

static void fail(struct rv_sq_crew *crew, uint32_t job, const struct rv_error *err)
{
    bool told = err->code != RV_OK; /* else it gave up because another job failed */
    if (told && (!crew->failed || job < crew->failed_job)) {
        crew->err = *err;
        crew->failed_job = job;
    }
    crew->failed = true;
}

static bool may_begin(const struct rv_sq_crew *crew)
{
    return crew->next < crew->jobs && (crew->take == NULL || crew->next - crew->taken < RV_SQ_AHEAD);
}

/* The lock is held before and after, not while it works. */
static void work_once(struct member *m)
{
    struct rv_sq_crew *crew = m->crew;
    struct rv_error err = { 0 };
    uint32_t job = crew->next++;
    pthread_mutex_unlock(&crew->lock);
    bool fine = crew->run(crew->context, m->number, job, &err);
    pthread_mutex_lock(&crew->lock);
    if (!fine)
        fail(crew, job, &err);
    crew->finished[job % RV_SQ_AHEAD] = true;
    pthread_cond_broadcast(&crew->moved);
}

static void take_once(struct rv_sq_crew *crew)
{
    struct rv_error err = { 0 };
    uint32_t job = crew->taken;
    pthread_mutex_unlock(&crew->lock);
    bool fine = crew->take(crew->context, job, &err);
    pthread_mutex_lock(&crew->lock);
    if (!fine)
        fail(crew, job, &err);
    crew->finished[job % RV_SQ_AHEAD] = false;
    crew->taken++;
    pthread_cond_broadcast(&crew->moved);
}

/* Only the first member takes: what was found is put together by one thread. */
static void *work(void *context)
{
    struct member *m = context;
    struct rv_sq_crew *crew = m->crew;
    pthread_mutex_lock(&crew->lock);
    while (!crew->failed) {
        bool takes = m->number == 0 && crew->take != NULL && crew->taken < crew->jobs;
        if (takes && crew->finished[crew->taken % RV_SQ_AHEAD])
            take_once(crew);
        else if (may_begin(crew))
            work_once(m);
        else if (takes || crew->next < crew->jobs)
            pthread_cond_wait(&crew->moved, &crew->lock);
        else
            break;
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

bool rv_sq_workers_await_turn(struct rv_sq_crew *crew, unsigned worker, uint32_t job)
{
    pthread_mutex_lock(&crew->lock);
    while (!crew->failed && crew->taken < job) {
        if (worker == 0 && crew->finished[crew->taken % RV_SQ_AHEAD])
            take_once(crew);
        else
            pthread_cond_wait(&crew->moved, &crew->lock);
    }
    bool fine = !crew->failed;
    pthread_mutex_unlock(&crew->lock);
    return fine;
}

bool rv_sq_workers_run(struct rv_sq_crew *crew, unsigned workers, struct rv_error *err)
{
    struct member members[RV_SQ_WORKERS_MAX] = { { .crew = crew } };
    unsigned started = 1;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->moved, NULL);
    workers = workers > RV_SQ_WORKERS_MAX ? RV_SQ_WORKERS_MAX : workers;
    for (; started < workers && started < crew->jobs; started++) {
        members[started] = (struct member){ .crew = crew, .number = started };
        if (pthread_create(&members[started].thread, NULL, work, &members[started]) != 0)
            break; /* fewer hands do the same work */
    }
    work(&members[0]);
    for (unsigned i = 1; i < started; i++)
        pthread_join(members[i].thread, NULL);
    pthread_cond_destroy(&crew->moved);
    pthread_mutex_destroy(&crew->lock);
    if (crew->failed)
        *err = crew->err;
    return !crew->failed;
}
