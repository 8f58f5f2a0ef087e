#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""idevicebackup2 backs the virtual iPhone up, again after some files changed, and restores it; each generation.

usage: test_backup.py REVIVE-SIM SYSTEM"""
import os
import re
import sys

from backup_rig import Rig


def sent(told):
    """(kind, files sent, files kept) of the last backup that the device tells of."""
    for text in reversed(told):
        found = re.match(r"(full|incremental): (\d+) files and \d+ bytes sent, (\d+) files as before", text)
        if found:
            return found[1], int(found[2]), int(found[3])
    return None


rig = Rig(sys.argv[1], settings=["system=" + sys.argv[2]])
tap, phone = rig.tap, rig.phone
total = phone.ask("user", "totals")["files"]

ran = rig.run("backup")
told = rig.told()
tap.check("a first backup is full", ran.status == 0 and "Backup Successful" in ran.text, ran, told)
tap.check("all files are sent", sent(told) == ("full", total, 0), told)
manifest = "Manifest.mbdb" if int(sys.argv[2].split(".")[0]) < 10 else "Manifest.db"
tap.check("%s is there, and no Snapshot" % manifest,
          os.path.exists(rig.leaf(manifest)) and not os.path.exists(rig.leaf("Snapshot")), os.listdir(rig.leaf("")))

changed = phone.ask("user", "change", "5")["files"]
removed = phone.ask("user", "remove", "3")["files"]
ran = rig.run("backup")
told = rig.told()
kind, files, kept = sent(told) or ("none", 0, 0)
tap.check("a second one is incremental", ran.status == 0 and kind == "incremental", ran, told)
tap.check("only what changed is sent", 0 < files <= changed and files + kept == total - removed,
          told, changed, removed, total)

before = rig.digest()
tap.check("the phone is erased", rig.wipe() and rig.digest() != before)
ran = rig.run("restore", "--system", "--settings", "--no-reboot")
tap.check("the backup is restored", ran.status == 0 and "Restore Successful" in ran.text, ran, rig.told())
tap.check("and every file is what it was", rig.digest() == before)
tap.end()
