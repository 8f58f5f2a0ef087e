# SPDX-License-Identifier: Apache-2.0
"""The firmware host of the virtual Apple with two versions of one model, and homes for programs that load from it."""
import atexit
import hashlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.request

PRODUCT = "iPhone10,6"


def digest(path):
    return hashlib.sha1(path.read_bytes()).hexdigest()


class Host:
    """The firmware host with two versions of one model."""

    def __init__(self, build, root, size=12582912):
        self.build, self.root = build, root
        self.files = files = root / "files"
        files.mkdir()
        for version, number, seed in (("11.2", "15C114", "1"), ("11.10", "15G1", "2")):
            subprocess.run([build / "revive-sim", "ipsw", "--out", files / f"iPhone_{version}_{number}_Restore.ipsw",
                            "--version", version, "--build", number, "--bytes", str(size), "--seed", seed], check=True,
                           stdout=subprocess.DEVNULL)
        self.newest = files / "iPhone_11.10_15G1_Restore.ipsw"
        self.record = root / "record"
        self.child = subprocess.Popen([build / "revive-sim", "apple", "--listen", "127.0.0.1:0", "--pki", root / "pki", "--files", files, "--record",
                                       self.record], stdout=subprocess.PIPE, text=True)
        line = self.child.stdout.readline()
        atexit.register(self.child.kill)
        self.port = re.search(r"(\d+)\s*$", line).group(1)

    def set(self, **faults):
        self.ask("none=1")
        for name, value in faults.items():
            self.ask(f"{name.replace('__', '.').replace('_', '-')}={value}")

    def ask(self, words):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/sim/set?{words}", timeout=10) as reply:
            reply.read()

    def requests(self):
        if not self.record.exists():
            return []
        return [json.loads(line) for line in self.record.read_text(encoding="utf-8").splitlines()]

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path.name}"

    def loads(self, before):
        """What was asked of files since there were `before` requests."""
        return [r for r in self.requests()[before:] if r["server"] == "files"]

    def stop(self):
        self.child.terminate()
        self.child.wait(timeout=10)


class Place:
    """A home of its own for one download."""

    def __init__(self, host, **more):
        self.host, self.build = host, host.build
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=host.root))
        self.out = self.folder / "out"
        self.env = dict(os.environ, HOME=str(self.folder), XDG_CACHE_HOME=str(self.folder / "cache"),
                        XDG_STATE_HOME=str(self.folder / "state"), REVIVE_DEADLINE_SCALE="0.5", LC_ALL="C.UTF-8",
                        USBMUXD_SOCKET_ADDRESS=f"UNIX:{self.folder}/none", REVIVE_USB=f"usbip:UNIX:{self.folder}/none",
                        REVIVE_APPLE_CATALOG=f"http://127.0.0.1:{host.port}/check/version",
                        REVIVE_IPSW_ME=f"http://127.0.0.1:{host.port}/v4/device/", **more)

    def words(self, *words):
        return [self.build / "revive", "--json", *words, "--product", PRODUCT]

    def run(self, *words, **popen):
        """Exit code and JSON of one command."""
        done = subprocess.run([self.build / "revive", "--json", *words], env=self.env, text=True, capture_output=True,
                              timeout=120, check=False, **popen)
        text = done.stdout.strip()
        return done.returncode, json.loads(text if text.startswith("{\n") else text.splitlines()[-1])

    def download(self, *words, **popen):
        return self.run("firmware", "download", "--to", self.out, *words, "--product", PRODUCT, **popen)

    def begin(self):
        """A download that has begun to load, and goes on."""
        child = subprocess.Popen(self.words("firmware", "download", "--to", self.out), env=self.env, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        part = self.out / (self.host.newest.name + ".part")
        for _ in range(600):
            if part.exists() and part.stat().st_size > 0:
                return child
            time.sleep(0.05)
        raise AssertionError("it never began")

    def files(self):
        return sorted(p.name for p in self.out.iterdir()) if self.out.exists() else []

    def must_be_right(self):
        assert self.files() == [self.host.newest.name], self.files()
        assert digest(self.out / self.host.newest.name) == digest(self.host.newest)
