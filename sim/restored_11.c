/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iOS 10 and 11: the boot firmware before the ticket, FUD firmware whole. Order of requests and operations from
 * public logs of 10.3 and 11.x runs (idevicerestore issues 131, 148, 155, 175, 191, 226; futurerestore issue 125);
 * numbers and names of checkpoints from device logs. Durations are [I] except where a log gave one. What only an
 * Update does after the image (migration) and the place of the coprocessors is [I] from later generations' logs.
 */
#include "sim/restored_rows.h"

static const struct restored_step steps[] = {
    { 0x0600, "client_protocol_version", ON_BOTH, .ms = 20, .status = -1, .run = restored_check_protocol },
    { 0x0655, "is_host_compatible", ON_HOST_CHECK, .ms = 20, .status = 100, .run = restored_check_host },
    { 0x0601, "copy_restore_options", ON_BOTH, .ms = 20 },
    /* 10 and 11 ask for the boot firmware before the ticket: the ramdisk wants the SEP first. */
    { 0x0609, "load_sep_os", ON_BOTH, .ms = 2500, .status = RESTORED_E_SEP, .run = restored_load_sep,
      .what = "NORData" },
    { 0x060B, "update_ticket", ON_BOTH, .ms = 100, .status = -1, .run = restored_check_ticket, .what = "RootTicket" },
    { 0x060D, "wait_for_storage", ON_BOTH, 28, 1, .ms = 2000, .status = 6 },
    { 0x060E, "update_s3e_firmware", ON_BOTH, 58, 1, .ms = 1000, .status = -1 },
    { 0x0665, "fsck_filesystems", ON_BOTH, 15, 4, .ms = 4000, .status = RESTORED_E_MOUNT, .run = restored_check_data },
    OPEN(0x0616, "fdr_create", RESTORED_E_FDR),
    ASK(restored_fdr, "FDRTrustData"),
    ASK(restored_proxy, NULL),
    CLOSE,
    { 0x0614, "mount_system_partition", ON_UPDATE, 16, 2, .ms = 1000, .status = RESTORED_E_MOUNT },
    { 0x0654, "read_previous_os_build_version", ON_UPDATE, .ms = 50 },
    { 0x0619, "check_for_restore_log", ON_BOTH, .ms = 50, .run = restored_previous_log },
    { 0x061A, "check_for_ota_logs", ON_BOTH, .ms = 100 },
    { 0x061B, "submit_update_stats", ON_BOTH, .ms = 50 },
    { 0x0661, "read_persistent_files", ON_UPDATE, .ms = 100 },
    { 0x061D, "unmount_unconditionally", ON_BOTH, 29, 2, .ms = 500 },
    { 0x064E, "clean_nand", ON_BOTH, .ms = 50 },
    { 0x0653, "create_readwrite_ramdisk", ON_BOTH, .ms = 50 },
    /* An Update passes this one in no time: nothing is formatted. */
    { 0x061F, "format_effaceable_storage", ON_BOTH, .ms = 200, .status = 6, .run = restored_wipe },
    { 0x0621, "create_filesystem_partitions", ON_ERASE, 11, 1, .ms = 1000, .status = 6 },
    { 0x0658, "format_media", ON_ERASE, 12, 2, .ms = 3000, .status = 6 },
    { 0x0622, "reload_filesystem_partitions", ON_BOTH, .ms = 100 },
    { 0x065D, "delete_mobilebackups", ON_BOTH, .ms = 50 },
    { 0x0C03, "baseband_migration_data", ON_BOTH, .ms = 50 },
    { 0x065B, "asr_and_invert_image", ON_BOTH, .ms = 500, .status = RESTORED_E_IMAGE, .run = restored_system_image,
      .what = "SystemImageData" },
    { 0x0C05, "restore_invert", ON_BOTH, .ms = 3000, .status = RESTORED_E_IMAGE },
    { 0x064F, "check_apfs_format", ON_BOTH, 15, 4, .ms = 3000, .status = RESTORED_E_MOUNT },
    { 0x0626, "mount_filesystem_if_fdr", ON_BOTH, 16, 3, .ms = 2000, .status = RESTORED_E_MOUNT },
    { 0x0627, "fdr_restore_saved_data", ON_BOTH, .ms = 200, .status = RESTORED_E_FDR },
    { 0, "migrate_data", ON_UPDATE, 41, 1, .ms = 4000, .status = RESTORED_E_MOUNT, .run = restored_check_data },
    { 0x0628, "install_kernel_cache", ON_BOTH, 27, 1, OP_AFTER, .ms = 500, .status = -1, .run = restored_install_image,
      .what = "KernelCache" },
    { 0x0E01, "install_device_tree", ON_BOTH, 61, 1, OP_AFTER, .ms = 200, .status = -1, .run = restored_install_image,
      .what = "DeviceTree" },
    { 0x0E03, "write_ticket", ON_BOTH, .ms = 50, .status = -1 },
    { 0x1300, "update_iBoot", ON_BOTH, 18, 1, OP_PERCENT, .ms = 1500, .status = -1, .run = restored_flash },
    { 0x130A, "install_fud", ON_BOTH, 36, 1, .ms = 500, .status = -1, .run = restored_fud, .what = "FUDData" },
    { 0x1301, "update_gas_gauge", ON_BOTH, 47, 2, .ms = 500, .status = -1 },
    { 0x1304, "update_stockholm", ON_BOTH, 55, 1, .ms = 500, .status = -1 },
    { 0x130A, "install_fud", ON_BOTH, 36, 1, .ms = 500, .status = -1, .run = restored_fud, .what = "FUDData" },
    { 0x1303, "update_baseband_legacy", ON_BOTH, 19, 1, .ms = 8000, .status = RESTORED_E_BASEBAND,
      .run = restored_baseband, .what = "BasebandData" },
    { 0x1309, "update_se", ON_BOTH | ON_CHIP, 59, 1, .ms = 2000, .status = -1, .run = restored_updater, .what = "SE" },
    { 0x130D, "update_savage", ON_BOTH | ON_CHIP, 60, 1, .ms = 2000, .status = -1, .run = restored_updater,
      .what = "Savage" },
    { 0x0F00, "fixup_var", ON_BOTH, 17, 1, .ms = 1000, .status = RESTORED_E_MOUNT },
    { 0, "create_system_keybag", ON_ERASE, 50, 1, .ms = 3000, .status = -1 },
    { 0x0662, "write_persistent_files", ON_UPDATE, .ms = 100 },
    { 0x0634, "fdr_recover", ON_BOTH, .ms = 2000, .status = RESTORED_E_FDR, .run = restored_proxy },
    { 0x0639, "persistent_boot_args", ON_BOTH, 25, 1, .ms = 50 },
    { 0x0669, "create_system_snapshot", ON_BOTH, .ms = 500, .status = RESTORED_E_IMAGE, .run = restored_commit },
    { 0x0642, "unmount_filesystems", ON_BOTH, 29, 4, .ms = 1000 },
    { 0x063F, "set_boot_command", ON_BOTH, .ms = 50, .status = -1, .run = restored_set_boot },
    { 0x0640, "set_autoboot_delay", ON_BOTH, .ms = 20 },
    { 0x0647, "cleanup_check_result", ON_BOTH, .ms = 20 },
};

static const struct restored_step cleanup[] = {
    { 0x067C, "cleanup_boot_command", ON_BOTH, .ms = 50 },
    { 0x0647, "cleanup_check_result", ON_BOTH, .ms = 20 },
};

const struct restored_generation sim_restored_11 = {
    .major_min = 10,
    .major_max = 11,
    .protocol = 14,
    .steps = steps,
    .step_count = RV_COUNT(steps),
    .cleanup = cleanup,
    .cleanup_count = RV_COUNT(cleanup),
};
