/* SPDX-License-Identifier: Apache-2.0 */
#include "format/sqlite_cell.h"

#include <string.h>

/* Takes one serial type as stored column `place`. */
static inline bool take_serial(const struct rv_sq_spot *spot, unsigned place, uint64_t serial, struct rv_sq_parsed *p)
{
    if (!spot->known) {
        double bits = rv_sq_class_bits(spot->table, place, rv_sq_class_of(serial));
        if (bits < RV_SQ_IMPOSSIBLE)
            return false;
        p->class_bits += bits;
    }
    p->payload += rv_sq_body_size(serial);
    spot->serials[place] = serial;
    return true;
}

/* Serial types from `at` up to the known end of the header. */
static bool serials_until(const struct rv_sq_spot *spot, uint32_t at, uint32_t stop, struct rv_sq_parsed *p)
{
    const struct rv_sq_table *t = spot->table;
    const uint8_t *from = spot->page + at, *end = spot->page + stop;
    unsigned place = 0;
    for (; from < end; place++) {
        uint64_t serial = 0;
        unsigned n = place < t->stored ? rv_sq_varint_strict(from, end, &serial) : 0;
        if (n == 0 || !take_serial(spot, place, serial, p))
            return false;
        from += n;
    }
    p->count = place;
    return place >= spot->table->least_stored;
}

/* Serial types of columns first..want-1 from `at`, the header's length unknown. Returns its end, 0 refused. */
static uint32_t serials_counted(const struct rv_sq_spot *spot, uint32_t at, unsigned first, unsigned want,
                                struct rv_sq_parsed *p)
{
    for (unsigned place = first; place < want; place++) {
        uint64_t serial = 0;
        unsigned n = rv_sq_varint_strict(spot->page + at, spot->page + spot->limit, &serial);
        if (n == 0 || !take_serial(spot, place, serial, p))
            return 0;
        at += n;
    }
    p->count = want;
    return at;
}

static bool place_body(const struct rv_sq_spot *spot, uint32_t record, struct rv_sq_parsed *p)
{
    const struct rv_sq_db *db = spot->db;
    p->record = record;
    if (p->payload > (uint64_t)db->page_count * db->page_size)
        return false;
    p->local = rv_sq_local_size(p->payload, db->usable, !spot->table->without_rowid);
    uint64_t end = (uint64_t)record + p->local;
    p->overflow = 0;
    if (p->local < p->payload) {
        if (end + 4 > spot->limit)
            return false;
        const uint8_t *q = spot->page + end;
        p->overflow = rv_sq_u32(q);
        if (p->overflow < 2 || p->overflow > db->page_count)
            return false;
        end += 4;
    }
    if (end < (uint64_t)spot->at + 4)
        end = (uint64_t)spot->at + 4;
    p->end = (uint32_t)end;
    return end <= spot->limit;
}

bool rv_sq_cell_whole(const struct rv_sq_spot *spot, struct rv_sq_parsed *p)
{
    const struct rv_sq_table *t = spot->table;
    const uint8_t *end = spot->page + spot->limit;
    uint64_t payload = 0, rowid = 0, head = 0;
    unsigned n = rv_sq_varint_strict(spot->page + spot->at, end, &payload);
    p->rowid = 0;
    p->rowid_known = false;
    if (n == 0 || payload < (uint64_t)t->least_stored + 1)
        return false;
    uint32_t record = spot->at + n;
    if (!t->without_rowid) {
        n = rv_sq_varint_strict(spot->page + record, end, &rowid);
        if (n == 0)
            return false;
        record += n;
        p->rowid = (int64_t)rowid;
        p->rowid_known = true;
    }
    n = rv_sq_varint_strict(spot->page + record, end, &head);
    if (n == 0 || head > payload || head < (uint64_t)t->least_stored + n || head > spot->limit - record ||
        head > (uint64_t)t->stored * 9 + 2)
        return false;
    p->class_bits = 0;
    p->head = p->payload = head;
    return serials_until(spot, record + n, record + (uint32_t)head, p) && p->payload == payload &&
           place_body(spot, record, p);
}

/* The head sizes must add up with the layout: the payload length's size is computed, what is left is the rowid's. */
static bool head_fits(const struct rv_sq_table *t, unsigned layout, uint64_t payload)
{
    unsigned n = rv_sq_varint_size(payload);
    if (t->without_rowid)
        return n == layout;
    unsigned most = t->rowid_max > 0 ? rv_sq_varint_size(t->rowid_max * 2 + 64) : 9;
    return n < layout && layout - n <= most;
}

bool rv_sq_cell_tail(const struct rv_sq_spot *spot, unsigned first, unsigned skip, unsigned columns,
                     struct rv_sq_parsed *tail)
{
    uint32_t from = spot->at + 4 + skip;
    memset(tail, 0, sizeof *tail);
    tail->record = from < spot->limit ? serials_counted(spot, from, first, columns, tail) : 0;
    return tail->record != 0;
}

bool rv_sq_cell_headless(const struct rv_sq_spot *spot, const struct rv_sq_parsed *tail, struct rv_sq_scar scar,
                         struct rv_sq_parsed *p)
{
    *p = *tail;
    if (scar.layout == 2 && !take_serial(spot, 0, scar.first_serial, p))
        return false;
    p->head = tail->record - (spot->at + scar.layout);
    p->payload += p->head;
    return p->head <= 127 && /* else its length would have taken two bytes */
           head_fits(spot->table, scar.layout, p->payload) && place_body(spot, spot->at + scar.layout, p);
}

bool rv_sq_cell_scarred(const struct rv_sq_spot *spot, struct rv_sq_scar scar, struct rv_sq_parsed *p)
{
    uint32_t record = spot->at + scar.layout;
    struct rv_sq_parsed tail;
    if (scar.layout < 4)
        return rv_sq_cell_tail(spot, scar.layout == 2, scar.layout == 2 ? rv_sq_scar_skip(scar.first_serial) : 0,
                               scar.columns, &tail) &&
               rv_sq_cell_headless(spot, &tail, scar, p);
    p->rowid = 0;
    p->rowid_known = false;
    p->class_bits = 0;
    uint64_t head = 0;
    unsigned n = record < spot->limit ? rv_sq_varint_strict(spot->page + record, spot->page + spot->limit, &head) : 0;
    if (n == 0 || head < (uint64_t)spot->table->least_stored + n || head > spot->limit - record)
        return false;
    p->head = p->payload = head;
    return serials_until(spot, record + n, record + (uint32_t)head, p) &&
           head_fits(spot->table, scar.layout, p->payload) && place_body(spot, record, p);
}

bool rv_sq_cell_lenient(const struct rv_sq_spot *spot, uint32_t end_at, struct rv_sq_parsed *p)
{
    const struct rv_sq_table *t = spot->table;
    const uint8_t *end = spot->page + spot->limit;
    uint64_t ignored = 0, rowid = 0, head = 0;
    memset(p, 0, sizeof *p);
    uint32_t record = spot->at + rv_sq_varint(spot->page + spot->at, end, &ignored);
    if (!t->without_rowid) {
        record += rv_sq_varint(spot->page + record, end, &rowid);
        p->rowid = (int64_t)rowid;
        p->rowid_known = true;
    }
    unsigned n = record < spot->limit ? rv_sq_varint(spot->page + record, end, &head) : 0;
    if (n == 0 || head > spot->limit - record || head < (uint64_t)t->least_stored + n)
        return false;
    p->payload = p->head = head;
    for (uint32_t at = record + n; at < record + head; p->count++) {
        uint64_t *serial = &spot->serials[p->count];
        n = p->count < t->stored ? rv_sq_varint(spot->page + at, spot->page + record + head, serial) : 0;
        if (n == 0)
            return false;
        if (*serial == 10 || *serial == 11)
            *serial = 0; /* reserved types have no body */
        p->payload += rv_sq_body_size(*serial);
        at += n;
    }
    return place_body(spot, record, p) && p->end == end_at;
}

double rv_sq_cell_bits(const struct rv_sq_spot *spot, const struct rv_sq_parsed *p)
{
    double bits = 0;
    uint64_t at = p->head;
    for (unsigned i = 0; i < p->count; i++) {
        uint64_t size = rv_sq_body_size(spot->serials[i]);
        if (at + size > p->local)
            break;
        struct rv_sq_value v = rv_sq_value(spot->serials[i], spot->page + p->record + at);
        double b = rv_sq_value_bits(spot->table, i, &v, spot->db->encoding);
        if (b < RV_SQ_IMPOSSIBLE)
            return b;
        bits += b;
        at += size;
    }
    return bits;
}
