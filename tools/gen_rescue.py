#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/rescue.json -> the ladder of `revive rescue` as const rows: symptoms, rungs, decisions."""
import json
import re
import sys

source, out_path = sys.argv[1:3]
ladder = json.load(open(source, encoding="utf-8"))
rungs = [rung["id"] for rung in ladder["rungs"]]
# What can be true besides "this rung was tried".
FACTS = ["tried", "loop", "boot-phase", "same-twice", "erase-begun"]
LOOKS = ["none", "software", "hardware", "locked-out"]


def fail(why):
    sys.exit(f"{source}: {why}")


def c_text(text):
    return json.dumps(text, ensure_ascii=False)


def c_name(prefix, name, known):
    if name not in known:
        fail(f"'{name}' is none of {', '.join(known)}")
    return prefix + name.upper().replace("-", "_")


def c_bits(prefix, names, known):
    return " | ".join(f"RV_LADDER_BIT({c_name(prefix, name, known)})" for name in names) or "0"


def c_facts(names):
    bits = [c_bits("RV_RUNG_" if name in rungs else "RV_FACT_", [name], rungs + FACTS) for name in names]
    return " | ".join(bits) or "0"


def c_list(texts):
    return "(const char *const[]){ " + ", ".join([c_text(t) for t in texts] + ["NULL"]) + " }"


def check_row(row, seen):
    if row["id"] in seen or not re.fullmatch(r"[a-z-]+", row["id"]):
        fail(f"the row '{row['id']}' stands there twice, or its id is no word")
    if not row["state"] or not row["why"]:
        fail(f"the row '{row['id']}' has a gap")
    strange = set(row) - {"id", "state", "looks", "after", "not", "offer", "why", "promises"}
    if strange:
        fail(f"the row '{row['id']}' has {', '.join(strange)}")
    seen.add(row["id"])


with open(out_path, "w", encoding="utf-8") as out:
    out.write("const struct rv_symptom rv_symptoms[] = {\n")
    for s in ladder["symptoms"]:
        out.write(f"{{ {c_text(s['id'])}, {c_text(s['words'])}, {c_name('RV_LOOKS_', s['looks'], LOOKS)}, "
                  f"{c_list(s['promises'])} }},\n")
    out.write(f"}};\nconst size_t rv_symptom_count = {len(ladder['symptoms'])};\n\n")
    out.write("const struct rv_rung rv_rungs[RV_RUNG_COUNT] = {\n")
    for r in ladder["rungs"]:
        does = c_name("RV_DOES_", r["does"], ["nothing", "software", "hands", "person", "install", "erase"])
        data = c_name("RV_DATA_", r["data"], ["untouched", "kept", "erased"])
        if (r["does"] == "erase") != (r["data"] == "erased"):
            fail(f"the rung '{r['id']}' does not say truly what becomes of the data")
        out.write(f"[{c_name('RV_RUNG_', r['id'], rungs)}] = {{ {c_text(r['id'])}, {c_text(r['title'])}, "
                  f"{c_text(r['words'])}, {does}, {data} }},\n")
    out.write("};\n\nconst struct rv_decision rv_decisions[] = {\n")
    names = set()
    for row in ladder["rows"]:
        check_row(row, names)
        states = [] if row["state"] == ["any"] else row["state"]
        out.write(f"{{ {c_text(row['id'])}, {c_list(states)}, {c_bits('RV_LOOKS_', row.get('looks', []), LOOKS)}, "
                  f"{c_facts(row.get('after', []))}, {c_facts(row.get('not', []))}, "
                  f"{c_name('RV_RUNG_', row['offer'], rungs)}, {c_text(row['why'])}, {c_list(row['promises'])} }},\n")
    last = ladder["rows"][-1]
    if last["state"] != ["any"] or last.keys() & {"looks", "after", "not"}:
        fail("the last row must fit everything")
    out.write(f"}};\nconst size_t rv_decision_count = {len(ladder['rows'])};\n")
