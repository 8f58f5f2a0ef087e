/* SPDX-License-Identifier: Apache-2.0 */
/* Writing IM4M: properties, objects, the signed whole. */
#pragma once

#include "sim/pki.h"

enum { SIM_TICKET_CAP = 1 << 20 };

bool sim_prop_number(struct rv_buf *set, const char *name, uint64_t value, struct rv_error *err);
bool sim_prop_flag(struct rv_buf *set, const char *name, bool value, struct rv_error *err);
bool sim_prop_octets(struct rv_buf *set, const char *name, struct rv_span value, struct rv_error *err);
bool sim_prop_text(struct rv_buf *set, const char *name, const char *value, struct rv_error *err);
/** [PRIVATE tag] with its properties, behind the others in `out`. */
bool sim_ticket_group(struct rv_buf *out, const char *tag, struct rv_span properties, struct rv_error *err);
/** `groups`: MANP and the objects, made by sim_ticket_group. */
struct rv_blob *sim_ticket_make(const struct sim_signer *signer, struct rv_span groups, struct rv_error *err);
