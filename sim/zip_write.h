/* SPDX-License-Identifier: Apache-2.0 */
/* A zip file written front to back; entries of unknown or huge size too (zip64), so that gigabytes need no copy. */
#pragma once

#include "base/bytes.h"

struct sim_zip;

/** Appears under `path` only at sim_zip_finish. */
struct sim_zip *sim_zip_new(const char *path, struct rv_error *err);
/** huge: the entry may grow past 4 GiB. */
bool sim_zip_begin(struct sim_zip *zip, const char *name, bool deflated, bool huge, struct rv_error *err);
/** After begin: what comes is compressed or random already, and gigabytes: packed as deflate packs such bytes,
 * unsearched. */
void sim_zip_dense(struct sim_zip *zip);
bool sim_zip_data(struct sim_zip *zip, struct rv_span bytes, struct rv_error *err);
bool sim_zip_end(struct sim_zip *zip, struct rv_error *err);
/** begin, data, end in one. */
bool sim_zip_add(struct sim_zip *zip, const char *name, struct rv_span bytes, bool deflated, struct rv_error *err);
bool sim_zip_finish(struct sim_zip *zip, struct rv_error *err);
void sim_zip_free(struct sim_zip *zip);
RV_DEFINE_AUTO(sim_zip)
