/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libplist 2.2.0 destroys, copies and writes trees by recursion, and unfolds every reference of a binary
 * list into a node of its own. So the shape of the input is measured before libplist sees it.
 */
#include "format/plist.h"

#include "base/text.h"
#include "format/plist_shape.h"

#include <stdlib.h>
#include <string.h>

enum { PARSE_MAX = 256 * 1024 * 1024 };

static const uint8_t nothing[1];

void rv_plist_auto(plist_t *p)
{
    if (*p != NULL)
        plist_free(*p);
    *p = NULL;
}

plist_t rv_plist_parse(struct rv_span in, struct rv_error *err)
{
    if (in.len > PARSE_MAX) {
        rv_fail(err, RV_E_LIMIT, "a property list of %zu bytes; at most %d are read", in.len, PARSE_MAX);
        return NULL;
    }
    bool binary = in.len >= 8 && memcmp(in.ptr, "bplist00", 8) == 0;
    if (!(binary ? rv_plist_shape_binary(in, err) : rv_plist_shape_xml(in, err)))
        return NULL;
    plist_t root = NULL;
    if (binary)
        plist_from_bin((const char *)in.ptr, (uint32_t)in.len, &root);
    else
        plist_from_xml((const char *)in.ptr, (uint32_t)in.len, &root);
    if (root == NULL)
        rv_fail(err, RV_E_FORMAT, "%zu bytes are not a %s property list", in.len, binary ? "binary" : "readable XML");
    return root;
}

struct rv_blob *rv_plist_format(plist_t p, bool binary, struct rv_error *err)
{
    char *text = NULL;
    uint32_t len = 0;
    if (binary)
        plist_to_bin(p, &text, &len);
    else
        plist_to_xml(p, &text, &len);
    if (text == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    struct rv_blob *blob = rv_blob_copy(rv_span(text, len), err);
    if (binary)
        plist_to_bin_free(text);
    else
        plist_to_xml_free(text);
    return blob;
}

plist_t rv_plist_node(plist_t dict, const char *key)
{
    return PLIST_IS_DICT(dict) ? plist_dict_get_item(dict, key) : NULL;
}

plist_t rv_plist_dict(plist_t dict, const char *key)
{
    plist_t node = rv_plist_node(dict, key);
    return PLIST_IS_DICT(node) ? node : NULL;
}

plist_t rv_plist_array(plist_t dict, const char *key)
{
    plist_t node = rv_plist_node(dict, key);
    return PLIST_IS_ARRAY(node) ? node : NULL;
}

const char *rv_plist_text(plist_t dict, const char *key)
{
    plist_t node = rv_plist_node(dict, key);
    return PLIST_IS_STRING(node) ? plist_get_string_ptr(node, NULL) : NULL;
}

struct rv_span rv_plist_data(plist_t dict, const char *key)
{
    plist_t node = rv_plist_node(dict, key);
    if (!PLIST_IS_DATA(node))
        return rv_span(NULL, 0);
    uint64_t len = 0;
    const char *ptr = plist_get_data_ptr(node, &len);
    return ptr == NULL || len == 0 ? rv_span(nothing, 0) : rv_span(ptr, (size_t)len);
}

bool rv_plist_uint(plist_t dict, const char *key, uint64_t *out)
{
    plist_t node = rv_plist_node(dict, key);
    if (!PLIST_IS_UINT(node))
        return false;
    plist_get_uint_val(node, out);
    return true;
}

bool rv_plist_int(plist_t dict, const char *key, int64_t *out)
{
    uint64_t v = 0;
    if (!rv_plist_uint(dict, key, &v))
        return false;
    *out = (int64_t)v;
    return true;
}

bool rv_plist_bool(plist_t dict, const char *key, bool fallback)
{
    plist_t node = rv_plist_node(dict, key);
    if (!PLIST_IS_BOOLEAN(node))
        return fallback;
    uint8_t v = 0;
    plist_get_bool_val(node, &v);
    return v != 0;
}

bool rv_plist_number(plist_t dict, const char *key, uint64_t *out)
{
    return rv_plist_uint(dict, key, out) || rv_text_number(rv_plist_text(dict, key), 0, out);
}

bool rv_plist_walk(struct rv_plist_walk *walk)
{
    if (walk->own == NULL && PLIST_IS_DICT(walk->dict))
        plist_dict_new_iter(walk->dict, &walk->own);
    free(walk->held);
    walk->held = NULL;
    walk->value = NULL;
    if (walk->own != NULL)
        plist_dict_next_item(walk->dict, walk->own, &walk->held, &walk->value);
    walk->key = walk->held;
    return walk->key != NULL && walk->value != NULL;
}

void rv_plist_walk_clear(struct rv_plist_walk *walk)
{
    free(walk->held);
    free(walk->own);
    *walk = (struct rv_plist_walk){ .dict = NULL };
}
