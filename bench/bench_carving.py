#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deleted and damaged SQLite: how much comes back, how much of it is true, how fast. Writes docs/recovery.md.

usage: bench_carving.py PROGRAM     PROGRAM: an optimised build of revive
Corpora with known history lie in $REVIVE_SHARED/data/sqlite (else beside the project); without them nothing is measured
and docs/recovery.md stays as it is. REVIVE_BENCH_MB: size of the made files for the speed figures (default 128).
"""
import collections
import datetime
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import sqlite_score  # noqa: E402 (the path comes first)


def cases(folder):
    for place, _, files in sorted(os.walk(folder)):
        for name in sorted(files):
            if name.endswith(".truth.jsonl"):
                base = os.path.join(place, name[:-len(".truth.jsonl")])
                if os.path.exists(base + ".db"):
                    yield base


def carve(program, database, salvage):
    command = [program, "recover", "list", "--from", database, "--raw", "--json"] + (["--all-rows"] if salvage else [])
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    if done.returncode not in (0, 5):
        sys.exit(f"{' '.join(command)} returned {done.returncode}: {done.stderr.decode()[-400:]}")
    lines = [json.loads(line) for line in done.stdout.decode("utf-8", "surrogateescape").splitlines() if line]
    return [line for line in lines if "values" in line]


class Table:
    """Counts per category, of one mode."""

    def __init__(self):
        self.rows = collections.defaultdict(collections.Counter)
        self.buckets = collections.defaultdict(lambda: [0, 0, 0.0])

    def add(self, category, counts, buckets):
        self.rows[category] += counts
        self.rows["**all**"] += counts
        for number, (rows, right, confidence) in buckets.items():
            for i, value in enumerate((rows, right, confidence)):
                self.buckets[number][i] += value

    def text(self):
        out = ["| category | wanted | whole | right | recall | precision | false | live | twice | partial | recall of all |",
               "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
        for category in sorted(self.rows, key=lambda c: (c.startswith("*"), c)):
            c = self.rows[category]
            claimed = c["right"] + c["false"] + c["live"] + c["twice"]
            out.append(f"| {category} | {c['wanted']} | {c['good']} | {c['right']} | {share(c['right_good'], c['good'])} "
                       f"| {share(c['right'], claimed)} | {c['false']} | {c['live']} | {c['twice']} | {c['partial']} "
                       f"| {share(c['right'], c['wanted'])} |")
        return "\n".join(out)

    def calibration(self):
        out = ["| confidence | rows | mean confidence | right | off by |", "|---|---:|---:|---:|---:|"]
        for number in sorted(self.buckets):
            rows, right, confidence = self.buckets[number]
            out.append(f"| {number / 20:.2f} to {(number + 1) / 20:.2f} | {rows} | {confidence / rows:.3f} "
                       f"| {right / rows:.3f} | {abs(confidence - right) / rows:.3f} |")
        return "\n".join(out)


def share(part, whole):
    return f"{part / whole:.3f}" if whole else "-"


def judge_all(program, folder):
    tables = {False: Table(), True: Table()}
    for base in cases(folder):
        case = sqlite_score.Case(sqlite_score.read_lines(base + ".truth.jsonl"))
        counts, buckets = case.score(carve(program, base + ".db", case.salvage))
        origin = "public" if "nemetz" in base else "made"
        number = os.path.basename(base).split("-")[0] + " " if origin == "public" else ""
        tables[case.salvage].add(f"{origin} {number}{case.meta['category']}", counts, buckets)
    return tables


# ---- speed ----

def make_database(path, megabytes, residue):
    """Rows like messages; with residue, every fifth is deleted again (cells become freeblocks, not zeroes)."""
    words = "the gate is open and nobody came home before dinner because of the long rain".split()
    dice = random.Random(7)
    con = sqlite3.connect(path, isolation_level=None)
    con.execute("PRAGMA page_size=4096")
    con.execute("PRAGMA secure_delete=0")
    con.execute("PRAGMA journal_mode=OFF")
    con.execute("PRAGMA synchronous=OFF")
    con.execute("CREATE TABLE message(ROWID INTEGER PRIMARY KEY, text TEXT, handle INTEGER, date REAL, is_read INTEGER)")
    texts = [" ".join(dice.choices(words, k=dice.randrange(4, 30))) for _ in range(4096)]
    con.execute("BEGIN")
    for start in range(0, megabytes * 1_000_000 // 130, 10000):
        con.executemany("INSERT INTO message VALUES(NULL,?,?,?,?)",
                        [(texts[(i * 31) % 4096], i % 900, 6e8 + i / 7, i & 1) for i in range(start, start + 10000)])
    con.execute("COMMIT")
    if residue:
        con.execute("DELETE FROM message WHERE ROWID % 5 = 2")
    con.close()


def seconds_of(command, times=3):
    """Best wall and CPU time, and peak memory of the child in MB. CPU too: on a busy machine wall time measures others."""
    best = cpu = float("inf")
    peak = 0
    for _ in range(times):
        start = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
        took = time.monotonic() - start
        best, cpu = min(best, took), min(cpu, usage.ru_utime + usage.ru_stime)
        peak = max(peak, usage.ru_maxrss / 1024)
    return best, cpu, peak


def speed(program):
    out = ["| file | MB | `cat` s | revive s | revive CPU s | share of `cat` | goal | peak memory MB |",
           "|---|---:|---:|---:|---:|---:|---:|---:|"]
    megabytes = int(os.environ.get("REVIVE_BENCH_MB", "128"))
    with tempfile.TemporaryDirectory() as folder:
        for name, residue, goal in (("clean", False, 0.25), ("a fifth of the rows deleted", True, 0.05)):
            path = os.path.join(folder, "speed.db")
            make_database(path, megabytes, residue)
            size = os.path.getsize(path) / 1e6
            cat, _, _ = seconds_of(["cat", path])
            took, cpu, peak = seconds_of([program, "recover", "list", "--from", path, "--raw", "--json"])
            out.append(f"| {name} | {size:.0f} | {cat:.3f} | {took:.2f} | {cpu:.2f} | {cat / took:.3f} | {goal} "
                       f"| {peak:.0f} |")
            os.unlink(path)
    return "\n".join(out)


def main():
    program = os.path.abspath(sys.argv[1])
    shared = os.environ.get("REVIVE_SHARED", os.path.join(ROOT, "..", "shared"))
    corpora = os.path.join(shared, "data", "sqlite")
    if not os.path.isdir(corpora):
        print(f"bench carving: SKIPPED, no corpora in {corpora}; docs/recovery.md is left as it is", file=sys.stderr)
        return
    tables = judge_all(program, corpora)
    with open(os.path.join(ROOT, "bench", "recovery.md.in"), encoding="utf-8") as template:
        text = template.read()
    parts = {"DATE": datetime.date.today().isoformat(), "DELETED": tables[False].text(),
             "SALVAGE": tables[True].text(), "CALIBRATION_DELETED": tables[False].calibration(),
             "CALIBRATION_SALVAGE": tables[True].calibration(), "SPEED": speed(program),
             "LOAD": f"{os.getloadavg()[0]:.1f}", "CPUS": str(os.cpu_count())}
    for name, mode in (("D", False), ("S", True)):
        for category, c in tables[mode].rows.items():
            claimed = c["right"] + c["false"] + c["live"] + c["twice"]
            parts[f"{name}:{category}"] = f"{share(c['right_good'], c['good'])} / {share(c['right'], claimed)}"
    for name, value in parts.items():
        text = text.replace("@" + name + "@", value)
    with open(os.path.join(ROOT, "docs", "recovery.md"), "w", encoding="utf-8") as out:
        out.write(text)
    for mode in (False, True):
        c = tables[mode].rows["**all**"]
        print(f"{'salvage' if mode else 'deleted'}: {parts[('S' if mode else 'D') + ':**all**']} recall / precision, "
              f"{c['right_good']} of {c['good']} whole rows, {c['false']} false, {c['live']} live, {c['twice']} twice")
    print(parts["SPEED"])
    print("docs/recovery.md is written")


if __name__ == "__main__":
    main()
