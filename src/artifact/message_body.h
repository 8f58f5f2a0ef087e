/* SPDX-License-Identifier: Apache-2.0 */
/* The archives inside a row of sms.db: styled text, what was edited or unsent, balloons. */
#pragma once

#include "artifact/record.h"

/** "text" and, with several, "parts" of a styled body; false when it is none. Attachments are named by transfer id. */
bool rv_message_put_styled(json_t *record, struct rv_span stream);
/** The text of a styled body alone, without the places of attachments; NULL when it is none. */
json_t *rv_message_styled_text(struct rv_span stream);
/** "text" of a plain one, without the places of attachments. */
void rv_message_put_plain(json_t *record, struct rv_span text);
/** "edits", "unsent", "unsent_parts" out of message_summary_info. */
void rv_message_put_history(json_t *record, struct rv_span summary);
/** "balloon" out of balloon_bundle_id and payload_data. */
void rv_message_put_balloon(json_t *record, struct rv_span bundle, struct rv_span payload);
