/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/app_list.h"

#include "proto/plist_frame.h"

#include <string.h>

enum { ANSWER_MS = 30000 };

static bool ask(struct rv_stream *stream, const char *const *attributes, struct rv_error *err)
{
    RV_AUTO_PLIST request = plist_new_dict();
    plist_t options = plist_new_dict(), wanted = plist_new_array();
    for (; *attributes != NULL; attributes++)
        plist_array_append_item(wanted, plist_new_string(*attributes));
    plist_dict_set_item(options, "ApplicationType", plist_new_string("User"));
    plist_dict_set_item(options, "ReturnAttributes", wanted);
    plist_dict_set_item(request, "Command", plist_new_string("Browse"));
    plist_dict_set_item(request, "ClientOptions", options);
    return rv_plist_send(stream, request, false, ANSWER_MS, err);
}

static bool take_apps(plist_t found, plist_t list, struct rv_error *err)
{
    bool is_list = list != NULL && plist_get_node_type(list) == PLIST_ARRAY;
    for (uint32_t i = 0; is_list && i < plist_array_get_size(list); i++) {
        plist_t app = plist_array_get_item(list, i);
        const char *id = rv_plist_text(app, "CFBundleIdentifier");
        if (plist_dict_get_size(found) >= RV_APPS_MAX)
            return rv_fail(err, RV_E_LIMIT, "the phone names more than %d apps", RV_APPS_MAX);
        if (id != NULL && *id != '\0')
            plist_dict_set_item(found, id, plist_copy(app));
    }
    return true;
}

plist_t rv_apps_browse(struct rv_stream *stream, const char *const *attributes, struct rv_error *err)
{
    plist_t found = plist_new_dict();
    bool fine = ask(stream, attributes, err), done = false;
    while (fine && !done) {
        RV_AUTO_PLIST answer = rv_plist_receive(stream, ANSWER_MS, err);
        const char *status = answer != NULL ? rv_plist_text(answer, "Status") : NULL;
        fine = answer != NULL && take_apps(found, rv_plist_node(answer, "CurrentList"), err);
        done = status != NULL && strcmp(status, "Complete") == 0;
        if (fine && status == NULL)
            fine = rv_fail(err, RV_E_REFUSED, "the phone does not list its apps");
    }
    if (fine)
        return found;
    plist_free(found);
    rv_while(err, "asking for the phone's apps");
    return NULL;
}

plist_t rv_apps_icon(struct rv_stream *stream, const char *bundle, struct rv_error *err)
{
    RV_AUTO_PLIST request = plist_new_dict();
    plist_dict_set_item(request, "command", plist_new_string("getIconPNGData"));
    plist_dict_set_item(request, "bundleId", plist_new_string(bundle));
    RV_AUTO_PLIST answer =
        rv_plist_send(stream, request, false, ANSWER_MS, err) ? rv_plist_receive(stream, ANSWER_MS, err) : NULL;
    plist_t icon = answer != NULL ? rv_plist_node(answer, "pngData") : NULL;
    return icon != NULL && plist_get_node_type(icon) == PLIST_DATA ? plist_copy(icon) : NULL;
}
