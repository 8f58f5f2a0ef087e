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
