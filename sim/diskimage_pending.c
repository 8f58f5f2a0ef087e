/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for sim/diskimage.c until that is built; the linker prefers the real ones. */
#include "sim/diskimage.h"

__attribute__((weak)) struct sim_udif *sim_udif_parse(const struct sim_udif_trailer *trailer, struct rv_span xml,
                                                      struct rv_error *err)
{
    (void)trailer;
    (void)xml;
    rv_fail(err, RV_E_UNSUPPORTED, "no disk images yet");
    return NULL;
}
__attribute__((weak)) void sim_udif_free(struct sim_udif *udif)
{
    (void)udif;
}
__attribute__((weak)) size_t sim_udif_chunk_count(const struct sim_udif *udif)
{
    (void)udif;
    return 0;
}
__attribute__((weak)) const struct sim_udif_chunk *sim_udif_chunk_at(const struct sim_udif *udif, size_t index)
{
    (void)udif;
    (void)index;
    return NULL;
}
__attribute__((weak)) struct sim_udif_stream *sim_udif_stream_new(const struct sim_udif *udif, int fd,
                                                                  struct rv_error *err)
{
    (void)udif;
    (void)fd;
    rv_fail(err, RV_E_UNSUPPORTED, "no disk images yet");
    return NULL;
}
__attribute__((weak)) bool sim_udif_stream_push(struct sim_udif_stream *stream, struct rv_span bytes,
                                                struct rv_error *err)
{
    (void)stream;
    (void)bytes;
    return rv_fail(err, RV_E_UNSUPPORTED, "no disk images yet");
}
__attribute__((weak)) bool sim_udif_stream_finish(struct sim_udif_stream *stream, struct rv_error *err)
{
    (void)stream;
    return rv_fail(err, RV_E_UNSUPPORTED, "no disk images yet");
}
__attribute__((weak)) void sim_udif_stream_free(struct sim_udif_stream *stream)
{
    (void)stream;
}
