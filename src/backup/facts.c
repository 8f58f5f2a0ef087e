/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/facts.h"

#include "backup/place.h"
#include "backup/sorts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOMAINS_MAX = 20000 };

struct measuring {
    const struct rv_backup *b;
    const char *folder;
    struct rv_backup_size size;
};

static bool measure_inner(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    struct measuring *m = context;
    (void)err;
    (void)name;
    if (S_ISREG(st->st_mode)) {
        m->size.files++;
        m->size.bytes += (uint64_t)st->st_size;
    }
    return true;
}

static bool measure_top(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    struct measuring *m = context;
    struct rv_error none = { 0 };
    if (!S_ISDIR(st->st_mode))
        return measure_inner(context, name, st, err);
    if (m->folder != NULL) { /* Snapshot/xx */
        char inner[RV_PLACE_PART_MAX * 2 + 2];
        snprintf(inner, sizeof inner, "%s/%s", m->folder, name);
        rv_place_each(m->b->dir, inner, measure_inner, m, &none);
        return true;
    }
    bool snapshot = strcmp(name, "Snapshot") == 0;
    m->folder = snapshot ? name : NULL;
    rv_place_each(m->b->dir, name, snapshot ? measure_top : measure_inner, m, &none);
    m->folder = NULL;
    return true;
}

struct rv_backup_size rv_backup_measure(const struct rv_backup *b)
{
    struct measuring m = { .b = b };
    struct rv_error none = { 0 };
    rv_place_each(b->dir, ".", measure_top, &m, &none);
    return m.size;
}

static int64_t date_in(plist_t dict, const char *key)
{
    plist_t node = rv_plist_node(dict, key);
    int32_t seconds = 0, micro = 0;
    if (node == NULL || plist_get_node_type(node) != PLIST_DATE)
        return 0;
    plist_get_date_val(node, &seconds, &micro);
    return (int64_t)seconds + 978307200; /* from 2001 to 1970 */
}

int64_t rv_backup_date(const struct rv_backup *b)
{
    int64_t date = date_in(b->info.plist, "Last Backup Date");
    date = date != 0 ? date : date_in(b->manifest.plist, "Date");
    return date != 0 ? date : date_in(b->status.plist, "Date");
}

static struct rv_backup_part *part_of(struct rv_backup_content *c, const char *domain)
{
    for (uint32_t i = c->domain_count; i-- > 0;) /* rows of a domain come together */
        if (strcmp(c->domains[i].name, domain) == 0)
            return &c->domains[i].part;
    if (c->domain_count == DOMAINS_MAX)
        return NULL;
    if (c->domain_count == c->domain_room) {
        uint32_t room = c->domain_room * 2 + 32;
        struct rv_backup_domain *more = rv_realloc_array(c->domains, room, sizeof *more);
        if (more == NULL)
            return NULL;
        c->domains = more;
        c->domain_room = room;
    }
    struct rv_backup_domain *d = &c->domains[c->domain_count];
    *d = (struct rv_backup_domain){ .name = rv_text_copy(domain) };
    if (d->name == NULL)
        return NULL;
    c->domain_count++;
    return &d->part;
}

static void count_in(struct rv_backup_part *part, uint64_t bytes)
{
    if (part == NULL)
        return;
    part->files++;
    part->bytes += bytes;
}

struct counting {
    struct rv_backup_content content;
    struct rv_ctx *ctx;
};

static bool count_row(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    struct counting *counting = context;
    struct rv_backup_content *c = &counting->content;
    if (!rv_cancel_point(&counting->ctx->cancel, err))
        return false;
    if ((row->flags & RV_MBFILE_FILE) == 0)
        return true;
    uint64_t bytes = row->file != NULL ? row->file->size : 0;
    count_in(&c->total, bytes);
    count_in(&c->sorts[rv_backup_sort_of(row->domain, row->path)], bytes);
    count_in(part_of(c, row->domain), bytes);
    if (row->file != NULL && row->file->modified > c->newest)
        c->newest = row->file->modified;
    return true;
}

static int by_bytes(const void *a, const void *b)
{
    const struct rv_backup_domain *x = a, *y = b;
    return x->part.bytes != y->part.bytes ? (x->part.bytes < y->part.bytes ? 1 : -1) : strcmp(x->name, y->name);
}

bool rv_backup_content_read(struct rv_backup *b, struct rv_backup_content *out, struct rv_error *err)
{
    struct counting c = { .ctx = b->ctx };
    bool fine = rv_backup_each(b, count_row, &c, err);
    if (c.content.domain_count > 1)
        qsort(c.content.domains, c.content.domain_count, sizeof *c.content.domains, by_bytes);
    *out = c.content;
    return fine;
}

void rv_backup_content_clear(struct rv_backup_content *c)
{
    for (uint32_t i = 0; i < c->domain_count; i++)
        rv_free(c->domains[i].name);
    rv_free(c->domains);
    c->domains = NULL;
    c->domain_count = c->domain_room = 0;
}
