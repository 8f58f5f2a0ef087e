/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.apple.mobilebackup2: DeviceLink messages (u32 big-endian length, binary property list of an array that a name
 * begins), and between them the two streams of files. The device asks; the host serves a folder.
 *
 * certain: libimobiledevice src/device_link_service.c, src/mobilebackup2.c, tools/idevicebackup2.c; pymobiledevice3.
 */
#pragma once

#include "format/plist.h"
#include "transport/stream.h"

enum { RV_MB2_PATH_MAX = 4096, RV_MB2_BLOCK_MAX = 32 << 20 };

/* Codes of status answers; sent as unsigned numbers of 64 bits. */
enum rv_mb2_status {
    RV_MB2_FINE = 0,
    RV_MB2_OTHER = -1,
    RV_MB2_NOT_FOUND = -6,
    RV_MB2_EXISTS = -7,
    RV_MB2_NOT_FOLDER = -8,
    RV_MB2_IS_FOLDER = -9,
    RV_MB2_IO = -11,
    RV_MB2_MANY = -13,
    RV_MB2_NO_SPACE = -15
};
/* What ends or makes up a file in a stream. */
enum rv_mb2_block { RV_MB2_SUCCESS = 0x00, RV_MB2_ERROR_LOCAL = 0x06, RV_MB2_ERROR_REMOTE = 0x0B, RV_MB2_DATA = 0x0C };

struct rv_mb2;
/** Takes the stream (on failure too); agrees on versions. */
struct rv_mb2 *rv_mb2_take(struct rv_stream *stream, struct rv_error *err);
void rv_mb2_free(struct rv_mb2 *link);
RV_DEFINE_AUTO(rv_mb2)

/** ["DLMessageProcessMessage", request]; takes the dictionary. */
bool rv_mb2_request(struct rv_mb2 *link, plist_t request, struct rv_error *err);
/** The next message, an array whose first member is a text; caller frees. TIMEOUT loses nothing. */
plist_t rv_mb2_receive(struct rv_mb2 *link, uint32_t timeout_ms, struct rv_error *err);
/** Name of a message, never NULL. */
const char *rv_mb2_name(plist_t message);
/** ["DLMessageStatusResponse", code, text, value]; takes the value, NULL is an empty dictionary. */
bool rv_mb2_answer(struct rv_mb2 *link, int code, const char *text, plist_t value, struct rv_error *err);
bool rv_mb2_goodbye(struct rv_mb2 *link, struct rv_error *err);
/** From another thread: whatever waits for the device returns GONE. */
void rv_mb2_stop(struct rv_mb2 *link);

/* The stream of files that come. */
/** A length and that many bytes of a path, with a NUL; empty: the list ends. LIMIT, FORMAT (a NUL inside). */
bool rv_mb2_read_path(struct rv_mb2 *link, char out[RV_MB2_PATH_MAX + 1], struct rv_error *err);
/** The head of a block: its code and how many bytes follow. */
bool rv_mb2_read_block(struct rv_mb2 *link, uint8_t *code, uint32_t *len, struct rv_error *err);
/** At most `room` bytes of what follows, at least one: a view that holds until the next call. */
bool rv_mb2_read_some(struct rv_mb2 *link, size_t room, struct rv_span *out, struct rv_error *err);

/* The stream of files that go. */
bool rv_mb2_send_path(struct rv_mb2 *link, const char *path, struct rv_error *err);
bool rv_mb2_send_block(struct rv_mb2 *link, uint8_t code, struct rv_span bytes, struct rv_error *err);
bool rv_mb2_send_end(struct rv_mb2 *link, struct rv_error *err);
