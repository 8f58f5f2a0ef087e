#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/promises.txt -> docs/promises.md, and the check that no row of it is stale.

usage: promises.py ROOT write|check      check prints TAP: every named test exists, every row is whole, the page is of today
"""
import pathlib
import re
import sys

PROMISES = 209
RANKS = ("MUST", "SHOULD", "BEYOND")
root = pathlib.Path(sys.argv[1])


def read_rows():
    text = (root / "tests" / "promises.txt").read_text(encoding="utf-8")
    return [[part.strip() for part in line.split("|")] for line in text.splitlines() if line and not line.startswith("#")]


def faults_of(row, seen):
    """What is wrong with one row, in words."""
    if len(row) != 4 or not re.fullmatch(r"[A-Z]+-\d+", row[0]) or row[1] not in RANKS or not row[2]:
        return [f"not a row: {' | '.join(row)}"]
    found = [f"{row[0]} stands there twice"] if row[0] in seen else []
    seen.add(row[0])
    if re.fullmatch(r"open [3-8]", row[3]):
        return found
    for proof in row[3].split():
        path, _, function = proof.partition(":")
        file = root / path
        pattern = rf"(?m)^(?:def|static void|int) {function}\(" if path.endswith((".py", ".c")) else None
        if not pattern or not function or not file.is_file() or not re.search(pattern, file.read_text(encoding="utf-8")):
            found.append(f"{row[0]}: there is no test {proof}")
    return found + ([] if row[3] else [f"{row[0]}: neither a test nor an issue"])


def page(rows):
    proven = [row for row in rows if not row[3].startswith("open")]
    lines = ["<!-- SPDX-License-Identifier: Apache-2.0 -->", "<!-- made from tests/promises.txt by tools/promises.py -->",
             "# What revive promises, and what proves it", "",
             f"{len(rows)} promises, {len(proven)} with a test; the others name the issue they wait for. "
             f"Of the {sum(r[1] == 'MUST' for r in rows)} that must be kept, {sum(r[1] == 'MUST' for r in proven)} have a test.", ""]
    family = None
    for name, rank, promise, proof in rows:
        if name.split("-")[0] != family:
            family = name.split("-")[0]
            lines += ["", "| id | rank | promise | proof |", "| --- | --- | --- | --- |"]
        shown = proof if proof.startswith("open") else "<br>".join(f"`{p}`" for p in proof.split())
        lines.append(f"| {name} | {rank} | {promise} | {shown} |")
    return "\n".join(lines) + "\n"


def main():
    rows, seen = read_rows(), set()
    target = root / "docs" / "promises.md"
    if sys.argv[2] == "write":
        target.write_text(page(rows), encoding="utf-8")
        return 0
    faults = [fault for row in rows for fault in faults_of(row, seen)]
    stale = not faults and (not target.is_file() or target.read_text(encoding="utf-8") != page(rows))
    results = [("every promise is whole and names tests that exist", faults),
               (f"all {PROMISES} promises stand there", [] if len(seen) == PROMISES else [f"{len(seen)} rows"]),
               ("docs/promises.md is made from today's list", ["run tools/promises.py . write"] if stale else [])]
    print(f"1..{len(results)}")
    for number, (name, wrong) in enumerate(results, 1):
        print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
        print("".join(f"# {line}\n" for line in wrong), end="")
    return any(wrong for _, wrong in results)


sys.exit(main())
