#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast a database is searched, beside `cat`, from 10 MB to 10 GB. Writes docs/recovery-speed.md and its picture.

usage: bench_carve_speed.py PROGRAM     PROGRAM: an optimised build of revive
REVIVE_BENCH_SIZES: sizes in MB (default 10,30,100,300,1000; clean-10000 is one of 10 GB without deletions).
REVIVE_BENCH_FOLDER: where the databases are made, and kept for the next run; else they are made and removed.
"""
import datetime
import math
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GOALS = {"clean": 0.25, "residue": 0.05}
WORDS = {"clean": "clean", "residue": "a fifth of the rows deleted"}
ROUNDS = 7


def make_database(path, megabytes, residue):
    """Rows like messages; with residue, every fifth is deleted again (cells become freeblocks, not zeroes)."""
    words = "the gate is open and nobody came home before dinner because of the long rain".split()
    dice = random.Random(7)
    rows = megabytes * 1_000_000 // 107
    con = sqlite3.connect(path + ".part", isolation_level=None)
    con.executescript("PRAGMA page_size=4096; PRAGMA secure_delete=0; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                      "CREATE TABLE message(ROWID INTEGER PRIMARY KEY, text TEXT, handle INTEGER, date REAL, "
                      "is_read INTEGER); CREATE TEMP TABLE phrase(id INTEGER PRIMARY KEY, text TEXT); BEGIN")
    con.executemany("INSERT INTO phrase VALUES(?, ?)",
                    [(i, " ".join(dice.choices(words, k=dice.randrange(4, 30)))) for i in range(4096)])
    con.execute("INSERT INTO message WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) "
                "SELECT NULL, phrase.text, i % 900, 6e8 + i / 7.0, i & 1 FROM n JOIN phrase ON id = i * 31 % 4096", (rows,))
    con.execute("COMMIT")
    if residue:
        con.execute("DELETE FROM message WHERE ROWID % 5 = 2")
    con.close()
    os.rename(path + ".part", path)


def make_logged(path):
    """A small database beside a log of eight times its size: each row in eight older states."""
    make_database(path + ".work", 72, False)
    con = sqlite3.connect(path + ".work", isolation_level=None)
    con.executescript("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=OFF")
    for _ in range(8):
        con.execute("UPDATE message SET handle = handle + 1, is_read = 1 - is_read")
    shutil.copyfile(path + ".work-wal", path + "-wal")
    shutil.copyfile(path + ".work", path)
    con.close()
    for ending in ("", "-wal", "-shm"):
        if os.path.exists(path + ".work" + ending):
            os.unlink(path + ".work" + ending)


def make_large_rows(path):
    """Photos of 300 kB each, 990 of 1000 deleted."""
    con = sqlite3.connect(path + ".part", isolation_level=None)
    con.executescript("PRAGMA page_size=4096; PRAGMA secure_delete=0; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                      "CREATE TABLE photo(id INTEGER PRIMARY KEY, name TEXT, data BLOB); BEGIN")
    con.executemany("INSERT INTO photo VALUES(?, ?, ?)",
                    ((i, f"photo {i}", random.Random(i).randbytes(300_000)) for i in range(1000)))
    con.executescript("COMMIT; DELETE FROM photo WHERE id < 990")
    con.close()
    os.rename(path + ".part", path)


def memory_table(program, folder):
    """Peak memory where much is found: one run each."""
    table = ["| searched | database MB | log MB | peak memory MB |", "|---|---:|---:|---:|"]
    for words, name, make in (("a log with eight older states of each row", "logged", make_logged),
                              ("990 deleted rows of 300 kB", "photos", make_large_rows)):
        path = os.path.join(folder, name + ".db")
        if not os.path.exists(path):
            make(path)
        memory = measure([program, "recover", "list", "--from", path, "--raw", "--json"])[2]
        log = os.path.getsize(path + "-wal") / 1e6 if os.path.exists(path + "-wal") else 0
        table.append(f"| {words} | {os.path.getsize(path) / 1e6:.0f} | {log:.0f} | {memory:.0f} |")
        print(table[-1], flush=True)
    return "\n".join(table)


def measure(command):
    """Wall and CPU seconds, and peak memory in MB of one run."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(program, path):
    """Medians of runs that take turns, so that both meet the same load."""
    search = [program, "recover", "list", "--from", path, "--raw", "--json"]
    rounds = ROUNDS if os.path.getsize(path) < 5e8 else 3
    runs = [(measure(["cat", path]), measure(search)) for _ in range(rounds)]
    middle = statistics.median
    return {"mb": os.path.getsize(path) / 1e6, "cat": middle(c[0] for c, _ in runs), "took": middle(r[0] for _, r in runs),
            "cpu": middle(r[1] for _, r in runs), "share": middle(c[0] / r[0] for c, r in runs),
            "cpu_share": middle(c[1] / r[1] for c, r in runs), "memory": max(r[2] for _, r in runs)}


def picture(results):
    """Seconds over megabytes, both by powers of ten: a straight line of slope 1 is a cost that grows with the file."""
    left, bottom, wide, high = 70, 330, 520, 290
    xs = [math.log10(r["mb"]) for rows in results.values() for r in rows]
    ys = [math.log10(max(r["cpu"], 0.01)) for rows in results.values() for r in rows]
    x0, x1, y0, y1 = math.floor(min(xs)), math.ceil(max(xs)), math.floor(min(ys)), math.ceil(max(ys))

    def at(mb, seconds):
        return (left + (math.log10(mb) - x0) / (x1 - x0) * wide,
                bottom - (math.log10(max(seconds, 0.01)) - y0) / (y1 - y0) * high)

    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 390" font-family="sans-serif" font-size="13">',
           '<rect width="640" height="390" fill="#fff"/>']
    for power in range(x0, x1 + 1):
        x, _ = at(10 ** power, 10 ** y0)
        out.append(f'<path d="M{x:.0f} {bottom}V{bottom - high}" stroke="#ddd"/>'
                   f'<text x="{x:.0f}" y="{bottom + 20}" text-anchor="middle">{10 ** power} MB</text>')
    for power in range(y0, y1 + 1):
        _, y = at(10 ** x0, 10 ** power)
        out.append(f'<path d="M{left} {y:.0f}H{left + wide}" stroke="#ddd"/>'
                   f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{10.0 ** power:g} s</text>')
    for kind, colour in (("clean", "#2a7"), ("residue", "#c52")):
        points = [at(r["mb"], r["cpu"]) for r in results[kind]]
        out.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" fill="none" stroke="{colour}" '
                   f'stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]
        out.append(f'<text x="{points[0][0] + 12:.0f}" y="{points[0][1] - 10:.0f}" fill="{colour}">{WORDS[kind]}</text>')
    out += [f'<text x="{left + wide / 2:.0f}" y="380" text-anchor="middle">size of the database; processor time of a search'
            '</text>', '</svg>']
    return "\n".join(out) + "\n"


def main():
    program = os.path.abspath(sys.argv[1])
    sizes = os.environ.get("REVIVE_BENCH_SIZES", "10,30,100,300,1000").split(",")
    kept = os.environ.get("REVIVE_BENCH_FOLDER")
    folder = kept or tempfile.mkdtemp(prefix="revive-bench-")
    results = {"clean": [], "residue": []}
    table = ["| file | MB | `cat` s | revive s | CPU s | share of `cat` | by CPU | goal | peak memory MB |",
             "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for kind in results:
        for size in (int(s.removeprefix(kind + "-")) for s in sizes if s.removeprefix(kind + "-").isdecimal()):
            path = os.path.join(folder, f"{kind}-{size}.db")
            if not os.path.exists(path):
                make_database(path, size, kind == "residue")
            r = compare(program, path)
            results[kind].append(r)
            table.append(f"| {WORDS[kind]} | {r['mb']:.0f} | {r['cat']:.3f} | {r['took']:.2f} | {r['cpu']:.2f} | {r['share']:.3f} "
                         f"| {r['cpu_share']:.3f} | {GOALS[kind]} | {r['memory']:.0f} |")
            print(table[-1], flush=True)
            if not kept:
                os.unlink(path)
    memory = memory_table(program, folder)
    start = statistics.median(sum(measure([program, "--version"])[1:2]) for _ in range(ROUNDS))
    if not kept:
        shutil.rmtree(folder)
    with open(os.path.join(ROOT, "bench", "recovery-speed.md.in"), encoding="utf-8") as template:
        text = template.read()
    for name, value in (("DATE", datetime.date.today().isoformat()), ("SPEED", "\n".join(table)),
                        ("MEMORY", memory), ("START", f"{start * 1000:.0f}"),
                        ("LOAD", f"{os.getloadavg()[0]:.1f}"), ("CPUS", str(os.cpu_count()))):
        text = text.replace("@" + name + "@", value)
    with open(os.path.join(ROOT, "docs", "recovery-speed.md"), "w", encoding="utf-8") as out:
        out.write(text)
    with open(os.path.join(ROOT, "docs", "recovery-speed.svg"), "w", encoding="utf-8") as out:
        out.write(picture(results))
    print("docs/recovery-speed.md and docs/recovery-speed.svg are written")


if __name__ == "__main__":
    main()
