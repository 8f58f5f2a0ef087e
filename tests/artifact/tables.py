# SPDX-License-Identifier: Apache-2.0
"""Databases from rows that a test writes down, and whole records compared with what it says."""
import os
import sqlite3

import asks
import made

T = 700_000_000            # as the phone's newer databases count: from 2001
UNIX = T + made.COCOA


def store(folder, path, tables):
    """tables: {name: [row, ...]}, a row {column: value}; the columns are those that any row has."""
    whole = os.path.join(folder, path)
    os.makedirs(os.path.dirname(whole), exist_ok=True)
    con = sqlite3.connect(whole)
    for name, rows in tables.items():
        columns = list(dict.fromkeys(c for row in rows for c in row))
        key = [c for c in columns if c in ("Z_PK", "ROWID", "id", "rowid")][:1]
        con.execute(f"CREATE TABLE \"{name}\"({', '.join(c + (' INTEGER PRIMARY KEY' if c in key else '') for c in columns)})")
        for row in rows:
            con.execute(f"INSERT INTO \"{name}\"({','.join(row)}) VALUES({','.join('?' * len(row))})", tuple(row.values()))
    con.commit()
    con.close()
    return whole


def put(folder, path, data):
    whole = os.path.join(folder, path)
    os.makedirs(os.path.dirname(whole), exist_ok=True)
    with open(whole, "wb") as file:
        file.write(data)


def check(program, folder, kind, wanted, live=None, trashed=0, **counts):
    """The records without where they lie; and what `scan` counts of them."""
    found = asks.records(program, folder, kind, "--state", "live,recently-deleted")
    for record in found:
        source = record.pop("source")
        assert source["path"] and source["domain"], source
        assert record.pop("type") == kind
        record.setdefault("state", "?")
    wanted = [{"state": "live", **w} for w in wanted]
    assert len(found) == len(wanted), (len(found), len(wanted), found)
    for w, f in zip(wanted, found):
        assert f == w, "\n".join(f"{k}: wanted {w.get(k)!r}, found {f.get(k)!r}" for k in {**w, **f} if w.get(k) != f.get(k))
    row = asks.scan(program, folder, kind)
    assert (row["live"], row["recently_deleted"]) == (len(wanted) if live is None else live, trashed), row
    for key, value in counts.items():
        assert row.get(key) == value, (key, row)
    return row
