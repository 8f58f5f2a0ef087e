/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/factory.h"

#include "base/file.h"
#include "sim/build_list.h"
#include "sim/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

enum { TAIL = 4 << 20, COMPONENT_CAP = 1 << 30 };

static bool flip_at(int fd, uint64_t at, struct rv_error *err)
{
    uint8_t byte;
    if (!rv_fd_read_at(fd, &byte, 1, at, err))
        return false;
    byte ^= 1;
    if (pwrite(fd, &byte, 1, (off_t)at) != 1)
        return rv_fail_sys(err, RV_E_IO, errno, "cannot write");
    return true;
}

static bool component_path(const char *ipsw, const char *component, char out[256], struct rv_error *err)
{
    plist_t manifest = sim_build_manifest(ipsw);
    plist_t node =
        manifest ? plist_access_path(manifest, 6, "BuildIdentities", 0, "Manifest", component, "Info", "Path") : NULL;
    const char *text = PLIST_IS_STRING(node) ? plist_get_string_ptr(node, NULL) : NULL;
    bool ok = text && strlen(text) < 256;
    if (ok)
        snprintf(out, 256, "%s", text);
    plist_free(manifest);
    return ok || rv_fail(err, RV_E_NOT_FOUND, "%s has no component %s", ipsw, component);
}

/* Where the entry's bytes begin: found through its record in the central directory, which the factory keeps in the
 * last 4 MiB. zip64 places are not looked up. */
static bool entry_place(int fd, const char *name, uint64_t *at, uint64_t *length, struct rv_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return rv_fail_sys(err, RV_E_IO, errno, "cannot look at the archive");
    uint64_t from = st.st_size > TAIL ? (uint64_t)st.st_size - TAIL : 0;
    RV_AUTO(rv_blob) tail = rv_blob_new((size_t)((uint64_t)st.st_size - from), err);
    if (!tail || !rv_fd_read_at(fd, tail->data, tail->len, from, err))
        return false;
    size_t name_len = strlen(name);
    for (size_t i = 0; i + 46 + name_len <= tail->len; i++) {
        struct rv_reader r = { .in = rv_blob_span(tail), .at = i };
        if (rv_read_u32le(&r) != 0x02014b50 || memcmp(tail->data + i + 46, name, name_len) != 0)
            continue;
        r.at = i + 28;
        if (rv_read_u16le(&r) != name_len)
            continue;
        r.at = i + 20;
        *length = rv_read_u32le(&r);
        r.at = i + 42;
        uint64_t header = rv_read_u32le(&r);
        uint8_t local[30];
        if (header == UINT32_MAX || !rv_fd_read_at(fd, local, sizeof local, header, err))
            break;
        struct rv_reader l = { .in = rv_span(local, sizeof local), .at = 26 };
        *at = header + sizeof local + rv_read_u16le(&l);
        *at += rv_read_u16le(&l);
        return true;
    }
    return rv_fail(err, RV_E_NOT_FOUND, "the archive has no %s", name);
}

static bool damage_component(const char *ipsw, int fd, const char *component, struct rv_error *err)
{
    char path[256];
    uint64_t at = 0, length = 0;
    return component_path(ipsw, component, path, err) && entry_place(fd, path, &at, &length, err) &&
           flip_at(fd, at + length / 2, err);
}

/* The archive is written again with one bit of that file changed. */
static bool forge_component(const char *ipsw, const char *component, struct rv_error *err)
{
    char path[256];
    if (!component_path(ipsw, component, path, err))
        return false;
    RV_AUTO(rv_blob) bytes = sim_ipsw_file(ipsw, path, COMPONENT_CAP, err);
    if (!bytes || bytes->len == 0)
        return false;
    bytes->data[bytes->len / 2] ^= 1;
    zip_t *zip = zip_open(ipsw, 0, NULL);
    zip_int64_t index = zip ? zip_name_locate(zip, path, 0) : -1;
    zip_stat_t st;
    bool known = index >= 0 && zip_stat_index(zip, (zip_uint64_t)index, 0, &st) == 0;
    zip_source_t *source = known ? zip_source_buffer(zip, bytes->data, bytes->len, 0) : NULL;
    bool ok = source && zip_file_replace(zip, (zip_uint64_t)index, source, 0) == 0 &&
              zip_set_file_compression(zip, (zip_uint64_t)index, st.comp_method, 0) == 0;
    if (ok && zip_close(zip) == 0)
        return true;
    if (zip)
        zip_discard(zip);
    return rv_fail(err, RV_E_IO, "%s cannot be written again", ipsw);
}

bool sim_ipsw_damage(const char *ipsw, enum sim_damage kind, uint64_t at, const char *component, struct rv_error *err)
{
    if (kind == SIM_DAMAGE_FORGE)
        return forge_component(ipsw, component, err);
    RV_AUTO_FD fd = open(ipsw, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "cannot open %s", ipsw);
    if (kind == SIM_DAMAGE_COMPONENT)
        return damage_component(ipsw, fd, component, err);
    if (kind == SIM_DAMAGE_FLIP)
        return flip_at(fd, at, err);
    return ftruncate(fd, (off_t)at) == 0 || rv_fail_sys(err, RV_E_IO, errno, "cannot cut %s", ipsw);
}
