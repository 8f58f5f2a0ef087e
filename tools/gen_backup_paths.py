#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/backup_paths.txt, compressed, as bytes of a C array. usage: gen_backup_paths.py IN OUT"""
import sys
import zlib

with open(sys.argv[1], "rb") as source:
    lines = source.read()
for line in lines.splitlines():
    domain, _, path = line.partition(b"\t")
    assert domain and path and not path.startswith(b"/") and b".." not in path.split(b"/"), line
packed = zlib.compress(lines, 9)
with open(sys.argv[2], "w", encoding="ascii") as out:
    for at in range(0, len(packed), 24):
        out.write(",".join(str(b) for b in packed[at:at + 24]) + ",\n")
