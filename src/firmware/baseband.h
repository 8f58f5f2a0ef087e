/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of rv_baseband_personalise(), apart from the network between them. */
#pragma once

#include "firmware/firmware.h"

/** The request for a BBTicket, base fields not yet in it; caller frees. */
plist_t rv_baseband_request(plist_t identity, uint64_t ecid, plist_t arguments, struct rv_error *err);
/** The .bbfw with the answer's blobs in its images and the ticket beside them. */
struct rv_blob *rv_baseband_stitch(struct rv_span bbfw, plist_t answer, uint64_t chip, struct rv_error *err);
