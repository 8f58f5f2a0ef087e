/* SPDX-License-Identifier: Apache-2.0 */
/* Whose number or address it is, by the address book of the same source. */
#pragma once

#include "artifact/artifact.h"

/** One person's key, however the number is written: its last nine digits, or the address in small letters. */
void rv_names_key(const char *address, char *out, size_t size);
/** Key -> name; empty without an address book. New reference. */
json_t *rv_names_load(struct rv_job *job);
/** NULL: not known. */
const char *rv_names_of(const json_t *names, const char *address);
