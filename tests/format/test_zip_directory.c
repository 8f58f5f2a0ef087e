/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile archives, each made byte by byte here, each refused for its own reason. */
#include "support/test.h"

#include "format/zip_directory.h"

#include <zlib.h>

struct made {
    const char *name;
    const char *local_name; /* NULL: the same */
    const char *content;
    uint16_t flags, method;
    uint32_t packed, plain; /* 0: as they are */
    uint32_t header_at;     /* 0: where it stands */
};

struct archive {
    uint8_t bytes[64 * 1024];
    size_t len, directory;
    unsigned count;
};

static uint8_t *grow(struct archive *a, size_t n)
{
    assert_true(a->len + n < sizeof a->bytes);
    uint8_t *at = a->bytes + a->len;
    a->len += n;
    return at;
}

static void put_local(struct archive *a, const struct made *m)
{
    const char *name = m->local_name ? m->local_name : m->name;
    uint8_t *h = grow(a, 30);
    rv_put_u32le(h, 0x04034B50);
    rv_put_u16le(h + 4, 20);
    rv_put_u16le(h + 6, m->flags);
    rv_put_u16le(h + 8, m->method);
    rv_put_u32le(h + 14, (uint32_t)crc32(0, (const Bytef *)m->content, (uInt)strlen(m->content)));
    rv_put_u32le(h + 18, (uint32_t)strlen(m->content));
    rv_put_u32le(h + 22, (uint32_t)strlen(m->content));
    rv_put_u16le(h + 26, (uint16_t)strlen(name));
    memcpy(grow(a, strlen(name)), name, strlen(name));
    memcpy(grow(a, strlen(m->content)), m->content, strlen(m->content));
}

static void put_entry(struct archive *a, const struct made *m, size_t at)
{
    uint8_t *h = grow(a, 46);
    uint32_t len = (uint32_t)strlen(m->content);
    rv_put_u32le(h, 0x02014B50);
    rv_put_u16le(h + 8, m->flags);
    rv_put_u16le(h + 10, m->method);
    rv_put_u32le(h + 16, (uint32_t)crc32(0, (const Bytef *)m->content, len));
    rv_put_u32le(h + 20, m->packed ? m->packed : len);
    rv_put_u32le(h + 24, m->plain ? m->plain : len);
    rv_put_u16le(h + 28, (uint16_t)strlen(m->name));
    rv_put_u32le(h + 42, m->header_at ? m->header_at : (uint32_t)at);
    memcpy(grow(a, strlen(m->name)), m->name, strlen(m->name));
    a->count++;
}

static void put_end(struct archive *a)
{
    size_t size = a->len - a->directory;
    uint8_t *h = grow(a, 22);
    rv_put_u32le(h, 0x06054B50);
    rv_put_u16le(h + 8, (uint16_t)a->count);
    rv_put_u16le(h + 10, (uint16_t)a->count);
    rv_put_u32le(h + 12, (uint32_t)size);
    rv_put_u32le(h + 16, (uint32_t)a->directory);
}

static void make(struct archive *a, const struct made *m, size_t count)
{
    size_t at[16];
    *a = (struct archive){ .len = 0 };
    for (size_t i = 0; i < count; i++) {
        at[i] = a->len;
        put_local(a, &m[i]);
    }
    a->directory = a->len;
    for (size_t i = 0; i < count; i++)
        put_entry(a, &m[i], at[i]);
    put_end(a);
}

static bool read_all(const struct archive *a, struct rv_zip_directory *d, struct rv_error *err)
{
    struct rv_zip_end end;
    /* exact copies, so that a read past the end is seen */
    RV_AUTO(rv_blob) tail = rv_blob_copy(rv_span(a->bytes, a->len), err);
    if (!rv_zip_find_end(rv_blob_span(tail), a->len, &end, err))
        return false;
    RV_AUTO(rv_blob)
    directory = rv_blob_copy(rv_span_part(rv_span(a->bytes, a->len), end.directory_at, end.directory_size), err);
    return rv_zip_directory_parse(rv_blob_span(directory), &end, d, err);
}

static void a_good_archive_is_read_and_found_by_name(void **state)
{
    (void)state;
    static struct archive a;
    struct rv_error err = { 0 };
    struct rv_zip_directory d;
    const struct made m[] = { { "b/two", NULL, "22", 0, 0, 0, 0, 0 }, { "a", NULL, "1", 0, 0, 0, 0, 0 } };
    make(&a, m, 2);
    assert_fine(read_all(&a, &d, &err));
    assert_int_equal(d.count, 2);
    assert_string_equal(d.entries[0].name, "a");
    const struct rv_zip_entry *two = rv_zip_directory_find(&d, "b/two");
    assert_non_null(two);
    assert_int_equal(two->plain, 2);
    assert_null(rv_zip_directory_find(&d, "b"));
    uint64_t offset = 0;
    assert_fine(rv_zip_local_check(rv_span(a.bytes + two->header_at, 64), two, &offset, &err));
    assert_memory_equal(a.bytes + two->header_at + offset, "22", 2);
    rv_zip_directory_clear(&d);
}

static void hostile_archives_are_refused_each_for_its_reason(void **state)
{
    (void)state;
    static const struct {
        struct made m[3];
        size_t count;
        const char *words;
    } cases[] = {
        { { { "../x", NULL, "1", 0, 0, 0, 0, 0 } }, 1, "leaves the archive's folder" },
        { { { "a/../../x", NULL, "1", 0, 0, 0, 0, 0 } }, 1, "leaves the archive's folder" },
        { { { "/etc/passwd", NULL, "1", 0, 0, 0, 0, 0 } }, 1, "leaves the archive's folder" },
        { { { "C:/x", NULL, "1", 0, 0, 0, 0, 0 } }, 1, "forbidden characters" },
        { { { "a\\b", NULL, "1", 0, 0, 0, 0, 0 } }, 1, "forbidden characters" },
        { { { "a\nb", NULL, "1", 0, 0, 0, 0, 0 } }, 1, "forbidden characters" },
        { { { "", NULL, "1", 0, 0, 0, 0, 0 } }, 1, "leaves the archive's folder" },
        { { { "a//b", NULL, "1", 0, 0, 0, 0, 0 } }, 1, "leaves the archive's folder" },
        { { { "./a", NULL, "1", 0, 0, 0, 0, 0 } }, 1, "leaves the archive's folder" },
        { { { "a", NULL, "1", 0, 0, 0, 0, 0 }, { "a", NULL, "2", 0, 0, 0, 0, 0 } }, 2, "there twice" },
        { { { "a", NULL, "1", 1, 0, 0, 0, 0 } }, 1, "encrypted" },
        { { { "a", NULL, "1", 1 << 6, 0, 0, 0, 0 } }, 1, "encrypted" },
        { { { "a", NULL, "1", 0, 12, 0, 0, 0 } }, 1, "packed by method 12" },
        { { { "a", NULL, "1", 0, 0, 1, 2, 0 } }, 1, "its two sizes differ" },
        { { { "a", NULL, "1234567890", 0, 8, 10, 4000000, 0 } }, 1, "10 bytes unpack to 4000000" },
        { { { "a", NULL, "1", 0, 8, 5000, 5000, 0 } }, 1, "reaches into the directory" },
        { { { "a", NULL, "1", 0, 0, 0, 0, 50000 } }, 1, "reaches into the directory" },
        { { { "a", NULL, "11111111111111111111111111111111111", 0, 0, 0, 0, 0 }, { "b", NULL, "2", 0, 0, 0, 0, 5 } },
          2,
          "overlap" },
        { { { "folder/", NULL, "1", 0, 0, 0, 0, 0 } }, 1, "says that it has a content" },
        { { { "a", NULL, "1", 0, 8, 0xFFFFFFFF, 0xFFFFFFFF, 0 } }, 1, "lacks its 64-bit sizes" },
    };
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        static struct archive a;
        struct rv_error err = { 0 };
        struct rv_zip_directory d = { .count = 77 };
        make(&a, cases[i].m, cases[i].count);
        if (read_all(&a, &d, &err))
            fail_msg("accepted: %s", cases[i].words);
        assert_true(test_error_says(&err, cases[i].words));
        assert_int_equal(d.count, 77);
    }
}

static void an_entry_and_the_directory_must_agree(void **state)
{
    (void)state;
    static struct archive a;
    struct rv_error err = { 0 };
    struct rv_zip_directory d;
    uint64_t offset = 0;
    const struct made m[] = { { "good", "evil", "1", 0, 0, 0, 0, 0 } };
    make(&a, m, 1);
    assert_fine(read_all(&a, &d, &err));
    assert_false(rv_zip_local_check(rv_span(a.bytes, 34), &d.entries[0], &offset, &err));
    assert_true(test_error_says(&err, "disagree about 'good'"));
    assert_false(rv_zip_local_check(rv_span(a.bytes, 20), &d.entries[0], &offset, &err));
    assert_false(rv_zip_local_check(rv_span(a.bytes + 1, 34), &d.entries[0], &offset, &err));
    rv_zip_directory_clear(&d);
}

static void a_size_that_the_entry_itself_denies_is_refused(void **state)
{
    (void)state;
    static struct archive a;
    struct rv_error err = { 0 };
    struct rv_zip_directory d;
    uint64_t offset = 0;
    const struct made m[] = { { "good", NULL, "1234", 0, 8, 0, 0, 0 } };
    enum { CRC_AT = 14, PACKED_AT = 18, PLAIN_AT = 22, FLAGS_AT = 6 };
    static const size_t fields[] = { CRC_AT, PACKED_AT, PLAIN_AT };
    for (size_t i = 0; i < RV_COUNT(fields); i++) {
        make(&a, m, 1);
        a.bytes[fields[i]] ^= 4;
        assert_fine(read_all(&a, &d, &err));
        assert_false(rv_zip_local_check(rv_span(a.bytes, 34), &d.entries[0], &offset, &err));
        assert_true(test_error_says(&err, "disagree about the size or checksum of 'good'"));
        a.bytes[FLAGS_AT] |= 8; /* a writer that put them behind the content leaves anything here */
        assert_fine(rv_zip_local_check(rv_span(a.bytes, 34), &d.entries[0], &offset, &err));
        rv_zip_directory_clear(&d);
    }
}

static void a_symbolic_link_is_known_as_one(void **state)
{
    (void)state;
    static struct archive a;
    struct rv_error err = { 0 };
    struct rv_zip_directory d;
    const struct made m[] = { { "link", NULL, "/etc/passwd", 0, 0, 0, 0, 0 } };
    make(&a, m, 1);
    assert_fine(read_all(&a, &d, &err));
    assert_false(d.entries[0].link);
    rv_zip_directory_clear(&d);
    rv_put_u16le(a.bytes + a.directory + 4, 3 << 8 | 20); /* made by Unix */
    rv_put_u32le(a.bytes + a.directory + 38, UINT32_C(0120777) << 16);
    assert_fine(read_all(&a, &d, &err));
    assert_true(d.entries[0].link);
    rv_zip_directory_clear(&d);
}

static void every_cut_and_every_turned_byte_is_refused_or_read_never_crashes(void **state)
{
    (void)state;
    static struct archive a, b;
    const struct made m[] = { { "one", NULL, "11", 0, 0, 0, 0, 0 }, { "two", NULL, "22", 0, 0, 0, 0, 0 } };
    make(&a, m, 2);
    for (size_t n = 0; n < a.len; n++) {
        struct rv_error err = { 0 };
        struct rv_zip_directory d;
        b = a;
        b.len = n;
        assert_false(read_all(&b, &d, &err));
        assert_true(err.depth > 0);
        for (unsigned bit = 0; bit < 8; bit++) {
            b = a;
            b.bytes[n] ^= (uint8_t)(1u << bit);
            if (read_all(&b, &d, &err))
                rv_zip_directory_clear(&d);
        }
    }
}

static void big_archives_tell_their_sizes_in_64_bits(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_zip_end end;
    uint8_t tail[56 + 20 + 22] = { 0 };
    uint64_t file = UINT64_C(8000000000), directory = file - sizeof tail - 5000;
    rv_put_u32le(tail, 0x06064B50);
    rv_put_u64le(tail + 4, 44);
    rv_put_u64le(tail + 24, 3);
    rv_put_u64le(tail + 32, 3);
    rv_put_u64le(tail + 40, 5000);
    rv_put_u64le(tail + 48, directory);
    rv_put_u32le(tail + 56, 0x07064B50);
    rv_put_u64le(tail + 64, file - sizeof tail);
    rv_put_u32le(tail + 72, 1);
    rv_put_u32le(tail + 76, 0x06054B50);
    memset(tail + 76 + 8, 0xFF, 12);
    assert_fine(rv_zip_find_end(rv_span(tail, sizeof tail), file, &end, &err));
    assert_true(end.entries == 3 && end.directory_size == 5000 && end.directory_at == directory);
    rv_put_u64le(tail + 64, file); /* a locator that points elsewhere */
    assert_false(rv_zip_find_end(rv_span(tail, sizeof tail), file, &end, &err));
    rv_put_u64le(tail + 64, file - sizeof tail);
    rv_put_u64le(tail + 40, UINT64_MAX);
    assert_false(rv_zip_find_end(rv_span(tail, sizeof tail), file, &end, &err));
    rv_put_u64le(tail + 40, 5000);
    rv_put_u64le(tail + 24, 1 << 20);
    rv_put_u64le(tail + 32, 1 << 20);
    assert_false(rv_zip_find_end(rv_span(tail, sizeof tail), file, &end, &err));
    assert_int_equal(err.code, RV_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_archive_is_read_and_found_by_name),
        cmocka_unit_test(hostile_archives_are_refused_each_for_its_reason),
        cmocka_unit_test(an_entry_and_the_directory_must_agree),
        cmocka_unit_test(a_size_that_the_entry_itself_denies_is_refused),
        cmocka_unit_test(a_symbolic_link_is_known_as_one),
        cmocka_unit_test(every_cut_and_every_turned_byte_is_refused_or_read_never_crashes),
        cmocka_unit_test(big_archives_tell_their_sizes_in_64_bits),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("format/zip_directory", tests, NULL, NULL);
}
