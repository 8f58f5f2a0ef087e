/* SPDX-License-Identifier: Apache-2.0 */
/* The rooms of the factory. */
#pragma once

#include "sim/apple.h"

/** The project's own BuildManifest, in the form of the newest generation that is known for the product and not newer
 *  than `version`. product NULL: iPhone10,3 and iPhone10,6, two boards; version and build NULL: the form's own.
 *  Digests are placeholders of the right length. NULL when the product is unknown or older than IMG4. */
plist_t sim_factory_template(const char *product, const char *version, const char *build);
/** Restore.plist that goes with a manifest. */
plist_t sim_factory_restore_plist(plist_t manifest);

struct sim_content {
    const char *version, *build;
    unsigned seed;
};
/** Bytes that follow from name, build and seed; they begin with `head`. */
struct rv_blob *sim_content_make(const struct sim_content *what, const char *name, size_t size, struct rv_span head,
                                 struct rv_error *err);
/** A .bbfw: a zip with a file for every element that the manifest's entry names. */
struct rv_blob *sim_content_baseband(const struct sim_content *what, plist_t entry, struct rv_error *err);

/** Calls fn(context, name, node) for every item of a dict until it returns false. */
bool sim_each(plist_t dict, bool (*fn)(void *context, const char *name, plist_t node, struct rv_error *err),
              void *context, struct rv_error *err);
