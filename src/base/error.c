/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void start(struct rv_error *err, enum rv_code code)
{
    memset(err, 0, sizeof *err);
    err->code = code;
    err->depth = 1;
}

bool rv_fail(struct rv_error *err, enum rv_code code, const char *fmt, ...)
{
    va_list ap;
    char text[RV_ERROR_TEXT]; /* fmt's arguments may point into err */
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    start(err, code);
    memcpy(err->text[0], text, sizeof text);
    return false;
}

bool rv_fail_sys(struct rv_error *err, enum rv_code code, int sys, const char *fmt, ...)
{
    va_list ap;
    char text[RV_ERROR_TEXT];
    va_start(ap, fmt);
    int used = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (used >= 0 && (size_t)used < sizeof text - 4)
        snprintf(text + used, sizeof text - (size_t)used, ": %s", strerror(sys));
    if (sys == ENOSPC || sys == EDQUOT || sys == EFBIG)
        code = RV_E_NOSPACE;
    else if (sys == EACCES || sys == EPERM)
        code = RV_E_DENIED;
    start(err, code);
    err->sys = sys;
    memcpy(err->text[0], text, sizeof text);
    return false;
}

bool rv_fail_nomem(struct rv_error *err)
{
    start(err, RV_E_NOMEM);
    static const char words[] = "this computer has no memory left for the program";
    memcpy(err->text[0], words, sizeof words);
    return false;
}

bool rv_while(struct rv_error *err, const char *fmt, ...)
{
    va_list ap;
    char text[RV_ERROR_TEXT];
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    /* A full chain keeps its root and its outermost frame: those two say the most. */
    unsigned at = err->depth < RV_ERROR_FRAMES ? err->depth++ : RV_ERROR_FRAMES - 1;
    memcpy(err->text[at], text, sizeof text);
    return false;
}

bool rv_advise(struct rv_error *err, enum rv_advice advice)
{
    if (err->advice == RV_ADVICE_NONE)
        err->advice = advice;
    return false;
}

const char *rv_code_name(enum rv_code code)
{
    static const char *const names[RV_E_CODE_COUNT] = {
        [RV_OK] = "OK",
        [RV_E_NOMEM] = "NO_MEMORY",
        [RV_E_IO] = "IO",
        [RV_E_NOSPACE] = "NO_SPACE",
        [RV_E_TIMEOUT] = "TIMEOUT",
        [RV_E_CANCELLED] = "CANCELLED",
        [RV_E_GONE] = "GONE",
        [RV_E_REFUSED] = "REFUSED",
        [RV_E_PROTOCOL] = "PROTOCOL",
        [RV_E_FORMAT] = "FORMAT",
        [RV_E_CORRUPT] = "CORRUPT",
        [RV_E_NOT_FOUND] = "NOT_FOUND",
        [RV_E_DENIED] = "DENIED",
        [RV_E_BUSY] = "BUSY",
        [RV_E_LIMIT] = "LIMIT",
        [RV_E_UNSUPPORTED] = "UNSUPPORTED",
        [RV_E_USAGE] = "USAGE",
        [RV_E_NETWORK] = "NETWORK",
        [RV_E_UNSIGNED] = "UNSIGNED",
        [RV_E_NO_DEVICE] = "NO_DEVICE",
        [RV_E_UNFINISHED] = "UNFINISHED",
    };
    return (unsigned)code < RV_E_CODE_COUNT ? names[code] : "UNKNOWN";
}

_Noreturn void rv_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "revive: internal error: %s (%s:%d)\n", condition, file, line);
    abort();
}
