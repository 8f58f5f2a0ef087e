/* SPDX-License-Identifier: Apache-2.0 */
#include "recover/sqlite_open.h"

#include <string.h>

char *rv_sqlite_address(const char *path, bool immutable)
{
    sqlite3_str *uri = sqlite3_str_new(NULL);
    sqlite3_str_appendall(uri, "file:");
    for (const char *at = path; *at != '\0'; at++)
        if (strchr("?#%", *at) != NULL)
            sqlite3_str_appendf(uri, "%%%02X", (unsigned char)*at);
        else
            sqlite3_str_appendchar(uri, 1, *at);
    sqlite3_str_appendall(uri, immutable ? "?immutable=1" : "");
    return sqlite3_str_finish(uri);
}

int rv_sqlite_open(const char *path, bool immutable, sqlite3 **db)
{
    char *uri = rv_sqlite_address(path, immutable);
    int flags = SQLITE_OPEN_URI | (immutable ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    *db = NULL;
    int code = uri != NULL ? sqlite3_open_v2(uri, db, flags, NULL) : SQLITE_NOMEM;
    sqlite3_free(uri);
    return code;
}
