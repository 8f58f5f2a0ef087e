/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types whose record is one row of one table, with some values beside it: what differs between them is a table of
 * fields, what is the same is here.
 */
#pragma once

#include "artifact/db.h"

enum rv_flat_kind { RV_FLAT_TEXT, RV_FLAT_NUMBER, RV_FLAT_REAL, RV_FLAT_FLAG, RV_FLAT_COCOA, RV_FLAT_UNIX, RV_FLAT_MS };

struct rv_flat_field {
    const char *key;    /* of the record; "chat.id" lies inside an object */
    const char *column; /* of the table; NULL: `sql` */
    enum rv_flat_kind kind;
    const char
        *sql; /* a value from another table, of living rows: "SELECT u.ZNAME FROM main.ZUSER u WHERE u.Z_PK=t.ZUSER" */
    const char *needs; /* "ZUSER.ZNAME ZMESSAGE.ZUSER": columns without which there is none; NULL for a column */
};

enum { RV_FLAT_FIELDS = 32 };
struct rv_flat {
    const char *table;
    const struct rv_flat_field *fields; /* the columns first, then those with sql */
    size_t count;
    const char *rest;     /* WHERE and ORDER BY of living rows */
    const char *identity; /* column that two versions of a row share; NULL none */
    const char *trash;    /* key of a number that says by not being 0 that it lies in the app's trash; NULL none */
    /* More of the record; false: this row is none. NULL: nothing more. */
    bool (*finish)(struct rv_job *job, json_t *record);
};
/** Rows of the table, living and carved. Nothing when there is no such table. */
bool rv_flat_read(struct rv_job *job, struct rv_db *db, const struct rv_flat *flat, struct rv_error *err);
