/* SPDX-License-Identifier: Apache-2.0 */
/* The keys and certificates that this computer makes when it pairs with a device (device-services 4.4). */
#pragma once

#include "base/bytes.h"

struct rv_pair_certs {
    struct rv_blob *root_certificate, *root_key; /* PEM, without a NUL */
    struct rv_blob *host_certificate, *host_key;
    struct rv_blob *device_certificate; /* for the device's own key, signed by the root */
};

/** device_public_key: PEM as lockdown's DevicePublicKey gives it (PKCS#1 or SubjectPublicKeyInfo). */
bool rv_pair_certs_make(struct rv_span device_public_key, struct rv_pair_certs *out, struct rv_error *err);
void rv_pair_certs_clear(struct rv_pair_certs *certs);
/** A random UUID in upper case, 36 characters. */
bool rv_uuid_make(char out[37], struct rv_error *err);
