/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which apps a person has: com.apple.mobile.installation_proxy, and their icons from com.apple.springboardservices.
 * Source: libimobiledevice 1.3.0 src/installation_proxy.c, src/sbservices.c.
 */
#pragma once

#include "format/plist.h"
#include "transport/stream.h"

enum { RV_APPS_MAX = 4096 };

/** Bundle id -> what the phone tells of the attributes asked for (they end with NULL); caller frees. */
plist_t rv_apps_browse(struct rv_stream *stream, const char *const *attributes, struct rv_error *err);
/** A PNG as plist data; caller frees. NULL: there is none. */
plist_t rv_apps_icon(struct rv_stream *stream, const char *bundle, struct rv_error *err);
