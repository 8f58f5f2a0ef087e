#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/devices.json -> const rows, sorted by product and board."""
import json
import sys

rows = []
for d in json.load(open(sys.argv[1], encoding="utf-8")):
    for board in d["model"]:
        chip = int(d["cpid"], 16) if d.get("cpid") else 0
        bdid = int(d["bdid"], 16) if d.get("bdid") else -1
        rows.append((d["product"], board, d["name"], d["buttons"], d["port"], chip, bdid, d["img"] == "img4"))
rows.sort()
seen = set()
with open(sys.argv[2], "w", encoding="utf-8") as out:
    for r in rows:
        key = (r[5], r[6])
        if r[6] >= 0 and r[5] and key in seen:
            sys.exit(f"two rows for chip {r[5]:#x} board {r[6]:#x}")
        seen.add(key)
        text = ", ".join(json.dumps(t, ensure_ascii=False) for t in r[:5])
        out.write(f"{{ {text}, {r[5]:#x}, {r[6]}, {str(r[7]).lower()} }},\n")
