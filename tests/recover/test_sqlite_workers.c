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
    struct rv_sq_crew work;
};

static bool start(struct crew *c, unsigned workers, rv_sq_job_fn *job, rv_sq_take_fn *taker, struct rv_error *err)
{
    c->caller = pthread_self();
    c->work = (struct rv_sq_crew){ .run = job, .take = taker, .context = c, .jobs = JOBS };
    return rv_sq_workers_run(&c->work, workers, err);
}

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
        struct crew c = { .bad_job = UINT32_MAX, .bad_take = UINT32_MAX };
        assert_fine(start(&c, workers, run, take, &err));
        assert_int_equal(c.taken, JOBS);
    }
}

static void the_first_job_that_failed_is_told(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct crew c = { .bad_job = 77, .bad_take = UINT32_MAX };
    assert_false(start(&c, 4, run, NULL, &err));
    assert_int_equal(err.code, RV_E_CORRUPT);
    assert_string_equal(err.text[0], "job 77");
}

static void nothing_is_taken_behind_a_failure_of_taking(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct crew c = { .bad_job = UINT32_MAX, .bad_take = 40 };
    assert_false(start(&c, 4, run, take, &err));
    assert_int_equal(err.code, RV_E_NOSPACE);
    assert_int_equal(c.taken, 41);
}

/* Each third job gives itself away in its turn: then nothing before it is open, and nothing behind it was taken. */
static bool run_in_turn(void *context, unsigned worker, uint32_t job, struct rv_error *err)
{
    struct crew *c = context;
    c->left[job % RV_SQ_AHEAD] = job * 3 + 1;
    if (job % 3 != 0)
        return true;
    assert_true(rv_sq_workers_await_turn(&c->work, worker, job));
    assert_int_equal(c->taken, job);
    (void)err;
    return true;
}

static void a_job_with_too_much_waits_for_its_turn(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 9; workers += 4) {
        struct rv_error err = { 0 };
        struct crew c = { .bad_job = UINT32_MAX, .bad_take = UINT32_MAX };
        assert_fine(start(&c, workers, run_in_turn, take, &err));
        assert_int_equal(c.taken, JOBS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_taken_in_order_by_the_caller),
        cmocka_unit_test(the_first_job_that_failed_is_told),
        cmocka_unit_test(nothing_is_taken_behind_a_failure_of_taking),
        cmocka_unit_test(a_job_with_too_much_waits_for_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
