/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which stored files there are. Names are forgiven: other case, flat or in folders, what cloud drives and copies by
 * hand add ("(1)", ".download", ".icloud", "~"). What is a placeholder of no bytes is no file.
 */
#include "backup/mending.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 20000000 };

struct taking {
    struct rv_mending *m;
    const char *folder; /* "" or "xx" or "Snapshot" … */
    unsigned depth;
};

/* The forty digits that a name begins with (a dot before them is iCloud's). */
static bool id_of(const char *name, char id[RV_BACKUP_ID])
{
    name += *name == '.';
    for (unsigned i = 0; i < 40; i++) {
        if (!isxdigit((unsigned char)name[i]))
            return false;
        id[i] = (char)tolower((unsigned char)name[i]);
    }
    id[40] = '\0';
    return !isalnum((unsigned char)name[40]);
}

static bool add(struct rv_stock_file **files, size_t *count, size_t *room, const struct rv_stock_file *file,
                struct rv_error *err)
{
    if (*count == FILES_MAX)
        return rv_fail(err, RV_E_LIMIT, "more than %d files in one backup", FILES_MAX);
    if (*count == *room) {
        size_t more = *room * 2 + 1024;
        struct rv_stock_file *grown = rv_realloc_array(*files, more, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        *files = grown;
        *room = more;
    }
    (*files)[(*count)++] = *file;
    return true;
}

bool rv_stock_add(struct rv_stock *stock, const struct rv_stock_file *file, struct rv_error *err)
{
    return add(&stock->files, &stock->count, &stock->room, file, err);
}

/* The backup's own lists, and what systems leave in folders. */
static bool is_no_content(const char *name)
{
    static const char *const names[] = { "Info.plist", "Status.plist", ".DS_Store", "Thumbs.db", "desktop.ini" };
    for (size_t i = 0; i < RV_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "Manifest.", 9) == 0 || strncmp(name, "._", 2) == 0;
}

static bool take_entry(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    struct taking *t = context;
    struct rv_stock_file file = { .size = (uint64_t)st->st_size };
    int len = snprintf(file.place, sizeof file.place, "%s%s%s", t->folder, *t->folder != '\0' ? "/" : "", name);
    if (len < 0 || (size_t)len >= sizeof file.place)
        return true;
    if (S_ISDIR(st->st_mode) && t->depth < 3) {
        struct taking inner = { .m = t->m, .folder = file.place, .depth = t->depth + 1 };
        struct rv_error unreadable = { 0 };
        return rv_place_each(t->m->b->dir, file.place, take_entry, &inner, &unreadable) || unreadable.code == RV_E_IO ||
               unreadable.code == RV_E_DENIED;
    }
    if (!S_ISREG(st->st_mode))
        return true;
    if (!id_of(name, file.id)) {
        file.id[0] = '\0';
        return st->st_size == 0 || is_no_content(name) ||
               add(&t->m->stock.strays, &t->m->stock.stray_count, &t->m->stock.stray_room, &file, err);
    }
    if (st->st_size == 0 && strlen(name) != 40)
        return true; /* a cloud drive's placeholder */
    file.in_snapshot = strncmp(file.place, "Snapshot/", 9) == 0;
    return rv_stock_add(&t->m->stock, &file, err);
}

/* Of two files of one id: the one of the set that counts, then the one under its true name, then the longer. */
static int by_worth(const void *a, const void *b, void *context)
{
    const struct rv_stock_file *x = a, *y = b;
    const struct rv_mending *m = context;
    int order = strcmp(x->id, y->id);
    if (order != 0)
        return order;
    if (x->in_snapshot != y->in_snapshot)
        return x->in_snapshot == m->snapshot_first ? -1 : 1;
    bool x_true = strlen(strrchr(x->place, '/') != NULL ? strrchr(x->place, '/') + 1 : x->place) == 40;
    bool y_true = strlen(strrchr(y->place, '/') != NULL ? strrchr(y->place, '/') + 1 : y->place) == 40;
    if (x_true != y_true)
        return x_true ? -1 : 1;
    return x->size != y->size ? (x->size > y->size ? -1 : 1) : strcmp(x->place, y->place);
}

void rv_stock_sort(struct rv_mending *m)
{
    if (m->stock.count > 1)
        qsort_r(m->stock.files, m->stock.count, sizeof *m->stock.files, by_worth, m);
}

bool rv_stock_take(struct rv_mending *m, struct rv_error *err)
{
    struct taking top = { .m = m, .folder = "" };
    if (!rv_place_each(m->b->dir, ".", take_entry, &top, err))
        return false;
    rv_stock_sort(m);
    return true;
}

const struct rv_stock_file *rv_stock_find(const struct rv_mending *m, const char *id)
{
    size_t low = 0, high = m->stock.count;
    while (low < high) { /* the first of its id */
        size_t middle = low + (high - low) / 2;
        if (strcmp(m->stock.files[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->stock.count && strcmp(m->stock.files[low].id, id) == 0 ? &m->stock.files[low] : NULL;
}

void rv_stock_clear(struct rv_stock *stock)
{
    rv_free(stock->files);
    rv_free(stock->strays);
    *stock = (struct rv_stock){ .count = 0 };
}
