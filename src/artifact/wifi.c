/* SPDX-License-Identifier: Apache-2.0 */
/* Wi-Fi networks that the phone knew: names, when, which access points. Their passwords are keychain items. */
#include "artifact/readers.h"
#include "artifact/record.h"
#include "format/plist.h"

#include <string.h>

enum { LIST_MAX = 64 << 20 };
static const char head[] = "wifi.network.ssid.";

static bool put_date(json_t *record, const char *key, plist_t dict, const char *name)
{
    plist_t node = rv_plist_node(dict, name);
    int32_t seconds = 0, parts = 0;
    if (node == NULL || plist_get_node_type(node) != PLIST_DATE)
        return false;
    plist_get_date_val(node, &seconds, &parts);
    rv_put_time(record, key, (double)seconds, RV_COCOA);
    return true;
}

static void put_points(json_t *record, plist_t network)
{
    plist_t list = rv_plist_array(network, "BSSList");
    json_t *points = json_array();
    for (uint32_t i = 0; list != NULL && i < plist_array_get_size(list) && i < 1000; i++) {
        plist_t one = plist_array_get_item(list, i), latitude, longitude;
        if (plist_get_node_type(one) != PLIST_DICT)
            continue;
        json_t *point = json_object();
        rv_put_words(point, "address", rv_plist_text(one, "BSSID"));
        put_date(point, "joined", one, "LastAssociatedAt");
        latitude = rv_plist_node(one, "LocationLatitude");
        longitude = rv_plist_node(one, "LocationLongitude");
        if (latitude != NULL && longitude != NULL && plist_get_node_type(latitude) == PLIST_REAL &&
            plist_get_node_type(longitude) == PLIST_REAL) {
            double north, east;
            plist_get_real_val(latitude, &north);
            plist_get_real_val(longitude, &east);
            json_object_set_new(point, "gps", json_pack("[f,f]", north, east));
        }
        json_array_append_new(points, point);
    }
    if (json_array_size(points) > 0)
        json_object_set(record, "access_points", points);
    json_decref(points);
}

static bool give(struct rv_job *job, const struct rv_source_file *file, plist_t network, const char *name,
                 struct rv_error *err)
{
    json_t *record =
        json_pack("{s:s,s:s,s:{s:s}}", "type", job->artifact->type, "state", "live", "source", "domain", file->domain);
    struct rv_span ssid = rv_plist_data(network, "SSID");
    rv_put_text(json_object_get(record, "source"), "path", rv_words(file->path));
    if (ssid.ptr != NULL && ssid.len > 0)
        rv_put_text(record, "name", ssid);
    else
        rv_put_words(record, "name", name != NULL ? name : rv_plist_text(network, "SSID_STR"));
    json_object_set(record, "id", json_object_get(record, "name"));
    bool dated = put_date(record, "date", network, "JoinedByUserAt") ||
                 put_date(record, "date", network, "lastJoined") ||
                 put_date(record, "date", network, "JoinedBySystemAt") ||
                 put_date(record, "date", network, "lastAutoJoined") || put_date(record, "date", network, "AddedAt");
    (void)dated;
    put_date(record, "added", network, "AddedAt");
    rv_put_words(record, "security", rv_plist_text(network, "SupportedSecurityTypes"));
    rv_put_words(record, "address", rv_plist_text(network, "BSSID"));
    rv_put_flag(record, "hidden", rv_plist_bool(network, "Hidden", false));
    put_points(record, network);
    return rv_job_emit(job, RV_LIVE, record, err);
}

static bool read_networks(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_blob) bytes = rv_source_read(job->source, file, LIST_MAX, err);
    RV_AUTO_PLIST list = bytes != NULL ? rv_plist_parse(rv_blob_span(bytes), err) : NULL;
    if (list == NULL)
        return false;
    plist_t old = rv_plist_array(list, "List of known networks");
    for (uint32_t i = 0; old != NULL && i < plist_array_get_size(old) && !job->enough; i++)
        if (plist_get_node_type(plist_array_get_item(old, i)) == PLIST_DICT &&
            !give(job, file, plist_array_get_item(old, i), NULL, err))
            return false;
    struct rv_plist_walk walk = { .dict = list };
    bool fine = true;
    while (fine && !job->enough && rv_plist_walk(&walk))
        if (strncmp(walk.key, head, sizeof head - 1) == 0 && plist_get_node_type(walk.value) == PLIST_DICT)
            fine = give(job, file, walk.value, walk.key + sizeof head - 1, err);
    rv_plist_walk_clear(&walk);
    return fine;
}

static const struct rv_place places[] = {
    { "SystemPreferencesDomain", "com.apple.wifi.known-networks.plist", NULL },
    { "SystemPreferencesDomain", "SystemConfiguration/com.apple.wifi.plist", NULL },
    { "SystemPreferencesDomain", "SystemConfiguration/com.apple.wifi-networks.plist", NULL },
};
static const char *const shown[] = { "date", "security", "address", "name", NULL };
static const char *const cells[] = { "date", "name", "security", "hidden", "address", "added", NULL };

const struct rv_artifact rv_artifact_wifi = {
    .type = "wifi",
    .title = "Wi-Fi networks",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_ROWS,
    .read = read_networks,
    .absent = "Wi-Fi settings are in encrypted backups only: without a password set for backups the phone leaves them "
              "out",
    .columns = shown,
    .cells = cells,
    .on_request = true,
};
