#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What others' broken-off backups are to the next one by revive, and backups of a part of the phone.

usage: test_backup_standing.py REVIVE-SIM REVIVE SYSTEM [PASSWORD]"""
import json
import os
import shutil
import sqlite3
import sys

from backup_rig import Rig

sim, revive, system = sys.argv[1:4]
password = sys.argv[4] if len(sys.argv) > 4 else ""
rig = Rig(sim, settings=["system=" + system, "backup_password=" + password], files=150)
tap, phone = rig.tap, rig.phone
for name, leaf in (("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("HOME", "home")):
    phone.env[name] = phone.path(leaf)
phone.env.update(REVIVE_USB="usbip:UNIX:" + phone.path("usb"), REVIVE_DEADLINE_SCALE="0.2", TMPDIR=phone.folder,
                 REVIVE_BACKUP_PASSWORD=password)
theirs = os.path.join(rig.folder, phone.udid)
INDEX = "Manifest.mbdb" if int(system.split(".")[0]) < 10 else "Manifest.db"
HUGE = (1 << 30) + 4096


def run(*words):
    """(exit code, result, all that was said) of revive."""
    ran = phone.run(revive, "backup", *words, "--json", "--yes", limit=50)
    lines = [json.loads(line) for line in ran.text.splitlines() if line.startswith("{")]
    return ran.status, lines[-1] if lines else {"text": ran.text}, " ".join(e.get("text", "") for e in lines[:-1])


def create(folder=None, *words):
    rig.told()
    code, result, said = run("create", "--to", folder or rig.folder, *words)
    told = [text for text in rig.told() if "bytes sent" in text]
    return code, result, said, told[-1] if told else "nothing was sent"


def verifies(folder):
    return run("verify", os.path.join(folder, phone.udid))[0] == 0


def one_by_idevicebackup2():
    shutil.rmtree(rig.folder)
    os.mkdir(rig.folder)
    ran = rig.run("backup")
    tap.check("idevicebackup2 makes a backup", ran.status == 0, ran)


def broken_off_while_files_came():
    phone.ask("user", "change", "10")
    phone.ask("set", "fault.backup_hangup", "uploaded")
    rig.run("backup")
    code, result, said, sent = create()
    tap.check("broken off while files came: what was before is built upon",
              code == 0 and "broken off while files came" in said and sent.startswith("incremental"), result, said, sent)
    tap.check("and whole", verifies(rig.folder))


def broken_off_when_all_had_come():
    phone.ask("user", "change", "10")
    phone.ask("set", "fault.backup_hangup", "in-moving")
    rig.run("backup")
    code, result, said, sent = create()
    tap.check("broken off when all had come: the phone finishes it, and nothing is sent again",
              code == 0 and "finishes it first" in said and " 0 files and 0 bytes sent" in sent, result, said, sent)
    tap.check("and whole", verifies(rig.folder))


def with_a_list_of_no_bytes():
    """205 "zero-length data" is what a phone says to it; libimobiledevice issue 1582."""
    open(os.path.join(theirs, "Manifest.plist"), "wb").close()
    code, result, said, sent = create()
    aside = [name for name in os.listdir(rig.folder) if name.startswith(phone.udid + "-")]
    tap.check("an empty Manifest.plist is seen before the phone is asked, and a full one is made",
              code == 0 and "is broken" in said and sent.startswith("full"), result, said, sent)
    tap.check("the damaged one is kept beside it, with its files", len(aside) == 1 and
              os.path.exists(os.path.join(rig.folder, aside[0], INDEX)), os.listdir(rig.folder))
    tap.check("the new one is whole", verifies(rig.folder))
    shutil.rmtree(os.path.join(rig.folder, aside[0]))


def with_an_index_that_phones_choke_on():
    path = os.path.join(theirs, INDEX)
    os.truncate(path, HUGE)  # a hole: no disk is taken
    code, result, said, sent = create()
    tap.check("an index of more than a gigabyte: a full one", code == 0 and "so large" in said and sent.startswith("full"),
              result, said, sent)


def a_part_is_kept_in_a_folder_of_its_own():
    code, result, said, sent = create(None, "--only", "CameraRollDomain")
    tap.check("a part does not take the place of a whole one: exit 2, the phone is not asked",
              code == 2 and sent == "nothing was sent", result, sent)
    part = phone.path("part")
    code, result, said, sent = create(part, "--only", "CameraRollDomain,org.example.letters")
    tap.check("a backup of photos and one app", code == 0 and result["left_out"] > 10, result, said)
    tap.check("verifies", verifies(part))
    stored = sum(len(name) == 40 for _, _, names in os.walk(part) for name in names)
    tap.check("what was not asked for is not in it", 0 < stored < phone.ask("user", "totals")["files"], stored)
    if not password and INDEX == "Manifest.db":
        db = sqlite3.connect(os.path.join(part, phone.udid, INDEX))
        domains = {row[0] for row in db.execute("SELECT DISTINCT domain FROM Files")}
        db.close()
        tap.check("its index names nothing else", domains == {"CameraRollDomain", "AppDomain-org.example.letters"}, domains)
    whole = rig.digest()
    phone.ask("set", "setup_done", "no")
    code, result, said, sent = create(part)
    phone.ask("set", "setup_done", "yes")
    tap.check("a phone in its set-up: exit 4 before its agent is asked", code == 4 and sent == "nothing was sent" and
              result["error"]["advice"] == "backup-setup", result)
    code, result, said, sent = create(part)
    tap.check("without --only it becomes a whole one", code == 0 and verifies(part), result)
    rig.wipe()
    code, result, said = run("restore", os.path.join(part, phone.udid), "--no-restart")
    tap.check("which brings everything back", code == 0 and rig.digest() == whole, result)


def a_file_that_the_phone_cannot_read_is_named():
    phone.ask("set", "fault.backup_unreadable", "7")
    code, result, said, sent = create(None, "--full")
    phone.ask("set", "fault.backup_unreadable")
    tap.check("104 of the phone, with the file's name", code != 0 and "cannot read one of its own files: /.b/" in said, result, said)
    tap.check("the last one is as it was", verifies(rig.folder))


one_by_idevicebackup2()
broken_off_while_files_came()
broken_off_when_all_had_come()
with_a_list_of_no_bytes()
with_an_index_that_phones_choke_on()
a_part_is_kept_in_a_folder_of_its_own()
a_file_that_the_phone_cannot_read_is_named()
tap.end()
