#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every kind of damage to a backup, of each generation, mended: what is accepted and kept (writes docs/repair.md)"""
import json
import pathlib
import sys

root = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root / "tests" / "support"))
import backup_case as case  # noqa: E402 pylint: disable=wrong-import-position
import damage_backup as damage  # noqa: E402 pylint: disable=wrong-import-position
import repair_case  # noqa: E402 pylint: disable=wrong-import-position

SEEDS = (1, 2)


def main():
    case.prepare(sys.argv[1])
    chosen = sys.argv[2:] or list(damage.KINDS)
    rows, tried, accepted, lost, changed = [], 0, 0, 0, 0
    for name in chosen:
        cells = []
        for kind in case.KINDS:
            done = [repair_case.attempt(kind, name, seed) for seed in SEEDS]
            # what nobody can open is nothing restorable: the keys of an encrypted backup are gone
            hopeless = [d for d in done if d["code"] == 5]
            live = [d for d in done if d["code"] != 5]
            tried += len(live)
            accepted += sum(d["accepted"] for d in live)
            changed += sum(not d["unchanged"] for d in done)
            lost += sum(d["could"] - d["kept"] for d in live)
            if not live:
                cells.append("keys lost")
                continue
            cells.append(f"{sum(d['accepted'] for d in live)}/{len(live)}, {sum(d['kept'] for d in live)}/"
                         f"{sum(d['could'] for d in live)}" + (", rest: keys lost" if hopeless else ""))
        rows.append((name, cells))
        print(name, *cells, sep=" | ", flush=True)
    case.done()
    text = (root / "bench" / "repair.md.in").read_text()
    table = "\n".join(f"| {name.replace('-', ' ')} | {' | '.join(cells)} |" for name, cells in rows)
    for key, value in {"KINDS": len(rows), "TRIED": tried, "ACCEPTED": accepted, "LOST": lost, "CHANGED": changed,
                       "TABLE": table}.items():
        text = text.replace(f"@{key}@", str(value))
    if len(sys.argv) == 2:
        (root / "docs" / "repair.md").write_text(text)
    print(json.dumps({"bench": "repair", "kinds": len(rows), "tried": tried, "accepted": accepted, "files_lost": lost,
                      "originals_changed": changed}))


main()
