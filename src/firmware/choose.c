/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which build identity of a firmware fits a device. Two rules stand above all: an Update is never taken
 * from an identity that erases, and an identity of another board is never taken at all. Where Variant and
 * RestoreBehavior contradict each other, nobody knows which one is true, so the answer is no.
 */
#include "firmware/choose.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

struct wish {
    const char *words;    /* for messages */
    const char *variant;  /* must be part of Info.Variant */
    const char *behavior; /* Info.RestoreBehavior */
    const char *customer; /* the best variant, if there are several */
};

static const struct wish wishes[] = {
    [RV_BEHAVIOR_UPDATE] = { "Update", "Upgrade Install (IPSW)", "Update", "Customer Upgrade Install (IPSW)" },
    [RV_BEHAVIOR_ERASE] = { "Erase", "Erase Install (IPSW)", "Erase", "Customer Erase Install (IPSW)" },
};

static const char *info_text(plist_t identity, const char *key)
{
    return rv_plist_text(rv_plist_dict(identity, "Info"), key);
}

static bool number_fits(plist_t identity, const char *key, bool known, uint32_t value)
{
    uint64_t v = 0;
    return !known || (rv_plist_number(identity, key, &v) && v == value);
}

static bool fits_device(plist_t identity, const struct rv_target *target)
{
    if (target->hardware_model != NULL &&
        !rv_text_equal_nocase(info_text(identity, "DeviceClass"), target->hardware_model))
        return false;
    return number_fits(identity, "ApChipID", target->have_chip, target->chip) &&
           number_fits(identity, "ApBoardID", target->have_board, target->board);
}

/* 0: not this variant; more is better. */
static unsigned variant_rank(plist_t identity, const struct wish *wish)
{
    const char *variant = info_text(identity, "Variant");
    if (variant == NULL || strstr(variant, "Research") != NULL || strstr(variant, wish->variant) == NULL)
        return 0;
    return strcmp(variant, wish->customer) == 0 ? 3 : strcmp(variant, wish->variant) == 0 ? 2 : 1;
}

static void list_texts(plist_t array, char *out, size_t out_size)
{
    size_t used = 0;
    uint32_t count = PLIST_IS_ARRAY(array) ? plist_array_get_size(array) : 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < count && used < out_size; i++) {
        plist_t item = plist_array_get_item(array, i);
        const char *text = PLIST_IS_STRING(item) ? plist_get_string_ptr(item, NULL) : NULL;
        if (text == NULL)
            continue;
        int n = snprintf(out + used, out_size - used, "%s%s", used > 0 ? ", " : "", text);
        used += n > 0 ? (size_t)n : 0;
    }
    rv_text_clean(out);
}

static bool supports(plist_t manifest, const char *product)
{
    plist_t types = rv_plist_array(manifest, "SupportedProductTypes");
    uint32_t count = types ? plist_array_get_size(types) : 0;
    for (uint32_t i = 0; i < count; i++) {
        plist_t type = plist_array_get_item(types, i);
        if (PLIST_IS_STRING(type) && rv_text_equal_nocase(plist_get_string_ptr(type, NULL), product))
            return true;
    }
    return false;
}

static plist_t refuse_device(plist_t manifest, const struct rv_target *target, struct rv_error *err)
{
    char models[120];
    list_texts(rv_plist_array(manifest, "SupportedProductTypes"), models, sizeof models);
    const char *model = target->product_type ? target->product_type : "of an unknown model";
    const char *board = target->hardware_model ? target->hardware_model : "board unknown";
    rv_fail(err, RV_E_CORRUPT, "this firmware is for %s; the device is %s (%s)", models, model, board);
    rv_advise(err, RV_ADVICE_WRONG_FIRMWARE);
    return NULL;
}

struct search {
    plist_t best;
    unsigned rank;
    unsigned for_device;     /* identities of this device, whatever they do */
    const char *first_board; /* DeviceClass of the first of them */
    bool several_boards;
};

static void look_at(struct search *s, plist_t identity, const struct rv_target *target, const struct wish *wish)
{
    if (!PLIST_IS_DICT(identity) || !fits_device(identity, target))
        return;
    const char *board = info_text(identity, "DeviceClass");
    if (s->for_device++ == 0)
        s->first_board = board;
    else if (board == NULL || !rv_text_equal_nocase(board, s->first_board))
        s->several_boards = true;
    unsigned rank = variant_rank(identity, wish);
    if (rank > s->rank) {
        s->rank = rank;
        s->best = identity;
    }
}

static plist_t refuse_variant(const struct wish *wish, const struct search *s, struct rv_error *err)
{
    bool update = wish == &wishes[RV_BEHAVIOR_UPDATE];
    if (s->best == NULL) {
        rv_fail(err, RV_E_CORRUPT, "this firmware has no part for %s on %s (no variant '%s')", wish->words,
                s->first_board ? s->first_board : "this device", wish->variant);
    } else {
        const char *told = info_text(s->best, "RestoreBehavior");
        rv_fail(err, RV_E_CORRUPT, "this firmware contradicts itself: its part '%s' has the behaviour '%s'",
                info_text(s->best, "Variant"), told ? told : "none");
    }
    rv_advise(err, update ? RV_ADVICE_NO_UPDATE_IDENTITY : RV_ADVICE_BAD_FIRMWARE);
    rv_while(err, "choosing the part of the firmware for %s", wish->words);
    return NULL;
}

plist_t rv_manifest_choose(plist_t manifest, const struct rv_target *target, enum rv_behavior behavior,
                           struct rv_error *err)
{
    rv_assert(behavior == RV_BEHAVIOR_UPDATE || behavior == RV_BEHAVIOR_ERASE);
    const struct wish *wish = &wishes[behavior];
    plist_t identities = rv_plist_array(manifest, "BuildIdentities");
    uint32_t count = identities ? plist_array_get_size(identities) : 0;
    struct search s = { .best = NULL };

    if (target->product_type != NULL && !supports(manifest, target->product_type))
        return refuse_device(manifest, target, err);
    for (uint32_t i = 0; i < count; i++)
        look_at(&s, plist_array_get_item(identities, i), target, wish);
    if (s.for_device == 0)
        return refuse_device(manifest, target, err);
    if (s.several_boards) {
        rv_fail(err, RV_E_USAGE, "this firmware is for several boards, and nothing tells which one the device has");
        return NULL;
    }
    if (s.best == NULL || !rv_text_equal_nocase(info_text(s.best, "RestoreBehavior"), wish->behavior))
        return refuse_variant(wish, &s, err);
    return s.best;
}

plist_t rv_ipsw_choose(const struct rv_ipsw *ipsw, const struct rv_target *target, enum rv_behavior behavior,
                       struct rv_error *err)
{
    return rv_manifest_choose(rv_ipsw_manifest(ipsw), target, behavior, err);
}

plist_t rv_ipsw_recovery_identity(const struct rv_ipsw *ipsw, plist_t identity)
{
    const char *variant = info_text(identity, "RecoveryVariant"), *board = info_text(identity, "DeviceClass");
    plist_t identities = rv_plist_array(rv_ipsw_manifest(ipsw), "BuildIdentities");
    uint32_t count = identities == NULL || variant == NULL ? 0 : plist_array_get_size(identities);
    for (uint32_t i = 0; i < count; i++) {
        plist_t other = plist_array_get_item(identities, i);
        const char *name = info_text(other, "Variant"), *its_board = info_text(other, "DeviceClass");
        if (name != NULL && strcmp(name, variant) == 0 && board != NULL && its_board != NULL &&
            rv_text_equal_nocase(board, its_board))
            return other;
    }
    return NULL;
}
