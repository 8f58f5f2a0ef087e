#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeded one-line mistakes in the product, one at a time: which of them the tests catch, by room.

usage: bench_mutants.py REVIVE [--count N] [--seed N] [--minutes N] [--only ROOM] [--again] [--table]

Works in build-mutants/: a copy of the tree, and a build of it in which the rooms are shared libraries, so that a mutant
costs one object and one link. A mutant that does not compile, or whose object code is that of the original, is not
counted. The tests of its own room run first, those of the rooms that use it next, five whole roads only for what survived. What was tried is kept in build-mutants/results.jsonl and
not tried again; --again tries the survivors again, against the tests of today. --table only prints.
"""
import argparse
import collections
import datetime
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib

SOURCE = pathlib.Path(__file__).resolve().parent.parent
HOME = SOURCE / "build-mutants"
TREE, BUILD, TEMP = HOME / "tree", HOME / "build", HOME / "tmp"
RESULTS, SURVIVORS, BASELINE = HOME / "results.jsonl", HOME / "survivors.txt", HOME / "baseline.json"
# Whole roads, the one that goes through most of the code first; of the rest the whole suite is the judge.
ROADS = ("update_from_recovery", "restore_erases_only_when_agreed", "device_fails", "refused_signature", "two_devices")
VERBS = "sim/verbs"     # the gentle verbs against a device; for the rooms that they are made of
WANTED = 200            # before a share means much
LONGEST = 45            # a test that takes longer is left to the whole suite
USERS_SECONDS = 30      # of tests of other rooms, a mutant
UNSURE = {"proto/asr"}  # fails now and then on a busy computer: a witness for its own room only
NEVER = {"house", "fuzz-replay", "sim", "witness", "models", "big", "e2e", "preflight"}
# Rooms whose code is met on the roads; the rest is reached by unit tests alone.
ON_ROADS = {"base", "format", "crypto", "data", "transport", "proto", "device", "firmware", "restore", "command", "cli", "coach"}


# ---- mutations ----

def hide_texts(line):
    """The line with the insides of texts and comments blanked, so that nothing in them is taken for code."""
    line = re.sub(r'"(?:\\.|[^"\\])*"', lambda m: '"' + "~" * (len(m.group()) - 2) + '"', line)
    line = re.sub(r"'(?:\\.|[^'\\])+'", lambda m: "'" + "~" * (len(m.group()) - 2) + "'", line)
    return re.sub(r"/\*.*?\*/|//.*", lambda m: "~" * len(m.group()), line)


COMPARE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
BINARY = re.compile(r"(?<=[\w)\]] )(<=|>=|==|!=|<|>|&&|\|\||\+|-|\+=|-=)(?= [\w(!*&\"'-])")
NUMBER = re.compile(r"(?<![\w.~])([1-9]\d*|0|0x[0-9A-Fa-f]+)(?![\w.~])")
STATEMENT = re.compile(r"\s+(?!return\b|break\b|continue\b|case\b|default\b|else\b|static\b|const\b|struct\b|enum\b|unsigned\b"
                       r"|RV_AUTO|uint|int\b|size_t\b|bool\b|char\b|json_t\b|plist_t\b)[A-Za-z_*(][^{}]*;$")
SWAP = {"&&": "||", "||": "&&", "+": "-", "-": "+", "+=": "-=", "-=": "+="}


def of_operators(line, masked):
    for match in BINARY.finditer(masked):
        old = match.group(1)
        new = COMPARE.get(old) or SWAP[old]
        kind = "comparison" if old in COMPARE else "and-or" if old in ("&&", "||") else "plus-minus"
        yield kind, line[:match.start(1)] + new + line[match.end(1):]


def of_constants(line, masked):
    for match in NUMBER.finditer(masked):
        if masked[:match.start()].rstrip().endswith(("[", "case")) or masked[match.end():match.end() + 1] == "]":
            continue
        value = int(match.group(), 0)
        yield "off by one", line[:match.start()] + str(value + 1) + line[match.end():]
    for word, other in (("true", "false"), ("false", "true")):
        for match in re.finditer(rf"\b{word}\b", masked):
            yield "true-false", line[:match.start()] + other + line[match.end():]


def of_conditions(line, masked):
    match = re.match(r"(\s*(?:\} else )?(?:if|while) \()(.*)(\)(?: \{)?)$", masked)
    if match and balanced(match.group(2)):
        inside = line[match.end(1):match.start(3)]
        yield "negated condition", line[:match.end(1)] + f"!({inside})" + line[match.start(3):]
        call = re.match(r"!(\w+\(.*\))$", inside)
        if call and balanced(masked[match.end(1) + 1:match.start(3)]):
            yield "unchecked call", line[:match.end(1)] + f"(void)({call.group(1)}), 0" + line[match.start(3):]


def of_statements(line, masked):
    if STATEMENT.match(masked) and balanced(masked):
        yield "removed line", line[:len(line) - len(line.lstrip())] + ";"


def balanced(text):
    depth = 0
    for char in text:
        depth += (char in "([") - (char in ")]")
        if depth < 0:
            return False
    return depth == 0


def mutants_of(path):
    """Every one-line mutation inside the functions of a file; words for the log alone are no behaviour."""
    inside = False
    for number, line in enumerate((TREE / path).read_text(encoding="utf-8").split("\n"), 1):
        if line.startswith("{"):
            inside = True
        elif line.startswith("}"):
            inside = False
        if not inside or not line.startswith("    ") or "rv_log(" in line or line.lstrip().startswith(("/*", "*", "#")):
            continue
        masked = hide_texts(line)
        found = [m for source in (of_operators, of_constants, of_conditions, of_statements) for m in source(line, masked)]
        for kind, new in found:
            if new != line:
                yield {"file": path, "line": number, "kind": kind, "old": line.strip(), "new": new.strip(), "text": new}


def key_of(mutant):
    return json.dumps([mutant[k] for k in ("file", "kind", "old", "new")])


# ---- the copy and its build ----

def run(words, **options):
    return subprocess.run(words, check=False, capture_output=True, text=True, **options)


def copy_tree():
    """What is tracked or new, and nothing else; unchanged files keep their time."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=SOURCE)
    names = [n for n in listed.stdout.split("\0") if n and (SOURCE / n).is_file()]
    for name in names:
        here, there = SOURCE / name, TREE / name
        if there.exists() and there.read_bytes() == here.read_bytes():
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(here, there)
    for old in TREE.rglob("*"):
        if old.is_file() and str(old.relative_to(TREE)) not in set(names):
            old.unlink()
    for name in ("src/meson.build",):
        text = (SOURCE / name).read_text(encoding="utf-8")
        for library in ("rvbase", "revive"):
            text = text.replace(f"static_library('{library}'", f"shared_library('{library}'")
        if (TREE / name).read_text(encoding="utf-8") != text:
            (TREE / name).write_text(text, encoding="utf-8")


def build_tree():
    if not (BUILD / "build.ninja").exists():
        done = run(["meson", "setup", BUILD, TREE, "-Dbuildtype=plain", "-Dc_args=-O1 -w",
                    "-Dc_link_args=-fsanitize=leak", "-Dwerror=false", "-Dwarning_level=0"])
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
    done = run(["ninja", "-C", BUILD])
    if done.returncode != 0:
        sys.exit(done.stdout[-4000:] + done.stderr)


class Compiler:
    """One object of a room, and what it is linked into."""

    def __init__(self):
        self.commands = {}
        for row in json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8")):
            path = os.path.relpath(os.path.join(row["directory"], row["file"]), TREE)
            if path.startswith("src/") and row["output"].split("/")[0:2][-1] in ("librvbase.so.p", "librevive.so.p", "revive.p") or \
                    path.startswith("src/cli/") and row["output"].startswith("revive.p/"):
                self.commands.setdefault(path, row)
        self.links = {}
        for target in ("src/librvbase.so", "src/librevive.so", "revive"):
            self.links[target] = run(["ninja", "-C", BUILD, "-t", "commands", "-s", target]).stdout.strip().split("\n")[-1]

    def target_of(self, path):
        output = self.commands[path]["output"]
        return "revive" if output.startswith("revive.p") else output.rsplit(".p/", 1)[0]

    def compile(self, path, source, output):
        row = self.commands[path]
        words = re.sub(r"-MD -MQ \S+ -MF \S+ ", "", row["command"])
        words = words.replace(f"-o {row['output']}", f"-o {output}").replace(f"-c {row['file']}", f"-c {source}")
        words = words.replace("ccache ", "")
        folder = os.path.dirname(TREE / path)
        return run(["sh", "-c", f"{words} -I{folder}"], cwd=BUILD).returncode == 0

    def link(self, target):
        return run(["sh", "-c", self.links[target]], cwd=BUILD).returncode == 0


# ---- tests ----

def tests_of():
    found = []
    for row in json.loads(run(["meson", "introspect", "--tests", BUILD]).stdout):
        suites = {s.split(":")[-1] for s in row["suite"]}
        if not suites & NEVER or row["name"] in ROADS or "/".join(sorted(suites)) + "/" + row["name"] == VERBS:
            found.append({"name": row["name"], "suites": sorted(suites), "cmd": row["cmd"], "env": row["env"],
                          "workdir": row["workdir"] or str(BUILD)})
    return found


def run_test(test, limit):
    """True when it passed; a test that never ends, crashes or says "not ok" has caught something."""
    env = dict(os.environ, **test["env"], TMPDIR=str(TEMP), CMOCKA_MESSAGE_OUTPUT="TAP")
    TEMP.mkdir(parents=True, exist_ok=True)
    with open(HOME / "last.txt", "wb") as out:
        child = subprocess.Popen(test["cmd"], cwd=test["workdir"], env=env, stdout=out, stderr=out, start_new_session=True)
        try:
            code = child.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            code = -1
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
    shutil.rmtree(TEMP, ignore_errors=True)
    text = (HOME / "last.txt").read_text(encoding="utf-8", errors="replace")
    return code in (0, 77) and not re.search(r"^not ok(?!.*# (?:TODO|SKIP))", text, re.M)


def measure(tests):
    """How long each test takes without a mutant; what fails then is of no use here."""
    known = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    for test in tests:
        name = "/".join(test["suites"]) + "/" + test["name"]
        if name not in known:
            begin = time.monotonic()
            passed = run_test(test, 4 * LONGEST)
            known[name] = time.monotonic() - begin if passed else None
            BASELINE.write_text(json.dumps(known, indent=1), encoding="utf-8")
        test["seconds"] = known[name]
    return [t for t in tests if t["seconds"] is not None]


def rooms_above():
    """room = rooms that include it, and itself."""
    include = tomllib.loads((SOURCE / "tools" / "house.toml").read_text(encoding="utf-8"))["include"]
    return {room: [room] + [r for r, below in include.items() if room in below and r != "sim"] for room in include}


def plan_for(path, tests, above):
    room = path.split("/")[1]
    stem = pathlib.Path(path).stem
    near = [t for t in tests if room in t["suites"]]
    near.sort(key=lambda t: (t["name"] not in stem and stem not in t["name"], t["seconds"]))
    users, spent = [], 0
    using = {"recover", "command"} if stem.startswith("sqlite_") else set(above[room][1:])
    on_roads = room in ON_ROADS and not stem.startswith("sqlite_")
    # A test in Python runs the whole program: it may see any room, and the upper ones first of all.
    candidates = [t for t in tests if t not in near and t["name"] not in ROADS and
                  (using & set(t["suites"]) or (on_roads and "python" in os.path.basename(t["cmd"][0])))]
    upper = room in ("command", "cli", "restore", "device")
    for test in sorted(candidates, key=lambda t: (upper and "python" not in os.path.basename(t["cmd"][0]), t["seconds"])):
        spent += test["seconds"]
        if test["seconds"] < LONGEST and spent < USERS_SECONDS:
            users.append(test)
    roads = sorted((t for t in tests if on_roads and t["name"] in ROADS), key=lambda t: ROADS.index(t["name"]))
    verbs = [t for t in tests if room in ("command", "device", "cli", "proto") and "/".join(t["suites"]) + "/" + t["name"] == VERBS]
    plan = near + users + roads + verbs
    return [t for t in plan if room in ("proto", "transport") or "/".join(t["suites"]) + "/" + t["name"] not in UNSURE]


# ---- one mutant ----

def try_mutant(mutant, compiler, tests, above):
    """caught-by, "survived", "equal" or "no code"."""
    path = mutant["file"]
    target = compiler.target_of(path)
    kept, made = HOME / "kept", HOME / "made.o"
    lines = (TREE / path).read_text(encoding="utf-8").split("\n")
    source = HOME / "mutant" / os.path.basename(path)
    source.parent.mkdir(exist_ok=True)
    source.write_text("\n".join(lines), encoding="utf-8")
    if not compiler.compile(path, source, kept):
        sys.exit(f"{path} itself does not compile")
    lines[mutant["line"] - 1] = mutant["text"]
    source.write_text("\n".join(lines), encoding="utf-8")
    if not compiler.compile(path, source, made):
        return "no code"
    if made.read_bytes() == kept.read_bytes():
        return "equal"
    output = BUILD / compiler.commands[path]["output"]
    try:
        shutil.copy(made, output)
        if not compiler.link(target):
            return "no code"
        for test in plan_for(path, tests, above):
            if not run_test(test, 10 + 5 * test["seconds"]):
                return "/".join(test["suites"]) + ": " + test["name"]
        return "survived"
    finally:
        shutil.copy(kept, output)
        if not compiler.link(target):
            sys.exit(f"{target} cannot be linked again")


# ---- what came of it ----

def results():
    rows = {}
    if RESULTS.exists():
        for line in RESULTS.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            rows[key_of(row)] = row
    return rows


def table(rows):
    counted = [r for r in rows if r["outcome"] not in ("equal", "no code")]
    rooms = collections.defaultdict(list)
    for row in counted:
        rooms[row["file"].split("/")[1]].append(row)
    lines = ["| room | mutants | caught | survived | caught % |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, all_of in sorted(rooms.items()) + [("**all**", counted)]:
        survived = sum(r["outcome"] == "survived" for r in all_of)
        share = 100 * (len(all_of) - survived) / len(all_of) if all_of else 0
        lines.append(f"| {name} | {len(all_of)} | {len(all_of) - survived} | {survived} | {share:.0f} |")
    return "\n".join(lines)


def kinds(rows):
    counted = collections.Counter(r["kind"] for r in rows if r["outcome"] not in ("equal", "no code"))
    survived = collections.Counter(r["kind"] for r in rows if r["outcome"] == "survived")
    return "\n".join(["| mistake | mutants | survived |", "| --- | ---: | ---: |"] +
                     [f"| {kind} | {n} | {survived[kind]} |" for kind, n in counted.most_common()])


def write_down(rows):
    SURVIVORS.write_text("".join(f"{r['file']}:{r['line']}: {r['kind']}\n    - {r['old']}\n    + {r['new']}\n"
                                 for r in sorted(rows, key=lambda r: (r["file"], r["line"])) if r["outcome"] == "survived"),
                         encoding="utf-8")
    page = (SOURCE / "bench" / "mutants.md.in").read_text(encoding="utf-8")
    counted = sum(r["outcome"] not in ("equal", "no code") for r in rows)
    page = page.replace("@COUNT@", f"{counted} mutants were tried" + (
        f": too few for a judgement, {WANTED} are wanted; the same command goes on with them." if counted < WANTED else "."))
    page = page.replace("@DATE@", datetime.date.today().isoformat()).replace("@ROOMS@", table(rows)).replace("@KINDS@", kinds(rows))
    (SOURCE / "docs" / "mutants.md").write_text(page, encoding="utf-8")


def choose(seed, count, only, known):
    """The seeded order of all mutations, as many as are wanted; what is new in the tree changes no other's turn."""
    every = [m for path in sorted((TREE / "src").rglob("*.c")) for m in mutants_of(str(path.relative_to(TREE)))]
    if only:
        every = [m for m in every if m["file"].split("/")[1] == only]
    order = {id(m): random.Random(f"{seed}:{key_of(m)}").random() for m in every}
    every.sort(key=lambda m: order[id(m)])
    done = sum(1 for r in known.values() if r["outcome"] not in ("equal", "no code") and (not only or r["file"].split("/")[1] == only))
    fresh = [m for m in every if key_of(m) not in known]
    return fresh, max(0, count - done), len(every)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("revive")
    parser.add_argument("--count", type=int, default=WANTED)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--only")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    known = results()
    if not options.table:
        until = time.monotonic() + 60 * options.minutes
        HOME.mkdir(exist_ok=True)
        copy_tree()
        build_tree()
        compiler, above = Compiler(), rooms_above()
        tests = measure(tests_of())
        fresh, wanted, there = choose(options.seed, options.count, options.only, known)
        print(f"{there} mutations are possible; {wanted} more are wanted; {len(tests)} tests", flush=True)
        if options.again:
            keys = {k for k, r in known.items() if r["outcome"] == "survived"}
            every, _, _ = choose(options.seed, 0, options.only, {})
            fresh = [m for m in every if key_of(m) in keys]
            wanted = len(fresh)
        for mutant in fresh:
            if wanted <= 0 or time.monotonic() > until:
                break
            begin = time.monotonic()
            mutant["outcome"] = try_mutant(mutant, compiler, tests, above)
            mutant["seconds"] = round(time.monotonic() - begin, 1)
            wanted -= mutant["outcome"] not in ("equal", "no code")
            known[key_of(mutant)] = mutant
            with RESULTS.open("a", encoding="utf-8") as out:
                out.write(json.dumps(mutant) + "\n")
            print(f"{mutant['outcome']:40.40} {mutant['seconds']:6.1f} s  {mutant['file']}:{mutant['line']} {mutant['kind']}", flush=True)
    write_down(list(known.values()))
    print(table(list(known.values())))
    print(f"survivors: {SURVIVORS}")


if __name__ == "__main__":
    main()
