/* SPDX-License-Identifier: Apache-2.0 */
/* Records as lines: JSON for a program, a table for a person. */
#pragma once

#include "artifact/artifact.h"

void rv_recover_head(struct rv_ctx *ctx, const struct rv_artifact *artifact);
bool rv_recover_row(struct rv_ctx *ctx, const struct rv_artifact *artifact, const json_t *record, struct rv_error *err);
bool rv_recover_line(struct rv_ctx *ctx, const json_t *record, struct rv_error *err);
