/* SPDX-License-Identifier: Apache-2.0 */
/* What has no file of its own yet. */
#include "firmware/firmware.h"

static void *not_yet(const char *what, struct rv_error *err)
{
    rv_fail(err, RV_E_UNSUPPORTED, "%s is not built yet", what);
    return NULL;
}

struct rv_ipsw *rv_ipsw_open(struct rv_ctx *ctx, const char *path, struct rv_error *err)
{
    (void)ctx;
    (void)path;
    return not_yet("opening firmware", err);
}

void rv_ipsw_free(struct rv_ipsw *ipsw)
{
    (void)ipsw;
}

const struct rv_firmware_version *rv_ipsw_version(const struct rv_ipsw *ipsw)
{
    (void)ipsw;
    static const struct rv_firmware_version none;
    return &none;
}

bool rv_ipsw_supports(const struct rv_ipsw *ipsw, const char *product_type)
{
    (void)ipsw;
    (void)product_type;
    return false;
}

plist_t rv_ipsw_manifest(const struct rv_ipsw *ipsw)
{
    (void)ipsw;
    return NULL;
}

plist_t rv_ipsw_choose(const struct rv_ipsw *ipsw, const struct rv_target *target, enum rv_behavior behavior,
                       struct rv_error *err)
{
    (void)ipsw;
    (void)target;
    (void)behavior;
    return not_yet("choosing an identity", err);
}

bool rv_identity_components(plist_t identity, const char ***names, size_t *count, struct rv_error *err)
{
    (void)identity;
    (void)names;
    (void)count;
    return not_yet("listing components", err) != NULL;
}

plist_t rv_identity_component(plist_t identity, const char *component)
{
    (void)identity;
    (void)component;
    return NULL;
}

bool rv_component_flag(plist_t identity, const char *component, const char *flag)
{
    (void)identity;
    (void)component;
    (void)flag;
    return false;
}

struct rv_blob *rv_ipsw_component(struct rv_ipsw *ipsw, plist_t identity, const char *component, struct rv_error *err)
{
    (void)ipsw;
    (void)identity;
    return not_yet(component, err);
}

struct rv_blob *rv_ipsw_file(struct rv_ipsw *ipsw, const char *path, size_t cap_bytes, struct rv_error *err)
{
    (void)ipsw;
    (void)cap_bytes;
    return not_yet(path, err);
}

struct rv_ipsw_image *rv_ipsw_image_open(struct rv_ipsw *ipsw, plist_t identity, const char *component,
                                         struct rv_error *err)
{
    (void)ipsw;
    (void)identity;
    return not_yet(component, err);
}

void rv_ipsw_image_free(struct rv_ipsw_image *image)
{
    (void)image;
}

uint64_t rv_ipsw_image_size(const struct rv_ipsw_image *image)
{
    (void)image;
    return 0;
}

bool rv_ipsw_image_read(struct rv_ipsw_image *image, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    (void)image;
    (void)offset;
    (void)to;
    (void)len;
    return not_yet("reading an image", err) != NULL;
}

bool rv_ipsw_verify(struct rv_ipsw *ipsw, plist_t identity, struct rv_error *err)
{
    (void)ipsw;
    (void)identity;
    return not_yet("verifying", err) != NULL;
}

struct rv_ticket *rv_ticket_fetch(struct rv_ctx *ctx, const struct rv_ipsw *ipsw, plist_t identity,
                                  const struct rv_target *target, struct rv_error *err)
{
    (void)ctx;
    (void)ipsw;
    (void)identity;
    (void)target;
    return not_yet("asking for a ticket", err);
}

struct rv_ticket *rv_ticket_load(const char *path, struct rv_error *err)
{
    return not_yet(path, err);
}

struct rv_ticket *rv_ticket_from_im4m(struct rv_span im4m, struct rv_error *err)
{
    (void)im4m;
    return not_yet("reading a ticket", err);
}

void rv_ticket_free(struct rv_ticket *ticket)
{
    (void)ticket;
}

struct rv_span rv_ticket_im4m(const struct rv_ticket *ticket)
{
    (void)ticket;
    return rv_span(NULL, 0);
}

plist_t rv_ticket_answer(const struct rv_ticket *ticket)
{
    (void)ticket;
    return NULL;
}

bool rv_ticket_verify(struct rv_ctx *ctx, const struct rv_ticket *ticket, plist_t identity,
                      const struct rv_target *target, enum rv_trust *trust, struct rv_error *err)
{
    (void)ctx;
    (void)ticket;
    (void)identity;
    (void)target;
    (void)trust;
    return not_yet("verifying a ticket", err) != NULL;
}

struct rv_blob *rv_personalise(struct rv_ipsw *ipsw, plist_t identity, const char *component,
                               const struct rv_ticket *ticket, struct rv_error *err)
{
    (void)ipsw;
    (void)identity;
    (void)ticket;
    return not_yet(component, err);
}

plist_t rv_tss_ask(struct rv_ctx *ctx, plist_t request, struct rv_error *err)
{
    (void)ctx;
    (void)request;
    return not_yet("the signing server", err);
}

struct rv_blob *rv_baseband_personalise(struct rv_ctx *ctx, struct rv_ipsw *ipsw, plist_t identity, uint64_t ecid,
                                        plist_t arguments, struct rv_error *err)
{
    (void)ctx;
    (void)ipsw;
    (void)identity;
    (void)ecid;
    (void)arguments;
    return not_yet("the baseband", err);
}
