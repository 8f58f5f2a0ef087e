/* SPDX-License-Identifier: Apache-2.0 */
#include "device/memory.h"

#include "base/file.h"
#include "base/text.h"
#include "device/identity.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 1 << 20 };

static void take_text(json_t *row, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(row, key));
    if (text != NULL) {
        snprintf(out, size, "%s", text);
        rv_text_clean(out);
    }
}

void rv_memory_load(struct rv_ctx *ctx, struct rv_memory *memory)
{
    struct rv_error ignored = { 0 };
    memory->count = 0;
    RV_AUTO_TEXT path = rv_path_join(ctx->state_dir != NULL ? ctx->state_dir : ".", "devices.json", &ignored);
    RV_AUTO(rv_blob) bytes = path == NULL || ctx->state_dir == NULL ? NULL : rv_file_read(path, FILE_MAX, &ignored);
    if (bytes == NULL)
        return;
    json_t *rows = json_loadb((const char *)bytes->data, bytes->len, 0, NULL);
    size_t i;
    json_t *row;
    json_array_foreach (rows, i, row) {
        struct rv_identity known = { 0 };
        take_text(row, "udid", known.udid, sizeof known.udid);
        take_text(row, "product_type", known.product_type, sizeof known.product_type);
        take_text(row, "hardware_model", known.hardware_model, sizeof known.hardware_model);
        take_text(row, "device_name", known.device_name, sizeof known.device_name);
        take_text(row, "serial", known.serial, sizeof known.serial);
        if (!rv_text_number(json_string_value(json_object_get(row, "ecid")), 0, &known.ecid) || known.ecid == 0)
            continue;
        rv_memory_note(memory, &known);
    }
    json_decref(rows);
}

bool rv_memory_note(struct rv_memory *memory, const struct rv_identity *identity)
{
    if (identity->ecid == 0 || identity->udid[0] == '\0')
        return false;
    for (size_t i = 0; i < memory->count; i++) {
        struct rv_identity *row = &memory->rows[i];
        if (row->ecid != identity->ecid)
            continue;
        struct rv_identity now = *identity;
        rv_identity_merge(&now, row); /* a mode that tells less takes nothing away */
        bool news = strcmp(row->udid, now.udid) != 0 || strcmp(row->device_name, now.device_name) != 0 ||
                    strcmp(row->serial, now.serial) != 0 || strcmp(row->product_type, now.product_type) != 0;
        *row = now;
        return news;
    }
    if (memory->count == RV_MEMORY_MAX) {
        memmove(memory->rows, memory->rows + 1, sizeof memory->rows[0] * (RV_MEMORY_MAX - 1));
        memory->count--;
    }
    memory->rows[memory->count++] = *identity;
    return true;
}

void rv_memory_save(struct rv_ctx *ctx, const struct rv_memory *memory)
{
    struct rv_error ignored = { 0 };
    if (ctx->state_dir == NULL || ctx->pairings != NULL || !rv_dir_make(ctx->state_dir, &ignored))
        return;
    json_t *rows = json_array();
    for (size_t i = 0; i < memory->count; i++) {
        const struct rv_identity *known = &memory->rows[i];
        char ecid[24];
        snprintf(ecid, sizeof ecid, "0x%016" PRIx64, known->ecid);
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "ecid", ecid, "udid", known->udid,
                                        "product_type", known->product_type, "hardware_model", known->hardware_model,
                                        "device_name", known->device_name, "serial", known->serial));
    }
    char *text = json_dumps(rows, JSON_INDENT(1));
    json_decref(rows);
    RV_AUTO_TEXT path = rv_path_join(ctx->state_dir, "devices.json", &ignored);
    if (text != NULL && path != NULL && !rv_file_write_atomic(path, rv_span(text, strlen(text)), 0600, &ignored))
        rv_log(ctx->log, RV_LOG_INFO, "device", "the memory of devices could not be saved: %s", ignored.text[0]);
    free(text); /* jansson's own malloc */
}

void rv_memory_recall(const struct rv_memory *memory, struct rv_identity *identity)
{
    for (size_t i = memory->count; i-- > 0;) {
        const struct rv_identity *known = &memory->rows[i];
        bool same = identity->ecid != 0 ? identity->ecid == known->ecid
                                        : identity->udid[0] != '\0' && strcmp(identity->udid, known->udid) == 0;
        if (!same)
            continue;
        rv_identity_merge(identity, known);
        return;
    }
}
