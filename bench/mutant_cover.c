/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into each library of the copy that `./dev bench mutants` builds: notes which basic blocks are run (gcc's
 * -fsanitize-coverage=trace-pc), one byte for each place of the library, in a file under $REVIVE_MUTANT_COVER. A shared
 * map, so that nothing is lost with a process that is killed, and children write into the same one. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COVER_BYTES = 32 << 20 };
/* The library's own first byte: the linker gives each one its own. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
static unsigned char *cover_map;

__attribute__((constructor, no_sanitize_coverage)) static void cover_open(void)
{
    const char *folder = getenv("REVIVE_MUTANT_COVER");
    Dl_info self;
    if (!folder || !dladdr(__ehdr_start, &self))
        return;
    const char *slash = strrchr(self.dli_fname, '/');
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, slash ? slash + 1 : self.dli_fname);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    (void)fchmod(fd, 0666);
    if (ftruncate(fd, COVER_BYTES) == 0) {
        void *map = mmap(NULL, COVER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        cover_map = map == MAP_FAILED ? NULL : map;
    }
    close(fd);
}

void __sanitizer_cov_trace_pc(void);
__attribute__((visibility("hidden"), no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void)
{
    size_t at = (size_t)((const char *)__builtin_return_address(0) - __ehdr_start);
    if (cover_map && at < COVER_BYTES && !cover_map[at])
        cover_map[at] = 1;
}
