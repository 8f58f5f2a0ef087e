/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/apple_faults.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

bool sim_apple_fault_set(struct sim_apple_faults *faults, const char *name, const char *value, struct rv_error *err)
{
    bool minus = value[0] == '-';
    uint64_t n = 0;
    if (strcmp(name, "none") == 0) {
        *faults = (struct sim_apple_faults){ 0 };
        return true;
    }
    if (strcmp(name, "tss.unsigned") == 0) {
        snprintf(faults->refuse_build, sizeof faults->refuse_build, "%s", value);
        return true;
    }
    if (!rv_text_number(value + minus, 10, &n) || n > INT64_MAX || (minus && strcmp(name, "file.length") != 0))
        return rv_fail(err, RV_E_USAGE, "%s=%s: the value is no number", name, value);
    if (strcmp(name, "tss.status") == 0)
        faults->refuse_status = (int)n;
    else if (strcmp(name, "tss.http") == 0)
        faults->http_status = (int)n;
    else if (strcmp(name, "tss.slow") == 0)
        faults->delay_ms = n;
    else if (strcmp(name, "tss.silence") == 0)
        faults->silence = n != 0;
    else if (strcmp(name, "tss.garbage") == 0)
        faults->garbage = n != 0;
    else if (strcmp(name, "file.cut") == 0)
        faults->file_cut = n;
    else if (strcmp(name, "file.throttle") == 0)
        faults->file_throttle = n;
    else if (strcmp(name, "file.length") == 0)
        faults->file_length = minus ? -(int64_t)n : (int64_t)n;
    else if (strcmp(name, "file.flip") == 0)
        faults->file_flip = n;
    else if (strcmp(name, "file.no-etag") == 0)
        faults->file_no_etag = n != 0;
    else if (strcmp(name, "file.nameless") == 0)
        faults->file_nameless = n != 0;
    else if (strcmp(name, "file.shift") == 0)
        faults->file_shift = n;
    else if (strcmp(name, "file.claim") == 0)
        faults->file_claim = n;
    else if (strcmp(name, "file.no-ranges") == 0)
        faults->file_no_ranges = n != 0;
    else if (strcmp(name, "file.redirect") == 0)
        faults->file_redirect = n != 0;
    else if (strcmp(name, "file.change-after") == 0)
        faults->file_change_after = n;
    else if (strcmp(name, "file.change") == 0)
        faults->file_change = n;
    else
        return rv_fail(err, RV_E_USAGE, "%s: no such fault", name);
    return true;
}
