/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The product's reading against the simulator's, which shares no line of it: the factory's IPSW is opened, a
 * request is built and signed by the simulated server, the ticket is checked here, and what is joined here is
 * accepted by the simulated boot ROM.
 */
#include "support/test.h"

#include "base/file.h"
#include "firmware/ipsw.h"
#include "firmware/ticket.h"
#include "firmware/tss.h"
#include "sim/apple.h"
#include "sim/image4.h"

static char folder[] = "/tmp/revive-factory-XXXXXX";
static char ipsw_path[64], root_path[512];
static const char *pki;
static struct rv_ctx ctx;
static struct rv_blob *root;

static struct sim_identity who = { .ecid = UINT64_C(0x1C2E4AA10003A),
                                   .chip = 0x8015,
                                   .board = 0x0E,
                                   .domain = 1,
                                   .ap_nonce = "the nonce of this boot, 32 bytes",
                                   .sep_nonce = "twenty bytes of SEP.",
                                   .ap_nonce_len = 32 };

static struct rv_target target_of(const struct sim_identity *id)
{
    return (struct rv_target){ .ecid = id->ecid,
                               .chip = id->chip,
                               .board = id->board,
                               .have_chip = true,
                               .have_board = true,
                               .ap_nonce = rv_span(id->ap_nonce, id->ap_nonce_len),
                               .sep_nonce = rv_span(id->sep_nonce, 20) };
}

static int start(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    pki = getenv("REVIVE_TEST_PKI") != NULL ? getenv("REVIVE_TEST_PKI") : "/tmp/revive-test-pki";
    assert_non_null(mkdtemp(folder));
    snprintf(ipsw_path, sizeof ipsw_path, "%s/x.ipsw", folder);
    snprintf(root_path, sizeof root_path, "%s/root.der", pki);
    assert_fine(sim_pki_make(pki, &err));
    root = rv_file_read(root_path, 1 << 20, &err);
    assert_fine(root != NULL);
    struct sim_factory what = { .out = ipsw_path, .system_bytes = 3 << 20, .seed = 4 };
    assert_fine(sim_factory_make(&what, &err));
    rv_clock_system(&ctx.clock);
    ctx.settings.trust_root = root_path;
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(ipsw_path);
    rmdir(folder);
    rv_blob_free(root);
    return 0;
}

static struct rv_ticket *signed_by_sim(plist_t identity)
{
    struct rv_error err = { 0 };
    struct rv_target target = target_of(&who);
    RV_AUTO_PLIST request = rv_tss_request_ap(identity, &target, &err);
    assert_fine(request != NULL);
    RV_AUTO(rv_blob) im4m = sim_sign_ticket(pki, request, &err);
    assert_fine(im4m != NULL);
    struct rv_ticket *ticket = rv_ticket_from_im4m(rv_blob_span(im4m), &err);
    assert_fine(ticket != NULL);
    return ticket;
}

static void check_accepted(struct rv_ipsw *ipsw, plist_t identity, const struct rv_ticket *ticket,
                           const char *component)
{
    struct rv_error err = { 0 };
    struct rv_span payload, used;
    char why[200] = "";
    RV_AUTO(rv_blob) img4 = rv_personalise(ipsw, identity, component, ticket, &err);
    assert_fine(img4 != NULL);
    const char *tag = rv_component_tag(identity, component);
    if (!sim_image4_accept(rv_blob_span(img4), tag, rv_blob_span(root), &who, SIM_IMAGE_NEEDS_NONCE, &payload, &used,
                           why, sizeof why))
        fail_msg("the simulated device refuses %s: %s", component, why);
}

static void the_simulated_device_accepts_what_is_joined_here(void **state)
{
    (void)state;
    static const char *const components[] = {
        "iBSS",        "iBEC",       "RestoreRamDisk", "RestoreDeviceTree", "RestoreKernelCache",
        "RestoreLogo", "RestoreSEP", "DeviceTree",     "KernelCache",       "LLB",
        "iBoot",       "SEP"
    };
    struct rv_error err = { 0 };
    RV_AUTO(rv_ipsw) ipsw = rv_ipsw_open(&ctx, ipsw_path, &err);
    assert_fine(ipsw != NULL);
    struct rv_target target = target_of(&who);
    for (unsigned b = RV_BEHAVIOR_UPDATE; b <= RV_BEHAVIOR_ERASE; b++) {
        plist_t identity = rv_ipsw_choose(ipsw, &target, (enum rv_behavior)b, &err);
        assert_fine(identity != NULL);
        assert_fine(rv_ipsw_verify(ipsw, identity, &err));
        RV_AUTO(rv_ticket) ticket = signed_by_sim(identity);
        enum rv_trust trust = RV_TRUST_APPLE;
        assert_fine(rv_ticket_verify(&ctx, ticket, identity, &target, &trust, &err));
        assert_int_equal(trust, RV_TRUST_EXTRA);
        for (size_t i = 0; i < RV_COUNT(components); i++)
            check_accepted(ipsw, identity, ticket, components[i]);
    }
}

static void the_simulated_device_refuses_where_we_refuse(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_ipsw) ipsw = rv_ipsw_open(&ctx, ipsw_path, &err);
    struct rv_target target = target_of(&who);
    plist_t identity = rv_ipsw_choose(ipsw, &target, RV_BEHAVIOR_UPDATE, &err);
    RV_AUTO(rv_ticket) ticket = signed_by_sim(identity);
    enum rv_trust trust = RV_TRUST_APPLE;
    char why[200] = "";
    struct sim_identity other = who;
    other.ap_nonce[3] ^= 1;
    target = target_of(&other);
    assert_false(rv_ticket_verify(&ctx, ticket, identity, &target, &trust, &err));
    assert_false(
        sim_ticket_accept(rv_ticket_im4m(ticket), rv_blob_span(root), &other, SIM_IMAGE_NEEDS_NONCE, why, sizeof why));
    other = who;
    other.ecid++;
    target = target_of(&other);
    assert_false(rv_ticket_verify(&ctx, ticket, identity, &target, &trust, &err));
    assert_false(sim_ticket_accept(rv_ticket_im4m(ticket), rv_blob_span(root), &other, 0, why, sizeof why));
    /* and a bit turned in the ticket: neither side may take it */
    uint64_t seed = 11;
    for (unsigned n = 0; n < 60; n++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        RV_AUTO(rv_blob) bytes = rv_blob_copy(rv_ticket_im4m(ticket), &err);
        size_t bit = (size_t)(seed >> 33) % (bytes->len * 8);
        bytes->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        struct rv_error refused = { 0 };
        target = target_of(&who);
        RV_AUTO(rv_ticket) bad = rv_ticket_from_im4m(rv_blob_span(bytes), &refused);
        bool ours = bad != NULL && rv_ticket_verify(&ctx, bad, identity, &target, &trust, &refused);
        bool theirs =
            sim_ticket_accept(rv_blob_span(bytes), rv_blob_span(root), &who, SIM_IMAGE_NEEDS_NONCE, why, sizeof why);
        if (ours || theirs)
            print_error("bit %zu: ours %d, theirs %d\n", bit, ours, theirs);
        assert_false(ours || theirs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_simulated_device_accepts_what_is_joined_here),
        cmocka_unit_test(the_simulated_device_refuses_where_we_refuse),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("firmware/factory", tests, start, end);
}
