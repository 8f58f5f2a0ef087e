/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One property list a device in <state>/jobs/<ecid>.plist, written whole or not at all after each step, and a
 * lock file beside it. A killed run leaves "running" with its last finished step: that is what resume reads.
 */
#include "restore/internal.h"

#include "base/file.h"
#include "base/text.h"
#include "format/plist.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { JOB_FILE_MAX = 256 * 1024 };

struct rv_journal {
    char *path, *ticket_path;
    int lock_fd;
    bool begun;
    enum rv_mode started_in;
    struct rv_job job;
};

static void put_text(plist_t dict, const char *key, const char *value)
{
    plist_dict_set_item(dict, key, plist_new_string(value));
}

static plist_t job_to_plist(const struct rv_job *job, enum rv_mode started_in)
{
    char ecid[24];
    snprintf(ecid, sizeof ecid, "0x%llX", (unsigned long long)job->ecid);
    plist_t p = plist_new_dict();
    plist_dict_set_item(p, "Attempts", plist_new_uint(job->attempts));
    put_text(p, "Behaviour", job->behavior == RV_BEHAVIOR_ERASE ? "Erase" : "Update");
    put_text(p, "ECID", ecid);
    put_text(p, "Firmware", job->ipsw_path);
    plist_dict_set_item(p, "FirmwareBytes", plist_new_uint(job->ipsw_size));
    plist_dict_set_item(p, "FirmwareModified", plist_new_uint((uint64_t)job->ipsw_mtime));
    put_text(p, "LastStep", job->last_step);
    plist_dict_set_item(p, "NotApple", plist_new_bool(job->not_apple));
    put_text(p, "Started", job->started);
    put_text(p, "StartedIn", rv_mode_name(started_in));
    put_text(p, "State", job->state);
    put_text(p, "Ticket", job->ticket_path);
    put_text(p, "Why", job->why);
    return p;
}

static void take_text(plist_t dict, const char *key, char *out, size_t out_size)
{
    const char *text = rv_plist_text(dict, key);
    snprintf(out, out_size, "%s", text == NULL ? "" : text);
}

static bool job_from_plist(plist_t p, struct rv_job *job, struct rv_error *err)
{
    memset(job, 0, sizeof *job);
    const char *ecid = rv_plist_text(p, "ECID"), *does = rv_plist_text(p, "Behaviour");
    uint64_t attempts = 0, modified = 0;
    if (ecid == NULL || does == NULL || !rv_text_number(ecid, 0, &job->ecid) || job->ecid == 0)
        return rv_fail(err, RV_E_FORMAT, "the record does not name its device and its kind");
    /* Whatever is not exactly an Erase record is an Update: the harmless reading wins. */
    job->behavior = strcmp(does, "Erase") == 0 ? RV_BEHAVIOR_ERASE : RV_BEHAVIOR_UPDATE;
    rv_plist_uint(p, "Attempts", &attempts);
    rv_plist_uint(p, "FirmwareBytes", &job->ipsw_size);
    rv_plist_uint(p, "FirmwareModified", &modified);
    job->attempts = attempts > 1000000 ? 1000000 : (unsigned)attempts;
    job->ipsw_mtime = (int64_t)modified;
    job->not_apple = rv_plist_bool(p, "NotApple", false);
    take_text(p, "Firmware", job->ipsw_path, sizeof job->ipsw_path);
    take_text(p, "LastStep", job->last_step, sizeof job->last_step);
    take_text(p, "Started", job->started, sizeof job->started);
    take_text(p, "State", job->state, sizeof job->state);
    take_text(p, "Ticket", job->ticket_path, sizeof job->ticket_path);
    take_text(p, "Why", job->why, sizeof job->why);
    return true;
}

static bool job_read(const char *path, struct rv_job *job, struct rv_error *err)
{
    RV_AUTO(rv_blob) bytes = rv_file_read(path, JOB_FILE_MAX, err);
    if (bytes == NULL)
        return false;
    RV_AUTO_PLIST p = rv_plist_parse(rv_blob_span(bytes), err);
    return (p != NULL && job_from_plist(p, job, err)) || rv_while(err, "reading the job record %s", path);
}

static char *jobs_folder(struct rv_ctx *ctx, struct rv_error *err)
{
    return rv_path_join(ctx->state_dir, "jobs", err);
}

static char *job_path(struct rv_ctx *ctx, uint64_t ecid, const char *ending, struct rv_error *err)
{
    RV_AUTO_TEXT folder = jobs_folder(ctx, err);
    char leaf[48];
    snprintf(leaf, sizeof leaf, "%016llx.%s", (unsigned long long)ecid, ending);
    return folder == NULL ? NULL : rv_path_join(folder, leaf, err);
}

struct rv_journal *rv_journal_open(struct rv_ctx *ctx, uint64_t ecid, struct rv_error *err)
{
    RV_AUTO(rv_journal) journal = rv_alloc(sizeof *journal);
    if (journal == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    journal->lock_fd = -1;
    journal->job.ecid = ecid;
    RV_AUTO_TEXT folder = jobs_folder(ctx, err);
    RV_AUTO_TEXT lock = folder == NULL ? NULL : job_path(ctx, ecid, "lock", err);
    journal->path = lock == NULL ? NULL : job_path(ctx, ecid, "plist", err);
    journal->ticket_path = journal->path == NULL ? NULL : job_path(ctx, ecid, "im4m", err);
    if (journal->ticket_path == NULL || !rv_dir_make(folder, err))
        return NULL;
    if (!rv_file_lock(lock, &journal->lock_fd, err)) {
        if (err->code == RV_E_BUSY)
            rv_advise(err, RV_ADVICE_JOB_BUSY);
        return NULL;
    }
    struct rv_error unread = { 0 };
    struct rv_job earlier;
    /* A record that cannot be read must not stop a rescue: it counts as none. */
    if (job_read(journal->path, &earlier, &unread) && earlier.ecid == ecid)
        journal->job = earlier;
    return rv_steal(&journal);
}

static bool write_job(struct rv_journal *journal, struct rv_error *err)
{
    RV_AUTO_PLIST p = job_to_plist(&journal->job, journal->started_in);
    RV_AUTO(rv_blob) bytes = rv_plist_format(p, false, err);
    return (bytes != NULL && rv_file_write_atomic(journal->path, rv_blob_span(bytes), 0600, err)) ||
           rv_while(err, "writing down how far the work is");
}

bool rv_journal_begin(struct rv_journal *journal, const struct rv_journal_start *start, struct rv_error *err)
{
    struct rv_job *job = &journal->job;
    bool goes_on = rv_journal_unfinished(journal) && job->behavior == start->behavior;
    unsigned attempts = goes_on ? job->attempts + 1 : 1;
    bool not_apple = goes_on && job->not_apple;
    memset(job, 0, sizeof *job);
    job->attempts = attempts;
    job->not_apple = not_apple;
    job->ecid = start->ecid;
    job->behavior = start->behavior;
    journal->started_in = start->started_in;
    /* Resume may be typed in another folder. */
    char *whole = realpath(start->ipsw_path, NULL);
    snprintf(job->ipsw_path, sizeof job->ipsw_path, "%s", whole == NULL ? start->ipsw_path : whole);
    free(whole);
    if (start->ticket_path != NULL) {
        whole = realpath(start->ticket_path, NULL);
        snprintf(job->ticket_path, sizeof job->ticket_path, "%s", whole == NULL ? start->ticket_path : whole);
        free(whole);
    }
    struct stat st;
    if (stat(start->ipsw_path, &st) == 0) {
        job->ipsw_size = (uint64_t)st.st_size;
        job->ipsw_mtime = st.st_mtime;
    }
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(job->started, sizeof job->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    snprintf(job->state, sizeof job->state, "running");
    journal->begun = write_job(journal, err);
    return journal->begun;
}

bool rv_journal_step(struct rv_journal *journal, const char *step, struct rv_error *err)
{
    snprintf(journal->job.last_step, sizeof journal->job.last_step, "%s", step);
    return write_job(journal, err);
}

bool rv_journal_note(struct rv_journal *journal, const char *why, struct rv_error *err)
{
    snprintf(journal->job.why, sizeof journal->job.why, "%s", why);
    return write_job(journal, err);
}

bool rv_journal_end(struct rv_journal *journal, const char *state, const char *why, struct rv_error *err)
{
    snprintf(journal->job.state, sizeof journal->job.state, "%s", state);
    snprintf(journal->job.why, sizeof journal->job.why, "%s", why == NULL ? "" : why);
    return write_job(journal, err);
}

bool rv_journal_ticket(struct rv_journal *journal, struct rv_span im4m, bool not_apple, struct rv_error *err)
{
    journal->job.not_apple = not_apple;
    return rv_file_write_atomic(journal->ticket_path, im4m, 0600, err) || rv_while(err, "keeping the signing ticket");
}

const struct rv_job *rv_journal_job(const struct rv_journal *journal)
{
    return &journal->job;
}

static bool unfinished(const struct rv_job *job)
{
    return strcmp(job->state, "running") == 0 || strcmp(job->state, "failed") == 0;
}

bool rv_journal_unfinished(const struct rv_journal *journal)
{
    return unfinished(&journal->job);
}

bool rv_journal_begun(const struct rv_journal *journal)
{
    return journal->begun;
}

void rv_journal_free(struct rv_journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->lock_fd >= 0)
        close(journal->lock_fd);
    rv_free(journal->path);
    rv_free(journal->ticket_path);
    rv_free(journal);
}

/* ---- looking from outside ---- */

bool rv_job_list(struct rv_ctx *ctx, struct rv_job *out, size_t max, size_t *count, struct rv_error *err)
{
    RV_AUTO_TEXT folder = jobs_folder(ctx, err);
    if (folder == NULL)
        return false;
    *count = 0;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return errno == ENOENT || rv_fail_sys(err, RV_E_IO, errno, "reading the folder %s", folder);
    for (struct dirent *entry; *count < max && (entry = readdir(dir)) != NULL;) {
        if (!rv_text_ends(entry->d_name, ".plist"))
            continue;
        struct rv_error unread = { 0 };
        RV_AUTO_TEXT path = rv_path_join(folder, entry->d_name, &unread);
        if (path != NULL && job_read(path, &out[*count], &unread))
            (*count)++;
    }
    closedir(dir);
    return true;
}

enum { JOBS_MAX = 64 };

bool rv_job_find(struct rv_ctx *ctx, uint64_t ecid, struct rv_job *out, struct rv_error *err)
{
    struct rv_job *jobs = rv_alloc_array(JOBS_MAX, sizeof *jobs);
    if (jobs == NULL)
        return rv_fail_nomem(err);
    size_t count = 0, best = JOBS_MAX;
    bool fine = rv_job_list(ctx, jobs, JOBS_MAX, &count, err);
    for (size_t i = 0; fine && i < count; i++)
        if (unfinished(&jobs[i]) && (ecid == 0 || jobs[i].ecid == ecid) &&
            (best == JOBS_MAX || strcmp(jobs[i].started, jobs[best].started) > 0))
            best = i;
    if (fine && best < JOBS_MAX)
        *out = jobs[best];
    rv_free(jobs);
    if (!fine || best < JOBS_MAX)
        return fine;
    rv_fail(err, RV_E_NOT_FOUND, "no interrupted update of %s is written down in %s",
            ecid == 0 ? "any device" : "this device", ctx->state_dir);
    return rv_advise(err, RV_ADVICE_NO_JOB);
}
