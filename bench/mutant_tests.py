# SPDX-License-Identifier: Apache-2.0
"""The tests as judges of mutants: which lines each one executes, how long it takes, whether it passes."""
import bisect
import collections
import concurrent.futures
import difflib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

# The house looks at the text of the tree, not at what it does; the big ones, and the table of models, are too long a wait.
NEVER = {"house", "words", "big", "models"}
WITNESSES = {"update-libusb", "revive and idevicebackup2 with 17.2", "revive and idevicebackup2 with 9.3.5", "doors"}


def tests_of(build):
    """Every test that runs the product; not those that look at the simulator alone."""
    found, product = [], {str(build), f"{build}/revive"}
    shown = subprocess.run(["meson", "introspect", "--tests", build], check=True, capture_output=True, text=True).stdout
    for row in json.loads(shown):
        suites = sorted({s.split(":")[-1] for s in row["suite"]})
        alone = {"sim", "witness"} & set(suites) and not product & set(row["cmd"])
        if row["name"] in WITNESSES or not (set(suites) & (NEVER | {"witness"}) or alone):
            found.append({"id": "/".join(suites) + ": " + row["name"], "suites": suites, "cmd": row["cmd"], "env": row["env"],
                          "workdir": row["workdir"] or str(build), "limit": row["timeout"]})
    return found


def end_children(mark):
    """Ends what the test left behind: processes whose environment holds its own temporary folder."""
    for folder in os.listdir("/proc"):
        if folder.isdigit() and int(folder) != os.getpid():
            try:
                with open(f"/proc/{folder}/environ", "rb") as file:
                    ours = mark in file.read()
                if ours:
                    os.kill(int(folder), signal.SIGKILL)
            except OSError:
                pass


def run_test(test, limit, temp, extra=None):
    """(passed, seconds). What never ends, crashes or says "not ok" has failed."""
    temp.mkdir(parents=True, exist_ok=True)
    env = os.environ | test["env"] | {"TMPDIR": str(temp), "CMOCKA_MESSAGE_OUTPUT": "TAP"} | (extra or {})
    log = temp.with_suffix(".txt")
    begin = time.monotonic()
    with open(log, "wb") as out:
        child = subprocess.Popen(test["cmd"], cwd=test["workdir"], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 start_new_session=True)
        try:
            code = child.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            code = -1
    seconds = time.monotonic() - begin
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
    end_children(f"TMPDIR={temp}".encode())
    shutil.rmtree(temp, ignore_errors=True)
    text = log.read_text(encoding="utf-8", errors="replace")
    return code in (0, 77) and not re.search(r"^not ok(?!.*# (?:TODO|SKIP))", text, re.M), seconds


# ---- which lines a test executes ----

class Blocks:
    """The basic blocks of a library that was compiled to count them: where each begins, and its lines."""

    def __init__(self, library):
        self.starts, self.lines = [], []
        shown = subprocess.Popen(["objdump", "-dl", "--no-show-raw-insn", library], stdout=subprocess.PIPE, text=True)
        here, block, first, begin = None, set(), set(), False
        for row in shown.stdout:
            if row[:1] not in " \n":
                place = re.match(r"(?:.*/)?src/([\w/]+\.[ch]):(\d+)", row)
                if place:
                    here = ("src/" + place.group(1), int(place.group(2)))
                elif re.match(r"[0-9a-f]+ <", row):     # a function: what stands before its first block belongs to that
                    here, first = None, set()
                    block = first
                elif ":" in row:
                    here = None
            elif begin and row.strip():
                self.starts.append(int(row.split(":")[0], 16))
                block, first, begin = set(first) | ({here} if here else set()), set(), False
                self.lines.append(block)
            elif here and row.strip():
                block.add(here)
            if "call" in row and "<__sanitizer_cov_trace_pc" in row:
                begin = True
        shown.wait()

    def lines_of(self, places):
        for place in places:
            at = bisect.bisect_left(self.starts, place)
            if at < len(self.starts) and self.starts[at] == place:
                yield from self.lines[at]


def places_in(path):
    """The bytes that are set in a sparse map."""
    data = path.read_bytes()
    at = data.find(1)
    while at >= 0:
        yield at
        at = data.find(1, at + 1)


def digest_of(test):
    """Of a test that is a program of its own: where it is as it was, it executes what it executed. The long ones, in Python,
    are measured once: remove build-mutants/coverage.json to measure them again."""
    digest = hashlib.sha256(" ".join(test["cmd"]).encode())
    program = pathlib.Path(test["cmd"][0])
    if "tests" in program.parts:
        digest.update(program.read_bytes())
    return digest.hexdigest()


def moved(before, after):
    """line before = line after, for what two states of a file share."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return {a + k + 1: b + k + 1 for a, b, size in matcher.get_matching_blocks() for k in range(size)}


class Coverage:
    """line = the tests that execute it, and what each takes. A test is measured once; for what it executed before the
    product changed, the lines are found again by their text."""

    def __init__(self, tree, build, home, jobs):
        self.kept, self.home, self.tree, self.build = home / "coverage.json", home, tree, build
        self.tests = tests_of(build)
        self.known = json.loads(self.kept.read_text(encoding="utf-8")) if self.kept.exists() else {"tests": {}, "texts": {}}
        self.blocks = {p.name: Blocks(p) for p in [*(build / "src").glob("*.so"), *build.glob("*.so")]}
        self.code = {place for table in self.blocks.values() for part in table.lines for place in part}
        self.follow_moved_lines()
        self.measure(jobs)
        self.lines = collections.defaultdict(set)
        for name in {t["id"] for t in self.tests} & set(self.known["tests"]):
            for path, numbers in self.known["tests"][name]["lines"].items():
                for number in numbers:
                    self.lines[path, number].add(name)
        self.seconds = {name: row["seconds"] for name, row in self.known["tests"].items() if row["lines"]}
        self.tests = [t for t in self.tests if t["id"] in self.seconds]

    def follow_moved_lines(self):
        texts = {}
        for path in sorted({path for path, _ in self.code}):
            texts[path] = (self.tree / path).read_text(encoding="utf-8").split("\n")
            before = self.known["texts"].get(path, texts[path])
            if before != texts[path]:
                there = moved(before, texts[path])
                for row in self.known["tests"].values():
                    row["lines"][path] = [there[n] for n in row["lines"].get(path, []) if n in there]
        self.known["texts"] = texts

    def measure(self, jobs):
        for test in self.tests:
            test["digest"] = digest_of(test)
        fresh = [t for t in self.tests if self.known["tests"].get(t["id"], {}).get("digest") != t["digest"]]
        # Programs first, whole roads last: a run that is stopped has the most of what it paid for.
        fresh.sort(key=lambda t: ("python" in os.path.basename(t["cmd"][0]), "e2e" in t["suites"], t["limit"]))
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for test, row in pool.map(lambda pair: self.one(*pair), enumerate(fresh)):
                count = sum(map(len, row["lines"].values()))
                print(f"executes {count:6} lines {row['seconds']:6.1f} s  {test['id']}", flush=True)
                if row["passed"]:
                    self.known["tests"][test["id"]] = row
                self.kept.write_text(json.dumps(self.known), encoding="utf-8")
        self.kept.write_text(json.dumps(self.known), encoding="utf-8")

    def remember(self):
        """The shortest time that each test was seen to take: it was measured beside others."""
        for name, seconds in self.seconds.items():
            self.known["tests"][name]["seconds"] = round(seconds, 2)
        self.kept.write_text(json.dumps(self.known), encoding="utf-8")

    def one(self, number, test):
        """One test; what fails with the right code is no witness."""
        maps = self.home / f"cover-{number}"
        shutil.rmtree(maps, ignore_errors=True)
        maps.mkdir(parents=True)
        maps.chmod(0o777)
        passed, seconds = run_test(test, 2 * test["limit"], self.home / f"tmp-c{number}", {"REVIVE_MUTANT_COVER": str(maps)})
        lines = collections.defaultdict(set)
        for name, table in self.blocks.items():
            if passed and (maps / name).exists():
                for path, line in table.lines_of(places_in(maps / name)):
                    lines[path].add(line)
        shutil.rmtree(maps)
        return test, {"passed": passed, "digest": test["digest"], "seconds": round(seconds, 2), "lines": {p: sorted(n) for p, n in lines.items()}}

    def of(self, path, number):
        """The tests that execute a line; for one without code of its own, those of the nearest line before it (the
        statement begins there), or else behind it."""
        for away in list(range(0, -12, -1)) + list(range(1, 12)):
            if (path, number + away) in self.code:
                return self.lines.get((path, number + away), set())
        return set()


def plan_for(path, covering, seconds, tests, budget):
    """Those of the mutant's own room first, then the cheapest, as many as fit; one at least, unless it takes minutes."""
    room = path.split("/")[1]
    order = sorted((t for t in tests if t["id"] in covering), key=lambda t: (room not in t["suites"], seconds[t["id"]]))
    quick = [t for t in order if seconds[t["id"]] < 5] + [t for t in order if seconds[t["id"]] >= 5]
    plan, spent = [], 0
    for test in quick:
        if spent + seconds[test["id"]] > (budget if spent else 2 * budget):
            continue
        spent += seconds[test["id"]]
        plan.append(test)
    return plan, len(quick) - len(plan)
