/* SPDX-License-Identifier: Apache-2.0 */
/* Small pictures that any viewer opens. */
#pragma once

#include "base/bytes.h"

/** A grey JPEG of soft waves that follow from the seed. */
struct rv_blob *sim_picture_make(unsigned seed, struct rv_error *err);
