/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/fixture.h"

#include "base/file.h"
#include "crypto/digest.h"
#include "format/der.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <zip.h>

enum { CAP = 64 << 20 };

const uint8_t fixture_nonce[32] = "one nonce, made of thirty-two c";

struct part {
    const char *component, *path, *type, *retag;
    size_t payload;
};
static const struct part parts[] = {
    { "DeviceTree", "Firmware/all_flash/DeviceTree.im4p", "dtre", NULL, 3000 },
    { "KernelCache", "kernelcache.release", "krnl", NULL, 700000 },
    { "RestoreDeviceTree", "Firmware/all_flash/DeviceTree.im4p", "dtre", "rdtr", 3000 },
    { "RestoreKernelCache", "kernelcache.release", "krnl", "rkrn", 700000 },
    { "RestoreSEP", "Firmware/all_flash/sep.im4p", "sepi", "rsep", 40000 },
    { "iBEC", "Firmware/dfu/iBEC.im4p", "ibec", NULL, 100000 },
    { "iBSS", "Firmware/dfu/iBSS.im4p", "ibss", NULL, 90 },
};

/* ---- bytes ---- */

static void fill(uint8_t *to, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        to[i] = (i / 4096) % 3 == 0 ? 'z' : (uint8_t)(seed >> 40); /* partly compressible */
    }
}

static struct rv_blob *make_im4p(const struct part *p)
{
    struct rv_error err = { 0 };
    struct rv_buf inner = RV_BUF(CAP), out = RV_BUF(CAP);
    uint8_t *payload = malloc(p->payload);
    fill(payload, p->payload, p->payload * 31 + (uint8_t)p->type[0]);
    assert_true(rv_der_put_text(&inner, "IM4P", &err) && rv_der_put_text(&inner, p->type, &err) &&
                rv_der_put_text(&inner, "made for a test", &err) &&
                rv_der_put_octets(&inner, rv_span(payload, p->payload), &err) &&
                rv_der_put(&out, RV_DER_UNIVERSAL, true, RV_DER_SEQUENCE, rv_buf_span(&inner), &err));
    struct rv_blob *blob = rv_blob_copy(rv_buf_span(&out), &err);
    free(payload);
    rv_buf_clear(&inner);
    rv_buf_clear(&out);
    return blob;
}

const char *fixture_path(struct fixture *f, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", f->content, name);
    return path;
}

void fixture_write(struct fixture *f, const char *name, struct rv_span bytes)
{
    struct rv_error err = { 0 };
    char folder[256];
    snprintf(folder, sizeof folder, "%s", fixture_path(f, name));
    *strrchr(folder, '/') = '\0';
    assert_fine(rv_dir_make(folder, &err));
    FILE *out = fopen(fixture_path(f, name), "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, out), bytes.len);
    fclose(out);
}

struct rv_blob *fixture_read(struct fixture *f, const char *name)
{
    struct rv_error err = { 0 };
    struct rv_blob *blob = rv_file_read(fixture_path(f, name), CAP, &err);
    assert_fine(blob != NULL);
    return blob;
}

void fixture_remove(struct fixture *f, const char *name)
{
    assert_int_equal(unlink(fixture_path(f, name)), 0);
}

/* ---- manifest ---- */

static plist_t entry_of(const struct part *p, struct fixture *f)
{
    struct rv_error err = { 0 };
    uint8_t digest[RV_DIGEST_MAX];
    RV_AUTO(rv_blob) im4p = make_im4p(p);
    fixture_write(f, p->path, rv_blob_span(im4p));
    if (p->retag != NULL)
        assert_fine(rv_im4p_retag(im4p, p->retag, &err));
    assert_fine(rv_digest_once(RV_DIGEST_SHA384, rv_blob_span(im4p), digest, &err));
    plist_t entry = plist_new_dict(), info = plist_new_dict();
    plist_dict_set_item(info, "Path", plist_new_string(p->path));
    if (p->retag != NULL)
        plist_dict_set_item(info, "Img4PayloadType", plist_new_string(p->retag));
    plist_dict_set_item(entry, "Info", info);
    plist_dict_set_item(entry, "Digest", plist_new_data((char *)digest, 48));
    plist_dict_set_item(entry, "Trusted", plist_new_bool(1));
    return entry;
}

static plist_t raw_entry(const char *path)
{
    plist_t entry = plist_new_dict(), info = plist_new_dict();
    if (path != NULL)
        plist_dict_set_item(info, "Path", plist_new_string(path));
    plist_dict_set_item(info, "Personalize", plist_new_bool(0));
    plist_dict_set_item(entry, "Info", info);
    plist_dict_set_item(entry, "Trusted", plist_new_bool(1));
    return entry;
}

static plist_t make_identity(struct fixture *f, bool update)
{
    plist_t identity = plist_new_dict(), info = plist_new_dict(), manifest = plist_new_dict();
    static const struct part ramdisks[] = {
        { "RestoreRamDisk", "058-00001-001.dmg", "rdsk", NULL, 60000 },
        { "RestoreRamDisk", "058-00002-001.dmg", "rdsk", NULL, 61000 },
    };
    plist_dict_set_item(identity, "ApChipID", plist_new_string("0x8015"));
    plist_dict_set_item(identity, "ApBoardID", plist_new_string("0x0E"));
    plist_dict_set_item(identity, "ApSecurityDomain", plist_new_string("0x01"));
    plist_dict_set_item(identity, "UniqueBuildID", plist_new_data("twenty bytes of name", 20));
    plist_dict_set_item(info, "DeviceClass", plist_new_string("d221ap"));
    plist_dict_set_item(info, "Variant",
                        plist_new_string(update ? "Customer Upgrade Install (IPSW)" : "Customer Erase Install (IPSW)"));
    plist_dict_set_item(info, "RestoreBehavior", plist_new_string(update ? "Update" : "Erase"));
    plist_dict_set_item(identity, "Info", info);
    for (size_t i = 0; i < RV_COUNT(parts); i++)
        plist_dict_set_item(manifest, parts[i].component, entry_of(&parts[i], f));
    plist_dict_set_item(manifest, "RestoreRamDisk", entry_of(&ramdisks[update], f));
    plist_t os = raw_entry("058-00003-001.dmg");
    struct rv_error err = { 0 };
    uint8_t digest[RV_DIGEST_MAX];
    assert_fine(rv_digest_once(RV_DIGEST_SHA384, rv_span(f->image, FIXTURE_IMAGE), digest, &err));
    plist_dict_set_item(os, "Digest", plist_new_data((char *)digest, 48));
    plist_dict_set_item(manifest, "OS", os);
    plist_dict_set_item(manifest, "ftap", raw_entry(NULL));
    plist_dict_set_item(identity, "Manifest", manifest);
    return identity;
}

static void write_manifest(struct fixture *f)
{
    struct rv_error err = { 0 };
    RV_AUTO_PLIST manifest = plist_new_dict();
    plist_t types = plist_new_array(), identities = plist_new_array();
    plist_array_append_item(types, plist_new_string("iPhone10,6"));
    plist_array_append_item(identities, make_identity(f, false));
    plist_array_append_item(identities, make_identity(f, true));
    plist_dict_set_item(manifest, "SupportedProductTypes", types);
    plist_dict_set_item(manifest, "ProductVersion", plist_new_string("11.2"));
    plist_dict_set_item(manifest, "ProductBuildVersion", plist_new_string("15C114"));
    plist_dict_set_item(manifest, "BuildIdentities", identities);
    RV_AUTO(rv_blob) text = rv_plist_format(manifest, false, &err);
    assert_fine(text != NULL);
    fixture_write(f, "BuildManifest.plist", rv_blob_span(text));
}

plist_t fixture_identity(struct rv_ipsw *ipsw, enum rv_behavior behavior)
{
    struct rv_error err = { 0 };
    struct rv_target target = fixture_target();
    plist_t identity = rv_ipsw_choose(ipsw, &target, behavior, &err);
    assert_fine(identity != NULL);
    return identity;
}

struct rv_target fixture_target(void)
{
    return (struct rv_target){ .ecid = FIXTURE_ECID,
                               .chip = FIXTURE_CHIP,
                               .board = FIXTURE_BOARD,
                               .have_chip = true,
                               .have_board = true,
                               .hardware_model = "d221ap",
                               .product_type = "iPhone10,6",
                               .ap_nonce = rv_span(fixture_nonce, 32) };
}

/* ---- zip ---- */

static void add_folder(zip_t *zip, const char *folder, const char *inside, bool deflate)
{
    DIR *d = opendir(folder);
    assert_non_null(d);
    const struct dirent *e;
    while ((e = readdir(d)) != NULL) {
        char path[600], name[300];
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        snprintf(name, sizeof name, "%s%s%s", inside, *inside ? "/" : "", e->d_name);
        assert_int_equal(stat(path, &st), 0);
        if (S_ISDIR(st.st_mode)) {
            add_folder(zip, path, name, deflate);
            continue;
        }
        zip_source_t *source = zip_source_file(zip, path, 0, -1);
        zip_int64_t index = zip_file_add(zip, name, source, 0);
        assert_true(index >= 0);
        zip_set_file_compression(zip, (zip_uint64_t)index, deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 1);
    }
    closedir(d);
}

void fixture_zip(struct fixture *f, bool deflate)
{
    int why = 0;
    zip_t *zip = zip_open(f->zip, ZIP_CREATE | ZIP_TRUNCATE, &why);
    assert_non_null(zip);
    add_folder(zip, f->content, "", deflate);
    assert_int_equal(zip_close(zip), 0);
}

/* ---- keys ---- */

static EVP_PKEY *new_key(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    assert_non_null(key);
    return key;
}

static void put(struct rv_buf *to, enum rv_der_class cls, uint32_t tag, struct rv_buf *body)
{
    struct rv_error err = { 0 };
    assert_fine(rv_der_put(to, cls, true, tag, rv_buf_span(body), &err));
    rv_buf_clear(body);
}

/* [PRIVATE name] { SEQUENCE { name, value } } */
static void put_named(struct rv_buf *to, const char *name, struct rv_span value)
{
    struct rv_error err = { 0 };
    struct rv_buf inner = RV_BUF(CAP), sequence = RV_BUF(CAP);
    assert_fine(rv_der_put_text(&inner, name, &err) && rv_buf_add(&inner, value, &err));
    put(&sequence, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, &inner);
    put(to, RV_DER_PRIVATE, rv_der_4cc(name), &sequence);
}

static void put_uint(struct rv_buf *to, const char *name, uint64_t value)
{
    struct rv_error err = { 0 };
    struct rv_buf v = RV_BUF(64);
    assert_fine(rv_der_put_uint(&v, value, &err));
    put_named(to, name, rv_buf_span(&v));
    rv_buf_clear(&v);
}

static void put_octets(struct rv_buf *to, const char *name, struct rv_span value)
{
    struct rv_error err = { 0 };
    struct rv_buf v = RV_BUF(CAP);
    assert_fine(rv_der_put_octets(&v, value, &err));
    put_named(to, name, rv_buf_span(&v));
    rv_buf_clear(&v);
}

static void put_group(struct rv_buf *to, const char *name, struct rv_buf *set)
{
    struct rv_buf value = RV_BUF(CAP);
    put(&value, RV_DER_UNIVERSAL, RV_DER_SET, set);
    put_named(to, name, rv_buf_span(&value));
    rv_buf_clear(&value);
}

/* As Apple's: CHIP pinned, CPRO and every DGST must be there, snon may be. */
static void add_conditions(X509 *certificate)
{
    struct rv_buf manp = RV_BUF(4096), objp = RV_BUF(4096), set = RV_BUF(4096), whole = RV_BUF(4096);
    static const uint8_t must[] = { 0xA0, 2, 5, 0 }, may[] = { 0xA1, 2, 5, 0 };
    put_uint(&manp, "CHIP", FIXTURE_CHIP);
    put_named(&manp, "CPRO", rv_span(must, sizeof must));
    put_named(&manp, "snon", rv_span(may, sizeof may));
    put_named(&objp, "DGST", rv_span(must, sizeof must));
    put_group(&set, "MANP", &manp);
    put_group(&set, "OBJP", &objp);
    put(&whole, RV_DER_UNIVERSAL, RV_DER_SET, &set);
    ASN1_OBJECT *oid = OBJ_txt2obj("1.2.840.113635.100.6.1.15", 1);
    ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(content, whole.data, (int)whole.len);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, content);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(content);
    ASN1_OBJECT_free(oid);
    rv_buf_clear(&whole);
}

static X509 *new_certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, bool ca)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), -3600); /* run out, as Apple's are */
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    X509_set_pubkey(x, key);
    X509_EXTENSION *basic =
        X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, ca ? "critical,CA:TRUE" : "CA:FALSE");
    X509_add_ext(x, basic, -1);
    X509_EXTENSION_free(basic);
    if (!ca)
        add_conditions(x);
    assert_true(X509_sign(x, issuer_key, EVP_sha384()) > 0);
    return x;
}

static struct rv_blob *der_of(X509 *x)
{
    struct rv_error err = { 0 };
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    struct rv_blob *blob = rv_blob_copy(rv_span(der, (size_t)len), &err);
    OPENSSL_free(der);
    return blob;
}

/* ---- ticket ---- */

static void put_objects(struct rv_buf *set, plist_t identity, const struct fixture_ticket *what)
{
    struct rv_error err = { 0 };
    const char **names = NULL;
    size_t count = 0;
    assert_fine(rv_identity_components(identity, &names, &count, &err));
    for (size_t i = 0; i < count; i++) {
        struct rv_buf properties = RV_BUF(4096);
        struct rv_span digest = rv_plist_data(rv_identity_component(identity, names[i]), "Digest");
        const char *tag = rv_component_tag(identity, names[i]);
        assert_non_null(tag);
        if (what->leave_out != NULL && strcmp(what->leave_out, tag) == 0)
            continue;
        uint8_t other[48] = { 1 };
        bool wrong = what->wrong != NULL && strcmp(what->wrong, tag) == 0;
        put_octets(&properties, "DGST", wrong ? rv_span(other, 48) : digest.ptr ? digest : rv_span("", 0));
        put_group(set, tag, &properties);
    }
    rv_free(names);
}

static void put_properties(struct rv_buf *set, const struct fixture_ticket *what)
{
    static const uint8_t yes[] = { 1, 1, 0xFF };
    struct rv_buf p = RV_BUF(4096);
    put_octets(&p, "BNCH", rv_span(what->nonce, 32));
    put_uint(&p, "BORD", what->board);
    put_uint(&p, "CHIP", what->chip);
    if (!what->no_production)
        put_named(&p, "CPRO", rv_span(yes, 3));
    put_uint(&p, "ECID", what->ecid);
    put_group(set, "MANP", &p);
}

static struct rv_blob *sign(EVP_PKEY *key, struct rv_span bytes)
{
    struct rv_error err = { 0 };
    EVP_MD_CTX *state = EVP_MD_CTX_new();
    size_t len = 512;
    RV_AUTO(rv_blob) room = rv_blob_new(len, &err);
    assert_true(EVP_DigestSignInit(state, NULL, EVP_sha384(), NULL, key) == 1);
    assert_true(EVP_DigestSign(state, room->data, &len, bytes.ptr, bytes.len) == 1);
    EVP_MD_CTX_free(state);
    return rv_blob_copy(rv_span(room->data, len), &err);
}

struct rv_ticket *fixture_ticket(struct fixture *f, plist_t identity, const struct fixture_ticket *what)
{
    struct rv_error err = { 0 };
    struct rv_buf set = RV_BUF(CAP), manb = RV_BUF(CAP), body = RV_BUF(CAP), chain = RV_BUF(CAP), all = RV_BUF(CAP),
                  out = RV_BUF(CAP);
    put_properties(&set, what);
    put_objects(&set, identity, what);
    put_group(&manb, "MANB", &set);
    put(&body, RV_DER_UNIVERSAL, RV_DER_SET, &manb);
    EVP_PKEY *stranger = what->other_root || what->leaf_signs_leaf ? new_key() : NULL;
    X509 *other = NULL;
    if (what->other_root) {
        other = new_certificate("Somebody", stranger, NULL, stranger, true);
    } else if (what->leaf_signs_leaf) {
        other = new_certificate("Below the leaf", stranger, f->leaf_certificate, f->leaf_key, false);
        RV_AUTO(rv_blob) leaf = der_of(f->leaf_certificate);
        assert_fine(rv_buf_add(&chain, rv_blob_span(leaf), &err));
    }
    RV_AUTO(rv_blob) certificate = der_of(other ? other : f->leaf_certificate);
    RV_AUTO(rv_blob) signature = sign(stranger ? stranger : f->leaf_key, rv_buf_span(&body));
    assert_fine(rv_buf_add(&chain, rv_blob_span(certificate), &err));
    assert_fine(rv_der_put_text(&all, "IM4M", &err) && rv_der_put_uint(&all, 0, &err) &&
                rv_buf_add(&all, rv_buf_span(&body), &err) && rv_der_put_octets(&all, rv_blob_span(signature), &err));
    put(&all, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, &chain);
    put(&out, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, &all);
    struct rv_ticket *ticket = rv_ticket_from_im4m(rv_buf_span(&out), &err);
    assert_fine(ticket != NULL);
    rv_buf_clear(&body);
    rv_buf_clear(&out);
    X509_free(other);
    EVP_PKEY_free(stranger);
    return ticket;
}

/* ---- life ---- */

void fixture_start(struct fixture *f)
{
    struct rv_error err = { 0 };
    *f = (struct fixture){ .folder = "/tmp/revive-firmware-XXXXXX" };
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->content, sizeof f->content, "%s/content", f->folder);
    snprintf(f->zip, sizeof f->zip, "%s/test.ipsw", f->folder);
    snprintf(f->root, sizeof f->root, "%s/root.der", f->folder);
    f->image = malloc(FIXTURE_IMAGE);
    fill(f->image, FIXTURE_IMAGE, 99);
    write_manifest(f);
    fixture_write(f, "058-00003-001.dmg", rv_span(f->image, FIXTURE_IMAGE));
    f->root_key = new_key();
    f->leaf_key = new_key();
    f->root_certificate = new_certificate("Test root", f->root_key, NULL, f->root_key, true);
    f->leaf_certificate = new_certificate("Test leaf", f->leaf_key, f->root_certificate, f->root_key, false);
    RV_AUTO(rv_blob) root = der_of(f->root_certificate);
    assert_fine(rv_file_write_atomic(f->root, rv_blob_span(root), 0600, &err));
    rv_clock_system(&f->ctx.clock);
    f->ctx.settings.trust_root = f->root;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void fixture_end(struct fixture *f)
{
    nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    X509_free(f->root_certificate);
    X509_free(f->leaf_certificate);
    EVP_PKEY_free(f->root_key);
    EVP_PKEY_free(f->leaf_key);
    free(f->image);
}
