/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that can be read in the present mode, without changing anything and without asking the person. */
#include "base/text.h"
#include "command/device_json.h"
#include "command/recovery_env.h"
#include "command/verbs.h"
#include "proto/lockdown.h"
#include "restore/restore.h"

#include <string.h>

/* --- Normal mode: a table of values --- */

enum kind { KIND_TEXT, KIND_BOOL, KIND_NUMBER };

struct fact {
    const char *domain, *key; /* domain NULL: the general one */
    const char *group, *name; /* where it goes in the JSON; group NULL: the top */
    enum kind kind;
};

static const struct fact facts[] = {
    { NULL, "ActivationState", NULL, "activation", KIND_TEXT },
    { NULL, "BasebandVersion", NULL, "baseband", KIND_TEXT },
    { NULL, "DeviceClass", NULL, "class", KIND_TEXT },
    { NULL, "DeviceColor", NULL, "colour", KIND_TEXT },
    { NULL, "FirmwareVersion", NULL, "iboot", KIND_TEXT },
    { NULL, "InternationalMobileEquipmentIdentity", NULL, "imei", KIND_TEXT },
    { NULL, "ModelNumber", NULL, "model_number", KIND_TEXT },
    { NULL, "PasswordProtected", NULL, "locked", KIND_BOOL },
    { NULL, "PhoneNumber", NULL, "phone_number", KIND_TEXT },
    { NULL, "RegionInfo", NULL, "region", KIND_TEXT },
    { NULL, "SIMStatus", NULL, "sim", KIND_TEXT },
    { NULL, "TimeZone", NULL, "time_zone", KIND_TEXT },
    { NULL, "WiFiAddress", NULL, "wifi_address", KIND_TEXT },
    { "com.apple.disk_usage", "AmountDataAvailable", "storage", "free", KIND_NUMBER },
    { "com.apple.disk_usage", "TotalDataAvailable", "storage", "data_free", KIND_NUMBER },
    { "com.apple.disk_usage", "TotalDataCapacity", "storage", "data_total", KIND_NUMBER },
    { "com.apple.disk_usage", "TotalDiskCapacity", "storage", "total", KIND_NUMBER },
    { "com.apple.disk_usage", "TotalSystemCapacity", "storage", "system_total", KIND_NUMBER },
    { "com.apple.fmip", "IsAssociated", NULL, "find_my", KIND_BOOL },
    { "com.apple.mobile.backup", "CloudBackupEnabled", "backup", "icloud", KIND_BOOL },
    { "com.apple.mobile.backup", "WillEncrypt", "backup", "encrypted", KIND_BOOL },
    { "com.apple.mobile.battery", "BatteryCurrentCapacity", "battery", "percent", KIND_NUMBER },
    { "com.apple.mobile.battery", "BatteryIsCharging", "battery", "charging", KIND_BOOL },
    { "com.apple.mobile.battery", "ExternalConnected", "battery", "plugged_in", KIND_BOOL },
    { "com.apple.mobile.chaperone", "DeviceIsChaperoned", NULL, "supervised", KIND_BOOL },
};

static json_t *group_of(json_t *result, const char *group)
{
    if (group == NULL)
        return result;
    json_t *there = json_object_get(result, group);
    if (there == NULL) {
        there = json_object();
        json_object_set_new(result, group, there);
    }
    return there;
}

static void take_fact(json_t *result, const struct fact *fact, plist_t values)
{
    uint64_t number = 0;
    plist_t node = rv_plist_node(values, fact->key);
    if (node == NULL)
        return;
    if (fact->kind == KIND_TEXT && rv_plist_text(values, fact->key) != NULL)
        rv_json_set_text(group_of(result, fact->group), fact->name, rv_plist_text(values, fact->key));
    if (fact->kind == KIND_BOOL && plist_get_node_type(node) == PLIST_BOOLEAN)
        json_object_set_new(group_of(result, fact->group), fact->name,
                            json_boolean(rv_plist_bool(values, fact->key, false)));
    if (fact->kind == KIND_NUMBER && rv_plist_uint(values, fact->key, &number) && number <= INT64_MAX)
        json_object_set_new(group_of(result, fact->group), fact->name, json_integer((json_int_t)number));
}

/* One question a domain; a domain that the device does not tell is left out. */
static bool read_facts(struct rv_lockdown *link, json_t *result, struct rv_error *err)
{
    for (size_t i = 0; i < RV_COUNT(facts);) {
        const char *domain = facts[i].domain;
        RV_AUTO_PLIST values = rv_lockdown_get(link, domain, NULL, err);
        if (values == NULL && (err->code == RV_E_GONE || err->code == RV_E_TIMEOUT || err->code == RV_E_CANCELLED))
            return rv_while(err, "reading the device's values");
        for (; i < RV_COUNT(facts) && (facts[i].domain == domain || (domain != NULL && facts[i].domain != NULL &&
                                                                     strcmp(facts[i].domain, domain) == 0));
             i++)
            take_fact(result, &facts[i], values);
    }
    return true;
}

static const char *trust_of(const struct rv_error *err)
{
    if (err->advice == RV_ADVICE_UNLOCK)
        return "locked";
    return err->advice == RV_ADVICE_TRUST ? "no" : "refused";
}

static bool info_normal(struct rv_run *run, const struct rv_device *device, struct rv_error *err)
{
    if (device->mux.handle == 0) {
        rv_tell_warning(run->ctx, "The usbmux service does not list the device: only its USB identity can be read.");
        return true;
    }
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(run->ctx, &device->mux, err);
    if (link == NULL)
        return false;
    /* An untrusted device tells much of this too; pairing would put a question on its screen. */
    struct rv_error trust_err = { 0 };
    bool trusted = rv_lockdown_session(link, &trust_err);
    if (trust_err.code == RV_E_CANCELLED) {
        *err = trust_err;
        return false;
    }
    json_object_set_new(run->result, "trusted", json_boolean(trusted));
    if (!trusted) {
        json_object_set_new(run->result, "trust", json_string(trust_of(&trust_err)));
        rv_tell_note(run->ctx, "The device does not trust this computer, or is locked: some values are missing.");
    }
    return read_facts(link, run->result, err);
}

static void set_backup(struct rv_run *run, const struct rv_identity *identity)
{
    char when[32] = "", path[4096] = "";
    json_t *out = json_null();
    if (rv_backup_newest(run->ctx, identity, when, sizeof when, path, sizeof path)) {
        out = json_object();
        rv_json_set_text(out, "date", when);
        rv_json_set_text(out, "folder", path);
    }
    json_object_set_new(run->result, "newest_backup", out);
}

/* --- Recovery and DFU --- */

static void set_bytes(json_t *to, const char *key, const uint8_t *bytes, size_t len)
{
    char text[2 * RV_NONCE_MAX + 1];
    if (len > 0)
        json_object_set_new(to, key, json_string(rv_text_hex(rv_span(bytes, len), text, sizeof text)));
}

static bool info_usb(struct rv_run *run, struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err)
{
    struct rv_identity identity = device->identity;
    struct rv_error nonce_err = { 0 };
    json_t *result = run->result;
    if (device->denied) {
        rv_fail(err, RV_E_DENIED, "this user may not open the USB device at %s", device->usb.port);
        return rv_advise(err, RV_ADVICE_USB_RIGHTS);
    }
    rv_json_set_text(result, "rom", identity.rom);
    rv_json_set_hex(result, "iboot_flags", identity.iboot_flags, 2);
    RV_AUTO(rv_usb) usb = rv_device_open_usb(fleet, device, err);
    if (usb == NULL)
        return false;
    if (!rv_device_read_nonces(usb, &identity, &nonce_err) && nonce_err.code != RV_E_FORMAT) {
        *err = nonce_err;
        return false;
    }
    if (rv_arg_flag(run->args, "verbose") || run->json) {
        set_bytes(result, "ap_nonce", identity.ap_nonce, identity.ap_nonce_len);
        set_bytes(result, "sep_nonce", identity.sep_nonce, identity.sep_nonce_len);
    }
    if (device->mode == RV_MODE_RECOVERY) {
        struct rv_recovery_env env;
        if (!rv_recovery_env_read(usb, &env, err))
            return false;
        json_object_set_new(result, "iboot_settings", rv_recovery_env_json(&env));
    }
    return true;
}

static bool run_info(struct rv_run *run, struct rv_error *err)
{
    struct rv_device device;
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    if (fleet == NULL || !rv_command_pick(fleet, rv_arg(run->args, "device"), run->result, &device, err))
        return false;
    bool ok = true;
    if (device.mode == RV_MODE_NORMAL)
        ok = info_normal(run, &device, err);
    else if (device.mode == RV_MODE_RECOVERY || device.mode == RV_MODE_DFU)
        ok = info_usb(run, fleet, &device, err);
    set_backup(run, &device.identity);
    return ok || rv_while(err, "reading from the device");
}

const struct rv_command rv_verb_info = {
    .name = "info",
    .summary = "Show everything that can be read from a device in its present mode",
    .about =
        "Model, identity, mode, versions, battery, storage, activation, Find My, trust and the newest backup. Nothing "
        "is changed and no question appears on the device.",
    .example = "revive info --json\n    the same for a program, with the nonces of DFU and Recovery mode",
    .flags = RV_COMMAND_DEVICE,
    .run = run_info,
};
