#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ways in which backups break, one function a kind, seeded; and a strict reader that takes a backup only as a phone does.

usage: damage_backup.py KIND FOLDER [SEED]      damages the backup in place; without words: the kinds
"""
import datetime
import hashlib
import os
import pathlib
import plistlib
import random
import shutil
import sqlite3
import struct
import sys

import make_backup

KINDS = {}


def kind(function):
    KINDS[function.__name__.replace("_", "-")] = function
    return function


# ---- pieces ----

def is_old(folder):
    return (folder / "Manifest.mbdb").exists()


def lists(folder, name, **change):
    path = folder / name
    value = plistlib.loads(path.read_bytes())
    for key, new in change.items():
        key = key.replace("_", " ") if name == "Info.plist" else key
        if new is None:
            value.pop(key, None)
        else:
            value[key] = new
    path.write_bytes(plistlib.dumps(value, fmt=plistlib.FMT_BINARY))


def files_of(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file() and len(p.name) == 40 and "Snapshot" not in p.parts)


def some(folder, seed, count=3):
    return random.Random(seed).sample(files_of(folder), count)


def manifest_key(folder, password):
    manifest = plistlib.loads((folder / "Manifest.plist").read_bytes())
    classes = class_keys(manifest["BackupKeyBag"], password)
    if "ManifestKey" not in manifest:
        return None
    number, = struct.unpack_from("<I", manifest["ManifestKey"])
    return make_backup.unwrap(classes[number], manifest["ManifestKey"][4:])


def class_keys(bag, password):
    """The class keys of a keybag; an exception when the password does not open it."""
    fields, classes, at, current, seen = {}, {}, 0, None, False
    while at + 8 <= len(bag):
        tag, (size,) = bag[at:at + 4].decode(), struct.unpack_from(">I", bag, at + 4)
        value = bag[at + 8:at + 8 + size]
        if len(value) != size:
            raise ValueError("the keybag is cut")
        at += 8 + size
        if tag == "UUID" and seen:
            current = {}
        elif tag == "UUID":
            seen = True
        elif current is None:
            fields[tag] = value
        else:
            current[tag] = value
            if tag == "CLAS":
                classes[struct.unpack(">I", value)[0]] = current
    words = password.encode()
    if "DPSL" in fields:
        words = hashlib.pbkdf2_hmac("sha256", words, fields["DPSL"], struct.unpack(">I", fields["DPIC"])[0], 32)
    kek = hashlib.pbkdf2_hmac("sha1", words, fields["SALT"], struct.unpack(">I", fields["ITER"])[0], 32)
    keys = {n: make_backup.unwrap(kek, c["WPKY"]) for n, c in classes.items() if "WPKY" in c}
    if not keys or any(k is None for k in keys.values()):
        raise ValueError("the password does not open the keybag")
    return keys


def edit_index(folder, change, password="secret"):
    """Runs change(database) on the plain Manifest.db and puts it back as it was, encrypted or not."""
    path = folder / "Manifest.db"
    key = manifest_key(folder, password) if not path.read_bytes().startswith(b"SQLite") else None
    data = path.read_bytes()
    if key:
        data = make_backup.unseal(key, data)
        data = data[:struct.unpack(">I", data[28:32])[0] * 4096]
    plain = bytearray(data)
    plain[18:20] = b"\1\1"
    work = folder.parent / "work.db"
    work.write_bytes(plain)
    db = sqlite3.connect(work)
    change(db)
    db.commit()
    db.close()
    plain = bytearray(work.read_bytes())
    work.unlink()
    plain[18:20] = b"\2\2"
    path.write_bytes(make_backup.seal(key, bytes(plain)) if key else bytes(plain))


def edit_pages(folder, change, password="secret"):
    path = folder / "Manifest.db"
    key = manifest_key(folder, password) if not path.read_bytes().startswith(b"SQLite") else None
    data = bytearray(path.read_bytes() if not key else make_backup.unseal(key, path.read_bytes()))
    change(data)
    path.write_bytes(make_backup.seal(key, bytes(data)) if key else bytes(data))


def flip(path, at, count=1):
    data = bytearray(path.read_bytes())
    for i in range(count):
        data[(at + i) % len(data)] ^= 0x5A
    path.write_bytes(data)


def to_snapshot(folder, state, moved):
    """An interrupted run: part of the files still in Snapshot."""
    snapshot = folder / "Snapshot"
    snapshot.mkdir()
    index = "Manifest.mbdb" if is_old(folder) else "Manifest.db"
    shutil.copy(folder / index, snapshot / index)
    shutil.copy(folder / "Manifest.plist", snapshot / "Manifest.plist")
    for path in moved:
        target = snapshot / path.relative_to(folder)
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    lists(folder, "Status.plist", SnapshotState=state)


# ---- the kinds; numbers are those of the catalogue of damages ----

@kind
def first_run_broken_off(folder, seed):  # 1
    to_snapshot(folder, "uploading", files_of(folder))
    (folder / ("Manifest.mbdb" if is_old(folder) else "Manifest.db")).unlink()
    (folder / "Manifest.plist").unlink()


@kind
def incremental_broken_off_in_uploading(folder, seed):  # 2
    to_snapshot(folder, "uploading", [])
    (folder / "Snapshot" / "ff").mkdir(exist_ok=True)
    (folder / "Snapshot" / "ff" / ("ff" * 20)).write_bytes(b"half")


@kind
def broken_off_in_moving(folder, seed):  # 3
    to_snapshot(folder, "moving", some(folder, seed, 6))


@kind
def broken_off_in_removing(folder, seed):  # 4
    to_snapshot(folder, "removing", [])
    extra = folder / ("ee" * 20) if is_old(folder) else folder / "ee" / ("ee" * 20)
    extra.parent.mkdir(exist_ok=True)
    extra.write_bytes(b"to be removed")


@kind
def files_missing(folder, seed):  # 5
    for path in some(folder, seed):
        path.unlink()


@kind
def one_bucket_missing(folder, seed):  # 5
    first = some(folder, seed, 1)[0]
    for path in files_of(folder):
        if path.name[:1] == first.name[:1]:
            path.unlink()


@kind
def files_empty(folder, seed):  # 6
    for path in some(folder, seed):
        path.write_bytes(b"")


@kind
def files_cut(folder, seed):  # 6
    for path in some(folder, seed):
        os.truncate(path, path.stat().st_size * 2 // 3)


@kind
def files_longer(folder, seed):  # 6
    for path in some(folder, seed):
        with open(path, "ab") as file:
            file.write(b"\0" * 512)


@kind
def bits_turned(folder, seed):  # 7
    for path in some(folder, seed):
        if path.stat().st_size:
            flip(path, path.stat().st_size // 3)


@kind
def messages_overwritten(folder, seed):  # 7
    path = next(p for p in files_of(folder) if p.name.startswith("3d0d7e5f"))
    data = bytearray(path.read_bytes())
    data[8192:8192 + 1024] = random.Random(seed).randbytes(1024)
    path.write_bytes(data)


@kind
def index_cut(folder, seed):  # 8, 9
    path = folder / ("Manifest.mbdb" if is_old(folder) else "Manifest.db")
    os.truncate(path, path.stat().st_size * 3 // 5 // 4096 * 4096 or path.stat().st_size // 2)


@kind
def index_head_overwritten(folder, seed):  # 8
    if is_old(folder):
        flip(folder / "Manifest.mbdb", 0, 6)
    else:
        edit_pages(folder, lambda data: data.__setitem__(slice(0, 100), bytes(100)))


@kind
def index_page_overwritten(folder, seed):  # 8
    if is_old(folder):
        flip(folder / "Manifest.mbdb", (folder / "Manifest.mbdb").stat().st_size // 2, 40)
    else:
        edit_pages(folder, lambda data: data.__setitem__(slice(4096 * 5, 4096 * 6), random.Random(seed).randbytes(4096)))


@kind
def index_pages_zeroed(folder, seed):  # 8
    if is_old(folder):
        data = bytearray((folder / "Manifest.mbdb").read_bytes())
        data[700:1100] = bytes(400)
        (folder / "Manifest.mbdb").write_bytes(data)
    else:
        edit_pages(folder, lambda data: data.__setitem__(slice(4096 * 4, 4096 * 6), bytes(8192)))


@kind
def index_missing(folder, seed):  # 8
    (folder / ("Manifest.mbdb" if is_old(folder) else "Manifest.db")).unlink()


@kind
def index_missing_older_copy(folder, seed):  # 8
    older = folder.parent / f"{folder.name}-20261001-101010"
    shutil.copytree(folder, older)
    (folder / ("Manifest.mbdb" if is_old(folder) else "Manifest.db")).unlink()


@kind
def index_empty(folder, seed):  # 8
    (folder / ("Manifest.mbdb" if is_old(folder) else "Manifest.db")).write_bytes(b"")


@kind
def index_with_tail(folder, seed):  # 9
    with open(folder / ("Manifest.mbdb" if is_old(folder) else "Manifest.db"), "ab") as file:
        file.write(b"\0" * 16)


@kind
def log_left(folder, seed):  # 10
    (folder / "Manifest.db-wal").write_bytes(b"")
    (folder / "Manifest.db-shm").write_bytes(bytes(32768))


@kind
def user_version_lost(folder, seed):  # 11
    if not is_old(folder):
        edit_index(folder, lambda db: db.execute("PRAGMA user_version=0"))
    else:
        (folder / "Status.plist").write_bytes(b"")


@kind
def manifest_list_empty(folder, seed):  # 12
    (folder / "Manifest.plist").write_bytes(b"")


@kind
def manifest_list_missing(folder, seed):  # 12
    (folder / "Manifest.plist").unlink()


@kind
def manifest_list_cut(folder, seed):  # 12
    os.truncate(folder / "Manifest.plist", (folder / "Manifest.plist").stat().st_size - 40)


@kind
def manifest_list_empty_older_copy(folder, seed):  # 12
    shutil.copytree(folder, folder.parent / f"{folder.name}-20261001-101010")
    (folder / "Manifest.plist").write_bytes(b"")


@kind
def manifest_list_without_versions(folder, seed):  # 12
    lists(folder, "Manifest.plist", Version=None, SystemDomainsVersion=None)


@kind
def status_missing(folder, seed):  # 13
    (folder / "Status.plist").unlink()


@kind
def status_empty(folder, seed):  # 13
    (folder / "Status.plist").write_bytes(b"")


@kind
def status_of_wrong_kinds(folder, seed):  # 13
    lists(folder, "Status.plist", UUID=7, Date="yesterday", IsFullBackup="no")


@kind
def status_too_old(folder, seed):  # 13
    lists(folder, "Status.plist", Version="1.6", BackupState="old")


@kind
def info_missing(folder, seed):  # 14
    (folder / "Info.plist").unlink()


@kind
def info_cut(folder, seed):  # 14
    os.truncate(folder / "Info.plist", 300)


@kind
def all_lists_missing_but_manifest(folder, seed):  # 13, 14
    (folder / "Info.plist").unlink()
    (folder / "Status.plist").unlink()


@kind
def folder_renamed(folder, seed):  # 16
    return folder.rename(folder.parent / f"{folder.name} (1)")


@kind
def layout_mixed_up(folder, seed):  # 17
    for path in files_of(folder):
        if is_old(folder):
            (folder / path.name[:2]).mkdir(exist_ok=True)
            path.rename(folder / path.name[:2] / path.name)
        else:
            path.rename(folder / path.name)


@kind
def names_in_capitals(folder, seed):  # 18
    for path in some(folder, seed, 6):
        path.rename(path.with_name(path.name.upper()))


@kind
def names_with_suffixes(folder, seed):  # 18
    for path, suffix in zip(some(folder, seed, 4), (".download", " (1)", "~", ".bin")):
        path.rename(path.with_name(path.name + suffix))


@kind
def cloud_placeholders(folder, seed):  # 18
    for path in some(folder, seed, 3):
        path.with_name("." + path.name + ".icloud").write_bytes(b"")
        path.unlink()


@kind
def encryption_denied(folder, seed):  # 20
    lists(folder, "Manifest.plist", IsEncrypted=not plistlib.loads((folder / "Manifest.plist").read_bytes())["IsEncrypted"])


@kind
def keybag_cut(folder, seed):  # 21
    bag = plistlib.loads((folder / "Manifest.plist").read_bytes())["BackupKeyBag"]
    lists(folder, "Manifest.plist", BackupKeyBag=bag[:-60])


@kind
def keybag_missing(folder, seed):  # 21
    lists(folder, "Manifest.plist", BackupKeyBag=None)


@kind
def ids_wrong(folder, seed):  # 22
    if is_old(folder):
        return names_with_suffixes(folder, seed)

    def change(db):
        for ident, in db.execute("SELECT fileID FROM Files WHERE flags=1 AND domain='CameraRollDomain' LIMIT 3").fetchall():
            new = hashlib.sha1(ident.encode()).hexdigest()
            db.execute("UPDATE Files SET fileID=? WHERE fileID=?", (new, ident))
            (folder / new[:2]).mkdir(exist_ok=True)
            (folder / ident[:2] / ident).rename(folder / new[:2] / new)
    edit_index(folder, change)
    return None


@kind
def working_flags_left(folder, seed):  # 23
    if is_old(folder):
        return lists(folder, "Status.plist", SnapshotState="removing")
    return edit_index(folder, lambda db: db.execute("UPDATE Files SET flags = flags | 160 WHERE domain = 'CameraRollDomain'"))


@kind
def records_overwritten(folder, seed):  # 24
    if is_old(folder):
        return index_page_overwritten(folder, seed)
    return edit_index(folder, lambda db: db.execute(
        "UPDATE Files SET file = x'62706c697374303000' WHERE fileID IN (SELECT fileID FROM Files WHERE flags=1 LIMIT 3)"))


@kind
def records_of_other_files(folder, seed):  # 24
    if is_old(folder):
        return files_longer(folder, seed)
    return edit_index(folder, lambda db: db.execute(
        "UPDATE Files SET file = (SELECT file FROM Files WHERE relativePath LIKE '%IconState.plist') WHERE relativePath LIKE '%diary.txt'"))


@kind
def strange_paths(folder, seed):  # 25
    def change(db):
        for path in ("../../etc/passwd", "/absolute", "x/../../y"):
            ident = make_backup.file_id("HomeDomain", path)
            db.execute("INSERT INTO Files VALUES(?,?,?,1,?)", (ident, "HomeDomain", path,
                       make_backup.archive(path, b"evil", 4, None, None, 9)))
            (folder / ident[:2]).mkdir(exist_ok=True)
            (folder / ident[:2] / ident).write_bytes(b"evil")
    if is_old(folder):
        return bits_turned(folder, seed)
    return edit_index(folder, change)


@kind
def index_and_status_gone(folder, seed):  # a combination
    index_missing(folder, seed)
    status_missing(folder, seed)
    info_missing(folder, seed)


@kind
def everything_a_little(folder, seed):  # a combination
    files_missing(folder, seed)
    bits_turned(folder, seed + 1)
    index_page_overwritten(folder, seed)
    status_empty(folder, seed)


@kind
def moving_with_index_cut(folder, seed):  # a combination
    broken_off_in_moving(folder, seed)
    index_cut(folder, seed)


# ---- a phone's eyes ----

class Refused(Exception):
    """What a phone says instead of restoring."""


def need(truth, words):
    if not truth:
        raise Refused(words)


def accept(folder, password="secret"):
    """What a restore would bring onto the phone: {(domain, path): bytes}. Refused as phones refuse (one file fails all)."""
    folder = pathlib.Path(folder)
    try:
        status = plistlib.loads((folder / "Status.plist").read_bytes())
        manifest = plistlib.loads((folder / "Manifest.plist").read_bytes())
    except (OSError, ValueError, plistlib.InvalidFileException, struct.error) as error:
        raise Refused(f"204/205: a list cannot be read: {error}") from error
    for name, wanted in {"Version": str, "UUID": str, "Date": datetime.datetime, "BackupState": str, "SnapshotState": str,
                         "IsFullBackup": bool}.items():
        need(isinstance(status.get(name), wanted), f"205: {name} of Status.plist")
    need(2.4 <= float(status["Version"]) < 4 and status["BackupState"] == "new" and status["SnapshotState"] == "finished",
         "203/205: the state of Status.plist")
    need(isinstance(manifest.get("Version"), str) and isinstance(manifest.get("SystemDomainsVersion"), str), "205: versions")
    need(isinstance(manifest.get("BackupKeyBag"), bytes), "205: No keybag in manifest")
    try:
        keys = class_keys(manifest["BackupKeyBag"], password if manifest.get("IsEncrypted") else "")
    except (ValueError, KeyError, struct.error) as error:
        raise Refused(f"207: {error}") from error
    info = folder / "Info.plist"
    need(info.exists() and plistlib.loads(info.read_bytes()).get("Target Identifier") == folder.name, "Info.plist")
    if float(manifest["Version"]) >= 10:
        return accept_rows(folder, manifest, keys)
    return accept_mbdb(folder, manifest, keys)


def open_file(folder, place, size, key, digest, keys, encrypted):
    need(place.is_file(), f"205: Multiple errors downloading files: {place.name}")
    data = place.read_bytes()
    need(not digest or hashlib.sha1(data).digest() == digest, f"205: Digest didn't match: {place.name}")
    if not encrypted:
        need(len(data) == size, f"the size of {place.name}")
        return data
    need(key, f"no key for {place.name}")
    own = make_backup.unwrap(keys[struct.unpack_from("<I", key)[0]], key[4:])
    need(own, f"the key of {place.name} does not open")
    plain = make_backup.unseal(own, data) if data else b""
    need(not data or (len(data) == (size // 16 + 1) * 16 and plain[-1] == 16 - size % 16), f"the end of {place.name}")
    return plain[:size]


def accept_rows(folder, manifest, keys):
    data = (folder / "Manifest.db").read_bytes()
    if manifest.get("IsEncrypted") and "ManifestKey" in manifest:
        number, = struct.unpack_from("<I", manifest["ManifestKey"])
        data = make_backup.unseal(make_backup.unwrap(keys[number], manifest["ManifestKey"][4:]), data)
    need(data[:16] == b"SQLite format 3\0", "205: the index is no database")
    plain = bytearray(data[:struct.unpack(">I", data[28:32])[0] * 4096])
    plain[18:20] = b"\1\1"
    work = folder.parent / "accept.db"
    work.write_bytes(plain)
    db = sqlite3.connect(work)
    found = {}
    try:
        need(db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", "205: the index")
        need(db.execute("PRAGMA user_version").fetchone()[0] == 2, "the index is thrown away")
        for ident, domain, path, flags, blob in db.execute("SELECT * FROM Files"):
            need(ident == make_backup.file_id(domain, path) and flags in (1, 2, 4), f"row {domain} {path}")
            objects = plistlib.loads(blob)["$objects"]
            one = objects[1]
            need(objects[one["RelativePath"].data] == path, f"the record of {path}")
            if flags == 1:
                key = objects[one["EncryptionKey"].data]["NS.data"] if "EncryptionKey" in one else None
                digest = objects[one["Digest"].data] if "Digest" in one else None
                found[domain, path] = open_file(folder, folder / ident[:2] / ident, one["Size"], key, digest, keys,
                                                manifest.get("IsEncrypted"))
    finally:
        db.close()
        work.unlink()
    return found


def accept_mbdb(folder, manifest, keys):
    data, at, found = (folder / "Manifest.mbdb").read_bytes(), 6, {}
    need(data[:6] == b"mbdb\5\0", "205: the index")

    def text():
        nonlocal at
        size, = struct.unpack_from(">H", data, at)
        at += 2
        if size == 0xFFFF:
            return None
        at += size
        need(at <= len(data), "205: the index is cut")
        return data[at - size:at]
    while at < len(data):
        domain, path, _, digest, key = (text() for _ in range(5))
        need(at + 40 <= len(data), "205: the index is cut")
        mode, _, _, _, _, _, _, size, _, count = struct.unpack_from(">HQIIIIIQBB", data, at)
        at += 40
        for _ in range(2 * count):
            text()
        if mode >> 12 == 8:
            domain, path = domain.decode(), path.decode()
            found[domain, path] = open_file(folder, folder / make_backup.file_id(domain, path), size, key, digest, keys,
                                            manifest.get("IsEncrypted"))
    return found


def readable(folder, contents):
    """Of the files that the backup was made of: those whose bytes still lie somewhere, whole."""
    sizes = {p.name.lower().lstrip(".")[:40]: p for p in pathlib.Path(folder).rglob("*") if p.is_file() and p.stat().st_size}
    return {name for name in contents if make_backup.file_id(*name) in sizes or not contents[name]}


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print("\n".join(KINDS))
    else:
        KINDS[sys.argv[1]](pathlib.Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
