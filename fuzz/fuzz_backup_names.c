/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that a hostile backup gives, a line each: kind, domain, a tab, path. What becomes a path stays below its
 * folder, in the tree that is mounted and on the disk; what does not, is refused with a reason.
 */
#include "backup/tree.h"
#include "fuzz_copy.h"
#include "fuzz_folder.h"

#include "backup/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { NAMES_MAX = 64, NAME_MAX_HERE = 9000 };

static void add(struct rv_tree *tree, struct rv_span line)
{
    static struct rv_mbfile file;
    static char domain[NAME_MAX_HERE], path[NAME_MAX_HERE];
    static const uint32_t modes[] = { 0100644, 040755, 0120777, 0 };
    struct rv_error err = { 0 };
    const uint8_t *tab = memchr(line.ptr, '\t', line.len);
    size_t split = tab != NULL ? (size_t)(tab - line.ptr) : line.len;
    if (split == 0 || line.len >= NAME_MAX_HERE)
        return;
    snprintf(domain, sizeof domain, "%.*s", (int)split - 1, (const char *)line.ptr + 1);
    snprintf(path, sizeof path, "%.*s", (int)(tab != NULL ? line.len - split - 1 : 0),
             (const char *)line.ptr + split + 1);
    file.mode = modes[line.ptr[0] & 3];
    snprintf(file.target, sizeof file.target, "%.100s", path);
    struct rv_backup_row row = { .domain = domain, .path = path, .file = (line.ptr[0] & 4) != 0 ? NULL : &file };
    memcpy(row.id, "0123456789abcdef0123456789abcdef01234567", sizeof row.id);
    assert(rv_tree_add(tree, &row, &err));
}

/* Every node hangs below the root by parts that cannot lead up, and is found by its name. */
static void check(const struct rv_tree *tree)
{
    struct rv_error err = { 0 };
    for (uint32_t i = 1; i < tree->count; i++) {
        const char *name = rv_tree_name(tree, i);
        unsigned depth = 0;
        assert(strchr(name, '/') == NULL && rv_place_check(rv_span(name, strlen(name)), &err));
        assert(rv_tree_find(tree, tree->nodes[i].parent, name) == i);
        assert(tree->nodes[tree->nodes[i].parent].kind == RV_MBFILE_DIRECTORY);
        for (uint32_t at = i; at != 0; at = tree->nodes[at].parent)
            assert(++depth <= 65);
    }
}

static bool only_inside(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    (void)context;
    (void)st;
    (void)err;
    assert(strcmp(name, "root") == 0);
    return true;
}

static void write_one(int root, struct rv_span name)
{
    struct rv_error err = { 0 };
    char text[NAME_MAX_HERE];
    if (name.len >= sizeof text || !rv_place_check(name, &err)) {
        if (name.len < sizeof text)
            fuzz_failed(&err);
        return;
    }
    snprintf(text, sizeof text, "%.*s", (int)name.len, (const char *)name.ptr);
    assert(strlen(text) == name.len); /* no NUL came through */
    (void)rv_place_write(root, text, rv_span("x", 1), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_error err = { 0 };
    struct rv_span in = fuzz_copy(data, size);
    RV_AUTO(rv_tree) tree = rv_tree_new(&err);
    RV_AUTO_FD top = open(fuzz_folder("root"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    RV_AUTO_FD root = openat(top, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert(root >= 0 && tree != NULL);
    size_t at = 0;
    for (unsigned n = 0; n < NAMES_MAX && at < in.len; n++) {
        const uint8_t *end = memchr(in.ptr + at, '\n', in.len - at);
        size_t len = (end != NULL ? (size_t)(end - in.ptr) : in.len) - at;
        add(tree, rv_span(in.ptr + at, len));
        if (n < 4)
            write_one(root, rv_span(in.ptr + at, len));
        at += len + 1;
    }
    check(tree);
    assert(rv_place_each(top, ".", only_inside, NULL, &err));
    for (uint32_t i = 1; i < tree->count; i++)
        if (tree->nodes[i].parent == 0)
            rv_place_remove(root, rv_tree_name(tree, i), &err);
    (void)rv_place_remove(top, "root", &err);
    assert(mkdirat(top, "root", 0700) == 0);
    free((void *)(uintptr_t)in.ptr);
    return 0;
}
