/* SPDX-License-Identifier: Apache-2.0 */
/* A device that sends what it likes while a backup runs: nothing is written outside of its one folder. */
#include "fuzz_folder.h"
#include "fuzz_stream.h"

#include "backup/place.h"
#include "backup/serve.h"

#include <fcntl.h>

static bool only_the_folder(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    (void)context;
    (void)st;
    (void)err;
    assert(strcmp(name, "root") == 0);
    return true;
}

static bool only_the_phone(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    (void)context;
    (void)st;
    (void)err;
    assert(strcmp(name, "U") == 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_stream f;
    struct rv_error err = { 0 };
    if (size > FUZZ_STREAM_MAX)
        return 0;
    RV_AUTO_FD top = open(fuzz_folder("root"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    RV_AUTO_FD root = openat(top, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert(root >= 0 && rv_place_remove(root, "U", &err));
    fuzz_stream_begin(&f, data, size);
    RV_AUTO(rv_mb2) link = rv_mb2_take(f.stream, &err);
    if (link != NULL) {
        struct rv_serving s = { .ctx = &f.ctx, .link = link, .root = root, .name = "U" };
        (void)rv_backup_serve(&s, plist_new_dict(), &err);
    }
    if (err.code != RV_OK)
        fuzz_failed(&err);
    err = (struct rv_error){ 0 };
    assert(rv_place_each(top, ".", only_the_folder, NULL, &err) &&
           rv_place_each(root, ".", only_the_phone, NULL, &err));
    fuzz_stream_end(&f);
    return 0;
}
