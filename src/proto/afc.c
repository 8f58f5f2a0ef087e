/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/afc.h"

#include "base/mem.h"
#include "base/text.h"
#include "proto/plist_frame.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    HEAD = 40,
    TIMEOUT_MS = 30000,
    ANSWER_MAX = 16 * 1024 * 1024, /* a folder of a hundred thousand long names */
    PIECE = 256 * 1024,
    PATH_BYTES = 1024,
};

enum operation {
    OP_STATUS = 0x01,
    OP_DATA = 0x02,
    OP_READ_DIR = 0x03,
    OP_REMOVE = 0x08,
    OP_MAKE_FOLDER = 0x09,
    OP_INFO = 0x0A,
    OP_OPEN = 0x0D,
    OP_OPEN_RESULT = 0x0E,
    OP_READ = 0x0F,
    OP_WRITE = 0x10,
    OP_CLOSE = 0x14,
    OP_LOCK = 0x1B,
};
enum { OPEN_TO_READ = 1, OPEN_TO_CHANGE = 2, OPEN_TO_WRITE = 3 }; /* 2 makes the file, 3 empties it too */
enum { LOCK_EXCLUSIVE = 6, LOCK_NONE = 12 };
enum { STATUS_NOT_FOUND = 8, STATUS_WOULD_BLOCK = 19 };

struct rv_afc {
    struct rv_stream *stream;
    uint64_t packet;
};

struct rv_afc *rv_afc_take(struct rv_stream *stream, struct rv_error *err)
{
    struct rv_afc *afc = rv_alloc(sizeof *afc);
    if (afc == NULL) {
        rv_stream_free(stream);
        rv_fail_nomem(err);
        return NULL;
    }
    *afc = (struct rv_afc){ .stream = stream };
    return afc;
}

void rv_afc_free(struct rv_afc *afc)
{
    if (afc == NULL)
        return;
    rv_stream_free(afc->stream);
    rv_free(afc);
}

/* ---- one question, one answer ---- */

static bool send_with_bulk(struct rv_afc *afc, enum operation operation, struct rv_span body, struct rv_span bulk,
                           struct rv_error *err)
{
    uint8_t head[HEAD] = "CFA6LPAA";
    rv_put_u64le(head + 8, HEAD + body.len + bulk.len);
    rv_put_u64le(head + 16, HEAD + body.len);
    rv_put_u64le(head + 24, ++afc->packet);
    rv_put_u64le(head + 32, operation);
    return rv_stream_send(afc->stream, rv_span(head, sizeof head), TIMEOUT_MS, err) &&
           rv_stream_send(afc->stream, body, TIMEOUT_MS, err) && rv_stream_send(afc->stream, bulk, TIMEOUT_MS, err);
}

static bool send_call(struct rv_afc *afc, enum operation operation, struct rv_span body, struct rv_error *err)
{
    return send_with_bulk(afc, operation, body, rv_span(NULL, 0), err);
}

static const char *status_words(uint64_t status)
{
    switch (status) {
    case 7:
        return "the question was not understood";
    case 8:
        return "there is no such file";
    case 9:
        return "it is a folder";
    case 10:
        return "it may not be read";
    case 19:
        return "another program holds its lock";
    case 20:
        return "its storage could not be read";
    default:
        return "the device refused";
    }
}

static enum rv_code code_of(uint64_t status)
{
    return status == STATUS_NOT_FOUND ? RV_E_NOT_FOUND : status == STATUS_WOULD_BLOCK ? RV_E_BUSY : RV_E_REFUSED;
}

/* The bytes behind the header of the answer; a status other than "well" is an error. */
static struct rv_blob *receive(struct rv_afc *afc, enum operation wanted, struct rv_error *err)
{
    uint8_t head[HEAD];
    if (!rv_stream_receive(afc->stream, head, sizeof head, TIMEOUT_MS, err))
        return NULL;
    struct rv_reader r = { .in = { head, sizeof head }, .at = 8 };
    uint64_t entire = rv_read_u64le(&r), own = rv_read_u64le(&r), packet = rv_read_u64le(&r);
    uint64_t operation = rv_read_u64le(&r);
    if (memcmp(head, "CFA6LPAA", 8) != 0 || own < HEAD || own > entire || entire - HEAD > ANSWER_MAX ||
        packet != afc->packet) {
        rv_fail(err, RV_E_PROTOCOL, "the answer's header is not one of AFC");
        return NULL;
    }
    RV_AUTO(rv_blob) body = rv_blob_new((size_t)entire - HEAD, err);
    if (body == NULL || !rv_stream_receive(afc->stream, body->data, body->len, TIMEOUT_MS, err))
        return NULL;
    if (operation == OP_STATUS && body->len >= 8) {
        struct rv_reader b = { .in = { body->data, body->len } };
        uint64_t status = rv_read_u64le(&b);
        if (status != 0) {
            rv_fail(err, code_of(status), "%s (AFC status %llu)", status_words(status), (unsigned long long)status);
            return NULL;
        }
    }
    if (operation != (uint64_t)wanted) {
        rv_fail(err, RV_E_PROTOCOL, "AFC answers with operation %llu instead of %d", (unsigned long long)operation,
                (int)wanted);
        return NULL;
    }
    return rv_steal(&body);
}

static struct rv_blob *ask_path(struct rv_afc *afc, enum operation operation, const char *path, struct rv_error *err)
{
    struct rv_span body = rv_span((const uint8_t *)path, strlen(path) + 1);
    return send_call(afc, operation, body, err) ? receive(afc, OP_DATA, err) : NULL;
}

/* ---- folders ---- */

struct rv_blob *rv_afc_list(struct rv_afc *afc, const char *path, struct rv_error *err)
{
    RV_AUTO(rv_blob) all = ask_path(afc, OP_READ_DIR, path, err);
    size_t kept = 0;
    if (all == NULL) {
        rv_while(err, "listing %.120s", path);
        return NULL;
    }
    for (size_t at = 0; at < all->len;) {
        const char *name = (const char *)all->data + at;
        size_t len = strnlen(name, all->len - at);
        bool own = len == 0 || (len == 1 && name[0] == '.') || (len == 2 && memcmp(name, "..", 2) == 0);
        bool whole = at + len < all->len; /* a last name without its NUL was cut */
        at += len + 1;
        if (own || !whole)
            continue;
        memmove(all->data + kept, name, len + 1);
        kept += len + 1;
    }
    all->len = kept;
    return rv_steal(&all);
}

/* Pairs of key and value, each ended by a NUL. */
static const char *next_text(const struct rv_blob *all, size_t *at)
{
    const char *text = (const char *)all->data + *at;
    size_t left = all->len - *at, len = strnlen(text, left);
    if (len == left)
        return NULL;
    *at += len + 1;
    return text;
}

bool rv_afc_info(struct rv_afc *afc, const char *path, struct rv_afc_info *out, struct rv_error *err)
{
    RV_AUTO(rv_blob) all = ask_path(afc, OP_INFO, path, err);
    struct rv_afc_info info = { 0 };
    if (all == NULL)
        return rv_while(err, "looking at %.120s", path);
    for (size_t at = 0; at < all->len;) {
        const char *key = next_text(all, &at), *value = key != NULL && at < all->len ? next_text(all, &at) : NULL;
        uint64_t number = 0;
        if (value == NULL)
            break;
        if (strcmp(key, "st_ifmt") == 0) {
            info.folder = strcmp(value, "S_IFDIR") == 0;
            info.file = strcmp(value, "S_IFREG") == 0;
        } else if (strcmp(key, "st_size") == 0) {
            info.size = rv_text_number(value, 10, &number) ? number : 0;
        } else if (strcmp(key, "st_mtime") == 0) {
            info.modified_s = rv_text_number(value, 10, &number) ? number / 1000000000 : 0;
        }
    }
    *out = info;
    return true;
}

/* ---- files ---- */

static bool open_file(struct rv_afc *afc, const char *path, uint64_t mode, uint64_t *handle, struct rv_error *err)
{
    uint8_t body[8 + PATH_BYTES];
    size_t len = strlen(path) + 1;
    if (len > PATH_BYTES)
        return rv_fail(err, RV_E_LIMIT, "the path has more than %d bytes", PATH_BYTES);
    rv_put_u64le(body, mode);
    memcpy(body + 8, path, len);
    if (!send_call(afc, OP_OPEN, rv_span(body, 8 + len), err))
        return false;
    RV_AUTO(rv_blob) answer = receive(afc, OP_OPEN_RESULT, err);
    if (answer == NULL)
        return false;
    struct rv_reader r = { .in = { answer->data, answer->len } };
    *handle = rv_read_u64le(&r);
    return !r.bad || rv_fail(err, RV_E_PROTOCOL, "AFC opened a file without a handle");
}

static bool read_pieces(struct rv_afc *afc, uint64_t handle, rv_afc_piece_fn *piece, void *context,
                        struct rv_error *err)
{
    uint8_t body[16];
    rv_put_u64le(body, handle);
    rv_put_u64le(body + 8, PIECE);
    for (;;) {
        if (!send_call(afc, OP_READ, rv_span(body, sizeof body), err))
            return false;
        RV_AUTO(rv_blob) bytes = receive(afc, OP_DATA, err);
        if (bytes == NULL)
            return false;
        if (bytes->len == 0)
            return true;
        if (!piece(context, rv_blob_span(bytes), err))
            return false;
    }
}

/* What was read is whole, and what was written is there: that the closing fails says nothing more. */
static void close_file(struct rv_afc *afc, uint64_t handle)
{
    uint8_t body[8];
    struct rv_error unclosed = { 0 };
    rv_put_u64le(body, handle);
    if (send_call(afc, OP_CLOSE, rv_span(body, sizeof body), &unclosed))
        rv_blob_free(receive(afc, OP_STATUS, &unclosed));
}

bool rv_afc_read(struct rv_afc *afc, const char *path, rv_afc_piece_fn *piece, void *context, struct rv_error *err)
{
    uint64_t handle = 0;
    if (!open_file(afc, path, OPEN_TO_READ, &handle, err) || !read_pieces(afc, handle, piece, context, err))
        return rv_while(err, "reading %.120s", path);
    close_file(afc, handle);
    return true;
}

static bool write_pieces(struct rv_afc *afc, uint64_t handle, struct rv_span bytes, struct rv_error *err)
{
    uint8_t body[8];
    rv_put_u64le(body, handle);
    while (bytes.len > 0) {
        size_t len = bytes.len < PIECE ? bytes.len : PIECE;
        if (!send_with_bulk(afc, OP_WRITE, rv_span(body, sizeof body), rv_span(bytes.ptr, len), err))
            return false;
        RV_AUTO(rv_blob) answer = receive(afc, OP_STATUS, err);
        if (answer == NULL)
            return false;
        bytes = rv_span(bytes.ptr + len, bytes.len - len);
    }
    return true;
}

bool rv_afc_write(struct rv_afc *afc, const char *path, struct rv_span bytes, struct rv_error *err)
{
    uint64_t handle = 0;
    if (!open_file(afc, path, OPEN_TO_WRITE, &handle, err))
        return rv_while(err, "writing %.120s", path);
    bool fine = write_pieces(afc, handle, bytes, err);
    if (fine || err->code == RV_E_REFUSED)
        close_file(afc, handle);
    return fine || rv_while(err, "writing %.120s", path);
}

static bool do_with_path(struct rv_afc *afc, enum operation operation, const char *path, struct rv_error *err)
{
    if (!send_call(afc, operation, rv_span(path, strlen(path) + 1), err))
        return false;
    RV_AUTO(rv_blob) answer = receive(afc, OP_STATUS, err);
    return answer != NULL;
}

bool rv_afc_make_folder(struct rv_afc *afc, const char *path, struct rv_error *err)
{
    return do_with_path(afc, OP_MAKE_FOLDER, path, err) || rv_while(err, "making the folder %.120s", path);
}

bool rv_afc_remove(struct rv_afc *afc, const char *path, struct rv_error *err)
{
    return do_with_path(afc, OP_REMOVE, path, err) || rv_while(err, "removing %.120s", path);
}

/* ---- locks ---- */

bool rv_afc_open_lock(struct rv_afc *afc, const char *path, uint64_t *handle, struct rv_error *err)
{
    return open_file(afc, path, OPEN_TO_CHANGE, handle, err) || rv_while(err, "opening %.120s", path);
}

static bool lock_file(struct rv_afc *afc, uint64_t handle, uint64_t how, struct rv_error *err)
{
    uint8_t body[16];
    rv_put_u64le(body, handle);
    rv_put_u64le(body + 8, how);
    if (!send_call(afc, OP_LOCK, rv_span(body, sizeof body), err))
        return false;
    RV_AUTO(rv_blob) answer = receive(afc, OP_STATUS, err);
    return answer != NULL;
}

bool rv_afc_lock(struct rv_afc *afc, uint64_t handle, struct rv_error *err)
{
    return lock_file(afc, handle, LOCK_EXCLUSIVE, err);
}

void rv_afc_unlock(struct rv_afc *afc, uint64_t handle)
{
    struct rv_error none = { 0 };
    if (lock_file(afc, handle, LOCK_NONE, &none) || none.code == RV_E_REFUSED)
        close_file(afc, handle);
}

/* ---- an app's documents ---- */

bool rv_afc_write_file(struct rv_afc *afc, const char *path, int from, uint64_t *bytes, struct rv_error *err)
{
    uint64_t handle = 0;
    RV_AUTO(rv_blob) room = rv_blob_new(PIECE, err);
    if (room == NULL || !open_file(afc, path, OPEN_TO_WRITE, &handle, err))
        return rv_while(err, "writing %.120s", path);
    ssize_t n = 1;
    bool fine = true;
    while (fine && n > 0) {
        n = read(from, room->data, room->len);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            fine = rv_fail_sys(err, RV_E_IO, errno, "reading what is sent");
        else if (n > 0 && (fine = write_pieces(afc, handle, rv_span(room->data, (size_t)n), err)))
            *bytes += (uint64_t)n;
    }
    if (fine || err->code == RV_E_REFUSED)
        close_file(afc, handle);
    return fine || rv_while(err, "writing %.120s", path);
}

struct rv_afc *rv_afc_take_documents(struct rv_stream *stream, const char *bundle, struct rv_error *err)
{
    enum { LIST_TIMEOUT_MS = 30000 };
    RV_AUTO_PLIST ask = plist_new_dict();
    plist_dict_set_item(ask, "Command", plist_new_string("VendDocuments"));
    plist_dict_set_item(ask, "Identifier", plist_new_string(bundle));
    RV_AUTO_PLIST answer =
        rv_plist_send(stream, ask, false, LIST_TIMEOUT_MS, err) ? rv_plist_receive(stream, LIST_TIMEOUT_MS, err) : NULL;
    const char *status = answer != NULL ? rv_plist_text(answer, "Status") : NULL;
    if (status != NULL && strcmp(status, "Complete") == 0)
        return rv_afc_take(stream, err);
    if (answer != NULL)
        rv_fail(err, RV_E_REFUSED, "the app %.80s shares no folder with computers, or is not on the phone (%.60s)",
                bundle, rv_plist_text(answer, "Error") != NULL ? rv_plist_text(answer, "Error") : "no reason told");
    rv_stream_free(stream);
    return NULL;
}
