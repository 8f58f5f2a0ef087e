/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share about an open IPSW; others include firmware/firmware.h. */
#pragma once

#include "firmware/archive.h"
#include "firmware/firmware.h"
#include "firmware/remote.h"

#include <pthread.h>

enum {
    RV_MANIFEST_MAX = 32 * 1024 * 1024,
    RV_COMPONENT_MAX = 1024 * 1024 * 1024, /* read whole: ramdisks are the largest, about 200 MB */
    RV_IDENTITIES_MAX = 4096
};

struct rv_ipsw {
    struct rv_ctx *ctx;
    struct rv_archive *archive;
    struct rv_remote *remote; /* under the archive, when it stays on its server; NULL: on this computer */
    plist_t manifest;
    struct rv_firmware_version version;
    pthread_mutex_t lock;
    struct rv_ipsw_image *checked; /* under lock: the largest deflated file that rv_ipsw_verify read, until opened */
};

/**
 * Pushes a deflated file through the sink like rv_archive_stream, and keeps the marks of the largest one for
 * rv_ipsw_image_open. Only for files that rv_ipsw_image_wants.
 */
bool rv_ipsw_image_stream(struct rv_ipsw *ipsw, const char *path, rv_archive_sink *sink, void *context,
                          struct rv_error *err);
/** Deflated, and large enough for marks to be worth their memory. */
bool rv_ipsw_image_wants(const struct rv_archive_place *place);

/** Info.Path of a component, or NULL. */
const char *rv_component_path(plist_t identity, const char *component);
/** The type its IM4P must carry: Info.Img4PayloadType or the known name's; NULL: the file's own. */
const char *rv_component_retag(plist_t identity, const char *component);
/** The object of a ticket that covers it, NULL when its name is not known. */
const char *rv_component_tag(plist_t identity, const char *component);
/** false only where Info.Personalize says so. */
bool rv_component_personalized(plist_t identity, const char *component);
/** IMG4 devices: everything from A7 on. By the identity's ApChipID. */
bool rv_identity_is_img4(plist_t identity);
