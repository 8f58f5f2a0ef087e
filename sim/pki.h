/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of Apple's side, loaded for signing. */
#pragma once

#include "sim/apple.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/** What signs tickets for one chip: key, certificates as they stand in the ticket (leaf last), digest. */
struct sim_signer {
    EVP_PKEY *key;
    X509 *certs[2];
    size_t cert_count;
    const EVP_MD *digest;
};
/** sha1: the two-certificate chain of A7 to A9. chip 0: for coprocessors. */
bool sim_signer_load(const char *folder, uint32_t chip, bool sha1, struct sim_signer *out, struct rv_error *err);
void sim_signer_clear(struct sim_signer *signer);
/** PKCS#1 v1.5 signature over `body`. */
struct rv_blob *sim_signer_sign(const struct sim_signer *signer, struct rv_span body, struct rv_error *err);
