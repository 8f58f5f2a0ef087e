/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Never an Erase identity when an Update was asked for. Erase and Update identities of one device share all
 * components but the ramdisk (docs/firmware.md 1.3): which ramdisk is booted decides what happens to the data, so
 * the rule is held when the identity is chosen and again right before the ramdisk leaves this computer.
 */
#include "restore/internal.h"

#include <string.h>

/* Tests of the tests: builds that break a rule on purpose and must turn the suite red. Never set in a real build. */
#ifndef REVIVE_MUTANT_ERASE
#define REVIVE_MUTANT_ERASE 0 /* takes the part that erases */
#endif
#ifndef REVIVE_MUTANT_TRUST
#define REVIVE_MUTANT_TRUST 0 /* takes every ticket for good */
#endif

plist_t rv_guard_choose(const struct rv_ipsw *ipsw, const struct rv_target *target, enum rv_behavior behavior,
                        struct rv_error *err)
{
#if REVIVE_MUTANT_ERASE
    behavior = RV_BEHAVIOR_ERASE;
#endif
    return rv_ipsw_choose(ipsw, target, behavior, err);
}

bool rv_guard_identity(plist_t identity, enum rv_behavior behavior, struct rv_error *err)
{
#if REVIVE_MUTANT_ERASE
    (void)identity;
    (void)behavior;
    (void)err;
    return true;
#else
    plist_t info = rv_plist_dict(identity, "Info");
    const char *variant = rv_plist_text(info, "Variant"), *does = rv_plist_text(info, "RestoreBehavior");
    if (variant == NULL || does == NULL)
        rv_fail(err, RV_E_FORMAT, "the firmware does not say whether this part of it erases");
    else if (behavior == RV_BEHAVIOR_UPDATE && (strcmp(does, "Update") != 0 || strstr(variant, "Erase") != NULL))
        rv_fail(err, RV_E_UNSUPPORTED, "'%.60s' (%.20s) would erase, and an Update was asked for", variant, does);
    else if (behavior == RV_BEHAVIOR_ERASE && (strcmp(does, "Erase") != 0 || strstr(variant, "Upgrade") != NULL))
        rv_fail(err, RV_E_UNSUPPORTED, "'%.60s' (%.20s) would not erase, and that was asked for", variant, does);
    else
        return true;
    return rv_advise(err, RV_ADVICE_NO_UPDATE_IDENTITY);
#endif
}

bool rv_guard_ticket(struct rv_ctx *ctx, const struct rv_ticket *ticket, plist_t identity,
                     const struct rv_target *target, enum rv_trust *trust, struct rv_error *err)
{
#if REVIVE_MUTANT_TRUST
    *trust = RV_TRUST_APPLE;
    (void)ctx;
    (void)ticket;
    (void)identity;
    (void)target;
    (void)err;
    return true;
#else
    return rv_ticket_verify(ctx, ticket, identity, target, trust, err);
#endif
}
