#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`revive recover list --raw --to FILE`: a clean database of what was found, whole under its name or not there at all.

usage: rebuild.py REVIVE
"""
import hashlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])
SCHEMA = """
    CREATE TABLE message(id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, words TEXT, at REAL, data BLOB,
                         long INTEGER AS (length(words)) STORED, short TEXT AS (substr(words, 1, 3)));
    CREATE TABLE plain(a, b TEXT);
    CREATE TABLE pairs(k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID;
    CREATE TABLE empty(x);
    CREATE INDEX message_at ON message(at);
    CREATE VIEW latest AS SELECT * FROM message ORDER BY at DESC LIMIT 3;
    CREATE TRIGGER forget AFTER DELETE ON plain BEGIN DELETE FROM empty; END;"""


def make(path, rows=400, pragmas=""):
    con = sqlite3.connect(path, isolation_level=None)
    con.executescript(f"PRAGMA page_size=1024; PRAGMA secure_delete=0; {pragmas} BEGIN; {SCHEMA}")
    for i in range(rows):
        con.execute("INSERT INTO message(guid, words, at, data) VALUES(?, ?, ?, ?)",
                    (f"guid-{i}-of-a-message", f"wörds number {i} " * (1 + i % 7), 7e8 + i / 3, bytes([i % 256]) * (i % 90)))
        con.execute("INSERT INTO plain(rowid, a, b) VALUES(?, ?, ?)", (i * 3 + 1, i, f"plain text of row {i}"))
        con.execute("INSERT INTO pairs VALUES(?, ?)", (f"key number {i}", i * i))
    con.execute("INSERT INTO message(guid, words) VALUES('long', ?)", ("long row " * 2000,))
    con.execute("COMMIT")
    return con


def rows_of(path, table, columns="*"):
    con = sqlite3.connect(path)
    rows = con.execute(f"SELECT {columns} FROM {table}").fetchall()
    con.close()
    return rows


def run(source, target, **more):
    with open(source, "rb") as file:
        before = hashlib.sha256(file.read()).hexdigest()
    done = subprocess.run([PROGRAM, "recover", "list", "--from", source, "--raw", "--to", target, "--json"],
                          capture_output=True, timeout=60, check=False, **more)
    with open(source, "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() == before, "the original was changed"
    return done.returncode, json.loads(done.stdout.decode().splitlines()[-1])


def is_sound(path):
    return rows_of(path, "pragma_integrity_check") == [("ok",)]


def a_sound_database_comes_out_as_it_was_with_what_was_deleted_beside_it(folder):
    for encoding in ("UTF-8", "UTF-16be"):
        source, target = os.path.join(folder, encoding + ".db"), os.path.join(folder, encoding + "-clean.db")
        con = make(source, pragmas=f"PRAGMA encoding='{encoding}';")
        gone = con.execute("SELECT guid, words FROM message WHERE id % 9 = 4").fetchall()
        con.execute("DELETE FROM message WHERE id % 9 = 4")
        con.close()
        status, result = run(source, target)
        assert status == 0 and is_sound(target), result
        for table in ("message", "plain", "pairs", "empty", "sqlite_sequence"):
            assert rows_of(source, table) == rows_of(target, table), table
        assert rows_of(source, "plain", "rowid") == rows_of(target, "plain", "rowid")
        names = "type, name, sql"
        wanted = [n for n in rows_of(source, "sqlite_master", names)]
        assert [n for n in wanted if n not in rows_of(target, "sqlite_master", names)] == []
        back = rows_of(target, "message_recovered", "guid, words")
        assert len(back) >= len(gone) * 95 // 100 and set(back) <= set(gone)
        assert all(0.5 <= c <= 1 and s == "deleted" and p > 0 and len(cell) > 4 for c, s, p, cell in
                   rows_of(target, "message_recovered", "_confidence, _status, _page, _cell"))
        assert result["saved"]["recovered_rows"] == len(back) and result["saved"]["left_out"] == 0


def rows_that_damage_cut_off_are_back_in_their_table(folder):
    source, target = os.path.join(folder, "cut.db"), os.path.join(folder, "cut-clean.db")
    make(source).close()
    wanted = rows_of(source, "message")
    with open(source, "r+b") as file:
        raw = file.read()
        for at in range(1024, len(raw), 1024):
            if raw[at] == 5:  # interior pages of tables: the way to the leaves
                file.seek(at)
                file.write(bytes(16))
    status, result = run(source, target)
    assert status == 5 and result["error"]["code"] == "CORRUPT" and is_sound(target), result
    assert sorted(rows_of(target, "message")) == sorted(wanted)


def what_a_rule_refuses_is_kept_beside_the_table(folder):
    source, target = os.path.join(folder, "twice.db"), os.path.join(folder, "twice-clean.db")
    make(source).close()
    with open(source, "r+b") as file:
        raw = file.read()
        at = raw.index(b"guid-17-of-a-message")
        while raw[at - 300:at].find(b"w\xc3\xb6rds") < 0 and raw[at + 20:at + 22] != b"w\xc3":
            at = raw.index(b"guid-17-of-a-message", at + 1)
        file.seek(at)
        file.write(b"guid-18-of-a-message")  # UNIQUE is broken
    run(source, target)
    assert is_sound(target)
    both = rows_of(target, "message", "guid") + rows_of(target, "message_recovered", "guid")
    assert both.count(("guid-18-of-a-message",)) == 2


def nothing_that_exists_is_overwritten(folder):
    source, target = os.path.join(folder, "a.db"), os.path.join(folder, "b.db")
    make(source, 5).close()
    with open(target, "w", encoding="utf-8") as file:
        file.write("a letter")
    status, _ = run(source, target)
    assert status == 2
    with open(target, encoding="utf-8") as file:
        assert file.read() == "a letter"
    status, _ = run(source, source)
    assert status == 2


def a_full_disk_leaves_nothing_behind(folder):
    source, target = os.path.join(folder, "c.db"), os.path.join(folder, "d.db")
    make(source).close()

    def small_files_only():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

    status, result = run(source, target, preexec_fn=small_files_only)
    assert status == 1 and not result["ok"], result
    assert not [name for name in os.listdir(folder) if name.startswith("d.db")]
    status, _ = run(source, os.path.join(folder, "missing", "e.db"))
    assert status != 0


def hostile_schema_text_reaches_nothing_else(folder):
    source, target = os.path.join(folder, "f.db"), os.path.join(folder, "g.db")
    con = make(source, 20)
    prey = os.path.join(folder, "prey.db")
    con.execute("PRAGMA writable_schema=ON")
    for name, sql in (("v1", f"CREATE VIEW v1 AS SELECT 1; ATTACH '{prey}' AS prey; CREATE TABLE prey.t(a)"),
                      ("v2", f"ATTACH '{prey}' AS prey"), ("v3", "CREATE VIEW v3 AS SELECT load_extension('/x')"),
                      ("v4", "CREATE VIEW v4 AS SELECT broken FROM ((((")):
        con.execute("INSERT INTO sqlite_master VALUES('view', ?, ?, 0, ?)", (name, name, sql))
    con.close()
    status, result = run(source, target)
    assert status == 0 and not os.path.exists(prey) and result["saved"]["left_out"] >= 2, result
    assert len(rows_of(target, "message")) == 21


TESTS = [a_sound_database_comes_out_as_it_was_with_what_was_deleted_beside_it,
         rows_that_damage_cut_off_are_back_in_their_table, what_a_rule_refuses_is_kept_beside_the_table,
         nothing_that_exists_is_overwritten, a_full_disk_leaves_nothing_behind, hostile_schema_text_reaches_nothing_else]

if __name__ == "__main__":
    for number, test in enumerate(TESTS):
        with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as state:
            os.environ["XDG_STATE_HOME"] = state  # the program's own log
            test(work)
        print(f"ok {number + 1} - {test.__name__.replace('_', ' ')}")
    print(f"1..{len(TESTS)}")
