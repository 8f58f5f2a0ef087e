/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that is to be shown to strangers: what names a device, a person or a place on this computer is replaced by a
 * word for it. Two nets: texts that are known (this device's serial number, this user's name), and forms that give
 * themselves away (long hex numbers, fifteen digits, addresses of mail and network, paths).
 */
#pragma once

#include "base/bytes.h"

enum { RV_REDACT_MAX = 256, RV_REDACT_TEXT = 160 };

struct rv_redactor {
    struct {
        char text[RV_REDACT_TEXT];
        const char *label;
        bool whole_word;
    } known[RV_REDACT_MAX];
    size_t count;
};

/** Text is replaced by <label> wherever it stands, in either case; shorter than 3 bytes, or a word of everybody: not.
 */
void rv_redact_know(struct rv_redactor *redactor, const char *label, const char *text);
/** A name: only where it stands as a word, so that user "an" does not eat "and". */
void rv_redact_know_name(struct rv_redactor *redactor, const char *label, const char *text);
/** An ECID in every way in which it is written. */
void rv_redact_know_ecid(struct rv_redactor *redactor, uint64_t ecid);
/** This computer's user, home folder and name, as the environment tells them. */
void rv_redact_know_here(struct rv_redactor *redactor);

/** Appends `in`, redacted, to out. */
bool rv_redact(const struct rv_redactor *redactor, struct rv_span in, struct rv_buf *out, struct rv_error *err);
