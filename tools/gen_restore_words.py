#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a device in Restore mode says in numbers, as const rows: final status, progress operations, checkpoints."""
import json
import sys


def load(path, key, number=int):
    rows = json.load(open(path, encoding="utf-8"))
    for r in rows:
        r["number"] = number(r[key])
    rows.sort(key=lambda r: r["number"])
    if len({r["number"] for r in rows}) != len(rows):
        sys.exit(f"{path}: a number stands there twice")
    return rows


status_json, operations_json, checkpoints_json, status_inc, operations_inc, checkpoints_inc = sys.argv[1:7]
with open(status_inc, "w", encoding="utf-8") as out:
    for r in load(status_json, "status"):
        advice = "RV_ADVICE_" + r["advice"].upper().replace("-", "_")
        out.write(f"{{ {r['status']}, {r['apple']}, {advice}, {json.dumps(r['words'])} }},\n")
with open(operations_inc, "w", encoding="utf-8") as out:
    for r in load(operations_json, "operation"):
        out.write(f"{{ {r['operation']}, {r['quiet_s']}, {json.dumps(r['id'])}, {json.dumps(r['words'])} }},\n")
with open(checkpoints_inc, "w", encoding="utf-8") as out:
    for r in load(checkpoints_json, "id", lambda t: int(t, 16)):
        out.write(f"{{ {r['number']:#06x}, {json.dumps(r['name'])} }},\n")
