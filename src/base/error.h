/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: a code for programs, a chain of facts for the log, an advice for the person.
 *
 * A function that can fail returns bool (or a pointer, NULL = failed) and takes `struct rv_error *err`
 * last, never NULL; outputs are written on success only. The struct is plain and copyable.
 */
#pragma once

#include "rv_advice.h" /* generated from data/advice.json: enum rv_advice */

#include <stdbool.h>
#include <stdint.h>

enum rv_code {
    RV_OK = 0,
    RV_E_NOMEM,
    RV_E_IO,
    RV_E_NOSPACE,
    RV_E_TIMEOUT,
    RV_E_CANCELLED,
    RV_E_GONE,     /* the device or peer went away */
    RV_E_REFUSED,  /* the peer answered, and the answer was no */
    RV_E_PROTOCOL, /* the peer broke the rules of the exchange */
    RV_E_FORMAT,   /* bytes are not what the format says */
    RV_E_CORRUPT,  /* format holds, digest or cross-check does not */
    RV_E_NOT_FOUND,
    RV_E_DENIED, /* our access rights or the person's consent are missing */
    RV_E_BUSY,
    RV_E_LIMIT,
    RV_E_UNSUPPORTED,
    RV_E_USAGE,      /* the caller's words are wrong or a question stayed unanswered */
    RV_E_NETWORK,    /* a server cannot be reached */
    RV_E_UNSIGNED,   /* the signing server refused */
    RV_E_NO_DEVICE,  /* no such device, before anything was begun */
    RV_E_UNFINISHED, /* broken off after work had begun; the same command goes on */
    RV_E_CODE_COUNT
};

enum { RV_ERROR_FRAMES = 8, RV_ERROR_TEXT = 200 };

struct rv_error {
    enum rv_code code;
    enum rv_advice advice; /* what the person should do; RV_ADVICE_NONE: take the code's own */
    int32_t apple;         /* iTunes-style number such as 4013; 0: none */
    int32_t sys;           /* errno or libusb status; 0: none */
    uint8_t depth;         /* frames used; [0] is the root cause */
    char text[RV_ERROR_FRAMES][RV_ERROR_TEXT];
};

/** Starts a chain (forgets what was in err) and returns false. */
bool rv_fail(struct rv_error *err, enum rv_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** Like rv_fail, and appends strerror(sys). ENOSPC becomes RV_E_NOSPACE, EACCES/EPERM RV_E_DENIED. */
bool rv_fail_sys(struct rv_error *err, enum rv_code code, int sys, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** Out of memory; needs no memory itself. */
bool rv_fail_nomem(struct rv_error *err);

/** Adds one frame ("while …") to the chain and returns false. */
bool rv_while(struct rv_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Sets the advice if none is set yet; returns false. */
bool rv_advise(struct rv_error *err, enum rv_advice advice);

/** Stable name for JSON, such as "TIMEOUT". */
const char *rv_code_name(enum rv_code code);

/** A broken invariant of our own: prints, then aborts. Input, peers, disks and people never trip it. */
#define rv_assert(condition) ((condition) ? (void)0 : rv_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void rv_assert_failed(const char *condition, const char *file, int line);
