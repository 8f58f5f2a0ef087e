/* SPDX-License-Identifier: Apache-2.0 */
#include "command/command.h"
#include "command/verbs.h"

#include <string.h>

/* Sorted by name, one a line; tests/command walks it. */
/* clang-format off */
const struct rv_command *const rv_commands[] = {
    &rv_verb_status, /* "" */
    &rv_verb_backup_archive_create,
    &rv_verb_backup_archive_list,
    &rv_verb_backup_archive_restore,
    &rv_verb_backup_create,
    &rv_verb_backup_decrypt,
    &rv_verb_backup_delete,
    &rv_verb_backup_diff,
    &rv_verb_backup_extract,
    &rv_verb_backup_list,
    &rv_verb_backup_mount,
    &rv_verb_backup_password_change,
    &rv_verb_backup_password_remove,
    &rv_verb_backup_password_set,
    &rv_verb_backup_prune,
    &rv_verb_backup_repair,
    &rv_verb_backup_restore,
    &rv_verb_backup_show,
    &rv_verb_backup_verify,
    &rv_verb_coach_dfu,
    &rv_verb_coach_exit_dfu,
    &rv_verb_coach_exit_recovery,
    &rv_verb_coach_recovery,
    &rv_verb_doctor,
    &rv_verb_explain,
    &rv_verb_firmware_components,
    &rv_verb_firmware_download,
    &rv_verb_firmware_extract,
    &rv_verb_firmware_info,
    &rv_verb_firmware_latest,
    &rv_verb_firmware_list,
    &rv_verb_firmware_ticket_fetch,
    &rv_verb_firmware_ticket_show,
    &rv_verb_firmware_ticket_verify,
    &rv_verb_firmware_verify,
    &rv_verb_guide,
    &rv_verb_info,
    &rv_verb_list,
    &rv_verb_logs,
    &rv_verb_recover_export,
    &rv_verb_recover_list,
    &rv_verb_recover_preview,
    &rv_verb_recover_put,
    &rv_verb_recover_report,
    &rv_verb_recover_scan,
    &rv_verb_recovery_enter,
    &rv_verb_recovery_exit,
    &rv_verb_report,
    &rv_verb_rescue,
    &rv_verb_restart,
    &rv_verb_restore,
    &rv_verb_resume,
    &rv_verb_shutdown,
    &rv_verb_sim,
    &rv_verb_jobs, /* "status" */
    &rv_verb_storage,
    &rv_verb_update,
    NULL,
};
/* clang-format on */

const struct rv_command *rv_command_find(const char *name)
{
    for (size_t i = 0; rv_commands[i] != NULL; i++)
        if (strcmp(rv_commands[i]->name, name) == 0)
            return rv_commands[i];
    return NULL;
}

const char *rv_arg(const struct rv_args *args, const char *name)
{
    for (size_t i = args->count; i-- > 0;)
        if (strcmp(args->options[i].name, name) == 0)
            return args->options[i].value;
    return NULL;
}

bool rv_arg_flag(const struct rv_args *args, const char *name)
{
    return rv_arg(args, name) != NULL;
}

const char *rv_arg_word(const struct rv_args *args, size_t index)
{
    return index < args->words ? args->positional[index] : NULL;
}
