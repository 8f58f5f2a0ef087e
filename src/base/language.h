/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The person's language. Texts stand in the sources and tables in English and are looked up (gettext) where they are
 * shown; a run for a program (--json) never begins to, so that every text in JSON is the English one. Causes of errors
 * and the log stay English: they are facts with numbers, to be looked up and sent on. po/README.md tells the rest.
 */
#pragma once

#include <libintl.h>

/** A text for a person, in the person's language; printf formats keep their arguments. */
#define _(text) gettext(text)
/** Marks a text that is stored, and looked up where it is shown. */
#define N_(text) text

/**
 * From here on texts are looked up, as LC_ALL, LC_MESSAGES, LANG and LANGUAGE say; without a call they stay English.
 * The lists are found beside the program in its build folder, else where they are installed.
 */
void rv_language_begin(void);
/** A stored text in the person's language; NULL and "" stay what they are. */
const char *rv_translated(const char *text) __attribute__((format_arg(1)));
