/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives past 4 GB, stored (a sparse file) and deflated, with a zip64 end record: read to their end and at any
 * place, while this program may write no byte to any file. And what a hostile one may hold.
 */
#include "support/test.h"

#include "base/file.h"
#include "firmware/ipsw.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

enum { NAME = 64, ENTRIES_MAX = 8, CHUNK = 16 << 20 };
static const uint64_t big = UINT64_C(4400000000); /* more than 32 bits can tell */
static const uint64_t mark_at = UINT64_C(4300000123);
static const char mark[] = "beyond four gigabytes";

static const char manifest[] =
    "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>ProductVersion</key><string>11.2</string>"
    "<key>ProductBuildVersion</key><string>15C114</string><key>SupportedProductTypes</key><array><string>iPhone10,6"
    "</string></array><key>BuildIdentities</key><array><dict><key>ApChipID</key><string>0x8015</string><key>ApBoardID"
    "</key><string>0x0E</string><key>Info</key><dict><key>DeviceClass</key><string>d221ap</string></dict>"
    "<key>Manifest</key><dict><key>OS</key><dict><key>Info</key><dict><key>Path</key><string>big.dmg</string>"
    "<key>Personalize</key><false/></dict></dict></dict></dict></array></dict></plist>";

struct entry {
    char name[NAME];
    uint64_t at, packed, plain;
    uint32_t crc, attributes;
    uint16_t method;
};

struct writer {
    FILE *file;
    struct entry entries[ENTRIES_MAX];
    size_t count;
};

static void put(struct writer *w, const void *bytes, size_t len)
{
    assert_int_equal(fwrite(bytes, 1, len, w->file), len);
}

static void put_number(struct writer *w, uint64_t v, unsigned bytes)
{
    uint8_t le[8];
    rv_put_u64le(le, v);
    put(w, le, bytes);
}

/* Everything in 64 bits: the 32-bit fields are all ones. */
static struct entry *begin(struct writer *w, const char *name, uint16_t method, uint64_t packed, uint64_t plain,
                           uint32_t crc)
{
    struct entry *e = &w->entries[w->count++];
    *e = (struct entry){ .at = (uint64_t)ftello(w->file), .packed = packed, .plain = plain, .crc = crc };
    e->method = method;
    snprintf(e->name, sizeof e->name, "%s", name);
    put_number(w, 0x04034B50, 4);
    put_number(w, 45, 2);
    put_number(w, 0, 2);
    put_number(w, method, 2);
    put_number(w, 0, 4);
    put_number(w, crc, 4);
    put_number(w, UINT32_MAX, 4);
    put_number(w, UINT32_MAX, 4);
    put_number(w, strlen(name), 2);
    put_number(w, 20, 2);
    put(w, name, strlen(name));
    put_number(w, 1, 2);
    put_number(w, 16, 2);
    put_number(w, plain, 8);
    put_number(w, packed, 8);
    return e;
}

static void add_text(struct writer *w, const char *name, const char *text)
{
    size_t len = strlen(text);
    begin(w, name, 0, len, len, (uint32_t)crc32(0, (const Bytef *)text, (uInt)len));
    put(w, text, len);
}

static void put_directory(struct writer *w)
{
    uint64_t at = (uint64_t)ftello(w->file);
    for (size_t i = 0; i < w->count; i++) {
        const struct entry *e = &w->entries[i];
        put_number(w, 0x02014B50, 4);
        put_number(w, 3 << 8 | 45, 2);
        put_number(w, 45, 2);
        put_number(w, 0, 2);
        put_number(w, e->method, 2);
        put_number(w, 0, 4);
        put_number(w, e->crc, 4);
        put_number(w, UINT32_MAX, 4);
        put_number(w, UINT32_MAX, 4);
        put_number(w, strlen(e->name), 2);
        put_number(w, 28, 2);
        put_number(w, 0, 6);
        put_number(w, e->attributes, 4);
        put_number(w, UINT32_MAX, 4);
        put(w, e->name, strlen(e->name));
        put_number(w, 1, 2);
        put_number(w, 24, 2);
        put_number(w, e->plain, 8);
        put_number(w, e->packed, 8);
        put_number(w, e->at, 8);
    }
    uint64_t end = (uint64_t)ftello(w->file);
    put_number(w, 0x06064B50, 4);
    put_number(w, 44, 8);
    put_number(w, 45, 2);
    put_number(w, 45, 2);
    put_number(w, 0, 8);
    put_number(w, w->count, 8);
    put_number(w, w->count, 8);
    put_number(w, end - at, 8);
    put_number(w, at, 8);
    put_number(w, 0x07064B50, 4);
    put_number(w, 0, 4);
    put_number(w, end, 8);
    put_number(w, 1, 4);
    put_number(w, 0x06054B50, 4);
    put_number(w, 0, 4);
    put_number(w, UINT16_MAX, 2);
    put_number(w, UINT16_MAX, 2);
    put_number(w, UINT32_MAX, 4);
    put_number(w, UINT32_MAX, 4);
    put_number(w, 0, 2);
}

static const char *path_in(void **state)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/big.ipsw", (const char *)*state);
    return path;
}

static void writer_open(struct writer *w, void **state)
{
    *w = (struct writer){ .file = fopen(path_in(state), "wb") };
    assert_non_null(w->file);
    add_text(w, "BuildManifest.plist", manifest);
}

static void writer_close(struct writer *w)
{
    put_directory(w);
    assert_int_equal(fclose(w->file), 0);
}

static uint32_t zeros_crc(uint64_t len)
{
    static uint8_t zeros[CHUNK];
    uLong part = crc32(0, zeros, CHUNK), crc = crc32(0, NULL, 0);
    uint64_t done = 0;
    for (; len - done >= CHUNK; done += CHUNK)
        crc = crc32_combine(crc, part, CHUNK);
    return (uint32_t)crc32(crc, zeros, (uInt)(len - done));
}

static uint32_t content_crc(void)
{
    uint64_t after = big - mark_at - (sizeof mark - 1);
    uLong crc = crc32(zeros_crc(mark_at), (const Bytef *)mark, sizeof mark - 1);
    return (uint32_t)crc32_combine(crc, zeros_crc(after), (z_off_t)after);
}

static void make_stored(void **state)
{
    struct writer w;
    writer_open(&w, state);
    begin(&w, "big.dmg", 0, big, big, content_crc());
    uint64_t start = (uint64_t)ftello(w.file);
    assert_int_equal(fseeko(w.file, (off_t)(start + mark_at), SEEK_SET), 0);
    put(&w, mark, sizeof mark - 1);
    assert_int_equal(fseeko(w.file, (off_t)(start + big), SEEK_SET), 0);
    writer_close(&w);
    struct stat st;
    assert_int_equal(stat(path_in(state), &st), 0);
    assert_true((uint64_t)st.st_size > big && st.st_blocks < 8192); /* sparse: the disk holds next to nothing */
}

/* One packed piece of zeros many times over: each ends at a byte and needs nothing before it. */
static void make_deflated(void **state)
{
    static uint8_t zeros[CHUNK], piece[1 << 17];
    z_stream z = { .next_in = zeros, .avail_in = CHUNK, .next_out = piece, .avail_out = sizeof piece };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FULL_FLUSH), Z_OK);
    size_t len = sizeof piece - z.avail_out;
    deflateEnd(&z);
    uint64_t times = big / CHUNK + 1, plain = times * CHUNK, packed = times * len + 2;
    struct writer w;
    writer_open(&w, state);
    begin(&w, "big.dmg", 8, packed, plain, zeros_crc(plain));
    for (uint64_t i = 0; i < times; i++)
        put(&w, piece, len);
    put(&w, "\x03", 2); /* the last, empty block */
    writer_close(&w);
}

/* From here on a single byte written to any file ends the program. */
static void forbid_writing(struct rlimit *before)
{
    assert_int_equal(getrlimit(RLIMIT_FSIZE, before), 0);
    struct rlimit none = { .rlim_cur = 0, .rlim_max = before->rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
}

static struct rv_ipsw *open_fine(void **state, struct rv_ctx *ctx)
{
    struct rv_error err = { 0 };
    *ctx = (struct rv_ctx){ .log = NULL };
    ctx->cancel.fds[0] = ctx->cancel.fds[1] = -1;
    rv_clock_system(&ctx->clock);
    struct rv_ipsw *ipsw = rv_ipsw_open(ctx, path_in(state), &err);
    assert_fine(ipsw != NULL);
    return ipsw;
}

static plist_t first_identity(struct rv_ipsw *ipsw)
{
    return plist_array_get_item(rv_plist_array(rv_ipsw_manifest(ipsw), "BuildIdentities"), 0);
}

static void a_stored_image_past_four_gigabytes_is_read_in_place(void **state)
{
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    struct rlimit before;
    char got[sizeof mark] = "";
    make_stored(state);
    forbid_writing(&before);
    RV_AUTO(rv_ipsw) ipsw = open_fine(state, &ctx);
    RV_AUTO(rv_ipsw_image) image = rv_ipsw_image_open(&ctx, ipsw, first_identity(ipsw), "OS", &err);
    assert_fine(image != NULL);
    assert_true(rv_ipsw_image_size(image) == big);
    assert_fine(rv_ipsw_image_read(image, mark_at, got, sizeof mark - 1, &err));
    assert_string_equal(got, mark);
    assert_false(rv_ipsw_image_read(image, big - 3, got, 4, &err));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void a_packed_image_past_four_gigabytes_is_checked_without_unpacking_it(void **state)
{
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    struct rlimit before;
    make_deflated(state);
    forbid_writing(&before);
    RV_AUTO(rv_ipsw) ipsw = open_fine(state, &ctx);
    assert_fine(rv_ipsw_verify(ipsw, first_identity(ipsw), &err));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void a_changed_byte_past_four_gigabytes_is_found_and_named(void **state)
{
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    make_stored(state);
    FILE *file = fopen(path_in(state), "r+b");
    assert_non_null(file);
    assert_int_equal(fseeko(file, (off_t)mark_at + 100000, SEEK_SET), 0);
    assert_int_equal(fputc(1, file), 1);
    assert_int_equal(fclose(file), 0);
    RV_AUTO(rv_ipsw) ipsw = open_fine(state, &ctx);
    assert_false(rv_ipsw_verify(ipsw, first_identity(ipsw), &err));
    assert_int_equal(err.code, RV_E_CORRUPT);
    assert_true(test_error_says(&err, "OS"));
    assert_true(test_error_says(&err, "big.dmg"));
    assert_true(test_error_says(&err, "checksum"));
}

static void a_link_in_the_place_of_a_component_is_refused(void **state)
{
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    struct writer w;
    writer_open(&w, state);
    add_text(&w, "big.dmg", "/etc/passwd");
    w.entries[1].attributes = UINT32_C(0120777) << 16;
    writer_close(&w);
    RV_AUTO(rv_ipsw) ipsw = open_fine(state, &ctx);
    assert_false(rv_ipsw_verify(ipsw, first_identity(ipsw), &err));
    assert_true(test_error_says(&err, "symbolic link"));
}

static void packed_bytes_behind_the_end_are_refused(void **state)
{
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    struct writer w;
    writer_open(&w, state);
    begin(&w, "big.dmg", 8, 9, 0, 0);
    put(&w, "\x03\0hostile", 9);
    writer_close(&w);
    RV_AUTO(rv_ipsw) ipsw = open_fine(state, &ctx);
    assert_false(rv_ipsw_verify(ipsw, first_identity(ipsw), &err));
    assert_true(test_error_says(&err, "behind its end"));
}

static void a_bomb_is_refused_before_it_is_unpacked(void **state)
{
    struct rv_error err = { 0 };
    struct rv_ctx ctx = { .log = NULL };
    struct writer w;
    writer_open(&w, state);
    begin(&w, "big.dmg", 8, 1000, UINT64_C(1) << 50, 0); /* a petabyte of a thousand bytes */
    for (int i = 0; i < 1000; i++)
        put(&w, "", 1);
    writer_close(&w);
    assert_null(rv_ipsw_open(&ctx, path_in(state), &err));
    assert_true(test_error_says(&err, "1000 bytes unpack to 1125899906842624"));
    assert_int_equal(err.advice, RV_ADVICE_BAD_FIRMWARE);
}

static int make_folder(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *path = malloc(512);
    snprintf(path, 512, "%s/revive-big-XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    *state = path;
    return mkdtemp(path) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    unlink(path_in(state));
    rmdir(*state);
    free(*state);
    return 0;
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_stored_image_past_four_gigabytes_is_read_in_place),
        IN_A_FOLDER(a_packed_image_past_four_gigabytes_is_checked_without_unpacking_it),
        IN_A_FOLDER(a_changed_byte_past_four_gigabytes_is_found_and_named),
        IN_A_FOLDER(a_link_in_the_place_of_a_component_is_refused),
        IN_A_FOLDER(packed_bytes_behind_the_end_are_refused),
        IN_A_FOLDER(a_bomb_is_refused_before_it_is_unpacked),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("firmware/big_archive", tests, NULL, NULL);
}
