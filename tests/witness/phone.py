# SPDX-License-Identifier: Apache-2.0
"""What the witness tests share: a staged virtual iPhone, other people's programs, and TAP.

Every program runs with a time limit, in a session of its own, and is killed with it."""
import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
from stage_cache import lay_scene  # noqa: E402 (the path comes first)

LIMIT_S = 60


class Tap:
    """Sentences that hold or do not; one plan at the end."""

    def __init__(self):
        self.count = self.failed = 0

    def check(self, sentence, holds, *facts):
        self.count += 1
        print("%s %d - %s" % ("ok" if holds else "not ok", self.count, sentence), flush=True)
        if not holds:
            self.failed += 1
            for fact in facts:
                for line in str(fact).splitlines():
                    print("#   " + line, flush=True)
        return holds

    def end(self):
        print("1..%d" % self.count, flush=True)
        sys.exit(1 if self.failed else 0)


def skip_all(why):
    print("1..0 # SKIP " + why, flush=True)
    sys.exit(0)


def need(*programs):
    """Skips the test when one of these programs is not installed."""
    for name in programs:
        if shutil.which(name) is None:
            skip_all(name + " is not installed")


class Ran:
    def __init__(self, status, text):
        self.status, self.text = status, text

    def __str__(self):
        return "status %s\n%s" % (self.status, self.text)


def run(*words, env=None, limit=LIMIT_S):
    """Runs a program; status 'timeout' when it took too long. Output and errors come as one text."""
    child = subprocess.Popen(words, env=dict(os.environ, **(env or {})), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        out, _ = child.communicate(timeout=limit)
        return Ran(child.returncode, out.decode("utf-8", "replace"))
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        out, _ = child.communicate()
        return Ran("timeout", out.decode("utf-8", "replace"))


def stage(sim, folder, scenario="fresh"):
    """Lays keys, firmware and a small device into folder/scene."""
    try:
        lay_scene(sim, os.path.join(folder, "scene"), ["--scenario", scenario, "--bytes", 1 << 20, "--data-bytes", 1 << 16])
    except subprocess.CalledProcessError as failure:
        raise SystemExit("Bail out! no stage: %s" % failure.stderr)


class Phone:
    """A running virtual iPhone: its folder, control socket and record."""

    def __init__(self, sim, folder):
        self.sim, self.folder = sim, folder
        self.env = {}
        self.udid = self.ask("state")["udid"]

    def path(self, leaf):
        return os.path.join(self.folder, leaf)

    def ask(self, *words):
        """A line to the control socket; its answer as a dictionary."""
        ran = run(self.sim, "ctl", "--control", self.path("ctl"), *words, env={"LD_PRELOAD": ""})
        try:
            return json.loads(ran.text)
        except ValueError:
            raise SystemExit("Bail out! the control socket answered %s" % ran)

    def run(self, *words, limit=LIMIT_S):
        return run(*words, env=self.env, limit=limit)

    def record(self):
        """The device's own record: a list of (what, text)."""
        with open(self.path("scene/phone/record.jsonl"), encoding="utf-8") as file:
            return [(line["what"], line["text"]) for line in map(json.loads, file.read().splitlines())]

    def recorded(self, what, part):
        return any(w == what and part in text for w, text in self.record())

    def address(self):
        """Counts how often the device came onto the bus."""
        return self.ask("state")["address"]

    def await_mode(self, mode, after=0, seconds=20):
        """True when the device shows itself in this mode in time, later than at the address `after`."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            state = self.ask("state")
            if state["mode"] == mode and state["address"] > after:
                return True
            time.sleep(0.05)
        return False

    def await_record(self, what, part, seconds=20):
        until = time.monotonic() + seconds
        while not self.recorded(what, part):
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True


def folder_for_test():
    folder = tempfile.mkdtemp(prefix="revive-witness-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def stop(child):
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def phone_on_socket(sim, mode="normal", scale="0.02", settings=()):
    """A phone at a usbmuxd socket of the simulator's own, on until the test ends."""
    folder = folder_for_test()
    stage(sim, folder)
    socket = "UNIX:" + os.path.join(folder, "mux")
    words = [sim, "run", "--state", os.path.join(folder, "scene/phone"), "--usbmuxd", socket, "--usbip",
             "UNIX:" + os.path.join(folder, "usb"), "--control", os.path.join(folder, "ctl"),
             "--time-scale", scale, "--mode", mode]
    for setting in settings:
        words += ["--set", setting]
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    atexit.register(stop, child)
    if child.stdout.readline() != b"ready\n":
        raise SystemExit("Bail out! the virtual iPhone did not start")
    phone = Phone(sim, folder)
    phone.env = {"USBMUXD_SOCKET_ADDRESS": socket}
    return phone
