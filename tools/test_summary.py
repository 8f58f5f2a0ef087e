#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The last line of a test run: counts every subtest of meson's JUnit file.

usage: test_summary.py JUNIT STATUS     STATUS is what `meson test` (and the builds before it) returned
Exit 1 when anything failed, when STATUS is not 0, or when nothing ran.
"""
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
    for name in skipped:
        print(f"skipped: {name}")
    for name in failed:
        print(f"failed: {name}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 0 if counts["failed"] == 0 and counts["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
