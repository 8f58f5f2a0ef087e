/* SPDX-License-Identifier: Apache-2.0 */
/* Status.plist and Manifest.plist. Sources: public backups; issues of libimobiledevice; pyiosbackup. */
#include "sim/apps.h"
#include "sim/backup_run.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { APPLE_EPOCH = 978307200, UPLOAD_CHUNK = 32768 };

void sim_uuid(char out[40])
{
    uint8_t b[16] = { 0 };
    (void)RAND_bytes(b, sizeof b);
    (void)snprintf(out, 40, "%02X%02X%02X%02X-%02X%02X-4%01X%02X-8%01X%02X-%02X%02X%02X%02X%02X%02X", b[0], b[1], b[2],
                   b[3], b[4], b[5], b[6] & 15, b[7], b[8] & 15, b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

const char *sim_status_version(const struct sim_backup *run)
{
    return run->old_form ? "2.4" : "3.3";
}

static bool take_text(plist_t dict, const char *key, char *out, size_t size)
{
    const char *text = sim_plist_text(dict, key);
    if (text == NULL || strlen(text) >= size)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool take_status(plist_t dict, struct sim_status *out, char version[16])
{
    plist_t full = plist_dict_get_item(dict, "IsFullBackup"), date = plist_dict_get_item(dict, "Date");
    uint8_t is_full = 0;
    if (!take_text(dict, "Version", version, 16) || !take_text(dict, "UUID", out->uuid, sizeof out->uuid) ||
        !take_text(dict, "BackupState", out->backup_state, sizeof out->backup_state) ||
        !take_text(dict, "SnapshotState", out->snapshot_state, sizeof out->snapshot_state) || !PLIST_IS_BOOLEAN(full) ||
        !PLIST_IS_DATE(date))
        return false;
    plist_get_bool_val(full, &is_full);
    out->full = is_full != 0;
    return true;
}

/* "3.3" as 33; -1 when it is no version. */
static int version_number(const char *text)
{
    char *end = NULL;
    long major = strtol(text, &end, 10), minor = 0;
    if (end == text || *end != '.')
        return -1;
    minor = strtol(end + 1, &end, 10);
    return *end == 0 && major >= 0 && major < 100 && minor >= 0 && minor < 10 ? (int)(major * 10 + minor) : -1;
}

bool sim_status_parse(struct rv_span in, struct sim_status *out, int *code)
{
    char version[16];
    plist_t dict = sim_plist_parse(in);
    bool good = PLIST_IS_DICT(dict) && take_status(dict, out, version);
    plist_free(dict);
    *code = MB_INVALID;
    if (!good)
        return false;
    int number = version_number(version);
    *code = MB_VERSION;
    if (number < 24 || number >= 40)
        return false;
    out->version = (unsigned)number;
    return true;
}

static plist_t date_now(void)
{
    return plist_new_date((int32_t)(time(NULL) - APPLE_EPOCH), 0);
}

bool sim_status_upload(struct sim_backup *run, const struct sim_status *status)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "BackupState", plist_new_string(status->backup_state));
    plist_dict_set_item(dict, "Date", date_now());
    plist_dict_set_item(dict, "IsFullBackup", plist_new_bool(status->full));
    plist_dict_set_item(dict, "SnapshotState", plist_new_string(status->snapshot_state));
    plist_dict_set_item(dict, "UUID", plist_new_string(status->uuid));
    plist_dict_set_item(dict, "Version", plist_new_string(sim_status_version(run)));
    return sim_upload_plist(run, dict, "Status.plist");
}

/* ---- Manifest.plist ---- */

static plist_t lockdown_of(struct sim_backup *run)
{
    struct sim_identity id;
    char version[32], build[32], name[128] = "iPhone";
    plist_t dict = plist_new_dict();
    static const char *const domains[] = {
        "com.apple.Accessibility",    "com.apple.MobileDeviceCrashCopy",     "com.apple.TerminalFlashr",
        "com.apple.mobile.data_sync", "com.apple.mobile.iTunes.accessories", "com.apple.mobile.wireless_lockdown",
    };
    sim_device_identity(run->device, &id);
    sim_running(run->device, version, build);
    (void)sim_setting(run->device, "device_name", name, sizeof name);
    plist_dict_set_item(dict, "BuildVersion", plist_new_string(build));
    plist_dict_set_item(dict, "DeviceName", plist_new_string(name));
    plist_dict_set_item(dict, "ProductType", plist_new_string(id.product));
    plist_dict_set_item(dict, "ProductVersion", plist_new_string(version));
    plist_dict_set_item(dict, "SerialNumber", plist_new_string(id.serial));
    plist_dict_set_item(dict, "UniqueDeviceID", plist_new_string(id.udid));
    for (size_t i = 0; i < RV_COUNT(domains); i++)
        plist_dict_set_item(dict, domains[i], plist_new_dict());
    return dict;
}

static void put_application(plist_t apps, const char *bundle, const char *version)
{
    char path[200];
    plist_t app = plist_new_dict();
    (void)snprintf(path, sizeof path, "/var/containers/Bundle/Application/%s/App.app", bundle);
    plist_dict_set_item(app, "CFBundleIdentifier", plist_new_string(bundle));
    plist_dict_set_item(app, "CFBundleVersion", plist_new_string(version));
    plist_dict_set_item(app, "ContainerContentClass", plist_new_string("Data/Application"));
    plist_dict_set_item(app, "Path", plist_new_string(path));
    plist_dict_set_item(apps, bundle, app);
}

plist_t sim_properties_make(struct sim_backup *run, struct rv_span manifest_key)
{
    plist_t dict = plist_new_dict(), apps = plist_new_dict();
    for (size_t i = 0; sim_app(i) != NULL; i++)
        put_application(apps, sim_app(i)->bundle, sim_app(i)->version);
    plist_dict_set_item(dict, "Applications", apps);
    plist_dict_set_item(dict, "BackupKeyBag", plist_new_data((const char *)run->bag_bytes->data, run->bag_bytes->len));
    plist_dict_set_item(dict, "Date", date_now());
    plist_dict_set_item(dict, "IsEncrypted", plist_new_bool(run->encrypted));
    plist_dict_set_item(dict, "Lockdown", lockdown_of(run));
    if (manifest_key.len > 0)
        plist_dict_set_item(dict, "ManifestKey", plist_new_data((const char *)manifest_key.ptr, manifest_key.len));
    plist_dict_set_item(dict, "SystemDomainsVersion", plist_new_string(run->major >= 26 ? "24.0" : "20.0"));
    plist_dict_set_item(dict, "Version", plist_new_string(run->old_form ? "9.1" : "10.0"));
    plist_dict_set_item(dict, "WasPasscodeSet", plist_new_bool(sim_backup_flag(run, "passcode", false)));
    return dict;
}

/* ---- sending small things ---- */

static bool upload_one(struct sim_backup *run, const char *host_leaf, uint64_t size,
                       bool (*send)(struct sim_backup *run, void *context), void *context)
{
    char host[SIM_HOST_PATH], what[SIM_HOST_PATH + 20];
    int status = 0;
    sim_backup_host(run, host_leaf, host);
    (void)snprintf(what, sizeof what, "writing %s", host_leaf);
    bool alive = sim_link_upload_begin(&run->link, size) && sim_link_upload_file(&run->link, host_leaf, host) &&
                 send(run, context) && sim_link_upload_done(&run->link, NULL) &&
                 sim_link_upload_end(&run->link, &status);
    return sim_backup_wrote(run, alive, status, what);
}

static bool send_span(struct sim_backup *run, void *context)
{
    return sim_link_upload_bytes(&run->link, *(const struct rv_span *)context);
}

bool sim_upload_plist(struct sim_backup *run, plist_t plist, const char *host_leaf)
{
    char *bytes = NULL;
    uint32_t len = 0;
    plist_to_bin(plist, &bytes, &len);
    plist_free(plist);
    struct rv_span span = rv_span(bytes, len);
    bool good = upload_one(run, host_leaf, len, send_span, &span);
    plist_to_bin_free(bytes);
    return good;
}

struct disk_file {
    int fd;
    EVP_CIPHER_CTX *cipher;
};

static bool send_disk(struct sim_backup *run, void *context)
{
    struct disk_file *file = context;
    uint8_t in[UPLOAD_CHUNK], out[UPLOAD_CHUNK + 32];
    for (;;) {
        int len = 0;
        ssize_t n = read(file->fd, in, sizeof in);
        if (n < 0)
            return sim_link_break(&run->link, "the device cannot read its own manifest");
        if (file->cipher == NULL) {
            if (n == 0)
                return true;
            if (!sim_link_upload_bytes(&run->link, rv_span(in, (size_t)n)))
                return false;
            continue;
        }
        int ok =
            n > 0 ? EVP_CipherUpdate(file->cipher, out, &len, in, (int)n) : EVP_CipherFinal_ex(file->cipher, out, &len);
        if (ok != 1 || !sim_link_upload_bytes(&run->link, rv_span(out, (size_t)len)))
            return false;
        if (n == 0)
            return true;
    }
}

bool sim_upload_file(struct sim_backup *run, const char *leaf, const char *host_leaf, const uint8_t *key)
{
    char own[SIM_OWN_PATH];
    sim_backup_path(run, leaf, own);
    struct disk_file file = { .fd = open(own, O_RDONLY | O_CLOEXEC) };
    if (file.fd < 0)
        return sim_backup_fail(run, MB_INTERNAL, "%s: %s", leaf, strerror(errno));
    off_t size = lseek(file.fd, 0, SEEK_END);
    (void)lseek(file.fd, 0, SEEK_SET);
    file.cipher = key != NULL ? sim_cipher_new(key, true) : NULL;
    bool good = upload_one(run, host_leaf, (uint64_t)size, send_disk, &file);
    EVP_CIPHER_CTX_free(file.cipher);
    close(file.fd);
    return good;
}
