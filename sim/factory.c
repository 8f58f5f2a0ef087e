/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BuildManifest in, valid IPSW out. Every file that an identity names is made, once; every digest that the
 * manifest states is computed over the file as the device will see it (retagged where the manifest retags).
 */
#include "sim/factory.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/aea.h"
#include "sim/build_list.h"
#include "sim/diskimage.h"
#include "sim/image4.h"
#include "sim/tss.h"
#include "sim/wire.h"
#include "sim/zip_write.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 1024, MANIFEST_CAP = 32 << 20, DENSE_FROM = 128 << 20 };

/* One file of the archive, with what the first component that named it wanted. */
struct made_file {
    char *path;
    struct rv_blob *bytes;        /* as it stands in the archive; NULL: the system image */
    uint8_t sha384[48], sha1[20]; /* of the system image */
    plist_t tags;                 /* for PATH.plist: type tag -> {Digest} */
};

struct factory {
    const struct sim_factory *what;
    struct sim_content content;
    struct sim_zip *zip;
    plist_t manifest;
    plist_t identity; /* being worked on */
    unsigned identity_index;
    struct made_file files[FILES_MAX];
    size_t count;
};

static plist_t item(plist_t dict, const char *key)
{
    return PLIST_IS_DICT(dict) ? plist_dict_get_item(dict, key) : NULL;
}

static void set_text(plist_t dict, const char *key, const char *text)
{
    plist_dict_set_item(dict, key, plist_new_string(text));
}

static struct made_file *find_file(struct factory *f, const char *path)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->files[i].path, path) == 0)
            return &f->files[i];
    }
    return NULL;
}

static struct made_file *new_file(struct factory *f, const char *path, struct rv_error *err)
{
    char *copy = f->count < FILES_MAX ? rv_text_copy(path) : NULL;
    if (!copy) {
        rv_fail(err, RV_E_LIMIT, "the manifest names more than %d files", FILES_MAX);
        return NULL;
    }
    struct made_file *file = &f->files[f->count++];
    *file = (struct made_file){ .path = copy, .tags = plist_new_dict() };
    return file;
}

/* ---- the system image, straight into the archive ---- */

struct image_out {
    struct sim_zip *zip;
    EVP_MD_CTX *sha384, *sha1;
    struct evp_cipher_ctx_st *cipher; /* of a wrapped image */
};

static bool put_image(struct image_out *out, struct rv_span bytes, struct rv_error *err)
{
    return EVP_DigestUpdate(out->sha384, bytes.ptr, bytes.len) == 1 &&
           EVP_DigestUpdate(out->sha1, bytes.ptr, bytes.len) == 1 && sim_zip_data(out->zip, bytes, err);
}

static bool write_image(void *context, struct rv_span bytes, struct rv_error *err)
{
    struct image_out *out = context;
    if (!out->cipher)
        return put_image(out, bytes, err);
    RV_AUTO(rv_blob) hidden = rv_blob_new(bytes.len, err);
    return hidden && sim_aea_crypt(out->cipher, bytes.ptr, hidden->data, bytes.len) &&
           put_image(out, rv_blob_span(hidden), err);
}

/* The head of a wrapped file. */
static bool wrapped_head(const struct factory *f, const char *path, struct rv_buf *head, struct rv_error *err)
{
    char name[64];
    sim_aea_key_name(path, f->content.version, f->content.build, f->content.seed, name);
    return sim_aea_write(head, name, err);
}

static bool begin_wrapped(struct factory *f, const char *path, struct image_out *out, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) head = RV_BUF(SIM_AEA_HEAD_MAX);
    struct sim_aea aea;
    uint8_t key[SIM_AEA_KEY];
    if (!wrapped_head(f, path, &head, err) || !sim_aea_read(rv_buf_span(&head), &aea, err))
        return false;
    const char *name = strrchr(aea.url, '/');
    RV_AUTO(rv_blob) pem = sim_aea_key_pem(name + 1, err);
    if (!pem || !sim_aea_key(rv_blob_span(pem), aea.salt, key))
        return rv_fail(err, RV_E_IO, "no key for %s", path);
    out->cipher = sim_aea_cipher(key, 0);
    return out->cipher && put_image(out, rv_buf_span(&head), err);
}

static bool make_system(struct factory *f, struct made_file *file, struct rv_error *err)
{
    char label[64];
    snprintf(label, sizeof label, "%s (%s)", f->content.version, f->content.build);
    const struct sim_udif_recipe recipe = { f->what->system_bytes, f->what->seed, label };
    struct image_out out = { f->zip, EVP_MD_CTX_new(), EVP_MD_CTX_new(), NULL };
    bool huge = f->what->system_bytes > (3ULL << 30);
    bool ok = out.sha384 && out.sha1 && EVP_DigestInit_ex(out.sha384, EVP_sha384(), NULL) == 1 &&
              EVP_DigestInit_ex(out.sha1, EVP_sha1(), NULL) == 1 &&
              sim_zip_begin(f->zip, file->path, f->what->deflate_image, huge, err);
    if (ok && f->what->system_bytes > DENSE_FROM)
        sim_zip_dense(f->zip);
    ok = ok && (!rv_text_ends(file->path, ".aea") || begin_wrapped(f, file->path, &out, err)) &&
         sim_udif_write(&recipe, write_image, &out, err) && sim_zip_end(f->zip, err) &&
         EVP_DigestFinal_ex(out.sha384, file->sha384, NULL) == 1 && EVP_DigestFinal_ex(out.sha1, file->sha1, NULL) == 1;
    EVP_MD_CTX_free(out.sha384);
    EVP_MD_CTX_free(out.sha1);
    sim_aea_cipher_free(out.cipher);
    return ok;
}

/* ---- components ---- */

static size_t size_of(const char *component)
{
    static const struct {
        const char *name;
        size_t size;
    } sizes[] = { { "RestoreRamDisk", 3 << 20 },
                  { "KernelCache", 2 << 20 },
                  { "SEP", 512 << 10 },
                  { "iBSS", 160 << 10 },
                  { "iBEC", 224 << 10 },
                  { "iBoot", 224 << 10 },
                  { "LLB", 96 << 10 },
                  { "Cryptex1,SystemOS", 1 << 20 },
                  { "Cryptex1,AppOS", 200 << 10 },
                  { "RestoreKernelCache", 2 << 20 } };
    for (size_t i = 0; i < RV_COUNT(sizes); i++) {
        if (strcmp(sizes[i].name, component) == 0)
            return sizes[i].size;
    }
    return 24 << 10;
}

/* What the restore ramdisk is, for the boot chain that runs it: plist text at the start of its payload. */
static struct rv_blob *ramdisk_head(struct factory *f, struct rv_error *err)
{
    plist_t info = item(f->identity, "Info"), head = plist_new_dict();
    const char *variant = sim_plist_text(info, "Variant"), *behavior = sim_plist_text(info, "RestoreBehavior");
    set_text(head, "Variant", variant ? variant : "");
    set_text(head, "RestoreBehavior", behavior ? behavior : "");
    set_text(head, "ProductVersion", f->content.version);
    set_text(head, "ProductBuildVersion", f->content.build);
    char *xml = NULL;
    uint32_t len = 0;
    plist_to_xml(head, &xml, &len);
    plist_free(head);
    struct rv_blob *out = xml ? rv_blob_copy(rv_span(xml, len), err) : NULL;
    free(xml);
    return out;
}

/* Four letters for a component of whose tag nobody told: its own first letters. */
static void invent_tag(const char *component, char out[5])
{
    size_t n = 0;
    const char *from = strchr(component, ',');
    for (from = from ? from + 1 : component; *from && n < 4; from++) {
        if ((*from >= 'a' && *from <= 'z') || (*from >= 'A' && *from <= 'Z') || (*from >= '0' && *from <= '9'))
            out[n++] = *from;
    }
    while (n < 4)
        out[n++] = 'x';
    out[4] = '\0';
}

static void own_tag(const char *component, char out[5])
{
    const char *known = sim_component_tag(component);
    /* A retagged file carries the tag of its plain use: RestoreKernelCache's file says krnl. */
    if (rv_text_starts(component, "Restore") && strcmp(component, "RestoreRamDisk") != 0) {
        static const char *const plain[][2] = { { "RestoreANS", "rans" },
                                                { "RestoreLogo", "logo" },
                                                { "RestoreTrustCache", "rtsc" } };
        const char *rest = sim_component_tag(component + strlen("Restore"));
        known = rest ? rest : known;
        for (size_t i = 0; i < RV_COUNT(plain); i++)
            known = strcmp(plain[i][0], component) == 0 ? plain[i][1] : known;
    }
    if (known)
        snprintf(out, 5, "%s", known);
    else
        invent_tag(component, out);
}

static bool is_raw(const char *component, plist_t entry)
{
    plist_t personalize = item(item(entry, "Info"), "Personalize");
    uint8_t yes = 1;
    if (PLIST_IS_BOOLEAN(personalize))
        plist_get_bool_val(personalize, &yes);
    struct rv_span digest = sim_plist_data(entry, "Digest");
    static const char *const foreign[] = {
        "SE,", "Savage,", "Yonkers,", "Rap,", "BMU,", "Baobab,", "eUICC,", "Timer,"
    };
    for (size_t i = 0; i < RV_COUNT(foreign); i++) {
        if (rv_text_starts(component, foreign[i]))
            return true;
    }
    return !yes || digest.len == 32 || digest.len == 0;
}

static struct rv_blob *make_image(struct factory *f, const char *component, plist_t entry, const char *path,
                                  struct rv_error *err)
{
    char tag[5], text[256];
    own_tag(component, tag);
    const char *version = sim_plist_text(entry, "BuildString");
    RV_AUTO(rv_blob) head = NULL;
    if (strcmp(component, "RestoreRamDisk") == 0) {
        head = ramdisk_head(f, err);
    } else {
        snprintf(text, sizeof text, "%s of the virtual iPhone, %s (%s)\n", path, f->content.version, f->content.build);
        head = rv_blob_copy(rv_span(text, strlen(text)), err);
    }
    RV_AUTO(rv_blob)
    payload = head ? sim_content_make(&f->content, path, size_of(component), rv_blob_span(head), err) : NULL;
    return payload ? sim_im4p_make(tag, version ? version : f->content.build, rv_blob_span(payload), err) : NULL;
}

/* Another wrapped image than the system's: a cryptex, which the host passes on and nobody here looks into. */
static struct rv_blob *make_wrapped(struct factory *f, const char *component, const char *path, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) head = RV_BUF(SIM_AEA_HEAD_MAX);
    return wrapped_head(f, path, &head, err)
               ? sim_content_make(&f->content, path, size_of(component), rv_buf_span(&head), err)
               : NULL;
}

static bool make_file(struct factory *f, const char *component, plist_t entry, const char *path, struct rv_error *err)
{
    struct made_file *file = new_file(f, path, err);
    if (!file)
        return false;
    if (strcmp(component, "OS") == 0)
        return make_system(f, file, err);
    if (strcmp(component, "BasebandFirmware") == 0)
        file->bytes = sim_content_baseband(&f->content, entry, err);
    else if (rv_text_ends(path, ".aea"))
        file->bytes = make_wrapped(f, component, path, err);
    else if (is_raw(component, entry))
        file->bytes = sim_content_make(&f->content, path, size_of(component), RV_SPAN_TEXT("firmware\n"), err);
    else
        file->bytes = make_image(f, component, entry, path, err);
    return file->bytes && sim_zip_add(f->zip, path, rv_blob_span(file->bytes), true, err);
}

/* ---- digests ---- */

static bool digest_as(const struct made_file *file, const char *retag, size_t len, uint8_t out[64],
                      struct rv_error *err)
{
    const EVP_MD *md = len == 20 ? EVP_sha1() : len == 32 ? EVP_sha256() : EVP_sha384();
    if (!retag)
        return EVP_Digest(file->bytes->data, file->bytes->len, out, NULL, md, NULL) == 1;
    char own[5], version[64] = "";
    struct rv_span payload;
    RV_AUTO(rv_blob) copy = rv_blob_copy(rv_blob_span(file->bytes), err);
    if (!copy || strlen(retag) != 4 || !sim_im4p_read(rv_blob_span(copy), own, &payload))
        return rv_fail(err, RV_E_FORMAT, "%s cannot be retagged (%s)", file->path, version);
    /* The type string stands behind the header, the magic and its own header: the first match is it. */
    for (size_t i = 0; i + 6 < copy->len && i < 64; i++) {
        if (copy->data[i] == 0x16 && copy->data[i + 1] == 4 && memcmp(copy->data + i + 2, own, 4) == 0) {
            memcpy(copy->data + i + 2, retag, 4);
            return EVP_Digest(copy->data, copy->len, out, NULL, md, NULL) == 1;
        }
    }
    return rv_fail(err, RV_E_FORMAT, "%s has no type string", file->path);
}

static void set_digest(plist_t dict, const char *key, const void *bytes, size_t len)
{
    plist_dict_set_item(dict, key, plist_new_data(bytes, len));
}

static void note_tag(struct made_file *file, const char *tag, const void *digest, size_t len)
{
    plist_t row = plist_new_dict();
    set_digest(row, "Digest", digest, len);
    plist_dict_set_item(file->tags, tag, row);
}

static bool fill_component(void *context, const char *component, plist_t entry, struct rv_error *err)
{
    struct factory *f = context;
    const char *path = sim_plist_text(item(entry, "Info"), "Path");
    struct rv_span digest = sim_plist_data(entry, "Digest");
    if (!path)
        return true;
    struct made_file *file = find_file(f, path);
    if (!file) {
        if (!make_file(f, component, entry, path, err))
            return rv_while(err, "making %s", component);
        file = find_file(f, path);
    }
    if (!file->bytes) {
        bool old = digest.len == 20;
        set_digest(entry, "Digest", old ? file->sha1 : file->sha384, old ? 20 : 48);
        return true;
    }
    uint8_t got[64];
    if (digest.len == 0) {
        if (item(entry, "ProductionUpdatePayloadHash") && digest_as(file, NULL, 32, got, err))
            set_digest(entry, "ProductionUpdatePayloadHash", got, 32);
        return true;
    }
    const char *retag = is_raw(component, entry) ? NULL : sim_plist_text(item(entry, "Info"), "Img4PayloadType");
    if (!digest_as(file, retag, digest.len, got, err))
        return rv_while(err, "hashing %s", component);
    char tag[5] = "";
    if (!is_raw(component, entry))
        sim_im4p_read(rv_blob_span(file->bytes), tag, NULL);
    note_tag(file, retag ? retag : tag[0] ? tag : component, got, digest.len);
    set_digest(entry, "Digest", got, digest.len);
    return true;
}

/* ---- identities ---- */

static bool fill_identity(struct factory *f, struct rv_error *err)
{
    plist_t info = item(f->identity, "Info");
    const char *class = sim_plist_text(info, "DeviceClass"), *behavior = sim_plist_text(info, "RestoreBehavior");
    char text[256];
    uint8_t id[EVP_MAX_MD_SIZE];
    snprintf(text, sizeof text, "revive-sim %s %s %s %s %u %u %u", f->content.version, f->content.build,
             class ? class : "", behavior ? behavior : "", f->identity_index, f->what->seed,
             (unsigned)(f->what->system_bytes >> 9));
    if (EVP_Digest(text, strlen(text), id, NULL, EVP_sha1(), NULL) != 1 || !PLIST_IS_DICT(info))
        return rv_fail(err, RV_E_FORMAT, "an identity of the manifest has no Info");
    set_digest(f->identity, "UniqueBuildID", id, 20);
    set_text(info, "BuildNumber", f->content.build);
    if (item(f->identity, "ProductMarketingVersion"))
        set_text(f->identity, "ProductMarketingVersion", f->content.version);
    return sim_each(item(f->identity, "Manifest"), fill_component, f, err);
}

static bool refuse_img3(plist_t identity, struct rv_error *err)
{
    plist_t ibss = item(item(identity, "Manifest"), "iBSS");
    if (item(ibss, "PartialDigest") || !item(ibss, "Digest"))
        return rv_fail(err, RV_E_UNSUPPORTED,
                       "the manifest is for devices before IMG4; the factory makes none of those");
    return true;
}

static bool fill_manifest(struct factory *f, struct rv_error *err)
{
    plist_t list = item(f->manifest, "BuildIdentities");
    uint32_t count = PLIST_IS_ARRAY(list) ? plist_array_get_size(list) : 0;
    if (count == 0)
        return rv_fail(err, RV_E_FORMAT, "the manifest has no identities");
    for (f->identity_index = 0; f->identity_index < count; f->identity_index++) {
        f->identity = plist_array_get_item(list, f->identity_index);
        if (!refuse_img3(f->identity, err) || !fill_identity(f, err))
            return false;
    }
    return true;
}

static bool add_plist(struct factory *f, const char *name, plist_t plist, struct rv_error *err)
{
    char *xml = NULL;
    uint32_t len = 0;
    plist_to_xml(plist, &xml, &len);
    bool ok = xml ? sim_zip_add(f->zip, name, rv_span(xml, len), true, err) : rv_fail_nomem(err);
    free(xml);
    return ok;
}

/* FILE.plist beside each firmware file, as real archives have. */
static bool add_file_plists(struct factory *f, struct rv_error *err)
{
    for (size_t i = 0; i < f->count; i++) {
        char name[300];
        const struct made_file *file = &f->files[i];
        int len = snprintf(name, sizeof name, "%s.plist", file->path);
        bool wanted = rv_text_starts(file->path, "Firmware/") && plist_dict_get_size(file->tags) > 0;
        if (wanted && len < (int)sizeof name && !add_plist(f, name, file->tags, err))
            return false;
    }
    return true;
}

static bool add_tables(struct factory *f, struct rv_error *err)
{
    plist_t restore = sim_factory_restore_plist(f->manifest);
    bool ok = add_file_plists(f, err) && add_plist(f, "Restore.plist", restore, err) &&
              add_plist(f, "BuildManifest.plist", f->manifest, err);
    plist_free(restore);
    return ok;
}

static plist_t load_manifest(const char *path, struct rv_error *err)
{
    RV_AUTO(rv_blob) bytes = rv_file_read(path, MANIFEST_CAP, err);
    plist_t manifest = bytes ? sim_plist_parse(rv_blob_span(bytes)) : NULL;
    if (bytes && !PLIST_IS_DICT(manifest)) {
        plist_free(manifest);
        rv_fail(err, RV_E_FORMAT, "%s is no BuildManifest", path);
        return NULL;
    }
    return manifest;
}

static plist_t start_manifest(const struct sim_factory *what, struct rv_error *err)
{
    if (what->manifest)
        return load_manifest(what->manifest, err);
    plist_t manifest = sim_factory_template(what->product, what->version, what->build);
    if (!manifest)
        rv_fail(err, RV_E_NOT_FOUND, "no firmware can be made for a %s", what->product);
    return manifest;
}

/* Version and build: those asked for, else the manifest's, else those of the project's own form. */
static void settle_version(struct factory *f)
{
    if (f->what->version)
        set_text(f->manifest, "ProductVersion", f->what->version);
    if (f->what->build)
        set_text(f->manifest, "ProductBuildVersion", f->what->build);
    const char *version = sim_plist_text(f->manifest, "ProductVersion");
    const char *build = sim_plist_text(f->manifest, "ProductBuildVersion");
    f->content = (struct sim_content){ version ? version : "", build ? build : "", f->what->seed };
}

static void clear_factory(struct factory *f)
{
    for (size_t i = 0; i < f->count; i++) {
        rv_free(f->files[i].path);
        rv_blob_free(f->files[i].bytes);
        plist_free(f->files[i].tags);
    }
    plist_free(f->manifest);
    sim_zip_free(f->zip);
    rv_free(f);
}

bool sim_factory_make(const struct sim_factory *what, struct rv_error *err)
{
    struct factory *f = rv_alloc(sizeof *f);
    if (!f)
        return rv_fail_nomem(err);
    f->what = what;
    f->manifest = start_manifest(what, err);
    bool ok = f->manifest != NULL;
    if (ok) {
        settle_version(f);
        f->zip = sim_zip_new(what->out, err);
    }
    ok = ok && f->zip && fill_manifest(f, err) && add_tables(f, err) && sim_zip_finish(f->zip, err);
    clear_factory(f);
    return ok || rv_while(err, "making the firmware %s", what->out);
}
