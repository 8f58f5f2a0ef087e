/* SPDX-License-Identifier: Apache-2.0 */
/* A signing ticket asked for, checked and kept in a file, for an attached device or for one that is only described. */
#include "command/firmware.h"
#include "command/verbs.h"

#include "base/file.h"
#include "base/text.h"
#include "command/device_json.h"
#include "crypto/digest.h"
#include "device/device.h"
#include "firmware/ipsw.h"
#include "firmware/ticket.h"

#include <stdio.h>
#include <string.h>

enum { SEP_NONCE = 20, NAME_MAX_BYTES = 512 };

struct wish {
    struct rv_identity device; /* what is known of it */
    const char *generator;     /* as it will stand in the file; NULL none */
    uint8_t nonce[RV_TICKET_NONCE_MAX], sep_nonce[RV_TICKET_NONCE_MAX];
    size_t nonce_len, sep_nonce_len;
};

static void fill_target(const struct wish *wish, struct rv_target *out)
{
    const struct rv_identity *id = &wish->device;
    *out = (struct rv_target){
        .ecid = id->ecid,
        .chip = id->chip,
        .board = id->board,
        .have_chip = id->have_chip,
        .have_board = id->have_board,
        .hardware_model = id->hardware_model[0] == '\0' ? NULL : id->hardware_model,
        .product_type = id->product_type[0] == '\0' ? NULL : id->product_type,
        .ap_nonce = rv_span(wish->nonce, wish->nonce_len),
        .sep_nonce = rv_span(wish->sep_nonce, wish->sep_nonce_len),
    };
}

/* ---- the device ---- */

static bool read_attached(struct rv_run *run, struct wish *wish, struct rv_error *err)
{
    struct rv_device device;
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    if (fleet == NULL || !rv_command_pick(fleet, rv_arg(run->args, "device"), run->result, &device, err))
        return false;
    bool usb_mode = device.mode == RV_MODE_RECOVERY || device.mode == RV_MODE_DFU;
    if (usb_mode && rv_arg(run->args, "nonce") == NULL && rv_arg(run->args, "generator") == NULL) {
        struct rv_usb *usb = rv_device_open_usb(fleet, &device, err);
        bool read = usb != NULL && rv_device_read_nonces(usb, &device.identity, err);
        rv_usb_free(usb);
        if (!read)
            return rv_while(err, "reading the device's one-time number");
    }
    wish->device = device.identity;
    return device.identity.ecid != 0 ||
           rv_fail(err, RV_E_UNSUPPORTED, "the device in %s does not tell its ECID: name it with --ecid",
                   rv_mode_words(device.mode));
}

static bool take_hex(const char *text, const char *what, uint8_t *out, size_t out_size, size_t *len,
                     struct rv_error *err)
{
    const char *digits = rv_text_starts(text, "0x") ? text + 2 : text;
    long n = rv_text_unhex(digits, strlen(digits), out, out_size);
    if (n <= 0)
        return rv_fail(err, RV_E_USAGE, "%s is not a row of hexadecimal digits of at most %zu bytes", what, out_size);
    *len = (size_t)n;
    return true;
}

/* ---- the one-time numbers ---- */

static bool choose_nonce(struct rv_run *run, uint32_t chip, struct wish *wish, struct rv_error *err)
{
    const char *nonce = rv_arg(run->args, "nonce"), *generator = rv_arg(run->args, "generator");
    uint64_t number = 0;
    if (nonce != NULL && generator != NULL)
        return rv_fail(err, RV_E_USAGE, "give --nonce or --generator, not both");
    if (nonce != NULL && !take_hex(nonce, "--nonce", wish->nonce, sizeof wish->nonce, &wish->nonce_len, err))
        return false;
    if (generator != NULL) {
        if (!rv_text_starts(generator, "0x") || strlen(generator) != 18 || !rv_text_number(generator, 0, &number))
            return rv_fail(err, RV_E_USAGE, "--generator is written as 0x and sixteen hexadecimal digits");
        if (!rv_nonce_from_generator(chip, number, wish->nonce, &wish->nonce_len, err))
            return false;
        wish->generator = generator;
    }
    if (nonce == NULL && generator == NULL) {
        wish->nonce_len = wish->device.ap_nonce_len <= sizeof wish->nonce ? wish->device.ap_nonce_len : 0;
        memcpy(wish->nonce, wish->device.ap_nonce, wish->nonce_len);
    }
    if (wish->nonce_len == 0)
        return rv_fail(err, RV_E_USAGE,
                       "a ticket holds for one one-time number only, and the device does not tell its own here: put it "
                       "into Recovery mode (`revive recovery enter`), or give --nonce, or (A7 to A11) --generator");
    return wish->nonce_len == rv_nonce_length(chip) ||
           rv_fail(err, RV_E_USAGE, "the one-time number has %zu bytes; this chip's has %zu", wish->nonce_len,
                   rv_nonce_length(chip));
}

/* The server wants a number of the Secure Enclave too; where none is known any will do, as it is drawn anew anyway. */
static bool choose_sep_nonce(struct rv_run *run, struct wish *wish, struct rv_error *err)
{
    const char *given = rv_arg(run->args, "sep-nonce");
    if (given != NULL)
        return take_hex(given, "--sep-nonce", wish->sep_nonce, sizeof wish->sep_nonce, &wish->sep_nonce_len, err);
    if (wish->device.sep_nonce_len > 0 && wish->device.sep_nonce_len <= sizeof wish->sep_nonce) {
        wish->sep_nonce_len = wish->device.sep_nonce_len;
        memcpy(wish->sep_nonce, wish->device.sep_nonce, wish->sep_nonce_len);
        return true;
    }
    wish->sep_nonce_len = SEP_NONCE;
    return rv_random(wish->sep_nonce, SEP_NONCE, err);
}

/* ---- the file ---- */

/* ECID_board_version-build_erase-or-update_nonce.shsh2: the order that collections of tickets use. */
static char *default_name(const struct wish *wish, plist_t identity, const struct rv_ipsw *ipsw, bool erase,
                          struct rv_error *err)
{
    char name[NAME_MAX_BYTES], leaf[256], hex[2 * RV_TICKET_NONCE_MAX + 1];
    const struct rv_firmware_version *v = rv_ipsw_version(ipsw);
    const char *board = rv_plist_text(rv_plist_dict(identity, "Info"), "DeviceClass");
    snprintf(name, sizeof name, "%llu_%s_%s-%s_%s_%s.shsh2", (unsigned long long)wish->device.ecid,
             board != NULL ? board : "board", v->version, v->build, erase ? "erase" : "update",
             rv_text_hex(rv_span(wish->nonce, wish->nonce_len), hex, sizeof hex));
    rv_path_safe_leaf(name, leaf, sizeof leaf);
    char *copy = rv_text_copy(leaf);
    if (copy == NULL)
        rv_fail_nomem(err);
    return copy;
}

static void tell(struct rv_run *run, const struct wish *wish, const struct rv_ipsw *ipsw, const char *path,
                 enum rv_trust trust)
{
    const struct rv_firmware_version *v = rv_ipsw_version(ipsw);
    json_t *out = run->result;
    rv_json_set_hex(out, "ecid", wish->device.ecid, 0);
    json_object_set_new(out, "ap_nonce", rv_hex_json(rv_span(wish->nonce, wish->nonce_len)));
    json_object_set_new(out, "sep_nonce", rv_hex_json(rv_span(wish->sep_nonce, wish->sep_nonce_len)));
    json_object_set_new(out, "generator", wish->generator != NULL ? json_string(wish->generator) : json_null());
    json_object_set_new(out, "version", json_string(v->version));
    json_object_set_new(out, "build", json_string(v->build));
    json_object_set_new(out, "behaviour", json_string(rv_arg_flag(run->args, "erase") ? "erase" : "update"));
    json_object_set_new(out, "signed_by", json_string(rv_trust_words(trust)));
    json_object_set_new(out, "verified", json_true());
    json_object_set_new(out, "file", json_string(path));
}

static bool fetch(struct rv_run *run, struct wish *wish, const struct rv_ipsw *ipsw, plist_t identity,
                  struct rv_error *err)
{
    struct rv_target target;
    enum rv_trust trust = RV_TRUST_APPLE;
    const char *to = rv_arg(run->args, "to");
    fill_target(wish, &target);
    RV_AUTO_TEXT name =
        to != NULL ? rv_text_copy(to) : default_name(wish, identity, ipsw, rv_arg_flag(run->args, "erase"), err);
    if (name == NULL)
        return err->code != RV_OK ? false : rv_fail_nomem(err);
    if (rv_file_exists(name))
        return rv_fail(err, RV_E_USAGE, "%.150s is there already: tickets cannot be had again, so it is not replaced",
                       name);
    RV_AUTO(rv_ticket) ticket = rv_ticket_fetch(run->ctx, ipsw, identity, &target, err);
    /* Checked before it gets a name, and again as it stands in the file. */
    if (ticket == NULL || !rv_ticket_verify(run->ctx, ticket, identity, &target, &trust, err) ||
        !rv_ticket_save(ticket, wish->generator, name, err))
        return false;
    RV_AUTO(rv_ticket) saved = rv_ticket_load(name, err);
    if (saved == NULL || !rv_ticket_verify(run->ctx, saved, identity, &target, &trust, err))
        return rv_while(err, "checking the ticket as it was saved");
    tell(run, wish, ipsw, name, trust);
    return true;
}

static bool run_fetch(struct rv_run *run, struct rv_error *err)
{
    struct wish wish = { .generator = NULL };
    const char *ecid = rv_arg(run->args, "ecid"), *path = rv_arg(run->args, "ipsw");
    uint64_t chip = 0;
    if (path == NULL)
        return rv_fail(err, RV_E_USAGE, "for which firmware? Name it with --ipsw FILE");
    if (ecid != NULL && (!rv_text_number(ecid, 0, &wish.device.ecid) || wish.device.ecid == 0))
        return rv_fail(err, RV_E_USAGE, "--ecid is a number, decimal or hexadecimal with 0x in front");
    RV_AUTO(rv_ipsw) ipsw = rv_firmware_from_word(run, path, err);
    if (ipsw == NULL || (ecid == NULL && !read_attached(run, &wish, err)))
        return false;
    struct rv_target target;
    fill_target(&wish, &target);
    if (rv_arg(run->args, "board") != NULL)
        target.hardware_model = rv_arg(run->args, "board");
    enum rv_behavior behavior = rv_arg_flag(run->args, "erase") ? RV_BEHAVIOR_ERASE : RV_BEHAVIOR_UPDATE;
    plist_t identity = rv_ipsw_choose(ipsw, &target, behavior, err);
    if (identity == NULL)
        return false;
    if (!rv_plist_number(identity, "ApChipID", &chip))
        return rv_fail(err, RV_E_FORMAT, "the firmware does not say for which chip it is");
    return choose_nonce(run, (uint32_t)chip, &wish, err) && choose_sep_nonce(run, &wish, err) &&
           fetch(run, &wish, ipsw, identity, err);
}

static const struct rv_option options[] = {
    { "board", 0, "BOARD", "the device's board, such as d221ap (with --ecid, where the file is for several)" },
    { "ecid", 0, "ECID", "for a device that is not attached" },
    { "erase", 0, NULL, "for the part that erases; without it the one that updates" },
    { "generator", 0, "0x…", "the number that the one-time number is made from (A7 to A11)" },
    { "ipsw", 0, "FILE", "the firmware to be signed" },
    { "nonce", 0, "HEX", "the one-time number (ApNonce) to be signed for; else the attached device's present one" },
    { "sep-nonce", 0, "HEX", "the Secure Enclave's; else the device's, else a random one" },
    { "to", 0, "FILE", "where to save it; else a name made of ECID, board, version and number" },
};

const struct rv_command rv_verb_firmware_ticket_fetch = {
    .name = "firmware ticket fetch",
    .summary = "Ask Apple's server for a signing ticket and keep it",
    .about = "Asks for a ticket for the attached device, or for one described by --ecid and --nonce or --generator, "
             "checks it (signature, device, one-time number, every part of the firmware), saves it as .shsh2 and "
             "checks the file again. A file that is there is never replaced. A ticket holds for one one-time number: "
             "a device in Recovery mode has a new one after each start, so an old ticket is for diagnosis, not a "
             "promise of an older version. Exit 6 and the reason when the server refuses (error 3194 and its kin).",
    .example = "revive firmware ticket fetch --ipsw iPhone.ipsw --to mine.shsh2\n"
               "    for the attached device, in its present mode",
    .options = options,
    .option_count = RV_COUNT(options),
    .flags = RV_COMMAND_DEVICE,
    .run = run_fetch,
};
