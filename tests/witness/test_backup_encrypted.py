#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Passwords of backups with idevicebackup2: set, changed, removed; what is encrypted goes back only with the right one.

usage: test_backup_encrypted.py REVIVE-SIM"""
import sys

from backup_rig import Rig

rig = Rig(sys.argv[1])
tap = rig.tap

ran = rig.run("encryption", "on", "first")
tap.check("a password is set", ran.status == 0 and "password set" in rig.told(), ran)
ran = rig.run("changepw", "wrong", "second")
tap.check("it is not changed by one who does not know it", "207" in ran.text and ran.status != 0, ran, rig.told())
ran = rig.run("changepw", "first", "second")
tap.check("it is changed by one who does", ran.status == 0 and "password changed" in rig.told(), ran)

ran = rig.run("backup")
tap.check("an encrypted backup is made", ran.status == 0 and "Backup Successful" in ran.text, ran, rig.told())
with open(rig.leaf("Manifest.db"), "rb") as file:
    tap.check("its manifest is not readable", not file.read(16).startswith(b"SQLite"))

before = rig.digest()
rig.wipe()
results = rig.copies([("wrong password", lambda folder: None, "--password", "first"),
                      ("right password", lambda folder: None, "--password", "second")])
ran = results["wrong password"]
tap.check("the old password does not open it", "207" in ran.text and ran.status != 0, ran)
ran = results["right password"]
tap.check("the new one does", ran.status == 0 and "Restore Successful" in ran.text, ran, rig.told())
tap.check("and every file is what it was", rig.digest() == before)

ran = rig.run("encryption", "off", "second")
tap.check("the password is removed", ran.status == 0 and "password removed" in rig.told(), ran)
tap.end()
