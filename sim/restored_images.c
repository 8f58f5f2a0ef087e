/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images that restored asks for one by one: FUD firmware, early-access firmware, the files of the sealed system
 * volume. Up to 12 FUDData is answered whole; from 13 on the device asks for the list and then for each name.
 * Request and reply keys as public clients answer them (restore protocol notes 2.3).
 */
#include "base/text.h"
#include "sim/restored_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a list of images is asked for, and its members. */
struct list_request {
    const char *type;                /* DataType */
    const char *list_key, *data_key; /* "FUDImageList", "FUDImageData" */
    const char *image_type;          /* into the arguments; NULL none */
    unsigned operation;              /* ProgressMsg in percent for each image; 0 none */
    const char *const *only;         /* NULL-terminated names, of which the rest are not fetched; NULL: all */
};

static plist_t arguments_of(const struct list_request *ask)
{
    plist_t arguments = plist_new_dict();
    if (ask->image_type != NULL)
        plist_dict_set_item(arguments, "ImageType", plist_new_string(ask->image_type));
    return arguments;
}

static plist_t fetch_list(struct restored *r, const struct list_request *ask, struct rv_error *err)
{
    /* The flag has the reply's name for FUD and EAN, a plain one for personalised images. */
    plist_t arguments = arguments_of(ask);
    plist_dict_set_item(arguments, ask->list_key, plist_new_bool(1));
    plist_t answer = restored_fetch(r, ask->type, arguments, err);
    plist_t list = answer != NULL ? plist_dict_get_item(answer, ask->list_key) : NULL;
    if (answer != NULL && (list == NULL || plist_get_node_type(list) != PLIST_ARRAY))
        rv_fail(err, RV_E_PROTOCOL, "no %s in the answer", ask->list_key);
    else if (answer != NULL)
        list = plist_copy(list);
    bool good = list != NULL && err->depth == 0;
    plist_free(answer);
    return good ? list : NULL;
}

static bool fetch_image(struct restored *r, const struct list_request *ask, const char *name, struct rv_error *err)
{
    plist_t arguments = arguments_of(ask);
    plist_dict_set_item(arguments, "ImageName", plist_new_string(name));
    plist_t answer = restored_fetch(r, ask->type, arguments, err);
    if (answer == NULL)
        return false;
    const char *got = sim_plist_text(answer, "ImageName");
    bool good =
        (got == NULL || strcmp(got, name) == 0) || rv_fail(err, RV_E_PROTOCOL, "asked for %s, got %s", name, got);
    good = good && restored_accept_image(r, sim_plist_data(answer, ask->data_key), NULL, name, err);
    plist_free(answer);
    return good;
}

static bool is_wanted(const struct list_request *ask, const char *name)
{
    bool wanted = ask->only == NULL;
    for (size_t i = 0; !wanted && ask->only[i] != NULL; i++)
        wanted = strcmp(ask->only[i], name) == 0;
    return wanted;
}

static bool fetch_images(struct restored *r, const struct list_request *ask, struct rv_error *err)
{
    plist_t list = fetch_list(r, ask, err);
    if (list == NULL)
        return false;
    bool good = true;
    uint32_t count = plist_array_get_size(list);
    for (uint32_t i = 0; good && i < count; i++) {
        plist_t node = plist_array_get_item(list, i);
        const char *name = PLIST_IS_STRING(node) ? plist_get_string_ptr(node, NULL) : NULL;
        if (name == NULL)
            good = rv_fail(err, RV_E_PROTOCOL, "%s holds something that is no name", ask->list_key);
        else if (is_wanted(ask, name))
            good = fetch_image(r, ask, name, err);
        if (good && ask->operation != 0)
            good = restored_progress(r, ask->operation, (int)(100 * (i + 1) / count), err);
    }
    plist_free(list);
    return good;
}

/* ---- FUD ---- */

static bool check_fud_images(struct restored *r, plist_t images, struct rv_error *err)
{
    plist_dict_iter it = NULL;
    plist_dict_new_iter(images, &it);
    bool good = true;
    for (;;) {
        char *name = NULL;
        plist_t node = NULL;
        plist_dict_next_item(images, it, &name, &node);
        if (node == NULL)
            break;
        uint64_t len = 0;
        const char *bytes = plist_get_node_type(node) == PLIST_DATA ? plist_get_data_ptr(node, &len) : NULL;
        good = restored_accept_image(r, rv_span(bytes, len), NULL, name, err);
        free(name);
        if (!good)
            break;
    }
    free(it);
    return good;
}

/* 10 to 12: neither a list nor a name in the arguments, so the answer is the whole dictionary. */
static bool fetch_fud_whole(struct restored *r, const char *type, struct rv_error *err)
{
    plist_t answer = restored_fetch(r, type, plist_new_dict(), err);
    if (answer == NULL)
        return false;
    plist_t images = plist_dict_get_item(answer, "FUDImageData");
    bool good = true;
    if (images == NULL || plist_get_node_type(images) != PLIST_DICT)
        good = rv_fail(err, RV_E_PROTOCOL, "no FUDImageData in the answer");
    else
        good = check_fud_images(r, images, err);
    plist_free(answer);
    return good;
}

bool restored_fud(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    /* The second round of 16 takes what belongs to the system volume (futurerestore's log of 16.6). */
    static const char *const of_system[] = { "Ap,SystemVolumeCanonicalMetadata", "RestoreTrustCache", "SystemVolume",
                                             NULL };
    const struct list_request ask = {
        .type = "FUDData",
        .list_key = "FUDImageList",
        .data_key = "FUDImageData",
        .operation = r->generation->fud_percent ? step->operation : 0,
        .only = strcmp(step->what, "of the system") == 0 ? of_system : NULL,
    };
    bool good = r->generation->fud_lists ? fetch_images(r, &ask, err) : fetch_fud_whole(r, ask.type, err);
    return good || rv_while(err, "failed to install FUD firmware");
}

/* ---- personalised by type ---- */

/* `what` names the role, which the host looks up in its manifest. */
bool restored_personalized(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    const struct list_request ask = {
        .type = "PersonalizedData", .list_key = "ImageList", .data_key = "ImageData", .image_type = step->what
    };
    return fetch_images(r, &ask, err) || rv_while(err, "failed to install %s", step->what);
}

bool restored_ean(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    const struct list_request ask = { .type = step->what, .list_key = "EANImageList", .data_key = "EANData" };
    return fetch_images(r, &ask, err) || rv_while(err, "failed to install early access firmware");
}

/* ---- the sealed system volume ---- */

bool restored_sealed_image(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    char key[64];
    bool root_hash = strcmp(step->what, "SystemImageRootHash") == 0;
    snprintf(key, sizeof key, "%sFile", step->what);
    plist_t answer = restored_fetch(r, step->what, NULL, err);
    if (answer == NULL)
        return false;
    bool good = restored_accept_image(r, sim_plist_data(answer, key), root_hash ? "isys" : "msys", step->what, err);
    plist_free(answer);
    return good || rv_while(err, root_hash ? "failed to install the root hash" : "failed to seal system volume");
}
