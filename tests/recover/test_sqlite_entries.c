/* SPDX-License-Identifier: Apache-2.0 */
/* Found rows in blocks: what is put in comes out in order, and only what lives or was found twice is struck out. */
#include "support/test.h"

#include "recover/sqlite_entries.h"

enum { MANY = 200 * RV_SQ_BLOCK + 17 }; /* more than memory keeps */

static struct rv_sq_entry entry_of(uint64_t hash, int64_t rowid, bool known, float bits)
{
    struct rv_sq_entry e = { .rowid_known = known, .rowid = rowid, .hash = hash };
    e.hit.number = 2;
    e.hit.bits = bits;
    e.hit.table = 1;
    return e;
}

static uint64_t spread(uint64_t i)
{
    return rv_sq_mix(rv_sq_mix(1, i), i);
}

static struct rv_sq_entries *fresh(void)
{
    struct rv_error err = { 0 };
    struct rv_sq_entries *e = rv_sq_entries_new(1 << 20, &err);
    assert_non_null(e);
    return e;
}

static uint64_t settle(struct rv_sq_entries *e, const uint8_t *rivals)
{
    struct rv_error err = { 0 };
    uint64_t struck = 0;
    assert_fine(rv_sq_entries_settle(e, rivals, 8, &struck, &err));
    return struck;
}

static void add(struct rv_sq_entries *e, struct rv_sq_entry entry)
{
    struct rv_error err = { 0 };
    assert_fine(rv_sq_entries_add(e, &entry, &err));
}

static void add_live(struct rv_sq_entries *e, uint64_t hash, int64_t rowid)
{
    struct rv_error err = { 0 };
    assert_true(rv_sq_entries_may_have(e, hash));
    assert_fine(rv_sq_entries_add_live(e, &(struct rv_sq_key){ hash, rowid, true }, &err));
}

static void more_than_memory_keeps_comes_back_in_order(void **state)
{
    (void)state;
    RV_AUTO(rv_sq_entries) e = fresh();
    static struct rv_sq_entry room[RV_SQ_BLOCK];
    struct rv_error err = { 0 };
    for (uint64_t i = 0; i < MANY; i++)
        add(e, entry_of(spread(i), (int64_t)i, true, 20));
    add_live(e, spread(5), 5);
    add_live(e, spread(MANY - 1), MANY - 1);
    assert_int_equal(settle(e, NULL), 2);
    assert_int_equal(rv_sq_entries_count(e), MANY);
    uint64_t seen = 0, dead = 0;
    for (uint32_t block = 0; seen < MANY; block++) {
        uint32_t count = 0;
        const struct rv_sq_entry *entries = rv_sq_entries_block(e, block, room, &count, &err);
        assert_non_null(entries);
        for (uint32_t i = 0; i < count; i++, seen++) {
            assert_int_equal(entries[i].rowid, seen);
            assert_true(entries[i].hash == spread(seen));
            dead += rv_sq_entries_dead(e, seen);
        }
    }
    assert_int_equal(dead, 2);
    assert_true(rv_sq_entries_dead(e, 5) && rv_sq_entries_dead(e, MANY - 1));
}

static void a_live_row_strikes_its_copies_only(void **state)
{
    (void)state;
    RV_AUTO(rv_sq_entries) e = fresh();
    add(e, entry_of(100, 7, true, 20));  /* the live row itself */
    add(e, entry_of(100, 8, true, 20));  /* the same values under another number: deleted */
    add(e, entry_of(101, 0, false, 20)); /* its number is lost, a live row has its values */
    add(e, entry_of(102, 9, true, 20));
    add_live(e, 100, 7);
    add_live(e, 101, 3);
    assert_int_equal(settle(e, NULL), 2);
    assert_true(rv_sq_entries_dead(e, 0));
    assert_false(rv_sq_entries_dead(e, 1));
    assert_true(rv_sq_entries_dead(e, 2));
    assert_false(rv_sq_entries_dead(e, 3));
}

static void of_copies_the_strongest_stays(void **state)
{
    (void)state;
    RV_AUTO(rv_sq_entries) e = fresh();
    add(e, entry_of(1, 0, false, 90));
    add(e, entry_of(1, 4, true, 20)); /* its number is known: stronger than any guess */
    add(e, entry_of(1, 4, true, 30));
    add(e, entry_of(1, 5, true, 10)); /* another row of the same values */
    add(e, entry_of(2, 0, false, 11));
    add(e, entry_of(2, 0, false, 12));
    settle(e, NULL);
    static const bool dead[] = { true, true, false, false, true, false };
    for (unsigned i = 0; i < RV_COUNT(dead); i++)
        assert_int_equal(rv_sq_entries_dead(e, i), dead[i]);
}

static void a_guess_gives_way_to_a_better_reading_of_its_place(void **state)
{
    (void)state;
    RV_AUTO(rv_sq_entries) e = fresh();
    struct rv_sq_entry guess = entry_of(11, 0, false, 15), whole = entry_of(12, 3, true, 40);
    guess.hit.layout = 2;
    guess.hit.at = whole.hit.at = 300;
    add(e, guess);
    add(e, whole);
    guess.hit.at = 400; /* elsewhere on the page nobody contradicts it */
    guess.hash = 13;
    add(e, guess);
    static const uint8_t rivals[1] = { 1 << 1 };
    settle(e, rivals);
    assert_true(rv_sq_entries_dead(e, 0));
    assert_false(rv_sq_entries_dead(e, 1));
    assert_false(rv_sq_entries_dead(e, 2));
}

/* A table of flags: a hundred thousand deleted rows of equal values must not take the square of their number. */
static void equal_values_under_many_numbers_all_stay(void **state)
{
    (void)state;
    RV_AUTO(rv_sq_entries) e = fresh();
    for (int64_t i = 0; i < 100000; i++)
        add(e, entry_of(77, i, true, 20));
    settle(e, NULL);
    for (uint64_t i = 0; i < 100000; i++)
        assert_false(rv_sq_entries_dead(e, i));
}

/* More copies than are judged at once, and more live keys than memory keeps: a third of the rows lives. */
static void copies_and_living_rows_are_judged_part_by_part(void **state)
{
    enum { ROWS = 450 * RV_SQ_BLOCK };
    (void)state;
    struct rv_sq_entries *e = fresh();
    for (uint32_t copy = 1; copy <= 2; copy++)
        for (uint64_t i = 0; i < ROWS; i++) {
            struct rv_sq_entry entry = entry_of(spread(i), (int64_t)i + 1, true, 40);
            entry.first = entry.last = copy * 3;
            entry.gone = copy * 3 + 1;
            add(e, entry);
        }
    for (uint64_t i = 0; i < ROWS; i += 3)
        add_live(e, spread(i), (int64_t)i + 1);
    assert_int_equal(settle(e, NULL), ROWS / 3 * 2);
    struct rv_sq_entry *room = malloc(RV_SQ_BLOCK * sizeof *room);
    assert_non_null(room);
    uint64_t kept = 0, wrong = 0, number = 0;
    for (uint32_t block = 0; block < 2 * ROWS / RV_SQ_BLOCK; block++) {
        struct rv_error err = { 0 };
        uint32_t count = 0;
        const struct rv_sq_entry *entries = rv_sq_entries_block(e, block, room, &count, &err);
        assert_non_null(entries);
        for (uint32_t i = 0; i < count; i++, number++) {
            if (rv_sq_entries_dead(e, number))
                continue;
            kept++;
            wrong += entries[i].first != 3 || entries[i].last != 6 || entries[i].gone != 7 || number % ROWS % 3 == 0;
        }
    }
    assert_int_equal(kept, ROWS / 3 * 2);
    assert_int_equal(wrong, 0);
    free(room);
    rv_sq_entries_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_memory_keeps_comes_back_in_order),
        cmocka_unit_test(a_live_row_strikes_its_copies_only),
        cmocka_unit_test(of_copies_the_strongest_stays),
        cmocka_unit_test(a_guess_gives_way_to_a_better_reading_of_its_place),
        cmocka_unit_test(equal_values_under_many_numbers_all_stay),
        cmocka_unit_test(copies_and_living_rows_are_judged_part_by_part),
    };
    return cmocka_run_group_tests_name("recover/sqlite_entries", tests, NULL, NULL);
}
