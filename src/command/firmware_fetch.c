/* SPDX-License-Identifier: Apache-2.0 */
/* `revive firmware list|latest|download`: what exists for a model, and the file itself. */
#include "command/firmware_fetch.h"

#include "base/file.h"
#include "base/text.h"
#include "command/device_json.h"
#include "command/verbs.h"
#include "data/devices.h"
#include "device/device.h"
#include "firmware/download.h"

#include <stdio.h>
#include <string.h>

/* --product, or the attached device's; its name may be given too ("iPhone X"). */
static bool find_product(struct rv_run *run, char *out, size_t size, struct rv_error *err)
{
    const char *named = rv_arg(run->args, "product");
    for (size_t i = 0; named != NULL && i < rv_device_row_count; i++) {
        const struct rv_device_row *row = &rv_device_rows[i];
        if (rv_text_equal_nocase(row->product, named) || rv_text_equal_nocase(row->name, named)) {
            snprintf(out, size, "%s", row->product);
            return true;
        }
    }
    if (named != NULL && strchr(named, ',') != NULL && strlen(named) < size) { /* newer than the table */
        snprintf(out, size, "%s", named);
        return true;
    }
    if (named != NULL)
        return rv_fail(err, RV_E_USAGE, "'%.40s' is no model; write it as iPhone10,6 or \"iPhone X\"", named);
    struct rv_device device;
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    if (fleet == NULL || !rv_command_pick(fleet, rv_arg(run->args, "device"), run->result, &device, err))
        return rv_while(err, "looking for the model; --product names it without a device");
    snprintf(out, size, "%s", device.identity.product_type);
    return out[0] != '\0' ||
           rv_fail(err, RV_E_UNSUPPORTED, "the device does not tell its model; name it with --product");
}

static json_t *release_json(const struct rv_release *row)
{
    json_t *j = json_pack("{s:s, s:s, s:s, s:s}", "version", row->version, "build", row->build, "url", row->url,
                          "source", row->source);
    json_object_set_new(j, "sha1", row->sha1[0] != '\0' ? json_string(row->sha1) : json_null());
    json_object_set_new(j, "sha256", row->sha256[0] != '\0' ? json_string(row->sha256) : json_null());
    json_object_set_new(j, "bytes", row->size_bytes != 0 ? json_integer((json_int_t)row->size_bytes) : json_null());
    json_object_set_new(
        j, "signed", row->signing == RV_SIGNING_UNKNOWN ? json_null() : json_boolean(row->signing == RV_SIGNING_YES));
    return j;
}

static bool run_list(struct rv_run *run, struct rv_error *err)
{
    char product[64];
    bool all = rv_arg_flag(run->args, "all");
    __attribute__((cleanup(rv_catalogue_auto))) struct rv_catalogue *catalogue = NULL;
    if (!find_product(run, product, sizeof product, err) ||
        (catalogue = rv_catalogue_load(run->ctx, product, err)) == NULL)
        return false;
    json_t *list = json_array();
    for (size_t i = 0; i < catalogue->count; i++)
        if (all || catalogue->rows[i].signing != RV_SIGNING_NO)
            json_array_append_new(list, release_json(&catalogue->rows[i]));
    json_object_set_new(run->result, "product", json_string(product));
    json_object_set_new(run->result, "releases", list);
    return true;
}

static bool run_latest(struct rv_run *run, struct rv_error *err)
{
    char product[64];
    __attribute__((cleanup(rv_catalogue_auto))) struct rv_catalogue *catalogue = NULL;
    if (!find_product(run, product, sizeof product, err) ||
        (catalogue = rv_catalogue_load(run->ctx, product, err)) == NULL)
        return false;
    const struct rv_release *row = rv_catalogue_pick(catalogue, NULL, err);
    if (row == NULL)
        return false;
    json_t *release = release_json(row);
    json_object_update(run->result, release);
    json_decref(release);
    json_object_set_new(run->result, "product", json_string(product));
    return true;
}

/* The last part of the address, as the file is called everywhere. */
static void leaf_of(const struct rv_release *row, char *out, size_t size)
{
    char name[256];
    const char *slash = strrchr(row->url, '/');
    snprintf(name, sizeof name, "%.*s", (int)strcspn(slash + 1, "?#"), slash + 1);
    rv_path_safe_leaf(name, out, size);
}

static bool is_folder_word(const char *to)
{
    return !rv_text_ends(to, ".ipsw");
}

static char *place_for(struct rv_run *run, const char *to, const struct rv_release *row, struct rv_error *err)
{
    char leaf[256];
    leaf_of(row, leaf, sizeof leaf);
    if (to != NULL && !is_folder_word(to))
        return rv_text_copy(to);
    RV_AUTO_TEXT own = rv_path_join(run->ctx->cache_dir, "firmware", err);
    return own != NULL ? rv_path_join(to != NULL ? to : own, leaf, err) : NULL;
}

static char *obtain(struct rv_run *run, const char *product, const char *wanted, const char *to, struct rv_error *err)
{
    __attribute__((cleanup(rv_catalogue_auto))) struct rv_catalogue *catalogue =
        rv_catalogue_load(run->ctx, product, err);
    const struct rv_release *row = catalogue != NULL ? rv_catalogue_pick(catalogue, wanted, err) : NULL;
    RV_AUTO_TEXT path = row != NULL ? place_for(run, to, row, err) : NULL;
    if (path == NULL)
        return NULL;
    if (row->signing == RV_SIGNING_NO)
        rv_tell_warning(run->ctx, "%s (%s) is not signed any more: no device will take it", row->version, row->build);
    struct rv_download what = {
        .url = row->url, .to = path, .sha1 = row->sha1, .sha256 = row->sha256, .size_bytes = row->size_bytes
    };
    rv_tell_note(run->ctx, "iOS %s (%s) for %s", row->version, row->build, product);
    if (!rv_download(run->ctx, &what, err))
        return NULL;
    json_t *release = release_json(row);
    json_object_set_new(run->result, "firmware", release);
    return rv_steal(&path);
}

char *rv_firmware_for_job(struct rv_run *run, struct rv_error *err)
{
    char product[64];
    const char *file = rv_arg(run->args, "ipsw"), *wanted = rv_arg(run->args, "version");
    if (file != NULL) {
        char *path = rv_text_copy(file);
        if (path == NULL)
            rv_fail_nomem(err);
        return path;
    }
    if (wanted == NULL && !rv_arg_flag(run->args, "latest")) {
        rv_fail(err, RV_E_USAGE, "no firmware is named: --latest, --version VERSION or --ipsw FILE");
        rv_advise(err, RV_ADVICE_NAME_FIRMWARE);
        return NULL;
    }
    return find_product(run, product, sizeof product, err) ? obtain(run, product, wanted, NULL, err) : NULL;
}

/* By ranges: a look at 8 GB costs some hundred kilobytes. */
static struct rv_ipsw *open_remote(struct rv_run *run, const char *url, struct rv_error *err)
{
    RV_AUTO(rv_ipsw) ipsw = rv_ipsw_open_url(run->ctx, url, err);
    uint64_t fetched = 0, size = 0;
    if (ipsw == NULL || !rv_ipsw_fetched(ipsw, &fetched, &size))
        return NULL;
    json_object_set_new(run->result, "url", json_string(url));
    json_object_set_new(run->result, "bytes", json_integer((json_int_t)size));
    json_object_set_new(run->result, "bytes_read", json_integer((json_int_t)fetched));
    return rv_steal(&ipsw);
}

struct rv_ipsw *rv_firmware_to_look_into(struct rv_run *run, struct rv_error *err)
{
    const char *file = rv_arg_word(run->args, 0), *url = rv_arg(run->args, "url");
    const char *wanted = rv_arg(run->args, "version");
    bool listed = wanted != NULL || rv_arg_flag(run->args, "latest");
    char product[64];
    if ((file != NULL) + (url != NULL) + listed != 1) {
        rv_fail(err, RV_E_USAGE, "name one firmware: a file, --url URL, --version VERSION or --latest");
        return NULL;
    }
    if (file != NULL)
        return rv_ipsw_open(run->ctx, file, err);
    if (url != NULL)
        return open_remote(run, url, err);
    __attribute__((cleanup(rv_catalogue_auto))) struct rv_catalogue *catalogue =
        find_product(run, product, sizeof product, err) ? rv_catalogue_load(run->ctx, product, err) : NULL;
    const struct rv_release *row = catalogue != NULL ? rv_catalogue_pick(catalogue, wanted, err) : NULL;
    return row != NULL ? open_remote(run, row->url, err) : NULL;
}

char *rv_firmware_for_product(struct rv_run *run, const char *product, struct rv_error *err)
{
    const char *file = rv_arg(run->args, "ipsw");
    if (file != NULL || product[0] == '\0') {
        char *path = file != NULL ? rv_text_copy(file) : NULL;
        if (file == NULL)
            rv_fail(err, RV_E_UNSUPPORTED, "the device does not tell its model: name the firmware with --ipsw FILE");
        else if (path == NULL)
            rv_fail_nomem(err);
        return path;
    }
    return obtain(run, product, rv_arg(run->args, "version"), NULL, err);
}

static bool run_download(struct rv_run *run, struct rv_error *err)
{
    char product[64];
    if (!find_product(run, product, sizeof product, err))
        return false;
    RV_AUTO_TEXT path = obtain(run, product, rv_arg(run->args, "version"), rv_arg(run->args, "to"), err);
    if (path == NULL)
        return false;
    json_object_set_new(run->result, "file", json_string(path));
    return true;
}

static const struct rv_option list_options[] = {
    { "all", 0, NULL, "older versions too, which no device takes any more" },
    { "product", 0, "MODEL", "such as iPhone10,6 or \"iPhone X\"; default: the attached device's" },
};
static const struct rv_option latest_options[] = {
    { "product", 0, "MODEL", "such as iPhone10,6 or \"iPhone X\"; default: the attached device's" },
};
static const struct rv_option download_options[] = {
    { "product", 0, "MODEL", "such as iPhone10,6 or \"iPhone X\"; default: the attached device's" },
    { "to", 0, "FILE", "a folder, or a file that ends in .ipsw; default: revive's cache" },
    { "version", 0, "VERSION", "a version or build; default: the newest that is signed" },
};

const struct rv_command rv_verb_firmware_list = {
    .name = "firmware list",
    .summary = "List the firmware that can be installed on a model",
    .about =
        "Asks Apple's list for iTunes and the community's ipsw.me, newest first. Only what Apple still signs can be "
        "installed; --all shows the rest too.",
    .example = "revive firmware list --product \"iPhone X\"\n    versions, builds and sizes for that model",
    .options = list_options,
    .option_count = RV_COUNT(list_options),
    .flags = RV_COMMAND_DEVICE,
    .run = run_list,
};

const struct rv_command rv_verb_firmware_latest = {
    .name = "firmware latest",
    .summary = "Say which firmware is the newest for a model",
    .about = "The newest version that is signed, with its address and digest.",
    .example =
        "revive firmware latest --product iPhone10,6 --json\n    version, build, address and digest for a program",
    .options = latest_options,
    .option_count = RV_COUNT(latest_options),
    .flags = RV_COMMAND_DEVICE,
    .run = run_latest,
};

const struct rv_command rv_verb_firmware_download = {
    .name = "firmware download",
    .summary = "Load a firmware file from Apple, going on where it broke off",
    .about =
        "Several parts at once; after a cut or Ctrl-C the same command goes on. The room is taken first, the digest "
        "is computed while the file loads, and the file gets its name only when it is right. Two revives share one "
        "download.",
    .example = "revive firmware download --product \"iPhone X\" --to ~/Downloads\n    the newest signed version",
    .options = download_options,
    .option_count = RV_COUNT(download_options),
    .flags = RV_COMMAND_LONG | RV_COMMAND_DEVICE,
    .run = run_download,
};
