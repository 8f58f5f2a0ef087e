/* SPDX-License-Identifier: Apache-2.0 */
/* Wallet: what stands on tickets and cards. The secrets of payment cards never leave the phone. */
#include "artifact/readers.h"
#include "artifact/record.h"

#include <string.h>

enum { PASS_MAX = 4 << 20 };

static void put_when(json_t *record, const char *iso)
{
    double at;
    char text[40];
    if (iso == NULL || !rv_time_parse(iso, &at))
        return;
    if (strlen(iso) >= 25 && (iso[19] == '+' || iso[19] == '-')) { /* local time with its offset */
        double hours = (iso[20] - '0') * 10 + (iso[21] - '0'), minutes = (iso[23] - '0') * 10 + (iso[24] - '0');
        double off = hours * 3600 + minutes * 60;
        at -= iso[19] == '+' ? off : -off;
    }
    json_object_set_new(record, "date", json_string(rv_time_text(at, text, sizeof text)));
}

static bool read_pass(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    static const char *const kinds[] = { "boardingPass", "eventTicket", "storeCard", "coupon", "generic" };
    static const char *const texts[][2] = { { "organizationName", "organization" },
                                            { "description", "title" },
                                            { "serialNumber", "id" },
                                            { "passTypeIdentifier", "pass_type" } };
    RV_AUTO(rv_blob) bytes = rv_source_read(job->source, file, PASS_MAX, err);
    json_error_t where;
    if (bytes == NULL)
        return false;
    json_t *pass = json_loadb((const char *)bytes->data, bytes->len, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(pass)) {
        json_decref(pass);
        return rv_fail(err, RV_E_FORMAT, "a pass that is no JSON: %.100s", where.text);
    }
    json_t *record =
        json_pack("{s:s,s:s,s:{s:s}}", "type", job->artifact->type, "state", "live", "source", "domain", file->domain);
    rv_put_text(json_object_get(record, "source"), "path", rv_words(file->path));
    for (size_t i = 0; i < RV_COUNT(texts); i++)
        rv_put_words(record, texts[i][1], json_string_value(json_object_get(pass, texts[i][0])));
    for (size_t i = 0; i < RV_COUNT(kinds); i++)
        if (json_object_get(pass, kinds[i]) != NULL)
            rv_put_words(record, "kind", kinds[i]);
    const json_t *code = json_object_get(pass, "barcode");
    if (code == NULL)
        code = json_array_get(json_object_get(pass, "barcodes"), 0);
    rv_put_words(record, "barcode", json_string_value(json_object_get(code, "message")));
    rv_put_words(record, "barcode_form", json_string_value(json_object_get(code, "format")));
    put_when(record, json_string_value(json_object_get(pass, "relevantDate")));
    json_decref(pass);
    return rv_job_emit(job, RV_LIVE, record, err);
}

static const struct rv_place places[] = { { "HomeDomain", "Library/Passes/Cards/*/pass.json", NULL } };
static const char *const shown[] = { "date", "organization", "kind", "title", NULL };
static const char *const cells[] = { "date",         "organization", "kind", "title", "barcode",
                                     "barcode_form", "pass_type",    "id",   NULL };

const struct rv_artifact rv_artifact_wallet = {
    .type = "wallet",
    .title = "Wallet",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_ROWS,
    .read = read_pass,
    .absent = "no ticket or card was kept in Wallet, or it is in iCloud only; payment cards are never in a backup",
    .columns = shown,
    .cells = cells,
};
