#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A restore against what the computer could do at most, and against idevicerestore. Writes docs/performance.md.

usage: bench_restore.py PROGRAM [ceilings|beside|memory]...     PROGRAM: an optimised build of revive
REVIVE_BENCH_GB: size of the image for the runs side by side (default 2); REVIVE_BENCH_BIG_GB: of the one whose memory is
measured (default 8, written to disk once); REVIVE_BENCH_ROUNDS: pairs measured (default 5). TMPDIR: where they lie.
A part that is not asked for keeps what docs/performance.md says of it.
"""
import datetime
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "performance.md")
TEMPLATE = os.path.join(ROOT, "bench", "performance.md.in")
sys.path.insert(0, os.path.join(ROOT, "bench"))
import beside  # noqa: E402 (the path comes first)

ROUNDS = int(os.environ.get("REVIVE_BENCH_ROUNDS", "5"))
LIMIT_S = 1800
UPLOAD_BYTES = {"recovery": 64 << 20, "dfu": 4_000_000}
CEILINGS = (
    ("verify", "verify, parts with a digest", "pread, inflate, OpenSSL's SHA-384 in one loop"),
    ("checksum", "verify, system image", "pread, inflate, zlib's CRC-32 in one loop"),
    ("asr", "ASR, system image", "one loop of write of the finished stream to the same receiver"),
    ("recovery", "upload in Recovery mode", "the same USB/IP requests in one loop of write"),
    ("dfu", "upload in DFU mode", "the same USB/IP requests, each written when the last is answered"),
)


def make_ipsw(build, path, gigabytes, seed=2):
    """Incompressible content, deflated."""
    subprocess.run([os.path.join(build, "revive-sim"), "ipsw", "--out", path, "--version", "11.3", "--build", "15E216",
                    "--seed", str(seed), "--bytes", str(int(gigabytes * (1 << 30))), "--deflate"], check=True,
                   timeout=LIMIT_S)


# ---- ceilings ----

def rounds_of(*words):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return [tuple(map(float, line.split())) for line in done.stdout.splitlines()]


def phone_upload(build, scene, tool, mode):
    """A phone of its own at a USB/IP socket, for as long as the measuring takes."""
    place = tempfile.mkdtemp(dir=scene.folder)
    shutil.copytree(scene.folder + "/laid", place + "/phone")
    words = [os.path.join(build, "revive-sim"), "run", "--state", place + "/phone", "--usbip", f"UNIX:{place}/usb",
             "--mode", mode, "--time-scale", beside.TIME_SCALE]
    phone = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        phone.stdout.readline()
        return rounds_of(tool, mode, place + "/usb", UPLOAD_BYTES[mode], ROUNDS)
    finally:
        phone.terminate()
        phone.wait()
        phone.stdout.close()


def ceilings(build, folder):
    tool = os.path.join(build, "bench", "restore_ceiling")
    ipsw = folder + "/half.ipsw"
    make_ipsw(build, ipsw, 0.5)
    os.mkdir(folder + "/ceilings")
    scene = beside.Scene(build, folder + "/ceilings", ipsw)
    out = ["| road | what the ceiling does | MB | ceiling s | revive s | ceiling / revive | goal |",
           "|---|---|---:|---:|---:|---:|---:|"]
    for name, road, what in CEILINGS:
        upload = name in UPLOAD_BYTES
        rows = phone_upload(build, scene, tool, name) if upload else rounds_of(tool, name, ipsw, ROUNDS)
        ceiling, took, size = (statistics.median(row[i] for row in rows) for i in range(3))
        ratio = ceiling / took
        out.append(f"| {road} | {what} | {size / 1e6:.0f} | {ceiling:.3f} | {took:.3f} | {ratio:.2f} | 0.70 |")
        print(out[-1], flush=True)
    os.unlink(ipsw)
    return "\n".join(out)


# ---- side by side ----

def side_by_side(build, folder):
    if not shutil.which("idevicerestore"):
        sys.exit("idevicerestore is not installed")
    gigabytes = float(os.environ.get("REVIVE_BENCH_GB", "2"))
    ipsw = folder + "/beside.ipsw"
    make_ipsw(build, ipsw, gigabytes)
    os.mkdir(folder + "/beside")
    scene = beside.Scene(build, folder + "/beside", ipsw)
    out = ["| flow | image GB | idevicerestore s | revive s | revive / idevicerestore | goal | until both have ended s "
           "| CPU s | peak memory MB |", "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for erase in (False, True):
        pairs = []
        for number in range(max(3, ROUNDS - 2)):
            order = ("idevicerestore", "revive") if number % 2 == 0 else ("revive", "idevicerestore")
            pairs.append({who: scene.run(who, erase) for who in order})
            print(f"{'erase' if erase else 'update'}: {json.dumps(pairs[-1])}", flush=True)
        ratio = statistics.median(pair["revive"]["seconds"] / pair["idevicerestore"]["seconds"] for pair in pairs)

        def middle(who, what, of=pairs):
            return statistics.median(pair[who][what] for pair in of)
        two = {what: f"{middle('idevicerestore', what):.1f} / {middle('revive', what):.1f}"
               for what in ("exit", "cpu", "peak_mb")}
        out.append(f"| {'Erase' if erase else 'Update'} | {gigabytes:g} | {middle('idevicerestore', 'seconds'):.1f} "
                   f"| {middle('revive', 'seconds'):.1f} | {ratio:.2f} | 0.70 | {' | '.join(two.values())} |")
        print(out[-1], flush=True)
    os.unlink(ipsw)
    return "\n".join(out)


# ---- memory ----

def memory(build, folder):
    gigabytes = float(os.environ.get("REVIVE_BENCH_BIG_GB", "8"))
    ipsw = folder + "/big.ipsw"
    make_ipsw(build, ipsw, gigabytes)
    os.mkdir(folder + "/memory")
    run = beside.Scene(build, folder + "/memory", ipsw).run("revive", False)
    os.unlink(ipsw)
    out = ["| image GB | flow | peak memory of revive MB | goal |", "|---:|---|---:|---:|",
           f"| {gigabytes:g} | Update | {run['peak_mb']:.0f} | 128 |"]
    print(out[-1], flush=True)
    return "\n".join(out)


# ---- the page ----

PARTS = {"ceilings": ceilings, "beside": side_by_side, "memory": memory}


def kept_in(path, name):
    """What a page says now of a part that is not measured."""
    if not os.path.exists(path):
        return "not measured yet"
    with open(path, encoding="utf-8") as page:
        found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", page.read(), re.S)
    return found.group(1) if found else "not measured yet"


def stamped(table):
    load = os.getloadavg()[0]
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")), "unknown")
    return (f"Measured on {datetime.date.today().isoformat()}, {os.cpu_count()} processors ({cpu}), load {load:.1f} "
            f"at the end.\n\n{table}")


def main():
    build = os.path.dirname(os.path.abspath(sys.argv[1]))
    wanted = sys.argv[2:] or list(PARTS)
    with open(TEMPLATE, encoding="utf-8") as template:
        text = template.read()
    begun = time.monotonic()
    for name, measure in PARTS.items():
        table = kept_in(PAGE, name)
        if name in wanted:
            with tempfile.TemporaryDirectory(prefix="revive-bench-") as folder:
                table = stamped(measure(build, folder))
        text = text.replace(f"@{name.upper()}@", f"<!-- {name} -->\n{table}\n<!-- end -->")
    with open(PAGE, "w", encoding="utf-8") as out:
        out.write(text)
    print(f"docs/performance.md is written, after {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
