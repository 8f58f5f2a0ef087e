#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Devices and servers that fall silent, fail or lie: hostile.py --build DIR NAME.

silences   the device stands still in each phase: revive ends in time, with an exit code, a reason and what to do
numbers    the device fails or turns up in the wrong mode: the number and the words that iTunes would show
iboot      the boot loader's descriptors, strings and variables are endless, or of another length than they say
lies       restored sends what no restored sends: no file outside revive's folders, bounded time and memory
servers    a signing server that never ends, drips, sends in circles or answers with bombs
"""
import argparse
import contextlib
import http.server
import gzip
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "support")]
from faults import Bench, Road, rehearse  # noqa: E402
from lying_usb import LIES as USB_LIES, Between  # noqa: E402
from stage import StageError  # noqa: E402
from update_check import Wrong, claim  # noqa: E402

FAST = "0.01"        # deadlines: three seconds for most
LIMIT_SECONDS = 100  # of one run; a wait that is not bounded takes longer
MEMORY_MB = 1024     # of a run under AddressSanitizer, which keeps freed memory; without it 100 MB are enough


class Done:
    """A run that was measured."""

    def __init__(self, bench, *words, **env):
        self.begun = time.monotonic()
        out = open(bench.root / "out", "w+b")  # pylint: disable=consider-using-with
        child = subprocess.Popen([str(bench.build / "revive"), *map(str, words), "--json"], stdout=out,
                                 stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=bench.root / "here",
                                 env=bench.environment(**{"REVIVE_DEADLINE_SCALE": FAST, **env}))
        timer = threading.Timer(LIMIT_SECONDS, child.kill)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = 0
        timer.cancel()
        self.code = os.waitstatus_to_exitcode(status)
        self.seconds, self.memory_mb = time.monotonic() - self.begun, usage.ru_maxrss >> 10
        with out:
            out.seek(0)
            told = out.read().decode(errors="replace")
        # One document, or the last of the JSON Lines.
        self.result = json.loads(told if told.startswith("{\n") else (told.splitlines() or ["{}"])[-1])
        self.error = self.result.get("error") or {}

    def check(self, what, codes, itunes=None, advice=None):
        told = f"{what}: exit {self.code} after {self.seconds:.0f} s, {self.memory_mb} MB, {self.error.get('itunes_code')}, " \
               f"{self.error.get('advice')}: {self.error.get('cause')}"
        print(f"  {told}"[:330], flush=True)
        claim(self.code in codes, f"not one of {codes}: {told}")
        claim(self.memory_mb < MEMORY_MB, f"too much memory: {told}")
        claim(self.error.get("cause") and self.error.get("actions"), f"no reason, or nothing to do: {told}")
        claim(itunes is None or self.error.get("itunes_code") in itunes, f"not {itunes}: {told}")
        claim(advice is None or self.error.get("advice") in advice, f"not {advice}: {told}")


class Hostile(Bench):
    def __enter__(self):
        super().__enter__()
        (self.root / "here").mkdir()
        return self

    def files(self):
        own = {"state", "cache", "config", "data", "home", "scene", "fresh", "apple.jsonl", "apple.log", "run.log", "revive.err"}
        return {str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.relative_to(self.root).parts[0] not in own}

    def run(self, *words, **env):
        return Done(self, *(words or ("update", "--ipsw", self.new_ipsw)), **env)


# ---- silences ----

def event_of(bench, first, what, text, after=1):
    for line in bench.record():
        if line["what"] == what and line["text"].startswith(text):
            return line["event"] - first + after
    raise Wrong(f"the rehearsal had no {what} {text}")


# phase: (mode, the event at which the device stands still, by number or by its distance to a line of the record, exit
# codes, advice; iTunes' number)
SILENCES = {
    "DFU upload": ("dfu", ("accepted", "ibss", -20), (1,), None, 2013),
    "iBSS wait": ("dfu", ("accepted", "ibss", 1), (7,), None),
    "Recovery upload of iBEC": ("recovery", ("command", "go", -2), (1,), None, 2013),
    "start of iBEC": ("recovery", ("command", "go", -1), (7,), None),
    "iBEC wait": ("recovery", ("accepted", "ibec", 2), (7,), None),
    "Recovery upload of the ramdisk": ("recovery", ("screen", "background", 40), (7,), None),
    "wait for Restore mode": ("recovery", ("accepted", "rkrn", 1), (7,), None),
    "restored's first answers": ("recovery", ("restored", "request QueryType", 1), (7,), None),
    "restored's messages": ("recovery", ("step", "wait_for_storage", 1), (7,), ("device-silent", "replug-restore")),
    "ASR": ("recovery", ("request", "SystemImageData", 30), (7,), None),
    "factory data": ("recovery", ("request", "FDRTrustData", 2), (7,), None),
    "modem": ("recovery", ("request", "BasebandData", 2), (7,), None),
    "first start": ("recovery", ("reboot", "the restore is done", 1), (7,), None),
}


def silences(build):
    for mode in ("recovery", "dfu"):
        with Hostile(build, mode) as bench:
            bench.lay_phone()
            first = bench.control("events")["events"]
            bench.drop_phone()
            rehearse(bench, Road("update", mode))
            rows = {name: row for name, row in SILENCES.items() if row[0] == mode}
            events = {name: row[1] if isinstance(row[1], int) else event_of(bench, first, *row[1]) for name, row in rows.items()}
            for name, (_, _, codes, advice, *itunes) in rows.items():
                bench.lay_phone()
                before = bench.hash_of("data")
                bench.control("cut", "hold", events[name])
                done = bench.run()
                bench.control("cut", "off")
                done.check(name, codes, itunes or None, advice)
                claim(bench.hash_of("data") == before, f"{name}: the user partition was changed")


# ---- numbers ----

# what is ordered from the device: (exit code, number, part of the reason)
NUMBERS = {
    "return_mode=dfu x1": (7, (4014,), "DFU"),
    "never_return=yes x1": (7, (4005,), ""),
    "restored.reboot=fixup_var x1": (7, (4013, 4016), "came back"),
    "restored.vanish=fixup_var x1": (7, (4005,), "did not come back"),
    "restored.status=wait_for_storage:6 x1": (7, (6,), "0x060D"),
    "restored.status=asr_and_invert_image:14 x1": (7, (14,), ""),
    "restored.status=check_apfs_format:27 x1": (7, (27,), "0x064F"),
    "restored.status=update_baseband_legacy:1015 x1": (7, (1015,), ""),
    "restored.status=fdr_recover:53 x1": (7, (53,), "0x"),
    "restored.status=update_savage:-1 x1": (7, (-1,), ""),
    "restored.status=load_sep_os:51 x1": (7, (51,), ""),
    "restored.status=create_system_snapshot:4711 x1": (7, (4711,), ""),
}


def numbers(build):
    with Hostile(build, "recovery") as bench:
        rehearse(bench, Road("update", "recovery")) # from here on its system would start
        bench.control("mode", "recovery")
        bench.control("set", "fault.return_mode", "normal x1")
        bench.run().check("Normal mode instead of iBEC", (7,), (4016,))
        for order, (code, itunes, words) in NUMBERS.items():
            bench.lay_phone()
            before = bench.hash_of("data")
            bench.control("set", *f"fault.{order}".split("=", 1))
            done = bench.run()
            done.check(order, (code,), itunes)
            claim(words in done.error["cause"], f"{order}: '{words}' is not in {done.error['cause']}")
            claim(bench.hash_of("data") == before, f"{order}: the user partition was changed")


# ---- iboot ----

def iboot(build):
    """Without its number no device is worked on: only lies that leave the serial number alone come to preflight."""
    with Hostile(build, "recovery") as bench:
        bench.lay_phone()
        before, files = bench.hash_of("data"), bench.files()
        for kind in USB_LIES:
            with Between(bench.root / "between", bench.root / "usb", kind) as between:
                update = [("update", "--ipsw", bench.new_ipsw, "--dry-run")] if "variables" in kind else []
                for words in [("info",), *update]:
                    done = bench.run(*words, REVIVE_USB=f"usbip:UNIX:{bench.root}/between")
                    what = f"{kind}, {words[0]}"
                    claim(between.told, f"{what}: nothing was lied about")
                    if done.code != 0:
                        done.check(what, (1, 3, 4, 5, 7))
                    claim(done.seconds < LIMIT_SECONDS / 2 and done.memory_mb < MEMORY_MB,
                          f"{what}: {done.seconds:.0f} s, {done.memory_mb} MB")
                    claim(not any(ord(c) < 32 for c in json.dumps(done.result, ensure_ascii=False)), f"{what}: {done.result}")
        new = bench.files() - files - {"out", "mux", "usb", "ctl"}
        claim(not new, f"files were written: {new}")
        claim(bench.hash_of("data") == before and not [r for r in bench.record() if r["what"] == "accepted"],
              "the device was touched")


# ---- lies ----

# "" stands for a lie that a host may overlook: the restore goes on and ends well
LIES = {"huge": (7,), "half": (7,), "nested": (7,), "flood": (7,), "requests": (0, 7), "async": (7,), "port": (7,),
        "paths": (0, 7), "text": (0, 7)}


def lies(build):
    with Hostile(build, "recovery") as bench:
        for kind, codes in LIES.items():
            bench.lay_phone()
            before, files = bench.hash_of("data"), bench.files()
            bench.control("set", "fault.restored.lie", f"wait_for_storage:{kind} x1")
            done = bench.run()
            if done.code == 0 and 0 in codes:
                print(f"  {kind}: overlooked in {done.seconds:.0f} s, {done.memory_mb} MB", flush=True)
                claim(done.memory_mb < MEMORY_MB, f"{kind}: {done.memory_mb} MB")
            else:
                done.check(kind, codes)
            new = bench.files() - files - {"out", "mux", "usb", "ctl"}
            claim(not new, f"{kind}: files were written: {new}")
            claim(not pathlib.Path("/tmp/written-by-a-device").exists(), f"{kind}: a file outside was written")
            claim(bench.hash_of("data") == before, f"{kind}: the user partition was changed")
            logs = sum(p.stat().st_size for p in (bench.root / "state").rglob("*") if p.is_file())
            claim(logs < 64 << 20, f"{kind}: {logs} bytes of logs")


# ---- servers ----

class Liar(http.server.BaseHTTPRequestHandler):
    kind = ""

    def do_POST(self):  # pylint: disable=invalid-name
        with contextlib.suppress(OSError):
            getattr(self, f"be_{self.kind}")()

    do_GET = do_POST

    def log_message(self, *unused):
        """Silence."""

    def head(self, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def be_endless(self):
        self.head()
        for _ in range(4096):
            self.wfile.write(b"x" * (1 << 20))

    def be_dripping(self):
        self.head()
        for _ in range(600):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.5)

    def be_circling(self):
        self.head(302, Location=f"http://127.0.0.1:{self.server.server_port}/again")

    def be_bomb(self):
        body = gzip.compress(b"STATUS=0&MESSAGE=SUCCESS&REQUEST_STRING=" + bytes(64 << 20))
        self.head(Content_Encoding="gzip", Content_Length=str(len(body)))
        self.wfile.write(body)

    def be_elsewhere(self):
        self.head(302, Location="file:///etc/passwd")

    def be_long_headers(self):
        self.send_response(200)
        for i in range(100000):
            self.wfile.write(f"X-{i}: {'y' * 1000}\r\n".encode())

    def be_deep(self):
        self.head()
        self.wfile.write(b"STATUS=0&MESSAGE=SUCCESS&REQUEST_STRING=<plist>" + b"<array>" * 1000000)


def servers(build):
    with Hostile(build, "recovery") as bench:
        bench.lay_phone()
        before = bench.hash_of("data")
        for kind in [name[3:] for name in dir(Liar) if name.startswith("be_")]:
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Kind", (Liar,), {"kind": kind}))
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            done = bench.run(REVIVE_APPLE_TSS=f"http://127.0.0.1:{server.server_port}/TSS/controller?action=2")
            server.shutdown()
            server.server_close()
            done.check(f"a server that is {kind}", (1, 5, 6))
            claim(bench.hash_of("data") == before and not [r for r in bench.record() if r["what"] == "accepted"],
                  f"{kind}: the device was touched")


def main():
    names = {s.__name__: s for s in (silences, numbers, iboot, lies, servers)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("name", choices=sorted(names))
    options = parser.parse_args()
    try:
        names[options.name](options.build)
    except (Wrong, StageError, subprocess.TimeoutExpired) as problem:
        print(f"FAILED {options.name}: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
