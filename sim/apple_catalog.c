/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists of firmware that clients look a version up in: Apple's list for iTunes (an XML property list) and the
 * community's ipsw.me v4 (JSON). Both are made of the IPSWs that this server hosts; shapes as idevicerestore's
 * ipsw.c and ipsw.me's public API use them.
 */
#include "sim/apple_server.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/build_list.h"
#include "sim/wire.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 256 << 10, SHA1_LEN = 20, SHA256_LEN = 32, JSON_CAP = 1 << 20 };

struct hosted {
    char name[256], version[32], build[32], sha1[2 * SHA1_LEN + 1], sha256[2 * SHA256_LEN + 1];
    uint64_t size;
    plist_t manifest;
};

static bool digest_file(const char *path, const EVP_MD *kind, char *hex, size_t hex_size)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) block = rv_blob_new(BLOCK, &err);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = block != NULL && md != NULL && fd >= 0 && EVP_DigestInit_ex(md, kind, NULL) == 1;
    ssize_t n = 0;
    while (ok && (n = read(fd, block->data, BLOCK)) > 0)
        ok = EVP_DigestUpdate(md, block->data, (size_t)n) == 1;
    ok = ok && n == 0 && EVP_DigestFinal_ex(md, digest, &len) == 1;
    if (fd >= 0)
        close(fd);
    EVP_MD_CTX_free(md);
    if (ok)
        rv_text_hex(rv_span(digest, len), hex, hex_size);
    return ok;
}

static bool read_hosted(const char *folder, const char *leaf, struct hosted *out)
{
    struct rv_error err = { 0 };
    struct stat st;
    RV_AUTO_TEXT path = rv_path_join(folder, leaf, &err);
    *out = (struct hosted){ 0 };
    if (path == NULL || stat(path, &st) != 0 || (out->manifest = sim_build_manifest(path)) == NULL)
        return false;
    const char *version = sim_plist_text(out->manifest, "ProductVersion");
    const char *build = sim_plist_text(out->manifest, "ProductBuildVersion");
    snprintf(out->name, sizeof out->name, "%s", leaf);
    snprintf(out->version, sizeof out->version, "%s", version ? version : "");
    snprintf(out->build, sizeof out->build, "%s", build ? build : "");
    out->size = (uint64_t)st.st_size;
    if (digest_file(path, EVP_sha1(), out->sha1, sizeof out->sha1) &&
        digest_file(path, EVP_sha256(), out->sha256, sizeof out->sha256))
        return true;
    plist_free(out->manifest);
    return false;
}

static bool is_for(const struct hosted *hosted, const char *product)
{
    plist_t list = plist_dict_get_item(hosted->manifest, "SupportedProductTypes");
    for (uint32_t i = 0; PLIST_IS_ARRAY(list) && i < plist_array_get_size(list); i++) {
        plist_t one = plist_array_get_item(list, i);
        if (PLIST_IS_STRING(one) && strcmp(plist_get_string_ptr(one, NULL), product) == 0)
            return true;
    }
    return false;
}

typedef void visit_fn(void *context, const struct hosted *hosted);

static void visit_all(const struct sim_apple *apple, visit_fn *visit, void *context)
{
    DIR *dir = apple->files != NULL ? opendir(apple->files) : NULL;
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct hosted hosted;
        if (!rv_text_ends(entry->d_name, ".ipsw") || !read_hosted(apple->files, entry->d_name, &hosted))
            continue;
        visit(context, &hosted);
        plist_free(hosted.manifest);
    }
    if (dir != NULL)
        closedir(dir);
}

/* ---- Apple's list ---- */

struct apple_list {
    plist_t products;
    const char *base; /* "http://HOST:PORT" */
};

static plist_t child(plist_t dict, const char *key)
{
    plist_t found = plist_dict_get_item(dict, key);
    if (found == NULL) {
        found = plist_new_dict();
        plist_dict_set_item(dict, key, found);
    }
    return found;
}

/* The newest is what a device of unknown system is offered; every other system is sent to it by SameAs or Update. */
static void add_release(plist_t builds, const struct hosted *hosted, const char *base)
{
    char url[600];
    plist_t known = plist_dict_get_item(plist_dict_get_item(child(child(builds, "Unknown"), "Universal"), "Restore"),
                                        "ProductVersion");
    bool newer = known == NULL || strverscmp(hosted->version, plist_get_string_ptr(known, NULL)) > 0;
    plist_t restore = plist_new_dict();
    snprintf(url, sizeof url, "%s/%s", base, hosted->name);
    plist_dict_set_item(restore, "BuildVersion", plist_new_string(hosted->build));
    plist_dict_set_item(restore, "ProductVersion", plist_new_string(hosted->version));
    plist_dict_set_item(restore, "FirmwareURL", plist_new_string(url));
    plist_dict_set_item(restore, "FirmwareSHA1", plist_new_string(hosted->sha1));
    if (newer)
        plist_dict_set_item(child(child(builds, "Unknown"), "Universal"), "Restore", plist_copy(restore));
    plist_dict_set_item(child(builds, hosted->build), "Restore", restore);
}

static void visit_apple(void *context, const struct hosted *hosted)
{
    struct apple_list *list = context;
    plist_t types = plist_dict_get_item(hosted->manifest, "SupportedProductTypes");
    for (uint32_t i = 0; PLIST_IS_ARRAY(types) && i < plist_array_get_size(types); i++) {
        const char *product = plist_get_string_ptr(plist_array_get_item(types, i), NULL);
        add_release(child(list->products, product), hosted, list->base);
    }
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status, const char *type, const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_apple(const struct sim_apple *apple, struct MHD_Connection *connection, const char *base)
{
    char *xml = NULL;
    uint32_t len = 0;
    plist_t root = plist_new_dict();
    struct apple_list list = { plist_new_dict(), base };
    visit_all(apple, visit_apple, &list);
    plist_dict_set_item(child(child(root, "MobileDeviceSoftwareVersionsByVersion"), "7"),
                        "MobileDeviceSoftwareVersions", list.products);
    plist_to_xml(root, &xml, &len);
    enum MHD_Result result = send_text(connection, MHD_HTTP_OK, "text/xml", xml ? xml : "");
    plist_to_xml_free(xml);
    plist_free(root);
    return result;
}

/* ---- ipsw.me ---- */

struct me_list {
    const char *product, *base, *unsigned_build;
    struct rv_buf out;
    bool any;
};

static void visit_me(void *context, const struct hosted *h)
{
    struct me_list *list = context;
    struct rv_error err = { 0 };
    if (!is_for(h, list->product))
        return;
    rv_buf_add_format(
        &list->out, &err,
        "%s{\"identifier\":\"%s\",\"version\":\"%s\",\"buildid\":\"%s\",\"sha1sum\":\"%s\",\"sha256sum\":\"%s\","
        "\"filesize\":%llu,\"url\":\"%s/%s\",\"signed\":%s}",
        list->any ? "," : "", list->product, h->version, h->build, h->sha1, h->sha256, (unsigned long long)h->size,
        list->base, h->name, strcmp(h->build, list->unsigned_build) == 0 ? "false" : "true");
    list->any = true;
}

static enum MHD_Result answer_me(struct sim_apple *apple, struct MHD_Connection *connection, const char *base,
                                 const char *product)
{
    struct rv_error err = { 0 };
    struct sim_apple_faults faults = sim_apple_faults_now(apple, false);
    struct me_list list = { product, base, faults.refuse_build, RV_BUF(JSON_CAP), false };
    if (strlen(product) > 32 || strpbrk(product, "\"\\/") != NULL)
        return send_text(connection, MHD_HTTP_BAD_REQUEST, "text/plain", "no product");
    rv_buf_add_format(&list.out, &err, "{\"identifier\":\"%s\",\"firmwares\":[", product);
    visit_all(apple, visit_me, &list);
    bool ok = rv_buf_add_format(&list.out, &err, "]}") && rv_buf_add(&list.out, rv_span("", 1), &err);
    enum MHD_Result result =
        !list.any ? send_text(connection, MHD_HTTP_NOT_FOUND, "application/json", "{}")
        : ok      ? send_text(connection, MHD_HTTP_OK, "application/json", (const char *)rv_buf_span(&list.out).ptr)
                  : MHD_NO;
    rv_buf_clear(&list.out);
    return result;
}

bool sim_apple_is_catalog(const char *url)
{
    return strcmp(url, "/check/version") == 0 || rv_text_starts(url, "/v4/device/");
}

enum MHD_Result sim_apple_catalog(struct sim_apple *apple, struct MHD_Connection *connection, const char *url)
{
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    char base[128], quoted[400], fields[600];
    snprintf(base, sizeof base, "http://%s", host != NULL ? host : "127.0.0.1");
    snprintf(fields, sizeof fields, "\"server\":\"catalog\",\"url\":%s", sim_apple_json(url, quoted, sizeof quoted));
    sim_apple_record(apple, fields);
    if (strcmp(url, "/check/version") == 0)
        return answer_apple(apple, connection, base);
    return answer_me(apple, connection, base, url + strlen("/v4/device/"));
}
