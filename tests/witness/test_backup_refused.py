#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Backups that were harmed are refused by the virtual iPhone, each with the number that devices give for it, and what
stands on the device stays as it was.

usage: test_backup_refused.py REVIVE-SIM"""
import glob
import os
import plistlib
import sqlite3
import sys

from backup_rig import Rig


def files_of(folder):
    return sorted(f for f in glob.glob(os.path.join(folder, "??", "*")) if os.path.getsize(f) > 100)


def edit(leaf, **values):
    """A harm: keys of a property list are given other values (None: taken out)."""
    def spoil(folder):
        path = os.path.join(folder, leaf)
        with open(path, "rb") as file:
            content = plistlib.load(file)
        for key, value in values.items():
            key = key.replace("_", " ")
            if value is None:
                content.pop(key, None)
            else:
                content[key] = value
        with open(path, "wb") as file:
            plistlib.dump(content, file, fmt=plistlib.FMT_BINARY)
    return spoil


def lose(folder):
    os.remove(files_of(folder)[3])


def shorten(folder):
    os.truncate(files_of(folder)[3], 50)


def rot(folder):
    """A bit of a file that has a digest in the manifest."""
    db = sqlite3.connect(os.path.join(folder, "Manifest.db"))
    (name,) = db.execute("SELECT fileID FROM Files WHERE domain='HomeDomain' AND flags=1 LIMIT 1").fetchone()
    db.close()
    path = os.path.join(folder, name[:2], name)
    with open(path, "r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))


def cut_manifest(folder):
    os.truncate(os.path.join(folder, "Manifest.db"), 5000)


def climb(folder):
    """A row whose path leads out of its domain."""
    path = os.path.join(folder, "Manifest.db")
    db = sqlite3.connect(path)
    db.execute("UPDATE Files SET relativePath='../' || relativePath WHERE flags=1")
    db.commit()
    db.close()


def change(command):
    """A harm: what a command makes of the manifest."""
    def spoil(folder):
        db = sqlite3.connect(os.path.join(folder, "Manifest.db"))
        db.create_function("without", 2, lambda blob, word: blob.replace(word.encode(), b"x" * len(word)))
        db.execute(command)
        db.commit()
        db.close()
    return spoil


def unsound(folder):
    """A page of an index of the manifest: every row can still be read."""
    path = os.path.join(folder, "Manifest.db")
    db = sqlite3.connect(path)
    (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name='FilesDomainIdx'").fetchone()
    db.close()
    with open(path, "r+b") as file:
        file.seek((page - 1) * 4096 + 8)
        file.write(b"\x0f\xff\x0f\xff\x0f\xff")


def empty_status(folder):
    # idevicebackup2 itself looks at the state, so that one must stay readable to it.
    edit("Status.plist", BackupState="empty")(folder)


HARMS = [
    ("a file is gone", lose, 205),
    ("a file is short", shorten, 205),
    ("a bit of a file is another", rot, 205),
    ("the manifest is cut", cut_manifest, 205),
    ("a path leads upwards", climb, 205),
    ("the backup is said to be empty", empty_status, 204),
    ("the backup is of a kind too new", edit("Status.plist", Version="4.0"), 203),
    ("it is of a newer system", edit("Info.plist", Product_Version="99.0"), 203),
    ("it has no keybag", edit("Manifest.plist", BackupKeyBag=None), 205),
    ("an index of the manifest is unsound", unsound, 205),
    ("folders have no rows", change("DELETE FROM Files WHERE flags=2 AND relativePath<>''"), 205),
    ("a record is of another class", change("UPDATE Files SET file=without(file, 'MBFile') WHERE flags=1"), 205),
    ("a record lacks a number", change("UPDATE Files SET file=without(file, 'InodeNumber') WHERE flags=1"), 205),
    ("rows are marked as lying in the Snapshot", change("UPDATE Files SET flags=9 WHERE flags=1"), 205),
    ("the table of properties is gone", change("DROP TABLE Properties"), 205),
    ("a value of the lists is of another kind", edit("Manifest.plist", Lockdown="none"), 205),
    ("the manifest has no version", edit("Manifest.plist", Version=None), 205),
]

rig = Rig(sys.argv[1], files=60)
tap = rig.tap
ran = rig.run("backup")
tap.check("a backup is made", ran.status == 0, ran, rig.told())
before = rig.digest()
results = rig.copies([(name, spoil) for name, spoil, _ in HARMS])
for name, _, code in HARMS:
    ran = results[name]
    tap.check("%s: %d" % (name, code), "(Error Code %d)" % code in ran.text or "ErrorCode %d" % code in ran.text, ran)
tap.check("and the phone's own files stay as they were", rig.digest() == before, rig.told())
tap.end()
