/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 chains and RSA signatures as tickets use them (firmware.md 3.6). */
#pragma once

#include "base/bytes.h"
#include "crypto/digest.h"

/**
 * Verifies PKCS#1 v1.5 RSA over `signed_bytes` with the last of `chain` (DER certificates), and that the
 * chain ends at one of `roots`. Dates are ignored, as tickets outlive their intermediates.
 * *root_index: which root. REFUSED with the reason.
 */
bool rv_signature_verify(struct rv_span signed_bytes, struct rv_span signature, enum rv_digest_kind digest,
                         const struct rv_span *chain, size_t chain_len, const struct rv_span *roots, size_t root_count,
                         size_t *root_index, struct rv_error *err);

/** The certificate in a file that is DER or PEM, as DER. FORMAT. */
struct rv_blob *rv_certificate_der(struct rv_span file, struct rv_error *err);
/** Content of the extension with that OID ("1.2.840…"). NOT_FOUND, FORMAT. */
struct rv_blob *rv_certificate_extension(struct rv_span der, const char *oid, struct rv_error *err);
