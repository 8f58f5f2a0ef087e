/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a file in a state folder of its own, in memory where the system has such a place. */
#pragma once

#include "fuzz_copy.h"

#include "base/ctx.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char fuzz_folder_at[256];

static inline const char *fuzz_folder(const char *below)
{
    char path[300];
    if (fuzz_folder_at[0] != '\0')
        return fuzz_folder_at;
    snprintf(fuzz_folder_at, sizeof fuzz_folder_at, "%s/revive-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(fuzz_folder_at) == NULL)
        abort();
    snprintf(path, sizeof path, "%s/%s", fuzz_folder_at, below);
    if (below[0] != '\0' && mkdir(path, 0700) != 0)
        abort();
    return fuzz_folder_at;
}

static inline void fuzz_folder_put(const char *name, const uint8_t *data, size_t size)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder_at, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
}
