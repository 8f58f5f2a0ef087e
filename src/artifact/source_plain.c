/* SPDX-License-Identifier: Apache-2.0 */
/* Sources that are files on this computer: one database, or a folder in whatever order somebody put things into it. */
#include "artifact/source.h"

#include "base/file.h"
#include "base/text.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_MAX = 2 * 1000 * 1000, DEPTH_MAX = 64, LOOKS_MAX = 500 };

static const char *leaf_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool give(const char *at, const char *domain, const char *path, rv_source_fn *found, void *context,
                 struct rv_error *err)
{
    struct stat st;
    if (stat(at, &st) != 0)
        return true;
    struct rv_source_file file = { (char *)(uintptr_t)domain, (char *)(uintptr_t)path, (char *)(uintptr_t)at,
                                   (uint64_t)st.st_size, st.st_mtime };
    return found(context, &file, err);
}

static bool has_tables(struct rv_source *source, const char *at, const char *tables)
{
    struct rv_source_file file = { .at = (char *)(uintptr_t)at };
    struct rv_error quiet = { 0 };
    char *path = NULL;
    bool immutable;
    bool all =
        rv_source_database(source, &file, &path, &immutable, &quiet) && rv_database_has_tables(path, immutable, tables);
    rv_free(path);
    return all;
}

/* ---- one file ---- */

static bool file_each(struct rv_source *source, const struct rv_place *place, rv_source_fn *found, void *context,
                      struct rv_error *err)
{
    const char *leaf = leaf_of(place->path);
    if (place->tables != NULL) {
        /* a damaged one is known by its name alone */
        if (rv_path_matches(leaf, leaf_of(source->from)) || has_tables(source, source->from, place->tables))
            return give(source->from, place->domain, place->path, found, context, err);
        return true;
    }
    if (rv_path_matches(leaf, leaf_of(source->from)))
        return give(source->from, place->domain, place->path, found, context, err);
    /* what belongs to it lies beside it: pictures of contacts, sound of voicemail */
    RV_AUTO_TEXT folder = rv_text_copy_n(source->from, (size_t)(leaf_of(source->from) - source->from));
    RV_AUTO_TEXT beside = folder != NULL ? rv_path_join(*folder ? folder : ".", leaf, err) : NULL;
    return beside == NULL || strchr(leaf, '*') != NULL || !rv_file_exists(beside) ||
           give(beside, place->domain, place->path, found, context, err);
}

static bool plain_fetch(struct rv_source *source, const struct rv_source_file *file, const char *to, char **at,
                        struct rv_error *err)
{
    (void)source;
    (void)to;
    *at = rv_text_copy(file->at);
    return *at != NULL || rv_fail_nomem(err);
}

const struct rv_source_kind rv_source_of_file = { "file", file_each, plain_fetch, NULL };

/* ---- a folder ---- */

struct folder {
    char **paths;             /* whole paths on this computer, by their last name */
    size_t count, room, root; /* root: bytes of the folder's own name with its slash */
};

static _Thread_local struct folder *walking; /* nftw hands no context through */

static int note(const char *path, const struct stat *st, int type, struct FTW *where)
{
    struct folder *f = walking;
    (void)st;
    if (type != FTW_F || where->level > DEPTH_MAX)
        return 0;
    if (f->count == f->room) {
        size_t more = f->room ? f->room * 2 : 256;
        char **bigger = more <= FILES_MAX ? rv_realloc_array(f->paths, more, sizeof *f->paths) : NULL;
        if (bigger == NULL)
            return 1;
        f->paths = bigger;
        f->room = more;
    }
    f->paths[f->count] = rv_text_copy(path);
    return f->paths[f->count++] == NULL;
}

static int by_leaf(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    int way = strcmp(leaf_of(x), leaf_of(y));
    return way != 0 ? way : strcmp(x, y);
}

static void folder_free(struct rv_source *source)
{
    struct folder *f = source->own;
    for (size_t i = 0; f != NULL && i < f->count; i++)
        rv_free(f->paths[i]);
    if (f != NULL)
        rv_free(f->paths);
    rv_free(f);
}

bool rv_source_folder_open(struct rv_source *source, struct rv_error *err)
{
    struct folder *f = rv_alloc(sizeof *f);
    source->own = f;
    if (f == NULL)
        return rv_fail_nomem(err);
    size_t root = strlen(source->from);
    f->root = root + (root > 0 && source->from[root - 1] != '/');
    walking = f;
    int stopped = nftw(source->from, note, 16, FTW_PHYS);
    walking = NULL;
    if (stopped > 0)
        return rv_fail(err, RV_E_LIMIT, "%s holds more than %d files", source->from, FILES_MAX);
    qsort(f->paths, f->count, sizeof *f->paths, by_leaf);
    return true;
}

/* How well a path answers to a name on the phone: 3 with its domain, 2 by its whole path, 1 by its last name, 0 not. */
static int answers(const char *path, size_t length, const struct rv_place *place)
{
    size_t wanted = strlen(place->path), domain = strlen(place->domain);
    if (strchr(place->path, '*') != NULL) {
        unsigned slashes = 0;
        for (const char *at = place->path; *at != '\0'; at++)
            slashes += *at == '/';
        const char *from = path + length;
        while (from > path && (from[-1] != '/' || slashes-- > 0))
            from--;
        return rv_path_matches(place->path, from) ? 2 : rv_path_matches(leaf_of(place->path), leaf_of(path)) ? 1 : 0;
    }
    if (length >= wanted && strcmp(path + length - wanted, place->path) == 0) {
        const char *before = path + length - wanted;
        if (before == path)
            return 2;
        if (before[-1] == '/')
            return (size_t)(before - path) > domain && strncmp(before - 1 - domain, place->domain, domain) == 0 ? 3 : 2;
    }
    return strcmp(leaf_of(place->path), leaf_of(path)) == 0 ? 1 : 0;
}

static size_t first_of_leaf(const struct folder *f, const char *leaf)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(leaf_of(f->paths[middle]), leaf) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct search {
    struct rv_source *source;
    const struct rv_place *place;
    rv_source_fn *found;
    void *context;
    bool pattern;
    size_t given;
};

static bool give_best(struct search *s, size_t from, size_t to, struct rv_error *err)
{
    const struct folder *f = s->source->own;
    int best = 0;
    for (size_t i = from; i < to; i++) {
        int grade = answers(f->paths[i] + f->root, strlen(f->paths[i] + f->root), s->place);
        best = grade > best ? grade : best;
    }
    if (best == 0 ||
        (best == 1 && s->place->tables == NULL && strchr(s->place->path, '/') != NULL && (s->pattern || to - from > 1)))
        return true; /* another file of the same last name is not the one that was asked for */
    for (size_t i = from; i < to; i++) {
        const char *path = f->paths[i] + f->root;
        if (answers(path, strlen(path), s->place) != best)
            continue;
        RV_AUTO_TEXT name = rv_text_copy(s->pattern ? path : s->place->path);
        if (s->pattern && best >= 1) { /* its name on the phone: the place's folder and its own last name */
            rv_free(name);
            size_t head = (size_t)(leaf_of(s->place->path) - s->place->path);
            RV_AUTO_TEXT dir = rv_text_copy_n(s->place->path, head);
            name = dir != NULL && head > 0 ? rv_path_join(dir, leaf_of(path), err) : rv_text_copy(leaf_of(path));
        }
        s->given++;
        if (name == NULL)
            return rv_fail_nomem(err);
        if (!give(f->paths[i], s->place->domain, name, s->found, s->context, err))
            return false;
        if (!s->pattern)
            return true;
    }
    return true;
}

static bool is_sqlite(const char *path)
{
    char head[16] = { 0 };
    FILE *file = fopen(path, "rbe");
    bool is =
        file != NULL && fread(head, 1, sizeof head, file) == sizeof head && memcmp(head, "SQLite format 3", 16) == 0;
    if (file != NULL)
        fclose(file);
    return is;
}

/* Under another name: whatever database has its tables. */
static bool give_by_tables(struct search *s, struct rv_error *err)
{
    const struct folder *f = s->source->own;
    unsigned looks = 0;
    for (size_t i = 0; i < f->count && looks < LOOKS_MAX; i++) {
        if (!is_sqlite(f->paths[i]))
            continue;
        looks++;
        if (has_tables(s->source, f->paths[i], s->place->tables) &&
            !give(f->paths[i], s->place->domain, s->place->path, s->found, s->context, err))
            return false;
    }
    return true;
}

static bool folder_each(struct rv_source *source, const struct rv_place *place, rv_source_fn *found, void *context,
                        struct rv_error *err)
{
    const struct folder *f = source->own;
    struct search s = { source, place, found, context, strchr(place->path, '*') != NULL, 0 };
    size_t from = 0, to = f->count;
    if (!s.pattern) {
        from = first_of_leaf(f, leaf_of(place->path));
        for (to = from; to < f->count && strcmp(leaf_of(f->paths[to]), leaf_of(place->path)) == 0;)
            to++;
    }
    if (!give_best(&s, from, to, err))
        return false;
    return s.given > 0 || place->tables == NULL || give_by_tables(&s, err);
}

const struct rv_source_kind rv_source_of_folder = { "folder", folder_each, plain_fetch, folder_free };
