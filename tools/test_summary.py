#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The last line of a test run: counts every subtest of meson's JUnit file.

usage: test_summary.py JUNIT STATUS     STATUS is what `meson test` (and the builds before it) returned
Exit 1 when anything failed, when STATUS is not 0, or when nothing ran. What the failed subtests said stands above it:
meson's log beside the JUNIT file has it (same name, .json).
"""
import json
import sys
import xml.etree.ElementTree as tree


def outcome(case):
    """'passed', 'failed' or 'skipped' of one <testcase>, and the reason of a skip."""
    for kind in ("failure", "error"):
        if case.find(kind) is not None:
            return "failed", ""
    skip = case.find("skipped")
    if skip is not None:
        return "skipped", (skip.get("message") or skip.text or "").strip()
    return "passed", ""


def summarise(root):
    """Counts, and the names of what was skipped and what failed."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    skipped, failed = [], []
    for suite in root.iter("testsuite"):
        cases = suite.findall("testcase")
        for case in cases:
            what, why = outcome(case)
            name = f"{suite.get('name')}: {case.get('name')}"
            if what == "failed":
                failed.append(name)
            if what == "skipped":
                skipped.append(name + (f" ({why})" if why else ""))
            counts[what] += 1
        # A program that died or ran out of time tells so for the suite only.
        if not any(outcome(c)[0] == "failed" for c in cases) and int(suite.get("errors", 0)) > 0:
            counts["failed"] += 1
            failed.append(f"{suite.get('name')}: ended badly")
    return counts, skipped, failed


LINES_OF_A_FAILURE, LETTERS_OF_A_LINE, LINES_IN_ALL = 25, 400, 400


def sayings(log):
    """The `not ok` lines of a run with what follows each, from meson's testlog.json (a line a program)."""
    for line in log:
        program, left = json.loads(line), 0
        for said in program.get("stdout", "").splitlines():
            if said.startswith("not ok"):
                left = LINES_OF_A_FAILURE
                yield f"{program['name']}: {said}"
            elif said.startswith("#") and left > 0:
                left -= 1
                yield "    " + said[:LETTERS_OF_A_LINE]
            else:
                left = 0


def tell_failures(path):
    try:
        with open(path, encoding="utf-8") as log:
            said = list(sayings(log))
    except (OSError, ValueError) as problem:
        said = [f"what the failed tests said cannot be read: {problem}"]
    for line in said[:LINES_IN_ALL]:
        print(line)


def main():
    path, status = sys.argv[1], int(sys.argv[2])
    try:
        counts, skipped, failed = summarise(tree.parse(path).getroot())
    except (OSError, tree.ParseError) as problem:
        print(f"no results: {problem}")
        counts, skipped, failed = {"passed": 0, "failed": 1, "skipped": 0}, [], []
    if status != 0 and counts["failed"] == 0:
        counts["failed"] = 1
        failed.append("a build or a test program failed without naming a test: see above")
    if counts["failed"]:
        tell_failures(path.replace(".junit.xml", ".json"))
    for name in skipped:
        print(f"skipped: {name}")
    for name in failed:
        print(f"failed: {name}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 0 if counts["failed"] == 0 and counts["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
