/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "firmware/archive.h"

static bool count_bytes(void *context, struct rv_span part, struct rv_error *err)
{
    (void)err;
    *(uint64_t *)context += part.len;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_span in = fuzz_copy(data, size);
    struct rv_error err = { 0 };
    struct rv_archive *archive = rv_archive_open_bytes(in, &err);
    if (archive == NULL)
        fuzz_failed(&err);
    const char *name, *before = NULL;
    for (size_t i = 0; archive != NULL && (name = rv_archive_name(archive, i)) != NULL; i++) {
        struct rv_archive_place place;
        uint64_t got = 0;
        assert(rv_zip_name_safe(rv_span(name, strlen(name))));
        assert(before == NULL || strcmp(before, name) < 0);
        before = name;
        assert(rv_archive_place(archive, name, &place, &err));
        assert(place.at <= in.len && place.packed <= in.len - place.at);
        if (rv_archive_stream(archive, name, count_bytes, &got, &err))
            assert(got == place.plain);
        else
            fuzz_failed(&err);
        assert(got <= place.plain);
        rv_archive_place_clear(&place);
    }
    rv_archive_free(archive);
    free((void *)in.ptr);
    return 0;
}
