#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deleted and damaged SQLite: how much comes back, how much of it is true. Writes docs/recovery.md.

usage: bench_carving.py PROGRAM     PROGRAM: an optimised build of revive
Corpora with known history lie in $REVIVE_SHARED/data/sqlite (else beside the project); without them nothing is measured
and docs/recovery.md stays as it is. Further databases, which the carver was not developed on, are made by
$REVIVE_SHARED/tools/sqlite_corpus.py with SEEDS; REVIVE_BENCH_FOLDER keeps them. How fast: bench_carve_speed.py.
"""
import collections
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile

SEEDS = (311, 312, 313, 314, 315, 316)  # nothing was fitted on them, and nothing changed after they were looked at
BUCKET_LEAST = 50  # rows; a bucket with fewer says nothing and is taken together with the next one above
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
        """Buckets of 0.05; below BUCKET_LEAST rows with the next one above, the highest with the one below it."""
        merged = []
        for number in sorted(self.buckets):
            row = [number, number, *self.buckets[number]]
            if merged and (merged[-1][2] < BUCKET_LEAST or (number == max(self.buckets) and row[2] < BUCKET_LEAST)):
                last = merged.pop()
                row = [last[0], number, *(a + b for a, b in zip(last[2:], row[2:]))]
            merged.append(row)
        out = ["| confidence | rows | mean confidence | right | off by |", "|---|---:|---:|---:|---:|"]
        for low, high, rows, right, confidence in merged:
            out.append(f"| {low / 20:.2f} to {(high + 1) / 20:.2f} | {rows} | {confidence / rows:.3f} "
                       f"| {right / rows:.3f} | {abs(confidence - right) / rows:.3f} |")
        return "\n".join(out)


def judge_seeds(program, shared):
    """Databases of other seeds: the same kinds of case, other rows. None without their generator."""
    generator = os.path.join(shared, "tools", "sqlite_corpus.py")
    if not os.path.exists(generator):
        return None
    kept = os.environ.get("REVIVE_BENCH_FOLDER")
    folder = os.path.join(kept, "seeds") if kept else tempfile.mkdtemp(prefix="revive-seeds-")
    for seed in SEEDS:
        out = os.path.join(folder, f"s{seed}")
        if not os.path.isdir(out):
            subprocess.run([sys.executable, generator, out, str(seed)], check=True, stdout=subprocess.DEVNULL)
    tables = judge_all(program, folder)
    if not kept:
        shutil.rmtree(folder)
    return tables


def total_words(table):
    c = table.rows["**all**"]
    claimed = c["right"] + c["false"] + c["live"] + c["twice"]
    return (f"{share(c['right_good'], c['good'])} / {share(c['right'], claimed)} ({c['right_good']} of {c['good']} whole rows, "
            f"{c['false']} false, {c['live']} live, {c['twice']} twice, {c['partial']} in part)")


def stops_of_sqlite3(folder):
    """In how many cases the sqlite3 program's own .recover gives up, and how many cases there are."""
    if shutil.which("sqlite3") is None:
        return "no sqlite3 program here"
    stopped = total = 0
    with tempfile.TemporaryDirectory(prefix="revive-recover-") as scratch:
        for base in cases(folder):
            copy = os.path.join(scratch, "copy.db")
            for ending in ("", "-wal", "-journal"):
                if os.path.exists(base + ".db" + ending):
                    shutil.copyfile(base + ".db" + ending, copy + ending)
            done = subprocess.run(["sqlite3", copy, ".recover"], capture_output=True, timeout=60, check=False)
            total += 1
            stopped += done.returncode != 0 or b"error" in done.stderr or b"sql error" in done.stdout
            for name in os.listdir(scratch):
                os.unlink(os.path.join(scratch, name))
    version = subprocess.run(["sqlite3", "--version"], capture_output=True, check=False).stdout.split()[0].decode()
    return f"sqlite3 {version} here: `.recover` stopped with an error in {stopped} of {total} cases"


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
             "CALIBRATION_SALVAGE": tables[True].calibration()}
    parts["SEEDS"] = f"{SEEDS[0]} to {SEEDS[-1]}"
    parts["BUCKET_LEAST"] = str(BUCKET_LEAST)
    parts["DEBIAN"] = stops_of_sqlite3(corpora)
    others = judge_seeds(program, shared)
    for name, mode in (("DELETED", False), ("SALVAGE", True)):
        parts["SEEDS_" + name] = total_words(others[mode]) if others else "not measured"
        parts["CALIBRATION_SEEDS_" + name] = others[mode].calibration() if others else "not measured"
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
    print("docs/recovery.md is written")


if __name__ == "__main__":
    main()
