/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware verbs through the command table, as a face calls them. */
#include "firmware/fixture.h"

#include "base/file.h"
#include "command/command.h"

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

struct call {
    struct rv_args args;
    json_t *result;
    struct rv_error err;
    bool fine;
};

static void word(struct call *c, const char *text)
{
    c->args.positional[c->args.words++] = text;
}

static void option(struct call *c, const char *name, const char *value)
{
    c->args.options[c->args.count].name = name;
    c->args.options[c->args.count++].value = value;
}

static void run(struct call *c, const char *verb)
{
    const struct rv_command *command = rv_command_find(verb);
    assert_non_null(command);
    c->result = json_object();
    struct rv_run r = { .ctx = &f.ctx, .args = &c->args, .result = c->result };
    c->fine = command->run(&r, &c->err);
}

static void info_and_components_tell_what_a_firmware_holds(void **state)
{
    (void)state;
    struct call info = { 0 }, parts = { 0 };
    word(&info, f.content);
    run(&info, "firmware info");
    test_no_error(info.fine, &info.err);
    assert_string_equal(json_string_value(json_object_get(info.result, "build")), "15C114");
    assert_int_equal(json_array_size(json_object_get(info.result, "identities")), 2);
    word(&parts, f.content);
    option(&parts, "board", "d221ap");
    run(&parts, "firmware components");
    test_no_error(parts.fine, &parts.err);
    assert_int_equal(json_array_size(json_object_get(parts.result, "components")), 10);
    json_decref(info.result);
    json_decref(parts.result);
}

static void verify_accepts_a_whole_file_and_names_a_damaged_part(void **state)
{
    (void)state;
    struct call good = { 0 }, bad = { 0 }, other = { 0 };
    word(&good, f.content);
    run(&good, "firmware verify");
    test_no_error(good.fine, &good.err);
    assert_int_equal(json_array_size(json_object_get(good.result, "verified")), 2);
    word(&other, f.content);
    option(&other, "board", "d53gap");
    run(&other, "firmware verify");
    assert_false(other.fine);
    RV_AUTO(rv_blob) whole = fixture_read(&f, "Firmware/dfu/iBSS.im4p");
    whole->data[60] ^= 1;
    fixture_write(&f, "Firmware/dfu/iBSS.im4p", rv_blob_span(whole));
    word(&bad, f.content);
    run(&bad, "firmware verify");
    assert_false(bad.fine);
    assert_int_equal(rv_exit_code(&bad.err), 5);
    assert_true(test_error_says(&bad.err, "iBSS"));
    whole->data[60] ^= 1;
    fixture_write(&f, "Firmware/dfu/iBSS.im4p", rv_blob_span(whole));
    json_decref(good.result);
    json_decref(bad.result);
    json_decref(other.result);
}

static void extract_writes_a_component_as_it_would_be_sent(void **state)
{
    (void)state;
    char to[120];
    struct rv_im4p p;
    struct call c = { 0 };
    snprintf(to, sizeof to, "%s/out.im4p", f.folder);
    word(&c, f.content);
    word(&c, "RestoreKernelCache");
    option(&c, "board", "d221ap");
    option(&c, "to", to);
    run(&c, "firmware extract");
    test_no_error(c.fine, &c.err);
    RV_AUTO(rv_blob) out = rv_file_read(to, 1 << 24, &c.err);
    assert_non_null(out);
    test_no_error(rv_im4p_parse(rv_blob_span(out), &p, &c.err), &c.err);
    assert_string_equal(p.type, "rkrn");
    json_decref(c.result);
}

static void tickets_are_shown_and_verified_against_a_firmware(void **state)
{
    (void)state;
    char path[120];
    struct call show = { 0 }, right = { 0 }, wrong = { 0 };
    struct rv_error err = { 0 };
    struct fixture_ticket what = FIXTURE_TICKET;
    RV_AUTO(rv_ipsw) ipsw = rv_ipsw_open(&f.ctx, f.content, &err);
    RV_AUTO(rv_ticket) ticket = fixture_ticket(&f, fixture_identity(ipsw, RV_BEHAVIOR_UPDATE), &what);
    snprintf(path, sizeof path, "%s/ticket.im4m", f.folder);
    assert_fine(rv_file_write_atomic(path, rv_ticket_im4m(ticket), 0600, &err));
    word(&show, path);
    run(&show, "firmware ticket show");
    test_no_error(show.fine, &show.err);
    assert_string_equal(json_string_value(json_object_get(show.result, "chip_id")), "0x8015");
    assert_non_null(strstr(json_string_value(json_object_get(show.result, "signed_by")), "not Apple's"));
    word(&right, path);
    option(&right, "ipsw", f.content);
    run(&right, "firmware ticket verify");
    test_no_error(right.fine, &right.err);
    assert_string_equal(json_string_value(json_object_get(right.result, "covers")), "15C114");
    word(&wrong, path);
    option(&wrong, "ipsw", f.content);
    option(&wrong, "erase", "");
    run(&wrong, "firmware ticket verify");
    assert_false(wrong.fine);
    assert_int_equal(rv_exit_code(&wrong.err), 5);
    assert_int_equal(wrong.err.advice, RV_ADVICE_BAD_TICKET);
    json_decref(show.result);
    json_decref(right.result);
    json_decref(wrong.result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_and_components_tell_what_a_firmware_holds),
        cmocka_unit_test(verify_accepts_a_whole_file_and_names_a_damaged_part),
        cmocka_unit_test(extract_writes_a_component_as_it_would_be_sent),
        cmocka_unit_test(tickets_are_shown_and_verified_against_a_firmware),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("firmware/verbs", tests, start, end);
}
