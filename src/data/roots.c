/* SPDX-License-Identifier: Apache-2.0 */
#include "data/roots.h"

#include "roots_table.inc"

const size_t rv_root_count = sizeof rv_roots / sizeof rv_roots[0];
