#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One Update as people run it: revive with libusb, and Debian's real usbmuxd, on a USB bus played by umockdev.

usage: test_update_libusb.py REVIVE-SIM UMOCK_HOST REVIVE
"""
import json
import os
import subprocess
import sys

from daemon import Daemon, empty_places, namespace
from phone import Phone, Tap, folder_for_test, need, run

SECONDS = 170


def outside(sim, host, revive):
    need("usbmuxd", "unshare")
    space = namespace()
    folder = folder_for_test()
    scene = os.path.join(folder, "scene")
    made = run(sim, "stage", "--dir", scene, "--bytes", str(4 << 20), "--data-bytes", str(1 << 20))
    if made.status != 0:
        raise SystemExit("Bail out! no scene: " + made.text)
    apple = subprocess.Popen([sim, "apple", "--pki", scene + "/pki", "--files", scene + "/files"],
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        port = apple.stdout.readline().split()[1]
        words = [host, "--state", scene + "/phone", "--control", os.path.join(folder, "ctl"), "--time-scale", "0.02",
                 "--set", "boot_loop=0", "--timeout", str(SECONDS - 10), "--", *space, sys.executable,
                 os.path.abspath(__file__), "inside", sim, revive, folder, port]
        return subprocess.run(words, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False).returncode
    finally:
        apple.terminate()
        apple.wait()


def inside(sim, revive, folder, port):
    empty_places()
    tap, phone = Tap(), Phone(sim, folder)
    daemon = Daemon(os.path.join(folder, "usbmuxd.log"))
    try:
        testify(tap, phone, daemon, (sim, revive, folder, port))
    finally:
        daemon.child.kill()
        daemon.child.wait()
    tap.end()


def testify(tap, phone, daemon, places):
    sim, revive, folder, port = places
    scene = os.path.join(folder, "scene")
    new = scene + "/files/new.ipsw"
    data, system = phone.ask("hash", "data")["hash"], phone.ask("hash", "system")["hash"]
    wanted = run(sim, "ipsw-hash", new).text.strip()
    tap.check("the device is stuck in Recovery mode", phone.await_mode("recovery"), phone.record())
    env = {**os.environ, "REVIVE_APPLE_TSS": f"http://127.0.0.1:{port}/TSS/controller?action=2",
           "REVIVE_TRUST_ROOT": scene + "/pki/root.der", "REVIVE_DEADLINE_SCALE": "0.3"}
    env.update({f"XDG_{k}_HOME": f"{folder}/{k.lower()}" for k in ("CONFIG", "CACHE", "STATE", "DATA")})
    for name in ("REVIVE_USB", "USBMUXD_SOCKET_ADDRESS"):
        env.pop(name, None)
    done = subprocess.run([revive, "update", "--ipsw", new, "--yes", "--json"], env=env, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=SECONDS - 30, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    tap.check("revive updates it through libusb and usbmuxd", done.returncode == 0, done.stdout[-3000:], done.stderr[-3000:],
              phone.record())
    tap.check("its last line is the result", bool(lines) and lines[-1].get("ok") is True, done.stdout[-1500:])
    tap.check("usbmuxd saw the restore", "Connected to v2.0 device" in daemon.said(), daemon.said())
    tap.check("the user partition is as it was", phone.ask("hash", "data")["hash"] == data)
    tap.check("the system volume is the new one", phone.ask("hash", "system")["hash"] == wanted and wanted != system)
    tap.check("the device runs it", phone.await_mode("normal") and phone.ask("state")["version"] == "11.3", phone.record())


if sys.argv[1] == "inside":
    inside(*sys.argv[2:6])
else:
    sys.exit(outside(*sys.argv[1:4]))
