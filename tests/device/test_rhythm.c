/* SPDX-License-Identifier: Apache-2.0 */
/* A boot loop is told by its coming and going; what only looks like one must not be called so. */
#include "device/world.h"

#include "device/rhythm.h"

struct look {
    unsigned at_s;
    enum rv_mode mode;
    unsigned presence;
};

/* Ten looks a second; between two rows the bus stands still. */
static enum rv_rhythm_verdict play(const struct look *looks, size_t count)
{
    struct rv_rhythm rhythm = { 0 };
    size_t at = 0;
    for (uint64_t ms = 0; ms <= 400000; ms += 100) {
        while (at + 1 < count && looks[at + 1].at_s * 1000ull <= ms)
            at++;
        enum rv_rhythm_verdict verdict = rv_rhythm_look(&rhythm, ms, looks[at].mode, looks[at].presence);
        if (verdict != RV_RHYTHM_OPEN)
            return verdict;
    }
    return RV_RHYTHM_OPEN;
}
#define assert_rhythm(wanted, ...)                                                                                     \
    do {                                                                                                               \
        static const struct look looks_[] = { __VA_ARGS__ };                                                           \
        assert_int_equal(play(looks_, RV_COUNT(looks_)), wanted);                                                      \
    } while (0)

static void a_system_that_comes_and_goes_is_in_a_boot_loop(void **state)
{
    (void)state;
    assert_rhythm(RV_RHYTHM_LOOP, { 0, RV_MODE_NORMAL, 1 }, { 8, RV_MODE_NONE, 0 }, { 20, RV_MODE_NORMAL, 2 },
                  { 28, RV_MODE_NONE, 0 });
    assert_rhythm(RV_RHYTHM_LOOP, { 0, RV_MODE_NONE, 0 }, { 30, RV_MODE_NORMAL, 1 }, { 40, RV_MODE_NONE, 0 },
                  { 70, RV_MODE_NORMAL, 2 }, { 80, RV_MODE_NONE, 0 });
}

static void an_absence_too_short_to_be_seen_counts(void **state)
{
    (void)state;
    assert_rhythm(RV_RHYTHM_LOOP, { 0, RV_MODE_NORMAL, 1 }, { 8, RV_MODE_NORMAL, 2 }, { 16, RV_MODE_NORMAL, 3 });
}

static void a_system_that_stays_is_steady_and_so_is_one_pulled_and_put_back_once(void **state)
{
    (void)state;
    assert_rhythm(RV_RHYTHM_STEADY, { 0, RV_MODE_NORMAL, 1 });
    assert_rhythm(RV_RHYTHM_STEADY, { 0, RV_MODE_NORMAL, 1 }, { 10, RV_MODE_NONE, 0 }, { 15, RV_MODE_NORMAL, 2 });
    assert_rhythm(RV_RHYTHM_STEADY, { 0, RV_MODE_NONE, 0 }, { 50, RV_MODE_NORMAL, 1 });
}

static void what_waits_in_recovery_or_dfu_is_steady_at_once(void **state)
{
    (void)state;
    assert_rhythm(RV_RHYTHM_STEADY, { 0, RV_MODE_RECOVERY, 1 });
    assert_rhythm(RV_RHYTHM_STEADY, { 0, RV_MODE_NORMAL, 1 }, { 5, RV_MODE_NONE, 0 }, { 20, RV_MODE_RECOVERY, 2 });
    assert_rhythm(RV_RHYTHM_STEADY, { 0, RV_MODE_DFU, 1 });
}

static void nothing_for_a_minute_is_absent(void **state)
{
    (void)state;
    assert_rhythm(RV_RHYTHM_ABSENT, { 0, RV_MODE_NONE, 0 });
    assert_rhythm(RV_RHYTHM_ABSENT, { 0, RV_MODE_NORMAL, 1 }, { 10, RV_MODE_NONE, 0 });
}

/* ---- on a bus ---- */

static void come(struct world *w)
{
    fake_usb_show(&w->usb, 0x12A8, (uint8_t)(10 + w->asked++), "1-2", UDID_X);
}

static void go(struct world *w)
{
    fake_usb_hide_all(&w->usb);
}

static void stay_with_other(struct world *w)
{
    fake_usb_hide_all(&w->usb);
    fake_usb_show(&w->usb, 0x12A8, 9, "1-2", UDID_X);
    fake_usb_show(&w->usb, 0x12A8, (uint8_t)(60 + w->asked++), "1-3", "00008030001A2B3C4D5E6F70");
}

static void stay_alone(struct world *w)
{
    fake_usb_hide_all(&w->usb);
    fake_usb_show(&w->usb, 0x12A8, 9, "1-2", UDID_X);
}

static enum rv_rhythm_verdict watch(struct world *w)
{
    struct rv_error err = { 0 };
    enum rv_rhythm_verdict seen = RV_RHYTHM_OPEN;
    struct rv_device own = { .mode = RV_MODE_NORMAL };
    snprintf(own.identity.udid, sizeof own.identity.udid, "%s", UDID_X);
    assert_works(rv_fleet_watch_rhythm(w->fleet, &own, &seen, &err), &err);
    return seen;
}

static void a_loop_is_recognised_on_the_bus(void **state)
{
    struct world *w = *state;
    come(w);
    WORLD_SCRIPT(w, { 8000, go }, { 20000, come }, { 28000, go });
    assert_int_equal(watch(w), RV_RHYTHM_LOOP);
    assert_in_range(w->now, 28000, 30000);
}

static void another_device_that_comes_and_goes_is_not_mistaken_for_it(void **state)
{
    struct world *w = *state;
    stay_alone(w);
    WORLD_SCRIPT(w, { 8000, stay_with_other }, { 16000, stay_alone }, { 24000, stay_with_other },
                 { 32000, stay_alone });
    assert_int_equal(watch(w), RV_RHYTHM_STEADY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_system_that_comes_and_goes_is_in_a_boot_loop),
        cmocka_unit_test(an_absence_too_short_to_be_seen_counts),
        cmocka_unit_test(a_system_that_stays_is_steady_and_so_is_one_pulled_and_put_back_once),
        cmocka_unit_test(what_waits_in_recovery_or_dfu_is_steady_at_once),
        cmocka_unit_test(nothing_for_a_minute_is_absent),
        WORLD_TEST(a_loop_is_recognised_on_the_bus),
        WORLD_TEST(another_device_that_comes_and_goes_is_not_mistaken_for_it),
    };
    return cmocka_run_group_tests_name("device/rhythm", tests, NULL, NULL);
}
