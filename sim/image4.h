/* SPDX-License-Identifier: Apache-2.0 */
/* The device's own reading of IMG4 and IM4M: nothing is accepted that does not verify to the fused root. */
#pragma once

#include "sim/device.h"

enum sim_image_rule {
    SIM_IMAGE_NEEDS_NONCE = 1 << 0,     /* BNCH must equal the present ApNonce (images sent by a host) */
    SIM_IMAGE_NEEDS_SEP_NONCE = 1 << 1, /* snon must equal the present SepNonce (SEP images sent by a host) */
};

/**
 * Accepts `img4` as component `tag` ("ibss"): the ticket's signature chains to `root` (DER), ECID, chip,
 * board, domain match, digest of the IM4P is the one under `tag`, the payload's own type is `tag`.
 * *payload and *ticket are borrowed from img4. On refusal `why` says what a device would not tell.
 */
bool sim_image4_accept(struct rv_span img4, const char *tag, struct rv_span root, const struct sim_identity *identity,
                       unsigned rules, struct rv_span *payload, struct rv_span *ticket, char *why, size_t why_size);
/** The ticket alone (RootTicket). */
bool sim_ticket_accept(struct rv_span im4m, struct rv_span root, const struct sim_identity *identity, unsigned rules,
                       char *why, size_t why_size);
/**
 * Ticket of a coprocessor or baseband, as this server makes them: signed by the same leaf key under a certificate
 * of its own kind, carrying the ticket's name and the nonce of the request.
 */
bool sim_peripheral_ticket_accept(struct rv_span ticket, struct rv_span root, const char *name, struct rv_span nonce,
                                  char *why, size_t why_size);
/** DGST of an object in a ticket; len 0 when it has none. */
size_t sim_ticket_digest(struct rv_span im4m, const char *tag, uint8_t *to, size_t room);
/** Octets of a property of the ticket itself ("BNCH", "snon", "srvn"); len 0 when it has none. Borrowed. */
struct rv_span sim_ticket_octets(struct rv_span im4m, const char *property);
/** Type tag of an IM4P ("rdsk") into out; false when the bytes are no IM4P. payload borrowed, may be NULL. */
bool sim_im4p_read(struct rv_span im4p, char out[5], struct rv_span *payload);

/** An IM4P around a payload (at most 4-letter tag), and an IMG4 around an IM4P and a ticket. */
struct rv_blob *sim_im4p_make(const char *tag, const char *version, struct rv_span payload, struct rv_error *err);
struct rv_blob *sim_img4_make(struct rv_span im4p, struct rv_span im4m, struct rv_error *err);
