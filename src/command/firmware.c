/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into a firmware file without a device: what it holds, is it whole, one part of it. */
#include "command/firmware.h"

#include "base/file.h"
#include "base/text.h"
#include "command/firmware_fetch.h"
#include "command/verbs.h"

#include <string.h>

enum { EXTRACT_MAX = 1024 * 1024 * 1024 };

static json_t *clean_text(const char *text)
{
    RV_AUTO_TEXT copy = rv_text_copy(text != NULL ? text : "");
    if (copy == NULL)
        return json_null();
    rv_text_clean(copy);
    return json_string(copy);
}

json_t *rv_hex_json(struct rv_span bytes)
{
    enum { MOST = 128 };
    char hex[2 * MOST + 1];
    return json_string(rv_text_hex(rv_span_part(bytes, 0, bytes.len < MOST ? bytes.len : MOST), hex, sizeof hex));
}

static uint64_t number_of(plist_t dict, const char *key)
{
    uint64_t v = 0;
    rv_plist_number(dict, key, &v);
    return v;
}

static json_t *identity_json(plist_t identity)
{
    plist_t info = rv_plist_dict(identity, "Info"), manifest = rv_plist_dict(identity, "Manifest");
    json_t *j = json_object();
    json_object_set_new(j, "board", clean_text(rv_plist_text(info, "DeviceClass")));
    json_object_set_new(j, "variant", clean_text(rv_plist_text(info, "Variant")));
    json_object_set_new(j, "behavior", clean_text(rv_plist_text(info, "RestoreBehavior")));
    json_object_set_new(j, "chip_id", json_integer((json_int_t)number_of(identity, "ApChipID")));
    json_object_set_new(j, "board_id", json_integer((json_int_t)number_of(identity, "ApBoardID")));
    json_object_set_new(j, "components", json_integer(manifest != NULL ? plist_dict_get_size(manifest) : 0));
    return j;
}

struct rv_ipsw *rv_firmware_from_word(struct rv_run *run, const char *path, struct rv_error *err)
{
    if (path == NULL) {
        rv_fail(err, RV_E_USAGE, "which firmware file?");
        return NULL;
    }
    return rv_ipsw_open(run->ctx, path, err);
}

plist_t rv_firmware_identity(struct rv_run *run, struct rv_ipsw *ipsw, struct rv_error *err)
{
    struct rv_target target = { .hardware_model = rv_arg(run->args, "board") };
    bool erase = rv_arg_flag(run->args, "erase");
    return rv_ipsw_choose(ipsw, &target, erase ? RV_BEHAVIOR_ERASE : RV_BEHAVIOR_UPDATE, err);
}

static void add_version(struct rv_run *run, const struct rv_ipsw *ipsw)
{
    const struct rv_firmware_version *v = rv_ipsw_version(ipsw);
    json_object_set_new(run->result, "version", json_string(v->version));
    json_object_set_new(run->result, "build", json_string(v->build));
}

static bool run_info(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO(rv_ipsw) ipsw = rv_firmware_to_look_into(run, err);
    if (ipsw == NULL)
        return false;
    add_version(run, ipsw);
    json_t *products = json_array(), *list = json_array();
    plist_t types = rv_plist_array(rv_ipsw_manifest(ipsw), "SupportedProductTypes");
    plist_t identities = rv_plist_array(rv_ipsw_manifest(ipsw), "BuildIdentities");
    for (uint32_t i = 0; types != NULL && i < plist_array_get_size(types); i++) {
        plist_t type = plist_array_get_item(types, i);
        if (PLIST_IS_STRING(type))
            json_array_append_new(products, clean_text(plist_get_string_ptr(type, NULL)));
    }
    for (uint32_t i = 0; i < plist_array_get_size(identities); i++)
        json_array_append_new(list, identity_json(plist_array_get_item(identities, i)));
    json_object_set_new(run->result, "products", products);
    json_object_set_new(run->result, "identities", list);
    return true;
}

static bool wanted(struct rv_run *run, plist_t identity)
{
    const char *board = rv_arg(run->args, "board");
    return board == NULL || rv_text_equal_nocase(rv_plist_text(rv_plist_dict(identity, "Info"), "DeviceClass"), board);
}

static bool run_verify(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO(rv_ipsw) ipsw = rv_firmware_from_word(run, rv_arg_word(run->args, 0), err);
    if (ipsw == NULL)
        return false;
    plist_t identities = rv_plist_array(rv_ipsw_manifest(ipsw), "BuildIdentities");
    json_t *verified = json_array();
    add_version(run, ipsw);
    json_object_set_new(run->result, "verified", verified);
    rv_tell_step(run->ctx, "verify", "Checking every part of the firmware file");
    for (uint32_t i = 0; i < plist_array_get_size(identities); i++) {
        plist_t identity = plist_array_get_item(identities, i);
        if (!wanted(run, identity))
            continue;
        if (!rv_ipsw_verify(ipsw, identity, err))
            return false;
        json_array_append_new(verified, identity_json(identity));
    }
    return json_array_size(verified) > 0 ||
           rv_fail(err, RV_E_NOT_FOUND, "this firmware has no part for the board %s", rv_arg(run->args, "board"));
}

static json_t *component_json(plist_t identity, const char *name)
{
    plist_t entry = rv_identity_component(identity, name), info = rv_plist_dict(entry, "Info");
    struct rv_span digest = rv_plist_data(entry, "Digest");
    json_t *j = json_object();
    json_object_set_new(j, "name", clean_text(name));
    if (rv_plist_text(info, "Path") != NULL)
        json_object_set_new(j, "path", clean_text(rv_plist_text(info, "Path")));
    if (digest.len > 0)
        json_object_set_new(j, "digest", rv_hex_json(digest));
    json_object_set_new(j, "trusted", json_boolean(rv_plist_bool(entry, "Trusted", false)));
    return j;
}

static bool run_components(struct rv_run *run, struct rv_error *err)
{
    const char **names = NULL;
    size_t count = 0;
    RV_AUTO(rv_ipsw) ipsw = rv_firmware_to_look_into(run, err);
    plist_t identity = ipsw != NULL ? rv_firmware_identity(run, ipsw, err) : NULL;
    if (identity == NULL || !rv_identity_components(identity, &names, &count, err))
        return false;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, component_json(identity, names[i]));
    rv_free(names);
    add_version(run, ipsw);
    json_object_set_new(run->result, "components", list);
    return true;
}

static bool run_extract(struct rv_run *run, struct rv_error *err)
{
    const char *what = rv_arg_word(run->args, 1), *to = rv_arg(run->args, "to");
    if (what == NULL || to == NULL)
        return rv_fail(err, RV_E_USAGE, "name the component or the path inside the firmware file, and --to FILE");
    RV_AUTO(rv_ipsw) ipsw = rv_firmware_from_word(run, rv_arg_word(run->args, 0), err);
    if (ipsw == NULL)
        return false;
    struct rv_error not_chosen = { 0 };
    plist_t identity = rv_firmware_identity(run, ipsw, &not_chosen);
    bool component = identity != NULL && rv_identity_component(identity, what) != NULL;
    RV_AUTO(rv_blob)
    blob = component ? rv_ipsw_component(ipsw, identity, what, err) : rv_ipsw_file(ipsw, what, EXTRACT_MAX, err);
    if (blob == NULL || !rv_file_write_atomic(to, rv_blob_span(blob), 0644, err))
        return false;
    json_object_set_new(run->result, "file", json_string(to));
    json_object_set_new(run->result, "bytes", json_integer((json_int_t)blob->len));
    return true;
}

static const struct rv_option verify_options[] = {
    RV_OPTION_BOARD,
};
static const struct rv_option components_options[] = {
    RV_OPTION_BOARD,
    RV_OPTION_ERASE,
    { "latest", 0, NULL, "the newest that is signed for the model; it stays on the server" },
    { "product", 0, "MODEL", "for --latest and --version: such as iPhone10,6; default: the attached device's" },
    { "url", 0, "URL", "a firmware file on a server; only the parts that tell are loaded" },
    { "version", 0, "VERSION", "a version or build for the model; it stays on the server" },
};
static const struct rv_option info_options[] = {
    { "latest", 0, NULL, "the newest that is signed for the model; it stays on the server" },
    { "product", 0, "MODEL", "for --latest and --version: such as iPhone10,6; default: the attached device's" },
    { "url", 0, "URL", "a firmware file on a server; only the parts that tell are loaded" },
    { "version", 0, "VERSION", "a version or build for the model; it stays on the server" },
};
static const struct rv_option extract_options[] = {
    RV_OPTION_BOARD,
    RV_OPTION_ERASE,
    { "to", 0, "FILE", "where to write it" },
};

const struct rv_command rv_verb_firmware_components = {
    .name = "firmware components",
    .summary = "List the parts of a firmware file for one board",
    .words = "[IPSW]",
    .about = "Every component that the file's BuildManifest names for the board, with its path and digest. With --url, "
             "--latest or --version the file stays on its server: only its list of contents and its BuildManifest are "
             "loaded.",
    .example = "revive firmware components iPhone.ipsw --board d221ap\n    lists some forty parts",
    .options = components_options,
    .option_count = RV_COUNT(components_options),
    .flags = RV_COMMAND_DEVICE,
    .run = run_components,
};

const struct rv_command rv_verb_firmware_extract = {
    .name = "firmware extract",
    .summary = "Take one part out of a firmware file",
    .words = "IPSW COMPONENT|PATH",
    .about = "A component is written as the device would be sent it, before it is signed; a path as it stands in the "
             "file. The file appears whole or not at all.",
    .example = "revive firmware extract iPhone.ipsw iBSS --board d221ap --to ibss.im4p\n    writes the first loader",
    .options = extract_options,
    .option_count = RV_COUNT(extract_options),
    .run = run_extract,
};

const struct rv_command rv_verb_firmware_info = {
    .name = "firmware info",
    .summary = "Say what a firmware file holds: version, models, ways to install it",
    .words = "[IPSW]",
    .about = "Reads the file's list of contents and its BuildManifest; nothing is unpacked. With --url, --latest or "
             "--version the file stays on its server: of gigabytes some hundred kilobytes are loaded.",
    .example = "revive firmware info --latest --product \"iPhone X\"\n"
               "    version, build and the models it is for, without loading the file",
    .options = info_options,
    .option_count = RV_COUNT(info_options),
    .flags = RV_COMMAND_DEVICE,
    .run = run_info,
};

const struct rv_command rv_verb_firmware_verify = {
    .name = "firmware verify",
    .summary = "Check every part of a firmware file",
    .words = "IPSW",
    .about = "Reads each part to its end and compares checksums and digests. A missing part is named before anything "
             "is read. Exit 5 and the part's name when something is wrong.",
    .example = "revive firmware verify iPhone.ipsw\n    says that the file is whole, or which part is damaged",
    .options = verify_options,
    .option_count = RV_COUNT(verify_options),
    .flags = RV_COMMAND_LONG,
    .run = run_verify,
};
