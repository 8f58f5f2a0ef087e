/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values a phone gives out. Which general keys are readable before trust: those that `ideviceinfo -s` prints for
 * phones of iOS 7 and later in public reports [R]. The invented ones (addresses, baseband) keep the true form.
 */
#include "sim/lockdown_values.h"

#include "base/text.h"
#include "sim/pairing.h"
#include "sim/service_list.h"
#include "sim/wire.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct phone {
    struct sim_device *device;
    struct sim_identity identity;
    char version[32], build[32];
};

typedef plist_t value_fn(struct phone *phone);

/* One key. Exactly one of text, flag ('y', 'n'), make is used; make NULL, text NULL: number. */
struct row {
    const char *key;
    bool open; /* readable before trust */
    char flag;
    const char *text;
    uint64_t number;
    value_fn *make;
    bool by_key; /* told when asked by its name, not in the whole list */
};

/* ---- settings ---- */

static bool flag(struct phone *p, const char *name, bool otherwise)
{
    char text[16];
    if (!sim_setting(p->device, name, text, sizeof text) || text[0] == '\0')
        return otherwise;
    return strcmp(text, "yes") == 0;
}

static uint64_t number(struct phone *p, const char *name, uint64_t otherwise)
{
    char text[32];
    uint64_t value;
    return sim_setting(p->device, name, text, sizeof text) && rv_text_number(text, 0, &value) ? value : otherwise;
}

static plist_t text_setting(struct phone *p, const char *name, const char *otherwise)
{
    char text[256];
    bool set = sim_setting(p->device, name, text, sizeof text) && text[0] != '\0';
    return plist_new_string(set ? text : otherwise);
}

/* ---- values that are found, not written down ---- */

static plist_t device_class(struct phone *p)
{
    static const char *const classes[] = { "iPad", "iPod", "AppleTV", "Watch" };
    for (size_t i = 0; i < RV_COUNT(classes); i++)
        if (rv_text_starts(p->identity.product, classes[i]))
            return plist_new_string(classes[i]);
    return plist_new_string("iPhone");
}

static plist_t device_name(struct phone *p)
{
    return text_setting(p, "device_name", "Virtual iPhone");
}

/* One of the numbers that are kept free for films and tests. */
static plist_t phone_number(struct phone *p)
{
    return text_setting(p, "phone_number", "+1 (202) 555-0143");
}

static plist_t product_type(struct phone *p)
{
    return plist_new_string(p->identity.product);
}

static plist_t hardware_model(struct phone *p)
{
    return plist_new_string(p->identity.model);
}

static plist_t product_version(struct phone *p)
{
    return plist_new_string(p->version);
}

static plist_t build_version(struct phone *p)
{
    return plist_new_string(p->build);
}

static plist_t udid(struct phone *p)
{
    return plist_new_string(p->identity.udid);
}

static plist_t serial(struct phone *p)
{
    return plist_new_string(p->identity.serial);
}

static plist_t imei(struct phone *p)
{
    return p->identity.imei[0] != '\0' ? plist_new_string(p->identity.imei) : NULL;
}

static plist_t chip(struct phone *p)
{
    return plist_new_uint(p->identity.chip);
}

static plist_t board(struct phone *p)
{
    return plist_new_uint(p->identity.board);
}

static plist_t ecid(struct phone *p)
{
    return plist_new_uint(p->identity.ecid);
}

static plist_t platform(struct phone *p)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%c%04x", p->identity.chip < 0x8000 || p->identity.chip > 0x8fff ? 's' : 't',
                   p->identity.chip);
    return plist_new_string(text);
}

static plist_t architecture(struct phone *p)
{
    /* arm64e from A12 (0x8020) on */
    return plist_new_string(p->identity.chip >= 0x8020 && p->identity.chip < 0x8900 ? "arm64e" : "arm64");
}

/* Addresses differ from device to device: the last bytes are those of the ECID. */
static plist_t address(struct phone *p, unsigned last)
{
    char text[24];
    (void)snprintf(text, sizeof text, "f0:99:b6:%02x:%02x:%02x", (unsigned)(p->identity.ecid >> 16) & 255,
                   (unsigned)(p->identity.ecid >> 8) & 255, ((unsigned)p->identity.ecid + last) & 255);
    return plist_new_string(text);
}

static plist_t wifi(struct phone *p)
{
    return address(p, 0);
}

static plist_t bluetooth(struct phone *p)
{
    return address(p, 1);
}

static plist_t ethernet(struct phone *p)
{
    return address(p, 2);
}

static plist_t public_key(struct phone *p)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) pem = sim_pairing_public_key(p->device, &err);
    return pem != NULL ? plist_new_data((const char *)pem->data, pem->len) : NULL;
}

static plist_t locked(struct phone *p)
{
    return plist_new_bool(flag(p, "locked", false));
}

static plist_t activation(struct phone *p)
{
    return text_setting(p, "activation_state", "Activated");
}

static plist_t brick(struct phone *p)
{
    char text[32];
    bool unactivated =
        sim_setting(p->device, "activation_state", text, sizeof text) && strcmp(text, "Unactivated") == 0;
    return plist_new_bool(unactivated);
}

static plist_t now(struct phone *p)
{
    (void)p;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return plist_new_real((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

static plist_t zone(struct phone *p)
{
    return text_setting(p, "time_zone", "Europe/Berlin");
}

static plist_t zone_offset(struct phone *p)
{
    (void)p;
    return plist_new_real(3600);
}

static plist_t clock_24(struct phone *p)
{
    return plist_new_bool(flag(p, "clock_24", true));
}

static plist_t families(struct phone *p)
{
    plist_t list = plist_new_array();
    plist_array_append_item(list, plist_new_uint(rv_text_starts(p->identity.product, "iPad") ? 2 : 1));
    return list;
}

static plist_t nvram(struct phone *p)
{
    static const char *const names[] = { "auto-boot", "backlight-level", "boot-args", "com.apple.System.boot-nonce" };
    plist_t dict = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(names); i++) {
        char text[256];
        if (sim_nvram_get(p->device, names[i], text, sizeof text))
            plist_dict_set_item(dict, names[i], plist_new_data(text, strlen(text)));
    }
    return dict;
}

/* Bytes that stay the same for one device and differ between two. */
static plist_t digest(struct phone *p, const char *what, size_t len)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char text[96];
    (void)snprintf(text, sizeof text, "%s %llx", what, (unsigned long long)p->identity.ecid);
    if (EVP_Digest(text, strlen(text), out, &size, EVP_sha384(), NULL) != 1 || len > size)
        return NULL;
    return plist_new_data((const char *)out, len);
}

static plist_t pk_hash(struct phone *p)
{
    return digest(p, "PkHash", 32);
}

static plist_t baseband_serial(struct phone *p)
{
    return digest(p, "baseband", 4);
}

static plist_t baseband_keys(struct phone *p)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "AKeyStatus", plist_new_uint(2));
    plist_dict_set_item(dict, "SKeyHash", digest(p, "SKey", 32));
    plist_dict_set_item(dict, "SKeyStatus", plist_new_uint(0));
    return dict;
}

static plist_t ap_nonce(struct phone *p)
{
    sim_nonce_keep(p->device);
    return plist_new_data((const char *)p->identity.ap_nonce, p->identity.ap_nonce_len);
}

static plist_t sep_nonce(struct phone *p)
{
    return plist_new_data((const char *)p->identity.sep_nonce, sizeof p->identity.sep_nonce);
}

static plist_t battery(struct phone *p)
{
    uint64_t level = number(p, "battery", 80);
    return plist_new_uint(level > 100 ? 100 : level);
}

static plist_t battery_full(struct phone *p)
{
    return plist_new_bool(number(p, "battery", 80) >= 100);
}

static plist_t battery_charging(struct phone *p)
{
    return plist_new_bool(flag(p, "charging", true) && number(p, "battery", 80) < 100);
}

static plist_t find_my(struct phone *p)
{
    return plist_new_bool(flag(p, "find_my", false));
}

static plist_t encrypts(struct phone *p)
{
    char password[300];
    bool set = sim_setting(p->device, "backup_password", password, sizeof password) && password[0] != 0;
    return plist_new_bool(set || flag(p, "backup_encrypted", false));
}

static plist_t language(struct phone *p)
{
    return text_setting(p, "language", "en");
}

static plist_t locale(struct phone *p)
{
    return text_setting(p, "locale", "en_US");
}

static plist_t setup_done(struct phone *p)
{
    return plist_new_bool(flag(p, "setup_done", true));
}

/* ---- disk ---- */

enum { GB = 1000000000 };

static uint64_t disk_size(struct phone *p)
{
    return number(p, "disk_gb", 64) * GB;
}

static uint64_t file_size(struct phone *p, const char *leaf)
{
    char path[600];
    struct stat st;
    return sim_storage_path(p->device, leaf, path, sizeof path) && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static plist_t disk_total(struct phone *p)
{
    return plist_new_uint(disk_size(p));
}

static plist_t disk_system(struct phone *p)
{
    return plist_new_uint(file_size(p, "system.img"));
}

static uint64_t photos(struct phone *p)
{
    return number(p, "photo_bytes", 11200000000);
}

static uint64_t apps(struct phone *p)
{
    return number(p, "app_bytes", 7300000000);
}

static plist_t disk_photos(struct phone *p)
{
    return plist_new_uint(photos(p));
}

static plist_t disk_apps(struct phone *p)
{
    return plist_new_uint(apps(p));
}

static plist_t disk_data(struct phone *p)
{
    return plist_new_uint(disk_size(p) - file_size(p, "system.img"));
}

static plist_t cloud_backup(struct phone *p)
{
    return plist_new_bool(flag(p, "cloud_backup", false));
}

static plist_t disk_free(struct phone *p)
{
    uint64_t room = 0;
    char text[32];
    if (sim_setting(p->device, "data_room", text, sizeof text) && rv_text_number(text, 10, &room))
        return plist_new_uint(room);
    uint64_t used = file_size(p, "system.img") + file_size(p, "data.img") + photos(p) + apps(p);
    return plist_new_uint(used < disk_size(p) ? disk_size(p) - used : 0);
}

/* ---- the tables ---- */

static const struct row general[] = {
    { "ActivationState", .make = activation },
    { "ActivationStateAcknowledged", .flag = 'y' },
    { "ApNonce", true, .make = ap_nonce, .by_key = true },
    { "BasebandCertId", true, .number = 2315222105 },
    { "BasebandChipID", .number = 7282913 },
    { "BasebandKeyHashInformation", true, .make = baseband_keys },
    { "BasebandSerialNumber", true, .make = baseband_serial },
    { "BasebandStatus", .text = "BBInfoAvailable" },
    { "BasebandVersion", true, .text = "1.89.00" },
    { "BluetoothAddress", .make = bluetooth },
    { "BoardId", true, .make = board },
    { "BrickState", .make = brick },
    { "BuildVersion", true, .make = build_version },
    { "CPUArchitecture", true, .make = architecture },
    { "CertificateProductionStatus", .flag = 'y' },
    { "CertificateSecurityMode", .flag = 'y' },
    { "ChipID", true, .make = chip },
    { "DeviceClass", true, .make = device_class },
    { "DeviceColor", true, .text = "1" },
    { "DeviceEnclosureColor", .text = "2" },
    { "DeviceName", true, .make = device_name },
    { "DevicePublicKey", true, .make = public_key },
    { "DieID", true, .make = ecid },
    { "EthernetAddress", .make = ethernet },
    { "FirmwareVersion", .text = "iBoot-4076.30.43" },
    { "FusingStatus", .number = 3 },
    { "HardwareModel", true, .make = hardware_model },
    { "HardwarePlatform", .make = platform },
    { "HasSiDP", true, .flag = 'y' },
    { "HostAttached", .flag = 'y' },
    { "Image4Supported", true, .flag = 'y', .by_key = true },
    { "InternationalMobileEquipmentIdentity", .make = imei },
    { "MLBSerialNumber", .text = "C0H741600P4HQMT1D" },
    { "ModelNumber", .text = "MQAF2" },
    { "NonVolatileRAM", .make = nvram },
    { "PartitionType", true, .text = "GUID_partition_scheme" },
    { "PasswordConfigured", .flag = 'y' },
    { "PasswordProtected", .make = locked },
    { "PhoneNumber", .make = phone_number },
    { "PkHash", .make = pk_hash },
    { "ProductName", true, .text = "iPhone OS" },
    { "ProductType", true, .make = product_type },
    { "ProductVersion", true, .make = product_version },
    { "ProductionSOC", true, .flag = 'y' },
    { "ProtocolVersion", true, .text = "2" },
    { "RegionInfo", .text = "LL/A" },
    { "SEPNonce", true, .make = sep_nonce, .by_key = true },
    { "SIMStatus", .text = "kCTSIMSupportSIMStatusNotInserted" },
    { "SIMTrayStatus", .text = "kCTSIMSupportSIMTrayInsertedNoSIM" },
    { "SerialNumber", .make = serial },
    { "SoftwareBundleVersion", .text = "" },
    { "SupportedDeviceFamilies", true, .make = families },
    { "TelephonyCapability", true, .flag = 'y' },
    { "TimeIntervalSince1970", .make = now },
    { "TimeZone", .make = zone },
    { "TimeZoneOffsetFromUTC", .make = zone_offset },
    { "TrustedHostAttached", .flag = 'y' },
    { "UniqueChipID", true, .make = ecid },
    { "UniqueDeviceID", true, .make = udid },
    { "UseRaptorCerts", .flag = 'y' },
    { "Uses24HourClock", .make = clock_24 },
    { "WiFiAddress", true, .make = wifi },
    { NULL },
};

static const struct row disk_usage[] = {
    { "AmountDataAvailable", .make = disk_free },
    { "AmountDataReserved", .number = 209715200 },
    { "AmountRestoreAvailable", .make = disk_free },
    { "CalendarUsage", .number = 475136 },
    { "CameraUsage", .make = disk_photos },
    { "MobileApplicationUsage", .make = disk_apps },
    { "NotesUsage", .number = 13107200 },
    { "TotalDataAvailable", .make = disk_free },
    { "TotalDataCapacity", .make = disk_data },
    { "TotalDiskCapacity", .make = disk_total },
    { "TotalSystemAvailable", .number = 0 },
    { "TotalSystemCapacity", .make = disk_system },
    { NULL },
};

static const struct row power[] = {
    { "BatteryCurrentCapacity", .make = battery },
    { "BatteryIsCharging", .make = battery_charging },
    { "ExternalChargeCapable", .flag = 'y' },
    { "ExternalConnected", .flag = 'y' },
    { "FullyCharged", .make = battery_full },
    { "GasGaugeCapability", .flag = 'y' },
    { "HasBattery", .flag = 'y' },
    { NULL },
};

static const struct row backup[] = {
    { "CloudBackupEnabled", .make = cloud_backup },
    { "RequiresEncryption", .flag = 'n' },
    { "WillEncrypt", .make = encrypts },
    { NULL },
};

static const struct row fmip[] = { { "IsAssociated", .make = find_my }, { NULL } };

static const struct row itunes[] = {
    { "AppleDRMVersion", .number = 0 },
    { "MinITunesVersion", .text = "12.7" },
    { "iTunesSetupComplete", .flag = 'y' },
    { NULL },
};

static const struct row wireless[] = {
    { "EnableWifiConnections", .flag = 'n' },
    { "SupportsWifi", .flag = 'y' },
    { "SupportsWifiSyncing", .flag = 'y' },
    { NULL },
};

static const struct row international[] = {
    { "Keyboard", .make = locale },
    { "Language", .make = language },
    { "Locale", .make = locale },
    { NULL },
};

static const struct row buddy[] = { { "SetupDone", .make = setup_done }, { NULL } };
static const struct row chaperone[] = { { "DeviceIsChaperoned", .flag = 'n' }, { NULL } };

static const struct {
    const char *name; /* NULL: the general domain */
    const struct row *rows;
} domains[] = {
    { NULL, general },
    { "com.apple.PurpleBuddy", buddy },
    { "com.apple.disk_usage", disk_usage },
    { "com.apple.disk_usage.factory", disk_usage },
    { "com.apple.fmip", fmip },
    { "com.apple.international", international },
    { "com.apple.mobile.backup", backup },
    { "com.apple.mobile.battery", power },
    { "com.apple.mobile.chaperone", chaperone },
    { "com.apple.mobile.iTunes", itunes },
    { "com.apple.mobile.wireless_lockdown", wireless },
    { "com.apple.purplebuddy", buddy },
};

/* What a host may change, and the setting it is kept in. */
static const struct {
    const char *domain, *key, *setting;
} settable[] = {
    { NULL, "DeviceName", "device_name" },
    { NULL, "TimeZone", "time_zone" },
    { NULL, "Uses24HourClock", "clock_24" },
    { "com.apple.international", "Language", "language" },
    { "com.apple.international", "Locale", "locale" },
};

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const struct row *rows_of(const char *domain)
{
    for (size_t i = 0; i < RV_COUNT(domains); i++)
        if (same(domains[i].name, domain))
            return domains[i].rows;
    return NULL;
}

static struct phone look(struct sim_device *device)
{
    struct phone p = { .device = device };
    sim_device_identity(device, &p.identity);
    sim_running(device, p.version, p.build);
    return p;
}

static plist_t value_of(struct phone *p, const struct row *row)
{
    if (row->make != NULL)
        return row->make(p);
    if (row->text != NULL)
        return plist_new_string(row->text);
    return row->flag != 0 ? plist_new_bool(row->flag == 'y') : plist_new_uint(row->number);
}

plist_t sim_values_domain(struct sim_device *device, const char *domain, bool trusted)
{
    struct phone phone = look(device);
    plist_t dict = plist_new_dict();
    for (const struct row *row = rows_of(domain); row != NULL && row->key != NULL; row++) {
        bool shown = !row->by_key && (trusted || row->open);
        plist_t value = shown ? value_of(&phone, row) : NULL;
        if (value != NULL)
            plist_dict_set_item(dict, row->key, value);
    }
    return dict;
}

plist_t sim_values_get(struct sim_device *device, const char *domain, const char *key, bool trusted,
                       const char **refusal)
{
    struct phone phone = look(device);
    *refusal = "MissingValue";
    for (const struct row *row = rows_of(domain); row != NULL && row->key != NULL; row++) {
        if (strcmp(row->key, key) != 0)
            continue;
        if (!trusted && !row->open) {
            *refusal = "GetProhibited";
            return NULL;
        }
        return value_of(&phone, row);
    }
    return NULL;
}

/* The text a setting keeps of a value; false when the value has no fitting type. */
static bool setting_text(plist_t value, char out[256])
{
    uint8_t yes = 0;
    const char *text = PLIST_IS_STRING(value) ? plist_get_string_ptr(value, NULL) : NULL;
    if (PLIST_IS_BOOLEAN(value)) {
        plist_get_bool_val(value, &yes);
        text = yes ? "yes" : "no";
    }
    if (text == NULL || strlen(text) >= 256)
        return false;
    (void)snprintf(out, 256, "%s", text);
    return true;
}

const char *sim_values_set(struct sim_device *device, const char *domain, const char *key, plist_t value, bool trusted)
{
    /* Every host leaves its id before it is trusted; the device keeps it to itself. */
    if (domain == NULL && strcmp(key, "UntrustedHostBUID") == 0)
        return NULL;
    if (!trusted)
        return "SetProhibited";
    char text[256];
    for (size_t i = 0; i < RV_COUNT(settable); i++) {
        if (!same(settable[i].domain, domain) || strcmp(settable[i].key, key) != 0)
            continue;
        if (!setting_text(value, text))
            return "SetProhibited";
        sim_setting_put(device, settable[i].setting, text);
        sim_record(device, "lockdown", "%s set to %s", key, text);
        return NULL;
    }
    return "SetProhibited";
}

const char *sim_values_remove(struct sim_device *device, const char *domain, const char *key, bool trusted)
{
    (void)device;
    if (domain == NULL && strcmp(key, "UntrustedHostBUID") == 0)
        return NULL;
    (void)trusted;
    return "RemoveProhibited";
}
