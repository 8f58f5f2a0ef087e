#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/errors.json -> errors_table.inc: what error numbers and messages mean, as const rows. Stops at what is not coherent."""
import json
import sys

table_json, out_path = sys.argv[1:3]
table = json.load(open(table_json, encoding="utf-8"))
WORDS = ("parts", "phases", "sure")


def fail(row, why):
    sys.exit(f"{table_json}: {row.get('domain')} {row.get('code', row.get('key', row.get('range')))}: {why}")


def expand(row):
    out = []
    for action in row["actions"]:
        out += table["lists"][action[1:]] if action.startswith("@") else [action]
    return list(dict.fromkeys(out))  # a list may stand in another: each step is told once


def check(row, domains):
    for key in ("domain", "name", "meaning", "causes", "actions", "phase", "parts", "sure", "source"):
        if not row.get(key):
            fail(row, f"has no {key}")
    if row["domain"] not in domains:
        fail(row, "domain is not in the list")
    if sum(key in row for key in ("code", "key", "range")) != 1:
        fail(row, "wants one of code, key, range")
    if row["phase"] not in table["phases"] or row["sure"] not in table["sure"]:
        fail(row, "phase or certainty is not in its list")
    if not set(row["parts"]) <= set(table["parts"]) or not set(row["source"]) <= set(table["sources"]):
        fail(row, "part or source is not in its list")


class Lists:
    """Equal lists of text are written once."""

    def __init__(self):
        self.names, self.text = {}, []

    def name(self, items):
        key = tuple(items)
        if not key:
            return "NULL"
        if key not in self.names:
            self.names[key] = f"list_{len(self.names)}"
            body = ", ".join(json.dumps(i, ensure_ascii=False) for i in key)
            self.text.append(f"static const char *const {self.names[key]}[] = {{ {body}, NULL }};\n")
        return self.names[key]


def text(value):
    return "NULL" if value is None else json.dumps(value, ensure_ascii=False)


def write_row(row, lists):
    low, high = row.get("range", (row.get("code", 0),) * 2)
    fields = [
        text(row["domain"]), "true" if "code" in row else "false", "true" if "range" in row else "false", f"{low}LL",
        f"{high}LL", text(row.get("key")), text(row["name"]), text(row["meaning"]), lists.name(row["causes"]),
        lists.name(expand(row)), lists.name(row["parts"]), lists.name(row.get("match", [])), text(row["phase"]),
        text(row["sure"]), text(row.get("symbol")), text(row.get("wire")), str(row.get("libimobiledevice", 0)),
        str(row.get("see", 0)), "true" if row.get("transient") else "false",
    ]
    return "{ " + ", ".join(fields) + " },\n"


domains = {d["id"] for d in table["domains"]}
seen = set()
lists = Lists()
rows = []
for row in table["rows"]:
    check(row, domains)
    identity = (row["domain"], row.get("code"), row.get("key"), tuple(row.get("range", ())))
    if identity in seen:
        fail(row, "stands there twice")
    seen.add(identity)
    rows.append(write_row(row, lists))
names = [f"{{ {text(d['id'])}, {text(d['words'])}, {d['order']}, {lists.name(d['aliases'])} }},\n" for d in table["domains"]]
with open(out_path, "w", encoding="utf-8") as out:
    out.writelines(lists.text)
    for kind in WORDS:
        out.write(f"static const struct word {kind}[] = {{\n")
        out.writelines(f"{{ {text(k)}, {text(v)} }},\n" for k, v in table[kind].items())
        out.write("};\n")
    out.write("static const struct rv_fact_domain domains[] = {\n" + "".join(names) + "};\n")
    out.write("static const struct rv_fact facts[] = {\n" + "".join(rows) + "};\n")
