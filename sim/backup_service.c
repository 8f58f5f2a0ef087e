/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.apple.mobilebackup2: versions are agreed on, then one request is carried out and answered.
 * Source: libimobiledevice 1.3.0 src/mobilebackup2.c, tools/idevicebackup2.c.
 */
#include "base/file.h"
#include "base/text.h"
#include "sim/backup_run.h"
#include "sim/model.h"
#include "sim/service_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINK_MAJOR = 300, LINK_MINOR = 0, AFTER_RESTORE_MS = 2000 };
static const double protocol = 2.1;

/* ---- greeting ---- */

static bool exchange_versions(struct sim_backup *run)
{
    plist_t hello = sim_link_words("DLMessageVersionExchange", NULL);
    plist_array_append_item(hello, plist_new_uint(LINK_MAJOR));
    plist_array_append_item(hello, plist_new_uint(LINK_MINOR));
    if (!sim_link_send(&run->link, hello))
        return false;
    plist_t answer = sim_link_read(&run->link);
    plist_t word = answer != NULL ? plist_array_get_item(answer, 1) : NULL;
    bool good = strcmp(sim_link_name(answer), "DLMessageVersionExchange") == 0 && PLIST_IS_STRING(word) &&
                strcmp(plist_get_string_ptr(word, NULL), "DLVersionsOk") == 0;
    plist_free(answer);
    return good && sim_link_send(&run->link, sim_link_words("DLMessageDeviceReady", NULL));
}

/* ErrorDescription ends in the domain and the number of what was the matter. */
static bool respond(struct sim_backup *run, const char *content)
{
    plist_t message = sim_link_words("DLMessageProcessMessage", NULL), dict = plist_new_dict();
    plist_dict_set_item(dict, "MessageName", plist_new_string("Response"));
    if (!sim_backup_flag(run, "fault.backup_no_code", false))
        plist_dict_set_item(dict, "ErrorCode", plist_new_uint((uint64_t)run->code));
    if (run->code != MB_OK)
        plist_dict_set_item(dict, "ErrorDescription", plist_new_string(run->words));
    if (content != NULL)
        plist_dict_set_item(dict, "Content", plist_new_string(content));
    plist_array_append_item(message, dict);
    return sim_link_send(&run->link, message);
}

static bool greet(struct sim_backup *run, plist_t hello)
{
    plist_t versions = plist_dict_get_item(hello, "SupportedProtocolVersions");
    bool common = false;
    for (uint32_t i = 0; PLIST_IS_ARRAY(versions) && i < plist_array_get_size(versions); i++) {
        plist_t node = plist_array_get_item(versions, i);
        double version = 0;
        if (PLIST_IS_REAL(node))
            plist_get_real_val(node, &version);
        common = common || (version >= 2.0 && version <= protocol);
    }
    if (!common) {
        run->code = MB_INTERNAL;
        (void)snprintf(run->words, sizeof run->words, "No common protocol version (MBErrorDomain/1)");
        (void)respond(run, NULL);
        return false;
    }
    plist_t message = sim_link_words("DLMessageProcessMessage", NULL), dict = plist_new_dict();
    plist_dict_set_item(dict, "MessageName", plist_new_string("Response"));
    plist_dict_set_item(dict, "ErrorCode", plist_new_uint(0));
    plist_dict_set_item(dict, "ProtocolVersion", plist_new_real(protocol));
    plist_array_append_item(message, dict);
    return sim_link_send(&run->link, message);
}

/* ---- what is asked of the person, and of the device ---- */

/* The setting "backup_passcode" is what the person does at the prompt: "enter", "refuse", "ignore". */
static bool ask_passcode(struct sim_backup *run)
{
    char does[16] = "enter";
    enum { TYPING_MS = 3000, LIMIT_MS = 30 * 60 * 1000 };
    if (!sim_backup_flag(run, "passcode", false))
        return true;
    (void)sim_setting(run->device, "backup_passcode", does, sizeof does);
    sim_record(run->device, "screen", "asks for the passcode before a backup");
    sim_notice_post(run->device, "com.apple.LocalAuthentication.ui.presented");
    bool entered = strcmp(does, "enter") == 0;
    uint64_t typing_ms = sim_backup_number(run, "backup_passcode_ms", TYPING_MS);
    sim_pause(run->device, strcmp(does, "ignore") == 0 ? LIMIT_MS : (unsigned)typing_ms);
    sim_notice_post(run->device, "com.apple.LocalAuthentication.ui.dismissed");
    return entered || sim_backup_fail(run, MB_LOCKED,
                                      "Device locked: the passcode was not entered "
                                      "(MBErrorDomain/208)");
}

static bool may_begin(struct sim_backup *run, bool backup)
{
    const char *target = sim_plist_text(run->request, "TargetIdentifier");
    if (target == NULL || strcmp(target, run->udid) != 0)
        return sim_backup_fail(run, MB_INTERNAL, "The target is another device (MBErrorDomain/1)");
    if (sim_backup_flag(run, "backup_managed_off", false))
        return sim_backup_fail(run, MB_MANAGED, "A profile forbids it (MBErrorDomain/22)");
    if (sim_backup_flag(run, "cloud_restoring", false))
        return sim_backup_fail(run, MB_CLOUD_RESTORE, "An iCloud restore is under way (MBErrorDomain/25)");
    if (!backup)
        return true;
    if (!sim_backup_flag(run, "setup_done", true))
        return sim_backup_fail(run, MB_SETUP, "The setup assistant is not finished (MBErrorDomain/212)");
    if (run->password[0] == 0 && sim_backup_flag(run, "backup_requires_encryption", false))
        return sim_backup_fail(run, MB_PASSWORD, "A profile wants a password, and none is set (MBErrorDomain/207)");
    return true;
}

/* ---- requests ---- */

static bool do_backup(struct sim_backup *run)
{
    bool prompts = run->major > 16 || (run->major == 16 && run->minor >= 1);
    return (!prompts || ask_passcode(run)) && may_begin(run, true) && sim_backup_make(run);
}

static bool do_restore(struct sim_backup *run)
{
    /* The files' keys are not to be had: reported as an internal error. */
    if (sim_backup_flag(run, "locked", false))
        return sim_backup_fail(run, MB_INTERNAL, "The device is locked (MBErrorDomain/1)");
    return may_begin(run, false) && sim_backup_restore(run);
}

static bool do_change_password(struct sim_backup *run)
{
    const char *was = sim_plist_text(run->request, "OldPassword");
    const char *now = sim_plist_text(run->request, "NewPassword");
    if ((run->major >= 13 && !ask_passcode(run)) || !sim_secret_change(run, was, now))
        return false;
    sim_notice_post(run->device, "com.apple.mobile.backup.domain_changed");
    return true;
}

static bool do_cloud(struct sim_backup *run)
{
    plist_t state = plist_dict_get_item(run->request, "CloudBackupState");
    uint8_t on = 0;
    if (!PLIST_IS_BOOLEAN(state))
        return sim_backup_fail(run, MB_INTERNAL, "CloudBackupState is missing (MBErrorDomain/1)");
    plist_get_bool_val(state, &on);
    sim_setting_put(run->device, "cloud_backup", on ? "yes" : "");
    return true;
}

static bool do_gone_by(struct sim_backup *run)
{
    return sim_backup_fail(run, MB_INTERNAL, "%s is no longer supported (MBErrorDomain/1)",
                           sim_plist_text(run->request, "MessageName"));
}

static const struct {
    const char *name;
    bool (*run)(struct sim_backup *run);
} requests[] = {
    { "Backup", do_backup },
    { "ChangePassword", do_change_password },
    { "EnableCloudBackup", do_cloud },
    { "Extract", do_gone_by },
    { "Info", do_gone_by },
    { "List", do_gone_by },
    { "Remove", do_gone_by },
    { "Restore", do_restore },
    { "Unback", do_gone_by },
};

/* A name of the host's folder; the device's own when the host says nothing. */
static bool take_source(struct sim_backup *run)
{
    const char *source = sim_plist_text(run->request, "SourceIdentifier");
    size_t len = source != NULL ? strlen(source) : 0;
    if (len == 0) {
        source = run->udid;
        len = strlen(source);
    }
    if (len >= sizeof run->source)
        return sim_backup_fail(run, MB_INTERNAL, "SourceIdentifier is too long (MBErrorDomain/1)");
    memcpy(run->source, source, len + 1);
    return true;
}

static void carry_out(struct sim_backup *run, const char *name)
{
    size_t i = 0;
    plist_t options = plist_dict_get_item(run->request, "Options");
    run->options = PLIST_IS_DICT(options) ? options : NULL;
    while (i < RV_COUNT(requests) && strcmp(requests[i].name, name) != 0)
        i++;
    sim_record(run->device, "backup", "%s begins", name);
    if (i == RV_COUNT(requests))
        sim_backup_fail(run, MB_INTERNAL, "%.100s is unknown (MBErrorDomain/1)", name);
    else if (take_source(run) && !requests[i].run(run) && run->code == MB_OK)
        sim_backup_fail(run, MB_INTERNAL, "It failed (MBErrorDomain/1)");
    if (run->code != MB_OK)
        sim_record(run->device, "backup", "%s ends with %d: %s", name, run->code, run->words);
    else
        sim_record(run->device, "backup", "%s ends well", name);
}

static void read_system(struct sim_backup *run)
{
    char version[32], build[32];
    struct sim_identity id;
    sim_device_identity(run->device, &id);
    (void)snprintf(run->udid, sizeof run->udid, "%s", id.udid);
    sim_running(run->device, version, build);
    char *end = NULL;
    run->major = (unsigned)strtoul(version, &end, 10);
    run->minor = *end == '.' ? (unsigned)strtoul(end + 1, NULL, 10) : 0;
    run->old_form = run->major < 10;
    (void)sim_setting(run->device, "backup_password", run->password, sizeof run->password);
}

static void clear_run(struct sim_backup *run)
{
    rv_blob_free(rv_steal(&run->bag_bytes));
    rv_blob_free(rv_steal(&run->salt));
    rv_wipe(&run->bag, sizeof run->bag);
    rv_wipe(run->password, sizeof run->password);
    run->code = MB_OK;
    run->encrypted = false;
    run->source[0] = 0;
    run->at[0] = 0;
}

/* A message dictionary, or NULL. */
static plist_t take_request(struct sim_backup *run)
{
    plist_t message = sim_link_read(&run->link);
    plist_t dict = message != NULL ? plist_array_get_item(message, 1) : NULL;
    plist_t request =
        strcmp(sim_link_name(message), "DLMessageProcessMessage") == 0 && PLIST_IS_DICT(dict) ? plist_copy(dict) : NULL;
    plist_free(message);
    return request;
}

static bool serve_request(struct sim_backup *run)
{
    run->request = take_request(run);
    const char *name = sim_plist_text(run->request, "MessageName");
    bool goes_on = name != NULL;
    if (goes_on && strcmp(name, "Hello") == 0) {
        goes_on = greet(run, run->request);
    } else if (goes_on) {
        char kept[64];
        (void)snprintf(kept, sizeof kept, "%s", name);
        read_system(run);
        pthread_mutex_lock(&run->device->backup_lock);
        carry_out(run, kept);
        pthread_mutex_unlock(&run->device->backup_lock);
        bool restored = run->code == MB_OK && strcmp(kept, "Restore") == 0;
        plist_t should = run->options != NULL ? plist_dict_get_item(run->options, "RestoreShouldReboot") : NULL;
        uint8_t reboot = 1;
        if (PLIST_IS_BOOLEAN(should))
            plist_get_bool_val(should, &reboot);
        goes_on = sim_backup_step(run, "response") && respond(run, NULL);
        if (goes_on && restored && reboot) {
            sim_pause(run->device, AFTER_RESTORE_MS);
            sim_device_reboot(run->device, "a backup was restored");
        }
    }
    plist_free(run->request);
    run->request = run->options = NULL;
    clear_run(run);
    return goes_on;
}

void sim_backup_serve(struct sim_device *device, struct sim_wire *wire)
{
    char folder[SIM_OWN_PATH];
    struct rv_error err = { 0 };
    struct sim_backup *run = rv_alloc(sizeof *run);
    if (run == NULL)
        return;
    run->device = device;
    sim_link_init(&run->link, wire);
    sim_backup_path(run, "", folder);
    if (rv_dir_make(folder, &err) && exchange_versions(run))
        while (serve_request(run))
            continue;
    sim_link_clear(&run->link);
    clear_run(run);
    rv_free(run);
}
