# SPDX-License-Identifier: Apache-2.0
"""A stage for tests and for `./dev try`: Apple's side and a virtual iPhone as processes, and revive before them.

    with Stage(build) as stage:                 # keys, old.ipsw, new.ipsw, a phone in trouble
        stage.start()
        done = stage.revive("list", "--json")   # .code, .out, .err
        stage.control("state")                  # the device's own word, parsed
"""
import collections
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

from stage_cache import lay_scene

Done = collections.namedtuple("Done", "code out err")
START_SECONDS = 60
END_SECONDS = 10


class StageError(Exception):
    """The stage itself does not stand; the message says which part."""


class Stage:
    def __init__(self, build, scenario="boot-loop", system_bytes=8 << 20, data_bytes=2 << 20, time_scale="0.02",
                 folder=None, apple=()):
        self.build = pathlib.Path(build).resolve()
        self.scenario, self.time_scale, self.apple_options = scenario, time_scale, list(apple)
        self.sizes = ["--bytes", str(system_bytes), "--data-bytes", str(data_bytes)]
        self.root = pathlib.Path(folder or tempfile.mkdtemp(prefix="revive-stage-"))
        self.keep = folder is not None
        self.scene, self.port, self.children, self.phones = self.root / "scene", None, [], []

    # Where things stand on the stage.
    old_ipsw = property(lambda self: self.scene / "files" / "old.ipsw")
    new_ipsw = property(lambda self: self.scene / "files" / "new.ipsw")
    phone = property(lambda self: self.scene / "phone")
    pki = property(lambda self: self.scene / "pki")

    def __enter__(self):
        try:
            lay_scene(self.build / "revive-sim", self.scene, ["--scenario", self.scenario, *self.sizes])
        except subprocess.CalledProcessError as failure:
            raise StageError(f"revive-sim stage: {failure.stderr.strip()}") from failure
        return self

    def __exit__(self, *unused):
        self.stop()
        if not self.keep:
            shutil.rmtree(self.root, ignore_errors=True)

    def sim(self, *words):
        """One short verb of revive-sim; its stdout."""
        done = subprocess.run([self.build / "revive-sim", *map(str, words)], capture_output=True, text=True,
                              timeout=START_SECONDS * 2, check=False)
        if done.returncode != 0:
            raise StageError(f"revive-sim {words[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def add_phone(self, name, ipsw=None, ecid=None):
        """One more device on the same stage, before start()."""
        state = self.scene / name
        more = ["--ecid", str(ecid)] if ecid else []
        self.sim("new", "--state", state, "--pki", self.pki, "--ipsw", ipsw or self.old_ipsw, *more)
        self.phones.append(state)
        return state

    def spawn(self, *words):
        """A long verb of revive-sim; its first line is its word that it is ready."""
        log = open(self.root / f"{words[0]}.log", "ab")  # pylint: disable=consider-using-with
        child = subprocess.Popen([self.build / "revive-sim", *map(str, words)],  # pylint: disable=consider-using-with
                                 stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        self.children.append(child)
        ready, _, _ = select.select([child.stdout], [], [], START_SECONDS)
        line = child.stdout.readline().decode() if ready else ""
        if not line:
            raise StageError(f"revive-sim {words[0]} is not ready: {self.log_of(words[0])}")
        return line.strip()

    def log_of(self, name):
        path = self.root / f"{name}.log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else "no log"

    def start(self, *run_options):
        self.start_apple()
        self.start_phone(*run_options)

    def start_apple(self, *options):
        line = self.spawn("apple", "--pki", self.pki, "--files", self.scene / "files", "--record",
                          self.root / "apple.jsonl", *self.apple_options, *options)
        self.port = int(line.split()[-1])

    def start_phone(self, *run_options):
        states = [word for state in [self.phone, *self.phones] for word in ("--state", state)]
        self.spawn("run", *states, "--usbmuxd", f"UNIX:{self.root}/mux", "--usbip", f"UNIX:{self.root}/usb",
                   "--control", f"{self.root}/ctl", "--time-scale", self.time_scale, *run_options)

    def stop(self):
        for child in reversed(self.children):
            child.terminate()
            try:
                child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stdout.close()
        self.children = []

    def control(self, *words, check=True):
        """One line to the device's control socket, its answer as a dictionary."""
        done = subprocess.run([self.build / "revive-sim", "ctl", "--control", f"{self.root}/ctl", *map(str, words)],
                              capture_output=True, text=True, timeout=START_SECONDS, check=False)
        answer = json.loads(done.stdout) if done.stdout.startswith("{") else {"ok": False, "error": done.stderr}
        if check and not answer.get("ok"):
            raise StageError(f"the device did not obey '{' '.join(map(str, words))}': {answer}")
        return answer

    def await_mode(self, mode, seconds=30):
        return self.control("await", mode, seconds)

    def environment(self, **more):
        env = dict(os.environ)
        env.update({
            "USBMUXD_SOCKET_ADDRESS": f"UNIX:{self.root}/mux",
            "REVIVE_USB": f"usbip:UNIX:{self.root}/usb",
            "REVIVE_APPLE_TSS": f"http://127.0.0.1:{self.port}/TSS/controller?action=2",
            "REVIVE_TRUST_ROOT": str(self.pki / "root.der"),
            "HOME": str(self.root / "home"),
            "XDG_STATE_HOME": str(self.root / "state"),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "XDG_CONFIG_HOME": str(self.root / "config"),
            "XDG_DATA_HOME": str(self.root / "data"),
            "NO_COLOR": "1",
        })
        env.update({key: value for key, value in more.items() if value is not None})
        for key, value in more.items():
            if value is None:
                env.pop(key, None)
        return env

    def revive(self, *words, timeout=180, env=None):
        """One run of revive, without a terminal."""
        done = subprocess.run([self.build / "revive", *map(str, words)], env=env or self.environment(),
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    def hash_of(self, what):
        """SHA-384 of 'system' or 'data' as the device itself tells it."""
        return self.control("hash", what)["hash"]

    def hash_in(self, ipsw):
        """SHA-384 of the system volume that a firmware file installs."""
        return self.sim("ipsw-hash", ipsw).strip()

    def record(self):
        """What the device itself wrote down, one dictionary a line."""
        path = self.phone / "record.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def requests(self):
        """What Apple's side was asked."""
        path = self.root / "apple.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_until(true, seconds, what):
    """An event that has no descriptor to wait on, by a deadline."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise StageError(f"{what} did not happen in {seconds} s")
        time.sleep(0.02)
