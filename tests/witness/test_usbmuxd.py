#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real usbmuxd daemon takes the virtual iPhone for a phone on USB, and Debian's programs reach it through there.

umock_host plays the USB bus; the daemon runs in a mount namespace of its own, with an empty /run and
/var/lib/lockdown, so that it touches nothing outside. It is ended by SIGKILL: with umockdev's nodes always writable it
never comes to look at SIGTERM."""
import os
import subprocess
import sys

from daemon import Daemon, empty_places, namespace
from phone import Phone, Tap, folder_for_test, need, run, stage

SECONDS = 150


def outside(sim, host):
    need("usbmuxd", "unshare", "ideviceinfo", "idevicepair", "idevicename", "idevicediagnostics",
         "ideviceenterrecovery", "idevice_id")
    space = namespace()
    folder = folder_for_test()
    stage(sim, folder)
    words = [host, "--state", os.path.join(folder, "scene/phone"), "--control", os.path.join(folder, "ctl"),
             "--time-scale", "0.02", "--set", "trust=ask", "--set", "trust_polls=0", "--timeout", str(SECONDS), "--",
             *space, sys.executable, os.path.abspath(__file__), "inside", sim, folder]
    return subprocess.run(words, stdin=subprocess.DEVNULL, timeout=SECONDS + 20).returncode


def inside(sim, folder):
    empty_places()
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
    ran = run("idevicepair", "validate")
    tap.check("nobody is paired before the person answers", ran.status != 0 and not phone.recorded("paired", ""), ran)
    phone.ask("trust", "yes")
    tap.check("the daemon hears of the tap and pairs by itself", phone.await_record("paired", "trusts host", 40),
              daemon.said())
    ran = run("idevicepair", "validate")
    tap.check("idevicepair validates the daemon's pairing", ran.status == 0 and "SUCCESS: Validated" in ran.text, ran)
    ran = run("idevicepair", "unpair")
    tap.check("idevicepair unpairs", ran.status == 0 and phone.recorded("unpaired", "no longer trusts"), ran)
    ran = run("idevicepair", "pair")
    tap.check("idevicepair pairs anew", ran.status == 0 and "SUCCESS: Paired" in ran.text, ran)
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
