#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the verbs of backups tell, to the letter and to the byte: lists, contents, damage, differences, choices.

usage: telling.py REVIVE      TAP
"""
import os
import pathlib
import plistlib
import shutil
import sqlite3
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import backup_case as case  # noqa: E402 pylint: disable=wrong-import-position
import make_backup  # noqa: E402 pylint: disable=wrong-import-position
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
case.prepare(sys.argv[1])
MADE = 1793611800  # 2026-11-02T09:30:00Z, the date in the fixtures' lists
PHOTO = "Media/DCIM/100APPLE/IMG_000{}.HEIC"


def same(found, wanted):
    assert found == wanted, f"\nwanted {wanted!r}\nfound  {found!r}"


def size(n):
    """As a person reads it: three figures of the largest unit below."""
    for unit, word in ((10**9, "GB"), (10**6, "MB")):
        if n >= unit:
            return f"{n / unit:.1f} {word}"
    return f"{n} bytes" if n < 1000 else f"{n / 1000:.1f} KB" if n < 100_000 else f"{n / 1000:.0f} KB"


def measure(folder):
    files = [p for p in folder.rglob("*") if p.is_file()]
    return sum(p.stat().st_size for p in files), len(files)


def age():
    return (int(time.time()) - MADE) // 86400


def days():
    return "today" if age() <= 0 else f"{age()} day{'s' if age() != 1 else ''} old"


def change(folder, name, **values):
    """Sets or (None) takes away values of one of the backup's lists."""
    path = folder / name
    old = plistlib.loads(path.read_bytes())
    old.update({k.replace("_", " "): v for k, v in values.items() if v is not None})
    for key in (k.replace("_", " ") for k, v in values.items() if v is None):
        old.pop(key, None)
    path.write_bytes(plistlib.dumps(old))


def about(folder, **more):
    stored, count = measure(folder)
    return {"folder": str(folder), "name": folder.name, "place": "a folder", "udid": make_backup.UDID, "device": "Ada's iPhone", "product_type": "iPhone12,1", "version": "17.2",
            "build": "21C62", "serial": "F17ZQ0ABCDEF", "date": "2026-11-02T09:30:00Z", "age_days": age(), "encrypted": False, "state": "finished", "finished": True,
            "index": "db", "foreign": False, "bytes": stored, "files": count, **more}


@tap.test
def a_list_has_each_backup_with_its_state():
    folder = case.fresh("plain")
    above = folder.parent
    names = ["1-whole", "2-locked", "3-begun", "4-bare", "5-empty", "6-no-status", "7-new"]
    folder.rename(above / names[0])
    shutil.copytree(case.fresh("encrypted"), above / names[1])
    for name in names[2:]:
        shutil.copytree(above / names[0], above / name)
    change(above / names[2], "Status.plist", SnapshotState="uploading")
    for leaf in ("Info.plist", "Status.plist", "Manifest.plist"):
        (above / names[3] / leaf).unlink()
    (above / names[5] / "Status.plist").unlink()
    now = plistlib.loads((above / names[6] / "Info.plist").read_bytes())["Last Backup Date"].__class__.utcnow()
    change(above / names[6], "Info.plist", Last_Backup_Date=now)
    change(above / names[6], "Status.plist", Date=now)
    change(above / names[6], "Manifest.plist", Date=now)
    _, told = case.run_json("backup", "list", "--in", above)
    rows = {r["name"]: r for r in told["backups"]}
    same([r["number"] for r in told["backups"]], list(range(1, len(rows) + 1)))
    same({k: v for k, v in rows[names[0]].items() if k != "number"}, about(above / names[0]))
    same({k: v for k, v in rows[names[1]].items() if k != "number"}, about(above / names[1], encrypted=True))
    same([rows[names[2]][k] for k in ("state", "finished", "index", "foreign")], ["uploading", False, "db", False])
    same([rows[names[3]].get(k) for k in ("finished", "index", "foreign", "device", "udid")], [False, "db", True, None, None])
    same([rows[names[5]][k] for k in ("state", "finished", "index", "foreign")], ["unknown", False, "db", False])
    same(rows[names[6]]["age_days"], 0)
    text = case.run("backup", "list", "--in", above).stdout
    for name, words in ((0, "finished"), (1, "finished, encrypted"), (2, "broken off before it was finished"), (3, "not a backup any more: its lists are gone"),
                        (5, "damaged: `revive backup verify` says what is wrong"), (6, "finished")):
        folder, row = above / names[name], rows[names[name]]
        old = {3: "date not known", 6: "today"}.get(name, days())
        date = {3: "?"}.get(name, row.get("date", "?")[:10])
        first = f"{row['number']:2}  {'a phone without a name' if name == 3 else chr(65) + 'da' + chr(39) + 's iPhone'}, iOS {row.get('version', '?')}, {date} ({old}), {size(measure(folder)[0])}"
        assert f"{first}\n    {words}\n    {folder} (a folder)\n" in text, (first, words, text)
    empty = above.parent / "nothing"
    empty.mkdir()
    assert case.run("backup", "list", "--in", empty).stdout.startswith("No backup was found on this computer. A disk that is not attached is not looked at;")


@tap.test
def what_is_inside_is_counted_by_kind():
    folder = case.fresh("plain")
    contents = case.contents["plain"]
    _, told = case.run_json("backup", "show", folder)
    backup = about(folder)
    del backup["place"]
    same(told["backup"], backup)
    sorts = [("photos", "photos", [c for (d, p), c in contents.items() if d == "CameraRollDomain" and p.startswith("Media/DCIM/")]),
             ("photo-library", "file of the photo library", [c for (d, p), c in contents.items() if d == "CameraRollDomain" and not p.startswith("Media/DCIM/")]),
             ("attachments", "attachment of messages", [c for (d, p), c in contents.items() if d == "MediaDomain"]),
             ("messages", "file of messages", [c for (d, p), c in contents.items() if d == "HomeDomain" and p.startswith("Library/SMS/")]),
             ("notes", "file of notes", [c for (d, p), c in contents.items() if p.startswith("Library/Notes/")]),
             ("apps", "files of apps", [c for (d, p), c in contents.items() if d.startswith("AppDomain-")])]
    used = sum(len(files) for _, _, files in sorts)
    total = sum(len(c) for c in contents.values())
    sorts = [{"id": i, "words": w, "files": len(f), "bytes": sum(map(len, f))} for i, w, f in sorts]
    sorts.append({"id": "settings", "words": "files of settings", "files": len(contents) - used, "bytes": total - sum(s["bytes"] for s in sorts)})
    same(told["sorts"], sorts)
    domains = {}
    for (domain, _), data in contents.items():
        part = domains.setdefault(domain, {"id": domain, "words": "", "files": 0, "bytes": 0})
        part["files"] += 1
        part["bytes"] += len(data)
    same(sorted(told["domains"], key=lambda d: d["id"]), sorted(domains.values(), key=lambda d: d["id"]))
    same((told["content_files"], told["content_bytes"]), (len(contents), total))
    rows = "".join(f"{s['files']:9} {s['words']:32} {size(s['bytes']):>9}\n" for s in sorts)
    same(case.run("backup", "show", folder).stdout, f"Ada's iPhone, iPhone12,1 with iOS 17.2\nmade 2026-11-02 ({days()}), finished, {size(measure(folder)[0])} on the disk\n{folder}\n\n{rows}"
         f"{len(contents):9} {'files in all':32} {size(total):>9}\n" + ("\nWhat came onto the phone since 2026-11-02 is not in this backup.\n" if age() > 0 else ""))


@tap.test
def a_whole_backup_and_a_damaged_one_are_told_apart_in_words():
    for kind, more in (("plain", ""), ("encrypted", ", and the password opens every one")):
        folder = case.fresh(kind)
        total = size(sum(case.stored(folder, *name).stat().st_size for name in case.contents[kind] if case.stored(folder, *name).exists()))
        same(case.run("backup", "verify", folder).stdout, f"This backup is whole: {len(case.contents[kind])} files ({total}) were read and fit the index{more}.\n")
    folder = case.fresh("plain")
    case.stored(folder, "CameraRollDomain", PHOTO.format(1)).unlink()
    ended = case.run("backup", "verify", folder)
    missing = f"         file-missing: CameraRollDomain {PHOTO}\n"
    same(ended.stdout, "DAMAGE   a file of the index is missing\n       1 photo unreadable or changed\n" + missing.format(1))
    assert f"Why:\n  1 fault in the backup {folder} (17 files looked at)\n" in ended.stderr, ended.stderr
    for n in (2, 3):
        case.stored(folder, "CameraRollDomain", PHOTO.format(n)).unlink()
    data = bytearray(case.stored(folder, "HomeDomain", "Library/SMS/sms.db").read_bytes())
    data[4096:4608] = b"\xa5" * 512
    case.stored(folder, "HomeDomain", "Library/SMS/sms.db").write_bytes(data)
    ended = case.run("backup", "verify", folder)
    assert "DAMAGE   a file of the index is missing (3 times)\n" in ended.stdout and "       3 photos unreadable or changed\n" in ended.stdout, ended.stdout
    assert "       1 file of messages unreadable or changed\n" in ended.stdout and "         among them the database of your messages\n" in ended.stdout, ended.stdout
    _, told = case.run_json("backup", "verify", folder)
    same(told["findings"]["by_sort"], [{"sort": "photos", "count": 3, "words": "photos"}, {"sort": "messages", "count": 1, "words": "file of messages"}])
    same(next(k for k in told["findings"]["kinds"] if k["id"] == "file-missing"),
         {"id": "file-missing", "count": 3, "damage": True, "words": "a file of the index is missing"})
    same([f for f in told["findings"]["list"] if f["kind"] == "file-missing"],
         [{"kind": "file-missing", "domain": "CameraRollDomain", "path": PHOTO.format(n)} for n in (1, 2, 3)])
    same(told["findings"]["damage"], sum(k["count"] for k in told["findings"]["kinds"] if k["damage"]))


@tap.test
def two_backups_are_compared_file_by_file():
    older = case.fresh("plain")
    newer = case.fresh("plain")
    with sqlite3.connect(newer / "Manifest.db") as db:
        db.execute("DELETE FROM Files WHERE relativePath=?", (PHOTO.format(1),))
        row = list(db.execute("SELECT * FROM Files WHERE relativePath=?", (PHOTO.format(2),)).fetchone())
        row[0], row[2] = "ab" * 20, PHOTO.format(9)
        db.execute(f"INSERT INTO Files VALUES({','.join('?' * len(row))})", row)
        other = db.execute("SELECT file FROM Files WHERE relativePath=?", (PHOTO.format(4),)).fetchone()[0]
        db.execute("UPDATE Files SET file=? WHERE relativePath=?", (other, PHOTO.format(3)))
    db.close()
    sizes = {n: len(case.contents["plain"]["CameraRollDomain", PHOTO.format(n)]) for n in (1, 2, 3, 4)}
    _, told = case.run_json("backup", "diff", older, newer)
    same({k: told[k] for k in ("added", "removed", "changed", "same")}, {"added": 1, "removed": 1, "changed": 1, "same": 16})
    same(sorted(told["changes"], key=lambda c: c["change"]), [
        {"change": "added", "bytes": sizes[2], "domain": "CameraRollDomain", "path": PHOTO.format(9)},
        {"change": "changed", "bytes": sizes[4], "domain": "CameraRollDomain", "path": PHOTO.format(3)},
        {"change": "removed", "bytes": sizes[1], "domain": "CameraRollDomain", "path": PHOTO.format(1)}])
    lines = case.run("backup", "diff", older, newer).stdout.splitlines()
    same(sorted(lines[:-1]), [f"added    CameraRollDomain {PHOTO.format(9)}", f"changed  CameraRollDomain {PHOTO.format(3)}", f"removed  CameraRollDomain {PHOTO.format(1)}"])
    same(lines[-1], "1 added, 1 removed, 1 changed, 16 as they were")
    code, told = case.run_json("backup", "diff", older)
    same((code, told["error"]["cause"]), (2, "two backups are compared: name the older and the newer one"))


@tap.test
def a_backup_is_meant_by_its_number_its_phone_or_its_folder():
    above = case.fresh("plain").parent
    (above / make_backup.UDID).rename(above / "first")
    shutil.copytree(above / "first", above / "second")
    change(above / "second", "Info.plist", Target_Identifier="OTHER-UDID", Unique_Identifier="OTHER-UDID", Device_Name="Bert's iPhone", Serial_Number="SECONDSERIAL")
    change(above / "second", "Manifest.plist", Lockdown={"DeviceName": "Bert's iPhone", "UniqueDeviceID": "OTHER-UDID", "SerialNumber": "SECONDSERIAL"})

    def chosen(*words, code=0):
        got, told = case.run_json("backup", "show", *words, "--in", above)
        same(got, code)
        return told["backup"]["name"] if code == 0 else told["error"]

    numbers = {r["name"]: str(r["number"]) for r in case.run_json("backup", "list", "--in", above)[1]["backups"]}
    for name in ("first", "second"):
        same(chosen(numbers[name]), name)
        same(chosen(name.upper()), name)
        same(chosen(f"{above / name}/"), name)
    for word, name in (("ada's iphone", "first"), ("BERT'S IPHONE", "second"), (make_backup.UDID.lower(), "first"), ("other-udid", "second"), ("f17zq0abcdef", "first"), ("secondserial", "second")):
        same((word, chosen(word)), (word, name))
    error = chosen(code=2)
    same((error["advice"], error["cause"]), ("no-backup-there", "2 backups were found: which one? Name its folder or its number in `revive backup list`"))
    for word in ("3", "0", "nobody", "00000001"):
        error = chosen(word, code=1)
        same((error["code"], error["cause"]), ("NOT_FOUND", f"no backup called {word} was found"))
    shutil.rmtree(above / "second")
    same(chosen(), "first")
    shutil.copytree(above / "first", above / "third")
    same(chosen("Ada's iPhone", code=2)["cause"], "2 backups were found for Ada's iPhone: which one? Name its folder or its number in `revive backup list`")
    shutil.rmtree(above / "first")
    shutil.rmtree(above / "third")
    same(chosen(code=1)["cause"], "no backup was found")


@tap.test
def a_password_is_one_line_of_a_file_and_not_too_long():
    folder = case.fresh("encrypted")
    secret = folder.parent / "password"
    for text, code in ((b"secret", 0), (b"secret\n", 0), (b"secret\r\nmore", 0), (b"secret ", 4), (b"", 4), (b"x" * 1023, 4), (b"x" * 1024, 2), (b"x" * 5000, None)):
        secret.write_bytes(text)
        got, told = case.run_json("backup", "show", folder, "--password-file", secret, password=None)
        assert got == code or code is None and got in (1, 2), (text[:20], got, told)
        if code == 2:
            same(told["error"]["cause"].split(": ")[-1], "a password of more than 1023 bytes")
    code, told = case.run_json("backup", "show", folder, "--password-file", folder.parent / "none", password=None)
    assert code == 1 and told["error"]["causes"][0] == "looking into " + str(folder) or told["error"]["causes"][-2:][0] == "reading the password", told
    code, told = case.run_json("backup", "show", folder, password=None)
    same((code, told["error"]["advice"]), (2, "backup-password-needed"))
    assert "a password is needed, and nobody can be asked here: Password of this backup" in told["error"]["cause"], told


@tap.test
def files_that_are_meant_are_taken_out_and_counted():
    folder = case.fresh("plain")
    contents = case.contents["plain"]

    def taken(*words, code=0, verb="extract"):
        out = folder.parent / f"out-{time.monotonic_ns()}"
        got, told = case.run_json("backup", verb, folder, "--to", out, *words)
        same(got, code)
        return told, case.files_below(out) if out.exists() else {}

    photos = {k: v for k, v in contents.items() if k[0] == "CameraRollDomain" and k[1].startswith("Media/DCIM/")}
    told, found = taken("--type", "photos")
    same(found, photos)
    same({k: told[k] for k in ("files", "bytes", "links_left_out", "already_there", "failed")},
         {"files": len(photos), "bytes": sum(map(len, photos.values())), "links_left_out": 0, "already_there": 0, "failed": 0})
    same(taken("--domain", "HomeDomain")[1], {k: v for k, v in contents.items() if k[0] == "HomeDomain"})
    same(taken("--glob", "*IMG_0003*")[1], {("CameraRollDomain", PHOTO.format(3)): contents["CameraRollDomain", PHOTO.format(3)]})
    told, _ = taken("--type", "calls", code=1)
    same((told["error"]["code"], told["error"]["cause"]), ("NOT_FOUND", "no file of the backup is meant by these options"))
    told, _ = taken("--type", "snapshots", code=2)
    same(told["error"]["cause"], "there is no type 'snapshots': `revive backup show` lists them")
    told, _ = taken(code=2)
    same(told["error"]["cause"], "which files? --type, --domain or --glob; `revive backup decrypt` takes all")
    code, told = case.run_json("backup", "decrypt", folder)
    same((code, told["error"]["cause"]), (2, "--to DIR is missing: where shall the files go?"))
    case.stored(folder, "CameraRollDomain", PHOTO.format(1)).unlink()
    told, found = taken("--type", "photos", code=5)
    out = told["to"]
    same((len(found), told["failed"], told["error"]["cause"], told["error"]["advice"]), (7, 1, f"1 file could not be read; 7 are in {out}", "backup-damaged"))
    rest = size(sum(map(len, photos.values())) - len(photos["CameraRollDomain", PHOTO.format(1)]))
    whole = case.fresh("plain")
    out = whole.parent / "out"
    total = size(sum(map(len, photos.values())))
    same(case.run("backup", "extract", whole, "--type", "photos", "--to", out).stdout, f"8 files ({total}) are in {out}\n")
    (out / "CameraRollDomain" / PHOTO.format(2)).unlink()
    one = size(len(photos["CameraRollDomain", PHOTO.format(2)]))
    same(case.run("backup", "extract", whole, "--type", "photos", "--to", out).stdout, f"1 files ({one}) are in {out}; 7 were there already\n")
    assert rest != total


@tap.test
def old_ones_go_by_phone_and_only_finished_ones_count():
    above = case.fresh("plain").parent
    base = above / make_backup.UDID
    dates = {"a": 3, "b": 1, "c": 2, "begun": 9, "other": 1}
    when = plistlib.loads((base / "Info.plist").read_bytes())["Last Backup Date"]
    for name, day in dates.items():
        shutil.copytree(base, above / name)
        for leaf, key in (("Info.plist", "Last_Backup_Date"), ("Status.plist", "Date"), ("Manifest.plist", "Date")):
            change(above / name, leaf, **{key: when.replace(year=2020, day=day)})
    shutil.rmtree(base)
    change(above / "begun", "Status.plist", SnapshotState="uploading")
    change(above / "other", "Info.plist", Target_Identifier="OTHER", Unique_Identifier="OTHER")
    change(above / "other", "Manifest.plist", Lockdown={"UniqueDeviceID": "OTHER"})

    def gone(*words, code=0):
        got, told = case.run_json("backup", "prune", "--in", above, "--yes", *words)
        same(got, code)
        return sorted(pathlib.Path(p).name for p in told["deleted"]) if code == 0 else told["error"]["cause"]

    for keep in ([], ["--keep", "0"], ["--keep", "x"]):
        same(gone(*keep, code=2), "--keep N is missing: how many backups of each phone shall stay?")
    same(gone("--keep", "3"), [])
    same(gone("--keep", "1", "--dry-run"), ["b", "c"])
    same(sorted(os.listdir(above)), ["a", "b", "begun", "c", "other"])
    text = case.run("backup", "prune", "--in", above, "--yes", "--keep", "2").stdout
    same(text.splitlines()[0], f"deleted: {above / 'b'}")
    same(gone("--keep", "1"), ["c"])
    same(sorted(os.listdir(above)), ["a", "begun", "other"])
    same(case.run("backup", "prune", "--in", above, "--yes", "--keep", "1").stdout, "Nothing goes: no phone has more finished backups than that.\n")
    stored = size(measure(above / "begun")[0])
    same(case.run("backup", "delete", above / "begun", "--yes").stdout, f"The backup is deleted; {stored} are free again.\n")
    same(sorted(os.listdir(above)), ["a", "other"])
    code, told = case.run_json("backup", "delete", above)
    same((code, told["error"]["code"]), (2, "USAGE"))
    code, told = case.run_json("backup", "delete", "--yes")
    same((code, told["error"]["cause"]), (2, "which backup? `revive backup list` shows them"))


if __name__ == "__main__":
    try:
        failed = tap.run()
    finally:
        case.done()
    sys.exit(failed)
