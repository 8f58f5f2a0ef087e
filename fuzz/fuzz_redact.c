/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands around them, known identifiers are not in what comes out. */
#include "fuzz_copy.h"

#include "care/redact.h"

#include <strings.h>

static const char secret[] = "FK1WT6BPJCLH";

static bool holds(struct rv_span text, const char *word)
{
    size_t len = strlen(word);
    for (size_t at = 0; at + len <= text.len; at++)
        if (strncasecmp((const char *)text.ptr + at, word, len) == 0)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_error err = { 0 };
    static struct rv_redactor redactor;
    redactor.count = 0;
    rv_redact_know(&redactor, "serial", secret);
    rv_redact_know(&redactor, "home", "/home/anna");
    rv_redact_know_name(&redactor, "user", "anna");
    rv_redact_know_ecid(&redactor, 0x000A1B2C3D4E5F26ull);
    if (size > 64 * 1024)
        return 0;
    struct rv_span in = fuzz_copy(data, size);
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(4 * 1024 * 1024);
    assert(rv_redact(&redactor, in, &out, &err));
    assert(!holds(rv_buf_span(&out), secret));
    assert(!holds(rv_buf_span(&out), "/home/anna"));
    assert(!holds(rv_buf_span(&out), "a1b2c3d4e5f26"));
    free((void *)(uintptr_t)in.ptr);
    return 0;
}
