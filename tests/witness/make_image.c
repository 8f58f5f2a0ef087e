/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_image PKI STATE NONCE COMPONENT OUT [SIZE]: an image of COMPONENT, signed for the device of a state folder and
 * the nonce given as hex, as a host would have it from Apple's server. NONCE "none": unsigned.
 */
#include "base/file.h"
#include "base/text.h"
#include "sim/apple.h"
#include "sim/image4.h"
#include "sim/tss.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static plist_t request_for(const struct sim_identity *id, const char *component, const struct rv_blob *im4p)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_Digest(im4p->data, im4p->len, digest, &len, id->ap_nonce_len == 20 ? EVP_sha1() : EVP_sha384(), NULL);
    plist_t r = plist_new_dict(), part = plist_new_dict();
    plist_dict_set_item(part, "Digest", plist_new_data((const char *)digest, len));
    plist_dict_set_item(part, "Trusted", plist_new_bool(1));
    plist_dict_set_item(part, "EPRO", plist_new_bool(1));
    plist_dict_set_item(part, "ESEC", plist_new_bool(1));
    plist_dict_set_item(r, component, part);
    plist_dict_set_item(r, "@ApImg4Ticket", plist_new_bool(1));
    plist_dict_set_item(r, "ApECID", plist_new_uint(id->ecid));
    plist_dict_set_item(r, "ApChipID", plist_new_uint(id->chip));
    plist_dict_set_item(r, "ApBoardID", plist_new_uint(id->board));
    plist_dict_set_item(r, "ApSecurityDomain", plist_new_uint(id->domain));
    plist_dict_set_item(r, "ApProductionMode", plist_new_bool(1));
    plist_dict_set_item(r, "ApSecurityMode", plist_new_bool(1));
    plist_dict_set_item(r, "ApNonce", plist_new_data((const char *)id->ap_nonce, id->ap_nonce_len));
    plist_dict_set_item(r, "SepNonce", plist_new_data((const char *)id->sep_nonce, sizeof id->sep_nonce));
    plist_dict_set_item(r, "UniqueBuildID", plist_new_data("01234567890123456789", 20));
    return r;
}

static bool make(char **argv, size_t size, struct rv_error *err)
{
    struct sim_identity id;
    struct sim_device *device = sim_device_open(argv[2], err);
    if (device == NULL)
        return false;
    sim_device_identity(device, &id);
    sim_device_close(device);
    const char *tag = sim_component_tag(argv[4]);
    RV_AUTO(rv_blob) payload = rv_blob_new(size, err);
    RV_AUTO(rv_blob)
    im4p = tag != NULL && payload != NULL ? sim_im4p_make(tag, "witness", rv_blob_span(payload), err) : NULL;
    if (im4p == NULL)
        return rv_while(err, "making %s", argv[4]);
    if (strcmp(argv[3], "none") == 0)
        return rv_file_write_atomic(argv[5], rv_blob_span(im4p), 0600, err);
    long len = rv_text_unhex(argv[3], strlen(argv[3]), id.ap_nonce, sizeof id.ap_nonce);
    if (len != 20 && len != 32)
        return rv_fail(err, RV_E_USAGE, "no nonce: %s", argv[3]);
    id.ap_nonce_len = (size_t)len;
    plist_t request = request_for(&id, argv[4], im4p);
    RV_AUTO(rv_blob) ticket = sim_sign_ticket(argv[1], request, err);
    plist_free(request);
    if (ticket == NULL)
        return false;
    RV_AUTO(rv_blob) image = sim_img4_make(rv_blob_span(im4p), rv_blob_span(ticket), err);
    return image != NULL && rv_file_write_atomic(argv[5], rv_blob_span(image), 0600, err);
}

int main(int argc, char **argv)
{
    struct rv_error err = { 0 };
    uint64_t size = 100000;
    if (argc < 6 || argc > 7 || (argc == 7 && (!rv_text_number(argv[6], 10, &size) || size > 1 << 24))) {
        fprintf(stderr, "make_image PKI STATE NONCE|none COMPONENT OUT [SIZE]\n");
        return 2;
    }
    if (make(argv, (size_t)size, &err))
        return 0;
    fprintf(stderr, "make_image: %s\n", err.depth > 0 ? err.text[0] : "failed");
    return 1;
}
