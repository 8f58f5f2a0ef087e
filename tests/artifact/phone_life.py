#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Five years of life on the virtual iPhone: backed up, deleted from as apps delete, backed up again; what comes back.

usage: phone_life.py REVIVE REVIVE-SIM [SIZE]
Prints type x way of deleting x source x deleted / found. Backups by revive and, when it is here, by idevicebackup2.
"""
import json
import os
import shutil
import sys
import tempfile

if os.access("/dev/shm", os.W_OK):  # what is secured on a disk waits for all that others write there
    tempfile.tempdir = "/dev/shm"
TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(TESTS, "witness"), os.path.join(TESTS, "support")]
import life  # pylint: disable=wrong-import-position
import phone as rig  # pylint: disable=wrong-import-position

revive, sim = map(os.path.abspath, sys.argv[1:3])
size = float(sys.argv[3]) if len(sys.argv) > 3 else 0.12
tap = rig.Tap()
phone = rig.phone_on_socket(sim, settings=["trust=yes", "files=0", "person=no", "system=17.2", "keybag_rounds=1000"])
for name, leaf in (("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("HOME", "home")):
    phone.env[name] = phone.path(leaf)
os.mkdir(phone.path("tmp"))
phone.env.update(REVIVE_USB="usbip:UNIX:" + phone.path("usb"), REVIVE_DEADLINE_SCALE="0.2", TMPDIR=phone.path("tmp"))
APP = "org.example.letters"  # one that is installed on it
LOGS = ("whatsapp", "calls")  # databases whose log still holds the rows


def run(*words):
    ran = phone.run(revive, *words, "--json", "--yes", limit=60)
    lines = [json.loads(line) for line in ran.text.splitlines() if line.startswith("{")]
    return ran.status, lines, ran


def backup(folder):
    code, _, ran = run("backup", "create", "--to", folder)
    tap.check(f"revive backs the phone up into {os.path.basename(folder)}", code == 0, ran)
    return os.path.join(folder, phone.udid)


def theirs(folder):
    """The same by idevicebackup2, or by revive where that is not installed."""
    if shutil.which("idevicebackup2") is None or shutil.which("idevicepair") is None:
        return backup(folder)
    os.makedirs(folder, exist_ok=True)
    phone.run("idevicepair", "pair")
    ran = phone.run("idevicebackup2", "backup", folder, limit=60)
    tap.check(f"idevicebackup2 backs it up into {os.path.basename(folder)}", "Successful" in ran.text, ran)
    return os.path.join(folder, phone.udid)


def records(*sources):
    """type -> records, of all sources together."""
    code, lines, ran = run("recover", "list", *(word for source in sources for word in ("--from", source)))
    tap.check(f"{len(sources)} source(s) are listed", code == 0, ran.text[-600:])
    found = {}
    for line in lines:
        if "event" not in line:
            found.setdefault(line["type"], []).append(line)
    return found


def states(found, kind, *wanted):
    return {life.identity_of(kind, r) for r in found.get(kind, []) if r["state"] in wanted}


def what_was_deleted_comes_back_as_far_as_it_is_there(style, before, make):
    """Deletes on the phone, backs it up, and looks: in the new backup alone, then in both together."""
    folder = phone.path(f"life-{style}")
    shutil.copytree(phone.path("life"), folder)
    there.folder = folder
    deleted = there.delete(style, share=0.1, keep_log=LOGS)
    phone.ask("user", "lay", folder)
    for place in life.SCHEMAS:
        if not os.path.exists(there.path(place) + "-wal"):
            phone.ask("user", "drop", place[0], place[1] + "-wal")
    for name in deleted["photos"][0]:
        phone.ask("user", "drop", "CameraRollDomain", f"Media/DCIM/100APPLE/{name}")
    after = make(phone.path(f"backups-{style}"))
    alone, both = records(after), records(after, before)
    for kind in life.TYPES:
        gone, trash = deleted[kind]
        everything = set(there.identity[kind].values())
        carved = states(alone, kind, "carved")
        together = states(both, kind, "carved", "in_older_backup")
        print(f"# {style:>2} {kind:<10} deleted {len(gone):3} + {len(trash):2} to the trash | new backup: recently deleted "
              f"{len(states(alone, kind, 'recently_deleted')):2}, found again {len(carved & gone):3} | with the one before: {len(together & gone):3}")
        tap.check(f"{style} {kind}: what lives is all that was not deleted", states(both, kind, "live") == everything - gone - trash, kind)
        tap.check(f"{style} {kind}: Recently Deleted is what is there", states(alone, kind, "recently_deleted") == trash,
                  states(alone, kind, "recently_deleted") ^ trash)
        tap.check(f"{style} {kind}: both backups together give all that was deleted", together >= gone, gone - together)
        whole = {t for t in (carved | together) - {None} if t in everything}
        tap.check(f"{style} {kind}: nothing that lives is called deleted", not whole & (everything - gone), whole & (everything - gone))
        count = [len([r for r in both.get(kind, []) if r["state"] == "in_older_backup"]), len(gone)]
        tap.check(f"{style} {kind}: the count promises no more than was deleted", count[0] <= count[1], count)
        if style == "11" and kind not in ("calls",):
            tap.check(f"11 {kind}: most rows that were deleted without wiping come back from the new backup alone",
                      len(carved & gone) >= 0.6 * len(gone), (len(carved & gone), len(gone)))
        elif style == "12" and kind in LOGS:
            tap.check(f"12 {kind}: wiped rows come back from the log", len(carved & gone) >= 0.9 * len(gone), (len(carved & gone), len(gone)))
        elif style == "12":
            tap.check(f"12 {kind}: wiped rows are not in the new backup, and none are made up", not carved & everything - gone, carved)
    return after


def the_phone_is_a_source_with_and_without_a_backup():
    """The phone itself: no backup of it is in revive's own folder, so one is made, used and wiped."""
    code, lines, ran = run("recover", "scan", "--from", "device", "--type", "messages,photos")
    rows = {row["type"]: row for row in lines[-1].get("types", [])} if code == 0 else {}
    expected = there.count("messages")
    tap.check("the phone as a source makes a backup of its own",
              code == 0 and lines[-1]["backup_used"] == "temporary" and rows["messages"]["live"] < expected, ran.text[-800:])
    tap.check("and leaves nothing of it", not os.listdir(phone.path("tmp")), os.listdir(phone.path("tmp")))
    photo = sorted(n for n in os.listdir(os.path.join(there.folder, "CameraRollDomain/Media/DCIM/100APPLE")))[0]
    phone.ask("user", "drop", "CameraRollDomain", f"Media/DCIM/100APPLE/{photo}")  # as with a picture that no backup takes along
    os.makedirs(phone.path("scene/phone/media/DCIM/100APPLE"), exist_ok=True)
    with open(os.path.join(phone.path("scene/phone/media/DCIM/100APPLE"), photo), "wb") as file:
        file.write(b"by AFC")
    code, lines, ran = run("backup", "create")
    tap.check("a backup is made into revive's own folder", code == 0, ran.text[-400:])
    code, lines, ran = run("recover", "export", "--from", "device", "--type", "photos", "--to", phone.path("out"))
    tap.check("with one, that is used", code == 0 and lines[-1].get("backup_used", "temporary") != "temporary", ran.text[-800:])
    copies = [os.path.join(base, photo) for base, _, names in os.walk(phone.path("out")) if photo in names]
    tap.check("and a picture that is not in it comes from the phone's media folder",
              [open(at, "rb").read() for at in copies] == [b"by AFC"], copies)


def what_a_phone_takes_goes_into_an_apps_folder_and_the_rest_is_told():
    """Contacts and pictures by house_arrest; messages not at all."""
    source = there.folder
    code, lines, ran = run("recover", "put", "--from", source, "--type", "contacts,messages")
    ways = {way["type"]: way["possible"] for way in lines[-1].get("ways", [])}
    tap.check("without an app nothing is sent and each type has its way",
              code == 0 and ways == {"contacts": True, "messages": False} and "files_sent" not in lines[-1], ran.text[-600:])
    code, lines, ran = run("recover", "put", "--from", source, "--type", "contacts,messages,photos", "--app", APP)
    folder = phone.path(f"scene/phone/documents/{APP}/Documents/revive")
    found = sorted(os.path.relpath(os.path.join(base, n), folder) for base, _, names in os.walk(folder) for n in names)
    tap.check("with one, contacts and pictures lie in its folder", code == 0 and "contacts.vcf" in found and
              len([n for n in found if n.endswith(".JPG")]) > 10 and not any("messages" in n for n in found), ran.text[-600:], found[:5])
    if "contacts.vcf" in found:
        with open(os.path.join(folder, "contacts.vcf"), "rb") as cards:
            tap.check("all of them", cards.read().count(b"BEGIN:VCARD") == lines[-1]["types"][0]["exported"] > 10, lines[-1]["types"])
    code, lines, ran = run("recover", "put", "--from", source, "--type", "contacts", "--app", "org.example.none")
    tap.check("an app that is not there is refused", code == 4, ran.text[-400:])
    tap.check("and no work copy is left", not os.listdir(phone.path("tmp")), os.listdir(phone.path("tmp")))
    code, lines, ran = run("recover", "report", "--from", first, "--to", phone.path("report"))
    with open(os.path.join(phone.path("report"), "report.html"), encoding="utf-8") as page:
        text = page.read()
    tap.check("a report is a page with the counts and the reasons", code == 0 and f"<td>{there.count('notes')}</td>" in text and "Health" in text, ran.text[-400:])


there = life.Life(phone.path("life"), size=size)
tap.check("a life is laid on the phone", phone.ask("user", "lay", phone.path("life"))["ok"])
first = backup(phone.path("backups-before"))
found_first = records(first)
tap.check("of a life without deletions nothing is called deleted",
          not any(states(found_first, kind, "carved", "in_older_backup", "recently_deleted") for kind in life.TYPES),
          {kind: states(found_first, kind, "carved", "recently_deleted") for kind in life.TYPES})
what_was_deleted_comes_back_as_far_as_it_is_there("11", first, theirs)
what_was_deleted_comes_back_as_far_as_it_is_there("12", first, backup)
the_phone_is_a_source_with_and_without_a_backup()
what_a_phone_takes_goes_into_an_apps_folder_and_the_rest_is_told()
tap.end()
