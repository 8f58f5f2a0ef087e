/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of the simulated Apple. Files in the folder, each made once and kept:
 *   root.key root.der        "fused" into every virtual chip; RSA-4096, SHA-384
 *   leaf.key leaf.der        signs tickets for A10 and later (leaf.der: chip 8015; other chips get theirs in memory)
 *   a7-ca.key a7-ca.der      the authority between root and leaf of A7 to A9; RSA-2048, SHA-1
 *   a7-leaf.key              its leaf key
 *   tls-*.key/.pem/.der      a web server's chain under a root of its own, and three that a client must refuse
 */
#include "sim/pki.h"

#include "base/file.h"
#include "sim/der.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { KEY_FILE_CAP = 64 << 10, CURVE_P256 = 1, CHIP_A11 = 0x8015 };
#define MAKER "Revive Simulator"

/* ---- files ---- */

static struct rv_blob *bio_bytes(BIO *bio, struct rv_error *err)
{
    char *data = NULL;
    long len = bio ? BIO_get_mem_data(bio, &data) : 0;
    if (len <= 0) {
        rv_fail_nomem(err);
        return NULL;
    }
    return rv_blob_copy(rv_span(data, (size_t)len), err);
}

static bool write_bio(const char *folder, const char *leaf, BIO *bio, int mode, struct rv_error *err)
{
    RV_AUTO_TEXT path = rv_path_join(folder, leaf, err);
    RV_AUTO(rv_blob) bytes = bio_bytes(bio, err);
    return path && bytes && rv_file_write_atomic(path, rv_blob_span(bytes), mode, err);
}

static EVP_PKEY *load_key(const char *folder, const char *leaf, struct rv_error *err)
{
    RV_AUTO_TEXT path = rv_path_join(folder, leaf, err);
    RV_AUTO(rv_blob) pem = path ? rv_file_read(path, KEY_FILE_CAP, err) : NULL;
    if (!pem)
        return NULL;
    BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    rv_wipe(pem->data, pem->len);
    if (!key)
        rv_fail(err, RV_E_FORMAT, "%s holds no private key", path);
    return key;
}

static X509 *load_cert(const char *folder, const char *leaf, struct rv_error *err)
{
    RV_AUTO_TEXT path = rv_path_join(folder, leaf, err);
    RV_AUTO(rv_blob) der = path ? rv_file_read(path, KEY_FILE_CAP, err) : NULL;
    if (!der)
        return NULL;
    const unsigned char *at = der->data;
    X509 *cert = d2i_X509(NULL, &at, (long)der->len);
    if (!cert)
        rv_fail(err, RV_E_FORMAT, "%s holds no certificate", path);
    return cert;
}

static bool exists(const char *folder, const char *leaf, struct rv_error *err)
{
    RV_AUTO_TEXT path = rv_path_join(folder, leaf, err);
    return path && rv_file_exists(path);
}

/* bits of RSA, or CURVE_P256. */
static EVP_PKEY *make_key(const char *folder, const char *leaf, int bits, struct rv_error *err)
{
    if (exists(folder, leaf, err))
        return load_key(folder, leaf, err);
    EVP_PKEY *key = bits == CURVE_P256 ? EVP_EC_gen("P-256") : EVP_RSA_gen((unsigned)bits);
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = key && bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (!ok)
        rv_fail(err, RV_E_IO, "the key %s could not be made", leaf);
    ok = ok && write_bio(folder, leaf, bio, 0600, err);
    BIO_free(bio);
    if (!ok) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

/* ---- certificates ---- */

struct issue {
    const char *name;
    EVP_PKEY *key;
    X509 *issuer; /* NULL: signed by itself */
    EVP_PKEY *issuer_key;
    const EVP_MD *digest;
    bool authority;
    const char *dns;     /* subjectAltName of a web server, such as "DNS:localhost" */
    const char *until;   /* NULL: far away */
    uint32_t ticket_for; /* chip whose tickets this leaf signs; 0: none */
};

static bool put_pin(struct rv_buf *set, const char *name, const uint64_t *value, struct rv_error *err)
{
    static const uint8_t must_be_there[] = { SIM_DER_NULL, 0 };
    RV_AUTO_CLEAR(rv_buf) pair = RV_BUF(256);
    RV_AUTO_CLEAR(rv_buf) holder = RV_BUF(256);
    return sim_der_put_text(&pair, name, err) &&
           (value ? sim_der_put_integer(&pair, *value, err)
                  : sim_der_put(&pair, SIM_DER_CONTEXT0, rv_span(must_be_there, 2), err)) &&
           sim_der_put(&holder, SIM_DER_SEQUENCE, rv_buf_span(&pair), err) &&
           sim_der_put_private(set, sim_fourcc(name), rv_buf_span(&holder), err);
}

static bool put_pin_group(struct rv_buf *out, const char *name, struct rv_span pins, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) pair = RV_BUF(2048);
    RV_AUTO_CLEAR(rv_buf) holder = RV_BUF(2048);
    return sim_der_put_text(&pair, name, err) && sim_der_put_set(&pair, pins, err) &&
           sim_der_put(&holder, SIM_DER_SEQUENCE, rv_buf_span(&pair), err) &&
           sim_der_put_private(out, sim_fourcc(name), rv_buf_span(&holder), err);
}

/* The same pins as in the leaf of a real A11 ticket. */
static bool ticket_limits(uint32_t chip, struct rv_buf *out, struct rv_error *err)
{
    static const char *const manp[] = { "BNCH", "BORD", "CPRO", "CSEC", "ECID", "snon" };
    static const char *const objp[] = { "DGST", "EPRO", "ESEC" };
    const uint64_t one = 1, chip_id = chip;
    RV_AUTO_CLEAR(rv_buf) m = RV_BUF(1024);
    RV_AUTO_CLEAR(rv_buf) o = RV_BUF(1024);
    RV_AUTO_CLEAR(rv_buf) groups = RV_BUF(4096);
    bool ok = put_pin(&m, "CEPO", &one, err) && put_pin(&m, "SDOM", &one, err) && put_pin(&m, "CHIP", &chip_id, err);
    for (size_t i = 0; ok && i < RV_COUNT(manp); i++)
        ok = put_pin(&m, manp[i], NULL, err);
    for (size_t i = 0; ok && i < RV_COUNT(objp); i++)
        ok = put_pin(&o, objp[i], NULL, err);
    return ok && put_pin_group(&groups, "MANP", rv_buf_span(&m), err) &&
           put_pin_group(&groups, "OBJP", rv_buf_span(&o), err) && sim_der_put_set(out, rv_buf_span(&groups), err);
}

static bool add_ticket_limits(X509 *cert, uint32_t chip, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) value = RV_BUF(4096);
    if (!ticket_limits(chip, &value, err))
        return false;
    ASN1_OBJECT *oid = OBJ_txt2obj("1.2.840.113635.100.6.1.15", 1);
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
    bool ok = oid && data && ASN1_OCTET_STRING_set(data, value.data, (int)value.len) == 1;
    X509_EXTENSION *extension = ok ? X509_EXTENSION_create_by_OBJ(NULL, oid, 1, data) : NULL;
    ok = extension && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(oid);
    return ok || rv_fail_nomem(err);
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = extension && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool add_name(X509_NAME *name, const char *common)
{
    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)MAKER, -1, -1, 0) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common, -1, -1, 0) == 1;
}

static bool fill_cert(X509 *cert, const struct issue *what, struct rv_error *err)
{
    static const char since[] = "20150101000000Z", far[] = "20491231235959Z";
    X509 *issuer = what->issuer ? what->issuer : cert;
    BIGNUM *serial = BN_new();
    bool ok = serial && BN_rand(serial, 63, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) != NULL;
    BN_free(serial);
    ok = ok && X509_set_version(cert, X509_VERSION_3) == 1 &&
         ASN1_TIME_set_string_X509(X509_getm_notBefore(cert), since) == 1 &&
         ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), what->until ? what->until : far) == 1 &&
         add_name(X509_get_subject_name(cert), what->name) &&
         X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1 && X509_set_pubkey(cert, what->key) == 1;
    ok = ok && add_extension(cert, issuer, NID_subject_key_identifier, "hash") &&
         add_extension(cert, issuer, NID_basic_constraints,
                       what->authority ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
         add_extension(cert, issuer, NID_authority_key_identifier, "keyid:always") &&
         add_extension(cert, issuer, NID_key_usage,
                       what->authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    ok = ok && (!what->dns || (add_extension(cert, issuer, NID_subject_alt_name, what->dns) &&
                               add_extension(cert, issuer, NID_ext_key_usage, "serverAuth")));
    if (!ok)
        return rv_fail(err, RV_E_IO, "the certificate %s could not be filled in", what->name);
    return !what->ticket_for || add_ticket_limits(cert, what->ticket_for, err);
}

static X509 *issue_cert(const struct issue *what, struct rv_error *err)
{
    X509 *cert = X509_new();
    if (!cert) {
        rv_fail_nomem(err);
        return NULL;
    }
    bool ok = fill_cert(cert, what, err);
    if (ok && X509_sign(cert, what->issuer_key ? what->issuer_key : what->key, what->digest) == 0)
        ok = rv_fail(err, RV_E_IO, "the certificate %s could not be signed", what->name);
    if (!ok) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static X509 *make_cert(const char *folder, const char *leaf, const struct issue *what, struct rv_error *err)
{
    if (exists(folder, leaf, err))
        return load_cert(folder, leaf, err);
    X509 *cert = issue_cert(what, err);
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = cert && bio && i2d_X509_bio(bio, cert) == 1 && write_bio(folder, leaf, bio, 0644, err);
    BIO_free(bio);
    if (!ok) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

/* ---- the ticket chains ---- */

static bool make_leaf(const char *folder, X509 *root, EVP_PKEY *root_key, struct rv_error *err)
{
    EVP_PKEY *key = make_key(folder, "leaf.key", 4096, err);
    const struct issue what = { .name = "T8015-SimTss-ManifestKey-RevA",
                                .key = key,
                                .issuer = root,
                                .issuer_key = root_key,
                                .digest = EVP_sha384(),
                                .ticket_for = CHIP_A11 };
    X509 *cert = key ? make_cert(folder, "leaf.der", &what, err) : NULL;
    X509_free(cert);
    EVP_PKEY_free(key);
    return cert != NULL;
}

static bool make_old_chain(const char *folder, X509 *root, EVP_PKEY *root_key, struct rv_error *err)
{
    EVP_PKEY *key = make_key(folder, "a7-ca.key", 2048, err);
    EVP_PKEY *leaf = key ? make_key(folder, "a7-leaf.key", 2048, err) : NULL;
    const struct issue what = { .name = MAKER " Secure Boot Certification Authority",
                                .key = key,
                                .issuer = root,
                                .issuer_key = root_key,
                                .digest = EVP_sha1(),
                                .authority = true };
    X509 *cert = leaf ? make_cert(folder, "a7-ca.der", &what, err) : NULL;
    X509_free(cert);
    EVP_PKEY_free(leaf);
    EVP_PKEY_free(key);
    return cert != NULL;
}

static bool make_ticket_chains(const char *folder, struct rv_error *err)
{
    EVP_PKEY *key = make_key(folder, "root.key", 4096, err);
    const struct issue what = {
        .name = MAKER " Secure Boot Root CA", .key = key, .digest = EVP_sha384(), .authority = true
    };
    X509 *root = key ? make_cert(folder, "root.der", &what, err) : NULL;
    bool ok = root && make_leaf(folder, root, key, err) && make_old_chain(folder, root, key, err);
    X509_free(root);
    EVP_PKEY_free(key);
    return ok;
}

/* ---- the web server's chains ---- */

static bool write_chain(const char *folder, const char *leaf, X509 *cert, X509 *root, struct rv_error *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio && (!cert || PEM_write_bio_X509(bio, cert) == 1) && PEM_write_bio_X509(bio, root) == 1;
    if (!ok)
        rv_fail_nomem(err);
    ok = ok && write_bio(folder, leaf, bio, 0644, err);
    BIO_free(bio);
    return ok;
}

static bool make_server(const char *folder, const char *file, struct issue what, struct rv_error *err)
{
    if (exists(folder, file, err))
        return true;
    what.name = file;
    X509 *cert = issue_cert(&what, err);
    bool ok = cert && write_chain(folder, file, cert, what.issuer, err);
    X509_free(cert);
    return ok;
}

static bool make_web_servers(const char *folder, EVP_PKEY *server, EVP_PKEY *root_key, EVP_PKEY *stranger_key,
                             struct rv_error *err)
{
    const struct issue as_root = {
        .name = MAKER " Web Root CA", .key = root_key, .digest = EVP_sha256(), .authority = true
    };
    const struct issue as_stranger = {
        .name = MAKER " Stranger Root CA", .key = stranger_key, .digest = EVP_sha256(), .authority = true
    };
    X509 *root = make_cert(folder, "tls-root.der", &as_root, err);
    X509 *stranger = root ? make_cert(folder, "tls-stranger.der", &as_stranger, err) : NULL;
    const struct issue good = { .key = server,
                                .issuer = root,
                                .issuer_key = root_key,
                                .digest = EVP_sha256(),
                                .dns = "DNS:localhost,IP:127.0.0.1" };
    struct issue elsewhere = good, untrusted = good, expired = good;
    elsewhere.dns = "DNS:elsewhere.invalid";
    untrusted.issuer = stranger;
    untrusted.issuer_key = stranger_key;
    expired.until = "20160101000000Z";
    bool ok = stranger && write_chain(folder, "tls-root.pem", NULL, root, err) &&
              make_server(folder, "tls-good.pem", good, err) &&
              make_server(folder, "tls-wrong-name.pem", elsewhere, err) &&
              make_server(folder, "tls-untrusted.pem", untrusted, err) &&
              make_server(folder, "tls-expired.pem", expired, err);
    X509_free(root);
    X509_free(stranger);
    return ok;
}

static bool make_web_chains(const char *folder, struct rv_error *err)
{
    EVP_PKEY *server = make_key(folder, "tls.key", CURVE_P256, err);
    EVP_PKEY *root = server ? make_key(folder, "tls-root.key", CURVE_P256, err) : NULL;
    EVP_PKEY *stranger = root ? make_key(folder, "tls-stranger.key", CURVE_P256, err) : NULL;
    bool ok = stranger && make_web_servers(folder, server, root, stranger, err);
    EVP_PKEY_free(server);
    EVP_PKEY_free(root);
    EVP_PKEY_free(stranger);
    return ok;
}

bool sim_pki_make(const char *folder, struct rv_error *err)
{
    if (!rv_dir_make(folder, err))
        return rv_while(err, "making the simulator's keys");
    RV_AUTO_TEXT lock_path = rv_path_join(folder, ".lock", err);
    if (!lock_path)
        return false;
    RV_AUTO_FD lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "cannot open %s", lock_path);
    while (flock(lock, LOCK_EX) != 0) { /* others may be making the same keys: they take seconds */
        if (errno != EINTR)
            return rv_fail_sys(err, RV_E_IO, errno, "cannot lock %s", lock_path);
    }
    return (make_ticket_chains(folder, err) && make_web_chains(folder, err)) ||
           rv_while(err, "making the simulator's keys in %s", folder);
}

/* ---- signing ---- */

static bool load_new_signer(const char *folder, uint32_t chip, struct sim_signer *out, struct rv_error *err)
{
    out->digest = EVP_sha384();
    out->key = load_key(folder, "leaf.key", err);
    if (!out->key)
        return false;
    if (chip == CHIP_A11) {
        out->certs[0] = load_cert(folder, "leaf.der", err);
    } else {
        char name[48] = "SimTss-PeripheralKey-RevA";
        if (chip)
            snprintf(name, sizeof name, "T%04X-SimTss-ManifestKey-RevA", (unsigned)chip);
        EVP_PKEY *root_key = load_key(folder, "root.key", err);
        X509 *root = root_key ? load_cert(folder, "root.der", err) : NULL;
        const struct issue what = { .name = name,
                                    .key = out->key,
                                    .issuer = root,
                                    .issuer_key = root_key,
                                    .digest = EVP_sha384(),
                                    .ticket_for = chip };
        out->certs[0] = root ? issue_cert(&what, err) : NULL;
        X509_free(root);
        EVP_PKEY_free(root_key);
    }
    out->cert_count = 1;
    return out->certs[0] != NULL;
}

static bool load_old_signer(const char *folder, uint32_t chip, struct sim_signer *out, struct rv_error *err)
{
    char name[48];
    snprintf(name, sizeof name, "T%04X-SimTss-ManifestKey-RevA", (unsigned)chip);
    out->digest = EVP_sha1();
    out->key = load_key(folder, "a7-leaf.key", err);
    out->certs[0] = out->key ? load_cert(folder, "a7-ca.der", err) : NULL;
    EVP_PKEY *ca_key = out->certs[0] ? load_key(folder, "a7-ca.key", err) : NULL;
    const struct issue what = { .name = name,
                                .key = out->key,
                                .issuer = out->certs[0],
                                .issuer_key = ca_key,
                                .digest = EVP_sha1(),
                                .ticket_for = chip };
    out->certs[1] = ca_key ? issue_cert(&what, err) : NULL;
    EVP_PKEY_free(ca_key);
    out->cert_count = 2;
    return out->certs[1] != NULL;
}

bool sim_signer_load(const char *folder, uint32_t chip, bool sha1, struct sim_signer *out, struct rv_error *err)
{
    struct sim_signer signer = { 0 };
    bool ok = sha1 ? load_old_signer(folder, chip, &signer, err) : load_new_signer(folder, chip, &signer, err);
    if (!ok) {
        sim_signer_clear(&signer);
        return rv_while(err, "loading the signing key in %s", folder);
    }
    *out = signer;
    return true;
}

void sim_signer_clear(struct sim_signer *signer)
{
    EVP_PKEY_free(signer->key);
    X509_free(signer->certs[0]);
    X509_free(signer->certs[1]);
    memset(signer, 0, sizeof *signer);
}

struct rv_blob *sim_signer_sign(const struct sim_signer *signer, struct rv_span body, struct rv_error *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = 0;
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, signer->digest, NULL, signer->key) == 1 &&
              EVP_DigestSign(ctx, NULL, &len, body.ptr, body.len) == 1;
    RV_AUTO(rv_blob) signature = ok ? rv_blob_new(len, err) : NULL;
    ok = signature && EVP_DigestSign(ctx, signature->data, &len, body.ptr, body.len) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok) {
        rv_fail(err, RV_E_IO, "the ticket could not be signed");
        return NULL;
    }
    return rv_steal(&signature);
}
