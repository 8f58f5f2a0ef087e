/* SPDX-License-Identifier: Apache-2.0 */
/* Component + ticket = what the device accepts (firmware 3.3, 3.5). */
#include "firmware/ipsw.h"
#include "firmware/ticket.h"

#include "crypto/digest.h"

#include <stdio.h>
#include <string.h>

enum { IM4R_ITEMS_MAX = 4, SEP_NONCE_SLOT = 2, AP_NONCE_SLOT = 0 };

static bool check_covered(const struct rv_ticket *ticket, struct rv_span im4p, struct rv_error *err)
{
    struct rv_im4p payload;
    struct rv_span want;
    enum rv_digest_kind kind;
    uint8_t got[RV_DIGEST_MAX];
    if (!rv_im4p_parse(im4p, &payload, err))
        return false;
    if (!rv_ticket_digest(ticket, payload.type, &want))
        return rv_fail(err, RV_E_CORRUPT, "the ticket does not cover '%s'", payload.type);
    if (!rv_digest_kind_of(want.len, &kind))
        return rv_fail(err, RV_E_FORMAT, "the ticket's digest of '%s' has %zu bytes", payload.type, want.len);
    if (!rv_digest_once(kind, im4p, got, err))
        return false;
    return rv_span_equal(rv_span(got, want.len), want) ||
           rv_fail(err, RV_E_CORRUPT, "the ticket's digest of '%s' is not the file's", payload.type);
}

/* Values of the Secure Enclave's measured boot, which the server sends beside the ticket for some components. */
static size_t measured_boot(const struct rv_ticket *ticket, const char *component, struct rv_im4r_item *items)
{
    char key[96];
    snprintf(key, sizeof key, "%s-TBM", component);
    plist_t told = rv_plist_dict(ticket->answer, key);
    size_t n = 0;
    static const char *const names[] = { "ucon", "ucer" };
    for (size_t i = 0; i < RV_COUNT(names); i++) {
        struct rv_span value = rv_plist_data(told, names[i]);
        if (value.ptr != NULL)
            items[n++] = (struct rv_im4r_item){ .name = names[i], .octets = value };
    }
    return n;
}

static size_t nonce_slots(plist_t identity, const char *component, struct rv_im4r_item *items)
{
    if (!rv_plist_bool(rv_plist_dict(identity, "Info"), "RequiresNonceSlot", false))
        return 0;
    if (strcmp(component, "SEP") == 0 || strcmp(component, "SepStage1") == 0) {
        *items = (struct rv_im4r_item){ .name = "snid", .number = SEP_NONCE_SLOT };
        return 1;
    }
    if (strcmp(component, "LLB") == 0) {
        *items = (struct rv_im4r_item){ .name = "anid", .number = AP_NONCE_SLOT };
        return 1;
    }
    return 0;
}

static struct rv_blob *stitch(struct rv_span im4p, plist_t identity, const char *component,
                              const struct rv_ticket *ticket, struct rv_error *err)
{
    struct rv_im4r_item items[IM4R_ITEMS_MAX];
    size_t count = measured_boot(ticket, component, items);
    count += nonce_slots(identity, component, items + count);
    RV_AUTO(rv_blob) im4r = NULL;
    if (count > 0 && (im4r = rv_im4r_make(items, count, err)) == NULL)
        return NULL;
    return rv_img4_stitch(im4p, rv_ticket_im4m(ticket), im4r ? rv_blob_span(im4r) : rv_span(NULL, 0), err);
}

struct rv_blob *rv_personalise(struct rv_ipsw *ipsw, plist_t identity, const char *component,
                               const struct rv_ticket *ticket, struct rv_error *err)
{
    RV_AUTO(rv_blob) file = rv_ipsw_component(ipsw, identity, component, err);
    if (file == NULL)
        return NULL;
    if (!rv_component_personalized(identity, component))
        return rv_steal(&file);
    struct rv_blob *image = NULL;
    if (check_covered(ticket, rv_blob_span(file), err))
        image = stitch(rv_blob_span(file), identity, component, ticket, err);
    if (image == NULL) {
        if (err->code == RV_E_CORRUPT)
            rv_advise(err, RV_ADVICE_BAD_TICKET);
        rv_while(err, "joining %s with its signature", component);
    }
    return image;
}
