/* SPDX-License-Identifier: Apache-2.0 */
#include "base/private.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 8 };
static const char prefix[] = "revive-private-";

static const char *home_of_copies(void)
{
    const char *tmp = getenv("TMPDIR");
    return tmp != NULL && *tmp == '/' && strlen(tmp) < RV_PRIVATE_PATH - 32 ? tmp : "/var/tmp";
}

/* Only what nobody holds a lock on, and what is ours. */
static void sweep_one(int home, const char *name)
{
    struct stat st;
    struct rv_error none = { 0 };
    int fd = openat(home, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)rv_tree_remove(home, name, &none);
    close(fd);
}

static void sweep(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        if (strncmp(e->d_name, prefix, sizeof prefix - 1) == 0)
            sweep_one(dirfd(dir), e->d_name);
    if (dir != NULL)
        closedir(dir);
}

bool rv_private_make(struct rv_private *folder, struct rv_error *err)
{
    const char *home = home_of_copies();
    struct stat st;
    static atomic_flag swept = ATOMIC_FLAG_INIT; /* once a program is enough */
    if (!atomic_flag_test_and_set(&swept))
        sweep(home);
    /* Another program's sweep may meet the folder before it is locked: then another one is made. */
    for (unsigned i = 0; i < TRIES; i++) {
        snprintf(folder->path, sizeof folder->path, "%s/%sXXXXXX", home, prefix);
        if (mkdtemp(folder->path) == NULL)
            break;
        folder->lock = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder->lock >= 0 && flock(folder->lock, LOCK_EX | LOCK_NB) == 0 && fstat(folder->lock, &st) == 0 &&
            st.st_nlink > 0)
            return true;
        if (folder->lock >= 0)
            close(folder->lock);
        (void)rmdir(folder->path);
    }
    folder->path[0] = '\0';
    return rv_fail_sys(err, RV_E_IO, errno, "making a private folder in %s", home);
}

void rv_private_remove(struct rv_private *folder)
{
    struct rv_error none = { 0 };
    if (folder->path[0] == '\0')
        return;
    (void)rv_tree_remove(AT_FDCWD, folder->path, &none);
    close(folder->lock);
    folder->path[0] = '\0';
}
