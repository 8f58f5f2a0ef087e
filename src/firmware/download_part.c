/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/download_part.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { STATE_CAP = 1 << 20, CHUNKS_MAX = 1 << 18, TEXT_SIZE = 32 };

uint64_t rv_part_first(const struct rv_part *part, size_t chunk)
{
    return chunk * part->chunk;
}

uint64_t rv_part_length(const struct rv_part *part, size_t chunk)
{
    uint64_t first = rv_part_first(part, chunk);
    return part->total - first < part->chunk ? part->total - first : part->chunk;
}

static bool name_files(struct rv_part *part, const char *final_path, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(strlen(final_path) + sizeof ".part.json", err);
    if (room == NULL)
        return false;
    snprintf((char *)room->data, room->len, "%s.part", final_path);
    part->path = rv_text_copy((char *)room->data);
    snprintf((char *)room->data, room->len, "%s.part.json", final_path);
    part->state_path = rv_text_copy((char *)room->data);
    return (part->path != NULL && part->state_path != NULL) || rv_fail_nomem(err);
}

static bool same_text(const json_t *state, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(state, key));
    return text != NULL && strcmp(text, value) == 0;
}

static const char *digest_of(const struct rv_part *part)
{
    return part->digest != NULL ? part->digest : "";
}

/* What cannot be proved to be the same file is not gone on with: by its state on the server, or in the end by digest.
 */
static bool is_of_this_file(const struct rv_part *part, const json_t *state)
{
    return (part->validator[0] != '\0' || digest_of(part)[0] != '\0') && same_text(state, "url", part->url) &&
           same_text(state, "validator", part->validator) && same_text(state, "digest", digest_of(part)) &&
           (uint64_t)json_integer_value(json_object_get(state, "total")) == part->total &&
           (uint64_t)json_integer_value(json_object_get(state, "chunk")) == part->chunk;
}

/* Which chunks count, if the state is of this file and its bytes are there. */
static bool take_state(struct rv_part *part)
{
    struct rv_error ignored = { 0 };
    struct stat st;
    RV_AUTO(rv_blob) bytes = rv_file_read(part->state_path, STATE_CAP, &ignored);
    json_t *state = bytes != NULL ? json_loadb((const char *)bytes->data, bytes->len, 0, NULL) : NULL;
    const char *done = json_string_value(json_object_get(state, "done"));
    bool ok = state != NULL && is_of_this_file(part, state) && done != NULL && strlen(done) == part->chunks &&
              strspn(done, "01") == part->chunks && fstat(part->fd, &st) == 0 && (uint64_t)st.st_size == part->total;
    for (size_t i = 0; ok && i < part->chunks; i++)
        part->done[i] = done[i] == '1';
    json_decref(state);
    part->went_on = ok;
    return ok;
}

static bool check_room(const struct rv_part *part, struct rv_error *err)
{
    struct statvfs room;
    char needed[TEXT_SIZE], there[TEXT_SIZE];
    if (fstatvfs(part->fd, &room) != 0)
        return true; /* the allocation will tell */
    uint64_t free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
    if (free_bytes >= part->total)
        return true;
    return rv_fail(err, RV_E_NOSPACE, "the firmware needs %s, %s are free at %s",
                   rv_text_size(part->total, needed, sizeof needed), rv_text_size(free_bytes, there, sizeof there),
                   part->path);
}

/* Room for all of it before the first byte: a disk that fills after an hour helps nobody. */
static bool take_room(struct rv_part *part, struct rv_error *err)
{
    memset(part->done, 0, part->chunks);
    if (ftruncate(part->fd, 0) != 0 || !check_room(part, err))
        return err->code != RV_OK ? false : rv_fail_sys(err, RV_E_IO, errno, "emptying %s", part->path);
    if (part->total == 0 || fallocate(part->fd, 0, 0, (off_t)part->total) == 0)
        return true;
    if (errno == EOPNOTSUPP && ftruncate(part->fd, (off_t)part->total) == 0)
        return true;
    return rv_fail_sys(err, RV_E_IO, errno, "making room for %s", part->path);
}

bool rv_part_open(struct rv_part *part, const char *final_path, struct rv_error *err)
{
    part->chunks = (size_t)((part->total + part->chunk - 1) / part->chunk);
    if (part->total > (uint64_t)CHUNKS_MAX * part->chunk)
        return rv_fail(err, RV_E_LIMIT, "a file of %llu bytes is no firmware", (unsigned long long)part->total);
    part->done = rv_alloc(part->chunks + 1);
    if (part->done == NULL)
        return rv_fail_nomem(err);
    if (!name_files(part, final_path, err))
        return false;
    part->fd = open(part->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (part->fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "creating %s", part->path);
    return take_state(part) || take_room(part, err);
}

bool rv_part_save(struct rv_part *part, struct rv_error *err)
{
    RV_AUTO(rv_blob) done = rv_blob_new(part->chunks + 1, err);
    if (done == NULL)
        return false;
    for (size_t i = 0; i < part->chunks; i++)
        done->data[i] = part->done[i] ? '1' : '0';
    done->data[part->chunks] = '\0';
    json_t *state = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "url", part->url, "validator", part->validator,
                              "digest", digest_of(part), "total", (json_int_t)part->total, "chunk",
                              (json_int_t)part->chunk, "done", (char *)done->data);
    char *text = state != NULL ? json_dumps(state, JSON_INDENT(1)) : NULL;
    bool ok = text != NULL ? true : rv_fail_nomem(err);
    if (ok && fdatasync(part->fd) != 0)
        ok = rv_fail_sys(err, RV_E_IO, errno, "writing %s", part->path);
    ok = ok && rv_file_write_atomic(part->state_path, rv_span(text, strlen(text)), 0644, err);
    free(text);
    json_decref(state);
    return ok;
}

void rv_part_discard(struct rv_part *part)
{
    if (part->path != NULL)
        unlink(part->path);
    if (part->state_path != NULL)
        unlink(part->state_path);
}

void rv_part_clear(struct rv_part *part)
{
    if (part->fd >= 0)
        close(part->fd);
    rv_free(part->done);
    rv_free(part->path);
    rv_free(part->state_path);
    *part = RV_PART;
}
