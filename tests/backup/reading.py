#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`revive backup list, show, verify, decrypt, extract` on backups of every generation, whole, damaged and hostile.

usage: reading.py REVIVE      TAP
"""
import json
import os
import pathlib
import plistlib
import shutil
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import backup_case as case  # noqa: E402 pylint: disable=wrong-import-position
import damage_backup as damage  # noqa: E402 pylint: disable=wrong-import-position
import make_backup  # noqa: E402 pylint: disable=wrong-import-position
from tap import Skip, Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
case.prepare(sys.argv[1])
SMS = ("HomeDomain", "Library/SMS/sms.db")
PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.HEIC")


def kinds(result):
    return {k["id"] for k in result["findings"]["kinds"] if k["damage"]}


@tap.test
def whole_backups_of_every_generation_verify_and_decrypt():
    for kind, wanted in case.contents.items():
        folder = case.fresh(kind)
        before = case.tree_hash(folder)
        code, result = case.run_json("backup", "verify", folder)
        assert code == 0 and result["findings"]["damage"] == 0, (kind, result)
        assert result["checked_files"] == len(wanted), result
        code, result = case.run_json("backup", "decrypt", folder, "--to", folder.parent / "out")
        assert code == 0 and case.files_below(folder.parent / "out") == wanted, kind
        assert case.tree_hash(folder) == before, "the backup was written to"


@tap.test
def decrypted_files_keep_their_dates_and_a_second_run_writes_nothing():
    folder = case.fresh("encrypted")
    case.run_json("backup", "decrypt", folder, "--to", folder.parent / "out")
    for path in (folder.parent / "out").rglob("*"):
        assert path.is_dir() or path.stat().st_mtime >= 1700000000 and path.stat().st_mtime < 1700010000, path
    code, result = case.run_json("backup", "decrypt", folder, "--to", folder.parent / "out")
    assert code == 0 and result["files"] == 0 and result["already_there"] == len(case.contents["encrypted"])


@tap.test
def a_wrong_password_is_refused_and_a_missing_one_asked_for():
    folder = case.fresh("encrypted")
    code, result = case.run_json("backup", "verify", folder, password="wrong")
    assert code == 4 and result["error"]["advice"] == "backup-password-wrong", result
    code, result = case.run_json("backup", "verify", folder, password=None)
    assert code == 2 and result["error"]["advice"] == "backup-password-needed", result
    secret = folder.parent / "password"
    secret.write_text("secret\n")
    assert case.run("backup", "verify", folder, "--password-file", secret, password=None).returncode == 0


@tap.test
def damage_is_told_in_a_persons_words_with_exit_5():
    folder = case.fresh("plain")
    for i in range(1, 4):
        case.stored(folder, "CameraRollDomain", f"Media/DCIM/100APPLE/IMG_{i:04d}.HEIC").unlink()
    ended = case.run("backup", "verify", folder)
    assert ended.returncode == 5 and "3 photos unreadable" in ended.stdout, ended.stdout
    assert "revive backup repair" in ended.stderr and "Do not delete it" in ended.stderr


def expect(kind, wanted, break_it):
    folder = case.fresh(kind)
    break_it(folder)
    code, result = case.run_json("backup", "verify", folder)
    assert code == 5 and wanted in kinds(result), (kind, wanted, code, result)


@tap.test
def each_damage_to_files_is_found_and_named():
    for kind in ("plain", "encrypted", "old"):
        expect(kind, "file-missing", lambda f: case.stored(f, *PHOTO).unlink())
        expect(kind, "file-empty", lambda f: case.stored(f, *PHOTO).write_bytes(b""))
        expect(kind, "file-size", lambda f: os.truncate(case.stored(f, *PHOTO), 1600))
        expect(kind, "file-digest", lambda f: flip(case.stored(f, *SMS), 9000))
        expect(kind, "database", lambda f: scribble(f, kind))
    expect("encrypted", "file-padding", lambda f: flip(case.stored(f, *PHOTO), -3))


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x55
    path.write_bytes(data)


def scribble(folder, kind):
    path = case.stored(folder, *SMS)
    data = bytearray(path.read_bytes())
    at = 4096 if kind != "encrypted" else 8192
    data[at:at + 512] = b"\xA5" * 512
    path.write_bytes(data)


def without_keys(folder):
    path = folder / "Manifest.plist"
    left = plistlib.loads(path.read_bytes())
    del left["BackupKeyBag"]
    path.write_bytes(plistlib.dumps(left, fmt=plistlib.FMT_BINARY))


@tap.test
def each_damage_to_the_lists_is_found_and_named():
    def status(folder, **change):
        path = folder / "Status.plist"
        path.write_bytes(plistlib.dumps({**plistlib.loads(path.read_bytes()), **change}, fmt=plistlib.FMT_BINARY))
    expect("plain", "status-missing", lambda f: (f / "Status.plist").unlink())
    expect("plain", "status-bad", lambda f: (f / "Status.plist").write_bytes(b""))
    expect("plain", "status-bad", lambda f: status(f, Version="2.1"))
    expect("plain", "unfinished", lambda f: status(f, SnapshotState="uploading"))
    expect("plain", "info-missing", lambda f: (f / "Info.plist").unlink())
    expect("plain", "info-bad", lambda f: os.truncate(f / "Info.plist", 100))
    expect("plain", "manifest-missing", lambda f: (f / "Manifest.plist").unlink())
    expect("plain", "manifest-bad", lambda f: (f / "Manifest.plist").write_bytes(b""))
    expect("plain", "manifest-bad", lambda f: damage.lists(f, "Manifest.plist", Lockdown="none"))
    expect("encrypted", "keybag", without_keys)
    expect("plain", "index-damaged", lambda f: os.truncate(f / "Manifest.db", 9000))
    expect("plain", "index-damaged", lambda f: (f / "Manifest.db").write_bytes(b"no database"))
    expect("old", "index-damaged", lambda f: os.truncate(f / "Manifest.mbdb", 1000))
    expect("old", "index-missing", lambda f: (f / "Manifest.mbdb").unlink())


def without_inode(db):
    """A record that reads well and lacks a number that phones want."""
    (ident, record), *_ = db.execute("SELECT fileID, file FROM Files WHERE flags=1").fetchall()
    db.execute("UPDATE Files SET file=? WHERE fileID=?", (record.replace(b"InodeNumber", b"XnodeNumber"), ident))


@tap.test
def each_damage_to_rows_is_found_and_named():
    expect("plain", "row-record", lambda f: damage.edit_index(f, without_inode))
    def sql(folder, *words):
        with sqlite3.connect(folder / "Manifest.db") as db:
            db.execute(*words)
        db.close()
        for tail in ("-wal", "-shm"):
            (folder / f"Manifest.db{tail}").unlink(missing_ok=True)
    expect("plain", "index-version", lambda f: sql(f, "PRAGMA user_version=1"))
    expect("plain", "row-flags", lambda f: sql(f, "UPDATE Files SET flags=flags|8 WHERE domain='HomeDomain'"))
    expect("plain", "row-record", lambda f: sql(f, "UPDATE Files SET file=x'00' WHERE relativePath LIKE '%sms.db'"))
    expect("plain", "row-id", lambda f: sql(f, "UPDATE Files SET relativePath='other' WHERE relativePath LIKE '%sms.db'"))
    expect("plain", "row-name", lambda f: sql(f, "UPDATE Files SET relativePath='../up' WHERE relativePath LIKE '%sms.db'"))


@tap.test
def a_hostile_backup_writes_nothing_outside_of_the_folder():
    names = ["../../up", "/etc/up", "a/../../up", "a//b", "x" * 300, "y/" * 2100 + "z", "tab\there", ".", "..", "a/..",
             "Documents/Case", "Documents/CASE", "A/case", "a/file", "plain", "plain/below", "plain/below/it"]
    folder = case.fresh("plain")
    with sqlite3.connect(folder / "Manifest.db") as db:
        for name in names:
            data = name.encode()
            ident = make_backup.file_id("AppDomain-evil", name)
            db.execute("INSERT OR REPLACE INTO Files VALUES(?,?,?,1,?)", (ident, "AppDomain-evil", name,
                       make_backup.archive(name, data, 3, None, None, 5)))
            (folder / ident[:2]).mkdir(exist_ok=True)
            (folder / ident[:2] / ident).write_bytes(data)
        ident = make_backup.file_id("../evil", "f")
        db.execute("INSERT INTO Files VALUES(?,?,?,1,?)", (ident, "../evil", "f", make_backup.archive("f", b"x", 3, None, None, 6)))
        (folder / ident[:2]).mkdir(exist_ok=True)
        (folder / ident[:2] / ident).write_bytes(b"x")
    db.close()
    outside = {p for p in folder.parent.rglob("*")}
    out = folder.parent / "deep" / "out"
    code, result = case.run_json("backup", "decrypt", folder, "--to", out)
    assert code == 5 and result["failed"] >= 9, result
    new = {p for p in folder.parent.rglob("*")} - outside
    assert all(p == out.parent or p == out or out in p.parents for p in new), new
    assert (out / "AppDomain-evil" / "Documents" / "CASE").read_bytes() == b"Documents/CASE"
    assert not list(out.rglob("*up*"))
    assert (out / "AppDomain-evil" / "plain").read_bytes() == b"plain", "what a hostile name is in the way of is lost"
    wanted = {f"{d}/{p}": data for (d, p), data in case.contents["plain"].items()}
    assert {name: (out / name).read_bytes() for name in wanted} == wanted, "a hostile name kept the others from coming"


@tap.test
def a_link_planted_where_files_go_is_not_followed():
    folder = case.fresh("plain")
    out, trap = folder.parent / "out", folder.parent / "trap"
    out.mkdir()
    trap.mkdir()
    (out / "HomeDomain").symlink_to(trap)
    case.run("backup", "decrypt", folder, "--to", out)
    assert not list(trap.iterdir())


@tap.test
def links_and_pipes_in_the_place_of_files_are_neither_followed_nor_waited_for():
    for kind in ("plain", "old"):
        folder = case.fresh(kind)
        secret = folder.parent / "secret"
        secret.write_text("nobody's business")
        planted = case.stored(folder, *PHOTO), case.stored(folder, "HomeDomain", "Library/SMS/sms.db")
        for path in planted:
            path.unlink()
        planted[0].symlink_to(secret)
        os.mkfifo(planted[1])
        assert case.run("backup", "verify", folder).returncode == 5
        code, result = case.run_json("backup", "decrypt", folder, "--to", folder.parent / "out")
        assert code == 5 and result["failed"] == 2, result
        assert not any(p.read_text(errors="replace") == "nobody's business" for p in (folder.parent / "out").rglob("*") if p.is_file())
    for kind, name in (("plain", "Manifest.db"), ("old", "Manifest.mbdb"), ("plain", "Manifest.plist"), ("plain", "Status.plist"),
                       ("plain", "Info.plist"), ("encrypted", "Manifest.db")):
        for plant in (os.mkfifo, lambda path: path.symlink_to(path.parent.parent / "elsewhere")):
            folder = case.fresh(kind)
            (folder / name).rename(folder.parent / "elsewhere")
            plant(folder / name)
            assert case.run("backup", "verify", folder, timeout=20).returncode in (1, 5), (kind, name)
            assert case.run("backup", "list", "--in", folder.parent, timeout=20).returncode == 0, (kind, name)
            assert case.run("backup", "show", folder, timeout=20).returncode in (0, 1, 4, 5), (kind, name)


@tap.test
def a_size_that_lies_takes_neither_disk_nor_memory():
    folder = case.fresh("plain")
    with sqlite3.connect(folder / "Manifest.db") as db:
        for number, size in enumerate((1 << 62, (1 << 64) - 1, 1 << 40)):
            name = f"huge{number}"
            blob = make_backup.archive(name, b"x" * 3, 3, None, None, 5)
            whole = plistlib.loads(blob)
            whole["$objects"][1]["Size"] = size
            ident = make_backup.file_id("AppDomain-evil", name)
            db.execute("INSERT INTO Files VALUES(?,?,?,1,?)", (ident, "AppDomain-evil", name, plistlib.dumps(whole, fmt=plistlib.FMT_BINARY)))
            (folder / ident[:2]).mkdir(exist_ok=True)
            (folder / ident[:2] / ident).write_bytes(b"xxx")
    db.close()
    code, result = case.run_json("backup", "decrypt", folder, "--to", folder.parent / "out")
    assert code == 0 and result["bytes"] < 1 << 20, result
    assert sum(p.stat().st_size for p in (folder.parent / "out" / "AppDomain-evil").iterdir()) == 9
    assert case.run("backup", "verify", folder).returncode == 5


@tap.test
def what_is_newer_than_a_backup_is_said_to_be_missing_from_it():
    folder = case.fresh("plain")
    info = plistlib.loads((folder / "Info.plist").read_bytes())
    info["Last Backup Date"] = info["Last Backup Date"].replace(year=2024)
    (folder / "Info.plist").write_bytes(plistlib.dumps(info))
    said = case.run("backup", "show", folder).stdout
    days = json.loads(case.run("backup", "show", folder, "--json").stdout)["backup"]["age_days"]
    assert days > 300 and f"{days} days old" in said, said
    assert "What came onto the phone since 2024-11-02 is not in this backup" in said, said


@tap.test
def files_are_chosen_by_type_domain_and_pattern():
    folder = case.fresh("encrypted")
    for words, count in ((["--type", "photos"], 8), (["--domain", "AppDomain-*"], 3), (["--glob", "*.plist"], 4),
                         (["--domain", "HomeDomain", "--glob", "*.plist"], 2)):
        code, result = case.run_json("backup", "extract", folder, *words, "--to", folder.parent / "-".join(words[1:]).replace("*", "x"))
        assert code == 0 and result["files"] == count, (words, result)
    assert case.run("backup", "extract", folder, "--to", folder.parent / "o").returncode == 2
    assert case.run("backup", "extract", folder, "--type", "dreams", "--to", folder.parent / "o").returncode == 2
    assert case.run("backup", "extract", folder, "--glob", "no*", "--to", folder.parent / "o").returncode == 1


@tap.test
def a_full_disk_ends_extraction_with_1_and_no_half_file():
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full")
    folder = case.fresh("plain")
    out = folder.parent / "out"
    out.mkdir()
    ended = case.run("backup", "decrypt", folder, "--to", "/dev/full/x")
    assert ended.returncode == 1, ended.stderr
    assert not list(out.rglob("*part*"))


@tap.test
def backups_are_found_where_the_programs_of_others_leave_them():
    disk = case.ROOT / "disk"
    places = {"Users/ada/Library/Application Support/MobileSync/Backup": "Finder or iTunes on a Mac",
              "Users/grace/AppData/Roaming/Apple Computer/MobileSync/Backup": "iTunes on Windows",
              "Users/grace/Apple/MobileSync/Backup": "iTunes of the Store, or Apple Devices"}
    for place in places:
        (disk / place).mkdir(parents=True)
        case.fresh("plain").rename(disk / place / make_backup.UDID)
    archived = disk / next(iter(places)) / f"{make_backup.UDID}-20261102-093000"
    case.fresh("old").rename(archived)
    (archived / "Info.plist").unlink()
    code, result = case.run_json("backup", "list", "--in", disk)
    found = {(b["place"], b["name"]) for b in result["backups"]}
    assert code == 0 and {p for p, _ in found} == set(places.values()), found
    assert any(name.endswith("-093000") for _, name in found), found
    assert all(b["bytes"] > 0 and b["udid"] == make_backup.UDID and b["finished"] for b in result["backups"])


@tap.test
def this_computers_own_places_are_searched_and_nothing_is_listed_twice():
    home, data = case.ROOT / "home", case.ROOT / "data"
    places = {home / "Backup": "a folder", home: "a folder", data / "revive" / "backups": "revive",
              home / "Library/Application Support/MobileSync/Backup": "Finder or iTunes on a Mac"}
    for number, place in enumerate(places):
        place.mkdir(parents=True, exist_ok=True)
        case.fresh("plain").rename(place / (make_backup.UDID if number != 1 else f"{make_backup.UDID}-20261102-093000"))
    (home / "Link").symlink_to(home / "Backup")
    (home / "Letters").mkdir()
    (home / "Letters" / "Info.plist").write_text("x")
    code, result = case.run_json("backup", "list")
    found = sorted((str(pathlib.Path(b["folder"]).parent), b["place"]) for b in result["backups"] if b["folder"].startswith(str(case.ROOT)))
    assert code == 0 and found == sorted((str(p), w) for p, w in places.items()), found
    for place in places:
        for folder in place.glob(make_backup.UDID + "*"):
            shutil.rmtree(folder)


@tap.test
def broken_off_and_foreign_folders_are_listed_too():
    folder = case.fresh("plain")
    status = plistlib.loads((folder / "Status.plist").read_bytes())
    (folder / "Status.plist").write_bytes(plistlib.dumps({**status, "SnapshotState": "moving"}))
    other = folder.parent / ("ab" * 20)
    (other / "00").mkdir(parents=True)
    code, result = case.run_json("backup", "list", "--in", folder.parent)
    states = {b["name"]: (b["state"], b["finished"], b["foreign"]) for b in result["backups"]}
    assert code == 0 and states[make_backup.UDID] == ("moving", False, False), states
    assert states["ab" * 20] == ("unknown", False, True), states


@tap.test
def a_backup_is_named_by_phone_number_or_folder():
    folder = case.fresh("plain")
    for word in ("Ada's iPhone", "1", make_backup.UDID.lower(), "F17ZQ0ABCDEF"):
        code, result = case.run_json("backup", "show", word, "--in", folder.parent)
        assert code == 0 and result["content_files"] == len(case.contents["plain"]), (word, result)
    assert case.run("backup", "show", "Eve's iPhone", "--in", folder.parent).returncode == 1
    case.fresh("old").rename(folder.parent / "other")
    assert case.run("backup", "show", "--in", folder.parent).returncode == 2


@tap.test
def show_counts_what_a_person_would_miss():
    folder = case.fresh("encrypted")
    code, result = case.run_json("backup", "show", folder)
    sorts = {s["id"]: s["files"] for s in result["sorts"]}
    assert len(sorts) == len(result["sorts"]), "a sort stands there twice"
    assert code == 0 and sorts["photos"] == 8 and sorts["messages"] == 1 and sorts["apps"] == 3, sorts
    assert "8 photos" in case.run("backup", "show", folder).stdout
    wanted = {}
    for (domain, _), data in case.contents["encrypted"].items():
        files, size = wanted.get(domain, (0, 0))
        wanted[domain] = (files + 1, size + len(data))
    assert {d["id"]: (d["files"], d["bytes"]) for d in result["domains"]} == wanted, result["domains"]
    assert [d["bytes"] for d in result["domains"]] == sorted((b for _, b in wanted.values()), reverse=True)
    assert "CameraRollDomain" in case.run("backup", "show", folder, "--domains").stdout


status = tap.run()
case.done()
sys.exit(status)
