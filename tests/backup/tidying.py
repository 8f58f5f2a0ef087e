#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`revive backup diff, delete, prune`, and the exit codes of the verbs that need a phone when there is none.

usage: tidying.py REVIVE      TAP
"""
import pathlib
import plistlib
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import backup_case as case  # noqa: E402 pylint: disable=wrong-import-position
import make_backup  # noqa: E402 pylint: disable=wrong-import-position
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
case.prepare(sys.argv[1])


@tap.test
def what_was_added_removed_and_changed_is_told():
    older, newer = case.fresh("plain"), case.fresh("plain")
    with sqlite3.connect(newer / "Manifest.db") as db:
        db.execute("DELETE FROM Files WHERE relativePath LIKE '%IMG_0003.HEIC'")
        blob = make_backup.archive("Media/DCIM/100APPLE/IMG_0002.HEIC", b"other", 3, None, None, 7)
        db.execute("UPDATE Files SET file=? WHERE relativePath LIKE '%IMG_0002.HEIC'", (blob,))
        db.execute("INSERT INTO Files VALUES(?,?,?,1,?)", (make_backup.file_id("HomeDomain", "new"), "HomeDomain", "new",
                   make_backup.archive("new", b"new", 4, None, None, 8)))
    db.close()
    code, result = case.run_json("backup", "diff", older, newer)
    told = {(c["change"], c["path"].rpartition("/")[2]) for c in result["changes"]}
    assert code == 0 and told == {("added", "new"), ("removed", "IMG_0003.HEIC"), ("changed", "IMG_0002.HEIC")}, result
    code, result = case.run_json("backup", "diff", older, older)
    assert code == 0 and not result["changes"] and result["same"] == len(case.contents["plain"]), result
    assert case.run("backup", "diff", older).returncode == 2
    assert case.run("backup", "diff", older, older.parent / "no" / "ne").returncode == 1


@tap.test
def nothing_is_deleted_without_an_answer():
    folder = case.fresh("plain")
    before = case.tree_hash(folder)
    assert case.run("backup", "delete", folder).returncode == 2
    assert case.tree_hash(folder) == before
    (folder.parent / "photos").mkdir()
    assert case.run("backup", "delete", folder.parent / "photos", "--yes").returncode == 2
    assert (folder.parent / "photos").is_dir()
    code, result = case.run_json("backup", "delete", folder, "--yes")
    assert code == 0 and result["freed_bytes"] > 0 and not folder.exists(), result
    assert [p.name for p in folder.parent.iterdir()] == ["photos"]


@tap.test
def a_broken_backup_is_deleted_by_its_folder_too():
    folder = case.fresh("plain")
    (folder / "Info.plist").unlink()
    (folder / "Manifest.plist").write_bytes(b"")
    assert case.run("backup", "delete", folder, "--yes").returncode == 0 and not folder.exists()


@tap.test
def prune_keeps_the_newest_and_never_touches_a_broken_one():
    first = case.fresh("plain")
    for n, state in ((1, "finished"), (2, "finished"), (3, "uploading")):
        copy = first.parent / f"{first.name}-2026100{n}-101010"
        case.fresh("plain").rename(copy)
        for name, key in (("Info.plist", "Last Backup Date"), ("Status.plist", "SnapshotState")):
            value = plistlib.loads((copy / name).read_bytes())
            value[key] = state if name.startswith("Status") else value[key].replace(month=10, day=n)
            (copy / name).write_bytes(plistlib.dumps(value))
    words = ("backup", "prune", "--in", first.parent)
    assert case.run(*words).returncode == 2 and case.run(*words, "--keep", "1").returncode == 2
    code, result = case.run_json(*words, "--keep", "2", "--dry-run")
    assert code == 0 and [p[-15:-7] for p in result["deleted"]] == ["20261001"], result
    assert len(list(first.parent.iterdir())) == 4
    code, result = case.run_json(*words, "--keep", "1", "--yes")
    assert code == 0 and {p.name[26:34] for p in first.parent.iterdir()} == {"", "20261003"}, result


@tap.test
def without_a_phone_the_verbs_that_need_one_end_with_3():
    folder = case.fresh("plain")
    secret = folder.parent / "password"
    secret.write_text("secret\n")
    for words in (["create", "--to", folder.parent / "to"], ["restore", folder],
                  ["password", "set", "--new-password-file", secret], ["password", "remove"],
                  ["password", "change", "--new-password-file", secret]):
        code, result = case.run_json("backup", *words)
        assert code == 3 and result["ok"] is False, (words, result)
    assert not (folder.parent / "to").exists()


status = tap.run()
case.done()
sys.exit(status)
