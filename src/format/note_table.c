/* SPDX-License-Identifier: Apache-2.0 */
/* Tables in notes: entries that refer to each other by number; rows and columns are sets with an order of their own. */
#include "format/note.h"

#include "format/protobuf.h"

#include <string.h>

enum { ENTRIES_MAX = 1 << 18, NAMES_MAX = 4096, SIDE_MAX = 2000, CELLS_MAX = 1 << 20, NOWHERE = -1 };

struct crdt {
    struct rv_span *entries, *uuids, *keys, *types;
    size_t entry_count, uuid_count, key_count, type_count;
};

/* Of a set: where an identity stands, and which identities there are. */
struct side {
    int32_t *at; /* by uuid index: position, NOWHERE */
    size_t count;
};

static bool add(struct rv_span **list, size_t *count, struct rv_span one, size_t most, struct rv_error *err)
{
    if ((*count & (*count - 1)) == 0) { /* 0, 1, 2, 4 ...: full */
        size_t room = *count ? *count * 2 : 1;
        struct rv_span *more = room <= most ? rv_realloc_array(*list, room, sizeof *more) : NULL;
        if (more == NULL)
            return rv_fail(err, RV_E_LIMIT, "a table of more than %zu parts", most);
        *list = more;
    }
    (*list)[(*count)++] = one;
    return true;
}

static bool load(struct rv_span data, struct crdt *c, struct rv_error *err)
{
    struct rv_proto p = { .in = { .in = data } };
    bool fine = true;
    while (fine && rv_proto_next(&p)) {
        if (p.bytes.ptr == NULL)
            continue;
        if (p.field == 3)
            fine = add(&c->entries, &c->entry_count, p.bytes, ENTRIES_MAX, err);
        else if (p.field == 4)
            fine = add(&c->keys, &c->key_count, p.bytes, NAMES_MAX, err);
        else if (p.field == 5)
            fine = add(&c->types, &c->type_count, p.bytes, NAMES_MAX, err);
        else if (p.field == 6)
            fine = add(&c->uuids, &c->uuid_count, p.bytes, ENTRIES_MAX, err);
    }
    return fine;
}

static bool is(struct rv_span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.ptr, text, span.len) == 0;
}

static struct rv_span entry(const struct crdt *c, uint64_t number)
{
    return number < c->entry_count ? c->entries[number] : (struct rv_span){ 0 };
}

/* An ObjectID that refers to an entry. */
static struct rv_span refer(const struct crdt *c, struct rv_span object)
{
    return entry(c, rv_proto_number(object, 6, UINT64_MAX));
}

/* The value under a key of an entry's map; ptr NULL none. */
static struct rv_span mapped(const struct crdt *c, struct rv_span one, const char *key)
{
    struct rv_proto p = { .in = { .in = rv_proto_bytes(one, 13) } };
    struct rv_span found = { 0 };
    while (rv_proto_next(&p)) {
        uint64_t name = p.field == 3 ? rv_proto_number(p.bytes, 1, UINT64_MAX) : UINT64_MAX;
        if (name < c->key_count && is(c->keys[name], key))
            found = rv_proto_bytes(p.bytes, 2);
    }
    return found;
}

/* Which uuid an identity stands for; UINT64_MAX none. */
static uint64_t identity(const struct crdt *c, struct rv_span object)
{
    struct rv_span value = mapped(c, refer(c, object), "UUIDIndex");
    uint64_t index = rv_proto_number(value, 2, UINT64_MAX);
    return index < c->uuid_count ? index : UINT64_MAX;
}

static uint64_t uuid_index(const struct crdt *c, struct rv_span uuid)
{
    for (size_t i = 0; i < c->uuid_count; i++)
        if (rv_span_equal(c->uuids[i], uuid))
            return i;
    return UINT64_MAX;
}

/* Positions in the order of the array; then the names under which edits moved them; then only those that still exist.
 */
static bool read_side(const struct crdt *c, struct rv_span object, struct side *side, struct rv_error *err)
{
    struct rv_span set = rv_proto_bytes(refer(c, object), 16);
    struct rv_span ordering = rv_proto_bytes(set, 1), array = rv_proto_bytes(ordering, 1);
    side->at = rv_alloc_array(c->uuid_count + 1, sizeof *side->at);
    int32_t *place = rv_alloc_array(c->uuid_count + 1, sizeof *place);
    int32_t *final = rv_alloc_array(SIDE_MAX + 1, sizeof *final);
    int32_t order = 0;
    bool fine = side->at != NULL && place != NULL && final != NULL;
    for (size_t i = 0; fine && i <= c->uuid_count; i++)
        side->at[i] = place[i] = NOWHERE;
    struct rv_proto p = { .in = { .in = array } };
    while (fine && rv_proto_next(&p)) {
        uint64_t index = p.field == 2 ? uuid_index(c, rv_proto_bytes(p.bytes, 2)) : UINT64_MAX;
        if (index != UINT64_MAX && place[index] == NOWHERE && order < SIDE_MAX)
            place[index] = order++;
    }
    p = (struct rv_proto){ .in = { .in = rv_proto_bytes(ordering, 2) } };
    while (fine && rv_proto_next(&p)) {
        uint64_t from = p.field == 1 ? identity(c, rv_proto_bytes(p.bytes, 1)) : UINT64_MAX;
        uint64_t to = p.field == 1 ? identity(c, rv_proto_bytes(p.bytes, 2)) : UINT64_MAX;
        if (from != UINT64_MAX && to != UINT64_MAX && place[from] != NOWHERE)
            place[to] = place[from];
    }
    for (int32_t i = 0; fine && i <= SIDE_MAX; i++)
        final[i] = NOWHERE;
    p = (struct rv_proto){ .in = { .in = rv_proto_bytes(set, 2) } };
    while (fine && rv_proto_next(&p)) {
        uint64_t there = p.field == 1 ? identity(c, rv_proto_bytes(p.bytes, 1)) : UINT64_MAX;
        if (there != UINT64_MAX && place[there] != NOWHERE)
            final[place[there]] = 0;
    }
    for (int32_t i = 0; fine && i < order; i++)
        if (final[i] != NOWHERE)
            final[i] = (int32_t)side->count++;
    for (size_t i = 0; fine && i < c->uuid_count; i++)
        side->at[i] = place[i] == NOWHERE ? NOWHERE : final[place[i]];
    rv_free(place);
    rv_free(final);
    return fine || rv_fail_nomem(err);
}

static void fill(const struct crdt *c, struct rv_span columns, const struct side *across, const struct side *down,
                 struct rv_note_table *out)
{
    struct rv_proto p = { .in = { .in = rv_proto_bytes(refer(c, columns), 6) } };
    while (rv_proto_next(&p)) {
        uint64_t column = p.field == 1 ? identity(c, rv_proto_bytes(p.bytes, 1)) : UINT64_MAX;
        if (column == UINT64_MAX || across->at[column] == NOWHERE)
            continue;
        struct rv_proto q = { .in = { .in = rv_proto_bytes(refer(c, rv_proto_bytes(p.bytes, 2)), 6) } };
        while (rv_proto_next(&q)) {
            uint64_t row = q.field == 1 ? identity(c, rv_proto_bytes(q.bytes, 1)) : UINT64_MAX;
            struct rv_span note = rv_proto_bytes(refer(c, rv_proto_bytes(q.bytes, 2)), 10);
            size_t x = (size_t)across->at[column];
            if (row == UINT64_MAX || down->at[row] == NOWHERE || note.ptr == NULL)
                continue;
            if (out->right_to_left)
                x = out->columns - 1 - x;
            struct rv_span text = rv_proto_bytes(note, 2);
            if (text.len > 0)
                out->cells[(size_t)down->at[row] * out->columns + x] = text;
        }
    }
}

static bool read_table(const struct crdt *c, struct rv_span root, struct rv_note_table *out, struct rv_error *err)
{
    struct side across = { 0 }, down = { 0 };
    struct rv_span way =
        refer(c, rv_proto_bytes(rv_proto_bytes(refer(c, mapped(c, root, "crTableColumnDirection")), 1), 2));
    out->right_to_left = is(rv_proto_bytes(mapped(c, way, "self"), 4), "CRTableColumnDirectionRightToLeft");
    bool fine =
        read_side(c, mapped(c, root, "crColumns"), &across, err) && read_side(c, mapped(c, root, "crRows"), &down, err);
    out->rows = down.count;
    out->columns = across.count;
    if (fine && out->rows * out->columns > CELLS_MAX)
        fine = rv_fail(err, RV_E_LIMIT, "a table of %zu x %zu", out->rows, out->columns);
    out->cells = fine ? rv_alloc_array(out->rows * out->columns + 1, sizeof *out->cells) : NULL;
    if (fine && out->cells == NULL)
        fine = rv_fail_nomem(err);
    if (fine)
        fill(c, mapped(c, root, "cellColumns"), &across, &down, out);
    rv_free(across.at);
    rv_free(down.at);
    return fine;
}

bool rv_note_table_read(struct rv_span in, struct rv_note_table *out, struct rv_error *err)
{
    struct crdt c = { 0 };
    *out = (struct rv_note_table){ 0 };
    bool fine = load(rv_proto_bytes(rv_proto_bytes(in, 2), 3), &c, err), found = false;
    for (size_t i = 0; fine && !found && i < c.entry_count; i++) {
        uint64_t type = rv_proto_number(rv_proto_bytes(c.entries[i], 13), 1, UINT64_MAX);
        found = type < c.type_count && is(c.types[type], "com.apple.notes.ICTable");
        if (found)
            fine = read_table(&c, c.entries[i], out, err);
    }
    rv_free(c.entries);
    rv_free(c.uuids);
    rv_free(c.keys);
    rv_free(c.types);
    if (fine && !found)
        fine = rv_fail(err, RV_E_FORMAT, "no table in %zu bytes", in.len);
    if (!fine)
        rv_note_table_clear(out);
    return fine;
}

void rv_note_table_clear(struct rv_note_table *table)
{
    rv_free(table->cells);
    *table = (struct rv_note_table){ 0 };
}
