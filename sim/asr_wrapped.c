/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wrapped system image (AEA): its table lies behind the encryption, so the file is kept until it is whole and the
 * host has fetched the key; then the volume is laid from it. A real device decrypts while the bytes come [I].
 */
#include "sim/aea.h"
#include "sim/diskimage.h"
#include "sim/restored_run.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct sim_wrapped {
    struct restored *r;
    int fd;
    uint64_t size;
    struct sim_aea aea;
    struct restored_port port;
    uint8_t key[SIM_AEA_KEY];
};

struct sim_wrapped *sim_wrapped_new(struct restored *r, struct rv_error *err)
{
    char path[4096];
    struct sim_wrapped *w = rv_alloc(sizeof *w);
    if (w == NULL || !sim_storage_path(r->device, "image.part", path, sizeof path)) {
        rv_free(w);
        rv_fail_nomem(err);
        return NULL;
    }
    *w = (struct sim_wrapped){ .r = r, .fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) };
    if (w->fd >= 0) {
        unlink(path);
        return w;
    }
    rv_fail_sys(err, RV_E_IO, errno, "opening %s", path);
    rv_free(w);
    return NULL;
}

bool sim_wrapped_push(struct sim_wrapped *w, struct rv_span bytes, struct rv_error *err)
{
    w->size += bytes.len;
    return rv_fd_write_all(w->fd, bytes, err);
}

bool sim_wrapped_ask(struct sim_wrapped *w, struct rv_span start, struct rv_error *err)
{
    return sim_aea_read(start, &w->aea, err) && restored_key_ask(w->r, &w->aea, false, &w->port, err);
}

static bool read_clear(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    struct sim_wrapped *w = context;
    uint64_t from = offset & ~(uint64_t)15;
    size_t before = (size_t)(offset - from);
    RV_AUTO(rv_blob) bytes = rv_blob_new(before + len, err);
    if (bytes == NULL || !rv_fd_read_at(w->fd, bytes->data, bytes->len, w->aea.body + from, err))
        return false;
    struct evp_cipher_ctx_st *cipher = sim_aea_cipher(w->key, from);
    bool good = cipher != NULL && sim_aea_crypt(cipher, bytes->data, bytes->data, bytes->len);
    sim_aea_cipher_free(cipher);
    if (good)
        memcpy(to, bytes->data + before, len);
    return good || rv_fail(err, RV_E_CORRUPT, "the image cannot be decrypted");
}

bool sim_wrapped_finish(struct sim_wrapped *w, int fd, struct rv_error *err)
{
    if (!restored_key_take(w->r, &w->aea, &w->port, w->key, err))
        return false;
    const struct sim_image_source source = { read_clear, w, w->size - w->aea.body };
    return fd < 0 || sim_udif_expand(&source, fd, err);
}

void sim_wrapped_free(struct sim_wrapped *w)
{
    if (w == NULL)
        return;
    restored_port_close(&w->port);
    close(w->fd);
    rv_free(w);
}
