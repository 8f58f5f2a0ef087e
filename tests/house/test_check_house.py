#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The house check must raise each of its complaints, and none over a file that is right. TAP."""
import pathlib
import sys

root = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(root / "tools"))
import check_house  # noqa: E402

rules = check_house.load_rules(root)
results = []


def expect(name, got, wanted):
    results.append((name, got == wanted, f"got {got}, wanted {wanted}"))


for case in sorted((root / "tests/house/cases").glob("*.txt")):
    head, _, text = case.read_text(encoding="utf-8").partition("---\n")
    fields = dict(line.split(":", 1) for line in head.strip().split("\n"))
    complaints = check_house.check_c(fields["as"].strip(), text, rules)
    expect(f"the case {case.stem}", sorted({c.rule for c in complaints}), sorted(fields["expect"].split()))

there = {"src/base/text.h", "src/base/text.c", "tools/x.py"}
expect("a file includes its own header first",
       [c.rule for c in check_house.check_own_header("src/base/text.c", "#include <stdio.h>\n", there.__contains__)],
       ["own-header"])
expect("a file that does is left alone",
       check_house.check_own_header("src/base/text.c", '#include "base/text.h"\n', there.__contains__), [])
expect("a road names a file that is gone",
       [c.rule for c in check_house.check_roads("base/text.c -> base/gone.c, tools/x.py", there.__contains__)], ["road"])
expect("two files of one name", [c.rule for c in check_house.twins(["src/a/scan.c", "src/b/scan.c"])], ["twin"])
listed = {"tests/base/meson.build": "foreach name : ['text']\n  'test_' + name\n executable('x', 'test_odd.c')"}
expect("a test that nobody runs", [c.path for c in check_house.lost_tests(
    ["tests/base/test_text.c", "tests/base/test_odd.c", "tests/base/test_gone.c", "tests/base/world.c"], listed)],
       ["tests/base/test_gone.c"])
used = {c.rule for case in (root / "tests/house/cases").glob("*.txt")
        for c in check_house.check_c(case.read_text().split("\n")[0].removeprefix("as: "),
                                     case.read_text().partition("---\n")[2], rules)}
expect("each rule about one file has a case that breaks it", sorted(used),
       ["banned", "include", "length", "name", "nesting", "once", "packed", "parameters", "spdx", "system", "unfinished"])

print(f"1..{len(results)}")
for number, (name, fine, why) in enumerate(results, 1):
    print(f"{'ok' if fine else 'not ok'} {number} - {name}" + ("" if fine else f"\n# {why}"))
sys.exit(0 if all(fine for _, fine, _ in results) else 1)
