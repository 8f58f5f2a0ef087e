/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeviceLink as the device speaks it: the host keeps files, the device asks for every single thing. Property lists in
 * frames, and between them two streams of files. What comes from the host is bounded and believed in nothing.
 * Source: libimobiledevice 1.3.0 src/device_link_service.c, src/mobilebackup2.c, tools/idevicebackup2.c.
 */
#pragma once

#include "base/bytes.h"
#include "sim/wire.h"

enum { SIM_LINK_PATH_MAX = 4096, SIM_LINK_BLOCK_MAX = 16 << 20, SIM_LINK_BUFFER = 65536 };

/* What a host answers with, as errno has it in DeviceLink's numbers. */
enum sim_host_status {
    SIM_HOST_OK = 0,
    SIM_HOST_OTHER = -1,
    SIM_HOST_NOT_FOUND = -6,
    SIM_HOST_EXISTS = -7,
    SIM_HOST_NOT_FOLDER = -8,
    SIM_HOST_IS_FOLDER = -9,
    SIM_HOST_LOOP = -10,
    SIM_HOST_IO = -11,
    SIM_HOST_MULTI = -13,
    SIM_HOST_NO_SPACE = -15,
};

struct sim_link {
    struct sim_wire *wire;
    struct rv_buf out;
    size_t flush_at; /* so many bytes are gathered before they go */
    uint8_t in[SIM_LINK_BUFFER];
    size_t in_at, in_len;
    double progress;
    bool gone; /* the host hung up, said goodbye or broke the rules: nothing more can be said */
    char why[160];
};

void sim_link_init(struct sim_link *link, struct sim_wire *wire);
void sim_link_clear(struct sim_link *link);
bool sim_link_break(struct sim_link *link, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** An array that begins with a text, or NULL. Free it. */
plist_t sim_link_read(struct sim_link *link);
/** The name of a message; "" when it has none. */
const char *sim_link_name(plist_t message);
/** Takes the message. */
bool sim_link_send(struct sim_link *link, plist_t message);
/** An array of these texts, for a message; ends with NULL. */
plist_t sim_link_words(const char *first, ...);

/* Each returns false when the link is gone; the host's own answer is in *status. */
bool sim_link_make_folder(struct sim_link *link, const char *path, int *status);
/** *entries (free it): name to a dictionary; NULL when the host refused. */
bool sim_link_list(struct sim_link *link, const char *path, plist_t *entries, int *status);
bool sim_link_free_space(struct sim_link *link, uint64_t *bytes, int *status);
bool sim_link_purge(struct sim_link *link, uint64_t bytes, int *status);
/** from-to pairs and lists of paths are taken. */
bool sim_link_move(struct sim_link *link, plist_t pairs, int *status);
bool sim_link_remove(struct sim_link *link, plist_t paths, int *status);
bool sim_link_copy(struct sim_link *link, const char *from, const char *to, int *status);

/* Device to host: begin, then for each file its names, bytes and how it ended, then end. */
bool sim_link_upload_begin(struct sim_link *link, uint64_t total_bytes);
bool sim_link_upload_file(struct sim_link *link, const char *device_path, const char *host_path);
bool sim_link_upload_bytes(struct sim_link *link, struct rv_span bytes);
/** trouble NULL: the file is whole. */
bool sim_link_upload_done(struct sim_link *link, const char *trouble);
bool sim_link_upload_end(struct sim_link *link, int *status);
/** Bytes of the stream as they are, for devices that lie. */
bool sim_link_put(struct sim_link *link, struct rv_span bytes);
bool sim_link_flush(struct sim_link *link);

/* Host to device. trouble NULL: that file came whole. */
struct sim_sink {
    void *context;
    void (*bytes)(void *context, size_t index, struct rv_span bytes);
    void (*done)(void *context, size_t index, const char *trouble);
};
/** paths (an array) is taken; *detail (NULL allowed): which failed and why. Free it. */
bool sim_link_download(struct sim_link *link, plist_t paths, const struct sim_sink *sink, int *status, plist_t *detail);
