/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/content.h"

#include <string.h>
#include <strings.h>

/* clang-format off: one a line merges. Sources: the formats' own specifications. */
static const struct rv_content contents[] = {
    { "database", ".db", "", 0, 16, "SQLite format 3" },
    { "jpeg", ".jpg", "jpg jpeg thm", 0, 3, "\xff\xd8\xff" },
    { "png", ".png", "png", 0, 8, "\x89PNG\r\n\x1a\n" },
    { "gif", ".gif", "gif", 0, 4, "GIF8" },
    { "heic", ".heic", "heic heif", 4, 8, "ftypheic" },
    { "heic", ".heic", "", 4, 8, "ftypheix" },
    { "heic", ".heic", "", 4, 8, "ftypmif1" },
    { "m4a", ".m4a", "m4a", 4, 7, "ftypM4A" },
    { "mov", ".mov", "mov", 4, 6, "ftypqt" },
    { "mp4", ".mp4", "mp4 m4v 3gp", 4, 4, "ftyp" },
    { "mov", ".mov", "", 4, 4, "wide" },
    { "mov", ".mov", "", 4, 4, "moov" },
    { "mov", ".mov", "", 4, 4, "mdat" },
    { "tiff", ".tif", "tif tiff dng", 0, 4, "II*" },
    { "tiff", ".tif", "", 0, 4, "MM\0*" },
    { "riff", ".riff", "webp wav", 0, 4, "RIFF" },
    { "caf", ".caf", "caf", 0, 4, "caff" },
    { "amr", ".amr", "", 0, 5, "#!AMR" },
    { "pdf", ".pdf", "pdf", 0, 4, "%PDF" },
    { "zip", ".zip", "zip docx xlsx pages numbers key", 0, 4, "PK\3\4" },
    { "list", ".plist", "plist", 0, 6, "bplist" },
    { "list", ".plist", "", 0, 5, "<?xml" },
    { "list", ".plist", "", 0, 9, "<!DOCTYPE" },
    { "list", ".plist", "", 0, 6, "<plist" },
};
/* clang-format on */

const struct rv_content *rv_content_of(struct rv_span head)
{
    for (size_t i = 0; i < RV_COUNT(contents); i++) {
        const struct rv_content *c = &contents[i];
        if (head.len >= (size_t)c->at + c->len && memcmp(head.ptr + c->at, c->mark, c->len) == 0)
            return c;
    }
    return NULL;
}

static bool promises(const char *endings, const char *ending, size_t len)
{
    for (const char *p = endings; *p != '\0'; p += *p == ' ') {
        size_t n = strcspn(p, " ");
        if (n == len && strncasecmp(p, ending, n) == 0)
            return true;
        p += n;
    }
    return false;
}

bool rv_content_fits(const char *path, struct rv_span head)
{
    const char *dot = strrchr(path, '.');
    if (dot == NULL || strchr(dot, '/') != NULL || head.len < RV_CONTENT_HEAD || rv_content_of(head) != NULL)
        return true; /* pictures are often called as other kinds of pictures */
    for (size_t i = 0; i < RV_COUNT(contents); i++)
        if (promises(contents[i].endings, dot + 1, strlen(dot + 1)))
            return false;
    return true;
}

bool rv_content_is_blank(struct rv_span bytes)
{
    return bytes.len > 0 && bytes.ptr[0] == 0 && memcmp(bytes.ptr, bytes.ptr + 1, bytes.len - 1) == 0;
}
