#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a device says no to, and what breaks off: idevicebackup2 is told the number, and the next backup goes through.

usage: test_backup_faults.py REVIVE-SIM"""
import os
import sys

from backup_rig import Rig

rig = Rig(sys.argv[1], files=60, settings=["system=16.1"])
tap, phone = rig.tap, rig.phone


def refused(sentence, name, value, code, *words):
    phone.ask("set", name, value)
    ran = rig.run(*(words or ("backup",)))
    phone.ask("set", name)
    tap.check("%s: %d" % (sentence, code), "rror Code %d" % code in ran.text or "rrorCode %d" % code in ran.text, ran,
              rig.told())


refused("the setup assistant is not finished", "setup_done", "no", 212)
phone.ask("set", "passcode", "yes")
refused("the passcode is refused", "backup_passcode", "refuse", 208)
tap.check("the device asked for it", phone.recorded("screen", "passcode"))
phone.ask("set", "passcode")

refused("the device cannot read one of its files", "fault.backup_unreadable", "7", 104)

ran = rig.run("backup")
tap.check("after all that a backup is made", ran.status == 0 and "Backup Successful" in ran.text, ran, rig.told())
before = rig.digest()
refused("Find My is on", "find_my", "yes", 211, "restore", "--system", "--no-reboot")
tap.check("and the device keeps what it had", rig.digest() == before)

phone.ask("user", "change", "20")
phone.ask("set", "fault.backup_hangup", "in-moving")
ran = rig.run("backup")
tap.check("the agent ends when the files are to be moved: no success", "Backup Successful" not in ran.text, ran)
ran = rig.run("backup")
told = rig.told()
tap.check("the next one goes on where it stopped, and sends nothing again",
          "goes on with the last one, moving" in told and any(" 0 files and 0 bytes sent" in text for text in told), told)
tap.check("and is whole again", "Backup Successful" in ran.text and not os.path.exists(rig.leaf("Snapshot")),
          ran, rig.told())
tap.end()
