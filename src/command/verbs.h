/* SPDX-License-Identifier: Apache-2.0 */
/* Every verb, one per file; command/table.c lists them in order. A new verb is one file and a line in each. */
#pragma once

#include "command/command.h"

extern const struct rv_command rv_verb_backup_archive_create;
extern const struct rv_command rv_verb_backup_archive_list;
extern const struct rv_command rv_verb_backup_archive_restore;
extern const struct rv_command rv_verb_backup_create;
extern const struct rv_command rv_verb_backup_decrypt;
extern const struct rv_command rv_verb_backup_delete;
extern const struct rv_command rv_verb_backup_diff;
extern const struct rv_command rv_verb_backup_extract;
extern const struct rv_command rv_verb_backup_list;
extern const struct rv_command rv_verb_backup_mount;
extern const struct rv_command rv_verb_backup_password_change;
extern const struct rv_command rv_verb_backup_password_remove;
extern const struct rv_command rv_verb_backup_password_set;
extern const struct rv_command rv_verb_backup_prune;
extern const struct rv_command rv_verb_backup_repair;
extern const struct rv_command rv_verb_backup_restore;
extern const struct rv_command rv_verb_backup_show;
extern const struct rv_command rv_verb_backup_verify;
extern const struct rv_command rv_verb_coach_dfu;
extern const struct rv_command rv_verb_coach_exit_dfu;
extern const struct rv_command rv_verb_coach_exit_recovery;
extern const struct rv_command rv_verb_coach_recovery;
extern const struct rv_command rv_verb_doctor;
extern const struct rv_command rv_verb_explain;
extern const struct rv_command rv_verb_firmware_components;
extern const struct rv_command rv_verb_firmware_download;
extern const struct rv_command rv_verb_firmware_extract;
extern const struct rv_command rv_verb_firmware_info;
extern const struct rv_command rv_verb_firmware_ticket_fetch;
extern const struct rv_command rv_verb_firmware_latest;
extern const struct rv_command rv_verb_firmware_list;
extern const struct rv_command rv_verb_firmware_ticket_show;
extern const struct rv_command rv_verb_firmware_ticket_verify;
extern const struct rv_command rv_verb_firmware_verify;
extern const struct rv_command rv_verb_guide;
extern const struct rv_command rv_verb_info;
extern const struct rv_command rv_verb_jobs; /* name "status" */
extern const struct rv_command rv_verb_list;
extern const struct rv_command rv_verb_logs;
extern const struct rv_command rv_verb_recover_export;
extern const struct rv_command rv_verb_recover_list;
extern const struct rv_command rv_verb_recover_preview;
extern const struct rv_command rv_verb_recover_put;
extern const struct rv_command rv_verb_recover_report;
extern const struct rv_command rv_verb_recover_scan;
extern const struct rv_command rv_verb_recovery_enter;
extern const struct rv_command rv_verb_recovery_exit;
extern const struct rv_command rv_verb_report;
extern const struct rv_command rv_verb_rescue;
extern const struct rv_command rv_verb_restart;
extern const struct rv_command rv_verb_restore;
extern const struct rv_command rv_verb_resume;
extern const struct rv_command rv_verb_shutdown;
extern const struct rv_command rv_verb_sim;
extern const struct rv_command rv_verb_storage;
extern const struct rv_command rv_verb_status; /* `revive` alone: name "" */
extern const struct rv_command rv_verb_update;
