/* SPDX-License-Identifier: Apache-2.0 */
/* Words for a person made from a verb's JSON: one function a verb, found by the verb's name. */
#pragma once

#include "cli/face.h"

typedef void rv_print_fn(const struct rv_face *face, const json_t *result);

/** Text of a key, cleaned by the verb already, or `otherwise`. */
const char *rv_json_text(const json_t *object, const char *key, const char *otherwise);

/** The same in the person's language. */
const char *rv_json_words(const json_t *object, const char *key, const char *otherwise);

/** Words broken at blanks so that no line, with its indent, is longer than width; ends the line. */
void rv_print_wrapped(const char *text, int indent, int width);
/** The same with a mark (" 1.", "-") in the first line's indent. */
void rv_print_hanging(const char *mark, const char *text, int indent, int width);

/** Text of several lines, each cleaned and wrapped; lines that begin with blanks keep them. */
void rv_write_paragraphs(FILE *out, const char *mark, const char *text, int indent, int width);
/** How wide words for a person may be on stderr: the terminal; for a pipe lines are not broken. */
int rv_note_width(const struct rv_face *face);
/** The same, to another stream. */
void rv_write_hanging(FILE *out, const char *mark, const char *text, int indent, int width);

rv_print_fn rv_print_coach, rv_print_restore, rv_print_jobs;

/* print_device.c */
rv_print_fn rv_print_list, rv_print_info, rv_print_mode;

/* print_doctor.c */
rv_print_fn rv_print_doctor;

/* print_explain.c */
rv_print_fn rv_print_explain;

/* print_rescue.c */
rv_print_fn rv_print_rescue, rv_print_report;

/* print_storage.c */
rv_print_fn rv_print_storage, rv_print_logs, rv_print_off;

/* print_status.c */
rv_print_fn rv_print_status;

/* print_guide.c */
rv_print_fn rv_print_guide;

/* print_firmware.c */
rv_print_fn rv_print_releases, rv_print_latest, rv_print_download;

/* print_backup.c */
rv_print_fn rv_print_backup_list, rv_print_backup_show, rv_print_backup_verify, rv_print_backup_extract,
    rv_print_backup_repair, rv_print_backup_create, rv_print_backup_brought, rv_print_backup_password,
    rv_print_backup_diff, rv_print_backup_deleted, rv_print_backup_pruned, rv_print_backup_mounted,
    rv_print_archive_created, rv_print_archive_list, rv_print_archive_restored;

/* print_recover.c */
rv_print_fn rv_print_scan, rv_print_listed, rv_print_exported, rv_print_preview, rv_print_put;
/** A value's facts, one a line, nested ones indented. */
void rv_print_plain(const json_t *value, int indent);

/* print_verdict.c */
rv_print_fn rv_print_verdict;
