#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Around a backup: the lock that sync programs share, a phone that would fall asleep, its question for the passcode, and a
person who ends it on the phone's screen; with revive and with idevicebackup2.

usage: test_backup_sync.py REVIVE-SIM REVIVE"""
import json
import os
import subprocess
import sys
import time

from backup_rig import Rig

sim, revive = sys.argv[1:3]
rig = Rig(sim, settings=["system=17.2"], files=600)
tap, phone = rig.tap, rig.phone
for name, leaf in (("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("HOME", "home")):
    phone.env[name] = phone.path(leaf)
phone.env.update(REVIVE_USB="usbip:UNIX:" + phone.path("usb"), REVIVE_DEADLINE_SCALE="0.1", TMPDIR=phone.folder)
ours = phone.path("ours")
mine = os.path.join(ours, phone.udid)
POSTS = ["syncWillStart", "syncLockRequest", "syncDidStart", "syncDidFinish"]


def run(*words):
    """(exit code, result, events) of revive."""
    ran = phone.run(revive, *words, "--json", "--yes", limit=50)
    lines = [json.loads(line) for line in ran.text.splitlines() if line.startswith("{")]
    return ran.status, lines[-1] if lines else {}, lines[:-1]


def create(folder=None):
    return run("backup", "create", "--to", folder or ours)


def verifies():
    return run("backup", "verify", mine)[0] == 0


def the_phone_is_told_and_kept_awake_and_let_go():
    code, result, _ = create()
    record = phone.record()
    posts = [text.rsplit(".", 1)[1] for what, text in record if what == "notification" and "itunes-mobdev" in text]
    tap.check("a backup is made", code == 0, result)
    tap.check("the notices come in the order that sync programs keep", posts == POSTS, posts)
    order = [(what, text.split(":")[0]) for what, text in record if what in ("assertion", "backup")]
    tap.check("the phone is awake before its agent begins",
              ("assertion", "begins") in order and order.index(("assertion", "begins")) < order.index(("backup", "Backup begins")),
              order)
    tap.check("and may sleep afterwards", phone.await_record("assertion", "ends"))


def a_phone_that_locks_itself_is_backed_up():
    phone.ask("set", "backup_autolock", "yes")
    phone.ask("user", "change", "20")
    code, result, _ = create()
    tap.check("with revive it stays awake", code == 0, result, rig.told())
    ran = rig.run("backup")
    tap.check("idevicebackup2, which keeps nothing awake, is told 208", "208" in ran.text, ran)
    phone.ask("set", "backup_autolock")


def a_cancel_on_the_phone_ends_a_backup_and_harms_nothing():
    phone.ask("user", "change", "50")
    phone.ask("set", "fault.backup_cancel", "uploaded")
    code, result, _ = create()
    tap.check("exit 7: it goes on with the same command", code == 7 and "cancelled on the phone" in json.dumps(result), result)
    tap.check("the phone saw that it was heeded", phone.await_record("backup", "the host heeds the cancel"))
    tap.check("the last backup is whole", verifies())
    phone.ask("set", "fault.backup_cancel", "batch")
    ran = rig.run("backup")
    tap.check("idevicebackup2 heeds it too", "Backup Successful" not in ran.text and
              [t for t in rig.told() if "heeds" in t], ran)
    phone.ask("set", "fault.backup_error", "manifest 202")
    code, result, _ = create()
    tap.check("and 202 from the agent means the same", code == 7, result)
    code, result, _ = create()
    tap.check("the next one finishes", code == 0 and verifies(), result)


def a_cancel_on_the_phone_ends_a_restore_and_the_phone_keeps_what_it_had():
    before = rig.digest()
    phone.ask("set", "fault.backup_cancel", "manifest")
    code, result, _ = run("backup", "restore", mine, "--no-restart")
    tap.check("exit 7", code == 7 and "cancelled on the phone" in json.dumps(result), result)
    tap.check("the phone's files are what they were", rig.digest() == before)


def two_programs_do_not_synchronise_at_once():
    phone.ask("set", "fault.backup_stall", "batch")
    phone.ask("user", "change", "20")
    other = subprocess.Popen(["idevicebackup2", "backup", rig.folder], env={**os.environ, **phone.env}, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while not phone.recorded("fault", "backup_stall strikes") and time.monotonic() < until:
        time.sleep(0.02)
    code, result, _ = create()
    tap.check("while idevicebackup2 holds the lock: exit 1, with what to do",
              code == 1 and result["error"]["advice"] == "backup-syncing", result)
    other.kill()
    other.wait()
    code, result, _ = create()
    tap.check("afterwards it is made", code == 0, result)


def the_question_for_the_passcode_is_told_and_counted_down():
    phone.ask("set", "passcode", "yes")
    phone.ask("set", "backup_passcode_ms", "150000")
    code, result, events = create()
    waits = [e for e in events if e.get("step") == "passcode"]
    tap.check("a backup is made when it is entered", code == 0, result)
    tap.check("there was a word about it", any("passcode" in e.get("text", "") for e in events if e["event"] == "note"), events)
    tap.check("and the thirty minutes were counted", waits and all(e["unit"] == "seconds" and e["total"] == 1800 for e in waits),
              waits)
    tap.check("but no longer than it was on the screen", all(e["done"] < 10 for e in waits), waits)
    phone.ask("set", "backup_passcode", "refuse")
    code, result, _ = create()
    tap.check("refused: exit 4", code == 4 and result["error"]["advice"] == "backup-passcode", result)


the_phone_is_told_and_kept_awake_and_let_go()
a_phone_that_locks_itself_is_backed_up()
a_cancel_on_the_phone_ends_a_backup_and_harms_nothing()
a_cancel_on_the_phone_ends_a_restore_and_the_phone_keeps_what_it_had()
two_programs_do_not_synchronise_at_once()
the_question_for_the_passcode_is_told_and_counted_down()
tap.end()
