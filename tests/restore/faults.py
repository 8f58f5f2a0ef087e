#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Interruptions: the cable is pulled, or revive is killed, at chosen places of an Update and of a Restore.

A place is the Nth event of the virtual iPhone (a transfer, a message, a change of mode: sim/cut.h) or the beginning of
one of revive's own steps; never a time. After each: what the device itself says of its two volumes, what revive left in
its folders, and whether `revive resume` or the same command brings the device to its end.

faults.py --build DIR [--points N] [--seed S]     a seeded part, as a test; bench/bench_faults.py runs all of it
"""
import argparse
import collections
import concurrent.futures
import json
import pathlib
import plistlib
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "support")]
from e2e import Scene  # noqa: E402
from stage import StageError, wait_until  # noqa: E402
from update_check import Wrong, claim  # noqa: E402

RUN_SECONDS = 240
# Of real deadlines; a wait for a first start that cannot come, because the cable is out, need not be so long.
DEADLINES, DEADLINES_AT_THE_END = "0.1", "0.02"
LAST_STEPS = ("finish", "restore: cleanup_check_result", "normal kernel", "off the bus at the end", "end")

Road = collections.namedtuple("Road", "verb mode")
ROADS = tuple(Road(verb, mode) for verb in ("update", "restore") for mode in ("recovery", "dfu", "normal"))
# where: ("event", N) counted from the start of revive, or ("step", NAME)
Point = collections.namedtuple("Point", "road kind phase where again")
Outcome = collections.namedtuple("Outcome", "point code struck tries data_kept recovered wrong seconds")


class Bench(Scene):
    """A scene whose phone is laid again for each point; Apple's side and the keys stay."""

    def __init__(self, build, mode):
        super().__init__(build, scenario="fresh" if mode == "normal" else "boot-loop")
        self.mode, self.fresh, self.child, self.new_hash = mode, self.root / "fresh", None, None

    def __enter__(self):
        super().__enter__()
        shutil.copytree(self.phone, self.fresh)
        self.start_apple()
        self.new_hash = self.hash_in(self.new_ipsw)
        return self

    def lay_phone(self):
        self.drop_phone()
        shutil.rmtree(self.phone, ignore_errors=True)
        shutil.rmtree(self.root / "state", ignore_errors=True)
        shutil.copytree(self.fresh, self.phone)
        self.start_phone("--mode", self.mode, "--set", "trust=yes")
        self.child = self.children[-1]
        self.await_mode(self.mode, 60)

    def drop_phone(self):
        if self.child is None:
            return
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()
        self.children.remove(self.child)
        self.child = None

    def control(self, *words, check=True):
        """As Stage.control, without a process for each word."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(90)
            s.connect(f"{self.root}/ctl")
            s.sendall((" ".join(map(str, words)) + "\n").encode())
            with s.makefile("rb") as lines:
                answer = json.loads(lines.readline() or b'{"ok":false,"error":"no answer"}')
        if check and not answer.get("ok"):
            raise StageError(f"the device did not obey '{' '.join(map(str, words))}': {answer}")
        return answer

    def ask(self, *words):
        """A word whose answer is waited for elsewhere: the open socket."""
        s = socket.socket(socket.AF_UNIX)
        s.connect(f"{self.root}/ctl")
        s.sendall((" ".join(map(str, words)) + "\n").encode())
        return s

    def words(self, verb):
        return [verb] if verb == "resume" else [verb, "--ipsw", self.new_ipsw] + ["--yes"] * (verb == "restore")


class Run:
    """revive at work; its lines are read while it runs, so that it can be stopped at one."""

    def __init__(self, bench, verb, deadlines=None):
        words = [bench.build / "revive", *bench.words(verb), "--json"]
        self.err = open(bench.root / "revive.err", "w+", encoding="utf-8")  # pylint: disable=consider-using-with
        self.child = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL,
                                      env=bench.environment(REVIVE_DEADLINE_SCALE=deadlines or DEADLINES),
                                      stdout=subprocess.PIPE, stderr=self.err)
        self.rest, self.lines, self.end_by = b"", [], time.monotonic() + RUN_SECONDS

    def read(self, seconds):
        """Whatever comes within a moment; False at the end of its output."""
        if not select.select([self.child.stdout], [], [], seconds)[0]:
            claim(time.monotonic() < self.end_by, f"revive does not end: {self.lines[-3:]}")
            return True
        got = self.child.stdout.read1(65536)
        *whole, self.rest = (self.rest + got).split(b"\n")
        self.lines += [json.loads(line) for line in whole if line.strip()]
        return bool(got)

    def steps(self):
        return [line["step"] for line in self.lines if line.get("event") == "step"]

    def until_step(self, name):
        while name not in self.steps():
            if not self.read(0.5):
                return False
        return True

    def until_struck(self, asked):
        """Until the device says so, or revive has ended."""
        while True:
            if select.select([asked], [], [], 0)[0]:
                return b'"ok":true' in asked.recv(4096)
            if not self.read(0.02):
                return False

    def kill(self):
        self.child.send_signal(signal.SIGKILL)

    def end(self):
        while self.read(0.5):
            pass
        code = self.child.wait(RUN_SECONDS)
        self.child.stdout.close()
        self.err.close()
        return code

    def result(self):
        return self.lines[-1] if self.lines and self.lines[-1].get("event") == "result" else {}

    def why(self):
        told = self.result().get("error") or {}
        return f"{told.get('code')}: {told.get('cause')}"[:600]


# ---- what must be true ----

def check_device(bench, road, before):
    """A road that came to its end."""
    state = bench.control("state")
    claim(state["mode"] == "normal", f"the device is in {state['mode']} mode")
    claim((state["version"], state["build"]) == ("11.3", "15E216"), f"it runs {state['version']} {state['build']}")
    claim(state["auto_boot"] == "true", "it would not start by itself next time")
    claim(bench.hash_of("system") == bench.new_hash, "the system volume is not the new one")
    same = bench.hash_of("data") == before
    claim(same or road.verb == "restore", "the user partition was changed")
    claim(not same or road.verb == "update", "the user partition outlived an erase")


def check_folders(bench):
    """Nothing half under a final name."""
    jobs = bench.root / "state" / "revive" / "jobs"
    for path in jobs.glob("*") if jobs.exists() else ():
        if path.suffix == ".plist":
            claim(plistlib.loads(path.read_bytes()).get("ECID"), f"{path.name} names no device")
        elif path.suffix == ".im4m":
            data = path.read_bytes()
            claim(data[:2] == b"\x30\x82" and int.from_bytes(data[2:4], "big") + 4 == len(data), f"{path.name} is cut")


def touched(bench):
    return [r for r in bench.record() if r["what"] in ("accepted", "ramdisk", "wipe") or
            (r["what"] == "command" and not r["text"].startswith("getenv"))]


# ---- the rehearsal: how many events there are, and which phase they belong to ----

Score = collections.namedtuple("Score", "events phases steps")


def rehearse(bench, road):
    """One run that nobody disturbs. phases: [(name, first event, last event)] counted from the start of revive."""
    bench.lay_phone()
    before, first = bench.hash_of("data"), bench.control("events")["events"]
    run = Run(bench, road.verb)
    code = run.end()
    claim(code == 0, f"the rehearsal of {road} ended with {code}: {run.why()}")
    check_device(bench, road, before)
    last = bench.control("events")["events"] - first
    marks = []
    for line in bench.record():
        at = line["event"] - first
        if at <= 0:
            continue
        if line["what"] == "mode":
            marks.append((at, line["text"].split(",")[0] + line["text"].split("running")[-1]))
        elif line["what"] == "step":
            marks.append((at, f"restore: {line['text']}"))
        elif line["what"] == "detached":
            installed = any(name.startswith("restore: ") for _, name in marks)
            marks.append((at, "off the bus at the end" if installed else "off the bus"))
    ends = [at for at, _ in marks[1:]] + [last + 1]
    phases = [(road.mode, 1, marks[0][0] - 1)] + [(name, at, end - 1) for (at, name), end in zip(marks, ends)]
    return Score(last, [p for p in phases if p[2] >= p[1]], list(dict.fromkeys(run.steps())))


def phase_of(score, event):
    return next((name for name, first, last in score.phases if first <= event <= last), "end")


def random_points(road, score, count, draw):
    """Half of them anywhere, so that long phases get their share; half of them a phase first, so that short ones do."""
    for i in range(count):
        if i % 2:
            name, first, last = draw.choice(score.phases)
            event = draw.randint(first, last)
        else:
            event = draw.randint(1, score.events)
            name = phase_of(score, event)
        yield Point(road, draw.choice(("cable", "kill")), name, ("event", event), draw.choice(("resume", "same")))


def step_points(road, score, draw):
    for step in score.steps:
        for kind in ("cable", "kill"):
            yield Point(road, kind, step, ("step", step), draw.choice(("resume", "same")))


# ---- one point ----

def strike(bench, point):
    """Runs revive into the blow. Its exit code (None: killed), whether the blow fell, the run."""
    what, where = point.where
    deadlines = DEADLINES_AT_THE_END if point.phase in LAST_STEPS else DEADLINES
    if what == "event":
        bench.control("cut", "pull" if point.kind == "cable" else "hold", where)
        with bench.ask("struck", "100") as asked:
            run = Run(bench, point.road.verb, deadlines)
            struck = run.until_struck(asked)
            if struck and point.kind == "kill":
                run.kill()
    else:
        run = Run(bench, point.road.verb, deadlines)
        struck = run.until_step(where)
        if struck and point.kind == "kill":
            run.kill()
        elif struck:
            run.child.send_signal(signal.SIGSTOP)
            bench.control("unplug")
            run.child.send_signal(signal.SIGCONT)
    code = run.end()
    bench.control("cut", "off")
    return (None if code == -signal.SIGKILL else code), struck, run


def judge_blow(bench, point, code, run, before):
    """What must be true right after: the data, the exit code, the folders."""
    if point.road.verb == "update":
        claim(bench.hash_of("data") == before.data, "the user partition was changed by the blow")
    check_folders(bench)
    if code in (None, 7):
        return
    claim(code in (0, 3), f"exit {code}: {run.why()}")
    if code == 3:
        claim(not touched(bench), f"exit 3, but work had begun: {run.why()}")
        claim(bench.hash_of("system") == before.system, "exit 3, but the system volume was changed")
    else:
        bench.control("plug")
        wait_until(lambda: bench.control("state")["mode"] == "normal", 20, "the first start")
        check_device(bench, point.road, before.data)


def has_job(bench):
    jobs = bench.root / "state" / "revive" / "jobs"
    return any(plistlib.loads(p.read_bytes()).get("State") in ("running", "failed") for p in jobs.glob("*.plist"))


def recover(bench, point, before):
    """The person's next move. (tries, words of what went wrong)"""
    wrong = ""
    for tries in (1, 2, 3):
        verb = "resume" if point.again == "resume" and has_job(bench) else point.road.verb
        if verb != "resume":
            wait_until(lambda: bench.control("state")["mode"] != "off", 30, "coming back to the bus")
        run = Run(bench, verb)
        code = run.end()
        if code == 0:
            check_device(bench, point.road, before.data)
            return tries, wrong
        wrong += f"[{verb}: exit {code}: {run.why()}]"
    return 0, wrong


Before = collections.namedtuple("Before", "data system")


def run_point(bench, point):
    begun = time.monotonic()
    bench.lay_phone()
    before = Before(bench.hash_of("data"), bench.hash_of("system"))
    code, struck, tries, wrong, kept = None, False, 0, "", True
    try:
        code, struck, run = strike(bench, point)
        judge_blow(bench, point, code, run, before)
        bench.control("plug")
        if code == 0:
            tries = 1
        else:
            tries, wrong = recover(bench, point, before)
    except (Wrong, StageError, OSError, subprocess.TimeoutExpired) as problem:
        wrong += str(problem)
    if point.road.verb == "update":
        kept = bench.hash_of("data") == before.data
    return Outcome(point, code, struck, tries, kept, tries > 0, wrong, time.monotonic() - begun)


def describe(outcome):
    p = outcome.point
    state = "ok" if outcome.tries == 1 and not outcome.wrong else "LATE" if outcome.recovered else "WRONG"
    if not outcome.data_kept:
        state = "DATA LOST"
    return (f"{state:5} {p.road.verb} from {p.road.mode}, {p.kind} at {p.where[0]} {p.where[1]} ({p.phase}), then "
            f"{p.again}: exit {outcome.code}, {outcome.tries} tries, {outcome.seconds:.1f} s {outcome.wrong}")


def run_some(options, mode, roads):
    """The seeded points of the roads from one mode; how many went wrong. How often to try is for the bench."""
    draw, bad = random.Random(f"{options.seed} {mode}"), 0
    with Bench(options.build, mode) as bench:
        for road in roads:
            score = rehearse(bench, road)
            all_points = list(random_points(road, score, 200, draw)) + list(step_points(road, score, draw))
            for point in draw.sample(all_points, options.points):
                outcome = run_point(bench, point)
                bad += not outcome.recovered or not outcome.data_kept
                print(describe(outcome), flush=True)
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--points", type=int, default=4, help="of each road")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--road", nargs="+", default=["update-recovery", "restore-dfu", "update-normal"])
    options = parser.parse_args()
    roads = [r for r in ROADS if f"{r.verb}-{r.mode}" in options.road]
    modes = sorted({r.mode for r in roads})
    with concurrent.futures.ThreadPoolExecutor(len(modes)) as pool: # most of the time is waited for a device
        wrong = [pool.submit(run_some, options, mode, [r for r in roads if r.mode == mode]) for mode in modes]
    return 1 if sum(w.result() for w in wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
