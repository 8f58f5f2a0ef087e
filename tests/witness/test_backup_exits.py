#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every exit code that the pages of the verbs with a phone list: create, restore, password set, change and remove.

usage: test_backup_exits.py REVIVE-SIM REVIVE

tests/backup/exits.py reads the pairs ("verb", code) here and compares them with the pages."""
import fcntl
import json
import os
import plistlib
import shutil
import sys

from phone import Tap, phone_on_socket

sim, revive = sys.argv[1:3]
tap = Tap()
phone = phone_on_socket(sim, settings=["trust=yes", "files=25", "keybag_rounds=500", "system=17.2", "tap=yes"])
for name, leaf in (("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("HOME", "home")):
    phone.env[name] = phone.path(leaf)
phone.env.update(REVIVE_USB="usbip:UNIX:" + phone.path("usb"), REVIVE_DEADLINE_SCALE="0.2", TMPDIR=phone.folder)
nobody = "UNIX:" + phone.path("nobody")
ours = phone.path("ours")
mine = os.path.join(ours, phone.udid)
for name in ("one", "two"):
    with open(phone.path(name), "w", encoding="ascii") as file:
        file.write(name + "\n")
WORDS = {"create": ["create", "--to", ours], "restore": ["restore", mine, "--no-restart"],
         "password set": ["password", "set", "--new-password-file", phone.path("one")],
         "password change": ["password", "change", "--password-file", phone.path("one"), "--new-password-file", phone.path("two")],
         "password remove": ["password", "remove", "--password-file", phone.path("two")]}


def ends(verb, code, why, *more, yes=True, env=None, words=None):
    """One run and what it must come to; the result."""
    kept = dict(phone.env)
    phone.env.update(env or {})
    ran = phone.run(revive, "backup", *(words or WORDS[verb]), *more, "--json", *(["--yes"] if yes else []), limit=50)
    phone.env = kept
    lines = [line for line in ran.text.splitlines() if line.startswith('{"event":"result"')]
    result = json.loads(lines[-1] if lines else ran.text[ran.text.index("{"):])
    tap.check(f"{verb}, {why}: {code}", ran.status == code and result.get("ok") == (code == 0), ran)
    return result


def with_setting(name, value, *ended, **more):
    phone.ask("set", name, value)
    result = ends(*ended, **more)
    phone.ask("set", name)
    if name.startswith("fault.backup_cut"):
        phone.ask("plug")
        phone.await_mode("normal")
    return result


ALONE = {"USBMUXD_SOCKET_ADDRESS": nobody, "REVIVE_USB": "usbip:" + nobody}


def create():
    ends("create", 2, "a word that is none", "--nonsense")
    ends("create", 3, "no phone", env=ALONE)
    with_setting("setup_done", "no", "create", 4, "the phone is not set up")
    ends("create", 0, "a phone")
    folder = os.open(ours, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    ends("create", 1, "another program is at work")
    os.close(folder)
    phone.ask("user", "change", "30")
    with_setting("fault.backup_cut", "batch", "create", 7, "the cable is pulled")
    kept = phone.path("kept")
    shutil.copytree(mine, kept)
    for folder, _, names in os.walk(mine):
        for leaf in names:
            if len(leaf) == 40 and os.path.getsize(os.path.join(folder, leaf)) > 0:
                with open(os.path.join(folder, leaf), "r+b") as file:
                    first = file.read(1)
                    file.seek(0)
                    file.write(bytes([first[0] ^ 0x55]))
    ends("create", 5, "the last backup has rotten and the new one stands on it")
    shutil.rmtree(mine)
    shutil.copytree(kept, mine)


def restore():
    ends("restore", 2, "a word that is none", "--nonsense")
    ends("restore", 3, "no phone", env=ALONE)
    ends("restore", 1, "no such backup", words=["restore", phone.path("none/x")])
    ends("restore", 2, "nobody answers the question", yes=False)
    with_setting("find_my", "yes", "restore", 4, "Find My is on")
    with_setting("fault.backup_cut", "place", "restore", 7, "the cable is pulled")
    broken = phone.path("broken")
    shutil.copytree(mine, broken)
    with open(os.path.join(broken, "Status.plist"), "rb") as file:
        status = plistlib.load(file)
    with open(os.path.join(broken, "Status.plist"), "wb") as file:
        plistlib.dump({**status, "SnapshotState": "uploading"}, file)
    ends("restore", 5, "an unfinished backup", words=["restore", broken, "--no-restart"])
    ends("restore", 0, "a phone")


def passwords():
    ends("password set", 2, "a word that is none", "--nonsense")
    ends("password set", 3, "no phone", env=ALONE)
    ends("password change", 2, "a word that is none", "--nonsense")
    ends("password change", 3, "no phone", env=ALONE)
    ends("password remove", 2, "a word that is none", "--nonsense")
    ends("password remove", 3, "no phone", env=ALONE)
    lost = phone.path("no-such-file")
    ends("password set", 1, "a file that is not there", words=["password", "set", "--new-password-file", lost])
    ends("password change", 1, "a file that is not there", words=["password", "change", "--password-file", lost])
    ends("password remove", 1, "a file that is not there", words=["password", "remove", "--password-file", lost])
    ends("password change", 4, "there is none to change")
    ends("password remove", 4, "there is none to remove")
    with_setting("fault.backup_cut", "response", "password set", 7, "the cable is pulled")
    phone.ask("set", "backup_password")
    ends("password set", 0, "a phone")
    ends("password set", 4, "there is one already")
    with_setting("fault.backup_cut", "response", "password change", 7, "the cable is pulled")
    phone.ask("set", "backup_password", "one")
    ends("password change", 0, "a phone")
    with_setting("fault.backup_cut", "response", "password remove", 7, "the cable is pulled")
    phone.ask("set", "backup_password", "two")
    ends("password remove", 0, "a phone")


create()
restore()
passwords()
tap.end()
