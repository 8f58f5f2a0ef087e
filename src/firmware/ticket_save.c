/* SPDX-License-Identifier: Apache-2.0 */
/* One-time numbers from their generators, and tickets into files as the programs of this field keep them. */
#include "firmware/ticket.h"

#include "base/file.h"
#include "crypto/digest.h"

#include <stdio.h>
#include <string.h>

/* From the A12 on the chip mixes a key of its own into the number: nobody outside can tell it from the generator. */
static const struct {
    uint32_t chip;
    enum rv_digest_kind digest;
    uint8_t len;
} nonce_rows[] = {
    { 0x8960, RV_DIGEST_SHA1, 20 },   { 0x7000, RV_DIGEST_SHA1, 20 },   { 0x7001, RV_DIGEST_SHA1, 20 },
    { 0x8000, RV_DIGEST_SHA1, 20 },   { 0x8001, RV_DIGEST_SHA1, 20 },   { 0x8003, RV_DIGEST_SHA1, 20 },
    { 0x8010, RV_DIGEST_SHA384, 32 }, { 0x8011, RV_DIGEST_SHA384, 32 }, { 0x8012, RV_DIGEST_SHA384, 32 },
    { 0x8015, RV_DIGEST_SHA384, 32 },
};

bool rv_nonce_from_generator(uint32_t chip, uint64_t generator, uint8_t out[RV_TICKET_NONCE_MAX], size_t *len,
                             struct rv_error *err)
{
    uint8_t bytes[8], digest[RV_DIGEST_MAX];
    rv_put_u64le(bytes, generator);
    for (size_t i = 0; i < RV_COUNT(nonce_rows); i++) {
        if (nonce_rows[i].chip != chip)
            continue;
        if (!rv_digest_once(nonce_rows[i].digest, rv_span(bytes, sizeof bytes), digest, err))
            return false;
        memcpy(out, digest, nonce_rows[i].len);
        *len = nonce_rows[i].len;
        return true;
    }
    return rv_fail(err, RV_E_UNSUPPORTED,
                   "the one-time number of chip 0x%04x cannot be computed from a generator: only A7 to A11 and T2 "
                   "make theirs so that anybody can; give the number itself",
                   chip);
}

size_t rv_nonce_length(uint32_t chip)
{
    enum { OLD = 20, PRESENT = 32 };
    for (size_t i = 0; i < RV_COUNT(nonce_rows); i++)
        if (nonce_rows[i].chip == chip && nonce_rows[i].len == OLD)
            return OLD;
    return PRESENT;
}

/* The whole answer of the server, so that nothing of it is lost; "generator" is how this field names the number. */
static struct rv_blob *format_ticket(const struct rv_ticket *ticket, const char *generator, struct rv_error *err)
{
    RV_AUTO_PLIST file = ticket->answer != NULL ? plist_copy(ticket->answer) : plist_new_dict();
    struct rv_span im4m = rv_ticket_im4m(ticket);
    plist_dict_set_item(file, "ApImg4Ticket", plist_new_data((const char *)im4m.ptr, im4m.len));
    if (generator != NULL)
        plist_dict_set_item(file, "generator", plist_new_string(generator));
    return rv_plist_format(file, false, err);
}

bool rv_ticket_save(const struct rv_ticket *ticket, const char *generator, const char *path, struct rv_error *err)
{
    RV_AUTO(rv_blob) text = format_ticket(ticket, generator, err);
    if (text == NULL || !rv_file_write_atomic(path, rv_blob_span(text), 0600, err))
        return rv_while(err, "saving the ticket");
    RV_AUTO(rv_ticket) again = rv_ticket_load(path, err);
    if (again == NULL)
        return rv_while(err, "reading back the ticket that was saved");
    return rv_span_equal(rv_ticket_im4m(again), rv_ticket_im4m(ticket)) ||
           rv_fail(err, RV_E_CORRUPT, "%s does not hold what was written to it", path);
}
