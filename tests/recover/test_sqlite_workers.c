/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that share jobs: what they leave is taken in order, by the caller, and the first failure is the one told. */
#include "support/test.h"

#include "recover/sqlite_workers.h"

#include <pthread.h>

enum { JOBS = 500 };

struct crew {
    uint32_t left[RV_SQ_AHEAD]; /* what a job leaves, by job modulo RV_SQ_AHEAD */
    uint32_t taken, bad_job, bad_take;
    pthread_t caller;
};

static bool run(void *context, unsigned worker, uint32_t job, struct rv_error *err)
{
    struct crew *c = context;
    assert_true(worker < RV_SQ_WORKERS_MAX);
    c->left[job % RV_SQ_AHEAD] = job * 3 + 1;
    return job < c->bad_job || rv_fail(err, RV_E_CORRUPT, "job %u", job);
}

static bool take(void *context, uint32_t job, struct rv_error *err)
{
    struct crew *c = context;
    assert_true(pthread_equal(c->caller, pthread_self()));
    assert_int_equal(job, c->taken++);
    assert_int_equal(c->left[job % RV_SQ_AHEAD], job * 3 + 1);
    return job != c->bad_take || rv_fail(err, RV_E_NOSPACE, "take %u", job);
}

static void jobs_are_taken_in_order_by_the_caller(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 9; workers += 4) {
        struct rv_error err = { 0 };
        struct crew c = { .bad_job = UINT32_MAX, .bad_take = UINT32_MAX, .caller = pthread_self() };
        assert_fine(rv_sq_workers_run(workers, JOBS, run, take, &c, &err));
        assert_int_equal(c.taken, JOBS);
    }
}

static void the_first_job_that_failed_is_told(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct crew c = { .bad_job = 77, .bad_take = UINT32_MAX, .caller = pthread_self() };
    assert_false(rv_sq_workers_run(4, JOBS, run, NULL, &c, &err));
    assert_int_equal(err.code, RV_E_CORRUPT);
    assert_string_equal(err.text[0], "job 77");
}

static void nothing_is_taken_behind_a_failure_of_taking(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct crew c = { .bad_job = UINT32_MAX, .bad_take = 40, .caller = pthread_self() };
    assert_false(rv_sq_workers_run(4, JOBS, run, take, &c, &err));
    assert_int_equal(err.code, RV_E_NOSPACE);
    assert_int_equal(c.taken, 41);
}

static void no_jobs_are_no_work(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct crew c = { .bad_job = 0, .caller = pthread_self() };
    assert_fine(rv_sq_workers_run(4, 0, run, take, &c, &err));
    assert_int_equal(c.taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_taken_in_order_by_the_caller),
        cmocka_unit_test(the_first_job_that_failed_is_told),
        cmocka_unit_test(nothing_is_taken_behind_a_failure_of_taking),
        cmocka_unit_test(no_jobs_are_no_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
