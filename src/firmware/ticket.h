/* SPDX-License-Identifier: Apache-2.0 */
/* A signing ticket as the files of this room see it. */
#pragma once

#include "firmware/firmware.h"
#include "format/img4.h"

struct rv_ticket {
    struct rv_blob *im4m;
    struct rv_im4m parsed; /* borrows from im4m */
    plist_t answer;        /* NULL: only the IM4M is known */
    bool fresh;            /* from the server just now, not from a file */
};

/** Takes ownership of answer, on failure too. The answer must hold an ApImg4Ticket. */
struct rv_ticket *rv_ticket_take_answer(plist_t answer, bool fresh, struct rv_error *err);

enum { RV_TICKET_NONCE_MAX = 48 };
/** What a device of this chip makes of a generator; UNSUPPORTED from the A12 on. */
bool rv_nonce_from_generator(uint32_t chip, uint64_t generator, uint8_t out[RV_TICKET_NONCE_MAX], size_t *len,
                             struct rv_error *err);
size_t rv_nonce_length(uint32_t chip); /* 20 or 32 bytes */
/**
 * As .shsh2: a property list with the server's whole answer and, where known, the generator ("0x…", may be NULL).
 * Appears whole or not at all, and is read back.
 */
bool rv_ticket_save(const struct rv_ticket *ticket, const char *generator, const char *path, struct rv_error *err);

/** DGST of the ticket's object `tag`. False: no such object, or none in it. */
bool rv_ticket_digest(const struct rv_ticket *ticket, const char *tag, struct rv_span *digest);
/** Does any object carry this digest. */
bool rv_ticket_has_digest(const struct rv_ticket *ticket, struct rv_span digest);

/** The signature and its chain alone, and the certificate's own conditions. */
bool rv_ticket_verify_signature(struct rv_ctx *ctx, const struct rv_ticket *ticket, enum rv_trust *trust,
                                struct rv_error *err);
/** ECID, chip, board and nonce; what the target does not know is not compared. */
bool rv_ticket_verify_target(const struct rv_ticket *ticket, const struct rv_target *target, struct rv_error *err);
/** Every component of the identity that the device asks the ticket for. */
bool rv_ticket_verify_coverage(const struct rv_ticket *ticket, plist_t identity, struct rv_error *err);
