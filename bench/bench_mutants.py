#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeded one-line mistakes in the product, one at a time: which of them the tests catch, by room.

usage: bench_mutants.py REVIVE [--count N] [--seed N] [--minutes N] [--only ROOM] [--again] [--table] [--jobs N]
                        [--budget SECONDS]

Works in build-mutants/: a copy of the tree, and a build of it in which the rooms are shared libraries that note which
lines each test executes. A mutant costs one object and one library, and is judged by the tests that execute its line, the
cheapest first. What was tried is kept in build-mutants/results.jsonl and not tried again; --again tries the survivors
again, against the tests of today; --table only prints. Survivors are written to build-mutants/survivors.txt as they come.
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
import subprocess
import sys
import threading
import time

from mutant_tests import Coverage, plan_for, run_test
from mutations import key_of, mutants_of

SOURCE = pathlib.Path(__file__).resolve().parent.parent
HOME = SOURCE / "build-mutants"
TREE, BUILD = HOME / "tree", HOME / "build"
STAGES = BUILD / "tests" / "stages"
RESULTS, SURVIVORS = HOME / "results.jsonl", HOME / "survivors.txt"
SEED = 4                # of the table that the tests were mended by; other seeds are the hold-out
WANTED = 200            # before a share means much
BUDGET = 60             # seconds of tests, a mutant
CROWDED = 8             # at this load one mutant at a time
LIBRARIES = {"src/librvbase.so": "librvbase.so", "src/librevive.so": "librevive.so", "librvcli.so": "librvcli.so"}


def run(words, **options):
    return subprocess.run(words, check=False, capture_output=True, text=True, **options)


# ---- the copy and its builds ----

def as_libraries(name, text):
    """The build file with shared libraries, which know how to count the blocks that are run."""
    before = ("cover_c = files(meson.project_source_root() / 'bench/mutant_cover.c')\n"
              "cover_args = ['-fsanitize-coverage=trace-pc']\n")
    if name == "src/meson.build":
        return before + re.sub(r"static_library\('(rvbase|revive)', (.*?)\)\n", r"shared_library('\1', cover_c, \2, c_args: cover_args)\n",
                               text, flags=re.S)
    return text.replace("revive_exe = executable('revive', cli_sources, dependencies: [revive_dep],",
                        "cli_lib = shared_library('rvcli', cover_c, cli_sources, dependencies: [revive_dep], c_args: cover_args)\n"
                        "revive_exe = executable('revive', cover_c, link_with: cli_lib, dependencies: [revive_dep],")


def copy_tree():
    """What is tracked or new, and nothing else; unchanged files keep their time."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=SOURCE)
    names = {n for n in listed.stdout.split("\0") if n and (SOURCE / n).is_file()}
    for name in names:
        here, there = SOURCE / name, TREE / name
        data = here.read_bytes()
        if name in ("src/meson.build", "meson.build"):
            data = as_libraries(name, data.decode()).encode()
        if there.exists() and there.read_bytes() == data:
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(data)
        shutil.copymode(here, there)
    for old in TREE.rglob("*"):
        if old.is_file() and str(old.relative_to(TREE)) not in names:
            old.unlink()


def build_tree(folder, *options):
    if not (folder / "build.ninja").exists():
        done = run(["meson", "setup", folder, TREE, "-Dc_args=-w", "-Dwerror=false", "-Dwarning_level=0", *options])
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
    done = run(["ninja", "-C", folder])
    if done.returncode != 0:
        sys.exit(done.stdout[-4000:] + done.stderr)


class Compiler:
    """One object of a room, and the library it is linked into, in a folder of the mutant's own."""

    def __init__(self):
        self.commands, self.links, self.plain = {}, {}, {}
        for row in json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8")):
            path = os.path.relpath(os.path.join(row["directory"], row["file"]), TREE)
            if path.startswith("src/") and row["output"].rsplit(".p/", 1)[0] in LIBRARIES:
                self.commands[path] = row
        for target in LIBRARIES:
            self.links[target] = run(["ninja", "-C", BUILD, "-t", "commands", "-s", target]).stdout.strip().split("\n")[-1]

    def compile(self, path, source, output, plain=False):
        row = self.commands[path]
        words = re.sub(r"-MD -MQ \S+ -MF \S+ ", "", row["command"]).replace("ccache ", "")
        words = words.replace(f"-o {row['output']}", f"-o {output}").replace(f"-c {row['file']}", f"-c {source}")
        if plain:
            words = words.replace("-fsanitize-coverage=trace-pc", "") + " -O2 -g0"
        return run(["sh", "-c", f"{words} -I{os.path.dirname(TREE / path)}"], cwd=BUILD).returncode == 0

    def library(self, mutant, folder):
        """None when the mutant's library is made; "no code" or "equal" when there is nothing to try."""
        path = mutant["file"]
        row = self.commands[path]
        source, made = folder / os.path.basename(path), folder / "made.o"
        lines = (TREE / path).read_text(encoding="utf-8").split("\n")
        if path not in self.plain:
            source.write_text("\n".join(lines), encoding="utf-8")
            if not self.compile(path, source, made, plain=True):
                sys.exit(f"{path} itself does not compile")
            self.plain[path] = made.read_bytes()
        lines[mutant["line"] - 1] = mutant["text"]
        source.write_text("\n".join(lines), encoding="utf-8")
        if not self.compile(path, source, made, plain=True):
            return "no code"
        if made.read_bytes() == self.plain[path] and mutant["kind"] != "control":
            return "equal"
        if not self.compile(path, source, made):
            return "no code"
        target = row["output"].rsplit(".p/", 1)[0]
        words = self.links[target].replace(row["output"], str(made)).replace(f"-o {target}", f"-o {folder / LIBRARIES[target]}")
        return None if run(["sh", "-c", words], cwd=BUILD).returncode == 0 else "no code"


# ---- one mutant ----

def try_mutant(mutant, compiler, coverage, folder, budget):
    """Notes in the mutant what came of it: the test that caught it, "survived", "equal" or "no code"."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mutant["outcome"] = compiler.library(mutant, folder)
    if mutant["outcome"]:
        return
    covering = coverage.of(mutant["file"], mutant["line"])
    plan, left = plan_for(mutant["file"], covering, coverage.seconds, coverage.tests, budget)
    mutant.update(outcome="survived", covering=len(covering), left=left, unsure=[], budget=budget)
    for test in plan:
        limit = 20 + 5 * coverage.seconds[test["id"]]
        passed, spent = run_test(test, limit, folder / "tmp", {"LD_LIBRARY_PATH": f"{folder}:{BUILD}/src:{BUILD}"})
        if passed:
            coverage.seconds[test["id"]] = min(coverage.seconds[test["id"]], spent)     # measured on a busier computer
            continue
        # A busy computer or a test that fails by itself is no catch: the same test, at once, with the right code.
        if run_test(test, limit, folder / "tmp")[0]:
            mutant["outcome"] = test["id"]
            return
        mutant["unsure"].append(test["id"])


def forget_stages(before):
    """A mutant of base is in the simulator too: no scene that it set up is kept for other tests."""
    for folder in set(STAGES.glob("*")) - before:
        shutil.rmtree(folder, ignore_errors=True)


def check_judge(compiler, coverage):
    """A library made as a mutant's is, of the right code, must pass what a mutant is judged by (the quickest of it)."""
    for path in ("src/base/text.c", "src/format/der.c", "src/command/args.c", "src/cli/face.c"):
        covered = [n for name, n in coverage.code if name == path and len(coverage.of(path, n)) > 2]
        text = (TREE / path).read_text(encoding="utf-8").split("\n")[covered[0] - 1]
        control = {"file": path, "line": covered[0], "kind": "control", "text": text}
        try_mutant(control, compiler, coverage, HOME / "control", 3)
        if control["outcome"] != "survived":
            sys.exit(f"the right code of {path} does not pass: {control}")


class Queue:
    """Mutants given out to workers until enough are counted or the time is over."""

    def __init__(self, fresh, wanted, until):
        self.fresh, self.wanted, self.until = iter(fresh), wanted, until
        self.lock, self.busy = threading.Lock(), 0

    def next(self):
        with self.lock:
            if self.wanted <= 0 or time.monotonic() > self.until:
                return None
            mutant = next(self.fresh, None)
            self.wanted -= mutant is not None
            return mutant


def work(number, queue, tools, known, options):
    compiler, coverage = tools
    while True:
        while number and os.getloadavg()[0] > CROWDED:
            time.sleep(5)
        mutant = queue.next()
        if not mutant:
            return
        begin = time.monotonic()
        stages = set(STAGES.glob("*"))
        try_mutant(mutant, compiler, coverage, HOME / f"worker{number}", options.budget)
        if compiler.commands[mutant["file"]]["output"].startswith("src/librvbase"):
            forget_stages(stages)
        mutant.update(seconds=round(time.monotonic() - begin, 1), seed=options.seed)
        with queue.lock:
            queue.wanted += mutant["outcome"] in ("equal", "no code")
            keep(dict(mutant, seed=known.get(key_of(mutant), mutant)["seed"]), known)
            write_survivors(known.values())
            print(f"{mutant['outcome']:40.40} {mutant['seconds']:6.1f} s  {mutant['file']}:{mutant['line']} {mutant['kind']}",
                  flush=True)


# ---- what came of it ----

def results():
    """Every mutant as it stands: the last line about it counts."""
    rows = {}
    if RESULTS.exists():
        for line in RESULTS.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            rows[key_of(row)] = row
    return rows


def keep(mutant, known):
    known[key_of(mutant)] = mutant
    with RESULTS.open("a", encoding="utf-8") as out:
        out.write(json.dumps(mutant) + "\n")


def counted(rows, seed):
    return [r for r in rows if r["outcome"] not in ("equal", "no code", "gone") and (r["seed"] == SEED) == (seed == SEED)]


def table(rows):
    rooms = collections.defaultdict(list)
    for row in rows:
        rooms[row["file"].split("/")[1]].append(row)
    lines = ["| room | mutants | caught | survived | of these on lines that no test executes | caught % |",
             "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for name, all_of in sorted(rooms.items()) + [("**all**", rows)]:
        survived = sum(r["outcome"] == "survived" for r in all_of)
        dark = sum(r["outcome"] == "survived" and r.get("covering") == 0 for r in all_of)
        share = 100 * (len(all_of) - survived) / len(all_of) if all_of else 0
        lines.append(f"| {name} | {len(all_of)} | {len(all_of) - survived} | {survived} | {dark} | {share:.0f} |")
    return "\n".join(lines)


def kinds(rows):
    every = collections.Counter(r["kind"] for r in rows)
    survived = collections.Counter(r["kind"] for r in rows if r["outcome"] == "survived")
    return "\n".join(["| mistake | mutants | survived |", "| --- | ---: | ---: |"] +
                     [f"| {kind} | {n} | {survived[kind]} |" for kind, n in every.most_common()])


def write_survivors(rows):
    left = sorted((r for r in rows if r["outcome"] == "survived"), key=lambda r: (r["file"], r["line"]))
    SURVIVORS.write_text("".join(f"{r['file']}:{r['line']}: {r['kind']} (executed by {r.get('covering', '?')} tests)\n"
                                 f"    - {r['old']}\n    + {r['new']}\n" for r in left), encoding="utf-8")


def write_down(rows):
    write_survivors(rows)
    page = (SOURCE / "bench" / "mutants.md.in").read_text(encoding="utf-8")
    mended, held = counted(rows, SEED), counted(rows, SEED + 1)
    few = f": too few for a judgement, {WANTED} are wanted; the same command goes on with them" if len(mended) < WANTED else ""
    page = page.replace("@COUNT@", f"{len(mended)} mutants were tried{few}.").replace("@HELD@", str(len(held))).replace("@BUDGET@", str(BUDGET))
    short = sum(r["outcome"] == "survived" and r.get("covering") != 0 and r.get("budget", BUDGET) < BUDGET for r in mended)
    page = page.replace("@SHORT@", f"for {short} of the survivors less so far: `--again` goes on" if short else "for each survivor")
    page = page.replace("@DATE@", datetime.date.today().isoformat()).replace("@ROOMS@", table(mended))
    page = page.replace("@KINDS@", kinds(mended)).replace("@HOLDOUT@", table(held))
    (SOURCE / "docs" / "mutants.md").write_text(page, encoding="utf-8")


def choose(options, known):
    """The seeded order of all mutations and how many are wanted; what is new in the tree changes no other's turn."""
    every = [m for path in sorted((TREE / "src").rglob("*.c")) for m in mutants_of(TREE, str(path.relative_to(TREE)))]
    if options.only:
        every = [m for m in every if m["file"].split("/")[1] == options.only]
    print(f"{len(every)} mutations are possible")
    if options.again:
        keys = {k for k, r in known.items() if r["outcome"] == "survived"}
        there = {key_of(m): m for m in every if key_of(m) in keys}
        for key in keys - set(there):
            if not options.only or known[key]["file"].split("/")[1] == options.only:
                keep(dict(known[key], outcome="gone"), known)     # the line was mended or taken out
        return list(there.values()), len(there)
    order = {id(m): random.Random(f"{options.seed}:{key_of(m)}").random() for m in every}
    every.sort(key=lambda m: order[id(m)])
    done = [r for r in counted(known.values(), options.seed) if not options.only or r["file"].split("/")[1] == options.only]
    return [m for m in every if key_of(m) not in known], max(0, options.count - len(done))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("revive")
    parser.add_argument("--count", type=int, default=WANTED)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds of tests a mutant; with less, --again after it")
    parser.add_argument("--only")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    known = results()
    if not options.table:
        until = time.monotonic() + 60 * options.minutes
        HOME.mkdir(exist_ok=True)
        copy_tree()
        build_tree(BUILD, "-Doptimization=0", "-Ddebug=true", "-Dc_link_args=-fsanitize=leak")
        coverage = Coverage(TREE, BUILD, HOME, options.jobs)
        tools = Compiler(), coverage
        check_judge(tools[0], coverage)
        fresh, wanted = choose(options, known)
        print(f"{wanted} are wanted; {len(coverage.tests)} tests", flush=True)
        queue = Queue(fresh, wanted, until)
        workers = [threading.Thread(target=work, args=(n, queue, tools, known, options)) for n in range(options.jobs)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        coverage.remember()
    write_down(results().values())
    print(table(counted(results().values(), options.seed)))
    print(f"survivors: {SURVIVORS}")


if __name__ == "__main__":
    main()
