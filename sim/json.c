/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of the simulator's own files: text, and what a property list holds. Long bytes become length and SHA-256. */
#include "sim/json.h"

#include "base/text.h"
#include "sim/der.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { DEPTH_MAX = 24, SHORT_DATA = 64, SHORT_TEXT = 4096, MEMBERS_MAX = 64 };

void sim_json_text(const char *text, char *out, size_t size)
{
    size_t at = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p != 0 && at + 8 < size; p++) {
        if (*p == '"' || *p == '\\') {
            out[at++] = '\\';
            out[at++] = (char)*p;
        } else if (*p < 0x20 || *p >= 0x7f) {
            /* Bytes, not characters: what came over a wire need not be UTF-8. */
            at += (size_t)snprintf(out + at, size - at, "\\u%04x", *p);
        } else {
            out[at++] = (char)*p;
        }
    }
    out[at] = 0;
}

bool sim_json_add_text(struct rv_buf *out, const char *text, struct rv_error *err)
{
    size_t room = strlen(text) * 6 + 16; /* \u00XX at the most, and what sim_json_text keeps free */
    char *quoted = rv_alloc(room);
    if (quoted == NULL)
        return rv_fail_nomem(err);
    sim_json_text(text, quoted, room);
    bool added =
        rv_buf_add_text(out, "\"", err) && rv_buf_add_text(out, quoted, err) && rv_buf_add_text(out, "\"", err);
    rv_free(quoted);
    return added;
}

static bool add_length_and_hash(struct rv_buf *out, struct rv_span bytes, struct rv_error *err)
{
    uint8_t digest[32];
    char hex[65];
    static const uint8_t none[1];
    if (EVP_Digest(bytes.len > 0 ? bytes.ptr : none, bytes.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return rv_fail_nomem(err);
    rv_text_hex(rv_span(digest, sizeof digest), hex, sizeof hex);
    return rv_buf_add_format(out, err, "\"bytes\":%zu,\"sha256\":\"%s\"", bytes.len, hex);
}

/* An image with its ticket: the ticket differs with each signature, the image does not. */
static bool add_image(struct rv_buf *out, struct rv_span bytes, struct rv_error *err)
{
    struct rv_reader file = { .in = bytes };
    struct rv_reader outer = { .in = sim_der_take(&file, SIM_DER_SEQUENCE) };
    sim_der_magic(&outer, "IMG4");
    size_t begin = outer.at;
    struct rv_reader payload = { .in = sim_der_take(&outer, SIM_DER_SEQUENCE) };
    struct rv_span image = rv_span_part(outer.in, begin, outer.at - begin);
    sim_der_magic(&payload, "IM4P");
    struct rv_span type = sim_der_take(&payload, SIM_DER_IA5);
    struct rv_span ticket = sim_der_take(&outer, SIM_DER_CONTEXT0);
    if (file.bad || outer.bad || payload.bad || type.len != 4)
        return true;
    char name[5] = "", quoted[40];
    memcpy(name, type.ptr, 4);
    sim_json_text(name, quoted, sizeof quoted);
    return rv_buf_add_format(out, err, ",\"type\":\"%s\",\"ticket\":%zu,\"after_ticket\":%zu,\"image\":{", quoted,
                             ticket.len, outer.in.len - outer.at) &&
           add_length_and_hash(out, image, err) && rv_buf_add_text(out, "}", err);
}

/* An archive that the host made (a modem's): its members, for the whole holds a ticket and times. */
static bool add_archive(struct rv_buf *out, struct rv_span bytes, struct rv_error *err)
{
    zip_source_t *source = zip_source_buffer_create(bytes.ptr, bytes.len, 0, NULL);
    zip_t *zip = source != NULL ? zip_open_from_source(source, ZIP_RDONLY, NULL) : NULL;
    if (zip == NULL) {
        zip_source_free(source);
        return true;
    }
    bool fine = rv_buf_add_text(out, ",\"archive\":{", err);
    for (zip_int64_t i = 0; fine && i < zip_get_num_entries(zip, 0) && i < MEMBERS_MAX; i++) {
        zip_stat_t st;
        const char *name = zip_get_name(zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        if (name == NULL || zip_stat_index(zip, (zip_uint64_t)i, 0, &st) != 0)
            continue;
        fine = rv_buf_add_text(out, i > 0 ? "," : "", err) && sim_json_add_text(out, name, err) &&
               rv_buf_add_format(out, err, ":{\"bytes\":%" PRIu64 ",\"crc\":\"%08x\",\"method\":%u}", (uint64_t)st.size,
                                 (unsigned)st.crc, (unsigned)st.comp_method);
    }
    zip_discard(zip);
    return fine && rv_buf_add_text(out, "}", err);
}

bool sim_json_add_digest(struct rv_buf *out, struct rv_span bytes, struct rv_error *err)
{
    return add_length_and_hash(out, bytes, err) && add_image(out, bytes, err) &&
           (bytes.len < 4 || memcmp(bytes.ptr, "PK\3\4", 4) != 0 || add_archive(out, bytes, err));
}

static bool add_data(struct rv_buf *out, struct rv_span bytes, struct rv_error *err)
{
    char hex[2 * SHORT_DATA + 1];
    if (bytes.len > SHORT_DATA)
        return rv_buf_add_text(out, "{", err) && sim_json_add_digest(out, bytes, err) && rv_buf_add_text(out, "}", err);
    rv_text_hex(bytes, hex, sizeof hex);
    return rv_buf_add_format(out, err, "{\"data\":\"%s\"}", hex);
}

static bool add_node(struct rv_buf *out, plist_t node, unsigned depth, struct rv_error *err);

static bool add_dict(struct rv_buf *out, plist_t dict, unsigned depth, struct rv_error *err)
{
    plist_dict_iter at = NULL;
    plist_dict_new_iter(dict, &at);
    bool fine = rv_buf_add_text(out, "{", err);
    for (const char *comma = ""; fine; comma = ",") {
        char *key = NULL;
        plist_t value = NULL;
        plist_dict_next_item(dict, at, &key, &value);
        if (key == NULL)
            break;
        fine = rv_buf_add_text(out, comma, err) && sim_json_add_text(out, key, err) && rv_buf_add_text(out, ":", err) &&
               add_node(out, value, depth + 1, err);
        free(key);
    }
    free(at);
    return fine && rv_buf_add_text(out, "}", err);
}

static bool add_array(struct rv_buf *out, plist_t array, unsigned depth, struct rv_error *err)
{
    bool fine = rv_buf_add_text(out, "[", err);
    for (uint32_t i = 0; fine && i < plist_array_get_size(array); i++)
        fine = rv_buf_add_text(out, i > 0 ? "," : "", err) && add_node(out, plist_array_get_item(array, i), depth, err);
    return fine && rv_buf_add_text(out, "]", err);
}

static bool add_string(struct rv_buf *out, plist_t node, struct rv_error *err)
{
    const char *text = plist_get_string_ptr(node, NULL);
    if (strlen(text) <= SHORT_TEXT)
        return sim_json_add_text(out, text, err);
    return rv_buf_add_text(out, "{\"text\":{", err) && sim_json_add_digest(out, rv_span(text, strlen(text)), err) &&
           rv_buf_add_text(out, "}}", err);
}

static bool add_number(struct rv_buf *out, plist_t node, struct rv_error *err)
{
    uint64_t value = 0;
    plist_get_uint_val(node, &value);
    return rv_buf_add_format(out, err, "%" PRIu64, value);
}

static bool add_node(struct rv_buf *out, plist_t node, unsigned depth, struct rv_error *err)
{
    uint64_t len = 0;
    uint8_t flag = 0;
    if (depth > DEPTH_MAX)
        return rv_fail(err, RV_E_LIMIT, "a property list nested deeper than %d", DEPTH_MAX);
    switch (plist_get_node_type(node)) {
    case PLIST_DICT:
        return add_dict(out, node, depth, err);
    case PLIST_ARRAY:
        return add_array(out, node, depth + 1, err);
    case PLIST_STRING:
        return add_string(out, node, err);
    case PLIST_UINT:
        return add_number(out, node, err);
    case PLIST_BOOLEAN:
        plist_get_bool_val(node, &flag);
        return rv_buf_add_text(out, flag != 0 ? "true" : "false", err);
    case PLIST_DATA: {
        const char *bytes = plist_get_data_ptr(node, &len);
        return add_data(out, rv_span(bytes, (size_t)len), err);
    }
    default:
        return rv_buf_add_format(out, err, "{\"type\":%d}", (int)plist_get_node_type(node));
    }
}

bool sim_json_add_plist(struct rv_buf *out, plist_t node, struct rv_error *err)
{
    return add_node(out, node, 0, err);
}
