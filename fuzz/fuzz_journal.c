/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a job as another program, a full disk or a broken one left it. */
#include "fuzz_folder.h"

#include "restore/restore.h"

static void remove_folder(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/jobs/0000000000000001.plist", fuzz_folder_at);
    unlink(path);
    snprintf(path, sizeof path, "%s/jobs", fuzz_folder_at);
    rmdir(path);
    rmdir(fuzz_folder_at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rv_job jobs[4];
    struct rv_error err = { 0 };
    size_t count = 0;
    if (fuzz_folder_at[0] == '\0') {
        fuzz_folder("jobs");
        atexit(remove_folder);
    }
    fuzz_folder_put("jobs/0000000000000001.plist", data, size);
    struct rv_ctx ctx = { .state_dir = fuzz_folder_at };
    if (!rv_job_list(&ctx, jobs, 4, &count, &err))
        fuzz_failed(&err);
    assert(count <= 1);
    for (size_t i = 0; i < count; i++) {
        assert(jobs[i].ecid != 0 && strlen(jobs[i].ipsw_path) < sizeof jobs[i].ipsw_path);
        assert(jobs[i].behavior == RV_BEHAVIOR_UPDATE || jobs[i].behavior == RV_BEHAVIOR_ERASE);
        assert(strlen(jobs[i].state) < sizeof jobs[i].state && strlen(jobs[i].why) < sizeof jobs[i].why);
    }
    if (!rv_job_find(&ctx, 0, &jobs[1], &err))
        fuzz_failed(&err);
    return 0;
}
