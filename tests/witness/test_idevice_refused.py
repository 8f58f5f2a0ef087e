#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's programs at a device that refuses: locked, untrusted, forgotten, unplugged."""
import os
import sys

from phone import Tap, need, phone_on_socket

need("ideviceinfo", "idevicepair", "idevicediagnostics")
tap = Tap()
phone = phone_on_socket(sys.argv[1], settings=["trust=yes", "locked=yes"])

ran = phone.run("idevicepair", "pair")
tap.check("a locked device asks for its passcode", ran.status != 0 and "passcode" in ran.text, ran)
phone.ask("unlock")
phone.ask("trust", "no")
ran = phone.run("idevicepair", "pair")
tap.check("the person says no", ran.status != 0 and "denied the trust dialog" in ran.text, ran)
tap.check("nothing was paired", not phone.recorded("paired", ""), phone.record())

phone.ask("trust", "yes")
ran = phone.run("idevicepair", "pair")
tap.check("then yes", ran.status == 0, ran)
before = phone.address()
ran = phone.run("idevicediagnostics", "restart")
tap.check("a trusted host may restart it", ran.status == 0 and phone.await_record("reboot", "Restart"), ran)
tap.check("it comes back", phone.await_mode("normal", after=before), phone.record())

# What "Reset Location & Privacy" does on a phone: it forgets every computer.
folder = phone.path("scene/phone/pairing")
for name in os.listdir(folder):
    if name.endswith(".plist"):
        os.unlink(os.path.join(folder, name))
phone.ask("lock")
ran = phone.run("ideviceinfo", "-k", "SerialNumber")
tap.check("a forgotten host gets nothing from a locked device", ran.status != 0 and "SIM" not in ran.text, ran)
tap.check("the device refused its session", phone.recorded("refused", "not trusted"), phone.record())

phone.ask("unplug")
ran = phone.run("ideviceinfo", "-s")
tap.check("an unplugged device is not found", ran.status != 0 and "No device" in ran.text, ran)
phone.ask("plug")
tap.check("and is there again when plugged in", phone.await_mode("normal"), phone.record())
ran = phone.run("ideviceinfo", "-s")
tap.check("it answers again", ran.status == 0, ran)
tap.end()
