#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`revive recover list --raw` as people and scripts meet it: exit codes, lines on a terminal, fields of a row.

usage: faces.py REVIVE
"""
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])


def make(path, pragmas="", delete=True):
    con = sqlite3.connect(path, isolation_level=None)
    con.executescript(f"PRAGMA page_size=1024; PRAGMA secure_delete=0; {pragmas};"
                      "CREATE TABLE note(id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, body TEXT, at REAL);")
    for i in range(120):
        con.execute("INSERT INTO note(title, body, at) VALUES(?, ?, ?)", (f"note {i}", f"bring the keys {i} " * 3, i / 7))
    con.execute("INSERT INTO note(title, body) VALUES('evil', ?)", ("a\x1b[31mred\x9b2J\x07bell " * 3,))
    if delete:
        con.execute("DELETE FROM note WHERE id % 4 = 1 AND id < 90")
    con.close()


def run(*arguments):
    return subprocess.run([PROGRAM, "recover", "list", *arguments], capture_output=True, timeout=60, check=False)


def exit_codes(folder):
    """Each way to end has its own code: 0 done, 1 no such file, 2 wrong use, 5 damaged or no database at all."""
    good, torn, noise = (os.path.join(folder, n) for n in ("good.db", "torn.db", "noise.db"))
    make(good)
    with open(good, "rb") as file:
        content = bytearray(file.read())
    content[:100] = bytes(100)
    for path, data in ((torn, content), (noise, os.urandom(9000))):
        with open(path, "wb") as file:
            file.write(data)
    assert run("--raw", "--from", good).returncode == 0
    assert run("--raw").returncode == 2
    assert run("--raw", "--from", good, "--nonsense").returncode == 2
    done = run("--raw", "--from", torn, "--json", "--all-rows")
    assert done.returncode == 5, done.returncode
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert lines[-1]["ok"] is False and lines[-1]["verdict"]["damaged"] is True
    assert sum("values" in line for line in lines) >= 90  # what can be read comes before the bad news
    codes = {path: run("--raw", "--from", path, "--json").returncode for path in (noise, folder + "/absent.db", folder)}
    assert list(codes.values()) == [5, 1, 1], codes


def a_terminal_gets_words_and_no_control_characters(folder):
    path = os.path.join(folder, "words.db")
    make(path)
    done = run("--raw", "--from", path, "--all-rows")
    text = done.stdout.decode()
    assert done.returncode == 0 and "evil" in text
    assert all(c == "\n" or (c.isprintable() or c == " ") for c in text), [c for c in text if not c.isprintable()][:5]
    for words in ("What can still be inside this file", "What cannot, and why", "Where else to look", "% sure", "note 4"):
        assert words in text, words
    make(os.path.join(folder, "quiet.db"), "PRAGMA secure_delete=1", delete=False)
    text = run("--raw", "--from", os.path.join(folder, "quiet.db")).stdout.decode()
    assert "0 rows that are no longer live" in text and "every free byte is zero" in text, text


def a_row_tells_where_it_is_from_and_how_sure_that_is(folder):
    path = os.path.join(folder, "fields.db")
    make(path)
    done = run("--raw", "--from", path, "--json")
    rows = [row for row in map(json.loads, done.stdout.decode().splitlines()) if "values" in row]
    assert len(rows) >= 20, len(rows)
    for row in rows:
        assert set(row) >= {"table", "rowid", "values", "source", "status", "confidence", "reason", "page", "offset"}
        assert row["status"] == "deleted" and 0.5 <= row["confidence"] <= 1 and len(row["reason"]) > 10
    verdict = json.loads(done.stdout.decode().splitlines()[-1])["verdict"]
    missing = verdict["tables"]
    assert missing == [{"table": "note", "live_rows": 98, "highest_rowid": 121, "missing_rowids": 23,
                        "counted_by_sqlite": True}], missing
    assert verdict["can_be_inside"] and verdict["cannot_be_inside"] and verdict["look_elsewhere"]


def help_has_an_example(folder):
    done = subprocess.run([PROGRAM, "recover", "list", "--help"], capture_output=True, timeout=20, check=False, cwd=folder)
    assert done.returncode == 0 and b"revive recover list --from" in done.stdout


def main():
    tests = (exit_codes, a_terminal_gets_words_and_no_control_characters,
             a_row_tells_where_it_is_from_and_how_sure_that_is, help_has_an_example)
    print(f"1..{len(tests)}")
    failed = 0
    for number, test in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="rv-faces-") as folder:
            try:
                test(folder)
                print(f"ok {number} - {test.__name__}")
            except AssertionError as error:
                failed = 1
                print(f"not ok {number} - {test.__name__}\n# {error!r}".replace("\n", "\n# ")[:2000])
    return failed


if __name__ == "__main__":
    sys.exit(main())
