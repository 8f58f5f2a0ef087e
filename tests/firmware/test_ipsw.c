/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/fixture.h"

#include "base/file.h"
#include "base/text.h"

#include <fcntl.h>
#include <sys/stat.h>

static struct fixture f;

static int start(void **state)
{
    (void)state;
    fixture_start(&f);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fixture_end(&f);
    return 0;
}

static struct rv_ipsw *open_fine(const char *path)
{
    struct rv_error err = { 0 };
    struct rv_ipsw *ipsw = rv_ipsw_open(&f.ctx, path, &err);
    assert_fine(ipsw != NULL);
    return ipsw;
}

static void a_whole_firmware_is_read_and_verified_in_every_form(void **state)
{
    (void)state;
    const char *forms[] = { f.content, f.zip, f.zip };
    for (unsigned i = 0; i < 3; i++) {
        struct rv_error err = { 0 };
        if (i > 0)
            fixture_zip(&f, i == 2);
        RV_AUTO(rv_ipsw) ipsw = open_fine(forms[i]);
        assert_string_equal(rv_ipsw_version(ipsw)->version, "11.2");
        assert_string_equal(rv_ipsw_version(ipsw)->build, "15C114");
        assert_int_equal(rv_ipsw_version(ipsw)->build_major, 15);
        assert_true(rv_ipsw_supports(ipsw, "iPhone10,6"));
        assert_false(rv_ipsw_supports(ipsw, "iPhone10,3"));
        assert_fine(rv_ipsw_verify(ipsw, fixture_identity(ipsw, RV_BEHAVIOR_UPDATE), &err));
        assert_fine(rv_ipsw_verify(ipsw, fixture_identity(ipsw, RV_BEHAVIOR_ERASE), &err));
    }
}

/* Whether the digest is one of the file's bytes is not known for all versions. A zip's checksum proves the file; in a
 * folder there is none. */
static void an_image_with_a_digest_of_something_else_is_taken_from_a_zip_only(void **state)
{
    (void)state;
    fixture_zip(&f, false);
    for (unsigned i = 0; i < 2; i++) {
        struct rv_error err = { 0 };
        RV_AUTO(rv_ipsw) ipsw = open_fine(i == 0 ? f.zip : f.content);
        plist_t identity = fixture_identity(ipsw, RV_BEHAVIOR_ERASE);
        plist_t os = rv_identity_component(identity, "OS");
        plist_dict_set_item(os, "Digest", plist_new_data("not the digest of the file, but some other one..", 48));
        assert_int_equal(rv_ipsw_verify(ipsw, identity, &err), i == 0);
        if (i == 0)
            continue;
        assert_int_equal(err.code, RV_E_CORRUPT);
        assert_true(test_error_says(&err, "058-00003-001.dmg") && test_error_says(&err, ".ipsw file itself"));
    }
}

struct seen {
    uint64_t last, total;
    unsigned count;
    bool backwards;
};

static void watch(void *context, const struct rv_event *event)
{
    struct seen *seen = context;
    if (event->kind != RV_EVENT_PROGRESS)
        return;
    seen->backwards = seen->backwards || event->done < seen->last;
    seen->last = event->done;
    seen->total = event->total;
    seen->count++;
}

static void progress_only_grows_and_ends_at_its_total(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct seen seen = { 0 };
    RV_AUTO(rv_ipsw) ipsw = open_fine(f.content);
    f.ctx.event = watch;
    f.ctx.event_context = &seen;
    assert_fine(rv_ipsw_verify(ipsw, fixture_identity(ipsw, RV_BEHAVIOR_UPDATE), &err));
    f.ctx.event = NULL;
    assert_false(seen.backwards);
    assert_true(seen.count >= 3);
    assert_int_equal(seen.last, seen.total);
}

static void a_file_under_two_names_gets_the_type_of_each(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_im4p p;
    RV_AUTO(rv_ipsw) ipsw = open_fine(f.content);
    plist_t identity = fixture_identity(ipsw, RV_BEHAVIOR_UPDATE);
    RV_AUTO(rv_blob) plain = rv_ipsw_component(ipsw, identity, "KernelCache", &err);
    RV_AUTO(rv_blob) restore = rv_ipsw_component(ipsw, identity, "RestoreKernelCache", &err);
    assert_fine(plain != NULL && restore != NULL);
    assert_fine(rv_im4p_parse(rv_blob_span(plain), &p, &err));
    assert_string_equal(p.type, "krnl");
    assert_fine(rv_im4p_parse(rv_blob_span(restore), &p, &err));
    assert_string_equal(p.type, "rkrn");
    assert_null(rv_ipsw_component(ipsw, identity, "Savage,B0-Prod-Patch", &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
}

/* ---- damage ---- */

static void expect_damage(const char *path, const char *component, const char *words)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_ipsw) ipsw = open_fine(path);
    assert_false(rv_ipsw_verify(ipsw, fixture_identity(ipsw, RV_BEHAVIOR_UPDATE), &err));
    assert_int_equal(err.code, RV_E_CORRUPT);
    assert_int_equal(err.advice, RV_ADVICE_BAD_FIRMWARE);
    assert_true(test_error_says(&err, component));
    assert_true(test_error_says(&err, words));
}

static void a_turned_bit_in_a_component_is_found_and_named(void **state)
{
    (void)state;
    RV_AUTO(rv_blob) good = fixture_read(&f, "Firmware/dfu/iBEC.im4p");
    RV_AUTO(rv_blob) bad = fixture_read(&f, "Firmware/dfu/iBEC.im4p");
    bad->data[bad->len / 2] ^= 4;
    fixture_write(&f, "Firmware/dfu/iBEC.im4p", rv_blob_span(bad));
    expect_damage(f.content, "iBEC", "digest");
    fixture_zip(&f, false); /* the zip's own checksum is right: only the digest can tell */
    expect_damage(f.zip, "iBEC", "digest");
    fixture_write(&f, "Firmware/dfu/iBEC.im4p", rv_blob_span(good));
}

static void a_turned_bit_in_the_system_image_of_a_folder_is_found(void **state)
{
    (void)state;
    RV_AUTO(rv_blob) good = rv_blob_copy(rv_span(f.image, FIXTURE_IMAGE), &(struct rv_error){ 0 });
    RV_AUTO(rv_blob) bad = rv_blob_copy(rv_span(f.image, FIXTURE_IMAGE), &(struct rv_error){ 0 });
    bad->data[bad->len - 1] ^= 0x80;
    fixture_write(&f, "058-00003-001.dmg", rv_blob_span(bad));
    expect_damage(f.content, "OS", "058-00003-001.dmg");
    fixture_write(&f, "058-00003-001.dmg", rv_blob_span(good));
}

/* Its digest may be of other bytes: the zip's checksum must catch it. */
static void a_turned_bit_in_the_system_image_of_a_zip_is_found(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    fixture_zip(&f, false);
    RV_AUTO(rv_blob) zip = rv_file_read(f.zip, 64 << 20, &err);
    assert_fine(zip != NULL);
    uint8_t *hit = memmem(zip->data, zip->len, f.image + 5000000, 64);
    assert_non_null(hit);
    hit[10] ^= 1;
    assert_fine(rv_file_write_atomic(f.zip, rv_blob_span(zip), 0600, &err));
    expect_damage(f.zip, "OS", "checksum");
}

static void a_missing_component_is_named_before_anything_is_read(void **state)
{
    (void)state;
    RV_AUTO(rv_blob) good = fixture_read(&f, "kernelcache.release");
    fixture_remove(&f, "kernelcache.release");
    expect_damage(f.content, "KernelCache", "kernelcache.release");
    fixture_zip(&f, false);
    expect_damage(f.zip, "KernelCache", "is not in the firmware file");
    fixture_write(&f, "kernelcache.release", rv_blob_span(good));
}

static void a_cut_file_is_refused_when_it_is_opened(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    fixture_zip(&f, false);
    RV_AUTO(rv_blob) zip = rv_file_read(f.zip, 64 << 20, &err);
    assert_fine(zip != NULL);
    const size_t cuts[] = { 0, 1, 21, 1000, zip->len / 2, zip->len - 1, zip->len - 22, zip->len - 500 };
    for (size_t i = 0; i < RV_COUNT(cuts); i++) {
        assert_fine(rv_file_write_atomic(f.zip, rv_span(zip->data, cuts[i]), 0600, &err));
        struct rv_error why = { 0 };
        assert_null(rv_ipsw_open(&f.ctx, f.zip, &why));
        assert_int_equal(why.code, RV_E_CORRUPT);
        assert_int_equal(why.advice, RV_ADVICE_BAD_FIRMWARE);
    }
}

static void a_path_that_leaves_the_firmware_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_ipsw) ipsw = open_fine(f.content);
    static const char *const paths[] = { "../root.der", "/etc/passwd", "Firmware/../../root.der", "Firmware/./dfu",
                                         "" };
    for (size_t i = 0; i < RV_COUNT(paths); i++) {
        struct rv_error why = { 0 };
        assert_null(rv_ipsw_file(ipsw, paths[i], 1 << 20, &why));
        assert_int_equal(why.code, RV_E_FORMAT);
    }
    assert_null(rv_ipsw_file(ipsw, "Firmware/dfu/iBEC.im4p", 100, &err));
    assert_int_equal(err.code, RV_E_LIMIT);
}

static void what_is_no_firmware_says_so(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    assert_null(rv_ipsw_open(&f.ctx, "/nonexistent/x.ipsw", &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
    assert_null(rv_ipsw_open(&f.ctx, f.folder, &err));
    assert_int_equal(err.code, RV_E_CORRUPT);
    assert_true(test_error_says(&err, "BuildManifest"));
    assert_null(rv_ipsw_open(&f.ctx, "/dev/null", &err));
    assert_int_equal(err.code, RV_E_IO);
    char fifo[100];
    snprintf(fifo, sizeof fifo, "%s/fifo", f.folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_null(rv_ipsw_open(&f.ctx, fifo, &err)); /* and does not wait for a writer */
}

/* ---- the image ---- */

static void check_read(struct rv_ipsw_image *image, uint64_t at, size_t len)
{
    struct rv_error err = { 0 };
    uint8_t *got = malloc(len ? len : 1);
    assert_fine(rv_ipsw_image_read(image, at, got, len, &err));
    assert_memory_equal(got, f.image + at, len);
    free(got);
}

static void the_system_image_is_read_at_any_place_in_any_order(void **state)
{
    (void)state;
    for (unsigned form = 0; form < 4; form++) {
        struct rv_error err = { 0 };
        if (form > 0)
            fixture_zip(&f, form >= 2);
        RV_AUTO(rv_ipsw) ipsw = open_fine(form == 0 ? f.content : f.zip);
        plist_t identity = fixture_identity(ipsw, RV_BEHAVIOR_UPDATE);
        if (form == 3) /* the check leaves its marks to whoever opens the image */
            assert_fine(rv_ipsw_verify(ipsw, identity, &err));
        RV_AUTO(rv_ipsw_image) image = rv_ipsw_image_open(&f.ctx, ipsw, identity, "OS", &err);
        assert_fine(image != NULL);
        assert_int_equal(rv_ipsw_image_size(image), FIXTURE_IMAGE);
        check_read(image, FIXTURE_IMAGE - 512, 512); /* ASR begins with the trailer */
        check_read(image, 0, 131072);
        check_read(image, FIXTURE_IMAGE, 0);
        uint64_t seed = 5;
        for (unsigned i = 0; i < 25; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            check_read(image, (seed >> 20) % (FIXTURE_IMAGE - 70000), 1 + (size_t)(seed >> 50) % 65536);
        }
        check_read(image, 0, FIXTURE_IMAGE);
        assert_false(rv_ipsw_image_read(image, FIXTURE_IMAGE - 10, &(char[16]){ 0 }, 11, &err));
        assert_int_equal(err.code, RV_E_PROTOCOL);
        assert_false(rv_ipsw_image_read(image, UINT64_MAX, &(char[16]){ 0 }, 1, &err));
    }
}

static void a_damaged_packed_image_ends_in_a_clean_error(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    fixture_zip(&f, true);
    RV_AUTO(rv_blob) zip = rv_file_read(f.zip, 64 << 20, &err);
    for (size_t i = zip->len / 2; i < zip->len / 2 + 4096; i++)
        zip->data[i] ^= 0x5A;
    assert_fine(rv_file_write_atomic(f.zip, rv_blob_span(zip), 0600, &err));
    RV_AUTO(rv_ipsw) ipsw = open_fine(f.zip);
    plist_t identity = fixture_identity(ipsw, RV_BEHAVIOR_UPDATE);
    RV_AUTO(rv_ipsw_image) image = rv_ipsw_image_open(&f.ctx, ipsw, identity, "OS", &err);
    assert_fine(image != NULL);
    uint8_t *all = malloc(FIXTURE_IMAGE);
    bool whole = rv_ipsw_image_read(image, 0, all, FIXTURE_IMAGE, &err);
    assert_true(!whole || memcmp(all, f.image, FIXTURE_IMAGE) != 0);
    if (!whole)
        assert_int_equal(err.code, RV_E_CORRUPT);
    free(all);
    assert_false(rv_ipsw_verify(ipsw, identity, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_firmware_is_read_and_verified_in_every_form),
        cmocka_unit_test(an_image_with_a_digest_of_something_else_is_taken_from_a_zip_only),
        cmocka_unit_test(progress_only_grows_and_ends_at_its_total),
        cmocka_unit_test(a_file_under_two_names_gets_the_type_of_each),
        cmocka_unit_test(a_turned_bit_in_a_component_is_found_and_named),
        cmocka_unit_test(a_turned_bit_in_the_system_image_of_a_folder_is_found),
        cmocka_unit_test(a_turned_bit_in_the_system_image_of_a_zip_is_found),
        cmocka_unit_test(a_missing_component_is_named_before_anything_is_read),
        cmocka_unit_test(a_cut_file_is_refused_when_it_is_opened),
        cmocka_unit_test(a_path_that_leaves_the_firmware_is_refused),
        cmocka_unit_test(what_is_no_firmware_says_so),
        cmocka_unit_test(the_system_image_is_read_at_any_place_in_any_order),
        cmocka_unit_test(a_damaged_packed_image_ends_in_a_clean_error),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("firmware/ipsw", tests, start, end);
}
