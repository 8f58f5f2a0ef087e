#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Half a million messages and fifty thousand photos: scan, first page, export, memory, beside sqlite3 and `cp -r`.

usage: bench_recover.py PROGRAM     PROGRAM: an optimised build of revive
REVIVE_BENCH_SCALE: share of the full size (default 1: 500,000 messages, 100,000 attachments, 50,000 photos).
REVIVE_BENCH_FOLDER: where the life is laid, and kept for the next run; else it is made and removed.
Exit 1 when a goal is not met: scan < 3 s, first page < 0.5 s, memory <= 128 MB.
"""
import glob
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "support"))
import life  # pylint: disable=wrong-import-position

SCALE = float(os.environ.get("REVIVE_BENCH_SCALE", "1"))
SIZES = {"messages": 500_000, "photos": 50_000, "contacts": 280}
ATTACHMENTS = 100_000
GOALS = {"scan": 3.0, "first page": 0.5}
MEMORY_MB = 128
QUERIES = {
    "messages": "SELECT m.*, h.id, j.chat_id FROM message m LEFT JOIN chat_message_join j ON j.message_id=m.ROWID "
                "LEFT JOIN handle h ON h.ROWID=m.handle_id ORDER BY j.chat_id, m.date",
    "photos": "SELECT a.*, x.ZORIGINALFILENAME, x.ZTIMEZONEOFFSET FROM ZASSET a LEFT JOIN ZADDITIONALASSETATTRIBUTES x ON x.ZASSET=a.Z_PK "
              "ORDER BY a.ZDATECREATED",
}
failed = []


class Big(life.Life):
    """The life of the tests with these numbers, and one file of media behind many names: rows count, not pixels."""

    def count(self, kind):
        return max(12, int(SIZES.get(kind, 12) * (SCALE if kind != "contacts" else 1)))

    def put(self, domain, path, data):
        target = os.path.join(self.folder, domain, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(data * 4)  # a few kilobytes, as thumbnails are


def lay(folder):
    if os.path.exists(os.path.join(folder, "laid")):
        return
    print(f"laying a life of {int(SIZES['messages'] * SCALE):,} messages and {int(SIZES['photos'] * SCALE):,} photos ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    # a process of its own: a child's peak memory begins with that of the one that starts it
    subprocess.run([sys.executable, __file__, "--lay", folder], check=True)
    with open(os.path.join(folder, "laid"), "w", encoding="utf-8") as file:
        file.write("whole\n")


def measure(words, output=subprocess.DEVNULL):
    """Wall and CPU seconds, peak memory in MB."""
    start = time.monotonic()
    with subprocess.Popen(words, stdout=output, stderr=subprocess.DEVNULL) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{words} ended with {child.returncode}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def told(what, wall, cpu, memory, beside="", goal=None):
    late = goal is not None and wall > goal
    fat = memory > MEMORY_MB and "revive" not in what
    if late or fat:
        failed.append(what)
    print(f"{what:<34} {wall:8.2f} s  {cpu:8.2f} s cpu  {memory:7.0f} MB  {beside}{'  LATE' if late else ''}{'  TOO MUCH MEMORY' if fat else ''}",
          flush=True)


def by_sqlite(database, sql):
    if shutil.which("sqlite3"):
        return measure(["sqlite3", "-json", f"file:{database}?mode=ro", sql])
    start = time.monotonic()
    con = sqlite3.connect(database)
    for _ in con.execute(sql):
        pass
    return time.monotonic() - start, 0, 0


def one_kind(program, source, kind, work):
    place = life.TYPES[kind][0]
    words = [program, "recover"]
    what = [program, "recover", "scan", "--from", source, "--type", kind, "--json"]
    told(f"{kind}: scan", *min(measure(what) for _ in range(3)), goal=GOALS["scan"])
    what = [*words, "list", "--from", source, "--type", kind, "--page", "1", "--json"]
    told(f"{kind}: first page", *min(measure(what) for _ in range(3)), goal=GOALS["first page"])
    reference = by_sqlite(os.path.join(source, *place), QUERIES[kind])
    wall, cpu, memory = measure([*words, "list", "--from", source, "--type", kind, "--state", "live", "--json"])
    told(f"{kind}: list of all, as JSON", wall, cpu, memory, f"{wall / reference[0]:.1f} x sqlite3's {reference[0]:.2f} s")
    target = os.path.join(work, "out")
    wall, cpu, memory = measure([*words, "export", "--from", source, "--type", kind, "--to", target, "--json"])
    media = {"messages": "MediaDomain", "photos": "CameraRollDomain/Media/DCIM"}[kind]
    copy = measure(["cp", "-r", os.path.join(source, media), os.path.join(work, "copy")])
    files = sum(len(names) for _, _, names in os.walk(target))
    told(f"{kind}: export of {files:,} files", wall, cpu, memory,
         f"{wall / (copy[0] + reference[0]):.1f} x cp -r of the media ({copy[0]:.2f} s) and sqlite3")
    for path in (target, os.path.join(work, "copy")):
        shutil.rmtree(path, ignore_errors=True)


def main():
    if sys.argv[1] == "--lay":
        Big(sys.argv[2], attachments=int(ATTACHMENTS * SCALE))
        return
    program = os.path.abspath(sys.argv[1])
    keep = os.environ.get("REVIVE_BENCH_FOLDER")
    with tempfile.TemporaryDirectory(prefix="revive-bench-") as work:
        source = os.path.join(keep or work, f"life-{SCALE:g}")
        lay(source)
        print(f"{sum(os.path.getsize(p) for p in glob.glob(os.path.join(source, 'HomeDomain/Library/SMS/*'))) / 1e6:.0f} MB of messages; "
              f"wall, processor time and memory of each run:")
        for kind in QUERIES:
            one_kind(program, source, kind, work)
    if failed:
        raise SystemExit(f"missed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
