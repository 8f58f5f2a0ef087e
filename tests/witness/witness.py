# SPDX-License-Identifier: Apache-2.0
"""What the witness tests share: a scene in a scratch folder, programs run on it, and lines of TAP.

A witness is somebody else's program, unmodified. What it says of itself is not enough (irecovery ends with status 0
even when it failed), so each test also asks the device's own record.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ["REVIVE_BUILD"])
SIM = BUILD / "revive-sim"
HOST = BUILD / "tests" / "witness" / "umock_host"
MAKE_IMAGE = BUILD / "tests" / "witness" / "make_image"
PKI = pathlib.Path(os.environ["REVIVE_TEST_PKI"])


def need(*programs):
    """Skips the whole file when a program is absent; ./dev test installs them, and CI counts skips."""
    missing = [p for p in programs if shutil.which(p) is None]
    if not HOST.exists():
        missing.append("umockdev (at build time)")
    if missing:
        print("1..0 # SKIP not installed: " + ", ".join(missing))
        sys.exit(0)


def run(*words, timeout=60, **more):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=timeout, errors="replace",
                          stdin=subprocess.DEVNULL, **more)


class Phone:
    """One device in a folder of its own."""

    def __init__(self, folder, product="iPhone10,6", ecid=None):
        self.state = pathlib.Path(folder)
        words = ["--ecid", ecid] if ecid else []
        made = run(SIM, "new", "--state", self.state, "--pki", PKI, "--product", product, "--data-bytes", "65536", *words)
        if made.returncode != 0:
            raise AssertionError("no device: " + made.stderr)

    def record(self):
        path = self.state / "record.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def recorded(self, what, words=""):
        return any(r["what"] == what and words in r["text"] for r in self.record())

    def image(self, component, nonce, name="image", size=100000):
        """A signed (nonce "none": unsigned) image for this device."""
        path = self.state.parent / name
        made = run(MAKE_IMAGE, PKI, self.state, nonce, component, path, size)
        if made.returncode != 0:
            raise AssertionError("no image: " + made.stderr)
        return path


def host_words(phones, modes, *options):
    words = [HOST]
    for phone, mode in zip(phones, modes):
        words += ["--state", phone.state, "--mode", mode]
    return words + ["--time-scale", "0.02", *options, "--"]


def host(phones, modes, program, options=(), timeout=60):
    """Runs a program before these phones on a bus of umockdev's."""
    return run(*host_words(phones, modes, "--timeout", str(timeout - 5), *options), *program, timeout=timeout)


def tests(module):
    """Runs every function named test_*, each in a scratch folder, and prints TAP. A sentence is its name."""
    found = [(n, f) for n, f in vars(module).items() if n.startswith("test_") and callable(f)]
    print(f"1..{len(found)}", flush=True)
    bad = 0
    for number, (name, function) in enumerate(found, 1):
        sentence = name[5:].replace("_", " ")
        with tempfile.TemporaryDirectory(prefix="revive-witness-") as folder:
            try:
                function(pathlib.Path(folder))
                print(f"ok {number} - {sentence}", flush=True)
            except Exception as problem:  # one broken test must not hide the others
                bad += 1
                for line in str(problem).splitlines() or [repr(problem)]:
                    print("# " + line)
                print(f"not ok {number} - {sentence}", flush=True)
    sys.exit(1 if bad else 0)


def expect(condition, *shown):
    if not condition:
        parts = [s.stdout + s.stderr if hasattr(s, "stdout") else json.dumps(s, indent=0) if isinstance(s, list) else str(s)
                 for s in shown]
        raise AssertionError("\n".join(parts) or "not so")
