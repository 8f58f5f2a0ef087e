#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the small seed files of fuzz/corpus/sqlite_* (invented content): whole, cut, lying length."""
import os
import sqlite3
import sys
import tempfile

root = sys.argv[1]
work = tempfile.mkdtemp()


def build(name, pragmas, journal="DELETE"):
    path = os.path.join(work, name)
    con = sqlite3.connect(path, isolation_level=None)
    con.execute("PRAGMA secure_delete=0")
    for p in pragmas:
        con.execute("PRAGMA " + p)
    con.execute("PRAGMA journal_mode=" + journal)
    con.execute("CREATE TABLE m(id INTEGER PRIMARY KEY, key TEXT UNIQUE, words TEXT, n REAL, b BLOB)")
    con.execute("CREATE TABLE kv(k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID")
    for i in range(24):
        con.execute("INSERT INTO m VALUES(?,?,?,?,?)", (i, f"key-{i}", "words " * (i % 9), i / 7, bytes([i]) * (i * 5)))
        con.execute("INSERT INTO kv VALUES(?,?)", (f"k{i}", i * 1000))
    con.execute("DELETE FROM m WHERE id % 4 = 1")
    return path, con


def put(target, name, data):
    folder = os.path.join(root, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)


for name, pragmas in (("plain", ["page_size=512"]), ("utf16", ["page_size=512", "encoding='UTF-16be'"]),
                      ("vacuum", ["page_size=1024", "auto_vacuum=2"])):
    path, con = build(name, pragmas)
    con.close()
    data = bytearray(open(path, "rb").read())
    put("sqlite_db", name, data)
    put("sqlite_db", name + "-cut", data[:len(data) * 2 // 3])
    data[16:18] = b"\x40\x00"  # a page size that lies
    put("sqlite_db", name + "-lying", data)

# A database, its log, and the journal of an older transaction: told apart by their magic numbers.
path, con = build("logged", ["page_size=512"], "WAL")
con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
con.execute("DELETE FROM kv WHERE v < 9000")
con.execute("UPDATE m SET words='newer' WHERE id < 8")
database, log = open(path, "rb").read(), open(path + "-wal", "rb").read()[:32 + 536 * 12]
con.close()
put("sqlite_db", "wal", database + log)
put("sqlite_db", "wal-cut", database + log[:-700])
path, con = build("undone", ["page_size=512"], "PERSIST")
con.execute("DELETE FROM m WHERE id > 10")
journal = bytearray(open(path + "-journal", "rb").read())
journal[:8] = bytes.fromhex("d9d505f920a163d7")  # a finished one has zeroes here
put("sqlite_db", "journal", open(path, "rb").read() + journal[:512 + 520 * 6])
con.close()

path, con = build("page", ["page_size=512"])
con.close()
pages = bytearray(open(path, "rb").read())[512 * 4:512 * 8]
for name, how, owner in (("live", 0, 1), ("freed", 4, 4), ("trunk", 8, 4), ("utf16", 64 + 4, 1), ("norowid", 0, 2)):
    put("sqlite_page", name, bytes([how]) + pages + bytes([owner]))
put("sqlite_page", "cut", bytes([4]) + pages[:700] + b"\1")
pages[3:5] = b"\x00\xff"  # a count of cells that lies
put("sqlite_page", "lying", bytes([4]) + pages + b"\1")

# m(id, key, words, n, b): payload length, rowid, header of six types, bodies
body = b"key-7" + b"some words" + bytes.fromhex("3ff8000000000000") + b"\x01\x02\x03"
head = bytes([6, 0, 13 + 2 * 5, 13 + 2 * 10, 7, 12 + 2 * 3])
cell = bytes([len(head) + len(body), 7]) + head + body
put("sqlite_cell", "whole", b"\x00" + cell)
put("sqlite_cell", "scarred", b"\x00" + b"\x00\x00\x00" + bytes([len(cell)]) + cell[4:])
put("sqlite_cell", "cut", b"\x00" + cell[:-6])
put("sqlite_cell", "lying", b"\x00" + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff" + cell[1:])
put("sqlite_cell", "norowid", b"\x01" + bytes([7, 3, 13 + 2 * 3, 1]) + b"abc\x63")
put("sqlite_cell", "overflow", b"\x00" + b"\x8f\x00\x07" + head[:5] + b"\x9d\x00" + body + b"\0" * 460 + b"\0\0\0\x05")

path, con = build("wal", ["page_size=512"], "WAL")
data = bytearray(open(path + "-wal", "rb").read())[:32 + 536 * 8]
con.close()
put("sqlite_wal", "whole", data)
put("sqlite_wal", "cut", data[:700])
data[8:12] = b"\0\0\x80\0"
put("sqlite_wal", "lying", data)

path, con = build("journal", ["page_size=1024"], "PERSIST")
con.execute("DELETE FROM m WHERE id > 10")
con.close()
data = bytearray(open(path + "-journal", "rb").read())[:512 + 1032 * 3]
put("sqlite_journal", "zeroed", data)
put("sqlite_journal", "cut", data[:1800])
data[0:28] = bytes.fromhex("d9d505f920a163d7ffffffff000000010000000500000200") + (1024).to_bytes(4, "big")
put("sqlite_journal", "whole", data)

for name, text in (("whole", "CREATE TABLE \"a b\"('id' INTEGER PRIMARY KEY AUTOINCREMENT, [x y] TEXT NOT NULL DEFAULT (1+2),"
                             " z DECIMAL(10,2), PRIMARY KEY(id), UNIQUE(x)) "),
                   ("norowid", "CREATE TABLE t(a TEXT, b INT, c AS (a||b) STORED, PRIMARY KEY(b, a)) WITHOUT ROWID"),
                   ("cut", "CREATE TABLE t(a TEXT, b INT, c"), ("lying", "CREATE TABLE t((((((a, 'b\"")):
    put("sqlite_schema", name, text.encode())
