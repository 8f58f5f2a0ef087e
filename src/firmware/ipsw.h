/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share about an open IPSW; others include firmware/firmware.h. */
#pragma once

#include "firmware/archive.h"
#include "firmware/firmware.h"

enum {
    RV_MANIFEST_MAX = 32 * 1024 * 1024,
    RV_COMPONENT_MAX = 1024 * 1024 * 1024, /* read whole: ramdisks are the largest, about 200 MB */
    RV_IDENTITIES_MAX = 4096
};

struct rv_ipsw {
    struct rv_ctx *ctx;
    struct rv_archive *archive;
    plist_t manifest;
    struct rv_firmware_version version;
};

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
