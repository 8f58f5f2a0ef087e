/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The apps that the person has, and what installation_proxy and springboardservices tell of them.
 * Source: libimobiledevice 1.3.0 src/installation_proxy.c, src/sbservices.c.
 */
#include "sim/apps.h"

#include "sim/service_list.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { REQUEST_MAX = 1 << 20, ICON_SIDE = 16 };

static const struct sim_app apps[] = {
    { "org.example.atlas", "Atlas", "4.1", "Hollow Oak Maps" },
    { "org.example.letters", "Letters", "2.0.3", "Quill & Tern" },
    { "org.example.tracks", "Tracks", "1.8", "Quill & Tern" },
};

const struct sim_app *sim_app(size_t n)
{
    return n < RV_COUNT(apps) ? &apps[n] : NULL;
}

/* ---- installation_proxy ---- */

static plist_t meta_data(const struct sim_app *app)
{
    plist_t dict = plist_new_dict();
    char *text = NULL;
    uint32_t len = 0;
    plist_dict_set_item(dict, "artistName", plist_new_string(app->maker));
    plist_dict_set_item(dict, "bundleShortVersionString", plist_new_string(app->version));
    plist_dict_set_item(dict, "itemName", plist_new_string(app->name));
    plist_dict_set_item(dict, "softwareVersionBundleId", plist_new_string(app->bundle));
    plist_to_xml(dict, &text, &len);
    plist_t data = plist_new_data(text, len);
    plist_to_xml_free(text);
    plist_free(dict);
    return data;
}

static plist_t describe(const struct sim_app *app)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "ApplicationSINF", plist_new_data("sinf of nobody", 14));
    plist_dict_set_item(dict, "ApplicationType", plist_new_string("User"));
    plist_dict_set_item(dict, "CFBundleDisplayName", plist_new_string(app->name));
    plist_dict_set_item(dict, "CFBundleIdentifier", plist_new_string(app->bundle));
    plist_dict_set_item(dict, "CFBundleShortVersionString", plist_new_string(app->version));
    plist_dict_set_item(dict, "CFBundleVersion", plist_new_string(app->version));
    plist_dict_set_item(dict, "iTunesMetadata", meta_data(app));
    return dict;
}

/* Only what was asked for; all when nothing was. */
static plist_t chosen(plist_t app, plist_t attributes)
{
    plist_t dict = plist_new_dict();
    if (!PLIST_IS_ARRAY(attributes)) {
        plist_free(dict);
        return app;
    }
    for (uint32_t i = 0; i < plist_array_get_size(attributes); i++) {
        plist_t name = plist_array_get_item(attributes, i);
        const char *key = PLIST_IS_STRING(name) ? plist_get_string_ptr(name, NULL) : "";
        plist_t value = plist_dict_get_item(app, key);
        if (value != NULL)
            plist_dict_set_item(dict, key, plist_copy(value));
    }
    plist_free(app);
    return dict;
}

static bool send_status(struct sim_wire *wire, const char *status, plist_t list)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "Status", plist_new_string(status));
    if (list != NULL) {
        plist_dict_set_item(dict, "CurrentAmount", plist_new_uint(plist_array_get_size(list)));
        plist_dict_set_item(dict, "CurrentIndex", plist_new_uint(0));
        plist_dict_set_item(dict, "Total", plist_new_uint(RV_COUNT(apps)));
        plist_dict_set_item(dict, "CurrentList", list);
    }
    bool good = sim_wire_plist_write(wire, dict);
    plist_free(dict);
    return good;
}

static bool browse(struct sim_wire *wire, plist_t options)
{
    plist_t attributes = PLIST_IS_DICT(options) ? plist_dict_get_item(options, "ReturnAttributes") : NULL;
    const char *type = sim_plist_text(options, "ApplicationType");
    plist_t list = plist_new_array();
    for (size_t i = 0; i < RV_COUNT(apps); i++)
        if (type == NULL || strcmp(type, "System") != 0)
            plist_array_append_item(list, chosen(describe(&apps[i]), attributes));
    return send_status(wire, "BrowsingApplications", list) && send_status(wire, "Complete", NULL);
}

static bool look_up(struct sim_wire *wire, plist_t options)
{
    plist_t attributes = PLIST_IS_DICT(options) ? plist_dict_get_item(options, "ReturnAttributes") : NULL;
    plist_t dict = plist_new_dict(), found = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(apps); i++)
        plist_dict_set_item(found, apps[i].bundle, chosen(describe(&apps[i]), attributes));
    plist_dict_set_item(dict, "LookupResult", found);
    plist_dict_set_item(dict, "Status", plist_new_string("Complete"));
    bool good = sim_wire_plist_write(wire, dict);
    plist_free(dict);
    return good;
}

static bool refuse(struct sim_wire *wire)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "Error", plist_new_string("UnknownCommand"));
    bool good = sim_wire_plist_write(wire, dict);
    plist_free(dict);
    return good;
}

void sim_installation_serve(struct sim_device *device, struct sim_wire *wire)
{
    (void)device;
    for (bool goes_on = true; goes_on;) {
        plist_t request = sim_wire_plist_read(wire, REQUEST_MAX, -1);
        const char *command = sim_plist_text(request, "Command");
        plist_t options = PLIST_IS_DICT(request) ? plist_dict_get_item(request, "ClientOptions") : NULL;
        if (command == NULL)
            goes_on = false;
        else if (strcmp(command, "Browse") == 0)
            goes_on = browse(wire, options);
        else if (strcmp(command, "Lookup") == 0)
            goes_on = look_up(wire, options);
        else
            goes_on = refuse(wire);
        plist_free(request);
    }
}

/* ---- springboardservices ---- */

static bool add_chunk(struct rv_buf *out, const char name[5], struct rv_span data, struct rv_error *err)
{
    uint8_t head[8], sum[4];
    rv_put_u32be(head, (uint32_t)data.len);
    memcpy(head + 4, name, 4);
    uLong crc = crc32(crc32(0, head + 4, 4), data.ptr, (uInt)data.len);
    rv_put_u32be(sum, (uint32_t)crc);
    return rv_buf_add(out, rv_span(head, sizeof head), err) && rv_buf_add(out, data, err) &&
           rv_buf_add(out, rv_span(sum, sizeof sum), err);
}

/* A square of one colour, that follows from the app's name. */
static bool draw_icon(const char *bundle, struct rv_buf *out)
{
    static const uint8_t magic[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    uint8_t rows[ICON_SIDE * (1 + 3 * ICON_SIDE)], packed[sizeof rows + 128], head[13];
    struct rv_error err = { 0 };
    uLong colour = crc32(0, (const uint8_t *)bundle, (uInt)strlen(bundle));
    uLongf len = sizeof packed;
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < sizeof rows; i++)
        if (i % (1 + 3 * ICON_SIDE) != 0)
            rows[i] = (uint8_t)(colour >> (8 * (i % 3)));
    rv_put_u32be(head, ICON_SIDE);
    rv_put_u32be(head + 4, ICON_SIDE);
    memcpy(head + 8, "\x08\x02\0\0", 5);
    return compress(packed, &len, rows, sizeof rows) == Z_OK && rv_buf_add(out, rv_span(magic, sizeof magic), &err) &&
           add_chunk(out, "IHDR", rv_span(head, sizeof head), &err) &&
           add_chunk(out, "IDAT", rv_span(packed, len), &err) && add_chunk(out, "IEND", rv_span("", 0), &err);
}

void sim_springboard_serve(struct sim_device *device, struct sim_wire *wire)
{
    (void)device;
    for (bool goes_on = true; goes_on;) {
        plist_t request = sim_wire_plist_read(wire, REQUEST_MAX, -1);
        const char *command = sim_plist_text(request, "command"), *bundle = sim_plist_text(request, "bundleId");
        plist_t dict = plist_new_dict();
        RV_AUTO_CLEAR(rv_buf) icon = RV_BUF(65536);
        if (command != NULL && strcmp(command, "getIconPNGData") == 0 && bundle != NULL && draw_icon(bundle, &icon))
            plist_dict_set_item(dict, "pngData", plist_new_data((const char *)icon.data, icon.len));
        goes_on = command != NULL && sim_wire_plist_write(wire, dict);
        plist_free(dict);
        plist_free(request);
    }
}
