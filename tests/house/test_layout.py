#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every C file is laid out as .clang-format says. Exit 77 (skipped) where clang-format is not installed."""
import pathlib
import shutil
import subprocess
import sys

BATCH = 50  # files a call: starting clang-format takes longer than what it does
root = pathlib.Path(sys.argv[1]).resolve()
if shutil.which("clang-format") is None:
    print("clang-format is not installed")
    sys.exit(77)
files = [str(p.relative_to(root)) for folder in ("src", "sim", "tests", "fuzz", "bench")
         for p in sorted((root / folder).rglob("*.[ch]"))]
wrong = set()
for start in range(0, len(files), BATCH):
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *files[start:start + BATCH]], cwd=root,
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        found = {line.split(":", 1)[0] for line in done.stderr.splitlines() if ": error:" in line}
        wrong |= found or {done.stderr.strip()[-300:]}
for name in sorted(wrong):
    print(f"{name}: run ./dev format")
print(f"{len(files)} files, {len(wrong)} not laid out")
sys.exit(1 if wrong or not files else 0)
