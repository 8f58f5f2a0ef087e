#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The counts of a verdict, against a reading of the same pages by Python, and against what SQLite says.

usage: verdicts.py REVIVE
"""
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import textwrap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()


def same(found, wanted, what=""):
    assert found == wanted, f"{what}\nwanted {wanted!r}\nfound  {found!r}"


def verdict(path, code=0):
    done = subprocess.run([PROGRAM, "recover", "list", "--raw", "--from", path, "--json"], capture_output=True, timeout=60, check=False)
    assert done.returncode == code, (done.returncode, done.stdout[-1500:], done.stderr[-500:])
    lines = done.stdout.decode().splitlines()
    return json.loads(lines[-1])["verdict"], [json.loads(line) for line in lines[:-1] if '"event"' not in line[:10]]


class Pages:
    """A reading of a database file by the file format document: kinds of pages, freeblocks, gaps."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        head = self.data[:100]
        self.size = struct.unpack(">H", head[16:18])[0]
        self.size = 65536 if self.size == 1 else self.size
        self.count = len(self.data) // self.size
        self.usable = self.size - head[20]
        self.free = self.trunk(struct.unpack(">I", head[32:36])[0])
        self.free_count = struct.unpack(">I", head[36:40])[0]
        self.writer = struct.unpack(">I", head[96:100])[0]
        self.leaves = []
        root = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
        roots = [1] + [r for r, in root.execute("SELECT rootpage FROM sqlite_master WHERE rootpage>0")]
        root.close()
        for page in roots:
            self.walk(page)

    def page(self, number):
        return self.data[(number - 1) * self.size:number * self.size]

    def trunk(self, number):
        found = []  # without the trunks, which hold the numbers of the others
        while number:
            page = self.page(number)
            number, n = struct.unpack(">II", page[:8])
            found += struct.unpack(f">{n}I", page[8:8 + 4 * n])
        return found

    def walk(self, number):
        page, at = self.page(number), 100 if number == 1 else 0
        kind, cells = page[at], struct.unpack(">H", page[at + 3:at + 5])[0]
        if kind in (13, 10):
            self.leaves.append(number)
            return
        for i in range(cells):
            cell = struct.unpack(">H", page[at + 12 + 2 * i:at + 14 + 2 * i])[0]
            self.walk(struct.unpack(">I", page[cell:cell + 4])[0])
        self.walk(struct.unpack(">I", page[at + 8:at + 12])[0])

    def residue(self):
        """(freeblocks, of them zero, free pages that are zero, bytes that are not)."""
        blocks = zeroed = wiped = left = 0
        for number in self.leaves:
            page, at = self.page(number), 100 if number == 1 else 0
            block, cells, content = struct.unpack(">HHH", page[at + 1:at + 7])
            while block:
                following, length = struct.unpack(">HH", page[block:block + 4])
                empty = not any(page[block + 4:block + length])
                blocks, zeroed, left = blocks + 1, zeroed + empty, left + (0 if empty else length)
                block = following
            gap = at + 8 + 2 * cells
            left += content - gap if any(page[gap:content]) else 0
        for number in self.free:
            empty = not any(self.page(number)[:self.usable])
            wiped, left = wiped + empty, left + (0 if empty else self.usable)
        return blocks, zeroed, wiped, left


def build(folder, script, name="a.db"):
    path = os.path.join(folder, name)
    con = sqlite3.connect(path, isolation_level=None)
    con.executescript(script)
    con.close()
    return path


FILL = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<{0}) INSERT INTO {1}(body) SELECT printf('{2} %d ', x)||hex(randomblob({3})) FROM n;"


def check(path, **more):
    pages = Pages(path)
    v, rows = verdict(path)
    con = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    tables = [t for t, in con.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'")]
    live = sum(con.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables)
    con.close()
    blocks, zeroed, wiped, left = pages.residue()
    wanted = {"damaged": False, "page_size": pages.size, "pages": pages.count, "free_pages": pages.free_count, "lost_pages": 0, "freeblocks": blocks, "freeblocks_wiped": zeroed,
              "free_pages_wiped": wiped, "residue_bytes": left, "last_writer": pages.writer, "wal": False, "journal": False, "auto_vacuum": False, "commit_count": 0,
              "uncommitted_images": 0, **more}
    for key, value in wanted.items():
        same(v[key], value, key)
    return v, rows, live


@TAP.test
def what_deletion_leaves_is_counted_to_the_byte():
    for size, secure, kept in ((4096, 0, 3), (4096, 1, 3), (1024, 0, 7), (512, 0, 2), (8192, 0, 5), (4096, 2, 4)):
        with tempfile.TemporaryDirectory() as folder:
            secure = {0: "0", 1: "1", 2: "FAST"}[secure]
            path = build(folder, f"PRAGMA page_size={size}; PRAGMA secure_delete={secure}; CREATE TABLE m(id INTEGER PRIMARY KEY, body TEXT); CREATE INDEX i ON m(body);"
                         + FILL.format(300, "m", "row", 20) + f"DELETE FROM m WHERE id%{kept}=1; DELETE FROM m WHERE id BETWEEN 100 AND 200;")
            v, rows, live = check(path)
            highest = sqlite3.connect(path).execute("SELECT max(id) FROM m").fetchone()[0]
            same([(t["table"], t["live_rows"], t["highest_rowid"], t["missing_rowids"], t["counted_by_sqlite"]) for t in v["tables"]], [("m", live, highest, highest - live, False)])
            same(v["missing_rowids"], highest - live)
            same(v["deleted_rows"], sum(r["status"] != "live" for r in rows))
            same(v["sources"], {s: sum(r["source"] == s for r in rows) for s in sorted({r["source"] for r in rows}, key="table gap freeblock free-page wal journal".split().index)})
            same(v["partial_rows"], sum(r.get("partial", False) for r in rows))


@TAP.test
def a_table_that_counts_knows_what_it_gave_away():
    with tempfile.TemporaryDirectory() as folder:
        path = build(folder, "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT); CREATE TABLE b(id INTEGER PRIMARY KEY, body TEXT); CREATE TABLE c(body TEXT);"
                     "CREATE TABLE full(id INTEGER PRIMARY KEY, body TEXT); CREATE TABLE d(k TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;"
                     + FILL.format(40, "a", "a", 4) + FILL.format(30, "b", "b", 4) + FILL.format(10, "full", "f", 4) +
                     "DELETE FROM a WHERE id>35 OR id=3; DELETE FROM b WHERE id=5; INSERT INTO c(rowid, body) VALUES(9,'x');"
                     "INSERT INTO d VALUES('k','v'); INSERT INTO full(id, body) VALUES(5000000,'chosen by another rule');")
        v, _, _ = check(path)
        same({t["table"]: (t["live_rows"], t["highest_rowid"], t["missing_rowids"], t["counted_by_sqlite"]) for t in v["tables"]},
             {"a": (34, 40, 6, True), "b": (29, 30, 1, False), "c": (1, 9, 8, False)})
        same(v["missing_rowids"], 15)


@TAP.test
def the_line_where_numbers_count_up_is_at_sixteen_times_and_a_hundred_thousand():
    for number, told in ((100_016 + 16, True), (100_016 + 17, False)):  # two live rows
        with tempfile.TemporaryDirectory() as folder:
            path = build(folder, f"CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO t VALUES(1,'a'), ({number},'b');")
            v, _, _ = check(path)
            same([t["missing_rowids"] for t in v["tables"]], [number - 2] if told else [], number)


def hanging(title, lines):
    return (f"{title}\n" + "".join("\n".join(textwrap.wrap(line, 80, initial_indent=" - ", subsequent_indent="   ", break_long_words=False, break_on_hyphens=False)) + "\n"
                                    for line in lines)) if lines else ""


def in_words(path, v):
    """The end of a search as a person is told it, from the same counts."""
    n = v["deleted_rows"]
    places = (("gap", "in the gaps of pages"), ("freeblock", "between live rows"), ("free-page", "on pages set free"), ("wal", "in older pages of the -wal"),
              ("journal", "in the -journal"), ("table", "in tables"))
    found = ", ".join(f"{v['sources'][key]} {words}" for key, words in places if v["sources"].get(key))
    text = f"\n{path}: {n} row{' that is' if n == 1 else 's that are'} no longer live{f' ({found})' if found else ''}, beside {v['live_rows']} live ones.\n"
    text += f"{v['partial_rows']} of them in part: newer rows lie over their ends.\n" if v["partial_rows"] else ""
    text += f"{v['copies_of_live_rows']} copies of live rows were left out.\n" if v["copies_of_live_rows"] else ""
    text += hanging("What can still be inside this file", v["can_be_inside"]) + hanging("What cannot, and why", v["cannot_be_inside"])
    if v["tables"]:
        text += "How much is missing\n" + "".join(f" - {t['table']}: {t['missing_rowids']} numbers up to {t['highest_rowid']} belong to no live row"
                                                   f"{chr(32) + '(SQLite' + chr(39) + 's own count)' if t['counted_by_sqlite'] else ''}\n" for t in v["tables"])
    if 0 < len(v["commits"]) <= 12:
        last = len(v["commits"])
        text += "States, the oldest first\n" + "".join(f" {c['commit']}. {c['from']}{' (as it is now)' if i == last else ''}\n" for i, c in enumerate(v["commits"], 1))
    text += hanging("Where else to look", v["look_elsewhere"])
    return text + ("next: add `--to NEW.db` to keep all of it in a clean database, or `--json` for a script.\n" if n else "")


@TAP.test
def a_person_is_told_the_same_in_words():
    cases = ("PRAGMA secure_delete=0; CREATE TABLE m(id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT);" + FILL.format(60, "m", "row", 20) + "DELETE FROM m WHERE id%4=1;",
             "CREATE TABLE m(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO m VALUES(1, 'only');",
             "PRAGMA secure_delete=0; CREATE TABLE m(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO m VALUES(1,'one row stays'),(2,'one row goes away'),(3,'another one'); "
             "DELETE FROM m WHERE id=2;", "PRAGMA auto_vacuum=1; CREATE TABLE m(id INTEGER PRIMARY KEY, body TEXT);" + FILL.format(90, "m", "row", 60) + "DELETE FROM m WHERE id>20;")
    for script in cases:
        with tempfile.TemporaryDirectory() as folder:
            path = build(folder, script)
            v, _ = verdict(path)
            done = subprocess.run([PROGRAM, "recover", "list", "--raw", "--from", path], capture_output=True, timeout=60, check=False, env=dict(os.environ, LC_ALL="C.UTF-8"))
            text, wanted = done.stdout.decode(), in_words(path, v)
            assert text.endswith(wanted), (text[-len(wanted):], wanted)


@TAP.test
def a_dropped_table_is_found_by_its_description():
    with tempfile.TemporaryDirectory() as folder:
        path = build(folder, "PRAGMA secure_delete=0; CREATE TABLE keep(id INTEGER PRIMARY KEY, body TEXT); CREATE TABLE gone(id INTEGER PRIMARY KEY, body TEXT, more INTEGER);"
                     + FILL.format(200, "gone", "g", 30) + FILL.format(5, "keep", "k", 3) + "DROP TABLE gone;")
        v, rows, _ = check(path)
        assert v["free_pages"] > 3 and v["deleted_rows"] >= 190, v
        assert "Rows of 1 tables that were dropped: their descriptions were found." in v["can_be_inside"], v["can_be_inside"]
        assert all(r["source"] in ("free-page", "gap", "freeblock") for r in rows), rows[:3]


@TAP.test
def the_states_of_a_log_are_counted_by_its_commits():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.db")
        con = sqlite3.connect(path, isolation_level=None)
        con.executescript("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE m(id INTEGER PRIMARY KEY, body TEXT);")
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for n in range(1, 6):
            con.execute("INSERT INTO m(body) VALUES(?)", (f"state {n} " + "x" * 30,))
        con.execute("DELETE FROM m WHERE id=2")
        copy = os.path.join(folder, "copy")
        os.mkdir(copy)
        for tail in ("", "-wal"):
            shutil.copy(path + tail, os.path.join(copy, "a.db" + tail))
        con.close()
        with open(os.path.join(copy, "a.db-wal"), "rb") as file:
            log = file.read()
        size = struct.unpack(">I", log[8:12])[0]
        frames = [struct.unpack(">II", log[at:at + 8]) for at in range(32, len(log), 24 + size)]
        commits = sum(1 for _, total in frames if total)
        v, rows = verdict(os.path.join(copy, "a.db"))
        same((v["wal"], v["journal"], v["commit_count"], v["uncommitted_images"]), (True, False, commits + 1, 0))
        same([c["commit"] for c in v["commits"]], list(range(1, commits + 2)))
        same([c["from"] for c in v["commits"]], ["database file"] + ["log"] * commits)
        same([c.get("pages") for c in v["commits"]], [None] + [1] * commits)
        same({c.get("generation") for c in v["commits"][1:]}, {1})
        gone, = [r for r in rows if r["status"] == "deleted" and r["rowid"] == 2]
        same((gone["values"][1], gone["commit"]), ("state 2 " + "x" * 30, {"first": 3, "last": commits, "gone": commits + 1}))
        # a frame behind the last commit was never part of a state
        with open(os.path.join(copy, "a.db-wal"), "r+b") as file:
            file.seek(len(log) - (24 + size) + 4)
            file.write(bytes(4))
        assert v["page_size"] == size


if __name__ == "__main__":
    sys.exit(TAP.run())
