/* SPDX-License-Identifier: Apache-2.0 */
/* Signing tickets in files: who signed them, for which device, for which firmware. */
#include "command/firmware.h"
#include "command/verbs.h"

#include "base/text.h"
#include "command/device_json.h"
#include "firmware/ticket.h"

#include <stdio.h>
#include <string.h>

static void add_number(json_t *to, const char *key, struct rv_span properties, const char *name)
{
    uint64_t v = 0;
    char text[24];
    if (!rv_img4_property_uint(properties, name, &v))
        return;
    snprintf(text, sizeof text, "0x%llX", (unsigned long long)v);
    json_object_set_new(to, key, json_string(text));
}

static void add_octets(json_t *to, const char *key, struct rv_span properties, const char *name)
{
    struct rv_span v;
    if (rv_img4_property_octets(properties, name, &v))
        json_object_set_new(to, key, rv_hex_json(v));
}

static json_t *objects_json(const struct rv_ticket *ticket)
{
    json_t *list = json_array();
    struct rv_reader r = { .in = ticket->parsed.objects };
    struct rv_span properties;
    char tag[5];
    while (rv_im4m_object_next(&r, tag, &properties)) {
        json_t *j = json_object();
        json_object_set_new(j, "tag", json_string(tag));
        add_octets(j, "digest", properties, "DGST");
        json_array_append_new(list, j);
    }
    return list;
}

static struct rv_ticket *load(struct rv_run *run, struct rv_error *err)
{
    const char *path = rv_arg_word(run->args, 0);
    if (path == NULL) {
        rv_fail(err, RV_E_USAGE, "which ticket file?");
        return NULL;
    }
    return rv_ticket_load(path, err);
}

/*
 * A saved ticket may name what its one-time number is made from; up to the A11 anybody can check that it is. False:
 * it is not, or cannot be read.
 */
static bool add_generator(struct rv_run *run, const struct rv_ticket *ticket)
{
    const char *text = ticket->answer != NULL ? rv_plist_text(ticket->answer, "generator") : NULL;
    uint64_t generator = 0, chip = 0;
    uint8_t made[RV_TICKET_NONCE_MAX];
    size_t len = 0;
    struct rv_span nonce;
    struct rv_error unknown = { 0 };
    if (text == NULL)
        return true;
    if (!rv_text_number(text, 0, &generator))
        return false;
    rv_json_set_hex(run->result, "generator", generator, 16);
    if (!rv_img4_property_uint(ticket->parsed.properties, "CHIP", &chip) ||
        !rv_img4_property_octets(ticket->parsed.properties, "BNCH", &nonce) ||
        !rv_nonce_from_generator((uint32_t)chip, generator, made, &len, &unknown))
        return true;
    bool fits = rv_span_equal(nonce, rv_span(made, len));
    json_object_set_new(run->result, "generator_fits", json_boolean(fits));
    return fits;
}

static bool add_ticket(struct rv_run *run, const struct rv_ticket *ticket)
{
    struct rv_span properties = ticket->parsed.properties;
    add_number(run->result, "ecid", properties, "ECID");
    add_number(run->result, "chip_id", properties, "CHIP");
    add_number(run->result, "board_id", properties, "BORD");
    add_octets(run->result, "ap_nonce", properties, "BNCH");
    add_octets(run->result, "sep_nonce", properties, "snon");
    return add_generator(run, ticket);
}

const char *rv_trust_words(enum rv_trust trust)
{
    return trust == RV_TRUST_APPLE ? "Apple" : "not Apple's (the extra trust root)";
}

static bool run_show(struct rv_run *run, struct rv_error *err)
{
    struct rv_error unsigned_by = { 0 };
    enum rv_trust trust = RV_TRUST_APPLE;
    RV_AUTO(rv_ticket) ticket = load(run, err);
    if (ticket == NULL)
        return false;
    add_ticket(run, ticket);
    bool holds = rv_ticket_verify_signature(run->ctx, ticket, &trust, &unsigned_by);
    json_object_set_new(run->result, "signed_by",
                        json_string(holds ? rv_trust_words(trust) : "nobody that is trusted"));
    if (!holds)
        json_object_set_new(run->result, "signature_fault", json_string(unsigned_by.text[0]));
    json_object_set_new(run->result, "objects", objects_json(ticket));
    return true;
}

static bool run_verify(struct rv_run *run, struct rv_error *err)
{
    enum rv_trust trust = RV_TRUST_APPLE;
    const char *path = rv_arg(run->args, "ipsw");
    RV_AUTO(rv_ticket) ticket = load(run, err);
    if (ticket == NULL)
        return false;
    bool fits = add_ticket(run, ticket);
    if (!rv_ticket_verify_signature(run->ctx, ticket, &trust, err)) {
        rv_advise(err, RV_ADVICE_BAD_TICKET);
        return false;
    }
    if (!fits) {
        rv_fail(err, RV_E_CORRUPT, "the ticket's one-time number is not made from the generator that the file names");
        return rv_advise(err, RV_ADVICE_BAD_TICKET);
    }
    json_object_set_new(run->result, "signed_by", json_string(rv_trust_words(trust)));
    if (path == NULL)
        return true;
    RV_AUTO(rv_ipsw) ipsw = rv_firmware_from_word(run, path, err);
    plist_t identity = ipsw != NULL ? rv_firmware_identity(run, ipsw, err) : NULL;
    if (identity == NULL)
        return false;
    if (!rv_ticket_verify_coverage(ticket, identity, err)) {
        rv_advise(err, RV_ADVICE_BAD_TICKET);
        return rv_while(err, "comparing the ticket with %s", path);
    }
    json_object_set_new(run->result, "covers", json_string(rv_ipsw_version(ipsw)->build));
    return true;
}

static const struct rv_option options[] = {
    { "ipsw", 0, "FILE", "does it cover every part of this firmware" },
    RV_OPTION_BOARD,
    RV_OPTION_ERASE,
};

const struct rv_command rv_verb_firmware_ticket_show = {
    .name = "firmware ticket show",
    .summary = "Print what a signing ticket says",
    .words = "TICKET",
    .about = "Reads a raw IM4M, an IMG4, or a .shsh or .shsh2 file, and says for which device it is, who signed it "
             "and which parts of a firmware it names.",
    .example = "revive firmware ticket show saved.shsh2\n    prints ECID, chip, nonce and the digests",
    .run = run_show,
};

const struct rv_command rv_verb_firmware_ticket_verify = {
    .name = "firmware ticket verify",
    .summary = "Check a signing ticket: its signature, and what it covers",
    .words = "TICKET",
    .about = "Checks the signature up to Apple's roots (or the one of REVIVE_TRUST_ROOT, which is then said), the "
             "conditions of the certificate, and with --ipsw that every part of that firmware is covered. Exit 5 "
             "with the reason when one of them does not hold.",
    .example = "revive firmware ticket verify saved.shsh2 --ipsw iPhone.ipsw --erase\n    says whether it fits",
    .options = options,
    .option_count = RV_COUNT(options),
    .run = run_verify,
};
