/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One firmware file from a server: several ranges at once, gone on with after a cut or a killed program, its digest
 * taken while it loads, and under its final name only when it is whole.
 */
#pragma once

#include "base/ctx.h"

struct rv_download {
    const char *url, *to;      /* `to`: final path; its folder is made */
    const char *sha1, *sha256; /* hex; NULL or "": not known. With neither only the size is checked */
    uint64_t size_bytes;       /* 0: not known */
};

/**
 * Loads it, or does nothing when it is there already and right. Another revive that loads the same file is waited
 * for, and its file taken. NOSPACE before the first byte; NETWORK when the server fails again and again (what was
 * loaded stays, the same call goes on); CORRUPT when what came is not what was announced (nothing of it stays).
 */
bool rv_download(struct rv_ctx *ctx, const struct rv_download *what, struct rv_error *err);
