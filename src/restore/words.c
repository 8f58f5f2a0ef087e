/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/internal.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct status_row {
    int64_t status;
    int32_t apple;
    enum rv_advice advice;
    const char *words;
};
static const struct status_row status_rows[] = {
#include "restore_status_table.inc"
};

void rv_status_cause(const char *log, char *out, size_t out_size)
{
    out[0] = '\0';
    if (log == NULL)
        return;
    /* "[0]D(outer)[1]D(inner)": the last one is the deepest. */
    const char *at = NULL;
    for (const char *p = log; (p = strstr(p, "]D(")) != NULL; p += 3)
        at = p + 3;
    if (at == NULL)
        return;
    size_t len = 0;
    int open = 1;
    while (at[len] != '\0' && at[len] != '\n' && len + 1 < out_size) {
        open += at[len] == '(' ? 1 : at[len] == ')' ? -1 : 0;
        if (open == 0)
            break;
        len++;
    }
    memcpy(out, at, len);
    out[len] = '\0';
    rv_text_clean(out);
}

static const struct status_row *status_row(int64_t status)
{
    for (size_t i = 0; i < RV_COUNT(status_rows); i++)
        if (status_rows[i].status == status)
            return &status_rows[i];
    return NULL;
}

bool rv_status_fail(int64_t status, const char *log, const char *checkpoint, struct rv_error *err)
{
    const struct status_row *row = status_row(status);
    char cause[RV_ERROR_TEXT / 2];
    rv_status_cause(log, cause, sizeof cause);
    rv_fail(err, RV_E_REFUSED, "%s", cause[0] != '\0' ? cause : "the device gave no reason");
    if (checkpoint != NULL && checkpoint[0] != '\0')
        rv_while(err, "the step '%.60s' failed on the device", checkpoint);
    rv_while(err, "the device ended the installation with status %lld%s%s", (long long)status, row == NULL ? "" : ": ",
             row == NULL ? "" : row->words);
    if (log != NULL && strstr(log, "host version is unsupported") != NULL)
        rv_advise(err, RV_ADVICE_HOST_TOO_OLD);
    else if (log != NULL && strstr(log, "No space left on device") != NULL)
        rv_advise(err, RV_ADVICE_LOW_SPACE);
    rv_advise(err, row == NULL || row->advice == RV_ADVICE_NONE ? RV_ADVICE_RESTORE_FAILED : row->advice);
    err->apple = row != NULL ? row->apple : status > 0 && status < INT32_MAX ? (int32_t)status : -1;
    return false;
}
