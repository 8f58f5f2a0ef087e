#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/coach.json -> the rows of src/data/coaching.c: groups, scripts with their steps, verdicts, texts, screens."""
import json
import re
import sys

LETTERS = {"P": "RV_BUTTON_POWER", "H": "RV_BUTTON_SECOND", "U": "RV_BUTTON_UP"}
OUTCOMES = {"stayed", "normal", "recovery", "dfu", "nothing"}
REASONS = {"too-short", "too-long", "wrong-button", "tap", "logo", "cable", "system"}
GOALS = ("recovery", "dfu", "exit-recovery", "exit-dfu")
PLACES = {"P", "H", "U", "p_place", "h_place", "u_place", "device"}

source, target = sys.argv[1:3]
data = json.load(open(source, encoding="utf-8"))


def text(value):
    for name in re.findall(r"\{(\w+)\}", value):
        if name not in PLACES:
            sys.exit(f"{source}: unknown {{{name}}} in: {value}")
    return json.dumps(value, ensure_ascii=False)


def enum(prefix, word):
    return prefix + word.upper().replace("-", "_")


def bits(prefix, words):
    return " | ".join(enum(prefix, w) for w in words) or "0"


def held(letters):
    return " | ".join(LETTERS[c] for c in letters) or "0"


def unique(rows, what):
    ids = [r["id"] for r in rows]
    if len(set(ids)) != len(ids):
        sys.exit(f"{source}: two {what} of one name")


def group(g):
    lines = ", ".join(text(line) for line in g["drawing"])
    texts = ", ".join(text(g[k]) for k in ("device", "power", "power_also", "power_place", "second", "second_id",
                                           "second_place",
                                           "up", "up_place", "note"))
    return f'{{ {text(g["id"])}, {enum("RV_COACH_", g["kind"])}, {texts}, (const char *const[]){{ {lines}, NULL }} }},\n'


def step(s):
    if s["limit"] < s.get("expect", 0) or s["until"] not in ("count", "gone", "goal", "unplugged"):
        sys.exit(f"{source}: step {s['id']} cannot be")
    order = enum("RV_COACH_ORDER_", s.get("order", "none"))
    return (f'    {{ {text(s["id"])}, {held(s["hold"])}, {held(s.get("tap", ""))}, {enum("RV_COACH_UNTIL_", s["until"])}, '
            f'{order}, {s["limit"]}, {s.get("expect", 0)}, {s.get("least", 0)}, {text(s["say"])}, {text(s["big"])}, '
            f'{text(s["print"])} }},\n')


for rows, what in ((data["groups"], "groups"), (data["scripts"], "scripts"), (data["verdicts"], "verdicts"),
                   (data["texts"], "texts"), (data["screens"], "screens")):
    unique(rows, what)
with open(target, "w", encoding="utf-8") as out:
    out.write("static const struct rv_coach_group groups[] = {\n" + "".join(map(group, data["groups"])) + "};\n")
    out.write("static const struct rv_coach_unguided unguided[] = {\n")
    out.write("".join(f'{{ {text(u["id"])}, {text(u["words"])} }},\n' for u in data["unguided"]) + "};\n")
    for number, s in enumerate(data["scripts"]):
        out.write(f"static const struct rv_coach_step steps_{number}[] = {{\n" + "".join(map(step, s["steps"])) + "};\n")
    out.write("static const struct rv_coach_script scripts[] = {\n")
    for number, s in enumerate(data["scripts"]):
        if s["goal"] not in GOALS or s["route"] not in ("buttons", "reboot", "cable"):
            sys.exit(f"{source}: script {s['id']} cannot be")
        out.write(f'{{ {text(s["id"])}, {enum("RV_COACH_", s["kind"])}, {enum("RV_COACH_", s["goal"])}, '
                  f'{enum("RV_COACH_BY_", s["route"])}, steps_{number}, {len(s["steps"])} }},\n')
    out.write("};\nstatic const struct rv_coach_verdict verdicts[] = {\n")
    for v in data["verdicts"]:
        if v["outcome"] not in OUTCOMES or not set(v["reasons"]) <= REASONS or not set(v["goals"]) <= set(GOALS):
            sys.exit(f"{source}: verdict {v['id']} cannot be")
        goals = " | ".join(f'1u << {enum("RV_COACH_", g)}' for g in v["goals"])
        out.write(f'{{ {text(v["id"])}, {goals}, {enum("RV_COACH_CAME_", v["outcome"])}, '
                  f'{bits("RV_COACH_WHY_", v["reasons"])}, {text(v["title"])}, {text(v["words"])} }},\n')
    out.write("};\nstatic const struct rv_coach_text texts[] = {\n")
    out.write("".join(f'{{ {text(t["id"])}, {text(t["words"])} }},\n' for t in data["texts"]) + "};\n")
    out.write("static const struct rv_coach_screen screens[] = {\n")
    for s in data["screens"]:
        lines = ", ".join(text(line) for line in s["drawing"])
        out.write(f'{{ {text(s["id"])}, {text(s["words"])}, (const char *const[]){{ {lines}, NULL }} }},\n')
    out.write("};\n")
