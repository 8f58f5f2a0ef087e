#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The one list of texts that a person is shown, out of C sources, data tables and the command table; and its languages.

usage: words.py write COMMANDS.json     writes po/revive.pot anew and brings every po/*.po up to it (needs msgmerge)
       words.py todo COMMANDS.json LANGUAGE      what a language lacks
       words.py check COMMANDS.json     TAP: the list is of today; placeholders agree; what is met first is translated

COMMANDS.json is what tools/describe_commands.c prints while the project is built.
"""
import json
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
po = root / "po"
LITERAL = r'"(?:\\.|[^"\\])*"'
LITERALS = rf"{LITERAL}(?:\s*{LITERAL})*"
# Functions that look their text up themselves, and where it stands among their arguments.
CALLS = {"_": 0, "N_": 0, "rv_tell_note": 1, "rv_tell_warning": 1, "rv_tell_step": 2, "rv_found": 2, "rv_mend": 1}
CONVERSION = re.compile(r"%(?:%|[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j)?[diouxXcsfFeEgGp])")
HOLE = re.compile(r"\{\w[\w-]*\}")
# What a frightened person meets first: a language must have all of it.
FIRST = ("data/advice.json", "data/coach.json", "data/rescue.json", "data/restore_operations.json", "src/command/triage.c", "src/device/mode.c", "src/restore/", "src/cli/print_status.c",
         "src/cli/print_error.c", "src/cli/print_coach.c", "src/cli/print_restore.c", "src/cli/ask.c", "src/cli/progress.c",
         "src/cli/coach_screen.c", "src/command/coach.c", "src/command/restore.c", "src/command/rescue", "src/command/stays.c",
         "src/command/recovery.c", "src/proto/lockdown_pair.c", "src/cli/print_rescue.c", "src/cli/print_device.c")


def unquote(literals):
    return "".join(json.loads(re.sub(r"\\x([0-9A-Fa-f]{2})", r"\\u00\1", part)) for part in re.findall(LITERAL, literals))


def arguments(text, at):
    """The arguments of the call whose bracket opens at `at`, as source text."""
    depth, start, found, i = 0, at + 1, [], at
    while i < len(text):
        literal = re.compile(LITERAL).match(text, i)
        if literal:
            i = literal.end()
            continue
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if depth == 0:
                return found + [text[start:i].strip()]
        elif text[i] == "," and depth == 1:
            found.append(text[start:i].strip())
            start = i + 1
        i += 1
    return found


def from_sources():
    for path in sorted((root / "src").rglob("*.c")):
        name = str(path.relative_to(root))
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
        for call in re.finditer(rf"(?<![\w.])({'|'.join(CALLS)})\(", text):
            words = arguments(text, call.end() - 1)
            place = CALLS[call.group(1)]
            if len(words) <= place or not re.fullmatch(LITERALS, words[place]):
                continue  # a stored text, marked where it stands
            value = unquote(words[place])
            if re.search(r"[A-Za-z]{2}", CONVERSION.sub("", value)) or call.group(1) == "_":
                yield name, value


def from_table(path, keys):
    """Texts under these keys, anywhere in a JSON table."""
    def walk(value, inside):
        if isinstance(value, str):
            if inside and re.search(r"[A-Za-z]{2}", HOLE.sub("", value)):
                yield value
        elif isinstance(value, list):
            for one in value:
                yield from walk(one, inside)
        elif isinstance(value, dict):
            for key, one in value.items():
                yield from walk(one, key in keys)
    for text in walk(json.loads((root / path).read_text(encoding="utf-8")), False):
        yield path, text


def from_errors():
    """Everything that `revive explain` says of a number."""
    path = "data/errors.json"
    table = json.loads((root / path).read_text(encoding="utf-8"))
    texts = [d["words"] for d in table["domains"]]
    for kind in ("parts", "phases", "sure"):
        texts += table[kind].values()
    for row in table["rows"]:
        texts += [row["name"], row["meaning"], *row["causes"], *(a for a in row["actions"] if not a.startswith("@"))]
    for steps in table["lists"].values():
        texts += [s for s in steps if not s.startswith("@")]
    return ((path, text) for text in texts)


def from_commands(path):
    table = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    for row in table["texts"]:
        yield row["source"], row["text"]
    for option in table["options"]:
        yield "command table", option["help"]
    for command in table["commands"]:
        for text in (command["summary"], command.get("about"), command.get("example")):
            if text:
                yield "command table", text
        for option in command["options"]:
            yield "command table", option["help"]


def all_texts(commands):
    """{text: [where]}, in an order that is the same every time."""
    found = {}
    for source in (from_commands(commands), from_sources(), from_table("data/advice.json", ("title", "actions")),
                   from_table("data/coach.json", ("device", "power", "power_also", "power_place", "second", "second_place", "up",
                                                  "up_place", "note", "drawing", "words", "title", "say", "big", "print")),
                   from_table("data/rescue.json", ("title", "words", "why")), from_table("data/restore_operations.json", ("words",)),
                   from_table("data/guides.json", ("text", "title", "answer", "steps", "line")), from_errors()):
        for where, text in source:
            places = found.setdefault(text, [])
            if where not in places:
                places.append(where)
    return found


# ---- the files ----

def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def entry(word, text):
    lines = text.split("\n")
    if len(lines) == 1:
        return f"{word} {quoted(text)}\n"
    return f'{word} ""\n' + "".join(quoted(line + ("\n" if n + 1 < len(lines) else "")) + "\n"
                                    for n, line in enumerate(lines) if line or n + 1 < len(lines))


def is_format(text, places):
    return any(p.endswith(".c") for p in places) and CONVERSION.search(text) is not None


def pot(texts):
    out = ["# SPDX-License-Identifier: Apache-2.0\n# Every text that revive shows to a person. Made by tools/words.py.\n",
           'msgid ""\nmsgstr ""\n"Project-Id-Version: revive\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
           '"Content-Transfer-Encoding: 8bit\\n"\n']
    for text, places in texts.items():
        out.append("\n" + "".join(f"#: {p.replace(' ', '-')}\n" for p in places) + ("#, c-format\n" if is_format(text, places) else "") +
                   entry("msgid", text) + 'msgstr ""\n')
    return "".join(out)


def read_po(path):
    """{text: translation}, as far as it is translated; obsolete and fuzzy entries are none."""
    found, key, word, fuzzy = {}, None, None, False
    values = {"msgid": "", "msgstr": ""}

    def put():
        if word == "msgstr" and values["msgstr"] and not fuzzy:
            found[values["msgid"]] = values["msgstr"]
    for line in path.read_text(encoding="utf-8").splitlines() + [""]:
        if line.startswith(("msgid ", "msgstr ")):
            key = line.split(" ", 1)[0]
            if key == "msgid":
                put()
            word = key
            values[key] = json.loads(line.split(" ", 1)[1])
        elif line.startswith('"') and key:
            values[key] += json.loads(line)
        elif not line.strip():
            put()
            key = word = None
            fuzzy = False
        elif line.startswith("#,") and "fuzzy" in line:
            fuzzy = True
    put()
    return found


def faults_of(text, translation, places):
    """What would break or surprise: other conversions, other holes, a lost line end."""
    if is_format(text, places) and CONVERSION.findall(text) != CONVERSION.findall(translation):
        yield "its printf placeholders differ"
    if sorted(set(HOLE.findall(text))) != sorted(set(HOLE.findall(translation))) and "{" in text:
        yield "its {placeholders} differ"
    for edge, of in (("begins", 0), ("ends", -1)):
        if (text[of] == "\n") != (translation[of] == "\n"):
            yield f"only one of the two {edge} with a line end"
    if set(re.findall(r"`revive[^`]*`", text)) != set(re.findall(r"`revive[^`]*`", translation)):
        yield "a command in it differs"


def must_have(text, places):
    return any(p.startswith(FIRST) for p in places)


def languages():
    return [po / f"{name}.po" for name in (po / "LINGUAS").read_text(encoding="utf-8").split() if not name.startswith("#")]


def check(texts):
    results = []

    def told(name, wrong):
        results.append(f"{'not ok' if wrong else 'ok'} {len(results) + 1} - {name}\n" + "".join(f"# {w}\n" for w in wrong[:20]))
    here = (po / "revive.pot").read_text(encoding="utf-8")
    told("the list of texts is of today", [] if here == pot(texts) else ["po/revive.pot is stale: python3 tools/words.py write BUILD/docs/man/commands.json"])
    for path in languages():
        translated = read_po(path)
        told(f"{path.stem}: placeholders and commands agree", [f"{quoted(t)[:90]}: {why}" for t, tr in translated.items() if t
                                                              for why in faults_of(t, tr, texts.get(t, ()))])
        told(f"{path.stem}: has what a person meets first",
             [f"{places[0]}: {quoted(t)[:120]}" for t, places in texts.items() if must_have(t, places) and t not in translated])
        told(f"{path.stem}: translates no text that is gone", [quoted(t)[:90] for t in translated if t and t not in texts])
        done = subprocess.run(["msgfmt", "--check", "-o", "/dev/null", path], capture_output=True, text=True, check=False)
        told(f"{path.stem}: msgfmt takes it", done.stderr.splitlines() if done.returncode else [])
    print(f"1..{len(results)}\n" + "".join(results), end="")
    return any(r.startswith("not ok") for r in results)


def write(texts):
    (po / "revive.pot").write_text(pot(texts), encoding="utf-8")
    for path in languages():
        subprocess.run(["msgmerge", "--update", "--backup=none", "--no-wrap", "--no-fuzzy-matching", "--add-location=file", "--quiet", path,
                        po / "revive.pot"], check=True)
        subprocess.run(["msgattrib", "--no-obsolete", "--no-wrap", "--add-location=file", "-o", path, path], check=True)


def main():
    texts = all_texts(sys.argv[2])
    if sys.argv[1] == "write":
        write(texts)
    elif sys.argv[1] == "todo":
        translated = read_po(po / f"{sys.argv[3]}.po")
        for text, places in texts.items():
            if text not in translated:
                print(f"{'first' if must_have(text, places) else 'later'}\t{places[0]}\t{quoted(text)}")
    else:
        sys.exit(check(texts))


if __name__ == "__main__":
    main()
