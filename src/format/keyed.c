/* SPDX-License-Identifier: Apache-2.0 */
#include "format/keyed.h"

#include <string.h>

bool rv_keyed_open(plist_t whole, struct rv_keyed *out, struct rv_error *err)
{
    *out = (struct rv_keyed){ .objects = rv_plist_array(whole, "$objects") };
    plist_t top = rv_plist_dict(whole, "$top");
    if (out->objects == NULL || top == NULL)
        return rv_fail(err, RV_E_FORMAT, "the property list is no keyed archive");
    plist_t root = rv_plist_node(top, "root");
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = top };
    if (root == NULL && rv_plist_walk(&walk)) /* some archive one thing under a name of its own */
        root = walk.value;
    out->root = rv_keyed_follow(out, root);
    return out->root != NULL || rv_fail(err, RV_E_FORMAT, "the keyed archive has no root");
}

plist_t rv_keyed_follow(const struct rv_keyed *archive, plist_t value)
{
    for (int hops = 0; value != NULL && plist_get_node_type(value) == PLIST_UID; hops++) {
        uint64_t number = 0;
        plist_get_uid_val(value, &number);
        if (number == 0 || number >= plist_array_get_size(archive->objects) || hops > 8)
            return NULL; /* object 0 is the text "$null" */
        value = plist_array_get_item(archive->objects, (uint32_t)number);
    }
    return value;
}

static const char *plain_text(plist_t value, uint64_t *length)
{
    if (value == NULL || plist_get_node_type(value) != PLIST_STRING)
        return NULL;
    return plist_get_string_ptr(value, length);
}

static plist_t of_dictionary(const struct rv_keyed *archive, plist_t object, const char *key)
{
    plist_t keys = rv_plist_array(object, "NS.keys"), values = rv_plist_array(object, "NS.objects");
    uint32_t count = keys != NULL ? plist_array_get_size(keys) : 0;
    if (values == NULL || plist_array_get_size(values) < count)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct rv_span name = rv_keyed_text(archive, plist_array_get_item(keys, i));
        if (name.len == strlen(key) && memcmp(name.ptr, key, name.len) == 0)
            return rv_keyed_follow(archive, plist_array_get_item(values, i));
    }
    return NULL;
}

plist_t rv_keyed_get(const struct rv_keyed *archive, plist_t object, const char *key)
{
    object = rv_keyed_follow(archive, object);
    if (object == NULL || plist_get_node_type(object) != PLIST_DICT)
        return NULL;
    plist_t own = rv_plist_node(object, key);
    return own != NULL ? rv_keyed_follow(archive, own) : of_dictionary(archive, object, key);
}

struct rv_span rv_keyed_text(const struct rv_keyed *archive, plist_t value)
{
    static const char *const inside[] = { "NS.string", "NS.relative", "NSString" };
    value = rv_keyed_follow(archive, value);
    uint64_t length = 0;
    const char *text = plain_text(value, &length);
    for (size_t i = 0;
         text == NULL && value != NULL && plist_get_node_type(value) == PLIST_DICT && i < RV_COUNT(inside); i++)
        text = plain_text(rv_keyed_follow(archive, rv_plist_node(value, inside[i])), &length);
    return rv_span(text, text != NULL ? (size_t)length : 0);
}
