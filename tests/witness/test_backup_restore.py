#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""revive brings a backup onto a phone: what is seen before, what is left behind, what goes on after it broke off.

usage: test_backup_restore.py REVIVE-SIM REVIVE SYSTEM [PASSWORD]"""
import datetime
import hashlib
import json
import os
import plistlib
import sys

from backup_rig import Rig

sim, revive, system = sys.argv[1:4]
password = sys.argv[4] if len(sys.argv) > 4 else ""
rig = Rig(sim, settings=["system=" + system, "backup_password=" + password], files=120)
tap, phone = rig.tap, rig.phone
for name, leaf in (("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("HOME", "home")):
    phone.env[name] = phone.path(leaf)
phone.env.update(REVIVE_USB="usbip:UNIX:" + phone.path("usb"), REVIVE_DEADLINE_SCALE="0.2", TMPDIR=phone.folder,
                 REVIVE_BACKUP_PASSWORD=password)
mine = os.path.join(phone.path("ours"), phone.udid)
APP = "org.example.letters"


def run(*words):
    """(exit code, result, events) of revive."""
    ran = phone.run(revive, "backup", *words, "--json", "--yes", limit=50)
    lines = [json.loads(line) for line in ran.text.splitlines() if line.startswith("{")]
    return ran.status, lines[-1] if lines else {"text": ran.text}, lines[:-1]


def restore(*words):
    return run("restore", mine, "--no-restart", *words)


def rows():
    """Every file of the phone: (domain, path) -> the rest of its line."""
    phone.ask("user", "list", phone.path("list"))
    with open(phone.path("list"), encoding="utf-8") as lines:
        fields = [line.rstrip("\n").split("\t") for line in lines]
    return {(f[4], f[5]): f[:4] for f in fields}


def hash_of_the_backup():
    sums = []
    for folder, _, names in os.walk(mine):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                sums.append((name, hashlib.sha256(file.read()).hexdigest()))
    return sorted(sums)


def change_info(change):
    path = os.path.join(mine, "Info.plist")
    with open(path, "rb") as file:
        info = plistlib.load(file)
    change(info)
    with open(path, "wb") as file:
        plistlib.dump(info, file)


def what_forbids_a_restore_is_said_before_the_phone_is_asked():
    before = rig.digest()
    for setting, value, advice in (("find_my", "yes", "backup-find-my"), ("data_room", "100000", "backup-phone-full"),
                                   ("locked", "yes", "unlock")):
        phone.ask("set", setting, value)
        rig.told()
        code, result, _ = restore()
        tap.check(f"{setting}={value}: exit 4 and {advice}", code == 4 and result["error"]["advice"] == advice, result)
        tap.check("the backup agent was not asked", not rig.told())
        phone.ask("set", setting)
    change_info(lambda info: info.update({"Product Version": "99.1"}))
    code, result, _ = restore()
    tap.check("a newer iOS: exit 4", code == 4 and result["error"]["advice"] == "backup-not-compatible", result)
    change_info(lambda info: info.update({"Product Version": system, "Product Type": "iPad13,1"}))
    code, result, _ = restore()
    tap.check("of an iPad: exit 4", code == 4 and result["error"]["advice"] == "backup-not-compatible", result)
    change_info(lambda info: info.update({"Product Type": "iPhone10,6"}))
    tap.check("the phone is as it was", rig.digest() == before)


def a_full_phone_says_so_to_idevicebackup2_too():
    words = ["--password", password] if password else []
    phone.ask("set", "data_room", "100000")
    ran = rig.run("restore", "--system", "--settings", "--no-reboot", *words, folder=phone.path("ours"))
    tap.check("no room: 106", "106" in ran.text, ran)
    phone.ask("set", "data_room")


def its_age_and_the_set_up_are_told():
    change_info(lambda info: info.update({"Last Backup Date": datetime.datetime(2021, 5, 1)}))
    phone.ask("set", "setup_done", "no")
    code, result, events = restore()
    words = " ".join(e.get("text", "") for e in events)
    tap.check("an old backup is restored, with a warning", code == 0 and "old fault" in words and
              any(e["event"] == "warning" for e in events), result, events)
    tap.check("and it is said that the phone's set-up waits for it", "Apps & Data" in words, events)
    phone.ask("set", "setup_done", "yes")
    change_info(lambda info: info.update({"Last Backup Date": datetime.datetime.now()}))
    code, result, events = restore()
    tap.check("a new one is restored without", code == 0 and not any(e["event"] == "warning" for e in events), events)


def what_is_left_behind_does_not_come_and_all_else_does():
    whole, sums = rows(), hash_of_the_backup()
    belongs = {key for key in whole if key[0] in ("KeychainDomain", "AppDomain-" + APP)}
    tap.check("the phone has both", len(belongs) > 5, len(belongs))
    rig.wipe()
    code, result, _ = restore("--without", "keychain," + APP)
    now = rows()
    tap.check("a restore without keychain and one app", code == 0 and result["left_out"] >= len(belongs), result, rig.told())
    tap.check("they did not come", not belongs & set(now))
    tap.check("everything else did, file by file", now == {key: whole[key] for key in whole if key not in belongs},
              set(whole) - set(now) - belongs)
    tap.check("the backup was not touched", hash_of_the_backup() == sums)
    rig.wipe()
    code, result, _ = restore("--without", "settings")
    tap.check("and one without settings", code == 0 and not any(d == "SystemPreferencesDomain" for d, _ in rows()), result)
    rig.wipe()
    before = rig.digest()
    code, result, _ = restore("--without", "org.example.nothing")
    tap.check("a name that nothing belongs to: exit 2, and nothing done", code == 2 and rig.digest() == before, result)
    code, result, _ = restore()
    tap.check("then all of it", code == 0 and rows() == whole, result)


def its_list_for_other_programs_is_the_one_that_idevicebackup2_writes():
    def info(folder):
        with open(os.path.join(folder, phone.udid, "Info.plist"), "rb") as file:
            return plistlib.load(file)
    ran = rig.run("backup")
    ours, theirs = info(phone.path("ours")), info(rig.folder)
    tap.check("idevicebackup2 writes one", ran.status == 0 and len(theirs["Applications"]) > 0, ran)
    tap.check("the same apps with receipts and icons", ours["Applications"] == theirs["Applications"],
              ours["Applications"].keys(), theirs["Applications"].keys())
    own = {"GUID", "Last Backup Date", "Installed Applications", "Applications"}
    differ = {key for key in set(ours) | set(theirs) if key not in own and ours.get(key) != theirs.get(key)}
    tap.check("and every other value of it", not differ, {key: (ours.get(key), theirs.get(key)) for key in differ})


def apps_are_named_to_the_phone_and_taken_back_when_it_fails():
    apps = {APP: {"iTunesMetadata": b"receipt", "ApplicationSINF": b"key", "PlaceholderIcon": b"png"}}
    change_info(lambda info: info.update({"Applications": apps}))
    place = phone.path("scene/phone/media/iTunesRestore/RestoreApplications.plist")
    phone.ask("set", "fault.backup_error", "manifest 205")
    code, result, _ = restore()
    tap.check("205 of the phone: exit 5", code == 5 and result["error"]["advice"] == "backup-damaged", result)
    tap.check("and no list of apps is left on it", not os.path.exists(place))
    code, result, _ = restore()
    with open(place, "rb") as file:
        tap.check("a restore leaves it the list of its apps", code == 0 and plistlib.load(file) == apps, result)


def a_restore_that_broke_off_is_done_again_by_the_same_command():
    whole, before = rows(), rig.digest()
    rig.wipe()
    phone.ask("set", "fault.backup_hangup", "place")
    code, result, _ = restore()
    tap.check("broken off: exit 7", code == 7, result)
    code, result, _ = restore()
    tap.check("the same command brings all", code == 0 and rows() == whole and rig.digest() == before, result)


with open(phone.path("keychain"), "wb") as file:
    plistlib.dump({"genp": [], "inet": [], "cert": [], "keys": []}, file, fmt=plistlib.FMT_BINARY)
phone.ask("user", "put", phone.path("keychain"), "KeychainDomain", "keychain-backup.plist")
code, result, _ = run("create", "--to", phone.path("ours"))
tap.check("there is a backup", code == 0, result)
its_list_for_other_programs_is_the_one_that_idevicebackup2_writes()
what_forbids_a_restore_is_said_before_the_phone_is_asked()
a_full_phone_says_so_to_idevicebackup2_too()
its_age_and_the_set_up_are_told()
what_is_left_behind_does_not_come_and_all_else_does()
apps_are_named_to_the_phone_and_taken_back_when_it_fails()
a_restore_that_broke_off_is_done_again_by_the_same_command()
tap.end()
