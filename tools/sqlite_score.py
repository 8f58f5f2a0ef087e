#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges recovered rows against the known history of a database.

usage: sqlite_score.py TRUTH.jsonl ROWS.jsonl

TRUTH: the first line describes the case (mode, tables), each further line is one committed version of a row with its
state and substrate (intact, head: all but the record's first bytes; body, part, none). ROWS: what
`revive recover list --raw --json` prints. Every claimed row gets exactly one judgement:

  right    every column equals a version that was to be found, each version once
  partial  columns are marked unknown, the known ones equal such a version and one of them is distinctive
  live     it equals a row that still lives (deleted mode)
  twice    the version was claimed before
  false    nothing of the kind ever was
"""
import collections
import json
import sys

GOOD = ("intact", "head")


def is_unknown(value):
    return isinstance(value, dict) and "?" in value


def same(a, b):
    """Type and value; a REAL column's 3.0 is not the integer 3."""
    return type(a) is type(b) and a == b


def distinctive(value):
    if isinstance(value, dict):
        return len(value.get("b", "")) >= 12
    if isinstance(value, str):
        return len(value) >= 4
    return isinstance(value, float) or (isinstance(value, int) and abs(value) > 32767)


class Case:
    """One database's history, and the judging of rows against it."""

    def __init__(self, lines):
        self.meta, self.versions = lines[0], lines[1:]
        self.salvage = self.meta["mode"] == "salvage"
        self.rowid_column = {name: table["ipk"] for name, table in self.meta["tables"].items()}
        self.by_key = collections.defaultdict(list)
        self.used = set()
        for number, version in enumerate(self.versions):
            self.by_key[self.key(version["values"], self.rowid_column.get(version["table"], -1))].append(number)

    @staticmethod
    def key(values, rowid_column):
        """Values by type, the rowid's own column left out: it may be unknown."""
        return tuple((type(v).__name__, json.dumps(v, sort_keys=True)) for i, v in enumerate(values)
                     if i != rowid_column)

    def wanted(self, version):
        return (version["state"] == "live") == self.salvage

    def agree(self, row, version):
        if row["table"] is not None and row["table"] != version["table"]:
            return False
        column = self.rowid_column.get(version["table"], -1)
        if not 0 <= column < len(row["values"]):
            return True
        if row["table"] is None and row["values"][column] is None:  # no schema is left: the record holds NULL there
            return row["rowid"] in (None, version["rowid"])
        if not is_unknown(row["values"][column]):
            return same(row["values"][column], version["values"][column])
        return True

    def find(self, row):
        columns = {self.rowid_column[row["table"]]} if row["table"] in self.rowid_column \
            else set(self.rowid_column.values()) | {-1}
        found = {n for c in columns for n in self.by_key.get(self.key(row["values"], c), ())
                 if self.rowid_column.get(self.versions[n]["table"], -1) == c}
        return sorted(n for n in found if self.agree(row, self.versions[n]))

    def find_partial(self, row):
        for number, version in enumerate(self.versions):
            if number in self.used or not self.wanted(version) or not self.agree(row, version) or \
                    len(version["values"]) != len(row["values"]):
                continue
            column = self.rowid_column.get(version["table"], -1)
            pairs = [(a, b) for i, (a, b) in enumerate(zip(row["values"], version["values"]))
                     if i != column and not is_unknown(a)]
            if pairs and all(same(a, b) for a, b in pairs) and any(distinctive(a) for a, _ in pairs):
                return number
        return None

    def judge(self, row):
        """The judgement and the number of the version, None if there is none."""
        if any(is_unknown(v) for i, v in enumerate(row["values"])
               if i != self.rowid_column.get(row["table"], -1)):
            number = self.find_partial(row)
            if number is not None:
                self.used.add(number)
                return "partial", number
        found = self.find(row)
        fresh = [n for n in found if n not in self.used]
        # The version with the claimed rowid first; then whatever is still to be found.
        fresh.sort(key=lambda n: self.versions[n]["rowid"] != row["rowid"])
        for number in fresh:
            if self.wanted(self.versions[number]):
                self.used.add(number)
                return "right", number
        if any(n in self.used for n in found):
            return "twice", None
        if not found:
            return "false", None
        # In salvage an older version is true, but nobody asked for it; elsewhere a live row is no deleted one.
        return ("older" if self.salvage else "live"), None

    def score(self, rows):
        """Counts by judgement, and per confidence bucket (tenths) how many and how many right."""
        counts, buckets = collections.Counter(), collections.defaultdict(lambda: [0, 0, 0.0])
        for row in rows:
            if row.get("status") == "live" and not self.salvage:
                continue
            what, number = self.judge(row)
            counts[what] += 1
            if what == "right":
                counts["right_good"] += self.versions[number]["substrate"] in GOOD
                counts["rowid_exact"] += self.versions[number]["rowid"] == row["rowid"]
            bucket = buckets[min(int(row["confidence"] * 20 + 1e-6), 19)]
            bucket[0] += 1
            bucket[1] += what in ("right", "partial", "older")
            bucket[2] += row["confidence"]
        counts["wanted"] = sum(self.wanted(v) for v in self.versions)
        counts["good"] = sum(self.wanted(v) and v["substrate"] in GOOD for v in self.versions)
        return counts, buckets


def read_lines(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    rows = [row for row in read_lines(sys.argv[2]) if "values" in row]
    counts, _ = Case(read_lines(sys.argv[1])).score(rows)
    print(json.dumps(dict(sorted(counts.items()))))


if __name__ == "__main__":
    main()
