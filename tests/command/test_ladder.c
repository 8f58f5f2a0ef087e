/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision table behind `revive rescue`. `cases` says by hand what is to be offered, and which promise that keeps;
 * one test is made of each. Every promise of detection, Recovery, the ways out, DFU and Update that must be kept has
 * one.
 *
 * usage: test_ladder SOURCE_ROOT
 */
#include "support/rv_test.h"

#include "base/mem.h"
#include "command/triage.h"
#include "data/ladder.h"

#define BIT(name) RV_LADDER_BIT(name)
#define TRIED     BIT(RV_FACT_TRIED)
#define UPDATED   (TRIED | BIT(RV_RUNG_UPDATE))
#define IN_DFU    (UPDATED | BIT(RV_RUNG_INTO_DFU))

struct decision_case {
    const char *promise, *state;
    enum rv_looks looks;
    uint32_t facts;
    enum rv_rung_id offered;
    const char *says; /* a word of the row's why or of the rung's own words; NULL: any */
};

static const struct decision_case cases[] = {
    { "DET-1", "well", RV_LOOKS_NONE, 0, RV_RUNG_WELL, "nothing is to be mended" },
    { "DET-1", "port-dfu", RV_LOOKS_NONE, 0, RV_RUNG_LEAVE_DFU, "port" },
    { "DET-2", "dfu", RV_LOOKS_NONE, 0, RV_RUNG_LEAVE_DFU, "screen is black" },
    { "DET-2", "stuck", RV_LOOKS_NONE, 0, RV_RUNG_EXIT, "Recovery mode" },
    { "DET-3", "stuck", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_INTO_RECOVERY), RV_RUNG_UPDATE, "Update comes first" },
    { "DET-4", "denied", RV_LOOKS_NONE, 0, RV_RUNG_COMPUTER, "may not open" },
    { "DET-4", "no-mux", RV_LOOKS_NONE, 0, RV_RUNG_COMPUTER, "usbmuxd" },
    { "DET-4", "absent", RV_LOOKS_NONE, 0, RV_RUNG_FORCE_RESTART, "cable only charges" },
    { "DET-6", "untrusted", RV_LOOKS_NONE, 0, RV_RUNG_PERSON, "tap Trust" },
    { "DET-6", "locked", RV_LOOKS_NONE, 0, RV_RUNG_PERSON, "Unlock" },
    { "DET-7", "locked", RV_LOOKS_LOCKED_OUT, 0, RV_RUNG_INTO_RECOVERY, "nobody can open the data" },
    { "DET-7", "stuck", RV_LOOKS_LOCKED_OUT, TRIED | BIT(RV_RUNG_INTO_RECOVERY), RV_RUNG_RESTORE, "backup" },
    { "DET-8", "stuck", RV_LOOKS_NONE, UPDATED | BIT(RV_FACT_SAME_TWICE), RV_RUNG_SHOP, "serial number, ECID, UDID" },
    { "DET-9", "well", RV_LOOKS_NONE, 0, RV_RUNG_WELL, NULL },
    { "DET-10", "held", RV_LOOKS_NONE, 0, RV_RUNG_COMPUTER, "neither iTunes nor Finder" },
    { "REC-1", "boot-loop", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_FORCE_RESTART), RV_RUNG_INTO_RECOVERY, "fingers" },
    { "REC-2", "boot-loop", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_FORCE_RESTART), RV_RUNG_INTO_RECOVERY, NULL },
    { "REC-3", "boot-loop", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_FORCE_RESTART), RV_RUNG_INTO_RECOVERY, NULL },
    { "REC-5", "boot-loop", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_FORCE_RESTART), RV_RUNG_INTO_RECOVERY, NULL },
    { "REC-7", "silent", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_FORCE_RESTART), RV_RUNG_INTO_RECOVERY, NULL },
    { "REC-9", "well", RV_LOOKS_SOFTWARE, TRIED | BIT(RV_RUNG_RESTART), RV_RUNG_UPDATE, NULL },
    { "REC-12", "told-to-stay", RV_LOOKS_NONE, 0, RV_RUNG_EXIT, NULL },
    { "REC-12", "well", RV_LOOKS_SOFTWARE, 0, RV_RUNG_RESTART, "restart" },
    { "REC-13", "boot-loop", RV_LOOKS_NONE, 0, RV_RUNG_FORCE_RESTART, "empty battery" },
    { "REC-15", "locked", RV_LOOKS_SOFTWARE, TRIED | BIT(RV_RUNG_FORCE_RESTART), RV_RUNG_INTO_RECOVERY, NULL },
    { "REC-15", "silent", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_FORCE_RESTART) | BIT(RV_RUNG_INTO_RECOVERY),
      RV_RUNG_INTO_DFU, NULL },
    { "REC-16", "silent", RV_LOOKS_NONE, 0, RV_RUNG_FORCE_RESTART, "hangs" },
    { "REC-17", "boot-loop", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_FORCE_RESTART), RV_RUNG_INTO_RECOVERY, NULL },
    { "EXIT-1", "well", RV_LOOKS_NONE, UPDATED, RV_RUNG_WELL, "runs again" },
    { "EXIT-2", "told-to-stay", RV_LOOKS_NONE, 0, RV_RUNG_EXIT, "No data is touched" },
    { "EXIT-3", "recovery", RV_LOOKS_NONE, 0, RV_RUNG_EXIT, NULL },
    { "EXIT-4", "stuck", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_EXIT), RV_RUNG_UPDATE, "did not stay up" },
    { "EXIT-5", "well", RV_LOOKS_HARDWARE, 0, RV_RUNG_RESTART, NULL },
    { "DFU-1", "stuck", RV_LOOKS_NONE, UPDATED | BIT(RV_FACT_BOOT_PHASE), RV_RUNG_INTO_DFU, "fingers" },
    { "DFU-2", "stuck", RV_LOOKS_NONE, UPDATED | BIT(RV_FACT_BOOT_PHASE), RV_RUNG_INTO_DFU, NULL },
    { "DFU-3", "stuck", RV_LOOKS_NONE, UPDATED | BIT(RV_RUNG_UPDATE_AGAIN), RV_RUNG_INTO_DFU, NULL },
    { "DFU-4", "stuck", RV_LOOKS_NONE, UPDATED | BIT(RV_RUNG_UPDATE_AGAIN), RV_RUNG_INTO_DFU, NULL },
    { "DFU-6", "stuck", RV_LOOKS_NONE, UPDATED | BIT(RV_FACT_BOOT_PHASE), RV_RUNG_INTO_DFU, "stays black" },
    { "DFU-7", "dfu", RV_LOOKS_NONE, 0, RV_RUNG_LEAVE_DFU, "erases nothing" },
    { "DFU-8", "dfu", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_LEAVE_DFU), RV_RUNG_UPDATE_DFU, NULL },
    { "DFU-9", "dfu", RV_LOOKS_NONE, IN_DFU, RV_RUNG_UPDATE_DFU, NULL },
    { "DFU-9", "dfu", RV_LOOKS_NONE, IN_DFU | BIT(RV_RUNG_UPDATE_DFU), RV_RUNG_RESTORE, NULL },
    { "DFU-10", "stuck", RV_LOOKS_NONE, UPDATED | BIT(RV_RUNG_UPDATE_AGAIN), RV_RUNG_INTO_DFU, "where Recovery" },
    { "DFU-10", "well", RV_LOOKS_SOFTWARE, UPDATED | BIT(RV_RUNG_RESTART), RV_RUNG_INTO_DFU, "deeper" },
    { "DFU-13", "well", RV_LOOKS_HARDWARE, UPDATED | BIT(RV_RUNG_RESTART), RV_RUNG_INTO_DFU, "Make a backup first" },
    { "DFU-13", "dfu", RV_LOOKS_NONE, IN_DFU, RV_RUNG_UPDATE_DFU, "No backup can be made from here" },
    { "DFU-14", "dfu", RV_LOOKS_NONE, IN_DFU | BIT(RV_RUNG_UPDATE_DFU), RV_RUNG_RESTORE, NULL },
    { "DFU-15", "boot-loop", RV_LOOKS_NONE, 0, RV_RUNG_FORCE_RESTART, NULL },
    { "DFU-15", "silent", RV_LOOKS_NONE, 0, RV_RUNG_FORCE_RESTART, NULL },
    { "DFU-15", "well", RV_LOOKS_HARDWARE, UPDATED | BIT(RV_RUNG_RESTART), RV_RUNG_INTO_DFU, "broken parts" },
    { "DFU-15", "well", RV_LOOKS_HARDWARE, IN_DFU | BIT(RV_RUNG_UPDATE_DFU), RV_RUNG_SHOP, "part" },
    { "DFU-17", "dfu", RV_LOOKS_NONE, 0, RV_RUNG_LEAVE_DFU, "changes nothing and erases nothing" },
    { "UPR-1", "stuck", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_EXIT), RV_RUNG_UPDATE, "Photos, messages and apps stay" },
    { "UPR-2", "stuck", RV_LOOKS_NONE, UPDATED, RV_RUNG_UPDATE_AGAIN, NULL },
    { "UPR-2", "unfinished", RV_LOOKS_NONE, UPDATED, RV_RUNG_UPDATE_AGAIN, NULL },
    { "UPR-2", "stuck", RV_LOOKS_NONE, IN_DFU | BIT(RV_RUNG_UPDATE_AGAIN) | BIT(RV_RUNG_UPDATE_DFU), RV_RUNG_RESTORE,
      NULL },
    { "UPR-3", "stuck", RV_LOOKS_NONE, IN_DFU | BIT(RV_RUNG_UPDATE_AGAIN) | BIT(RV_RUNG_UPDATE_DFU), RV_RUNG_RESTORE,
      "EVERYTHING on the device is erased" },
    { "UPR-6", "stuck", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_INTO_RECOVERY), RV_RUNG_UPDATE, "checks each part" },
    { "UPR-7", "stuck", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_INTO_RECOVERY), RV_RUNG_UPDATE, "never an older one" },
    { "UPR-8", "stuck", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_INTO_RECOVERY), RV_RUNG_UPDATE, "newest iOS" },
    { "UPR-10", "well", RV_LOOKS_SOFTWARE, IN_DFU | BIT(RV_RUNG_RESTART) | BIT(RV_RUNG_UPDATE_DFU), RV_RUNG_RESTORE,
      "Make a backup first" },
    { "UPR-11", "stuck", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_INTO_RECOVERY), RV_RUNG_UPDATE, "10 to 40 minutes" },
    { "UPR-14", "stuck", RV_LOOKS_NONE, TRIED | BIT(RV_RUNG_INTO_RECOVERY), RV_RUNG_UPDATE, "Restore would erase" },
    { "UPR-15", "half-way", RV_LOOKS_NONE, 0, RV_RUNG_UPDATE, "broke off half way" },
    { "UPR-15", "restore", RV_LOOKS_NONE, 0, RV_RUNG_UPDATE, NULL },
    { "UPR-15", "unfinished", RV_LOOKS_NONE, BIT(RV_FACT_ERASE_BEGUN), RV_RUNG_RESTORE, "begun" },
    { "UPR-16", "stuck", RV_LOOKS_NONE, UPDATED | BIT(RV_FACT_SAME_TWICE), RV_RUNG_SHOP, "failed twice" },
    { "UPR-16", "stuck", RV_LOOKS_NONE,
      IN_DFU | BIT(RV_RUNG_UPDATE_AGAIN) | BIT(RV_RUNG_UPDATE_DFU) | BIT(RV_RUNG_RESTORE), RV_RUNG_SHOP, NULL },
};

static const char *source_root;

static bool keeps(const struct rv_decision *row, const char *promise)
{
    for (size_t i = 0; row->promises[i] != NULL; i++)
        if (strcmp(row->promises[i], promise) == 0)
            return true;
    return false;
}

static void the_offered_rung_is_the_one_that_keeps_the_promise(void **state)
{
    const struct decision_case *c = *state;
    const struct rv_decision *row = rv_decide(c->state, c->looks, c->facts);
    if (row->offer != c->offered)
        fail_msg("%s: '%s' offers %s, not %s", c->promise, row->id, rv_rungs[row->offer].id, rv_rungs[c->offered].id);
    if (!keeps(row, c->promise))
        fail_msg("%s: the row '%s' does not name it", c->promise, row->id);
    if (c->says != NULL && strstr(row->why, c->says) == NULL && strstr(rv_rungs[row->offer].words, c->says) == NULL)
        fail_msg("%s: neither '%s' nor its rung says \"%s\"", c->promise, row->id, c->says);
}

static bool is_decided_here(const char *id)
{
    static const char *const families[] = { "DET-", "REC-", "EXIT-", "DFU-", "UPR-" };
    for (size_t i = 0; i < RV_COUNT(families); i++)
        if (strncmp(id, families[i], strlen(families[i])) == 0)
            return true;
    return false;
}

static bool has_case(const char *id)
{
    for (size_t i = 0; i < RV_COUNT(cases); i++)
        if (strcmp(cases[i].promise, id) == 0)
            return true;
    return false;
}

static void every_promise_that_must_be_kept_has_a_decision(void **state)
{
    (void)state;
    char path[1024], line[4096], id[16];
    unsigned found = 0;
    snprintf(path, sizeof path, "%s/tests/promises.txt", source_root);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        snprintf(id, sizeof id, "%.*s", (int)strcspn(line, " |"), line);
        if (line[0] == '#' || strstr(line, "| MUST |") == NULL || !is_decided_here(id))
            continue;
        found++;
        if (!has_case(id))
            fail_msg("%s must be kept, and no decision is tested for it", id);
    }
    fclose(file);
    assert_int_equal(found, 49);
}

/* ---- what holds for the whole table ---- */

enum { FACTS = RV_FACT_ERASE_BEGUN + 1, STATES_MAX = 40 };

static size_t all_states(const char *out[STATES_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < rv_situation_count; i++)
        out[n++] = rv_situations[i].id;
    out[n++] = "boot-loop";
    out[n++] = "absent";
    return n;
}

static void every_state_of_a_row_can_be_seen(void **state)
{
    (void)state;
    const char *states[STATES_MAX];
    size_t count = all_states(states);
    for (size_t i = 0; i < rv_decision_count; i++)
        for (size_t k = 0; rv_decisions[i].states[k] != NULL; k++) {
            size_t s = 0;
            while (s < count && strcmp(states[s], rv_decisions[i].states[k]) != 0)
                s++;
            if (s == count)
                fail_msg("'%s' names the state '%s', which nothing sees", rv_decisions[i].id,
                         rv_decisions[i].states[k]);
        }
}

/* Rungs that act, and facts; the ends are no history. */
static uint32_t history_of(unsigned number)
{
    static const unsigned char bits[] = { RV_RUNG_RESTART,    RV_RUNG_FORCE_RESTART, RV_RUNG_CHARGE,
                                          RV_RUNG_EXIT,       RV_RUNG_LEAVE_DFU,     RV_RUNG_INTO_RECOVERY,
                                          RV_RUNG_UPDATE,     RV_RUNG_UPDATE_AGAIN,  RV_RUNG_INTO_DFU,
                                          RV_RUNG_UPDATE_DFU, RV_RUNG_RESTORE,       RV_FACT_LOOP,
                                          RV_FACT_BOOT_PHASE, RV_FACT_SAME_TWICE,    RV_FACT_ERASE_BEGUN };
    uint32_t facts = 0;
    for (size_t i = 0; i < RV_COUNT(bits); i++)
        if ((number >> i & 1) != 0)
            facts |= BIT(bits[i]) | (i < 11 ? TRIED : 0);
    return facts;
}

enum { HISTORIES = 1 << 15 };

static void check_gentle(const struct rv_decision *row, const char *state, enum rv_looks looks, uint32_t facts)
{
    static const uint32_t keeping =
        BIT(RV_RUNG_UPDATE) | BIT(RV_RUNG_UPDATE_AGAIN) | BIT(RV_RUNG_UPDATE_DFU) | BIT(RV_FACT_ERASE_BEGUN);
    const struct rv_rung *rung = &rv_rungs[row->offer];
    if (rung->data == RV_DATA_ERASED && looks != RV_LOOKS_LOCKED_OUT && (facts & keeping) == 0)
        fail_msg("'%s' erases in the state '%s' before anything was tried that keeps the data", row->id, state);
    if (rung->does != RV_DOES_NOTHING && (facts & BIT(row->offer)) != 0)
        fail_msg("'%s' offers again in the state '%s' what was tried (%x)", row->id, state, facts);
    if (rung->data != RV_DATA_UNTOUCHED && (facts & BIT(RV_FACT_SAME_TWICE)) != 0)
        fail_msg("'%s' installs once more after the same failure twice", row->id);
}

static void nothing_is_erased_early_nothing_is_done_twice_and_each_row_is_used(void **state)
{
    (void)state;
    const char *states[STATES_MAX];
    size_t count = all_states(states);
    unsigned char *used = calloc(rv_decision_count, 1);
    assert_non_null(used);
    for (size_t s = 0; s < count; s++)
        for (int looks = RV_LOOKS_NONE; looks <= RV_LOOKS_LOCKED_OUT; looks++)
            for (unsigned n = 0; n < HISTORIES; n++) {
                uint32_t facts = history_of(n);
                const struct rv_decision *row = rv_decide(states[s], (enum rv_looks)looks, facts);
                used[row - rv_decisions] = 1;
                check_gentle(row, states[s], (enum rv_looks)looks, facts);
            }
    for (size_t i = 0; i < rv_decision_count; i++)
        if (used[i] == 0)
            fail_msg("the row '%s' can never be reached", rv_decisions[i].id);
    free(used);
}

static void a_ladder_on_which_nothing_helps_ends_soon(void **state)
{
    (void)state;
    const char *states[STATES_MAX];
    size_t count = all_states(states);
    for (size_t s = 0; s < count; s++)
        for (int looks = RV_LOOKS_NONE; looks <= RV_LOOKS_LOCKED_OUT; looks++) {
            uint32_t facts = 0;
            unsigned steps = 0;
            for (;; steps++) {
                const struct rv_decision *row = rv_decide(states[s], (enum rv_looks)looks, facts);
                if (rv_rungs[row->offer].does == RV_DOES_NOTHING)
                    break;
                facts |= BIT(row->offer) | TRIED;
                if (steps > 8)
                    fail_msg("from '%s' more than eight steps are taken", states[s]);
            }
        }
}

static void every_sign_that_looks_like_hardware_and_every_fault_has_a_name(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum rv_looks looks;
    } wanted[] = { { "unresponsive", RV_LOOKS_SOFTWARE },     { "boot-loop", RV_LOOKS_SOFTWARE },
                   { "firmware-corrupt", RV_LOOKS_SOFTWARE }, { "update-failed", RV_LOOKS_SOFTWARE },
                   { "battery", RV_LOOKS_HARDWARE },          { "buttons", RV_LOOKS_HARDWARE },
                   { "display", RV_LOOKS_HARDWARE },          { "touch", RV_LOOKS_HARDWARE } };
    for (size_t i = 0; i < RV_COUNT(wanted); i++) {
        const struct rv_symptom *symptom = rv_symptom(wanted[i].id);
        assert_non_null(symptom);
        assert_int_equal(symptom->looks, wanted[i].looks);
    }
    assert_null(rv_symptom("no such sign"));
}

static void each_rung_says_what_becomes_of_the_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < RV_RUNG_COUNT; i++) {
        const struct rv_rung *rung = &rv_rungs[i];
        assert_ptr_equal(rv_rung(rung->id), rung);
        bool says = strstr(rung->words, "No data is touched") != NULL ||
                    strstr(rung->words, "erases nothing") != NULL || strstr(rung->words, "stay") != NULL ||
                    strstr(rung->words, "ERASE") != NULL || strstr(rung->words, "erased") != NULL;
        if (rung->does != RV_DOES_NOTHING && !says)
            fail_msg("the rung '%s' does not say what becomes of the data", rung->id);
    }
}

enum { OWN_TESTS = 6 };

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[RV_COUNT(cases) + OWN_TESTS];
    static char names[RV_COUNT(cases)][96];
    static const struct CMUnitTest own[OWN_TESTS] = {
        cmocka_unit_test(every_promise_that_must_be_kept_has_a_decision),
        cmocka_unit_test(every_state_of_a_row_can_be_seen),
        cmocka_unit_test(nothing_is_erased_early_nothing_is_done_twice_and_each_row_is_used),
        cmocka_unit_test(a_ladder_on_which_nothing_helps_ends_soon),
        cmocka_unit_test(every_sign_that_looks_like_hardware_and_every_fault_has_a_name),
        cmocka_unit_test(each_rung_says_what_becomes_of_the_data),
    };
    source_root = argc > 1 ? argv[1] : ".";
    memcpy(tests, own, sizeof own);
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        snprintf(names[i], sizeof names[i], "%s: %s, next is %s", cases[i].promise, cases[i].state,
                 rv_rungs[cases[i].offered].id);
        tests[OWN_TESTS + i] = (struct CMUnitTest){ names[i], the_offered_rung_is_the_one_that_keeps_the_promise, NULL,
                                                    NULL, (void *)(uintptr_t)&cases[i] };
    }
    return cmocka_run_group_tests_name("command/ladder", tests, NULL, NULL);
}
