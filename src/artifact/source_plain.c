/* SPDX-License-Identifier: Apache-2.0 */
/* Sources that are files on this computer: one database, or a folder in whatever order somebody put things into it. */
#include "artifact/source.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_MAX = 2 * 1000 * 1000, DEPTH_MAX = 64, LOOKS_MAX = 500, ALIKE_MAX = 1000 };

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

/* Made when something is asked for that does not lie where it should: a walk over half a million files takes a while.
 */
struct folder {
    char *real;               /* the folder's own whole name */
    char **paths;             /* whole paths on this computer, by their last name */
    char **ends;              /* the same, by their last letters first: what ends alike stands together */
    size_t count, room, root; /* root: bytes of the folder's name with its slash */
    bool walked;
};

static bool keep(struct folder *f, const char *path, struct rv_error *err)
{
    if (f->count == f->room) {
        size_t more = f->room ? f->room * 2 : 256;
        char **bigger = more <= FILES_MAX ? rv_realloc_array(f->paths, more, sizeof *f->paths) : NULL;
        if (bigger == NULL)
            return rv_fail(err, RV_E_LIMIT, "a folder of more than %d files", FILES_MAX);
        f->paths = bigger;
        f->room = more;
    }
    f->paths[f->count] = rv_text_copy(path);
    return f->paths[f->count++] != NULL || rv_fail_nomem(err);
}

/* Regular files below, links not followed. What cannot be listed is left out. */
static bool walk(struct rv_source *source, struct folder *f, const char *at, unsigned depth, struct rv_error *err)
{
    DIR *dir = depth < DEPTH_MAX ? opendir(at) : NULL;
    struct dirent *e;
    bool fine = true;
    while (fine && dir != NULL && (e = readdir(dir)) != NULL) {
        char path[PATH_MAX];
        struct stat st;
        unsigned char type = e->d_type;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            snprintf(path, sizeof path, "%s%s%s", at, rv_text_ends(at, "/") ? "" : "/", e->d_name) >= (int)sizeof path)
            continue;
        if (type == DT_UNKNOWN && lstat(path, &st) == 0)
            type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_LNK;
        if (type == DT_DIR)
            fine = walk(source, f, path, depth + 1, err);
        else if (type == DT_REG)
            fine = keep(f, path, err);
    }
    if (dir != NULL)
        closedir(dir);
    return fine && rv_cancel_point(&source->ctx->cancel, err);
}

static int by_leaf(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    int way = strcmp(leaf_of(x), leaf_of(y));
    return way != 0 ? way : strcmp(x, y);
}

/* From the last letter on; of what ends alike up to the length of one of them, that one first. */
static int compare_ends(const char *a, size_t n, const char *b, size_t m)
{
    while (n > 0 && m > 0)
        if (a[--n] != b[--m])
            return (unsigned char)a[n] < (unsigned char)b[m] ? -1 : 1;
    return n > 0 ? 1 : m > 0 ? -1 : 0;
}

static int by_end(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    return compare_ends(x, strlen(x), y, strlen(y));
}

static bool index_folder(struct rv_source *source, struct rv_error *err)
{
    struct folder *f = source->own;
    if (f->walked)
        return true;
    if (!walk(source, f, source->from, 0, err))
        return false;
    f->ends = rv_alloc_array(f->count + 1, sizeof *f->ends);
    if (f->ends == NULL)
        return rv_fail_nomem(err);
    if (f->count > 0) { /* of an empty folder there is no list */
        memcpy(f->ends, f->paths, f->count * sizeof *f->ends);
        qsort(f->paths, f->count, sizeof *f->paths, by_leaf);
        qsort(f->ends, f->count, sizeof *f->ends, by_end);
    }
    return f->walked = true;
}

static void folder_free(struct rv_source *source)
{
    struct folder *f = source->own;
    for (size_t i = 0; f != NULL && i < f->count; i++)
        rv_free(f->paths[i]);
    if (f != NULL) {
        rv_free(f->paths);
        rv_free(f->ends);
        rv_free(f->real);
    }
    rv_free(f);
}

bool rv_source_folder_open(struct rv_source *source, struct rv_error *err)
{
    struct folder *f = rv_alloc(sizeof *f);
    char real[PATH_MAX];
    source->own = f;
    if (f == NULL)
        return rv_fail_nomem(err);
    size_t root = strlen(source->from);
    f->root = root + (root > 0 && source->from[root - 1] != '/');
    if (realpath(source->from, real) == NULL)
        return rv_fail_sys(err, RV_E_IO, errno, "looking at %s", source->from);
    f->real = rv_text_copy(real);
    return f->real != NULL || rv_fail_nomem(err);
}

/* How well a path answers to a pattern: 2 by as many folders as the pattern has, 1 by its last name, 0 not. */
static int answers(const char *path, size_t length, const struct rv_place *place)
{
    unsigned slashes = 0;
    for (const char *at = place->path; *at != '\0'; at++)
        slashes += *at == '/';
    const char *from = path + length;
    while (from > path && (from[-1] != '/' || slashes-- > 0))
        from--;
    return rv_path_matches(place->path, from) ? 2 : rv_path_matches(leaf_of(place->path), leaf_of(path)) ? 1 : 0;
}

struct search {
    struct rv_source *source;
    const struct rv_place *place;
    rv_source_fn *found;
    void *context;
    size_t given;
};

/* Of all domains: only where the folder has one folder for each. */
static bool give_of_domains(struct search *s, struct rv_error *err)
{
    const struct folder *f = s->source->own;
    for (size_t i = 0; i < f->count; i++) {
        const char *path = f->paths[i] + f->root;
        const char *slash = strchr(path, '/');
        RV_AUTO_TEXT domain = slash != NULL ? rv_text_copy_n(path, (size_t)(slash - path)) : NULL;
        if (domain != NULL && rv_path_matches(s->place->domain, domain) && rv_path_matches(s->place->path, slash + 1) &&
            !give(f->paths[i], domain, slash + 1, s->found, s->context, err))
            return false;
    }
    return true;
}

static bool give_matches(struct search *s, struct rv_error *err)
{
    const struct folder *f = s->source->own;
    int best = 0;
    for (size_t i = 0; i < f->count; i++) {
        int grade = answers(f->paths[i] + f->root, strlen(f->paths[i] + f->root), s->place);
        best = grade > best ? grade : best;
    }
    if (best == 0 || (best == 1 && s->place->tables == NULL && strchr(s->place->path, '/') != NULL))
        return true; /* another file of the same last name is not the one that was asked for */
    for (size_t i = 0; i < f->count; i++) {
        const char *path = f->paths[i] + f->root;
        if (answers(path, strlen(path), s->place) != best)
            continue;
        /* its name on the phone: the place's folder and its own last name */
        size_t head = (size_t)(leaf_of(s->place->path) - s->place->path);
        RV_AUTO_TEXT dir = rv_text_copy_n(s->place->path, head);
        RV_AUTO_TEXT name =
            dir != NULL && head > 0 ? rv_path_join(dir, leaf_of(path), err) : rv_text_copy(leaf_of(path));
        s->given++;
        if (name == NULL)
            return rv_fail_nomem(err);
        if (!give(f->paths[i], s->place->domain, name, s->found, s->context, err))
            return false;
    }
    return true;
}

/* The files whose path ends in "/end": the first by name, and how many there are. */
static const char *ending_in(const struct folder *f, const char *end, size_t *count)
{
    size_t low = 0, high = f->count, length = strlen(end);
    const char *first = NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_ends(f->ends[middle], strlen(f->ends[middle]), end, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0; low < f->count && rv_text_ends(f->ends[low], end); low++) {
        if (first == NULL || strcmp(f->ends[low], first) < 0)
            first = f->ends[low];
        if (++*count == ALIKE_MAX)
            break;
    }
    return first;
}

/*
 * Where it lies in a copy of a phone's files: FOLDER/DOMAIN/PATH or FOLDER/PATH, and no link inside leads there. Named
 * as a walk through the folder names it, whatever links led to the folder: one file has one name.
 */
static const char *straight(const struct rv_source *source, const struct rv_place *place, char at[PATH_MAX])
{
    const struct folder *f = source->own;
    const char *top = strcmp(f->real, "/") == 0 ? "" : f->real;
    char real[PATH_MAX];
    for (int with = 1; with >= 0; with--) {
        struct stat st;
        int n = snprintf(at, PATH_MAX, "%s/%s%s%s", top, with ? place->domain : "", with ? "/" : "", place->path);
        if (n >= PATH_MAX || lstat(at, &st) != 0 || !S_ISREG(st.st_mode) || realpath(at, real) == NULL ||
            strcmp(at, real) != 0)
            continue;
        n = snprintf(at, PATH_MAX, "%s%s%s", source->from, rv_text_ends(source->from, "/") ? "" : "/",
                     real + strlen(top) + 1);
        return n < PATH_MAX ? at : NULL;
    }
    return NULL;
}

/* With its domain, by its whole path, by its last name when there is no other of that name. */
static bool give_one(struct search *s, struct rv_error *err)
{
    const struct folder *f = s->source->own;
    const struct rv_place *place = s->place;
    char end[PATH_MAX], at[PATH_MAX];
    size_t count;
    const char *found = straight(s->source, place, at);
    if (found == NULL && !index_folder(s->source, err))
        return false;
    for (int grade = 3; grade >= 1 && found == NULL; grade--) {
        snprintf(end, sizeof end, "%s%s/%s", grade == 3 ? "/" : "", grade == 3 ? place->domain : "",
                 grade == 1 ? leaf_of(place->path) : place->path);
        found = ending_in(f, end, &count);
        if (found != NULL && grade == 1 && place->tables == NULL && strchr(place->path, '/') != NULL && count > 1)
            return true;
    }
    s->given += found != NULL;
    return found == NULL || give(found, place->domain, place->path, s->found, s->context, err);
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
    struct search s = { source, place, found, context, 0 };
    bool pattern = strchr(place->path, '*') != NULL;
    if (strchr(place->domain, '*') != NULL)
        return index_folder(source, err) && give_of_domains(&s, err);
    if (pattern ? !index_folder(source, err) || !give_matches(&s, err) : !give_one(&s, err))
        return false;
    if (s.given > 0 || place->tables == NULL)
        return true;
    return index_folder(source, err) && give_by_tables(&s, err);
}

const struct rv_source_kind rv_source_of_folder = { "folder", folder_each, plain_fetch, folder_free };
