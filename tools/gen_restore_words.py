#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a device in Restore mode says in numbers, and what restore logs say in words, as const rows."""
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


def text(value):
    return "NULL" if value is None else json.dumps(value, ensure_ascii=False)


def flag(row, key):
    return "true" if row.get(key) else "false"


(status_json, operations_json, checkpoints_json, log_json, status_inc, operations_inc, checkpoints_inc,
 log_inc) = sys.argv[1:9]
log = json.load(open(log_json, encoding="utf-8"))
phases = [p["id"] for p in log["phases"]]


def phase(row):
    return str(phases.index(row["phase"])) if "phase" in row else "-1"


with open(status_inc, "w", encoding="utf-8") as out:
    for r in load(status_json, "status"):
        advice = "RV_ADVICE_" + r["advice"].upper().replace("-", "_")
        out.write(f"{{ {r['status']}, {r['apple']}, {advice}, {json.dumps(r['words'])} }},\n")
with open(operations_inc, "w", encoding="utf-8") as out:
    for r in load(operations_json, "operation"):
        out.write(f"{{ {r['operation']}, {r['quiet_s']}, {json.dumps(r['id'])}, {json.dumps(r['words'])}, "
                  f"{phase(r)}, {text(r.get('part'))} }},\n")
with open(checkpoints_inc, "w", encoding="utf-8") as out:
    for r in load(checkpoints_json, "id", lambda t: int(t, 16)):
        out.write(f"{{ {r['number']:#06x}, {json.dumps(r['name'])}, {phase(r)}, {text(r.get('part'))}, "
                  f"{flag(r, 'cleanup')} }},\n")
with open(log_inc, "w", encoding="utf-8") as out:
    def table(kind, name, rows):
        out.write(f"static const struct {kind} {name}[] = {{\n" + "".join(f"{{ {row} }},\n" for row in rows) + "};\n")

    table("rv_log_phase", "log_phases", (f"{text(p['id'])}, {text(p['words'])}" for p in log["phases"]))
    table("rv_log_tool", "log_tools", (f"{text(t['text'])}, {text(t['tool'])}, {flag(t, 'run')}" for t in log["tools"]))
    table("rv_log_mark", "log_marks", (f"{text(m['text'])}, {phase(m)}, {flag(m, 'whole')}, {flag(m, 'whole_number')}"
                                       for m in log["marks"]))
    table("rv_log_pair", "log_parts", (f"{text(p['text'])}, {text(p['part'])}" for p in log["parts"]))
    table("rv_log_pair", "log_cures", (f"{text(c['text'])}, {text(c['message'])}" for c in log["cures"]))
    table("rv_log_status", "log_statuses", (f"{text(t['text'])}, {t['status']}" for t in log["statuses"]))
    table("rv_log_number", "log_numbers", (f"{text(n['text'])}, {n.get('add', 0)}, {flag(n, 'error')}" for n in log["numbers"]))
