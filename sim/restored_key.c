/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of a wrapped image: the device asks the host to fetch it (URLAsset, always asynchronous, on a port of its
 * own); when that answer is of no use it asks once more with a request to post (StreamedImageDecryptionKey).
 * Keys of request and reply as idevicerestore and pymobiledevice3 read and send them; the body of the second one is
 * our own.
 */
#include "base/text.h"
#include "sim/aea.h"
#include "sim/restored_run.h"

#include <stdio.h>
#include <string.h>

/* The setting "restored.key_base" puts another server into the address ("http://127.0.0.1:8080"). */
static void key_url(struct restored *r, const struct sim_aea *aea, char *out, size_t size)
{
    char base[128] = "";
    const char *path = strstr(aea->url, "://");
    path = path != NULL ? strchr(path + 3, '/') : NULL;
    if (path != NULL && sim_setting(r->device, "restored.key_base", base, sizeof base) && base[0] != '\0')
        snprintf(out, size, "%s%s", base, path);
    else
        snprintf(out, size, "%s", aea->url);
}

bool restored_key_ask(struct restored *r, const struct sim_aea *aea, bool again, struct restored_port *port,
                      struct rv_error *err)
{
    char url[SIM_AEA_URL_MAX + 128];
    plist_t arguments = plist_new_dict();
    key_url(r, aea, url, sizeof url);
    plist_dict_set_item(arguments, "RequestMethod", plist_new_string(again ? "POST" : "GET"));
    plist_dict_set_item(arguments, "RequestURL", plist_new_string(url));
    if (again) {
        plist_t headers = plist_new_dict();
        plist_dict_set_item(headers, "Content-Type", plist_new_string("application/json"));
        plist_dict_set_item(arguments, "RequestAdditionalHeaders", headers);
        plist_dict_set_item(arguments, "RequestBody", plist_new_data("{}", 2));
    }
    return restored_port_open(r, "AsyncDataRequestMsg", again ? "StreamedImageDecryptionKey" : "URLAsset", arguments,
                              port, err);
}

/* Body, status and end of a fetched address; the key must be the one that the address promises. */
static bool read_key(plist_t answer, const struct sim_aea *aea, uint8_t key[SIM_AEA_KEY])
{
    uint64_t status = 0;
    uint8_t done = 0;
    plist_t number = plist_dict_get_item(answer, "ResponseStatus"),
            end = plist_dict_get_item(answer, "ResponseBodyDone");
    if (PLIST_IS_UINT(number))
        plist_get_uint_val(number, &status);
    if (PLIST_IS_BOOLEAN(end))
        plist_get_bool_val(end, &done);
    struct rv_error err = { 0 };
    const char *name = strrchr(aea->url, '/');
    RV_AUTO(rv_blob) known = sim_aea_key_pem(name != NULL ? name + 1 : "", &err);
    struct rv_span body = sim_plist_data(answer, "ResponseBody");
    uint8_t expected[SIM_AEA_KEY];
    return status == 200 && done && known != NULL && sim_aea_key(body, aea->salt, key) &&
           sim_aea_key(rv_blob_span(known), aea->salt, expected) && memcmp(key, expected, SIM_AEA_KEY) == 0;
}

bool restored_key_take(struct restored *r, const struct sim_aea *aea, struct restored_port *port,
                       uint8_t key[SIM_AEA_KEY], struct rv_error *err)
{
    for (unsigned tries = 0;; tries++) {
        plist_t answer = restored_port_answer(r, port, err);
        if (answer == NULL)
            return rv_while(err, "waiting for the key of the image");
        bool good = read_key(answer, aea, key);
        plist_free(answer);
        if (good)
            return true;
        restored_log(r, "the answer holds no key for %s", aea->url);
        if (tries > 0)
            return rv_fail(err, RV_E_REFUSED, "the host fetched no key for the image");
        if (!restored_key_ask(r, aea, true, port, err))
            return false;
    }
}
