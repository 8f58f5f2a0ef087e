#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/guides.json -> const rows: words that differ by iOS and computer, and the topics that use them."""
import json
import re
import sys

source, out_path = sys.argv[1:3]
guides = json.load(open(source, encoding="utf-8"))
COMPUTERS = {None: "RV_GUIDE_ANY", "finder": "RV_GUIDE_FINDER", "itunes": "RV_GUIDE_ITUNES",
             "apple-devices": "RV_GUIDE_APPLE_DEVICES"}
words = {row["word"] for row in guides["words"]}


def c_text(text):
    for word in re.findall(r"\{([a-z-]+)\}", text):
        if word not in words:
            sys.exit(f"{source}: '{{{word}}}' is no word of the list")
    return json.dumps(text, ensure_ascii=False)


def c_list(texts):
    return "(const char *const[]){ " + ", ".join([c_text(t) for t in texts] + ["NULL"]) + " }"


def c_lines_of_verbs(verbs):
    rows = [f"{{ {c_text(verb)}, {c_text(line)} }}" for verb, lines in sorted(verbs.items()) for line in lines]
    return "(const struct rv_guide_verb_line[]){ " + ", ".join(rows + ["{ NULL, NULL }"]) + " }"


for word in words:
    last = [row for row in guides["words"] if row["word"] == word][-1]
    if "until" in last or "computer" in last:
        sys.exit(f"{source}: the last row of '{word}' must fit every iOS and every computer")

with open(out_path, "w", encoding="utf-8") as out:
    out.write("static const struct rv_guide_word words[] = {\n")
    for row in guides["words"]:
        out.write(f"{{ {c_text(row['word'])}, {row.get('until', 0)}, {COMPUTERS[row.get('computer')]}, {c_text(row['text'])} }},\n")
    out.write("};\n\nconst struct rv_guide_row rv_guide_rows[] = {\n")
    topics = sorted(guides["topics"], key=lambda topic: topic["id"])
    for topic in topics:
        if not topic["questions"] or not topic["steps"] or not topic["answer"]:
            sys.exit(f"{source}: {topic['id']} has a gap")
        out.write(f"{{ {c_text(topic['id'])}, {c_text(topic['title'])}, {c_list(topic['questions'])}, {c_text(topic['answer'])},"
                  f" {c_list(topic['steps'])}, {c_lines_of_verbs(topic.get('verbs', {}))} }},\n")
    out.write(f"}};\nconst size_t rv_guide_row_count = {len(topics)};\n")
