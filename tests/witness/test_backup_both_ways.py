#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""revive and idevicebackup2 with one virtual iPhone: each restores what the other made; broken-off runs harm nothing.

usage: test_backup_both_ways.py REVIVE-SIM REVIVE SYSTEM [PASSWORD]"""
import json
import os
import shutil
import subprocess
import sys
import time

from backup_rig import Rig

sim, revive, system = sys.argv[1:4]
password = sys.argv[4] if len(sys.argv) > 4 else None
rig = Rig(sim, settings=["system=" + system], files=120)
tap, phone = rig.tap, rig.phone
for name, leaf in (("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("HOME", "home")):
    phone.env[name] = phone.path(leaf)
phone.env.update(REVIVE_USB="usbip:UNIX:" + phone.path("usb"), REVIVE_DEADLINE_SCALE="0.2", TMPDIR=phone.folder)
if password:
    phone.env["REVIVE_BACKUP_PASSWORD"] = password
ours = phone.path("ours")
mine = os.path.join(ours, phone.udid)


def run(*words):
    """(exit code, result, text) of revive."""
    ran = phone.run(revive, *words, "--json", "--yes", limit=50)
    lines = [line for line in ran.text.splitlines() if line.startswith("{")]
    return ran.status, json.loads(lines[-1]) if lines else {}, ran


def sent():
    told = [t for t in rig.told() if "files and" in t and "sent" in t]
    return told[-1] if told else "nothing"


def the_password_is_set_and_not_set_twice():
    with open(phone.path("new"), "w", encoding="utf-8") as file:
        file.write(password)
    code, result, ran = run("backup", "password", "set", "--new-password-file", phone.path("new"))
    tap.check("a password is set", code == 0 and result.get("encrypts"), ran)
    code, result, ran = run("backup", "password", "set", "--new-password-file", phone.path("new"))
    tap.check("and not set twice", code == 4 and result["error"]["advice"] == "backup-password-is-set", ran)


def the_password_is_removed():
    phone.env["REVIVE_BACKUP_PASSWORD"] = "wrong"
    code, result, ran = run("backup", "restore", mine, "--no-restart")
    tap.check("a wrong password is refused before the phone is asked", code == 4, ran)
    phone.env["REVIVE_BACKUP_PASSWORD"] = password
    code, result, ran = run("backup", "password", "remove")
    tap.check("the password is removed", code == 0 and result.get("encrypts") is False, ran)


def a_backup_is_made_and_the_next_takes_what_changed():
    code, result, ran = run("backup", "create", "--to", ours)
    tap.check("revive makes a backup", code == 0 and result.get("folder") == mine, ran, rig.told())
    tap.check("nothing else lies in the folder", os.path.isdir(ours) and os.listdir(ours) == [phone.udid], ran)
    code, result, ran = run("backup", "verify", mine)
    tap.check("which verifies", code == 0 and result["findings"]["damage"] == 0, ran)
    phone.ask("user", "change", "5")
    code, result, ran = run("backup", "create", "--to", ours)
    told = sent()
    tap.check("the second one takes what changed", code == 0 and result.get("incremental") and told.startswith("incremental"),
              ran, told)


def erase(before):
    tap.check("the phone is erased", rig.wipe() and rig.digest() != before)


def each_restores_what_the_other_made():
    before = rig.digest()
    erase(before)
    words = ["--password", password] if password else []
    ran = rig.run("restore", "--system", "--settings", "--no-reboot", *words, folder=ours)
    tap.check("idevicebackup2 restores revive's backup", ran.status == 0 and "Restore Successful" in ran.text, ran, rig.told())
    tap.check("and every file is what it was", rig.digest() == before)
    ran = rig.run("backup")
    tap.check("idevicebackup2 makes one", ran.status == 0, ran)
    erase(before)
    code, result, ran = run("backup", "restore", os.path.join(rig.folder, phone.udid), "--no-restart")
    tap.check("revive restores that", code == 0 and result.get("files_sent", 0) > 100, ran, rig.told())
    tap.check("and every file is what it was", rig.digest() == before)


def received():
    work = os.path.join(ours, f".{phone.udid}.work")
    return sum(len(names) for _, _, names in os.walk(work)) if os.path.isdir(work) else 0


def a_killed_run_leaves_the_last_backup_whole_and_the_next_finishes():
    """kill -9 when so many files lie in the folder beside the last backup; at the end of a run it may come too late."""
    for files in (1, 40, 125, 128):
        phone.ask("user", "change", "30")
        child = subprocess.Popen([revive, "backup", "create", "--to", ours, "--yes", "--json"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **phone.env})
        until = time.monotonic() + 30
        while child.poll() is None and received() < files and time.monotonic() < until:
            time.sleep(0.002)
        child.kill()
        child.wait()
        code, result, ran = run("backup", "verify", mine)
        tap.check(f"killed at {files} files: the backup is whole", code == 0 and result["findings"]["damage"] == 0, ran)
    code, result, ran = run("backup", "create", "--to", ours)
    tap.check("the next run finishes", code == 0 and os.listdir(ours) == [phone.udid], ran, os.listdir(ours))


def a_mended_backup_is_taken_by_the_phone():
    broken = phone.path("broken")
    shutil.copytree(mine, os.path.join(broken, phone.udid))
    path = next(p for p, _, names in os.walk(os.path.join(broken, phone.udid)) for n in names if len(n) == 40)
    os.unlink(os.path.join(path, next(n for n in sorted(os.listdir(path)) if len(n) == 40)))
    code, result, ran = run("backup", "repair", os.path.join(broken, phone.udid))
    tap.check("a damaged one is mended", code == 0, ran)
    tap.check("the phone is erased once more", rig.wipe())
    code, result, ran = run("backup", "restore", result.get("repaired", "none"), "--no-restart")
    tap.check("and the phone takes the mended one", code == 0, ran, rig.told())


def refusals_of_the_phone_have_codes_and_words():
    for setting, words, code, advice in (("setup_done=no", ["create", "--to", ours], 4, "backup-setup"),):
        name, value = setting.split("=")
        phone.ask("set", name, value)
        ended, result, ran = run("backup", *words)
        tap.check(f"{setting}: exit {code}", ended == code and result["error"]["advice"] == advice, ran)
        phone.ask("set", name, "yes")


if password:
    the_password_is_set_and_not_set_twice()
a_backup_is_made_and_the_next_takes_what_changed()
each_restores_what_the_other_made()
a_killed_run_leaves_the_last_backup_whole_and_the_next_finishes()
refusals_of_the_phone_have_codes_and_words()
a_mended_backup_is_taken_by_the_phone()
if password:
    the_password_is_removed()
tap.end()
