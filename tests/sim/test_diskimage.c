/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/diskimage.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { VOLUME = 5 * 1000 * 1000 };

static struct rv_buf image = RV_BUF(64 << 20);

static bool collect(void *context, struct rv_span bytes, struct rv_error *err)
{
    return rv_buf_add(context, bytes, err);
}

static bool read_image(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    const struct rv_buf *from = context;
    if (offset > from->len || len > from->len - offset)
        return rv_fail(err, RV_E_PROTOCOL, "outside");
    memcpy(to, from->data + offset, len);
    return true;
}

static int scratch(void)
{
    char path[] = "/tmp/revive-test.XXXXXX";
    int fd = mkostemp(path, 0);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

static struct sim_image_source source_of(struct rv_buf *from)
{
    return (struct sim_image_source){ read_image, from, from->len };
}

static struct rv_blob *content(int fd)
{
    struct rv_error err = { 0 };
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    struct rv_blob *blob = rv_blob_new((size_t)st.st_size, &err);
    assert_true(rv_fd_read_at(fd, blob->data, blob->len, 0, &err));
    return blob;
}

static int set_up(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    const struct sim_udif_recipe recipe = { VOLUME, 7, "11.2 (15C114)" };
    return sim_udif_write(&recipe, collect, &image, &err) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    rv_buf_clear(&image);
    return 0;
}

static void an_image_expands_to_a_partitioned_volume(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_FD fd = scratch();
    struct sim_image_source source = source_of(&image);
    if (!sim_udif_expand(&source, fd, &err))
        fail_msg("%s", err.text[0]);
    RV_AUTO(rv_blob) volume = content(fd);
    assert_true(volume->len >= VOLUME && volume->len % 512 == 0);
    assert_memory_equal(volume->data + 510, "\x55\xaa", 2);
    assert_memory_equal(volume->data + 512, "EFI PART", 8);
    assert_memory_equal(volume->data + 40 * 512 + 32, "NXSB", 4);
    assert_memory_equal(volume->data + volume->len - 512, "EFI PART", 8);
}

static void the_same_recipe_gives_the_same_bytes_and_another_version_others(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_buf again = RV_BUF(64 << 20), other = RV_BUF(64 << 20);
    const struct sim_udif_recipe same = { VOLUME, 7, "11.2 (15C114)" }, newer = { VOLUME, 7, "11.2.1 (15C153)" };
    assert_true(sim_udif_write(&same, collect, &again, &err));
    assert_true(sim_udif_write(&newer, collect, &other, &err));
    assert_true(rv_span_equal(rv_buf_span(&image), rv_buf_span(&again)));
    assert_false(rv_span_equal(rv_buf_span(&image), rv_buf_span(&other)));
    rv_buf_clear(&again);
    rv_buf_clear(&other);
}

static void the_last_piece_of_the_transfer_is_a_short_one(void **state)
{
    (void)state;
    assert_int_equal(image.len % 2, 1);
    assert_memory_equal(image.data + image.len - 512, "koly", 4);
    for (uint64_t bytes = 1; bytes < 3000000; bytes = bytes * 7 + 13) {
        struct rv_error err = { 0 };
        struct rv_buf any = RV_BUF(64 << 20);
        const struct sim_udif_recipe recipe = { bytes, 1, "x" };
        assert_true(sim_udif_write(&recipe, collect, &any, &err));
        assert_int_equal(any.len % 2, 1);
        rv_buf_clear(&any);
    }
}

static void a_stream_in_odd_pieces_gives_the_same_volume(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_FD whole_fd = scratch();
    RV_AUTO_FD piece_fd = scratch();
    struct sim_image_source source = source_of(&image);
    assert_true(sim_udif_expand(&source, whole_fd, &err));
    RV_AUTO(sim_udif) udif = sim_udif_open(&source, &err);
    RV_AUTO(sim_udif_stream) stream = sim_udif_stream_new(udif, piece_fd, &err);
    size_t step = 1;
    for (size_t at = 0; at < image.len;) {
        size_t n = image.len - at < step ? image.len - at : step;
        if (!sim_udif_stream_push(stream, rv_span(image.data + at, n), &err))
            fail_msg("%s", err.text[0]);
        at += n;
        step = step * 5 % 131071 + 1;
    }
    assert_true(sim_udif_stream_finish(stream, &err));
    RV_AUTO(rv_blob) a = content(whole_fd);
    RV_AUTO(rv_blob) b = content(piece_fd);
    assert_true(rv_span_equal(rv_blob_span(a), rv_blob_span(b)));
}

static bool expands(struct rv_buf *from, struct rv_error *err)
{
    RV_AUTO_FD fd = scratch();
    struct sim_image_source source = source_of(from);
    return sim_udif_expand(&source, fd, err);
}

static struct rv_buf copy_of(const struct rv_buf *from)
{
    struct rv_error err = { 0 };
    struct rv_buf copy = RV_BUF(64 << 20);
    assert_true(rv_buf_add(&copy, rv_buf_span(from), &err));
    return copy;
}

static void a_flipped_bit_in_the_data_is_noticed(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct sim_image_source source = source_of(&image);
    RV_AUTO(sim_udif) udif = sim_udif_open(&source, &err);
    uint32_t crc;
    uint64_t data = sim_udif_trailer_of(udif, &crc)->data_length;
    uint32_t seed = 4;
    for (int i = 0; i < 25; i++) {
        struct rv_buf bad = copy_of(&image);
        seed = seed * 1664525 + 1013904223;
        size_t at = (size_t)(seed % data);
        bad.data[at] ^= (uint8_t)(1 << (seed >> 29));
        if (expands(&bad, &err))
            fail_msg("byte %zu changed and nothing was noticed", at);
        rv_buf_clear(&bad);
    }
}

static void a_cut_image_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_buf bad = copy_of(&image);
    static const size_t keep[] = { 0, 1, 511, 512, 513, 100000 };
    for (size_t i = 0; i < RV_COUNT(keep); i++) {
        bad.len = keep[i];
        assert_false(expands(&bad, &err));
    }
    bad.len = image.len - 1;
    assert_false(expands(&bad, &err));
    rv_buf_clear(&bad);
}

static void a_stream_that_ends_early_or_late_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_FD fd = scratch();
    struct sim_image_source source = source_of(&image);
    RV_AUTO(sim_udif) udif = sim_udif_open(&source, &err);
    RV_AUTO(sim_udif_stream) stream = sim_udif_stream_new(udif, fd, &err);
    assert_true(sim_udif_stream_push(stream, rv_span(image.data, image.len - 1), &err));
    assert_false(sim_udif_stream_finish(stream, &err));
    assert_int_equal(err.code, RV_E_CORRUPT);
    assert_false(sim_udif_stream_push(stream, rv_span("ab", 2), &err));
}

static void tables_that_lie_are_refused(void **state)
{
    (void)state;
    /* Places in the trailer: version, data length, list offset, list length, checksum kind, sectors. */
    static const size_t places[] = { 4, 32, 39, 216, 223, 224, 231, 80, 492, 496 };
    struct rv_error err = { 0 };
    for (size_t i = 0; i < RV_COUNT(places); i++) {
        struct rv_buf bad = copy_of(&image);
        bad.data[bad.len - 512 + places[i]] ^= 0x7f;
        if (expands(&bad, &err))
            fail_msg("byte %zu of the trailer changed and the image was taken", places[i]);
        rv_buf_clear(&bad);
    }
}

static void a_list_full_of_changes_never_gets_past_the_checks(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct sim_image_source source = source_of(&image);
    RV_AUTO(sim_udif) udif = sim_udif_open(&source, &err);
    uint32_t crc, seed = 99;
    const struct sim_udif_trailer trailer = *sim_udif_trailer_of(udif, &crc);
    RV_AUTO(rv_blob) xml = rv_blob_copy(rv_span(image.data + trailer.xml_offset, trailer.xml_length), &err);
    for (int i = 0; i < 300; i++) {
        seed = seed * 1664525 + 1013904223;
        uint8_t *byte = &xml->data[seed % xml->len], was = *byte;
        *byte = (uint8_t)(seed >> 24);
        /* Either refused, or every chunk still lies inside: both are checked by the sanitizers below. */
        RV_AUTO(sim_udif) other = sim_udif_parse(&trailer, rv_blob_span(xml), &err);
        for (size_t c = 0; other && c < sim_udif_chunk_count(other); c++) {
            const struct sim_udif_chunk *chunk = sim_udif_chunk_at(other, c);
            assert_true(chunk->sector + chunk->sectors <= trailer.sectors);
            assert_true(chunk->kind == SIM_CHUNK_ZERO || chunk->kind == SIM_CHUNK_IGNORE ||
                        chunk->offset + chunk->length <= trailer.data_length);
        }
        *byte = was;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_expands_to_a_partitioned_volume),
        cmocka_unit_test(the_same_recipe_gives_the_same_bytes_and_another_version_others),
        cmocka_unit_test(the_last_piece_of_the_transfer_is_a_short_one),
        cmocka_unit_test(a_stream_in_odd_pieces_gives_the_same_volume),
        cmocka_unit_test(a_flipped_bit_in_the_data_is_noticed),
        cmocka_unit_test(a_cut_image_is_refused),
        cmocka_unit_test(a_stream_that_ends_early_or_late_is_refused),
        cmocka_unit_test(tables_that_lie_are_refused),
        cmocka_unit_test(a_list_full_of_changes_never_gets_past_the_checks),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
