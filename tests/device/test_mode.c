/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "device/mode.h"

static void every_cell_of_the_mode_table_is_filled_and_leads_to_what_was_seen(void **state)
{
    (void)state;
    for (int mode = 0; mode < RV_MODE_COUNT; mode++)
        for (int seen = 0; seen < RV_MODE_COUNT; seen++) {
            const struct rv_mode_cell *cell = rv_mode_step((enum rv_mode)mode, rv_mode_seen((enum rv_mode)seen));
            assert_non_null(cell->note);
            assert_int_equal(cell->next, seen);
            assert_int_equal(cell->move == RV_MOVE_STAYS, mode == seen);
        }
}

static void impossible_moves_are_marked(void **state)
{
    (void)state;
    assert_int_equal(rv_mode_step(RV_MODE_NORMAL, RV_SEES_RESTORE)->move, RV_MOVE_IMPOSSIBLE);
    assert_int_equal(rv_mode_step(RV_MODE_DFU, RV_SEES_RESTORE)->move, RV_MOVE_IMPOSSIBLE);
    assert_int_equal(rv_mode_step(RV_MODE_RECOVERY, RV_SEES_RESTORE)->move, RV_MOVE_USUAL);
}

static void every_mode_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < RV_MODE_COUNT; a++) {
        assert_true(rv_mode_words((enum rv_mode)a)[0] != '\0');
        for (int b = 0; b < a; b++)
            assert_string_not_equal(rv_mode_name((enum rv_mode)a), rv_mode_name((enum rv_mode)b));
    }
}

static void product_ids_tell_the_mode(void **state)
{
    (void)state;
    static const struct {
        uint16_t product;
        enum rv_mode mode;
    } rows[] = {
        { 0x1227, RV_MODE_DFU },      { 0x1222, RV_MODE_DFU },      { 0x1281, RV_MODE_RECOVERY },
        { 0x1280, RV_MODE_RECOVERY }, { 0x1283, RV_MODE_RECOVERY }, { 0x12A8, RV_MODE_NORMAL },
        { 0x12AB, RV_MODE_NORMAL },   { 0xF014, RV_MODE_PORT_DFU }, { 0x1881, RV_MODE_KIS },
        { 0x8600, RV_MODE_NONE },     { 0x1284, RV_MODE_NONE },     { 0x024F, RV_MODE_NONE },
        { 0x12B0, RV_MODE_NONE },
    };
    for (size_t i = 0; i < RV_COUNT(rows); i++)
        assert_int_equal(rv_mode_of_product(rows[i].product), rows[i].mode);
}

static void patience_is_twice_the_slowest_known_device(void **state)
{
    (void)state;
    assert_int_equal(rv_mode_patience_ms(RV_MODE_BIT(RV_MODE_RECOVERY)), 120000);
    assert_int_equal(rv_mode_patience_ms(RV_MODE_BIT(RV_MODE_RESTORE) | RV_MODE_BIT(RV_MODE_RECOVERY)), 600000);
    assert_true(rv_mode_patience_ms(RV_MODE_BIT(RV_MODE_NORMAL)) >= 2 * 15 * 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_of_the_mode_table_is_filled_and_leads_to_what_was_seen),
        cmocka_unit_test(impossible_moves_are_marked),
        cmocka_unit_test(every_mode_has_a_name_of_its_own),
        cmocka_unit_test(product_ids_tell_the_mode),
        cmocka_unit_test(patience_is_twice_the_slowest_known_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
