/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to Apple's signing server and its answers (firmware 4). */
#pragma once

#include "firmware/firmware.h"

/** Parameters that RestoreRequestRules and requests are made with. A customer's device has the defaults. */
struct rv_tss_mode {
    bool production, security, image4, in_rom_dfu;
};
#define RV_TSS_CUSTOMER                                                                                                \
    {                                                                                                                  \
        .production = true, .security = true, .image4 = true                                                           \
    }

/**
 * Evaluates rules in order and puts their boolean actions into entry; later ones win. Returns whether any
 * rule applied.
 */
bool rv_tss_apply_rules(plist_t entry, plist_t rules, const struct rv_tss_mode *mode);

/** The request for the application processor's ticket; caller frees. */
plist_t rv_tss_request_ap(plist_t identity, const struct rv_target *target, struct rv_error *err);
/** Device and build as every request but the generic ones names them. */
bool rv_tss_add_common(plist_t request, plist_t identity, uint64_t ecid, struct rv_error *err);
/** Manifest entry without its Info; caller frees. */
plist_t rv_tss_entry(plist_t identity, const char *component);
/** @HostPlatformInfo and what else every request carries. */
bool rv_tss_add_base(plist_t request, struct rv_error *err);

struct rv_tss_reply {
    long status;       /* 0: signed */
    char message[128]; /* cleaned */
    plist_t answer;    /* NULL when refused */
};
/** FORMAT when it is not a reply of a signing server. The answer is the caller's. */
bool rv_tss_reply_parse(struct rv_span text, struct rv_tss_reply *out, struct rv_error *err);
/** What a STATUS means, in plain words; NULL: unknown. */
const char *rv_tss_status_words(long status);
