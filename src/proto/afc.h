/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Apple File Conduit: listing folders, taking and putting files of one service's folder, and their locks.
 * 40 bytes of header, little-endian: "CFA6LPAA", u64 entire length, u64 length without bulk data, u64 packet number
 * (the answer carries the same), u64 operation. Source: libimobiledevice 1.3.0 src/afc.c and afc.h.
 */
#pragma once

#include "transport/stream.h"

struct rv_afc;
/** Takes ownership of the service's stream, on failure too. */
struct rv_afc *rv_afc_take(struct rv_stream *stream, struct rv_error *err);
void rv_afc_free(struct rv_afc *afc);
RV_DEFINE_AUTO(rv_afc)

/** Names in a folder, each ended by a NUL, without "." and "..". Untrusted: they name nothing on this computer. */
struct rv_blob *rv_afc_list(struct rv_afc *afc, const char *path, struct rv_error *err);

struct rv_afc_info {
    bool folder, file; /* neither: a link or something stranger */
    uint64_t size;
    uint64_t modified_s; /* since 1970; 0: not told */
};
bool rv_afc_info(struct rv_afc *afc, const char *path, struct rv_afc_info *out, struct rv_error *err);

/** Called with each piece of a file; false ends the reading with its error. */
typedef bool rv_afc_piece_fn(void *context, struct rv_span bytes, struct rv_error *err);
bool rv_afc_read(struct rv_afc *afc, const char *path, rv_afc_piece_fn *piece, void *context, struct rv_error *err);

/** The whole file anew; its folder must be there. */
bool rv_afc_write(struct rv_afc *afc, const char *path, struct rv_span bytes, struct rv_error *err);
bool rv_afc_make_folder(struct rv_afc *afc, const char *path, struct rv_error *err);
/** A file or an empty folder. */
bool rv_afc_remove(struct rv_afc *afc, const char *path, struct rv_error *err);

/** Opens a file to be locked; it is made when it is not there. */
bool rv_afc_open_lock(struct rv_afc *afc, const char *path, uint64_t *handle, struct rv_error *err);
/** Exclusively, without waiting: BUSY when somebody else holds it. */
bool rv_afc_lock(struct rv_afc *afc, uint64_t handle, struct rv_error *err);
/** Lets the lock go and closes the file. */
void rv_afc_unlock(struct rv_afc *afc, uint64_t handle);

/** The same out of an open file of this computer; *bytes: how many went. */
bool rv_afc_write_file(struct rv_afc *afc, const char *path, int from, uint64_t *bytes, struct rv_error *err);
/**
 * The Documents folder that an app shares with computers ("/Documents"), by house_arrest: the service answers a list,
 * then speaks AFC on the same line. REFUSED: there is no such app, or it shares nothing. Takes the stream over.
 * Source: libimobiledevice 1.3.0 src/house_arrest.c.
 */
struct rv_afc *rv_afc_take_documents(struct rv_stream *stream, const char *bundle, struct rv_error *err);
