/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of a backup as folders and files: domain/path. What no path can be made of is left out and counted. Small
 * enough for a million files: one node of 72 bytes and its name each.
 */
#pragma once

#include "backup/backup.h"

enum { RV_TREE_NONE = 0 }; /* the root, which is nobody's child */

struct rv_tree_node {
    uint64_t size;       /* as the record has it, until somebody knows better */
    int64_t modified;    /* 0: not known */
    uint32_t name;       /* in the text */
    uint32_t parent;     /* a node */
    uint32_t child;      /* the first; RV_TREE_NONE */
    uint32_t next;       /* the next of its parent; RV_TREE_NONE */
    uint32_t value;      /* in the text: the wrapped key of a file, or where a link leads */
    uint16_t value_size; /* bytes of it */
    uint16_t mode;       /* permissions */
    uint8_t kind;        /* enum rv_mbfile_kind */
    bool sized;          /* size is what reading gives */
    uint8_t id[20];
};

struct rv_tree {
    struct rv_tree_node *nodes; /* [0]: the root */
    uint32_t count, room;
    struct rv_buf text;
    uint32_t *slots; /* nodes by parent and name */
    uint32_t slot_count;
    uint64_t seed;
    uint64_t files, bytes, links, left_out;
};

struct rv_tree *rv_tree_new(struct rv_error *err);
void rv_tree_free(struct rv_tree *tree);
RV_DEFINE_AUTO(rv_tree)
/** All rows of an open index. */
bool rv_tree_read(struct rv_tree *tree, struct rv_backup *backup, struct rv_error *err);
/** One row; false only when memory is out. */
bool rv_tree_add(struct rv_tree *tree, const struct rv_backup_row *row, struct rv_error *err);
/** A child by name; RV_TREE_NONE. */
uint32_t rv_tree_find(const struct rv_tree *tree, uint32_t parent, const char *name);
static inline const char *rv_tree_name(const struct rv_tree *tree, uint32_t node)
{
    return (const char *)tree->text.data + tree->nodes[node].name;
}
/** What rv_backup_view_open asks of a row; `file` is the caller's room, `id` lies in the row. */
struct rv_backup_row rv_tree_row(const struct rv_tree *tree, uint32_t node, struct rv_mbfile *file);
