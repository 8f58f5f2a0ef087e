/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is to a person: a photo, a message, an app's data. One row a sort, first match wins. */
#pragma once

#include "base/error.h"

struct rv_backup_sort {
    const char *id;
    const char *one, *many; /* "photo", "photos" */
    const char *domain;     /* begins with; NULL any */
    const char *path;       /* begins with; NULL any */
    const char *endings;    /* one of these, lower case, ' ' between; NULL any */
};
extern const struct rv_backup_sort rv_backup_sorts[];
extern const unsigned rv_backup_sort_count;
/** Index into rv_backup_sorts, of the first row with its id; the last row takes all. */
unsigned rv_backup_sort_of(const char *domain, const char *path);

/** Databases that hold what a person would miss; NULL-terminated by domain. */
struct rv_backup_database {
    const char *domain, *path, *words; /* "your messages" */
    const char *tables;                /* that only it has, ' ' between */
};
extern const struct rv_backup_database rv_backup_databases[];
/** The row, or NULL. */
const struct rv_backup_database *rv_backup_database_of(const char *domain, const char *path);
