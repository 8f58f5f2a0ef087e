/* SPDX-License-Identifier: Apache-2.0 */
/* Words and drawings of the buttons: each name in its place, each mark on its button, nothing beyond the room there is.
 */
#include "support/rv_test.h"

#include "base/mem.h"
#include "coach/coach.h"

static const char *const drawing[] = { " {U}==|", "==[{P}", "{H} {x} {P", NULL };
static const struct rv_coach_group group = {
    .device = "iPhone",
    .power = "Side button",
    .power_place = "right",
    .second = "Home button",
    .second_place = "below",
    .up = "Volume Up button",
    .up_place = "upper left",
    .drawing = drawing,
};

static void names_stand_in_their_places(void **state)
{
    static const struct {
        const char *text;
        size_t room;
        const char *wanted;
    } rows[] = {
        { "Press {P} ({p_place}).", 80, "Press Side button (right)." },
        { "{H}{h_place}{U}{u_place}{device}", 80, "Home buttonbelowVolume Up buttonupper leftiPhone" },
        { "{nothing}{Px}{}x", 80, "x" },
        { "open { brace", 80, "open { brace" },
        { "{P", 80, "{P" },
        { "a}b", 80, "a}b" },
        { "", 80, "" },
        { "plain", 6, "plain" },
        { "plain", 5, "plai" },
        { "{P}!", 13, "Side button!" },
        { "{P}!", 12, "Side button" },
        { "{P}!", 11, "Side butto" },
        { "x{P}", 1, "" },
        { "x{P}", 2, "x" },
    };
    char out[80];
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        memset(out, '#', sizeof out);
        rv_coach_fill(&group, rows[i].text, out, rows[i].room);
        assert_string_equal(out, rows[i].wanted);
    }
}

static void held_and_tapped_buttons_are_marked(void **state)
{
    static const struct {
        unsigned hold, tap;
        const char *lines[3];
    } rows[] = {
        { 0, 0, { " [ ]==|", "==[[ ]", "[ ] [ ] {P" } },
        { RV_BUTTON_UP, 0, { " [#]==|", "==[[ ]", "[ ] [#] {P" } },
        { RV_BUTTON_POWER, RV_BUTTON_UP, { " [o]==|", "==[[#]", "[ ] [o] {P" } },
        { RV_BUTTON_SECOND | RV_BUTTON_POWER, RV_BUTTON_POWER, { " [ ]==|", "==[[#]", "[#] [ ] {P" } },
        { 0, RV_BUTTON_SECOND, { " [ ]==|", "==[[ ]", "[o] [ ] {P" } },
    };
    char out[40];
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++)
        for (size_t line = 0; line < 3; line++) {
            assert_true(rv_coach_draw(&group, rows[i].hold, rows[i].tap, line, out, sizeof out));
            assert_string_equal(out, rows[i].lines[line]);
        }
    assert_false(rv_coach_draw(&group, 0, 0, 3, out, sizeof out));
    assert_false(rv_coach_draw(&group, 0, 0, 9, out, sizeof out));
    assert_true(rv_coach_draw(&group, 0, 0, 0, out, 6)); /* room for two more: the first blank and a mark */
    assert_string_equal(out, " [ ]");
}

static void buttons_are_named_in_their_order(void **state)
{
    static const struct {
        unsigned buttons;
        size_t room;
        const char *wanted;
    } rows[] = {
        { 0, 80, "" },
        { RV_BUTTON_POWER, 80, "Side button" },
        { RV_BUTTON_SECOND, 80, "Home button" },
        { RV_BUTTON_UP, 80, "Volume Up button" },
        { RV_BUTTON_SECOND | RV_BUTTON_POWER, 80, "Side button + Home button" },
        { RV_BUTTON_SECOND | RV_BUTTON_POWER | RV_BUTTON_UP, 80, "Side button + Volume Up button + Home button" },
        { RV_BUTTON_SECOND | RV_BUTTON_UP, 80, "Volume Up button + Home button" },
        { RV_BUTTON_SECOND | RV_BUTTON_POWER, 12, "Side button" },
        { RV_BUTTON_SECOND | RV_BUTTON_POWER, 11, "Side butto" },
        { RV_BUTTON_SECOND | RV_BUTTON_POWER, 16, "Side button + H" },
    };
    char out[80];
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        rv_coach_buttons(&group, rows[i].buttons, out, rows[i].room);
        assert_string_equal(out, rows[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stand_in_their_places),
        cmocka_unit_test(held_and_tapped_buttons_are_marked),
        cmocka_unit_test(buttons_are_named_in_their_order),
    };
    return cmocka_run_group_tests_name("coach/button_words", tests, NULL, NULL);
}
