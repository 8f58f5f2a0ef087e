#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/restore_types.json -> const rows of what restored may ask and what is announced to it."""
import json
import sys

KINDS = ["data", "message", "async"]
source, target = sys.argv[1:3]
rows = json.load(open(source, encoding="utf-8"))
rows.sort(key=lambda r: (KINDS.index(r["kind"]), r["type"].encode()))
seen = set()


def text(value):
    return "NULL" if value is None else json.dumps(value)


with open(target, "w", encoding="utf-8") as out:
    for r in rows:
        key = (r["kind"], r["type"])
        if key in seen:
            sys.exit(f"{source}: two rows for {key}")
        seen.add(key)
        if r["kind"] != "data" and r["answer"]:
            sys.exit(f"{source}: {key} is no data request and cannot have an answer")
        if not r["since"]:
            sys.exit(f"{source}: {key} does not say since when")
        answer = f"rv_answer_{r['answer']}" if r["answer"] else "NULL"
        out.write(f"{{ RV_RESTORE_{r['kind'].upper()}, {text(r['type'])}, {str(r['optional'] is not None).lower()}, "
                  f"{str(bool(r['optional'])).lower()}, {answer}, {text(r.get('component'))}, {text(r.get('key'))}, {text(r['note'] or None)} }},\n")
