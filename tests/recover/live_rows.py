#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Live rows that revive reads by itself are those that the SQLite library reads, table by table and value by value.

usage: live_rows.py REVIVE made | real
made: databases written here, one for each way a value is stored otherwise than it is shown.
real: files of public forensic images in $REVIVE_SHARED/data/artifacts (else beside the project); skipped without them.
"""
import collections
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def plain(value):
    if isinstance(value, dict) and "b" in value:
        return "blob", value["b"]
    return ("blob", bytes(value).hex()) if isinstance(value, bytes) else (type(value).__name__, repr(value))


def by_library(path):
    """Rows of all ordinary tables, read from a copy: opening a database can change it."""
    rows = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("", "-wal", "-journal"):
            if os.path.exists(path + suffix):
                shutil.copy(path + suffix, os.path.join(folder, "copy" + suffix))
        con = sqlite3.connect(os.path.join(folder, "copy"))
        con.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 "
                             "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'").fetchall()
        for (name,) in tables:
            quoted = name.replace('"', '""')
            for row in con.execute(f'SELECT * FROM "{quoted}"'):
                rows[name, tuple(plain(v) for v in row)] += 1
        con.close()
    return rows


def by_revive(program, path, *options):
    done = subprocess.run([program, "recover", "list", "--from", path, "--raw", "--json", *options],
                          capture_output=True, timeout=120, check=False)
    lines = [json.loads(line) for line in done.stdout.decode("utf-8", "surrogateescape").splitlines() if line]
    return done.returncode, lines[-1], [line for line in lines if "values" in line]


def digests(path):
    return {name: hashlib.sha256(open(path + name, "rb").read()).hexdigest()
            for name in ("", "-wal", "-journal") if os.path.exists(path + name)}


def check(program, path, name):
    before = digests(path)
    status, result, rows = by_revive(program, path, "--all-rows")
    assert digests(path) == before, f"{name} was changed"
    live = collections.Counter((r["table"], tuple(plain(v) for v in r["values"])) for r in rows if r["status"] == "live")
    wanted = by_library(path)
    assert live == wanted, f"{name}: missing {list((wanted - live).items())[:3]}, extra {list((live - wanted).items())[:3]}"
    assert status == 0, f"{name} is sound, and called damaged: {result}"
    verdict = result["verdict"]
    assert verdict["words"] and verdict["damaged"] is False, name
    print(f"# {name}: {sum(live.values())} live rows, {len(rows) - sum(live.values())} others; {verdict['words']}")


MADE = {
    "whole numbers in REAL columns": """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a REAL, b DOUBLE PRECISION, c FLOAT, d NUMERIC);
        INSERT INTO t(a, b, c, d) VALUES(1, 0, -3, 5.0), (2.5, 1e300, 700000000, 5.25), (NULL, -0.0, 'word', 7);""",
    "columns that are younger than their rows": """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);
        INSERT INTO t(a) VALUES('one'), ('two');
        ALTER TABLE t ADD COLUMN b INTEGER DEFAULT -7;
        ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'it''s';
        ALTER TABLE t ADD COLUMN d REAL DEFAULT 3;
        ALTER TABLE t ADD COLUMN e TEXT DEFAULT 12;
        ALTER TABLE t ADD COLUMN f DEFAULT 1.5;
        ALTER TABLE t ADD COLUMN g INTEGER DEFAULT TRUE;
        ALTER TABLE t ADD COLUMN h DEFAULT NULL;
        INSERT INTO t(a, c) VALUES('three', 'given');""",
    "small numbers that an index of another table holds too": """
        CREATE TABLE chat(id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT);
        CREATE TABLE handle(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
        CREATE TABLE message(id INTEGER PRIMARY KEY AUTOINCREMENT, words TEXT);
        CREATE TABLE chat_handle_join(chat_id INTEGER, handle_id INTEGER, UNIQUE(chat_id, handle_id));
        CREATE TABLE usage(id INTEGER PRIMARY KEY, kind INTEGER, parent INTEGER, at REAL);
        CREATE INDEX usage_kind ON usage(kind);
        CREATE TABLE request(id INTEGER PRIMARY KEY, kind INTEGER, parent INTEGER, at REAL);
        INSERT INTO chat(guid) VALUES('a'), ('b'); INSERT INTO handle(name) VALUES('x'), ('y'), ('z');
        INSERT INTO message(words) VALUES('first'), ('second');
        INSERT INTO chat_handle_join VALUES(1, 1), (1, 2), (2, 3), (2, 1), (3, 2);
        INSERT INTO usage(kind, parent, at) VALUES(28, 454, 1.5), (29, 455, 2.5);
        INSERT INTO request(kind, parent, at) VALUES(28, 454, 1.5);""",
    "keys without rowid, and columns in another order": """
        CREATE TABLE t(v TEXT, a INTEGER, b TEXT, PRIMARY KEY(b, a)) WITHOUT ROWID;
        INSERT INTO t VALUES('x', 1, 'k'), ('y', 2, 'k'), (NULL, 1, 'l');""",
    "long rows, in UTF-16": """
        PRAGMA encoding = 'UTF-16le';
        CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b BLOB, c TEXT DEFAULT 'grün');
        INSERT INTO t(a, b) VALUES(printf('%9000d', 7), zeroblob(20000)), ('東京 🙂', x'00ff');
        ALTER TABLE t ADD COLUMN d TEXT DEFAULT 'später';""",
}


def made(program):
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, sql) in enumerate(MADE.items()):
            path = os.path.join(folder, f"{number}.db")
            con = sqlite3.connect(path)
            con.executescript(sql)
            con.close()
            check(program, path, name)
            print(f"ok {number + 1} - {name}")
    print(f"1..{len(MADE)}")


def real(program):
    shared = os.environ.get("REVIVE_SHARED", os.path.join(ROOT, "..", "shared"))
    artifacts = os.path.join(shared, "data", "artifacts")
    paths = []
    for place, _, files in sorted(os.walk(artifacts)):
        for name in sorted(files):
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                if file.read(16) == b"SQLite format 3\0":
                    paths.append(path)
    if not paths:
        print("1..0 # SKIP no real files beside the project")
        sys.exit(0)
    for number, path in enumerate(paths):
        check(program, path, os.path.relpath(path, artifacts))
        print(f"ok {number + 1} - {os.path.relpath(path, artifacts)}")
    print(f"1..{len(paths)}")


if __name__ == "__main__":
    {"made": made, "real": real}[sys.argv[2]](os.path.abspath(sys.argv[1]))
