#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Downloads from a host that cuts at 100 seeded places, and fails in every other way it can. Writes docs/downloads.md.

usage: bench_downloads.py REVIVE [--cuts N] [--seed N]     exit 1 when a run leaves a wrong file or no clear error
"""
import argparse
import datetime
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
from firmware_host import Host, Place, digest  # noqa: E402 (the path comes first)

NO_ROOM = 1_000_000
PART = 4 << 20  # of the file: what one request asks for, so that each of these cuts strikes every part


class Row:
    """One way in which a host or a computer fails, and what its runs came to."""

    def __init__(self, name):
        self.name, self.right, self.told, self.codes, self.wrong, self.sent, self.seconds = name, 0, 0, set(), [], [], 0.0

    def note(self, place, code, result, sent):
        files = place.files()
        final = place.host.newest.name
        there = final in files
        whole = there and digest(place.out / final) == digest(place.host.newest)
        error = (result or {}).get("error")
        clear = code != 0 and error and error["causes"] and error["actions"]
        self.right += code == 0 and whole and files == [final]
        self.told += bool(clear and not there)
        self.sent.append(sent / place.host.newest.stat().st_size)
        if error:
            self.codes.add(f"{error['code']} ({code})")
        if (code == 0 and not (whole and files == [final])) or (code != 0 and (there or not clear)):
            self.wrong.append(f"{self.name}: exit {code}, {files}, {error}")

    def line(self):
        runs = self.right + self.told + len(self.wrong)
        return (f"| {self.name} | {runs} | {self.right} | {self.told} | {', '.join(sorted(self.codes)) or '-'} | {len(self.wrong)} | "
                f"{max(self.sent):.2f} | {self.seconds / max(runs, 1):.1f} |")


class Bench:
    def __init__(self, build, folder):
        self.host = Host(build, folder)
        self.size = self.host.newest.stat().st_size
        self.rows = []

    def row(self, name, runs, prepare=None, **faults):
        """`runs`: how often, or a list of further faults, one a run. A second, undisturbed call must always succeed."""
        row, begin = Row(name), time.monotonic()
        for more in runs if isinstance(runs, list) else [{}] * runs:
            place = Place(self.host)
            self.host.set(**faults, **more)
            before = len(self.host.requests())
            code, result = place.download(**({"preexec_fn": prepare} if prepare else {}))
            cut = {**faults, **more}.get("file__cut", self.size)
            row.note(place, code, result, sum(min(r["length"], cut) for r in self.host.loads(before)))
            self.host.set()
            if code != 0 and (place.download()[0] != 0 or digest(place.out / self.host.newest.name) != digest(self.host.newest)):
                row.wrong.append(f"{name}: the next, undisturbed run does not give the file")
            shutil.rmtree(place.folder)
        row.seconds = time.monotonic() - begin
        self.rows.append(row)
        print(row.line(), flush=True)

    def killed(self, draw, runs):
        """SIGKILL at a drawn moment, then the same command; what the second one loads is what counts."""
        row, begin = Row("killed, then the same command"), time.monotonic()
        for _ in range(runs):
            place = Place(self.host)
            self.host.set(file__throttle=6_000_000)
            child = place.begin()
            threading.Event().wait(draw.uniform(0.0, 2.0))
            child.kill()
            child.communicate(timeout=60)
            if self.host.newest.name in place.files():
                row.wrong.append("killed: a file stands under the final name")
            self.host.set()
            before = len(self.host.requests())
            code, result = place.download()
            row.note(place, code, result, sum(r["length"] for r in self.host.loads(before)))
            shutil.rmtree(place.folder)
        row.seconds = time.monotonic() - begin
        self.rows.append(row)
        print(row.line(), flush=True)

    def shared(self, runs):
        """Two programs at once, one folder: what both loaded together."""
        row, begin = Row("two at once, one download"), time.monotonic()
        for _ in range(runs):
            place = Place(self.host)
            self.host.set(file__throttle=8_000_000)
            before = len(self.host.requests())
            results = []
            pair = [threading.Thread(target=lambda p=place: results.append(p.download())) for _ in range(2)]
            for one in pair:
                one.start()
            for one in pair:
                one.join()
            sent = sum(r["length"] for r in self.host.loads(before))
            self.host.set()
            for code, result in results:
                row.note(place, code, result, sent)
            shutil.rmtree(place.folder)
        row.seconds = time.monotonic() - begin
        self.rows.append(row)
        print(row.line(), flush=True)


def no_room():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (NO_ROOM, NO_ROOM))


def run_all(bench, cuts, draw):
    places = [{"file__cut": draw.randrange(1, PART)} for _ in range(cuts)]
    bench.row(f"every part cut, at {cuts} places", places)
    bench.row("cut, no ranges", [{"file__cut": draw.randrange(1, bench.size)} for _ in range(4)], file__no_ranges=1)
    bench.row("cut, no ETag", places[:10], file__no_etag=1)
    bench.row("cut, neither ETag nor date", places[10:20], file__nameless=1)
    bench.killed(draw, 10)
    bench.row("throttled to 8 MB/s", 2, file__throttle=8_000_000)
    bench.row("moved (redirect)", 3, file__redirect=1)
    bench.row("length too small or too large", [{"file__length": n} for n in (-100_000, -1, 1, 100_000)], file__no_ranges=1)
    bench.row("a bit turned on the way (wrong digest)", [{"file__flip": draw.randrange(1, bench.size)} for _ in range(10)])
    bench.row("another part than asked for", [{"file__shift": n} for n in (1, 4096, 5_000_000)])
    bench.row("Content-Range with another size", [{"file__claim": n} for n in (1, 4096)])
    bench.row("replaced while it loads", [{"file__change_after": n} for n in (1, 2, 3, 4)])
    bench.row("no room", 2, prepare=no_room)
    bench.shared(3)


def write_page(bench, options, commit):
    page = (ROOT / "bench" / "downloads.md.in").read_text(encoding="utf-8")
    for key, value in {"DATE": datetime.date.today().isoformat(), "COMMIT": commit, "SEED": str(options.seed),
                       "SIZE": f"{bench.size / 1e6:.0f} MB", "ROWS": "\n".join(row.line() for row in bench.rows)}.items():
        page = page.replace(f"@{key}@", value)
    (ROOT / "docs" / "downloads.md").write_text(page, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("revive")
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=4)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="revive-downloads-"))
    bench = Bench(pathlib.Path(options.revive).resolve().parent, folder)
    try:
        run_all(bench, options.cuts, random.Random(options.seed))
    finally:
        bench.host.stop()
        shutil.rmtree(folder, ignore_errors=True)
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    write_page(bench, options, commit)
    wrong = [w for row in bench.rows for w in row.wrong]
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
