/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "format/img4.h"

static void check(const struct rv_im4m *m, struct rv_span in)
{
    fuzz_inside(m->signed_bytes, in);
    fuzz_inside(m->signature, in);
    fuzz_inside(m->properties, m->signed_bytes);
    fuzz_inside(m->objects, m->signed_bytes);
    assert(m->chain_len <= RV_IM4M_CERTIFICATES_MAX);
    for (size_t i = 0; i < m->chain_len; i++)
        fuzz_inside(m->chain[i], in);
    /* What parsed is walked to its end, and every object is found by the name it is walked under. */
    struct rv_reader r = { .in = m->objects };
    struct rv_span properties, again;
    char tag[5];
    while (rv_im4m_object_next(&r, tag, &properties)) {
        if (strlen(tag) == 4)
            assert(rv_im4m_object(m, tag, &again) && again.ptr == properties.ptr);
        struct rv_reader p = { .in = properties };
        struct rv_der value;
        while (rv_img4_property_next(&p, tag, &value))
            fuzz_inside(value.whole, properties);
        assert(p.at == p.in.len);
    }
    assert(r.at == r.in.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_span in = fuzz_copy(data, size);
    struct rv_error err = { 0 };
    struct rv_im4m m;
    struct rv_img4 image;
    struct rv_span properties;
    if (rv_im4m_parse(in, &m, &err))
        check(&m, in);
    else
        fuzz_failed(&err);
    if (rv_img4_parse(in, &image, &err)) {
        check(&image.im4m, in);
        struct rv_blob *again = rv_img4_stitch(image.im4p.whole, image.im4m.whole, image.im4r, &err);
        assert(again != NULL && rv_img4_parse(rv_blob_span(again), &image, &err));
        rv_blob_free(again);
    }
    if (rv_im4r_parse(in, &properties, &err))
        fuzz_inside(properties, in);
    free((void *)in.ptr);
    return 0;
}
