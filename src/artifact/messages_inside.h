/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by messages.c and messages_flat.c only. */
#pragma once

#include "artifact/db.h"

/** sms.db of iPhone OS 3 to iOS 5: one flat table. */
bool rv_messages_read_flat(struct rv_job *job, struct rv_db *db, struct rv_error *err);
