# SPDX-License-Identifier: Apache-2.0
"""The part of `./dev bench faults` that strikes backups: seeded places, several at a time, and docs/backup-interruption.md."""
import argparse
import collections
import concurrent.futures
import contextlib
import datetime
import pathlib
import random
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "backup"))
import backup_faults as blows  # noqa: E402 (the path comes first)

CORE_SHARE = 0.77
PLACES = ("connecting", "preparing", "status", "listing", "space", "uploading", "in-uploading", "sending files", "batch", "uploaded",
          "manifest", "moving", "in-moving", "moving them", "removing", "in-removing", "removing old ones", "finished",
          "in-finished", "place", "response", "reading it back", "securing", "change of names", "clearing away", "all", "end")


def is_core(point):
    return point.road.name in blows.CORE_ROADS and point.kind in blows.CORE_KINDS


def plan(scores, count, draw):
    """So many points of the issue's own kinds and roads, the rest of all the others."""
    core = [(road, kind) for road, score in scores.items() for kind in blows.kinds_of(road, score)
            if road.name in blows.CORE_ROADS and kind in blows.CORE_KINDS]
    rest = [(road, kind) for road, score in scores.items() for kind in blows.kinds_of(road, score) if (road, kind) not in core]
    points = []
    for pairs, share in ((core, CORE_SHARE), (rest, 1 - CORE_SHARE)):
        for i in range(round(count * share)):
            road, kind = pairs[i % len(pairs)]
            points.append(blows.random_point(road, kind, scores[road], draw, i // len(pairs) % 2 == 1))
    draw.shuffle(points)
    return points


class Crew:
    """A stand for each thread, laid when it is first needed."""

    def __init__(self, build, stack):
        self.build, self.stack, self.own, self.lock = build, stack, threading.local(), threading.Lock()

    def stand(self):
        if not hasattr(self.own, "stand"):
            with self.lock:
                struck = self.build / "tests" / "struck" / "revive-struck"
                self.own.stand = self.stack.enter_context(contextlib.closing(blows.Stand(self.build, struck)))
        return self.own.stand

    def rehearse(self, road):
        return blows.rehearse(self.stand(), road)

    def run(self, point):
        return blows.run_point(self.stand(), point)


def fine_of(outcomes, what):
    asked = [o for o in outcomes if what != "kept" or o.kept is not None]
    return f"{sum(bool(getattr(o, what)) for o in asked)}/{len(asked)}" if asked else "-"


def summary(outcomes):
    rows = collections.OrderedDict()
    for o in sorted(outcomes, key=lambda o: (list(blows.ROADS).index(o.point.road.name), list(blows.KINDS).index(o.point.kind))):
        rows.setdefault((o.point.road.name, blows.KINDS[o.point.kind]), []).append(o)
    out = ["| what was asked for | blow | points | good backup there | next run finishes |", "|---|---|---:|---:|---:|"]
    out += [f"| {road} | {kind} | {len(group)} | {fine_of(group, 'kept')} | {fine_of(group, 'again')} |"
            for (road, kind), group in rows.items()]
    core = [o for o in outcomes if is_core(o.point)]
    for name, group in (("**kill -9, cable, disk full: create and restore**", core), ("**all**", outcomes)):
        out.append(f"| {name} | | {len(group)} | {fine_of(group, 'kept')} | {fine_of(group, 'again')} |")
    return "\n".join(out)


def places(outcomes):
    rows = collections.OrderedDict()
    for o in sorted(outcomes, key=lambda o: PLACES.index(o.point.phase) if o.point.phase in PLACES else 99):
        if o.point.road.words[0] == "create":
            rows.setdefault((blows.AXES[o.point.kind], o.point.phase), []).append(o)
    out = ["Of the roads that make a backup, by what was being done.", "",
           "| counted by | phase | points | good backup there | next run finishes |", "|---|---|---:|---:|---:|"]
    out += [f"| {axis} | {phase} | {len(group)} | {fine_of(group, 'kept')} | {fine_of(group, 'again')} |"
            for (axis, phase), group in sorted(rows.items(), key=lambda row: row[0][0])]
    return "\n".join(out)


def document(outcomes, options, total, seconds):
    text = (ROOT / "bench" / "backup-interruption.md.in").read_text(encoding="utf-8")
    crooked = [f"- {blows.describe(o)}" for o in outcomes if o.wrong]
    for key, value in (("DATE", datetime.date.today().isoformat()), ("COMMIT", options.commit), ("SEED", options.seed),
                       ("WORKERS", options.workers), ("POINTS", len(outcomes)), ("ALL", total), ("SECONDS", round(seconds)),
                       ("CORE", sum(is_core(o.point) for o in outcomes)), ("SUMMARY", summary(outcomes)),
                       ("PLACES", places(outcomes)), ("CROOKED", "\n".join(crooked) or "Nothing.")):
        text = text.replace(f"@{key}@", str(value))
    (ROOT / "docs" / "backup-interruption.md").write_text(text, encoding="utf-8")


def main(words, measured):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--points", type=int, default=800)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--commit", default=measured, help="what was measured")
    parser.add_argument("--minutes", type=float, default=0, help="begin no new point after this; 0: all points")
    parser.add_argument("--deadlines", help="of the part `system`; not used here")
    options = parser.parse_args(words)
    draw, begun, outcomes = random.Random(options.seed), time.monotonic(), []
    with contextlib.ExitStack() as stack:
        crew = Crew(options.program.resolve().parent, stack)
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(options.workers))
        roads = list(blows.ROADS.values())
        points = plan(dict(zip(roads, pool.map(crew.rehearse, roads))), options.points, draw)
        print(f"{len(points)} blows at backups, {sum(map(is_core, points))} of the chief kinds", flush=True)
        late = threading.Event()

        def run(point):
            return None if late.is_set() else crew.run(point)
        for done in concurrent.futures.as_completed([pool.submit(run, p) for p in points]):
            if done.result() is None:
                continue
            outcomes.append(done.result())
            if options.minutes and time.monotonic() - begun > options.minutes * 60:
                late.set()
            if len(outcomes) % 50 == 0: # a run that is broken off has said what it saw
                document(outcomes, options, len(points), time.monotonic() - begun)
            if outcomes[-1].wrong or len(outcomes) % 50 == 0:
                print(f"{len(outcomes)}/{len(points)} {time.monotonic() - begun:.0f} s: {blows.describe(outcomes[-1])}", flush=True)
    document(outcomes, options, len(points), time.monotonic() - begun)
    bad = [o for o in outcomes if o.wrong]
    print(f"{len(outcomes)} blows in {time.monotonic() - begun:.0f} s: good backup there {fine_of(outcomes, 'kept')}, "
          f"next run finishes {fine_of(outcomes, 'again')}, {len(bad)} not straight: docs/backup-interruption.md")
    return 1 if bad else 0
