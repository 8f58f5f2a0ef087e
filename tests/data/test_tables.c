/* SPDX-License-Identifier: Apache-2.0 */
/* The tables check themselves: a wrong row is found here and not by a person in trouble. */
#include "support/rv_test.h"

#include "data/advice.h"
#include "data/coaching.h"
#include "data/devices.h"
#include "data/roots.h"

static void every_advice_has_a_title_and_something_to_do(void **state)
{
    (void)state;
    for (int i = 0; i < RV_ADVICE_COUNT; i++) {
        const struct rv_advice_row *row = rv_advice_row((enum rv_advice)i);
        assert_true(row->id != NULL && *row->id != '\0');
        assert_true(strlen(row->title) >= 10 && strlen(row->title) <= 100);
        assert_non_null(row->actions[0]);
        for (size_t j = 0; row->actions[j] != NULL; j++)
            assert_true(strlen(row->actions[j]) >= 10);
        for (int other = 0; other < i; other++)
            assert_string_not_equal(row->id, rv_advice_row((enum rv_advice)other)->id);
    }
    assert_string_equal(rv_advice_row((enum rv_advice)9999)->id, "none");
}

static void advice_never_begins_with_erasing(void **state)
{
    (void)state;
    for (int i = 0; i < RV_ADVICE_COUNT; i++) {
        const char *first = rv_advice_row((enum rv_advice)i)->actions[0];
        assert_null(strcasestr(first, "restore the device"));
        assert_null(strncasecmp(first, "erase", 5) == 0 ? first : NULL);
    }
}

static void every_device_has_a_group_of_buttons_and_a_port(void **state)
{
    (void)state;
    assert_true(rv_device_row_count > 50);
    for (size_t i = 0; i < rv_device_row_count; i++) {
        const struct rv_device_row *row = &rv_device_rows[i];
        if (*row->product == '\0' || *row->name == '\0' || *row->buttons == '\0' || *row->port == '\0')
            fail_msg("row %zu (%s) has a gap", i, row->product);
        const char *comma = strchr(row->product, ',');
        assert_true(comma != NULL && comma[1] >= '0' && comma[1] <= '9');
    }
}

static void chip_and_board_name_one_device(void **state)
{
    (void)state;
    for (size_t i = 0; i < rv_device_row_count; i++) {
        const struct rv_device_row *row = &rv_device_rows[i];
        if (row->chip == 0 || row->board_id < 0)
            continue;
        const struct rv_device_row *found = rv_device_by_chip(row->chip, (uint32_t)row->board_id);
        assert_non_null(found);
        assert_string_equal(found->product, row->product);
    }
    assert_null(rv_device_by_chip(0x9999, 1));
}

static void the_iphone_x_is_found_in_each_way(void **state)
{
    (void)state;
    const struct rv_device_row *row = rv_device_by_product("iPhone10,6", NULL);
    assert_non_null(row);
    assert_string_equal(row->name, "iPhone X");
    assert_int_equal(row->chip, 0x8015);
    assert_ptr_equal(rv_device_by_chip(0x8015, (uint32_t)row->board_id), row);
    assert_ptr_equal(rv_device_by_product("iPhone10,6", row->board), row);
    assert_null(rv_device_by_product("iPhone99,9", NULL));
}

static void apples_roots_are_certificates(void **state)
{
    (void)state;
    assert_true(rv_root_count >= 3);
    for (size_t i = 0; i < rv_root_count; i++) {
        const struct rv_span der = rv_roots[i].der;
        assert_true(der.len > 500 && der.ptr[0] == 0x30 && der.ptr[1] == 0x82); /* SEQUENCE, two length bytes */
        assert_int_equal((der.ptr[2] << 8 | der.ptr[3]) + 4, der.len);
    }
}

static void every_device_can_be_coached_or_says_why_not(void **state)
{
    size_t coached = 0;
    (void)state;
    for (size_t i = 0; i < rv_device_row_count; i++) {
        bool guessed = true;
        const char *id = rv_coach_group_of(rv_device_rows[i].product, &guessed);
        assert_false(guessed);
        assert_true((rv_coach_group(id) == NULL) == (rv_coach_unguided(id) != NULL));
        coached += rv_coach_group(id) != NULL;
    }
    assert_true(coached >= 180);
}

static void every_group_has_a_script_for_every_goal_and_a_verdict_for_every_end(void **state)
{
    static const char *const ids[] = { "home-side", "home-top", "ipad-home", "ipad-nohome",
                                       "iphone7",   "iphone8+", "ipod-home", "ipod7" };
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        const struct rv_coach_group *group = rv_coach_group(ids[i]);
        assert_non_null(group);
        assert_true(*group->power != '\0' && *group->second != '\0' && group->drawing[0] != NULL);
        assert_true((*group->up != '\0') == (group->kind == RV_COACH_TAPS));
        for (int goal = 0; goal < RV_COACH_GOAL_COUNT; goal++) {
            assert_non_null(rv_coach_script(group->kind, (enum rv_coach_goal)goal, RV_COACH_BY_BUTTONS));
            static const enum rv_coach_came reached[] = { RV_COACH_CAME_RECOVERY, RV_COACH_CAME_DFU,
                                                          RV_COACH_CAME_NORMAL, RV_COACH_CAME_NORMAL };
            for (int came = RV_COACH_CAME_STAYED; came <= RV_COACH_CAME_NOTHING; came++)
                if (came != (int)reached[goal])
                    assert_non_null(rv_coach_verdict((enum rv_coach_goal)goal, (enum rv_coach_came)came));
        }
        assert_non_null(rv_coach_script(group->kind, RV_COACH_RECOVERY, RV_COACH_BY_CABLE));
        assert_non_null(rv_coach_script(group->kind, RV_COACH_DFU, RV_COACH_BY_REBOOT));
    }
}

static void a_model_of_tomorrow_is_coached_as_the_newest(void **state)
{
    bool guessed = false;
    (void)state;
    assert_string_equal(rv_coach_group_of("iPhone99,1", &guessed), "iphone8+");
    assert_true(guessed);
    assert_string_equal(rv_coach_group_of("iPad99,1", &guessed), "ipad-nohome");
    assert_null(rv_coach_group_of("Toaster1,1", &guessed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_advice_has_a_title_and_something_to_do),
        cmocka_unit_test(advice_never_begins_with_erasing),
        cmocka_unit_test(every_device_has_a_group_of_buttons_and_a_port),
        cmocka_unit_test(chip_and_board_name_one_device),
        cmocka_unit_test(every_device_can_be_coached_or_says_why_not),
        cmocka_unit_test(every_group_has_a_script_for_every_goal_and_a_verdict_for_every_end),
        cmocka_unit_test(a_model_of_tomorrow_is_coached_as_the_newest),
        cmocka_unit_test(the_iphone_x_is_found_in_each_way),
        cmocka_unit_test(apples_roots_are_certificates),
    };
    return cmocka_run_group_tests_name("data/tables", tests, NULL, NULL);
}
