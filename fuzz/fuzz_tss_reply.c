/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "firmware/ticket.h"
#include "firmware/tss.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_span in = fuzz_copy(data, size);
    struct rv_error err = { 0 };
    struct rv_tss_reply reply;
    if (rv_tss_reply_parse(in, &reply, &err)) {
        assert((reply.answer != NULL) == (reply.status == 0));
        assert(strlen(reply.message) < sizeof reply.message);
        assert(strpbrk(reply.message, "\n\r\x1b") == NULL);
        if (reply.answer != NULL)
            rv_ticket_free(rv_ticket_take_answer(reply.answer, true, &err));
    } else {
        fuzz_failed(&err);
    }
    free((void *)in.ptr);
    return 0;
}
