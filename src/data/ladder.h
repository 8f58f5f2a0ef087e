/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder of `revive rescue`, compiled from data/rescue.json: from what is seen, what a person says and what was
 * tried to the one next rung. The order of remedies is always the gentlest first; what erases stands last.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rv_rung_id {
    RV_RUNG_WELL,
    RV_RUNG_COMPUTER,
    RV_RUNG_PERSON,
    RV_RUNG_RESTART,
    RV_RUNG_FORCE_RESTART,
    RV_RUNG_CHARGE,
    RV_RUNG_EXIT,
    RV_RUNG_LEAVE_DFU,
    RV_RUNG_INTO_RECOVERY,
    RV_RUNG_UPDATE,
    RV_RUNG_UPDATE_AGAIN,
    RV_RUNG_INTO_DFU,
    RV_RUNG_UPDATE_DFU,
    RV_RUNG_RESTORE,
    RV_RUNG_SHOP,
    RV_RUNG_COUNT,
    /* What else may be true of a rescue; in one set with the rungs that were tried. */
    RV_FACT_TRIED = RV_RUNG_COUNT, /* anything was tried */
    RV_FACT_LOOP,                  /* a boot loop was seen */
    RV_FACT_BOOT_PHASE,            /* the last installation broke off before the device ran its restore software */
    RV_FACT_SAME_TWICE,            /* two installations failed at one step with one outcome */
    RV_FACT_ERASE_BEGUN,           /* an erase that was agreed to broke off */
};
#define RV_LADDER_BIT(fact) (1u << (fact))

enum rv_looks { RV_LOOKS_NONE, RV_LOOKS_SOFTWARE, RV_LOOKS_HARDWARE, RV_LOOKS_LOCKED_OUT };
enum rv_does { RV_DOES_NOTHING, RV_DOES_SOFTWARE, RV_DOES_HANDS, RV_DOES_PERSON, RV_DOES_INSTALL, RV_DOES_ERASE };
enum rv_fate { RV_DATA_UNTOUCHED, RV_DATA_KEPT, RV_DATA_ERASED };
const char *rv_fate_name(enum rv_fate fate); /* "untouched": JSON */

/** What a person may say is wrong with a device that looks well from here. */
struct rv_symptom {
    const char *id, *words;
    enum rv_looks looks;
    const char *const *promises; /* NULL-terminated, as everywhere below */
};
extern const struct rv_symptom rv_symptoms[];
extern const size_t rv_symptom_count;
const struct rv_symptom *rv_symptom(const char *id); /* or NULL */

struct rv_rung {
    const char *id, *title;
    const char *words; /* what it is, what becomes of the data, how long it takes */
    enum rv_does does;
    enum rv_fate data;
};
extern const struct rv_rung rv_rungs[RV_RUNG_COUNT];
const struct rv_rung *rv_rung(const char *id); /* or NULL */

struct rv_decision {
    const char *id;
    const char *const *states; /* ids of command/triage.h, or "boot-loop", "absent"; none: any */
    unsigned looks;            /* bits by enum rv_looks; 0: any */
    uint32_t after, not_after; /* bits of rungs and facts: all of these, none of these */
    enum rv_rung_id offer;
    const char *why; /* what is wrong, and why this is next */
    const char *const *promises;
};
extern const struct rv_decision rv_decisions[];
extern const size_t rv_decision_count;

/** The first row that fits; never NULL: the last fits everything. */
const struct rv_decision *rv_decide(const char *state, enum rv_looks looks, uint32_t facts);
