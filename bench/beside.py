# SPDX-License-Identifier: Apache-2.0
"""One whole Update or Erase of the virtual iPhone, by revive and by Debian's idevicerestore in turn, on the same bus.

Both find the phone in Recovery mode on a USB bus that umockdev plays, and in Restore mode at the virtual iPhone's own
usbmuxd socket, so that neither waits for the mock's transfers while gigabytes go over. The phone's own pauses are scaled
alike; the pauses of the two programs are their own and kept whole. The phone checks every piece, and the image's data by
the checksum that the image states, and drops them instead of writing (setting asr.discard): neither its flash nor its
digest of gigabytes, which a real phone computes with a processor of its own, is to be measured.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "witness"))
import phone as witness  # noqa: E402 (the path comes first)

LIMIT_S = 900
TIME_SCALE = "0.02"


class Scene:
    """Keys, a small old firmware and a phone laid once; each run takes a copy of the phone."""

    def __init__(self, build, folder, new_ipsw):
        self.sim, self.revive = os.path.join(build, "revive-sim"), os.path.join(build, "revive")
        self.host = next(path for path in (os.path.join(build, "bench", "umock_host"),
                                           os.path.join(build, "tests", "witness", "umock_host")) if os.path.exists(path))
        self.folder, self.new_ipsw = folder, new_ipsw
        self.pki, self.old_ipsw = os.path.join(folder, "pki"), os.path.join(folder, "old.ipsw")
        self.lay()

    def say(self, *words):
        subprocess.run([self.sim, *map(str, words)], check=True, stdout=subprocess.DEVNULL, timeout=LIMIT_S)

    def lay(self):
        # Apple signs what lies in its folder.
        os.mkdir(self.folder + "/files")
        os.symlink(os.path.abspath(self.new_ipsw), self.folder + "/files/new.ipsw")
        self.say("pki", self.pki)
        self.say("ipsw", "--out", self.old_ipsw, "--bytes", 4 << 20)
        self.say("new", "--state", self.folder + "/laid", "--pki", self.pki, "--ipsw", self.old_ipsw, "--data-bytes", 1 << 20)

    def run(self, who, erase):
        """Seconds until the phone saw the last message of its restore, until the program ended, and what it took."""
        place = tempfile.mkdtemp(dir=self.folder)
        apple = subprocess.Popen([self.sim, "apple", "--pki", self.pki, "--files", self.folder + "/files"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, text=True)
        try:
            shutil.copytree(self.folder + "/laid", place + "/phone")
            port = apple.stdout.readline().split()[1]
            words = [self.host, "--state", place + "/phone", "--mode", "recovery", "--control", place + "/ctl", "--usbmuxd",
                     "UNIX:" + place + "/mux", "--set", "asr.discard=yes", "--time-scale", TIME_SCALE, "--timeout",
                     str(LIMIT_S), "--", sys.executable, os.path.abspath(__file__), who, "erase" if erase else "update",
                     self.sim, self.revive, place, port, self.new_ipsw, self.pki]
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S + 30,
                                  check=False)
            if done.returncode != 0:
                raise SystemExit(f"{who}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}")
            return json.loads(done.stdout.splitlines()[-1])
        finally:
            apple.terminate()
            apple.wait()
            apple.stdout.close()
            shutil.rmtree(place, ignore_errors=True)


# ---- inside umock_host: one program, timed ----

def command_of(who, how, revive, place, port, ipsw):
    if who == "idevicerestore":
        erase = ["-e"] if how == "erase" else []
        return ["idevicerestore", "-d", "-y", "-P", "-s", "-C", place + "/cache", *erase, ipsw], {
            "http_proxy": "http://127.0.0.1:" + port}
    verb = ["restore"] if how == "erase" else ["update"]
    return [revive, *verb, "--ipsw", ipsw, "--yes", "--json"], {
        "REVIVE_APPLE_TSS": f"http://127.0.0.1:{port}/TSS/controller?action=2", "REVIVE_USB": "libusb"}


def timed(words, env, log):
    with open(log, "wb") as out:
        begun = time.monotonic()
        child = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return time.monotonic() - begun, child.returncode, usage


def inside(who, how, sim, revive, place, port, ipsw, pki):
    device = witness.Phone(sim, place)
    os.mkdir(place + "/cache")
    words, more = command_of(who, how, revive, place, port, ipsw)
    env = {**os.environ, "USBMUXD_SOCKET_ADDRESS": f"UNIX:{place}/mux", "REVIVE_TRUST_ROOT": pki + "/root.der", **more}
    env.update({f"XDG_{name}_HOME": f"{place}/{name.lower()}" for name in ("CONFIG", "CACHE", "STATE", "DATA")})
    begun = time.monotonic()
    seconds, status, usage = timed(words, env, place + "/log")
    with open(place + "/log", encoding="utf-8", errors="replace") as file:
        text = file.read()
    with open(place + "/phone/record.jsonl", encoding="utf-8") as file:
        record = [json.loads(line) for line in file]
    told = [f"{line['what']}: {line['text']}" for line in record]
    if os.environ.get("REVIVE_BENCH_KEEP"):
        with open(os.environ["REVIVE_BENCH_KEEP"] + "." + who, "w", encoding="utf-8") as out:
            out.write(text + "\n" + json.dumps(record, indent=0) + f"\nbegun {begun}")
    ended = [line["ms"] for line in record if line["text"] == "ReceivedFinalStatusMsg"]
    fine = status == 0 and ended and "status: 0" in told and any(line.startswith("asr: ") for line in told)
    if not fine:
        print(f"status {status}", text[-2000:], *told[-20:], sep="\n")
        return 1
    # The phone's clock is the same monotonic one.
    print(json.dumps({"seconds": round(ended[-1] / 1000 - begun, 2), "exit": round(seconds, 2),
                      "peak_mb": round(usage.ru_maxrss / 1024, 1), "cpu": round(usage.ru_utime + usage.ru_stime, 2)}))
    return 0


if __name__ == "__main__":
    sys.exit(inside(*sys.argv[1:]))
