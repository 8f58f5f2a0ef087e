#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A phone that wants to write elsewhere or to fill memory or disk while it is backed up: the ways of sim/backup_hostile.c.

usage: test_backup_hostile.py REVIVE-SIM REVIVE [all]      without "all" every third; `./dev bench backup_hostile` takes all"""
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from phone import Tap, phone_on_socket

sim, revive = sys.argv[1:3]
source = pathlib.Path(__file__).resolve().parents[2] / "sim" / "backup_hostile.c"
EVERY = re.findall(r'^    \{ "([a-z0-9-]+)", ', source.read_text(encoding="utf-8"), re.M)
KINDS = EVERY if sys.argv[3:] == ["all"] else EVERY[1::3]
MEMORY_KB = 160 << 10  # far below what the lengths that are named would take
DISK = "48m"
tap = Tap()
phone = phone_on_socket(sim, settings=["trust=yes", "files=12", "keybag_rounds=500", "system=17.2"])
for name, leaf in (("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("HOME", "home")):
    phone.env[name] = phone.path(leaf)
phone.env.update(REVIVE_USB="usbip:UNIX:" + phone.path("usb"), REVIVE_DEADLINE_SCALE="0.02", TMPDIR=phone.folder)
top = pathlib.Path(phone.path("top"))
ours = top / "ours"
ours.mkdir(parents=True)
for place in (top / "secret", ours / "secret"):
    place.write_text("nobody's business")


def tree(*leave_out):
    """Everything below top but the phone's own folder, with content."""
    return {str(p.relative_to(top)): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "folder"
            for p in top.rglob("*") if not any(part in leave_out for part in p.relative_to(top).parts)}


def peak(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s*(\d+)", text)
    return int(found[1]) if found else 0


def backed_up(to=ours, limit=60, stopped_at=None):
    """(exit code or "timeout", most memory in KB); stopped_at: Ctrl-C when the device has recorded that."""
    most, until = 0, time.monotonic() + limit
    with subprocess.Popen([revive, "backup", "create", "--to", str(to), "--yes", "--json"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **phone.env}) as child:
        while child.poll() is None:
            most = max(most, peak(child.pid))
            if stopped_at is not None and phone.recorded("hostile", stopped_at):
                child.send_signal(signal.SIGINT)
                stopped_at = None
            if time.monotonic() > until:
                child.kill()
                return "timeout", most
            time.sleep(0.01)
        return child.returncode, most


def endless():
    """A file without an end, onto a small disk; None where such a disk cannot be had."""
    small = top.parent / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", small], stderr=subprocess.DEVNULL, check=False).returncode:
        return None
    try:
        return backed_up(to=small)
    finally:
        subprocess.run(["umount", small], check=False)


own = (phone.udid, f".{phone.udid}.work", f".{phone.udid}.cloning", f".{phone.udid}.previous")
tap.check("there are 32 ways", len(EVERY) == 32, EVERY)
tap.check("a good backup first", backed_up()[0] == 0)
before = tree(*own)
for kind in KINDS:
    phone.ask("set", "hostile", kind)
    # a silent one may be waiting for its passcode, for half an hour: the person stops it
    ended = endless() if kind == "endless" else backed_up(stopped_at=kind if kind == "silent" else None)
    phone.ask("set", "hostile")
    if ended is None:
        tap.check(f"{kind} # SKIP no small disk can be mounted", True)
        continue
    after = tree(*own)
    tap.check(f"{kind}: it ends, and nothing is changed outside of the phone's folder",
              ended[0] in range(8) and after == before and not os.path.exists("/tmp/revive-hostile-absolute"),
              ended, set(after.items()) ^ set(before.items()))
    tap.check(f"{kind}: at most 160 MB of memory", ended[1] < MEMORY_KB, f"{ended[1]} KB")
    tap.check(f"{kind}: the hostile thing was done", phone.recorded("hostile", kind))
tap.check("and the next backup is a good one", backed_up()[0] == 0)
tap.end()
