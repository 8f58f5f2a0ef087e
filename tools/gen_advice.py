#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/advice.json -> enum rv_advice (rv_advice.h) and its rows (advice_table.inc)."""
import json
import sys

source, header, table = sys.argv[1:4]
rows = json.load(open(source, encoding="utf-8"))
ids = [r["id"] for r in rows]
if ids[0] != "none" or len(set(ids)) != len(ids):
    sys.exit(f"{source}: ids must be unique and begin with 'none'")


def c_text(text):
    return json.dumps(text, ensure_ascii=False).replace("\\u", "\\\\u")


def name(row_id):
    return "RV_ADVICE_" + row_id.upper().replace("-", "_")


with open(header, "w", encoding="utf-8") as out:
    out.write("/* SPDX-License-Identifier: Apache-2.0 */\n/* Generated from data/advice.json. */\n#pragma once\n\n")
    out.write("enum rv_advice {\n" + "".join(f"    {name(i)},\n" for i in ids) + "    RV_ADVICE_COUNT\n};\n")

defaults = {}
with open(table, "w", encoding="utf-8") as out:
    for r in rows:
        if not r["actions"] or not r["title"]:
            sys.exit(f"{source}: {r['id']} says nothing")
        for code in r["default_for"]:
            if code in defaults:
                sys.exit(f"{source}: two rows for {code}")
            defaults[code] = r["id"]
        actions = ", ".join(c_text(a) for a in r["actions"])
        out.write(f"[{name(r['id'])}] = {{ {c_text(r['id'])}, {c_text(r['title'])}, "
                  f"(const char *const[]){{ {actions}, NULL }}, {str(r['data_at_risk']).lower()} }},\n")

with open(sys.argv[4], "w", encoding="utf-8") as out:
    for code, row_id in sorted(defaults.items()):
        out.write(f"[RV_E_{code}] = {name(row_id)},\n")
