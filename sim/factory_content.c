/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/factory.h"

#include "base/file.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ULL; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static uint64_t seed_of(const struct sim_content *what, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325ULL ^ what->seed;
    const char *const texts[] = { name, what->version, what->build };
    for (size_t i = 0; i < RV_COUNT(texts); i++) {
        for (const char *c = texts[i]; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3ULL;
    }
    return hash;
}

struct rv_blob *sim_content_make(const struct sim_content *what, const char *name, size_t size, struct rv_span head,
                                 struct rv_error *err)
{
    size = size < head.len ? head.len : size;
    struct rv_blob *blob = rv_blob_new(size, err);
    if (!blob)
        return NULL;
    uint64_t state = seed_of(what, name), word = 0;
    for (size_t i = 0; i < size; i++) {
        word = i % 8 ? word >> 8 : mix(&state);
        blob->data[i] = (uint8_t)word;
    }
    if (head.len)
        memcpy(blob->data, head.ptr, head.len);
    return blob;
}

/* ---- baseband ---- */

/* Which file of the archive an element's signature goes into (idevicerestore's table); NULL: any name will do. */
static const char *element_file(const char *element)
{
    static const char *const files[][2] = {
        { "PSI", "psi_ram.bin" },
        { "RestorePSI", "restorepsi.bin" },
        { "PSI2", "psi_ram2.bin" },
        { "SBL1", "sbl1.mbn" },
        { "RestoreSBL1", "restoresbl1.mbn" },
        { "DBL", "dbl.mbn" },
        { "eDBL", "dbl.mbn" },
        { "RestoreDBL", "restoredbl.mbn" },
        { "ENANDPRG", "ENPRG.mbn" },
        { "RamPSI", "psi_ram.fls" },
        { "FlashPSI", "psi_flash.fls" },
        { "Misc", "multi_image.mbn" },
        { "RestorePSI2", "restorepsi2.bin" },
    };
    for (size_t i = 0; i < RV_COUNT(files); i++) {
        if (strcmp(files[i][0], element) == 0)
            return files[i][1];
    }
    return NULL;
}

/* Headers as the host checks them: "mbn" type word 10 and data size at 16; "bin" its magic and total size at 16. */
static size_t element_head(const char *file, size_t size, uint8_t head[40])
{
    memset(head, 0, 40);
    if (rv_text_ends(file, ".bin")) {
        static const uint8_t magic[8] = { 0x20, 0x04, 0x00, 0xea, 0x6c, 0x69, 0x48, 0x55 };
        memcpy(head, magic, sizeof magic);
        rv_put_u32le(head + 16, (uint32_t)size);
        return 24;
    }
    rv_put_u32le(head, 0x0a);
    rv_put_u32le(head + 16, (uint32_t)size - 40);
    rv_put_u32le(head + 20, (uint32_t)size - 512);
    return 40;
}

struct baseband {
    const struct sim_content *what;
    zip_t *zip;
    char done[32][32]; /* elements already there */
    size_t count;
};

static bool add_element(void *context, const char *key, plist_t node, struct rv_error *err)
{
    struct baseband *b = context;
    char element[32];
    (void)node;
    const char *dash = strchr(key, '-');
    if (!dash || (size_t)(dash - key) >= sizeof element || b->count == RV_COUNT(b->done))
        return true;
    snprintf(element, sizeof element, "%.*s", (int)(dash - key), key);
    for (size_t i = 0; i < b->count; i++) {
        if (strcmp(b->done[i], element) == 0)
            return true;
    }
    memcpy(b->done[b->count++], element, sizeof element);
    char file[48];
    const char *known = element_file(element);
    snprintf(file, sizeof file, "%s%s", known ? known : element, known ? "" : ".bin");
    size_t size = known ? 24 << 10 : 48 << 10;
    uint8_t head[40];
    RV_AUTO(rv_blob)
    content = sim_content_make(b->what, file, size, rv_span(head, element_head(file, size, head)), err);
    if (!content)
        return false;
    /* libzip frees it with free(): rv_alloc is malloc underneath, but that is base's affair. */
    void *copy = malloc(content->len);
    if (copy)
        memcpy(copy, content->data, content->len);
    zip_source_t *source = copy ? zip_source_buffer(b->zip, copy, content->len, 1) : NULL;
    zip_int64_t index = source ? zip_file_add(b->zip, file, source, 0) : -1;
    if (index < 0)
        return rv_fail(err, RV_E_IO, "the baseband firmware cannot be packed");
    zip_file_set_mtime(b->zip, (zip_uint64_t)index, 1511481600, 0);
    return true;
}

struct rv_blob *sim_content_baseband(const struct sim_content *what, plist_t entry, struct rv_error *err)
{
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *memory = zip_source_buffer_create(NULL, 0, 0, &why);
    zip_t *zip = memory ? zip_open_from_source(memory, ZIP_TRUNCATE, &why) : NULL;
    if (!zip) {
        rv_fail(err, RV_E_NOMEM, "the baseband firmware cannot be made");
        zip_source_free(memory);
        return NULL;
    }
    zip_source_keep(memory);
    struct baseband b = { .what = what, .zip = zip };
    bool ok = sim_each(entry, add_element, &b, err);
    if (ok && zip_close(zip) != 0)
        ok = rv_fail(err, RV_E_IO, "the baseband firmware cannot be packed: %s", zip_strerror(zip));
    if (!ok)
        zip_discard(zip);
    RV_AUTO(rv_blob) out = NULL;
    zip_stat_t st;
    if (ok && zip_source_stat(memory, &st) == 0 && zip_source_open(memory) == 0) {
        out = rv_blob_new((size_t)st.size, err);
        if (out && zip_source_read(memory, out->data, st.size) != (zip_int64_t)st.size) {
            rv_fail(err, RV_E_IO, "the baseband firmware cannot be read back");
            rv_blob_free(rv_steal(&out));
        }
        zip_source_close(memory);
    }
    zip_source_free(memory);
    return rv_steal(&out);
}

bool sim_each(plist_t dict, bool (*fn)(void *context, const char *name, plist_t node, struct rv_error *err),
              void *context, struct rv_error *err)
{
    plist_dict_iter at = NULL;
    bool ok = true;
    if (!PLIST_IS_DICT(dict))
        return true;
    plist_dict_new_iter(dict, &at);
    for (;;) {
        char *name = NULL;
        plist_t node = NULL;
        plist_dict_next_item(dict, at, &name, &node);
        if (!name)
            break;
        ok = ok && fn(context, name, node, err);
        free(name);
    }
    free(at);
    return ok;
}
