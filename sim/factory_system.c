/* SPDX-License-Identifier: Apache-2.0 */
/* The other way round: the volume that an IPSW installs. */
#include "sim/factory.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/aea.h"
#include "sim/build_list.h"
#include "sim/diskimage.h"
#include "sim/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

enum { PIECE = 256 << 10 };

static bool system_path(const char *ipsw, char out[256], struct rv_error *err)
{
    plist_t manifest = sim_build_manifest(ipsw);
    plist_t path =
        manifest ? plist_access_path(manifest, 6, "BuildIdentities", 0, "Manifest", "OS", "Info", "Path") : NULL;
    const char *text = PLIST_IS_STRING(path) ? plist_get_string_ptr(path, NULL) : NULL;
    bool ok = text && strlen(text) < 256;
    if (ok)
        snprintf(out, 256, "%s", text);
    plist_free(manifest);
    return ok || rv_fail(err, RV_E_FORMAT, "%s names no system image", ipsw);
}

/* An unlinked file beside the others of this kind. */
static int scratch_file(struct rv_error *err)
{
    const char *folder = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/revive-sim.XXXXXX", folder && *folder ? folder : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        rv_fail_sys(err, RV_E_IO, errno, "cannot make a temporary file in %s", folder ? folder : "/tmp");
    else
        unlink(path);
    return fd;
}

/* ---- reading the image out of the archive ---- */

struct zip_image {
    zip_file_t *file; /* stored: sought in place */
    int fd;           /* deflated: unpacked here; -1 when stored */
};

static bool read_stored(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    struct zip_image *image = context;
    if (zip_fseek(image->file, (zip_int64_t)offset, SEEK_SET) != 0 ||
        zip_fread(image->file, to, len) != (zip_int64_t)len)
        return rv_fail(err, RV_E_CORRUPT, "the system image cannot be read at %llu", (unsigned long long)offset);
    return true;
}

static bool read_unpacked(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    const struct zip_image *image = context;
    return rv_fd_read_at(image->fd, to, len, offset, err);
}

static bool unpack(zip_file_t *file, int fd, struct rv_error *err)
{
    RV_AUTO(rv_blob) piece = rv_blob_new(PIECE, err);
    if (!piece)
        return false;
    for (;;) {
        zip_int64_t n = zip_fread(file, piece->data, piece->len);
        if (n < 0)
            return rv_fail(err, RV_E_CORRUPT, "the system image cannot be unpacked");
        if (n == 0)
            return true;
        if (!rv_fd_write_all(fd, rv_span(piece->data, (size_t)n), err))
            return false;
    }
}

/* A wrapped image behind another source. */
struct wrapped_image {
    const struct sim_image_source *from;
    struct sim_aea aea;
    uint8_t key[SIM_AEA_KEY];
};

static bool read_wrapped(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    struct wrapped_image *image = context;
    uint64_t start = offset & ~(uint64_t)15;
    size_t before = (size_t)(offset - start);
    RV_AUTO(rv_blob) bytes = rv_blob_new(before + len, err);
    if (!bytes || !image->from->read(image->from->context, image->aea.body + start, bytes->data, bytes->len, err))
        return false;
    struct evp_cipher_ctx_st *cipher = sim_aea_cipher(image->key, start);
    bool ok = cipher && sim_aea_crypt(cipher, bytes->data, bytes->data, bytes->len);
    sim_aea_cipher_free(cipher);
    if (ok)
        memcpy(to, bytes->data + before, len);
    return ok || rv_fail(err, RV_E_CORRUPT, "the system image cannot be decrypted");
}

static bool open_wrapped(const struct sim_image_source *from, struct wrapped_image *image, struct rv_error *err)
{
    uint8_t head[SIM_AEA_HEAD_MAX];
    size_t len = from->size < sizeof head ? (size_t)from->size : sizeof head;
    *image = (struct wrapped_image){ .from = from };
    if (!from->read(from->context, 0, head, len, err) || !sim_aea_read(rv_span(head, len), &image->aea, err))
        return false;
    const char *name = strrchr(image->aea.url, '/');
    RV_AUTO(rv_blob) pem = sim_aea_key_pem(name ? name + 1 : "", err);
    return pem && (sim_aea_key(rv_blob_span(pem), image->aea.salt, image->key) ||
                   rv_fail(err, RV_E_CORRUPT, "the system image has no usable key"));
}

static bool expand_source(const struct sim_image_source *source, const char *path, int out, struct rv_error *err)
{
    struct wrapped_image image;
    if (!rv_text_ends(path, ".aea"))
        return sim_udif_expand(source, out, err);
    if (!open_wrapped(source, &image, err))
        return false;
    const struct sim_image_source clear = { read_wrapped, &image, source->size - image.aea.body };
    return sim_udif_expand(&clear, out, err);
}

static bool expand_from(zip_t *zip, const char *path, int out, struct rv_error *err)
{
    zip_stat_t st;
    struct zip_image image = { zip_fopen(zip, path, 0), -1 };
    if (!image.file || zip_stat(zip, path, 0, &st) != 0)
        return rv_fail(err, RV_E_NOT_FOUND, "the archive has no %s", path);
    bool ok = true;
    struct sim_image_source source = { read_stored, &image, st.size };
    if (st.comp_method != ZIP_CM_STORE) {
        image.fd = scratch_file(err);
        source.read = read_unpacked;
        ok = image.fd >= 0 && unpack(image.file, image.fd, err);
    }
    ok = ok && expand_source(&source, path, out, err);
    if (image.fd >= 0)
        close(image.fd);
    zip_fclose(image.file);
    return ok;
}

static bool lay(const char *ipsw, int out, struct rv_error *err)
{
    char path[256];
    if (!system_path(ipsw, path, err))
        return false;
    zip_t *zip = zip_open(ipsw, ZIP_RDONLY, NULL);
    if (!zip)
        return rv_fail(err, RV_E_FORMAT, "%s is no readable zip file", ipsw);
    bool ok = expand_from(zip, path, out, err);
    zip_discard(zip);
    return ok || rv_while(err, "laying the system volume of %s", ipsw);
}

bool sim_factory_lay_system(const char *ipsw, const char *system_img, struct rv_error *err)
{
    RV_AUTO_FD fd = open(system_img, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "cannot open %s", system_img);
    return lay(ipsw, fd, err);
}

static bool hash_file(int fd, char out[97], struct rv_error *err)
{
    RV_AUTO(rv_blob) piece = rv_blob_new(PIECE, err);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    uint8_t digest[EVP_MAX_MD_SIZE];
    bool ok = piece && md && EVP_DigestInit_ex(md, EVP_sha384(), NULL) == 1;
    for (off_t at = 0; ok;) {
        ssize_t n = pread(fd, piece->data, piece->len, at);
        if (n == 0)
            break;
        if (n < 0)
            ok = errno == EINTR || rv_fail_sys(err, RV_E_IO, errno, "cannot read the volume");
        else
            ok = EVP_DigestUpdate(md, piece->data, (size_t)n) == 1;
        at += n > 0 ? n : 0;
    }
    ok = ok && EVP_DigestFinal_ex(md, digest, NULL) == 1;
    EVP_MD_CTX_free(md);
    if (ok)
        rv_text_hex(rv_span(digest, 48), out, 97);
    return ok;
}

bool sim_factory_system_hash(const char *ipsw, char out[97], struct rv_error *err)
{
    RV_AUTO_FD fd = scratch_file(err);
    return fd >= 0 && lay(ipsw, fd, err) && hash_file(fd, out, err);
}
