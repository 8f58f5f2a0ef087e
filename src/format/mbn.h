/* SPDX-License-Identifier: Apache-2.0 */
/* Qualcomm modem images (.mbn, .elf) and Intel's .bin: where the signature from the server goes. */
#pragma once

#include "base/bytes.h"

/**
 * Replaces the last blob.len bytes of a modem image after checking that its own header agrees about its size.
 * CORRUPT when it does not; FORMAT for a kind that is not known.
 */
bool rv_mbn_stitch(struct rv_blob *image, struct rv_span blob, struct rv_error *err);
/** The newer way (modems from Mav25 on): parts of the blob go into the last segment of an ELF. */
bool rv_mbn_stitch_v7(struct rv_blob *image, struct rv_span blob, struct rv_error *err);
