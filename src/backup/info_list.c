/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Info.plist is the host's own list: iTunes, Finder and others show a backup by it, and a phone is told from it which
 * apps to load again. What a phone does not tell is left out. Source: libimobiledevice 1.3.0 tools/idevicebackup2.c.
 */
#include "backup/create.h"

#include "crypto/pair_certs.h"
#include "proto/app_list.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ITUNES_FILE_MAX = 4 << 20, ICONS_MAX = 24 << 20 };

static void put_blob(plist_t dict, const char *key, struct rv_blob *blob)
{
    if (blob != NULL)
        plist_dict_set_item(dict, key, plist_new_data((const char *)blob->data, blob->len));
    rv_blob_free(blob);
}

/* ---- apps ---- */

/* What a phone needs to load an app again: whose it is, its receipt, and a picture for the meantime. */
static plist_t describe(plist_t app, struct rv_stream *icons, const char *id, uint64_t *icon_bytes)
{
    static const char *const kept[] = { "ApplicationSINF", "iTunesMetadata" };
    struct rv_error none = { 0 };
    plist_t out = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(kept); i++) {
        plist_t value = rv_plist_node(app, kept[i]);
        if (value == NULL) { /* put there by a developer: nobody can load it again */
            plist_free(out);
            return NULL;
        }
        plist_dict_set_item(out, kept[i], plist_copy(value));
    }
    plist_t icon = icons != NULL && *icon_bytes < ICONS_MAX ? rv_apps_icon(icons, id, &none) : NULL;
    if (icon != NULL) {
        uint64_t len = 0;
        (void)plist_get_data_ptr(icon, &len);
        *icon_bytes += len;
        plist_dict_set_item(out, "PlaceholderIcon", icon);
    }
    return out;
}

static void put_apps(plist_t info, struct rv_lockdown *link)
{
    static const char *const wanted[] = { "CFBundleIdentifier", "ApplicationSINF", "iTunesMetadata", NULL };
    struct rv_error none = { 0 };
    uint64_t icon_bytes = 0;
    plist_t described = plist_new_dict(), names = plist_new_array();
    struct rv_stream *proxy = rv_lockdown_service(link, "com.apple.mobile.installation_proxy", &none);
    RV_AUTO_PLIST found = proxy != NULL ? rv_apps_browse(proxy, wanted, &none) : NULL;
    struct rv_stream *icons = found != NULL ? rv_lockdown_service(link, "com.apple.springboardservices", &none) : NULL;
    struct rv_plist_walk w = { .dict = found };
    while (found != NULL && rv_plist_walk(&w)) {
        plist_t one = describe(w.value, icons, w.key, &icon_bytes);
        plist_array_append_item(names, plist_new_string(w.key));
        if (one != NULL)
            plist_dict_set_item(described, w.key, one);
    }
    rv_plist_walk_clear(&w);
    rv_stream_free(icons);
    rv_stream_free(proxy);
    plist_dict_set_item(info, "Installed Applications", names);
    plist_dict_set_item(info, "Applications", described); /* idevicebackup2 restores nothing without it */
}

/* ---- what iTunes keeps on the phone ---- */

static void put_itunes_files(plist_t info, struct rv_sync *sync)
{
    static const char *const names[] = { "ApertureAlbumPrefs", "IC-Info.sidb",     "IC-Info.sidv",
                                         "PhotosFolderAlbums", "PhotosFolderName", "PhotosFolderPrefs",
                                         "VoiceMemos.plist",   "iPhotoAlbumPrefs", "iTunesApplicationIDs",
                                         "iTunesPrefs",        "iTunesPrefs.plist" };
    plist_t files = plist_new_dict();
    char path[96];
    for (size_t i = 0; i < RV_COUNT(names); i++) {
        snprintf(path, sizeof path, "/iTunes_Control/iTunes/%s", names[i]);
        put_blob(files, names[i], rv_sync_get(sync, path, ITUNES_FILE_MAX));
    }
    plist_dict_set_item(info, "iTunes Files", files);
    put_blob(info, "iBooks Data 2", rv_sync_get(sync, "/Books/iBooksData2.plist", ITUNES_FILE_MAX));
}

static void put_itunes_settings(plist_t info, struct rv_lockdown *link)
{
    struct rv_error none = { 0 };
    char version[64];
    plist_t settings = rv_lockdown_get(link, "com.apple.iTunes", NULL, &none);
    if (settings != NULL && plist_get_node_type(settings) == PLIST_DICT)
        plist_dict_set_item(info, "iTunes Settings", settings);
    else
        plist_free(settings);
    rv_backup_value(link, "com.apple.mobile.iTunes", "MinITunesVersion", version, sizeof version);
    plist_dict_set_item(info, "iTunes Version", plist_new_string(version[0] != '\0' ? version : "10.0.1"));
}

/* ---- the whole ---- */

static bool put_names(plist_t info, const char *udid, struct rv_error *err)
{
    char upper[RV_MUX_UDID], guid[37];
    snprintf(upper, sizeof upper, "%s", udid);
    for (char *p = upper; *p != '\0'; p++)
        *p = (char)toupper((unsigned char)*p);
    if (!rv_uuid_make(guid, err))
        return false;
    for (char *p = guid, *to = guid;; p++)
        if (*p != '-' && (*to++ = *p) == '\0')
            break;
    plist_dict_set_item(info, "GUID", plist_new_string(guid));
    plist_dict_set_item(info, "Target Identifier", plist_new_string(udid));
    plist_dict_set_item(info, "Target Type", plist_new_string("Device"));
    plist_dict_set_item(info, "Unique Identifier", plist_new_string(upper));
    plist_dict_set_item(info, "Last Backup Date", plist_new_date((int32_t)(time(NULL) - 978307200), 0));
    return true;
}

plist_t rv_backup_info(struct rv_lockdown *link, struct rv_sync *sync, const char *udid, struct rv_error *err)
{
    static const char *const pairs[][2] = { { "Build Version", "BuildVersion" },
                                            { "Device Name", "DeviceName" },
                                            { "Display Name", "DeviceName" },
                                            { "Product Type", "ProductType" },
                                            { "Product Version", "ProductVersion" },
                                            { "Serial Number", "SerialNumber" },
                                            { "Phone Number", "PhoneNumber" },
                                            { "ICCID", "IntegratedCircuitCardIdentity" },
                                            { "IMEI", "InternationalMobileEquipmentIdentity" },
                                            { "MEID", "MobileEquipmentIdentifier" } };
    char text[256];
    plist_t info = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(pairs); i++) {
        rv_backup_value(link, NULL, pairs[i][1], text, sizeof text);
        if (text[0] != '\0')
            plist_dict_set_item(info, pairs[i][0], plist_new_string(text));
    }
    if (!put_names(info, udid, err)) {
        plist_free(info);
        return NULL;
    }
    put_apps(info, link);
    put_itunes_files(info, sync);
    put_itunes_settings(info, link);
    return info;
}
