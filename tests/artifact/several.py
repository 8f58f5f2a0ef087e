#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several backups of one phone read together, damaged ones, and work copies that leave nothing behind.

usage: several.py REVIVE
"""
import datetime
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import backup_case  # pylint: disable=wrong-import-position
import made  # pylint: disable=wrong-import-position
import make_backup  # pylint: disable=wrong-import-position
from tap import Tap  # pylint: disable=wrong-import-position

TAP = Tap()
SMS = ("HomeDomain", "Library/SMS/sms.db")
CAT = ("MediaDomain", "Library/SMS/Attachments/1/cat.jpg")
DAYS = [datetime.datetime(2026, month, 5, 12, 0) for month in (3, 5, 7)]


def sms_bytes(path, gone=(), edit=False):
    """Forty messages, the third with a picture; those of `gone` deleted with their content wiped, as iOS 12 does."""
    sms = made.Sms(path, pragmas="PRAGMA secure_delete=1;")
    chat = sms.chat("+4915100000001", [sms.handle("+4915100000001")])
    for n in range(1, 41):
        number = sms.message(chat, 1, f"message {n} of the story")
        if n == 3:
            sms.attach(number, "~/Library/SMS/Attachments/1/cat.jpg", "cat.jpg")
    for n in gone:
        sms.con.execute("DELETE FROM chat_message_join WHERE message_id=?", (n,))
        sms.con.execute("DELETE FROM message WHERE ROWID=?", (n,))
    if edit:
        sms.con.execute("UPDATE message SET is_audio_message=0, service='SMS' WHERE ROWID=10")
    sms.close()
    with open(path, "rb") as file:
        data = file.read()
    os.unlink(path)
    return data


def three_backups(password=None):
    """Of March, May and July: 3 and 4 were deleted in April, 5 in June, with it the picture."""
    parent = tempfile.mkdtemp(dir=backup_case.ROOT)
    work = os.path.join(parent, "sms.db")
    found = []
    for day, gone in zip(DAYS, [(), (3, 4), (3, 4, 5)]):
        files = {SMS: sms_bytes(work, gone, edit=day == DAYS[2])}
        if 3 not in gone:
            files[CAT] = b"\xff\xd8\xff cat"
        name = make_backup.UDID if day == DAYS[2] else f"{make_backup.UDID}-{day:%Y%m%d}-120000"
        make_backup.make(parent, name=name, files=files, now=day, password=password)
        found.append(os.path.join(parent, name))
    return found


def listed(*words, **more):
    ended = backup_case.run("recover", "list", *words, "--type", "messages", "--json", **more)
    assert ended.returncode == 0, (ended.stdout[-800:], ended.stderr[-800:])
    return [r for r in map(json.loads, ended.stdout.splitlines()) if "event" not in r]


@TAP.test
def what_an_older_backup_has_and_the_newer_has_not_is_shown_as_deleted_with_the_backups_date():
    old, middle, new = three_backups()
    before = [backup_case.tree_hash(folder) for folder in (old, middle, new)]
    for order in ((new, middle, old), (old, new, middle)):
        words = [word for folder in order for word in ("--from", folder)]
        found = listed(*words)
        texts = [r["text"] for r in found]
        assert len(texts) == len(set(texts)) == 40, len(texts)  # nothing twice, nothing more
        gone = {r["text"].split()[1]: r for r in found if r["state"] == "in_older_backup"}
        assert set(gone) == {"3", "4", "5"}, set(gone)
        assert gone["5"]["source"]["backup"][:10] == "2026-05-05" and gone["5"]["deleted_before"][:10] == "2026-07-05"
        assert gone["3"]["source"]["backup"][:10] == "2026-03-05" and gone["3"]["deleted_before"][:10] == "2026-05-05"
        assert gone["3"]["attachments"][0]["state"] == "present" and all(r["state"] == "live" for r in found if r["text"].split()[1] not in gone)
    assert [r["text"].split()[1] for r in listed("--from", new, "--from", old, "--deleted")] == ["3", "4", "5"]
    code, done = backup_case.run_json("recover", "scan", "--from", new, "--from", old, "--type", "messages")
    row = done["types"][0]
    assert code == 0 and (row["live"], row["in_older_backups"], row["deleted"]) == (37, 3, 0), row
    assert [b["date"][:7] for b in done["backups"]] == ["2026-07", "2026-03"]
    assert before == [backup_case.tree_hash(folder) for folder in (old, middle, new)]


@TAP.test
def their_pictures_come_out_of_the_backup_that_has_them():
    old, middle, new = three_backups(password="secret")
    with tempfile.TemporaryDirectory() as to:
        code, done = backup_case.run_json("recover", "export", "--from", new, "--from", middle, "--from", old, "--type", "messages", "--to", to)
        assert code == 0 and done["types"][0]["media_copied"] == 1, done
        found = [os.path.join(base, n) for base, _, names in os.walk(to) for n in names if n == "cat.jpg"]
        assert len(found) == 1 and open(found[0], "rb").read() == b"\xff\xd8\xff cat"
        page = [os.path.join(base, n) for base, _, names in os.walk(to) for n in names if n == "deleted.html"]
        text = open(page[0], encoding="utf-8").read()
        assert "in the backup of 2026-05-05, deleted before that of 2026-07-05" in text


@TAP.test
def all_backups_finds_the_others_of_the_same_phone_on_this_computer():
    old, middle, new = three_backups()
    home = os.path.join(backup_case.ROOT, "data", "revive", "backups")
    os.makedirs(home, exist_ok=True)
    for folder in (old, middle, new):
        os.rename(folder, os.path.join(home, os.path.basename(folder)))
    try:
        found = listed("--from", os.path.join(home, make_backup.UDID), "--all-backups", "--state", "in-older-backup")
        assert sorted(r["text"].split()[1] for r in found) == ["3", "4", "5"]
        assert len(listed("--from", os.path.join(home, make_backup.UDID))) == 37
    finally:
        subprocess.run(["rm", "-rf", home], check=True)


@TAP.test
def backups_of_two_phones_or_a_file_and_a_backup_are_refused_together():
    old, _, new = three_backups()
    other = os.path.join(os.path.dirname(old), "other")
    os.rename(old, other)
    import plistlib  # pylint: disable=import-outside-toplevel
    for name, key in (("Info.plist", None), ("Manifest.plist", "Lockdown")):
        with open(os.path.join(other, name), "rb") as file:
            whole = plistlib.load(file)
        part = whole[key] if key else whole
        part["Target Identifier" if key is None else "UniqueDeviceID"] = "00008030-FFFFFFFFFFFFFFFF"
        with open(os.path.join(other, name), "wb") as file:
            plistlib.dump(whole, file)
    assert backup_case.run("recover", "scan", "--from", new, "--from", other).returncode == 2
    assert backup_case.run("recover", "scan", "--from", new, "--from", __file__).returncode == 2


@TAP.test
def a_damaged_backup_gives_what_is_left_by_the_same_road():
    for kind in ("plain", "encrypted"):
        for name, damage in (("Manifest.db", "cut"), ("Manifest.db", "gone"), ("Manifest.plist", "gone")):
            if kind == "encrypted" and name == "Manifest.plist":
                continue  # its keys are lost: nothing can open it
            folder = backup_case.fresh(kind)
            path = os.path.join(folder, name)
            if damage == "gone":
                os.unlink(path)
            else:
                with open(path, "r+b") as file:
                    file.truncate(os.path.getsize(path) * 2 // 3)
            if kind == "encrypted" and damage == "gone":
                continue  # names and keys of files were in it alone
            before = backup_case.tree_hash(folder)
            with tempfile.TemporaryDirectory(dir=backup_case.ROOT) as work:
                found = listed("--from", folder, "--state", "live", TMPDIR=work)
                assert len(found) == 59, (kind, name, damage, len(found))
                assert not os.listdir(work)
            assert backup_case.tree_hash(folder) == before, (kind, name)


def big_database(path):
    con = sqlite3.connect(path, isolation_level=None)
    con.executescript("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;" + made.SMS_18)
    con.execute("INSERT INTO handle(id, service) VALUES('+4915100000001', 'iMessage')")
    con.execute("BEGIN")
    con.executemany("INSERT INTO message(guid, text, handle_id, date) VALUES(?,?,1,?)",
                    ((f"g{n}", f"SECRETWORD {n} " * 20, n * 10**9) for n in range(60000)))
    con.execute("COMMIT")
    data = {name: open(path + name, "rb").read() for name in ("", "-wal")}
    con.close()
    for name, content in data.items():  # closing folded the log in: as it was before
        with open(path + name, "wb") as file:
            file.write(content)


@TAP.test
def a_run_that_is_stopped_removes_its_work_copies_and_the_next_one_those_of_a_run_that_was_killed():
    with tempfile.TemporaryDirectory(dir=backup_case.ROOT) as folder:
        source, work = os.path.join(folder, "a"), os.path.join(folder, "work")
        os.makedirs(source)
        os.makedirs(work)
        big_database(os.path.join(source, "sms.db"))
        words = [backup_case.program, "recover", "list", "--from", source, "--type", "messages", "--json"]
        for number, left in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, 1)):
            with subprocess.Popen(words, env=dict(os.environ, TMPDIR=work), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
                end = time.monotonic() + 20
                while not os.listdir(work) and time.monotonic() < end:
                    time.sleep(0.01)
                made_folder, = os.listdir(work)
                assert os.stat(os.path.join(work, made_folder)).st_mode & 0o777 == 0o700
                child.send_signal(number)
                child.stdout.read()
                assert child.wait(30) in (7, -signal.SIGKILL), (number, child.returncode)
            assert len(os.listdir(work)) == left, (number, os.listdir(work))
        keep = os.path.join(work, f"revive-recover-{os.getpid()}-living")  # somebody's who is at work
        os.makedirs(keep)
        assert subprocess.run([*words[:-1], "--page", "1"], env=dict(os.environ, TMPDIR=work), capture_output=True, check=False).returncode == 0
        assert os.listdir(work) == [os.path.basename(keep)]


if __name__ == "__main__":
    backup_case.prepare(sys.argv[1])
    try:
        code = TAP.run()
    finally:
        backup_case.done()
    sys.exit(code)
