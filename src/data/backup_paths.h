/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that are the same on many phones, one a line, "domain TAB path"; for apps the domain is "AppDomain",
 * "AppDomainGroup" or "AppDomainPlugin" without the app's name. Compressed by zlib. From file lists of two public phone
 * images of invented persons (iLEAPP, MIT).
 */
#pragma once

#include <stddef.h>

extern const unsigned char rv_backup_paths_packed[];
extern const size_t rv_backup_paths_packed_size;
enum { RV_BACKUP_PATHS_MAX = 8 << 20 };
