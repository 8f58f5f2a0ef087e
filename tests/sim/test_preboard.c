/* SPDX-License-Identifier: Apache-2.0 */
/* The stash bag: what a phone says to a host before an Update, with and without a passcode, typed or not. */
#include "restore_inside.h"
#include "restore_rig.h"

#include "sim/service_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_MS = 20000, ANSWER_MAX = 65536 };
/* As a host builds it: SEQUENCE { "IM4M", 0, ... }. */
static const char local_manifest[] = "\x30\x20\x16\x04IM4M\x02\x01\x00 and what is to be signed";

static int make(void **state)
{
    static const struct rig_form form = { NULL, "11.1.2", "15B202", "11.2", "15C114" };
    (void)state;
    rig_world_make(&form);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    return rig_world_drop();
}

struct talk {
    struct sim_device *device;
    struct sim_wire host, phone;
    pthread_t thread;
};

static void *serve(void *context)
{
    struct talk *t = context;
    sim_preboard_serve(t->device, &t->phone);
    close(t->phone.fd);
    return NULL;
}

static void talk_begin(struct talk *t, struct sim_device *device)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    *t = (struct talk){ .device = device, .host = { .fd = ends[0] }, .phone = { .fd = ends[1] } };
    assert_int_equal(pthread_create(&t->thread, NULL, serve, t), 0);
}

static void talk_end(struct talk *t)
{
    close(t->host.fd);
    pthread_join(t->thread, NULL);
}

static void say(struct talk *t, const char *command, struct rv_span manifest)
{
    plist_t request = plist_new_dict();
    plist_dict_set_item(request, "Command", plist_new_string(command));
    if (manifest.len > 0)
        plist_dict_set_item(request, "Manifest", plist_new_data((const char *)manifest.ptr, manifest.len));
    assert_true(sim_wire_plist_write(&t->host, request));
    plist_free(request);
}

/* The next answer has this key. */
static void hear(struct talk *t, const char *key)
{
    plist_t answer = sim_wire_plist_read(&t->host, ANSWER_MAX, WAIT_MS);
    assert_non_null(answer);
    if (plist_dict_get_item(answer, key) == NULL) {
        char *text = NULL;
        uint32_t len = 0;
        plist_to_xml(answer, &text, &len);
        fail_msg("no %s in %s", key, text);
    }
    plist_free(answer);
}

static bool stash_is(struct rig *rig, const char *word)
{
    char text[24] = "";
    return sim_setting(rig->device, "stashbag", text, sizeof text) && strcmp(text, word) == 0;
}

static void a_phone_without_a_passcode_skips(void **state)
{
    struct rig *rig = *state;
    struct talk t;
    talk_begin(&t, rig->device);
    say(&t, "CreateStashbag", rv_span(local_manifest, sizeof local_manifest));
    hear(&t, "Skip");
    talk_end(&t);
    assert_false(stash_is(rig, "created"));
}

static void with_a_passcode_its_owner_is_asked_and_the_ticket_commits(void **state)
{
    struct rig *rig = *state;
    struct talk t;
    sim_setting_put(rig->device, "passcode", "yes");
    sim_device_start(rig->device, SIM_RECOVERY); /* gives it a nonce, for which the ticket is */
    host_open(&rig->host, rig->device, rig_world.pki, rig_world.new_ipsw, false);
    struct rv_blob *ticket = host_sign(&rig->host, rig->host.identity, false);
    assert_non_null(ticket);
    talk_begin(&t, rig->device);
    say(&t, "CreateStashbag", rv_span(local_manifest, sizeof local_manifest));
    hear(&t, "ShowDialog");
    hear(&t, "HideDialog");
    assert_true(stash_is(rig, "created"));
    say(&t, "CommitStashbag", rv_blob_span(ticket));
    hear(&t, "StashbagCommitComplete");
    assert_true(stash_is(rig, "committed"));
    talk_end(&t);
    rv_blob_free(ticket);
}

static void nobody_types_and_the_dialogue_ends(void **state)
{
    struct rig *rig = *state;
    struct talk t;
    sim_setting_put(rig->device, "passcode", "yes");
    sim_setting_put(rig->device, "passcode_entry", "no");
    talk_begin(&t, rig->device);
    say(&t, "CreateStashbag", rv_span(local_manifest, sizeof local_manifest));
    hear(&t, "ShowDialog");
    hear(&t, "Timeout");
    say(&t, "CommitStashbag", RV_SPAN_TEXT("a ticket"));
    hear(&t, "Error");
    talk_end(&t);
    assert_false(stash_is(rig, "created"));
}

static void wrong_passcodes_tickets_manifests_and_commands_are_errors(void **state)
{
    struct rig *rig = *state;
    struct talk t;
    sim_setting_put(rig->device, "passcode", "yes");
    talk_begin(&t, rig->device);
    say(&t, "CreateStashbag", rv_span(NULL, 0));
    hear(&t, "Error");
    say(&t, "BurnStashbag", rv_span(NULL, 0));
    hear(&t, "Error");
    sim_setting_put(rig->device, "passcode_entry", "wrong");
    say(&t, "CreateStashbag", rv_span(local_manifest, sizeof local_manifest));
    hear(&t, "ShowDialog");
    hear(&t, "Error");
    sim_setting_put(rig->device, "passcode_entry", "yes");
    say(&t, "CreateStashbag", rv_span(local_manifest, sizeof local_manifest));
    hear(&t, "ShowDialog");
    hear(&t, "HideDialog");
    say(&t, "CommitStashbag", RV_SPAN_TEXT("no ticket at all"));
    hear(&t, "Error");
    talk_end(&t);
    assert_true(stash_is(rig, "created"));
}

static void a_host_that_leaves_the_dialogue_is_let_go(void **state)
{
    struct rig *rig = *state;
    struct talk t;
    sim_setting_put(rig->device, "time_scale", "1");
    sim_setting_put(rig->device, "passcode", "yes");
    sim_setting_put(rig->device, "passcode_entry", "no");
    talk_begin(&t, rig->device);
    say(&t, "CreateStashbag", rv_span(local_manifest, sizeof local_manifest));
    hear(&t, "ShowDialog");
    talk_end(&t);
    assert_false(stash_is(rig, "created"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_phone_without_a_passcode_skips),
        TEST(with_a_passcode_its_owner_is_asked_and_the_ticket_commits),
        TEST(nobody_types_and_the_dialogue_ends),
        TEST(wrong_passcodes_tickets_manifests_and_commands_are_errors),
        TEST(a_host_that_leaves_the_dialogue_is_let_go),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("sim/preboard", tests, make, drop);
}
