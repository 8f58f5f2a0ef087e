/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/catalogue.h"

#include "base/file.h"
#include "base/text.h"
#include "format/plist.h"
#include "transport/http.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
    LIST_CAP = 32 * 1024 * 1024, /* Apple's list is 2 MB, ipsw.me's of one model some 100 KB */
    TIMEOUT_MS = 20000,
    KEPT_S = 24 * 60 * 60,
    FOLLOW_MAX = 8, /* SameAs and Update links of Apple's list */
    STATUS_OK = 200,
    STATUS_NONE = 404
};

int rv_version_compare(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        char *a_end = NULL, *b_end = NULL;
        unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);
        if (x != y)
            return x < y ? -1 : 1;
        if (a_end == a && b_end == b)
            return strcmp(a, b); /* no numbers: any order that stays the same */
        a = *a_end == '.' ? a_end + 1 : a_end;
        b = *b_end == '.' ? b_end + 1 : b_end;
    }
    return 0;
}

/* ---- the list ---- */

static struct rv_release *find_build(struct rv_catalogue *catalogue, const char *build)
{
    for (size_t i = 0; i < catalogue->count; i++)
        if (strcmp(catalogue->rows[i].build, build) == 0)
            return &catalogue->rows[i];
    return NULL;
}

static void fill(char *to, size_t size, const char *from)
{
    if (to[0] == '\0' && from != NULL) {
        snprintf(to, size, "%s", from);
        rv_text_clean(to);
    }
}

static bool is_hex(const char *text, size_t len)
{
    return text != NULL && strlen(text) == len && strspn(text, "0123456789abcdefABCDEF") == len;
}

struct told {
    const char *version, *build, *url, *sha1, *sha256;
    uint64_t size_bytes;
    enum rv_signing signing;
    const char *source;
};

/* What the first source says stands; later ones fill what it left open. */
static void add(struct rv_catalogue *catalogue, const struct told *told)
{
    if (told->version == NULL || told->build == NULL || told->url == NULL || strlen(told->url) >= 512 ||
        !(rv_text_starts(told->url, "http://") || rv_text_starts(told->url, "https://")))
        return;
    struct rv_release *row = find_build(catalogue, told->build);
    if (row == NULL && catalogue->count == RV_RELEASES_MAX)
        return;
    if (row == NULL) {
        row = &catalogue->rows[catalogue->count++];
        *row = (struct rv_release){ .source = told->source };
    }
    fill(row->version, sizeof row->version, told->version);
    fill(row->build, sizeof row->build, told->build);
    fill(row->url, sizeof row->url, told->url);
    fill(row->sha1, sizeof row->sha1, is_hex(told->sha1, 40) ? told->sha1 : NULL);
    fill(row->sha256, sizeof row->sha256, is_hex(told->sha256, 64) ? told->sha256 : NULL);
    row->size_bytes = row->size_bytes != 0 ? row->size_bytes : told->size_bytes;
    row->signing = row->signing != RV_SIGNING_UNKNOWN ? row->signing : told->signing;
}

/* ---- Apple's list for iTunes (idevicerestore ipsw.c reads the same) ---- */

/* The table of the highest list that knows the product. */
static plist_t newest_builds(plist_t root, const char *product)
{
    plist_t found = NULL;
    unsigned long best = 0;
    struct rv_plist_walk walk = { .dict = rv_plist_dict(root, "MobileDeviceSoftwareVersionsByVersion") };
    while (rv_plist_walk(&walk)) {
        plist_t builds = rv_plist_dict(rv_plist_dict(walk.value, "MobileDeviceSoftwareVersions"), product);
        unsigned long number = strtoul(walk.key, NULL, 10);
        if (builds != NULL && (found == NULL || number > best)) {
            found = builds;
            best = number;
        }
    }
    rv_plist_walk_clear(&walk);
    return found;
}

/* SameAs leads to another build's row; it is data, so it may lead in a circle. */
static plist_t restore_of(plist_t builds, plist_t entry)
{
    for (int i = 0; i < FOLLOW_MAX && entry != NULL; i++) {
        const char *same = rv_plist_text(entry, "SameAs");
        if (rv_plist_dict(entry, "Restore") != NULL)
            return rv_plist_dict(entry, "Restore");
        entry = same != NULL ? rv_plist_dict(builds, same) : NULL;
    }
    return NULL;
}

static void add_apple(struct rv_catalogue *catalogue, plist_t restore, const char *source)
{
    struct told told = {
        .version = rv_plist_text(restore, "ProductVersion"),
        .build = rv_plist_text(restore, "BuildVersion"),
        .url = rv_plist_text(restore, "FirmwareURL"),
        .sha1 = rv_plist_text(restore, "FirmwareSHA1"),
        .source = source,
    };
    add(catalogue, &told); /* "protected://" addresses are passed over there */
}

static bool parse_apple(struct rv_catalogue *catalogue, struct rv_span body, const char *product, const char *source,
                        struct rv_error *err)
{
    RV_AUTO_PLIST root = rv_plist_parse(body, err);
    if (root == NULL)
        return false;
    plist_t builds = newest_builds(root, product);
    struct rv_plist_walk walk = { .dict = builds };
    while (builds != NULL && rv_plist_walk(&walk))
        add_apple(catalogue, restore_of(builds, walk.value), source);
    rv_plist_walk_clear(&walk);
    return true;
}

/* ---- ipsw.me, version 4 of its API ---- */

static bool parse_me(struct rv_catalogue *catalogue, struct rv_span body, const char *product, const char *source,
                     struct rv_error *err)
{
    size_t i;
    json_t *one, *root = json_loadb((const char *)body.ptr, body.len, 0, NULL);
    json_t *list = json_object_get(root, "firmwares");
    (void)product;
    json_array_foreach (list, i, one) {
        const json_t *is_signed = json_object_get(one, "signed");
        json_int_t size = json_integer_value(json_object_get(one, "filesize"));
        struct told told = {
            .version = json_string_value(json_object_get(one, "version")),
            .build = json_string_value(json_object_get(one, "buildid")),
            .url = json_string_value(json_object_get(one, "url")),
            .sha1 = json_string_value(json_object_get(one, "sha1sum")),
            .sha256 = json_string_value(json_object_get(one, "sha256sum")),
            .size_bytes = size > 0 ? (uint64_t)size : 0,
            .signing = json_is_true(is_signed)    ? RV_SIGNING_YES
                       : json_is_false(is_signed) ? RV_SIGNING_NO
                                                  : RV_SIGNING_UNKNOWN,
            .source = source,
        };
        add(catalogue, &told);
    }
    bool ok = json_is_array(list);
    json_decref(root);
    return ok || rv_fail(err, RV_E_FORMAT, "the list is not what ipsw.me sends");
}

/* ---- sources ---- */

typedef bool parse_fn(struct rv_catalogue *catalogue, struct rv_span body, const char *product, const char *source,
                      struct rv_error *err);

static const struct source {
    const char *name;
    const char *url; /* %s: the product type */
    bool per_product;
    parse_fn *parse;
} sources[] = {
    { "apple",
      "https://itunes.apple.com/WebObjects/MZStore.woa/wa/com.apple.jingle.appserver.client.MZITunesClientCheck/"
      "version/",
      false, parse_apple },
    { "ipsw.me", "https://api.ipsw.me/v4/device/", true, parse_me },
};

static void address_of(struct rv_ctx *ctx, const struct source *source, const char *product, char *out, size_t size)
{
    const char *own = source->per_product ? ctx->settings.ipsw_me : ctx->settings.apple_catalog;
    snprintf(out, size, "%s%s", own != NULL ? own : source->url, source->per_product ? product : "");
}

static char *kept_path(struct rv_ctx *ctx, const struct source *source, const char *product, struct rv_error *err)
{
    char leaf[128], safe[96];
    rv_path_safe_leaf(source->per_product ? product : "all", safe, sizeof safe);
    snprintf(leaf, sizeof leaf, "list-%s-%s", source->name, safe);
    return rv_path_join(ctx->cache_dir, leaf, err);
}

static bool is_of_today(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && time(NULL) - st.st_mtime < KEPT_S && time(NULL) >= st.st_mtime;
}

static struct rv_blob *ask(struct rv_ctx *ctx, const char *url, struct rv_error *err)
{
    struct rv_http_reply reply = { 0 };
    struct rv_http_request request = {
        .url = url, .user_agent = "revive/" REVIVE_VERSION, .reply_cap_bytes = LIST_CAP, .timeout_ms = TIMEOUT_MS
    };
    if (!rv_http_do(ctx, &request, &reply, err))
        return NULL;
    if (reply.status == STATUS_OK)
        return reply.body;
    rv_http_reply_clear(&reply);
    rv_fail(err, reply.status == STATUS_NONE ? RV_E_NOT_FOUND : RV_E_NETWORK, "%s answered with HTTP status %ld", url,
            reply.status);
    return NULL;
}

/* The server's list, or yesterday's when it cannot be reached; a list is kept only once it could be read. */
static bool load_source(struct rv_ctx *ctx, const struct source *source, const char *product,
                        struct rv_catalogue *catalogue, struct rv_error *err)
{
    char url[512];
    struct rv_error ignored = { 0 };
    RV_AUTO_TEXT path = kept_path(ctx, source, product, err);
    if (path == NULL)
        return false;
    bool own_server = ctx->settings.apple_catalog != NULL || ctx->settings.ipsw_me != NULL;
    RV_AUTO(rv_blob) kept = own_server ? NULL : rv_file_read(path, LIST_CAP, &ignored);
    if (kept != NULL && is_of_today(path) &&
        source->parse(catalogue, rv_blob_span(kept), product, source->name, &ignored))
        return true;
    address_of(ctx, source, product, url, sizeof url);
    RV_AUTO(rv_blob) fresh = ask(ctx, url, err);
    if (fresh != NULL && source->parse(catalogue, rv_blob_span(fresh), product, source->name, err)) {
        if (!own_server && rv_dir_make(ctx->cache_dir, &ignored))
            rv_file_write_atomic(path, rv_blob_span(fresh), 0600, &ignored);
        return true;
    }
    if (kept == NULL || !source->parse(catalogue, rv_blob_span(kept), product, source->name, &ignored))
        return false;
    rv_tell_warning(ctx, "%s cannot be asked now; its list of an earlier day is used", source->name);
    return true;
}

static int newest_first(const void *a, const void *b)
{
    const struct rv_release *x = a, *y = b;
    int by_version = rv_version_compare(y->version, x->version);
    return by_version != 0 ? by_version : strverscmp(y->build, x->build);
}

struct rv_catalogue *rv_catalogue_load(struct rv_ctx *ctx, const char *product, struct rv_error *err)
{
    struct rv_error first = { 0 };
    size_t answered = 0;
    struct rv_catalogue *catalogue = rv_alloc(sizeof *catalogue);
    if (catalogue == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    for (size_t i = 0; i < RV_COUNT(sources); i++) {
        struct rv_error one = { 0 };
        bool ok = load_source(ctx, &sources[i], product, catalogue, &one);
        answered += ok || one.code == RV_E_NOT_FOUND;
        if (!ok && one.code != RV_E_NOT_FOUND)
            rv_tell_warning(ctx, "%s does not tell its firmware list: %s", sources[i].name, one.text[0]);
        if (!ok && first.code == RV_OK)
            first = one;
    }
    if (catalogue->count > 0) {
        qsort(catalogue->rows, catalogue->count, sizeof catalogue->rows[0], newest_first);
        return catalogue;
    }
    rv_catalogue_free(catalogue);
    *err = first;
    if (answered > 0)
        rv_fail(err, RV_E_NOT_FOUND, "no firmware is listed for %s", product);
    return NULL;
}

void rv_catalogue_free(struct rv_catalogue *catalogue)
{
    rv_free(catalogue);
}

const struct rv_release *rv_catalogue_pick(const struct rv_catalogue *catalogue, const char *wanted,
                                           struct rv_error *err)
{
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct rv_release *row = &catalogue->rows[i];
        bool named = wanted != NULL && (strcmp(row->version, wanted) == 0 || rv_text_equal_nocase(row->build, wanted));
        if (named || (wanted == NULL && row->signing != RV_SIGNING_NO))
            return row;
    }
    if (wanted == NULL)
        rv_fail(err, RV_E_NOT_FOUND, "none of the %zu listed versions is signed any more", catalogue->count);
    else
        rv_fail(err, RV_E_NOT_FOUND, "there is no version or build '%.40s' for this model; the newest is %s (%s)",
                wanted, catalogue->rows[0].version, catalogue->rows[0].build);
    return NULL;
}
