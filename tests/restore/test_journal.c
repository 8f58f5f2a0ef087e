/* SPDX-License-Identifier: Apache-2.0 */
/* What is on the disk at any moment is a whole record, and only one program works on a device. */
#include "support/rv_test.h"

#include "base/file.h"
#include "restore/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ECID_LOW = 0x1234 };
static const uint64_t ecid = 0x8000000000001234; /* the top bit set, as some devices have it */

struct place {
    struct rv_ctx ctx;
    char folder[512], ipsw[600];
    void *scratch;
};

static int make_place(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct rv_error err = { 0 };
    if (p == NULL || scratch_make(&p->scratch) != 0)
        return -1;
    snprintf(p->folder, sizeof p->folder, "%s", (char *)p->scratch);
    setenv("XDG_STATE_HOME", p->folder, 1);
    snprintf(p->ipsw, sizeof p->ipsw, "%s/some.ipsw", p->folder);
    *state = p;
    return rv_ctx_init(&p->ctx, &err) && rv_file_write_atomic(p->ipsw, RV_SPAN_TEXT("firmware"), 0600, &err) ? 0 : -1;
}

static int remove_place(void **state)
{
    struct place *p = *state;
    rv_ctx_clear(&p->ctx);
    scratch_remove(&p->scratch);
    free(p);
    return 0;
}

static struct rv_journal *begun(struct place *p, enum rv_behavior behavior)
{
    struct rv_error err = { 0 };
    struct rv_journal *journal = rv_journal_open(&p->ctx, ecid, &err);
    assert_works(journal != NULL, &err);
    struct rv_journal_start start = {
        .ipsw_path = p->ipsw, .behavior = behavior, .ecid = ecid, .started_in = RV_MODE_RECOVERY
    };
    assert_works(rv_journal_begin(journal, &start, &err), &err);
    return journal;
}

static void a_job_can_be_found_again_by_device_or_as_the_newest(void **state)
{
    struct place *p = *state;
    struct rv_error err = { 0 };
    struct rv_job job;
    assert_fails(rv_job_find(&p->ctx, 0, &job, &err), &err, RV_E_NOT_FOUND);
    RV_AUTO(rv_journal) journal = begun(p, RV_BEHAVIOR_UPDATE);
    assert_works(rv_journal_step(journal, "send-ibec", &err), &err);
    assert_works(rv_job_find(&p->ctx, ecid, &job, &err), &err);
    assert_true(job.ecid == ecid);
    assert_int_equal(job.behavior, RV_BEHAVIOR_UPDATE);
    assert_string_equal(job.last_step, "send-ibec");
    assert_string_equal(job.state, "running");
    assert_int_equal(job.ipsw_size, 8);
    assert_int_equal(job.attempts, 1);
    assert_works(rv_job_find(&p->ctx, 0, &job, &err), &err);
    assert_fails(rv_job_find(&p->ctx, 99, &job, &err), &err, RV_E_NOT_FOUND);
    assert_int_equal(err.advice, RV_ADVICE_NO_JOB);
}

static void a_finished_job_is_not_unfinished(void **state)
{
    struct place *p = *state;
    struct rv_error err = { 0 };
    struct rv_job job;
    RV_AUTO(rv_journal) journal = begun(p, RV_BEHAVIOR_UPDATE);
    assert_works(rv_journal_end(journal, "failed", "the cable", &err), &err);
    assert_works(rv_job_find(&p->ctx, ecid, &job, &err), &err);
    assert_string_equal(job.why, "the cable");
    assert_works(rv_journal_end(journal, "done", NULL, &err), &err);
    assert_fails(rv_job_find(&p->ctx, ecid, &job, &err), &err, RV_E_NOT_FOUND);
}

static void attempts_count_only_the_same_kind_of_job(void **state)
{
    struct place *p = *state;
    struct rv_error err = { 0 };
    rv_journal_free(begun(p, RV_BEHAVIOR_UPDATE)); /* as if killed */
    struct rv_journal *second = begun(p, RV_BEHAVIOR_UPDATE);
    assert_int_equal(rv_journal_job(second)->attempts, 2);
    rv_journal_free(second);
    struct rv_journal *erase = begun(p, RV_BEHAVIOR_ERASE);
    assert_int_equal(rv_journal_job(erase)->attempts, 1);
    assert_works(rv_journal_end(erase, "done", NULL, &err), &err);
    rv_journal_free(erase);
}

static void two_programs_cannot_work_on_one_device(void **state)
{
    struct place *p = *state;
    struct rv_error err = { 0 };
    struct rv_journal *first = begun(p, RV_BEHAVIOR_UPDATE);
    struct rv_journal *other = rv_journal_open(&p->ctx, ECID_LOW, &err); /* another device: fine */
    assert_non_null(other);
    rv_journal_free(other);
    assert_fails(rv_journal_open(&p->ctx, ecid, &err) != NULL, &err, RV_E_BUSY);
    assert_int_equal(err.advice, RV_ADVICE_JOB_BUSY);
    rv_journal_free(first);
    struct rv_journal *again = rv_journal_open(&p->ctx, ecid, &err);
    assert_non_null(again);
    rv_journal_free(again);
}

static void a_damaged_record_is_no_job_and_stops_nobody(void **state)
{
    struct place *p = *state;
    struct rv_error err = { 0 };
    struct rv_job job;
    rv_journal_free(begun(p, RV_BEHAVIOR_UPDATE));
    char path[700];
    snprintf(path, sizeof path, "%s/revive/jobs/%016llx.plist", p->folder, (unsigned long long)ecid);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(truncate(path, st.st_size / 2), 0);
    assert_fails(rv_job_find(&p->ctx, ecid, &job, &err), &err, RV_E_NOT_FOUND);
    struct rv_journal *journal = begun(p, RV_BEHAVIOR_UPDATE);
    assert_int_equal(rv_journal_job(journal)->attempts, 1);
    rv_journal_free(journal);
}

static size_t files_in(const char *folder)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void a_full_disk_keeps_the_older_record_and_leaves_no_half_file(void **state)
{
    struct place *p = *state;
    struct rv_error err = { 0 };
    struct rv_job job;
    struct rlimit before, full = { 0 };
    RV_AUTO(rv_journal) journal = begun(p, RV_BEHAVIOR_UPDATE);
    assert_works(rv_journal_step(journal, "ticket", &err), &err);
    char jobs[600];
    snprintf(jobs, sizeof jobs, "%s/revive/jobs", p->folder);
    size_t files = files_in(jobs);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    full.rlim_cur = 100; /* every file ends here, as on a full disk */
    full.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &full);
    bool written = rv_journal_step(journal, "send-ibec", &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_false(written);
    assert_int_equal(files_in(jobs), files);
    assert_works(rv_job_find(&p->ctx, ecid, &job, &err), &err);
    assert_string_equal(job.last_step, "ticket");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_can_be_found_again_by_device_or_as_the_newest, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_finished_job_is_not_unfinished, make_place, remove_place),
        cmocka_unit_test_setup_teardown(attempts_count_only_the_same_kind_of_job, make_place, remove_place),
        cmocka_unit_test_setup_teardown(two_programs_cannot_work_on_one_device, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_damaged_record_is_no_job_and_stops_nobody, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_full_disk_keeps_the_older_record_and_leaves_no_half_file, make_place,
                                        remove_place),
    };
    return cmocka_run_group_tests_name("restore/journal", tests, NULL, NULL);
}
