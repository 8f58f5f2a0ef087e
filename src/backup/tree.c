/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/tree.h"

#include "backup/place.h"
#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { NODES_FIRST = 1024, TEXT_MAX = 1 << 30, NAME_ROOM = RV_PLACE_MAX * 2 };

/* ---- the table of names ---- */

/* FNV-1a from a seed of this run: a backup cannot choose names that all meet in one slot. */
static uint32_t slot_of(const struct rv_tree *t, uint32_t parent, const char *name, size_t len)
{
    uint64_t hash = (14695981039346656037u ^ t->seed ^ parent) * 1099511628211u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)name[i]) * 1099511628211u;
    return (uint32_t)(hash >> 32) & (t->slot_count - 1);
}

static uint32_t find(const struct rv_tree *t, uint32_t parent, const char *name, size_t len)
{
    for (uint32_t at = slot_of(t, parent, name, len); t->slots[at] != RV_TREE_NONE;
         at = (at + 1) & (t->slot_count - 1)) {
        const struct rv_tree_node *n = &t->nodes[t->slots[at]];
        const char *here = rv_tree_name(t, t->slots[at]);
        if (n->parent == parent && strncmp(here, name, len) == 0 && here[len] == '\0')
            return t->slots[at];
    }
    return RV_TREE_NONE;
}

uint32_t rv_tree_find(const struct rv_tree *t, uint32_t parent, const char *name)
{
    return find(t, parent, name, strlen(name));
}

static void put(struct rv_tree *t, uint32_t node)
{
    const char *name = rv_tree_name(t, node);
    uint32_t at = slot_of(t, t->nodes[node].parent, name, strlen(name));
    while (t->slots[at] != RV_TREE_NONE)
        at = (at + 1) & (t->slot_count - 1);
    t->slots[at] = node;
}

static bool grow(struct rv_tree *t, struct rv_error *err)
{
    if (t->count < t->room)
        return true;
    if (t->room > UINT32_MAX / 8)
        return rv_fail(err, RV_E_LIMIT, "a backup of more than %u names", t->count);
    struct rv_tree_node *nodes = rv_realloc_array(t->nodes, (size_t)t->room * 2, sizeof *nodes);
    if (nodes == NULL)
        return rv_fail_nomem(err);
    t->nodes = nodes;
    uint32_t *slots = rv_alloc_array((size_t)t->room * 4, sizeof *slots);
    if (slots == NULL)
        return rv_fail_nomem(err);
    rv_free(t->slots);
    t->slots = slots;
    t->room *= 2;
    t->slot_count = t->room * 2;
    for (uint32_t i = 1; i < t->count; i++)
        put(t, i);
    return true;
}

struct rv_tree *rv_tree_new(struct rv_error *err)
{
    struct rv_clock clock;
    RV_AUTO(rv_tree) t = rv_alloc(sizeof *t);
    if (t != NULL) {
        t->text = (struct rv_buf)RV_BUF(TEXT_MAX);
        t->room = NODES_FIRST;
        t->slot_count = NODES_FIRST * 2;
        t->nodes = rv_alloc_array(t->room, sizeof *t->nodes);
        t->slots = rv_alloc_array(t->slot_count, sizeof *t->slots);
    }
    if (t == NULL || t->nodes == NULL || t->slots == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    rv_clock_system(&clock);
    t->seed = rv_clock_now(&clock) * 0x9E3779B97F4A7C15u ^ (uint64_t)(uintptr_t)t;
    t->nodes[0] = (struct rv_tree_node){ .mode = 0755, .kind = RV_MBFILE_DIRECTORY };
    t->count = 1;
    return rv_buf_add(&t->text, rv_span("", 1), err) ? rv_steal(&t) : NULL;
}

void rv_tree_free(struct rv_tree *t)
{
    if (t == NULL)
        return;
    rv_free(t->nodes);
    rv_free(t->slots);
    rv_buf_clear(&t->text);
    rv_free(t);
}

/* ---- one row ---- */

static bool keep_text(struct rv_tree *t, struct rv_span text, uint32_t *at, struct rv_error *err)
{
    *at = (uint32_t)t->text.len;
    return rv_buf_add(&t->text, text, err) && rv_buf_add(&t->text, rv_span("", 1), err);
}

/* A new child, a folder until it is told otherwise; RV_TREE_NONE with an error. */
static uint32_t add_child(struct rv_tree *t, uint32_t parent, struct rv_span name, struct rv_error *err)
{
    uint32_t text;
    if (!grow(t, err) || !keep_text(t, name, &text, err))
        return RV_TREE_NONE;
    uint32_t node = t->count++;
    t->nodes[node] = (struct rv_tree_node){
        .name = text, .parent = parent, .next = t->nodes[parent].child, .mode = 0755, .kind = RV_MBFILE_DIRECTORY
    };
    t->nodes[parent].child = node;
    put(t, node);
    return node;
}

/* The folder that holds the last part, made where it is not there. False without an error: a file is in the way. */
static bool parent_of(struct rv_tree *t, const char *name, uint32_t *parent, const char **leaf, struct rv_error *err)
{
    uint32_t at = 0;
    for (const char *slash; (slash = strchr(name, '/')) != NULL; name = slash + 1) {
        size_t len = (size_t)(slash - name);
        uint32_t next = find(t, at, name, len);
        if (next == RV_TREE_NONE)
            next = add_child(t, at, rv_span(name, len), err);
        if (next == RV_TREE_NONE || t->nodes[next].kind != RV_MBFILE_DIRECTORY)
            return false;
        at = next;
    }
    *parent = at;
    *leaf = name;
    return true;
}

static bool describe(struct rv_tree *t, uint32_t node, const struct rv_backup_row *row, struct rv_error *err)
{
    const struct rv_mbfile *f = row->file;
    struct rv_span value = f->key;
    enum rv_mbfile_kind kind = rv_mbfile_kind(f);
    if (kind == RV_MBFILE_LINK)
        value = rv_span(f->target, strlen(f->target));
    uint32_t at = 0;
    if (value.len > 0 && kind != RV_MBFILE_DIRECTORY && !keep_text(t, value, &at, err))
        return false;
    struct rv_tree_node *n = &t->nodes[node];
    n->kind = (uint8_t)kind;
    n->mode = (uint16_t)(f->mode & 0777);
    n->modified = f->modified;
    n->value = at;
    n->value_size = at != 0 ? (uint16_t)value.len : 0;
    n->size = kind == RV_MBFILE_FILE ? f->size : kind == RV_MBFILE_LINK ? value.len : 0;
    (void)rv_text_unhex(row->id, 40, n->id, sizeof n->id);
    t->files += kind == RV_MBFILE_FILE;
    t->bytes += kind == RV_MBFILE_FILE ? f->size : 0;
    t->links += kind == RV_MBFILE_LINK;
    return true;
}

bool rv_tree_add(struct rv_tree *t, const struct rv_backup_row *row, struct rv_error *err)
{
    char name[NAME_ROOM];
    struct rv_error why = { 0 };
    const char *leaf;
    int len = snprintf(name, sizeof name, "%s%s%s", row->domain, *row->path != '\0' ? "/" : "", row->path);
    t->left_out++;
    if (row->file == NULL || strchr(row->domain, '/') != NULL || !rv_place_check(rv_span(name, (size_t)len), &why) ||
        (rv_mbfile_kind(row->file) == RV_MBFILE_FILE && !rv_backup_is_id(row->id)))
        return true;
    uint32_t parent;
    if (!parent_of(t, name, &parent, &leaf, &why)) {
        *err = why;
        return why.code == RV_OK;
    }
    uint32_t node = find(t, parent, leaf, strlen(leaf));
    bool folder = rv_mbfile_kind(row->file) == RV_MBFILE_DIRECTORY;
    if (node != RV_TREE_NONE && (!folder || t->nodes[node].kind != RV_MBFILE_DIRECTORY))
        return true; /* two rows of one name: the first stays */
    if (node == RV_TREE_NONE)
        node = add_child(t, parent, rv_span(leaf, strlen(leaf)), err);
    if (node == RV_TREE_NONE || !describe(t, node, row, err))
        return false;
    t->left_out--;
    return true;
}

static bool take_row(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    return rv_tree_add(context, row, err);
}

bool rv_tree_read(struct rv_tree *t, struct rv_backup *b, struct rv_error *err)
{
    return rv_backup_each(b, take_row, t, err);
}

struct rv_backup_row rv_tree_row(const struct rv_tree *t, uint32_t node, struct rv_mbfile *file)
{
    const struct rv_tree_node *n = &t->nodes[node];
    struct rv_backup_row row = { .domain = "", .path = rv_tree_name(t, node), .flags = n->kind, .file = file };
    rv_text_hex(rv_span(n->id, sizeof n->id), row.id, sizeof row.id);
    file->size = n->size;
    file->key = rv_span(t->text.data + n->value, n->value_size);
    return row;
}
