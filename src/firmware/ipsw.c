/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/ipsw.h"

#include "base/file.h"
#include "base/text.h"
#include "format/img4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rv_ipsw_free(struct rv_ipsw *ipsw)
{
    if (ipsw == NULL)
        return;
    rv_ipsw_image_free(ipsw->checked);
    pthread_mutex_destroy(&ipsw->lock);
    rv_archive_free(ipsw->archive);
    rv_remote_free(ipsw->remote);
    rv_plist_auto(&ipsw->manifest);
    rv_free(ipsw);
}

static bool take_version(struct rv_ipsw *ipsw, struct rv_error *err)
{
    const char *version = rv_plist_text(ipsw->manifest, "ProductVersion");
    const char *build = rv_plist_text(ipsw->manifest, "ProductBuildVersion");
    struct rv_firmware_version *v = &ipsw->version;
    if (version == NULL || build == NULL || strlen(version) >= sizeof v->version || strlen(build) >= sizeof v->build)
        return rv_fail(err, RV_E_FORMAT, "its BuildManifest names no version");
    snprintf(v->version, sizeof v->version, "%s", version);
    snprintf(v->build, sizeof v->build, "%s", build);
    rv_text_clean(v->version);
    rv_text_clean(v->build);
    v->build_major = (unsigned)strtoul(build, NULL, 10); /* the leading digits of 15C114 */
    return true;
}

static bool check_manifest(const struct rv_ipsw *ipsw, struct rv_error *err)
{
    plist_t identities = rv_plist_array(ipsw->manifest, "BuildIdentities");
    uint32_t count = identities ? plist_array_get_size(identities) : 0;
    if (count == 0 || count > RV_IDENTITIES_MAX)
        return rv_fail(err, RV_E_FORMAT, "its BuildManifest has %u build identities", count);
    return true;
}

static bool load_manifest(struct rv_ipsw *ipsw, struct rv_error *err)
{
    /* Early seeds called it BuildManifesto.plist. */
    RV_AUTO_TEXT name = rv_archive_find_top(ipsw->archive, "BuildManifest", ".plist", err);
    if (name == NULL)
        return rv_while(err, "looking for the BuildManifest: this is no firmware file, or one from before iPhone OS 3");
    RV_AUTO(rv_blob) text = rv_archive_read(ipsw->archive, name, RV_MANIFEST_MAX, err);
    if (text == NULL)
        return false;
    ipsw->manifest = rv_plist_parse(rv_blob_span(text), err);
    if (ipsw->manifest == NULL)
        return rv_while(err, "reading '%s'", name);
    return take_version(ipsw, err) && check_manifest(ipsw, err);
}

static struct rv_ipsw *ipsw_new(struct rv_ctx *ctx, struct rv_error *err)
{
    struct rv_ipsw *ipsw = rv_alloc(sizeof *ipsw);
    if (ipsw == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    ipsw->ctx = ctx;
    pthread_mutex_init(&ipsw->lock, NULL);
    return ipsw;
}

/* The archive was opened, or err says why not. */
static bool load_opened(struct rv_ipsw *ipsw, struct rv_error *err)
{
    bool opened = ipsw->archive != NULL;
    if (opened && load_manifest(ipsw, err))
        return true;
    if (err->code == RV_E_FORMAT || err->code == RV_E_CORRUPT || err->code == RV_E_LIMIT ||
        (opened && err->code == RV_E_NOT_FOUND)) { /* to a person all of these are one: this file cannot be used */
        err->code = RV_E_CORRUPT;
        rv_advise(err, RV_ADVICE_BAD_FIRMWARE);
    }
    return false;
}

struct rv_ipsw *rv_ipsw_open(struct rv_ctx *ctx, const char *path, struct rv_error *err)
{
    RV_AUTO(rv_ipsw) ipsw = ipsw_new(ctx, err);
    if (ipsw == NULL)
        return NULL;
    ipsw->archive = rv_archive_open(path, err);
    if (!load_opened(ipsw, err)) {
        rv_while(err, "opening the firmware file %s", path);
        return NULL;
    }
    return rv_steal(&ipsw);
}

struct rv_ipsw *rv_ipsw_open_url(struct rv_ctx *ctx, const char *url, struct rv_error *err)
{
    RV_AUTO(rv_ipsw) ipsw = ipsw_new(ctx, err);
    if (ipsw == NULL)
        return NULL;
    ipsw->remote = rv_remote_open(ctx, url, err);
    if (ipsw->remote == NULL)
        return NULL;
    struct rv_archive_source source = { .read = rv_remote_read,
                                        .context = ipsw->remote,
                                        .size = rv_remote_size(ipsw->remote) };
    ipsw->archive = rv_archive_open_source(&source, err);
    if (!load_opened(ipsw, err)) {
        rv_while(err, "looking into the firmware file at %s", url);
        return NULL;
    }
    return rv_steal(&ipsw);
}

bool rv_ipsw_fetched(const struct rv_ipsw *ipsw, uint64_t *fetched, uint64_t *size)
{
    if (ipsw->remote == NULL)
        return false;
    *fetched = rv_remote_fetched(ipsw->remote);
    *size = rv_remote_size(ipsw->remote);
    return true;
}

const struct rv_firmware_version *rv_ipsw_version(const struct rv_ipsw *ipsw)
{
    return &ipsw->version;
}

plist_t rv_ipsw_manifest(const struct rv_ipsw *ipsw)
{
    return ipsw->manifest;
}

bool rv_ipsw_supports(const struct rv_ipsw *ipsw, const char *product_type)
{
    plist_t types = rv_plist_array(ipsw->manifest, "SupportedProductTypes");
    uint32_t count = types ? plist_array_get_size(types) : 0;
    for (uint32_t i = 0; i < count; i++) {
        plist_t type = plist_array_get_item(types, i);
        if (PLIST_IS_STRING(type) && rv_text_equal_nocase(plist_get_string_ptr(type, NULL), product_type))
            return true;
    }
    return false;
}

struct rv_blob *rv_ipsw_file(struct rv_ipsw *ipsw, const char *path, size_t cap_bytes, struct rv_error *err)
{
    struct rv_blob *blob = rv_archive_read(ipsw->archive, path, cap_bytes, err);
    if (blob == NULL && (err->code == RV_E_CORRUPT || err->code == RV_E_NOT_FOUND))
        rv_advise(err, RV_ADVICE_BAD_FIRMWARE);
    return blob;
}

struct rv_blob *rv_ipsw_component(struct rv_ipsw *ipsw, plist_t identity, const char *component, struct rv_error *err)
{
    const char *path = rv_component_path(identity, component);
    if (path == NULL) {
        rv_fail(err, RV_E_NOT_FOUND, "this firmware has no component %s", component);
        return NULL;
    }
    RV_AUTO(rv_blob) blob = rv_ipsw_file(ipsw, path, RV_COMPONENT_MAX, err);
    if (blob == NULL) {
        rv_while(err, "taking %s out of the firmware file", component);
        return NULL;
    }
    const char *type = rv_component_retag(identity, component);
    size_t at = 0;
    if (type != NULL && rv_im4p_find_type(rv_blob_span(blob), &at) && !rv_im4p_retag(blob, type, err)) {
        rv_advise(err, RV_ADVICE_BAD_FIRMWARE);
        rv_while(err, "giving %s its type '%s'", component, type);
        return NULL;
    }
    return rv_steal(&blob);
}
