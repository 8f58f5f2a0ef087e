/* SPDX-License-Identifier: Apache-2.0 */
/* argv -> a verb of the table and its options. The same tables print help, so the two cannot disagree. */
#pragma once

#include "command/command.h"

/** Options that every verb takes (docs: --help). Their values stand in rv_args like a verb's own. */
extern const struct rv_option rv_global_options[];
extern const size_t rv_global_option_count;

/**
 * Fills args and *command from argv[1…]; everything is borrowed from argv. Global options may stand before
 * or after the verb, a verb's own after it; "--" ends options; "--name=value" and "--name value" are equal;
 * an option whose value is written "[…]" in the table takes it after '=' only.
 * USAGE with the nearest name when a word is not known; *command is then the verb as far as it was understood,
 * or NULL.
 */
bool rv_args_parse(int argc, char *const *argv, const struct rv_command **command, struct rv_args *args,
                   struct rv_error *err);

/** The name in the list that a person may have meant, or NULL when none is near. */
const char *rv_nearest_name(const char *word, const char *const *names, size_t count);
