/* SPDX-License-Identifier: Apache-2.0 */
/* Infineon modem files (.fls of iPhone 3G to 4): a list of elements, one of which carries the signature. */
#pragma once

#include "base/bytes.h"

/** With the signature block replaced; a new file, as sizes may change. */
struct rv_blob *rv_fls_sign(struct rv_span fls, struct rv_span blob, struct rv_error *err);
/** With the ticket put before the data of the security element (ebl.fls). */
struct rv_blob *rv_fls_insert_ticket(struct rv_span fls, struct rv_span ticket, struct rv_error *err);
