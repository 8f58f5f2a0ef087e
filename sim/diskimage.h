/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system image as ASR reads it: a UDIF file (trailer "koly", XML list of block tables, chunks). Nothing here
 * opens files or sockets; the caller brings reads, or pushes the stream through.
 */
#pragma once

#include "base/bytes.h"

enum { SIM_UDIF_TRAILER = 512, SIM_UDIF_SECTOR = 512 };

/** Reads exactly len bytes at offset of the image. */
struct sim_image_source {
    bool (*read)(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err);
    void *context;
    uint64_t size;
};

struct sim_udif_trailer {
    uint64_t data_length; /* bytes [0, data_length) are the chunks */
    uint64_t xml_offset, xml_length;
    uint64_t sectors; /* of the expanded volume */
    uint32_t data_crc, master_crc;
};
/** The last 512 bytes of a file of file_size bytes. */
bool sim_udif_trailer_read(struct rv_span trailer, uint64_t file_size, struct sim_udif_trailer *out,
                           struct rv_error *err);

enum sim_chunk_kind { SIM_CHUNK_ZERO, SIM_CHUNK_RAW, SIM_CHUNK_IGNORE, SIM_CHUNK_ZLIB };
struct sim_udif_chunk {
    enum sim_chunk_kind kind;
    uint64_t sector, sectors; /* place in the expanded volume */
    uint64_t offset, length;  /* place in the image file */
};

struct sim_udif;
/** Trailer and XML list as received; every table is checked against the sizes. */
struct sim_udif *sim_udif_parse(const struct sim_udif_trailer *trailer, struct rv_span xml, struct rv_error *err);
/** The same, reading both through `source`. */
struct sim_udif *sim_udif_open(const struct sim_image_source *source, struct rv_error *err);
void sim_udif_free(struct sim_udif *udif);
RV_DEFINE_AUTO(sim_udif)
uint64_t sim_udif_bytes(const struct sim_udif *udif); /* of the expanded volume */
size_t sim_udif_chunk_count(const struct sim_udif *udif);
/** Chunks in the order of the file system (= of their sectors). Borrowed. */
const struct sim_udif_chunk *sim_udif_chunk_at(const struct sim_udif *udif, size_t index);
/** The trailer it came with, and the CRC32 of the XML list. Borrowed. */
const struct sim_udif_trailer *sim_udif_trailer_of(const struct sim_udif *udif, uint32_t *xml_crc);
/** First block table with a checksum at or behind *index (moved there); false when there is none. */
bool sim_udif_table_at(const struct sim_udif *udif, size_t *index, uint64_t *sector, uint64_t *sectors, uint32_t *crc);

/** A whole image -> the volume in `fd` (written from offset 0, made exactly as long as the volume). Checks every sum.
 */
bool sim_udif_expand(const struct sim_image_source *source, int fd, struct rv_error *err);

/**
 * The same while the image arrives front to back: push every byte of the image file (chunks, list, trailer),
 * then finish. The table comes from the out-of-band reads that went before. fd is read again at the end (O_RDWR).
 */
struct sim_udif_stream;
struct sim_udif_stream *sim_udif_stream_new(const struct sim_udif *udif, int fd, struct rv_error *err);
bool sim_udif_stream_push(struct sim_udif_stream *stream, struct rv_span bytes, struct rv_error *err);
bool sim_udif_stream_finish(struct sim_udif_stream *stream, struct rv_error *err);
void sim_udif_stream_free(struct sim_udif_stream *stream);
RV_DEFINE_AUTO(sim_udif_stream)

/** What the factory writes: a volume of `bytes` (rounded up to sectors) whose content follows from text and seed. */
struct sim_udif_recipe {
    uint64_t volume_bytes;
    unsigned seed;
    const char *label; /* stands in the volume: "15.2 (15C114)" */
};
/** Calls `write` with the pieces of the image file, front to back. */
bool sim_udif_write(const struct sim_udif_recipe *recipe,
                    bool (*write)(void *context, struct rv_span bytes, struct rv_error *err), void *context,
                    struct rv_error *err);
