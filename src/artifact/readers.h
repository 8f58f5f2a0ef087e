/* SPDX-License-Identifier: Apache-2.0 */
/* Every type's row, one a file; artifact.c lists them in the order that a person sees. */
#pragma once

#include "artifact/artifact.h"

extern const struct rv_artifact rv_artifact_accounts;
extern const struct rv_artifact rv_artifact_apps;
extern const struct rv_artifact rv_artifact_bookmarks;
extern const struct rv_artifact rv_artifact_books;
extern const struct rv_artifact rv_artifact_calendar;
extern const struct rv_artifact rv_artifact_calls;
extern const struct rv_artifact rv_artifact_contacts;
extern const struct rv_artifact rv_artifact_health;
extern const struct rv_artifact rv_artifact_history;
extern const struct rv_artifact rv_artifact_imo;
extern const struct rv_artifact rv_artifact_kik;
extern const struct rv_artifact rv_artifact_line;
extern const struct rv_artifact rv_artifact_memos;
extern const struct rv_artifact rv_artifact_messages;
extern const struct rv_artifact rv_artifact_music;
extern const struct rv_artifact rv_artifact_notes;
extern const struct rv_artifact rv_artifact_photos;
extern const struct rv_artifact rv_artifact_podcasts;
extern const struct rv_artifact rv_artifact_reminders;
extern const struct rv_artifact rv_artifact_screen_time;
extern const struct rv_artifact rv_artifact_tabs;
extern const struct rv_artifact rv_artifact_viber;
extern const struct rv_artifact rv_artifact_voicemail;
extern const struct rv_artifact rv_artifact_wallet;
extern const struct rv_artifact rv_artifact_whatsapp;
extern const struct rv_artifact rv_artifact_wifi;

/** calendar.c: reminders of iOS 12 and before are rows of the calendar. */
bool rv_calendar_read_todos(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err);
