#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real usbmuxd daemon takes the virtual iPhone for a phone on USB, and Debian's programs reach it through there.

umock_host plays the USB bus; the daemon runs in a mount namespace of its own, with an empty /run and
/var/lib/lockdown, so that it touches nothing outside. It is ended by SIGKILL: with umockdev's nodes always writable it
never comes to look at SIGTERM."""
import os
import subprocess
import sys
import time

from phone import Phone, Tap, folder_for_test, need, run, skip_all, stage

SECONDS = 150


def outside(sim, host):
    need("usbmuxd", "unshare", "ideviceinfo", "idevicepair", "idevicename", "idevicediagnostics",
         "ideviceenterrecovery", "idevice_id")
    space = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if run(*space, "mount", "-t", "tmpfs", "none", "/run").status != 0:
        skip_all("no mount namespace can be made here")
    folder = folder_for_test()
    stage(sim, folder)
    words = [host, "--state", os.path.join(folder, "scene/phone"), "--control", os.path.join(folder, "ctl"),
             "--time-scale", "0.02", "--set", "trust=ask", "--set", "trust_polls=3", "--timeout", str(SECONDS), "--",
             *space, sys.executable, os.path.abspath(__file__), "inside", sim, folder]
    return subprocess.run(words, stdin=subprocess.DEVNULL, timeout=SECONDS + 20).returncode


class Daemon:
    def __init__(self, log):
        self.log = log
        # A sanitizer's options are for our own programs.
        env = {k: v for k, v in os.environ.items() if k != "ASAN_OPTIONS"}
        self.child = subprocess.Popen(["usbmuxd", "-f", "-v", "-U", "root"], stdin=subprocess.DEVNULL, env=env,
                                      stdout=open(log, "w"), stderr=subprocess.STDOUT)

    def said(self):
        """Its log, without the coming and going of clients."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return "".join(line for line in file if "] Client " not in line)

    def await_listed(self, udid, listed, seconds=20):
        """True when the daemon lists the device, or no longer does, in time."""
        until = time.monotonic() + seconds
        while (udid in run("idevice_id", "-l").text.split()) != listed:
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True


def inside(sim, folder):
    for place in ("/run", "/var/lib/lockdown"):
        if place != "/run":
            os.makedirs(place, exist_ok=True)
        if run("mount", "-t", "tmpfs", "none", place).status != 0:
            raise SystemExit("Bail out! cannot put an empty folder over " + place)
    tap = Tap()
    phone = Phone(sim, folder)
    daemon = Daemon(os.path.join(folder, "usbmuxd.log"))
    try:
        testify(tap, phone, daemon)
    finally:
        daemon.child.kill()
        daemon.child.wait()
    tap.end()


def testify(tap, phone, daemon):
    tap.check("usbmuxd lists the device", daemon.await_listed(phone.udid, True), daemon.said())
    said = daemon.said()
    tap.check("it chose configuration 4 and found the mux interface",
              "from 1 to 4" in said and "with endpoints 04/85" in said, said)
    tap.check("it speaks version 2 of the link", "Connected to v2.0 device" in said, said)
    tap.check("its preflight asked the person for trust", phone.await_record("trust", "dialog"), said)

    ran = run("ideviceinfo", "-s")
    tap.check("ideviceinfo -s reads through it", ran.status == 0 and "ProductType: iPhone10,6" in ran.text, ran)
    ran = run("idevicepair", "pair")
    while "accept the trust dialog" in ran.text and not phone.recorded("paired", ""):
        ran = run("idevicepair", "pair")
    tap.check("idevicepair pairs through it", ran.status == 0 and "SUCCESS: Paired" in ran.text, ran)
    ran = run("idevicepair", "validate")
    tap.check("idevicepair validates", ran.status == 0 and "SUCCESS: Validated" in ran.text, ran)
    ran = run("ideviceinfo")
    tap.check("ideviceinfo reads everything through TLS in the mux", ran.status == 0 and "SerialNumber: " in ran.text,
              ran)
    ran = run("idevicename", "Through the daemon")
    tap.check("idevicename writes", ran.status == 0 and phone.recorded("lockdown", "Through the daemon"), ran)

    before = phone.address()
    ran = run("idevicediagnostics", "restart")
    tap.check("idevicediagnostics restarts it", ran.status == 0 and phone.await_record("reboot", "Restart"), ran)
    tap.check("it comes back on the bus", phone.await_mode("normal", after=before), phone.record())
    tap.check("usbmuxd sees it again", daemon.await_listed(phone.udid, True), daemon.said())
    ran = run("idevicename")
    tap.check("and reaches it, still paired", ran.text.strip() == "Through the daemon", ran)

    ran = run("ideviceenterrecovery", phone.udid)
    tap.check("ideviceenterrecovery works through it", "Failed" not in ran.text, ran)
    tap.check("the device appears in Recovery", phone.await_mode("recovery"), phone.record())
    tap.check("usbmuxd lists it no more", daemon.await_listed(phone.udid, False), daemon.said())


if sys.argv[1] == "inside":
    inside(*sys.argv[2:4])
else:
    sys.exit(outside(*sys.argv[1:3]))
