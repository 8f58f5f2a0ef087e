#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's idevicerestore and revive bring the same phone back: Update and Erase, from Recovery, DFU and Normal mode.

usage: bench_sidebyside.py REVIVE [MODE-KIND]...     such as normal-update; without a name: all six rows
exit 1 when a sentence of a row does not hold. The four rows from Recovery and DFU run in `./dev test` too; those from
Normal mode are only here: how often usbmuxd pairs anew there follows the load of the computer, not what is tested.
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROWS = [(mode, kind) for mode in ("recovery", "dfu", "normal") for kind in ("update", "erase")]
LIMIT_S = 240


def run_row(build, mode, kind):
    """What the test said, and whether all of it holds."""
    host = next(path for path in (build / "bench" / "umock_host", build / "tests" / "witness" / "umock_host") if path.exists())
    words = [sys.executable, ROOT / "tests" / "witness" / "test_side_by_side.py", build / "revive-sim", host, build / "revive",
             mode, kind]
    done = subprocess.run([*map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=LIMIT_S, check=False)
    lines = done.stdout.splitlines()
    plan = [line for line in lines if line.startswith("1..")]
    fine = done.returncode == 0 and plan and "SKIP" not in plan[0]
    return fine, lines


def main():
    build = pathlib.Path(sys.argv[1]).resolve().parent
    wanted = sys.argv[2:] or ["-".join(row) for row in ROWS]
    if unknown := set(wanted) - {"-".join(row) for row in ROWS}:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}")
    failed = 0
    for mode, kind in ROWS:
        if f"{mode}-{kind}" not in wanted:
            continue
        fine, lines = run_row(build, mode, kind)
        holds = sum(line.startswith("ok ") for line in lines)
        print(f"{kind} from {mode}: {'all ' if fine else 'FAILED, '}{holds} sentences hold", flush=True)
        if not fine:
            failed += 1
            print("\n".join(line for line in lines if not line.startswith("ok ")))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
