/* SPDX-License-Identifier: Apache-2.0 */
/* The plans: const tables, one per mode that a device may be found in and per behaviour. */
#include "restore/internal.h"

#define ANY RV_MODE_COUNT

#define PREFLIGHT(mode)                                                                                                \
    {                                                                                                                  \
        "preflight", "Checking the firmware file and what is at stake", rv_step_preflight, mode, mode, 5, 0            \
    }

#define FROM_IBEC(erases)                                                                                               \
    { "prepare",                                                                                                        \
      "Telling the device to stay in Recovery mode until the end",                                                      \
      rv_step_prepare,                                                                                                  \
      RV_MODE_RECOVERY,                                                                                                 \
      RV_MODE_RECOVERY,                                                                                                 \
      1,                                                                                                                \
      RV_STEP_RETRY | RV_STEP_TOUCHES },                                                                                \
        { "send-logo",  "Sending the picture for the screen", rv_step_send_logo, RV_MODE_RECOVERY, RV_MODE_RECOVERY, 1, \
          RV_STEP_RETRY },                                                                                              \
        { "send-firmware",       "Sending firmware for the start-up software",                                          \
          rv_step_send_firmware, RV_MODE_RECOVERY,                                                                      \
          RV_MODE_RECOVERY,      1,                                                                                     \
          RV_STEP_RETRY },                                                                                              \
        { "send-ramdisk", "Sending the restore software", rv_step_send_ramdisk, RV_MODE_RECOVERY, RV_MODE_RECOVERY, 3,  \
          RV_STEP_RETRY },                                                                                              \
        { "send-device-tree", "Sending the device tree", rv_step_send_device_tree,                                      \
          RV_MODE_RECOVERY,   RV_MODE_RECOVERY,          1,                                                             \
          RV_STEP_RETRY },                                                                                              \
        { "send-sep",       "Sending the secure processor's software",                                                  \
          rv_step_send_sep, RV_MODE_RECOVERY,                                                                           \
          RV_MODE_RECOVERY, 1,                                                                                          \
          RV_STEP_RETRY },                                                                                              \
        { "boot-kernel", "Sending the kernel and starting it", rv_step_boot_kernel, RV_MODE_RECOVERY, ANY, 1, 0 },      \
        { "await-restore",                                                                                              \
          "Waiting for the restore software to start",                                                                  \
          rv_step_await_restore,                                                                                        \
          ANY,                                                                                                          \
          RV_MODE_RESTORE,                                                                                              \
          4,                                                                                                            \
          0 },                                                                                                          \
        { "install", "Installing iOS", rv_step_install, RV_MODE_RESTORE, ANY, 72, RV_STEP_NO_CANCEL | (erases) },       \
    {                                                                                                                   \
        "finish", "Waiting for the device to start", rv_step_finish, ANY, RV_MODE_NORMAL, 8, 0                          \
    }

#define FROM_RECOVERY(erases)                                                                                          \
    { "ticket", "Asking for the signature",  rv_step_sign, RV_MODE_RECOVERY, RV_MODE_RECOVERY,                         \
      1,        RV_STEP_DOOR | RV_STEP_FRESH },                                                                        \
        { "send-ibec", "Starting the new start-up software", rv_step_send_ibec, RV_MODE_RECOVERY, RV_MODE_RECOVERY,    \
          2,           RV_STEP_RETRY | RV_STEP_DOOR },                                                                 \
        FROM_IBEC(erases)

#define FROM_DFU(erases)                                                                                                   \
    { "ticket", "Asking for the signature", rv_step_sign, RV_MODE_DFU, RV_MODE_DFU, 1, RV_STEP_FRESH },                    \
        { "send-ibss", "Sending the first start-up software", rv_step_send_ibss, RV_MODE_DFU, ANY, 1, RV_STEP_RETRY },     \
        { "send-ibec", "Starting the new start-up software", rv_step_send_ibec, ANY, RV_MODE_RECOVERY, 2, RV_STEP_RETRY }, \
        FROM_IBEC(erases)

#define SIGN_EARLY                                                                                                     \
    {                                                                                                                  \
        "sign-early", "Asking whether this firmware is signed", rv_step_sign_early, RV_MODE_NORMAL, RV_MODE_NORMAL, 1, \
            RV_STEP_DOOR                                                                                               \
    }

#define STASH_BAG                                                                                                      \
    {                                                                                                                  \
        "stash-bag", "Asking the device to put the key of the data aside", rv_step_stash_bag, RV_MODE_NORMAL,          \
            RV_MODE_NORMAL, 1, RV_STEP_DOOR                                                                            \
    }

#define FROM_NORMAL(erases)                                                                                            \
    { "enter-recovery",                                                                                                \
      "Taking the device into Recovery mode",                                                                          \
      rv_step_enter_recovery,                                                                                          \
      RV_MODE_NORMAL,                                                                                                  \
      RV_MODE_RECOVERY,                                                                                                \
      2,                                                                                                               \
      RV_STEP_TOUCHES | RV_STEP_DOOR },                                                                                \
        FROM_RECOVERY(erases)

#define FROM_RESTORE(erases)                                                                                           \
    { "leave-restore", "Ending the earlier installation", rv_step_leave_restore, RV_MODE_RESTORE, ANY, 2, 0 },         \
        FROM_RECOVERY(erases)

static const struct rv_step update_normal[] = { PREFLIGHT(RV_MODE_NORMAL), SIGN_EARLY, STASH_BAG, FROM_NORMAL(0) };
static const struct rv_step update_recovery[] = { PREFLIGHT(RV_MODE_RECOVERY), FROM_RECOVERY(0) };
static const struct rv_step update_dfu[] = { PREFLIGHT(RV_MODE_DFU), FROM_DFU(0) };
static const struct rv_step update_restore[] = { PREFLIGHT(RV_MODE_RESTORE), FROM_RESTORE(0) };
static const struct rv_step erase_normal[] = { PREFLIGHT(RV_MODE_NORMAL), SIGN_EARLY, FROM_NORMAL(RV_STEP_ERASES) };
static const struct rv_step erase_recovery[] = { PREFLIGHT(RV_MODE_RECOVERY), FROM_RECOVERY(RV_STEP_ERASES) };
static const struct rv_step erase_dfu[] = { PREFLIGHT(RV_MODE_DFU), FROM_DFU(RV_STEP_ERASES) };
static const struct rv_step erase_restore[] = { PREFLIGHT(RV_MODE_RESTORE), FROM_RESTORE(RV_STEP_ERASES) };

static const struct rv_step finish_only[] = {
    PREFLIGHT(RV_MODE_NORMAL),
    { "finish", "Waiting for the device to start", rv_step_finish, ANY, RV_MODE_NORMAL, 95, 0 },
};

#define PLAN(table)                                                                                                    \
    {                                                                                                                  \
        table, RV_COUNT(table)                                                                                         \
    }
static const struct rv_plan plans[2][RV_MODE_COUNT] = {
    [RV_BEHAVIOR_UPDATE] = { [RV_MODE_NORMAL] = PLAN(update_normal),
                             [RV_MODE_RECOVERY] = PLAN(update_recovery),
                             [RV_MODE_DFU] = PLAN(update_dfu),
                             [RV_MODE_RESTORE] = PLAN(update_restore) },
    [RV_BEHAVIOR_ERASE] = { [RV_MODE_NORMAL] = PLAN(erase_normal),
                            [RV_MODE_RECOVERY] = PLAN(erase_recovery),
                            [RV_MODE_DFU] = PLAN(erase_dfu),
                            [RV_MODE_RESTORE] = PLAN(erase_restore) },
};

struct rv_plan rv_plan_for(enum rv_mode from, enum rv_behavior behavior)
{
    if ((unsigned)from >= RV_MODE_COUNT || (unsigned)behavior > RV_BEHAVIOR_ERASE)
        return (struct rv_plan){ NULL, 0 };
    return plans[behavior][from];
}

struct rv_plan rv_plan_finish(void)
{
    return (struct rv_plan)PLAN(finish_only);
}

size_t rv_plan_words(enum rv_mode from, enum rv_behavior behavior, struct rv_step_words *out, size_t max)
{
    struct rv_plan plan = rv_plan_for(from, behavior);
    for (size_t i = 0; i < plan.count && i < max; i++)
        out[i] = (struct rv_step_words){ plan.steps[i].name, plan.steps[i].words,
                                         (plan.steps[i].flags & RV_STEP_ERASES) != 0 };
    return plan.count;
}
