/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of vCard and iCalendar: CRLF, folded at 75 octets, values escaped (RFC 6350, RFC 5545). */
#pragma once

#include "artifact/export.h"

/* One line being made; a line is never longer than what a contact's photo takes. */
struct rv_folded {
    struct rv_buf text;
};
void rv_fold_begin(struct rv_folded *line, const char *name); /* "TEL;TYPE=CELL" */
/** A value with \ , ; and line breaks escaped. */
void rv_fold_value(struct rv_folded *line, const char *value);
/** As it is: separators, base64; line breaks are dropped. */
void rv_fold_plain(struct rv_folded *line, const char *text);
/** Writes it folded and clears it. */
bool rv_fold_end(struct rv_sheet *sheet, struct rv_folded *line, struct rv_error *err);
/** All of it in one. NULL or "": no line. */
bool rv_fold_line(struct rv_sheet *sheet, const char *name, const char *value, struct rv_error *err);
