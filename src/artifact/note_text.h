/* SPDX-License-Identifier: Apache-2.0 */
/* What a note's body says: as Markdown with the places of attachments, and their identities in order. */
#pragma once

#include "artifact/record.h"

/** "text", "markdown", "places" [{"id","uti"}] of a compressed body. False: not readable, `why` says it. */
bool rv_note_put_body(json_t *record, struct rv_span zipped, struct rv_error *why);
/** Rows of cells of a compressed table; NULL: not readable. */
json_t *rv_note_table_json(struct rv_span zipped);
/** HTML of old notes -> text: line breaks, entities, no tags. */
json_t *rv_note_text_of_html(struct rv_span html);
