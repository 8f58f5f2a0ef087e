/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the carver; shared by sqlite_carve.c, sqlite_fit.c and sqlite_row.c only. */
#pragma once

#include "format/sqlite_carve.h"
#include "format/sqlite_cell.h"

struct rv_sq_candidate {
    uint32_t at, end;
    uint16_t table;
    uint8_t layout;
    uint16_t columns;
    uint8_t first_serial;
    double bits;
    int32_t next; /* of the same start */
};

enum { RV_SQ_VISITED_MAX = 4096 };

struct rv_sq_carver {
    const struct rv_sq_db *db;
    rv_sq_page_fn *page;
    void *page_context;
    uint64_t serials[RV_SQ_COLUMNS_MAX];
    struct rv_buf payload;
    uint32_t *visited; /* pages of the chain at hand, the last RV_SQ_VISITED_MAX of them; NULL: chains are not mended */
    bool mended;       /* the row at hand */
    struct rv_sq_candidate *candidates;
    size_t candidate_count, candidate_room;
    int32_t *first;  /* by offset: head of the candidates' list */
    int32_t *choice; /* by offset: candidate chosen by the tiling, -1 skip */
    double *best;
    uint8_t *taken; /* by offset: owned by a cell of the pointer array */
    uint8_t *stays; /* by offset: a cell of the page's next image begins here */
    uint32_t room;
    /* the page at hand */
    const struct rv_sq_target *target;
    struct rv_sq_page_header header;
    bool has_header;
    uint32_t block; /* of the page's chain of freeblocks: the first that is not behind us, 0 none */
    uint16_t owner;
    rv_sq_hit_fn *found;
    void *found_context;
};

static inline struct rv_sq_spot rv_sq_spot_at(struct rv_sq_carver *c, const uint8_t *page, uint16_t table, uint32_t at,
                                              uint32_t limit)
{
    return (struct rv_sq_spot){ c->db, c->db->tables[table], page, at, limit, c->serials, false };
}

/** The table that at least half of the cells of the page fit, RV_SQ_NO_TABLE none. */
uint16_t rv_sq_fit_table(struct rv_sq_carver *carver, const uint8_t *page, uint32_t number,
                         const struct rv_sq_page_header *header);
