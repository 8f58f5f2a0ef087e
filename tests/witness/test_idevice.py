#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's libimobiledevice programs, unmodified, at the simulator's usbmuxd socket.

What they print is believed only together with what the device itself recorded."""
import sys

from phone import Tap, need, phone_on_socket

need("ideviceinfo", "idevicepair", "idevicename", "idevicediagnostics", "ideviceenterrecovery", "idevice_id")
tap = Tap()
phone = phone_on_socket(sys.argv[1], settings=["trust=ask", "trust_polls=1"])

ran = phone.run("idevice_id", "-l")
tap.check("idevice_id lists the device by its UDID", ran.text.split() == [phone.udid], ran)

ran = phone.run("ideviceinfo", "-s")
tap.check("ideviceinfo -s reads the public values without pairing",
          ran.status == 0 and "ProductType: iPhone10,6" in ran.text and "ProductVersion: 11.2" in ran.text, ran)
tap.check("ideviceinfo -s is not given the serial number", "SerialNumber: " not in ran.text.replace(
    "BasebandSerialNumber: ", ""), ran)

ran = phone.run("ideviceinfo")
tap.check("ideviceinfo is told that the trust dialog waits", ran.status != 0 and "(-19)" in ran.text, ran)
tap.check("the dialog stood on the device's screen", phone.recorded("trust", "dialog"), phone.record())

ran = phone.run("idevicepair", "pair")
tap.check("idevicepair pairs when the person has tapped Trust", ran.status == 0 and "SUCCESS: Paired" in ran.text, ran)
tap.check("the device recorded the pairing", phone.recorded("paired", "trusts host"), phone.record())
ran = phone.run("idevicepair", "validate")
tap.check("idevicepair validates the pairing", ran.status == 0 and "SUCCESS: Validated" in ran.text, ran)

ran = phone.run("ideviceinfo")
tap.check("ideviceinfo reads everything inside a session",
          ran.status == 0 and "SerialNumber: " in ran.text and "ActivationState: Activated" in ran.text and
          "HardwareModel: D221AP" in ran.text, ran)
phone.ask("battery", "37")
ran = phone.run("ideviceinfo", "-q", "com.apple.mobile.battery")
tap.check("ideviceinfo -q reads the battery's level", "BatteryCurrentCapacity: 37" in ran.text, ran)
phone.ask("lock")
ran = phone.run("ideviceinfo", "-k", "PasswordProtected")
tap.check("a locked device says so in a session", ran.text.strip() == "true", ran)
phone.ask("unlock")

ran = phone.run("idevicename", "Ada's iPhone")
tap.check("idevicename sets the name", ran.status == 0 and phone.recorded("lockdown", "Ada's iPhone"), ran)
ran = phone.run("idevicename")
tap.check("idevicename reads the new name", ran.text.strip() == "Ada's iPhone", ran)

before = phone.address()
ran = phone.run("idevicediagnostics", "restart")
tap.check("idevicediagnostics asks for a restart", ran.status == 0 and "Restarting device." in ran.text, ran)
tap.check("the device recorded the restart", phone.await_record("reboot", "Restart"), phone.record())
tap.check("it left the bus and came back in Normal mode", phone.await_mode("normal", after=before), phone.record())
ran = phone.run("idevicename")
tap.check("name and pairing outlive the restart", ran.text.strip() == "Ada's iPhone", ran)

ran = phone.run("ideviceenterrecovery", phone.udid)
tap.check("ideviceenterrecovery says what it does", "Failed" not in ran.text and "switching to recovery" in ran.text, ran)
tap.check("the device recorded EnterRecovery", phone.await_record("lockdown", "EnterRecovery"), phone.record())
tap.check("the device appears in Recovery", phone.await_mode("recovery"), phone.record())
tap.check("auto-boot is false, so it stays there", phone.ask("state")["auto_boot"] == "false", phone.ask("state"))
ran = phone.run("idevice_id", "-l")
tap.check("usbmuxd's socket no longer lists it", phone.udid not in ran.text, ran)
tap.end()
