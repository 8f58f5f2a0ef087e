/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that cannot run anything: text escaped, scripts forbidden, addresses of known kinds only. */
#pragma once

#include "artifact/export.h"

bool rv_html_begin(struct rv_sheet *sheet, const char *title, struct rv_error *err);
bool rv_html_end(struct rv_sheet *sheet, struct rv_error *err);
/** Text as text, in an element or in a quoted attribute; control and direction-overriding characters are dropped. */
bool rv_html_add(struct rv_sheet *sheet, const char *text, struct rv_error *err);
/** The same with line breaks, and with web addresses as links. */
bool rv_html_add_linked(struct rv_sheet *sheet, const char *text, struct rv_error *err);
/** A file's name as a relative address. */
void rv_html_address(const char *name, char *out, size_t size);
