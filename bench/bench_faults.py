#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every interruption: of an Update and of a Restore (docs/interruption.md), then of backups (docs/backup-interruption.md).

usage: bench_faults.py PROGRAM [system|backup] [--seed S] [--points N] [--workers N]     PROGRAM: revive, with revive-sim beside
system: at each step boundary and at 200 seeded places; tests/restore/faults.py says what an interruption is and what must be
true after it. backup: tests/backup/backup_faults.py says it; 800 seeded places.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import datetime
import pathlib
import random
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "restore"), str(ROOT / "bench")]
import backup_blows  # noqa: E402 (the path comes first)
import faults  # noqa: E402

SHARES = {"recovery": 2, "dfu": 1, "normal": 1}  # of the random points of a verb


def plan(scores, points, draw):
    """All points of all roads. From Recovery all steps; the other roads differ from it only until `prepare`."""
    wanted = []
    for road, score in scores.items():
        steps = list(faults.step_points(road, score, draw))
        if road.mode != "recovery":
            own = score.steps[:score.steps.index("prepare") + 1]
            steps = [p for p in steps if p.phase in own]
        wanted += steps
        wanted += faults.random_points(road, score, points * SHARES[road.mode] // sum(SHARES.values()), draw)
    draw.shuffle(wanted)
    return wanted


class Crew:
    """A bench of each mode for each thread, laid when it is first needed."""

    def __init__(self, build, stack):
        self.build, self.stack, self.own, self.lock = build, stack, threading.local(), threading.Lock()

    def bench(self, mode):
        benches = self.own.__dict__.setdefault("benches", {})
        if mode not in benches:
            with self.lock:
                benches[mode] = self.stack.enter_context(faults.Bench(self.build, mode))
        return benches[mode]

    def run(self, point):
        return faults.run_point(self.bench(point.road.mode), point)


def table(first, outcomes, key):
    rows = collections.OrderedDict()
    for o in outcomes:
        rows.setdefault(key(o), []).append(o)
    out = [f"| {first} | cable | kill | recovered | data kept |", "|---|---:|---:|---:|---:|"]
    for name, group in rows.items():
        updates = [o for o in group if o.point.road.verb == "update"]
        kept = f"{sum(o.data_kept for o in updates)}/{len(updates)}" if updates else "-"
        out.append(f"| {name} | {sum(o.point.kind == 'cable' for o in group)} | "
                   f"{sum(o.point.kind == 'kill' for o in group)} | {sum(straight(o) for o in group)}/{len(group)} | "
                   f"{kept} |")
    return "\n".join(out)


def straight(outcome):
    return outcome.tries == 1 and not outcome.wrong


def document(outcomes, options, names, total):
    def of(where):
        return sorted((o for o in outcomes if o.point.where[0] == where), key=lambda o: names.index(o.point.phase))
    crooked = [f"- {faults.describe(o)}" for o in outcomes if not straight(o) or not o.data_kept]
    text = (ROOT / "bench" / "interruption.md.in").read_text(encoding="utf-8")
    for key, value in (("DATE", datetime.date.today().isoformat()), ("COMMIT", options.commit), ("SEED", options.seed),
                       ("WORKERS", options.workers), ("DEADLINES", options.deadlines), ("POINTS", len(outcomes)),
                       ("ALL", total),
                       ("MODELS", "iPhone10,6 (11.2 to 11.3)"),
                       ("SUMMARY", table("road", sorted(outcomes, key=lambda o: o.point.road),
                                         lambda o: f"{o.point.road.verb} from {o.point.road.mode}")),
                       ("STEPS", table("step", of("step"), lambda o: o.point.phase)),
                       ("EVENTS", table("phase", of("event"), lambda o: o.point.phase)),
                       ("CROOKED", "\n".join(crooked) or "Nothing.")):
        text = text.replace(f"@{key}@", str(value))
    (ROOT / "docs" / "interruption.md").write_text(text, encoding="utf-8")


def commit():
    words = ["git", "-C", ROOT, "describe", "--always", "--dirty"]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "a tree without a history"


def main():
    parts = {"system": systems, "backup": backup_blows.main}
    chosen = [parts[word] for word in sys.argv[2:3] if word in parts]
    words = [word for word in sys.argv[1:] if word not in parts]
    if not chosen or backup_blows.main in chosen:
        backup_blows.blows.with_own_mounts()
    return max([part(words, commit()) for part in chosen or parts.values()])


def systems(words, measured):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--points", type=int, default=200, help="random ones, of each of Update and Restore")
    parser.add_argument("--minutes", type=float, default=0, help="begin no new point after this; 0: all points")
    parser.add_argument("--deadlines", default=faults.DEADLINES,
                        help="scale of revive's deadlines, for a busy computer")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--commit", default=measured, help="what was measured")
    options = parser.parse_args(words)
    faults.RUN_SECONDS *= max(1, float(options.deadlines) / float(faults.DEADLINES))
    faults.DEADLINES = options.deadlines
    draw, begun, outcomes = random.Random(options.seed), time.monotonic(), []
    with contextlib.ExitStack() as stack:
        crew = Crew(options.program.resolve().parent, stack)
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(options.workers))
        rehearsals = pool.map(lambda road: faults.rehearse(crew.bench(road.mode), road), faults.ROADS)
        scores = dict(zip(faults.ROADS, rehearsals))
        points = plan(scores, options.points, draw)
        names = list(dict.fromkeys([n for s in scores.values() for n, _, _ in s.phases] +
                                   [n for s in scores.values() for n in s.steps] + ["end"]))
        print(f"{len(points)} interruptions", flush=True)
        late = threading.Event()

        def run(point):
            return None if late.is_set() else crew.run(point)
        for done in concurrent.futures.as_completed([pool.submit(run, p) for p in points]):
            if done.result() is None:
                continue
            outcomes.append(done.result())
            if options.minutes and time.monotonic() - begun > options.minutes * 60:
                late.set()
            if len(outcomes) % 20 == 0: # a run that is broken off has said what it saw
                document(outcomes, options, names, len(points))
            if not straight(outcomes[-1]) or not outcomes[-1].data_kept or len(outcomes) % 20 == 0:
                print(f"{len(outcomes)}/{len(points)} {time.monotonic() - begun:.0f} s: "
                      f"{faults.describe(outcomes[-1])}", flush=True)
    document(outcomes, options, names, len(points))
    bad = sum(not straight(o) or not o.data_kept for o in outcomes)
    print(f"{len(outcomes)} interruptions, {len(outcomes) - bad} recovered by one command, "
          f"{sum(not o.data_kept for o in outcomes)} lost data: docs/interruption.md")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
