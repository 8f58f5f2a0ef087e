/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite library let at a database that is not ours, wherever it lies. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

/**
 * The address of a file for sqlite3_open_v2 and ATTACH, whatever its name holds; sqlite3_free. NULL: no memory.
 * immutable: as it lies, without locks, and without the log beside it.
 */
char *rv_sqlite_address(const char *path, bool immutable);
/** An immutable file is opened for reading; any other is a private copy whose log is read. A code of the library; close
 * *db either way. */
int rv_sqlite_open(const char *path, bool immutable, sqlite3 **db);
