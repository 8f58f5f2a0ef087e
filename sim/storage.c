/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage in the state folder: system.img, data.img, flash/<tag>.img4, installed.plist.
 * installed.plist: ProductVersion, ProductBuildVersion, iBoot, Seal (hex SHA-384 of system.img), Installing, Erases.
 */
#include "sim/model.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/user_files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PLIST_CAP = 1 << 20, HASH_CHUNK = 1 << 16 };

plist_t sim_plist_load(const char *path, struct rv_error *err)
{
    RV_AUTO(rv_blob) text = rv_file_read(path, PLIST_CAP, err);
    if (text == NULL)
        return NULL;
    plist_t value = NULL;
    plist_from_memory((const char *)text->data, (uint32_t)text->len, &value);
    if (value == NULL || plist_get_node_type(value) != PLIST_DICT) {
        plist_free(value);
        rv_fail(err, RV_E_FORMAT, "%s is no property list", path);
        return NULL;
    }
    return value;
}

bool sim_plist_save(plist_t value, const char *path, struct rv_error *err)
{
    char *text = NULL;
    uint32_t len = 0;
    plist_to_xml(value, &text, &len);
    if (text == NULL)
        return rv_fail_nomem(err);
    bool ok = rv_file_write_atomic(path, rv_span(text, len), 0600, err);
    free(text);
    return ok;
}

bool sim_dict_text(plist_t dict, const char *key, char *out, size_t size)
{
    plist_t node = dict != NULL ? plist_dict_get_item(dict, key) : NULL;
    if (node == NULL || plist_get_node_type(node) != PLIST_STRING)
        return false;
    uint64_t len = 0;
    const char *text = plist_get_string_ptr(node, &len);
    if (text == NULL || size == 0)
        return false;
    snprintf(out, size, "%s", text);
    return true;
}

bool sim_storage_path(struct sim_device *device, const char *leaf, char *out, size_t out_size)
{
    int n = snprintf(out, out_size, "%s/%s", device->dir, leaf);
    return n > 0 && (size_t)n < out_size;
}

static bool digest_file(int fd, EVP_MD_CTX *hash)
{
    RV_AUTO(rv_blob) chunk = rv_blob_new(HASH_CHUNK, &(struct rv_error){ 0 });
    if (chunk == NULL || EVP_DigestInit_ex(hash, EVP_sha384(), NULL) != 1)
        return false;
    for (;;) {
        ssize_t got = read(fd, chunk->data, chunk->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            return true;
        if (EVP_DigestUpdate(hash, chunk->data, (size_t)got) != 1)
            return false;
    }
}

bool sim_file_hash(const char *path, char out[97], struct rv_error *err)
{
    RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %s", path);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool ok = hash != NULL && digest_file(fd, hash) && EVP_DigestFinal_ex(hash, digest, &len) == 1;
    EVP_MD_CTX_free(hash);
    if (!ok)
        return rv_fail(err, RV_E_IO, "%s cannot be read to its end", path);
    rv_text_hex(rv_span(digest, len), out, 97);
    return true;
}

bool sim_storage_hash(struct sim_device *device, const char *leaf, char out[97], struct rv_error *err)
{
    char path[4096];
    if (!sim_storage_path(device, leaf, path, sizeof path))
        return rv_fail(err, RV_E_LIMIT, "path too long");
    return sim_file_hash(path, out, err);
}

static bool installed_path(struct sim_device *device, char *out, size_t size)
{
    return sim_storage_path(device, "installed.plist", out, size);
}

void sim_installed(struct sim_device *device, char version[32], char build[32])
{
    char path[4096];
    struct rv_error err = { 0 };
    version[0] = build[0] = 0;
    plist_t dict = installed_path(device, path, sizeof path) ? sim_plist_load(path, &err) : NULL;
    if (dict == NULL)
        return;
    sim_dict_text(dict, "ProductVersion", version, 32);
    sim_dict_text(dict, "ProductBuildVersion", build, 32);
    plist_free(dict);
}

/* Loads installed.plist, or begins an empty one: a device whose storage was never written has none. */
static plist_t installed_load(struct sim_device *device)
{
    char path[4096];
    struct rv_error err = { 0 };
    plist_t dict = installed_path(device, path, sizeof path) ? sim_plist_load(path, &err) : NULL;
    return dict != NULL ? dict : plist_new_dict();
}

static bool installed_save(struct sim_device *device, plist_t dict, struct rv_error *err)
{
    char path[4096];
    if (!installed_path(device, path, sizeof path))
        return rv_fail(err, RV_E_LIMIT, "path too long");
    return sim_plist_save(dict, path, err);
}

static void dict_put(plist_t dict, const char *key, plist_t value)
{
    if (plist_dict_get_item(dict, key) != NULL)
        plist_dict_remove_item(dict, key);
    plist_dict_set_item(dict, key, value);
}

void sim_install_begin(struct sim_device *device)
{
    struct rv_error err = { 0 };
    plist_t dict = installed_load(device);
    dict_put(dict, "Installing", plist_new_bool(1));
    if (!installed_save(device, dict, &err))
        sim_record(device, "storage", "not marked: %s", err.text[0]);
    plist_free(dict);
    sim_record(device, "storage", "the system volume is being rewritten");
}

bool sim_install_flash(struct sim_device *device, const char tag[5], struct rv_span image, struct rv_error *err)
{
    char path[4096], leaf[300], safe[256], folder[4096];
    rv_path_safe_leaf(tag, safe, sizeof safe);
    snprintf(leaf, sizeof leaf, "flash/%s.img4", safe);
    if (!sim_storage_path(device, leaf, path, sizeof path) || !sim_storage_path(device, "flash", folder, sizeof folder))
        return rv_fail(err, RV_E_LIMIT, "path too long");
    if (!rv_dir_make(folder, err) || !rv_file_write_atomic(path, image, 0600, err))
        return rv_while(err, "writing %s to flash", tag);
    sim_record(device, "storage", "flash %s, %zu bytes", tag, image.len);
    return true;
}

bool sim_installed_write(const char *dir, const char *version, const char *build, const char *iboot,
                         struct rv_error *err)
{
    char path[4096], seal[97];
    snprintf(path, sizeof path, "%s/system.img", dir);
    if (!sim_file_hash(path, seal, err))
        return false;
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "ProductVersion", plist_new_string(version));
    plist_dict_set_item(dict, "ProductBuildVersion", plist_new_string(build));
    plist_dict_set_item(dict, "iBoot", plist_new_string(iboot));
    plist_dict_set_item(dict, "Seal", plist_new_string(seal));
    plist_dict_set_item(dict, "Installing", plist_new_bool(0));
    snprintf(path, sizeof path, "%s/installed.plist", dir);
    bool ok = sim_plist_save(dict, path, err);
    plist_free(dict);
    return ok;
}

bool sim_install_done(struct sim_device *device, struct rv_error *err)
{
    char seal[97];
    const struct sim_boot *boot = sim_device_boot(device);
    if (boot == NULL)
        return rv_fail(err, RV_E_UNSUPPORTED, "no restore runs");
    if (!sim_storage_hash(device, "system.img", seal, err))
        return rv_while(err, "sealing the system volume");
    plist_t dict = installed_load(device);
    dict_put(dict, "ProductVersion", plist_new_string(boot->version));
    dict_put(dict, "ProductBuildVersion", plist_new_string(boot->build));
    dict_put(dict, "Seal", plist_new_string(seal));
    dict_put(dict, "Installing", plist_new_bool(0));
    bool ok = installed_save(device, dict, err);
    plist_free(dict);
    if (ok)
        sim_record(device, "storage", "installed %s (%s), seal %s", boot->version, boot->build, seal);
    return ok;
}

/* Invented content: blocks of a counter and seeded bytes, so that any two states of it differ in their hash. */
bool sim_data_lay(const char *path, uint64_t bytes, uint32_t seed, struct rv_error *err)
{
    struct rv_atomic_file *file = rv_atomic_file_new(path, 0600, err);
    bool ok = file != NULL;
    uint8_t block[4096];
    uint64_t state = 0x9e3779b97f4a7c15ULL ^ (uint64_t)seed << 32 ^ seed;
    for (uint64_t at = 0; ok && at < bytes; at += sizeof block) {
        for (size_t i = 0; i < sizeof block; i += 8) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            rv_put_u64le(block + i, state ^ state >> 29);
        }
        rv_put_u64le(block, at);
        uint64_t left = bytes - at;
        ok = rv_atomic_file_write(file, rv_span(block, left < sizeof block ? (size_t)left : sizeof block), err);
    }
    ok = ok && rv_atomic_file_commit(file, err);
    rv_atomic_file_free(file);
    return ok || rv_while(err, "laying the user partition");
}

static uint64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

bool sim_install_wipe_data(struct sim_device *device, struct rv_error *err)
{
    char path[4096];
    uint64_t erases = 0;
    if (!sim_storage_path(device, "data.img", path, sizeof path))
        return rv_fail(err, RV_E_LIMIT, "path too long");
    plist_t dict = installed_load(device);
    plist_t count = plist_dict_get_item(dict, "Erases");
    if (count != NULL)
        plist_get_uint_val(count, &erases);
    dict_put(dict, "Erases", plist_new_uint(erases + 1));
    /* A new file system of the same size: new keys make every block differ, as effaceable storage does. */
    bool ok = sim_data_lay(path, file_size(path), device->seed ^ 0x5eed0000u ^ (uint32_t)(erases + 1), err) &&
              installed_save(device, dict, err);
    plist_free(dict);
    ok = ok && sim_user_wipe(device, err);
    if (ok)
        sim_record(device, "storage", "the user partition is erased");
    return ok;
}

bool sim_storage_damage(struct sim_device *device, const char *leaf, struct rv_error *err)
{
    char path[4096];
    uint8_t byte[64];
    if (!sim_storage_path(device, leaf, path, sizeof path))
        return rv_fail(err, RV_E_LIMIT, "path too long");
    RV_AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %s", leaf);
    uint64_t size = file_size(path), at = size / 2;
    size_t len = size - at < sizeof byte ? (size_t)(size - at) : sizeof byte;
    if (len == 0)
        return rv_fail(err, RV_E_FORMAT, "%s is empty", leaf);
    if (!rv_fd_read_at(fd, byte, len, at, err))
        return false;
    for (size_t i = 0; i < len; i++)
        byte[i] ^= 0xff;
    if (pwrite(fd, byte, len, (off_t)at) != (ssize_t)len)
        return rv_fail_sys(err, RV_E_IO, errno, "writing %s", leaf);
    sim_record(device, "storage", "%s is damaged: %zu bytes at %llu", leaf, len, (unsigned long long)at);
    return true;
}
