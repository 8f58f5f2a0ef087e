/* SPDX-License-Identifier: Apache-2.0 */
/* Which computers the device trusts: its own key, and one record a host, in the folder "pairing" of the state. */
#pragma once

#include "sim/device.h"

/** The device's RSA key as lockdown gives it out: PEM "RSA PUBLIC KEY" (PKCS#1). The key is made at first use. */
struct rv_blob *sim_pairing_public_key(struct sim_device *device, struct rv_error *err);

/**
 * Pair: checks the certificates and asks the person (settings "locked", "trust", "trust_polls", "trust_answer").
 * Returns NULL and the escrow bag, or the name of lockdown's error.
 */
const char *sim_pairing_pair(struct sim_device *device, plist_t request, uint8_t escrow[32]);
/** NULL when the device holds exactly this record; else lockdown's error name. */
const char *sim_pairing_validate(struct sim_device *device, plist_t pair_record);
/** Whether host_id is trusted; system_buid NULL: any. */
bool sim_pairing_known(struct sim_device *device, const char *host_id, const char *system_buid);
/** Whether the bag is the one given to this host. */
bool sim_pairing_escrow_fits(struct sim_device *device, const char *host_id, struct rv_span bag);
void sim_pairing_forget(struct sim_device *device, const char *host_id);

/** For TLS: the host's record (certificates in PEM), NULL when unknown; and the device's private key in PEM. */
plist_t sim_pairing_record(struct sim_device *device, const char *host_id);
struct rv_blob *sim_pairing_private_key(struct sim_device *device, struct rv_error *err);
