/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program.h"

#include "base/file.h"
#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_program(const char *path)
{
    return path != NULL && access(path, X_OK) == 0;
}

char *rv_program_find(const char *name, struct rv_error *err)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        *(strrchr(self, '/') + 1) = '\0';
        RV_AUTO_TEXT beside = rv_path_join(self, name, err);
        if (is_program(beside))
            return rv_steal(&beside);
    }
    const char *at = getenv("PATH");
    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ":");
        RV_AUTO_TEXT folder = rv_text_copy_n(at, len);
        RV_AUTO_TEXT there = folder != NULL && len > 0 ? rv_path_join(folder, name, err) : NULL;
        if (is_program(there))
            return rv_steal(&there);
        at += len + (at[len] == ':');
    }
    rv_fail(err, RV_E_NOT_FOUND, "the program %s is neither beside revive nor in PATH", name);
    return NULL;
}
