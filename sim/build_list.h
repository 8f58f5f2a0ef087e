/* SPDX-License-Identifier: Apache-2.0 */
/* Which builds the IPSWs of a folder contain, for the signing server. */
#pragma once

#include "base/bytes.h"

#include <plist/plist.h>

/** The identity with this UniqueBuildID and its build number, from any *.ipsw in the folder. NULL when none has it.
 *  Caller frees (a copy). */
plist_t sim_build_find(const char *folder, struct rv_span unique_build_id, char build[32]);
/** BuildManifest.plist of one IPSW; NULL when it cannot be read. Caller frees. */
plist_t sim_build_manifest(const char *ipsw);
/** One whole file of an IPSW, at most cap bytes. */
struct rv_blob *sim_ipsw_file(const char *ipsw, const char *name, size_t cap, struct rv_error *err);
/** The same by the digest of a component that no UniqueBuildID goes with (cryptexes). */
plist_t sim_build_with_digest(const char *folder, const char *component, struct rv_span digest);
