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
import tempfile

import make_backup

KINDS = {}
NUMBERS = {}
OLDER = None  # the backup before the one that is damaged, for kinds that leave it beside; None: a copy of the same


def kind(*numbers):
    """numbers: of the catalogue of damages, as docs/repair.md has them; none: a combination."""
    def note(function):
        KINDS[function.__name__.replace("_", "-")] = function
        NUMBERS[function.__name__.replace("_", "-")] = numbers
        return function
    return note


# ---- pieces ----

def is_old(folder):
    return (folder / "Manifest.mbdb").exists()


def index_name(folder):
    return "Manifest.mbdb" if is_old(folder) else "Manifest.db"


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
    """Stored files with something in them."""
    return random.Random(seed).sample([p for p in files_of(folder) if p.stat().st_size > 64], count)


def place_of(folder, ident):
    """Where a stored file lies, in a folder or not."""
    flat = folder / ident
    return flat if flat.exists() else folder / ident[:2] / ident


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


def mbdb_records(data):
    """(first byte, one behind the last, domain, path, mode, key) of each record."""
    at = 6
    while at < len(data):
        first, texts = at, []
        for _ in range(5):
            size, = struct.unpack_from(">H", data, at)
            at += 2
            texts.append(None if size == 0xFFFF else data[at:at + size])
            at += 0 if size == 0xFFFF else size
        mode, count = struct.unpack_from(">H", data, at)[0], data[at + 39]
        at += 40
        for _ in range(2 * count):
            size, = struct.unpack_from(">H", data, at)
            at += 2 + (0 if size == 0xFFFF else size)
        yield first, at, texts[0].decode(), texts[1].decode(), mode, texts[4]


def rows_of(folder, index_key=None):
    """(domain, path, flags, record, key) of a whole index."""
    if is_old(folder):
        data = (folder / "Manifest.mbdb").read_bytes()
        for first, end, domain, path, mode, key in mbdb_records(data):
            yield domain, path, {8: 1, 4: 2, 10: 4}[mode >> 12], data[first:end], key
        return
    data = (folder / "Manifest.db").read_bytes()
    data = bytearray(make_backup.unseal(index_key, data) if index_key else data)
    data = data[:struct.unpack(">I", data[28:32])[0] * 4096]
    data[18:20] = b"\1\1"
    handle, work = tempfile.mkstemp(suffix=".db")
    os.write(handle, data)
    os.close(handle)
    db = sqlite3.connect(work)
    for domain, path, flags, record in db.execute("SELECT domain, relativePath, flags, file FROM Files"):
        objects = plistlib.loads(record)["$objects"]
        key = objects[objects[1]["EncryptionKey"].data]["NS.data"] if "EncryptionKey" in objects[1] else None
        yield domain, path, flags, record, key
    db.close()
    os.unlink(work)


def edit_records(folder, change):
    """change(domain, path, mode, bytes of the record) gives the records that take its place."""
    path = folder / "Manifest.mbdb"
    data = path.read_bytes()
    path.write_bytes(data[:6] + b"".join(change(domain, name, mode, data[first:end])
                                         for first, end, domain, name, mode, _ in mbdb_records(data)))


def beside(folder):
    """An older backup of the same phone, as copies are called."""
    older = folder.parent / f"{folder.name}-20261001-101010"
    shutil.copytree(OLDER or folder, older)
    return older


def to_snapshot(folder, state, moved, move=True):
    """An interrupted run: its own lists, and part of the files, still in Snapshot, marked as lying there."""
    snapshot = folder / "Snapshot"
    snapshot.mkdir(exist_ok=True)
    index = index_name(folder)
    keep = (folder / index).read_bytes()
    if not is_old(folder):
        names = [(p.name,) for p in moved]
        edit_index(folder, lambda db: db.executemany("UPDATE Files SET flags = flags | 8 WHERE fileID = ?", names))
    (folder / index).rename(snapshot / index)
    (folder / index).write_bytes(keep)
    shutil.copy(folder / "Manifest.plist", snapshot / "Manifest.plist")
    for path in moved if move else []:
        target = snapshot / path.relative_to(folder)
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    lists(folder, "Status.plist", SnapshotState=state)


def over_older(folder):
    """The lists and files of the older backup in their places, all of the newer in Snapshot; files that are new."""
    new = {p.name: p.read_bytes() for p in files_of(folder)}
    old = {p.name: p.read_bytes() for p in files_of(OLDER)} if OLDER else {}
    return [p for p in files_of(folder) if old.get(p.name) != new[p.name]]


# ---- the kinds ----

@kind(1)
def first_run_broken_off(folder, seed):
    to_snapshot(folder, "uploading", files_of(folder))
    (folder / index_name(folder)).unlink()
    (folder / "Manifest.plist").unlink()


@kind(1)
def first_run_broken_off_early(folder, seed):
    """Before its lists were sent: files alone."""
    first_run_broken_off(folder, seed)
    for path in folder.glob("Snapshot/Manifest.*"):
        path.unlink()


@kind(2)
def incremental_broken_off_in_uploading(folder, seed):
    to_snapshot(folder, "uploading", [])
    (folder / "Snapshot" / "ff").mkdir(exist_ok=True)
    (folder / "Snapshot" / "ff" / ("ff" * 20)).write_bytes(b"half")


@kind(2)
def incremental_broken_off_half_way(folder, seed):
    """Newer contents of files in Snapshot, not all of them, and no lists yet."""
    snapshot = folder / "Snapshot"
    for path in some(folder, seed, 5):
        target = snapshot / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(random.Random(seed).randbytes(path.stat().st_size // 2))
    lists(folder, "Status.plist", SnapshotState="uploading")


@kind(3)
def broken_off_in_moving(folder, seed):
    to_snapshot(folder, "moving", some(folder, seed, 6))


@kind(3)
def broken_off_in_moving_over_the_older(folder, seed):
    """The newer files in Snapshot, the older ones of the same names in their places."""
    fresh = over_older(folder)
    if not fresh or OLDER is None:
        return broken_off_in_moving(folder, seed)
    to_snapshot(folder, "moving", fresh)
    for path in fresh[len(fresh) // 2:]:
        source = OLDER / path.relative_to(folder)
        if source.exists():
            shutil.copy(source, path)
    for name in (index_name(folder), "Manifest.plist"):
        shutil.copy(OLDER / name, folder / name)
    return None


@kind(3)
def broken_off_in_moving_its_index_moved(folder, seed):
    """All but a few files are moved and so are the lists: only the marks of the rows and the state tell."""
    to_snapshot(folder, "moving", some(folder, seed, 4))
    for name in (index_name(folder), "Manifest.plist"):
        (folder / "Snapshot" / name).rename(folder / name)


@kind(4)
def broken_off_in_removing(folder, seed):
    to_snapshot(folder, "removing", [])
    extra = folder / ("ee" * 20) if is_old(folder) else folder / "ee" / ("ee" * 20)
    extra.parent.mkdir(exist_ok=True)
    extra.write_bytes(b"to be removed")


@kind(5)
def files_missing(folder, seed):
    for path in some(folder, seed):
        path.unlink()


@kind(5)
def one_bucket_missing(folder, seed):
    first = some(folder, seed, 1)[0]
    for path in files_of(folder):
        if path.name[:1] == first.name[:1]:
            path.unlink()


@kind(5)
def messages_missing_older_copy(folder, seed):
    beside(folder)
    place_of(folder, "3d0d7e5fb2ce288813306e4d4636395e047a3d28").unlink()


@kind(6)
def files_empty(folder, seed):
    for path in some(folder, seed):
        path.write_bytes(b"")


@kind(6)
def files_cut(folder, seed):
    for path in some(folder, seed):
        os.truncate(path, path.stat().st_size * 2 // 3)


@kind(6)
def files_cut_at_a_block(folder, seed):
    for path in some(folder, seed):
        os.truncate(path, path.stat().st_size // 2 // 512 * 512 or 16)


@kind(6)
def messages_cut(folder, seed):
    path = place_of(folder, "3d0d7e5fb2ce288813306e4d4636395e047a3d28")
    os.truncate(path, path.stat().st_size * 3 // 4 // 4096 * 4096)


@kind(6)
def files_longer(folder, seed):
    for path in some(folder, seed):
        with open(path, "ab") as file:
            file.write(b"\0" * 512)


@kind(7)
def bits_turned(folder, seed):
    for path in some(folder, seed):
        flip(path, path.stat().st_size // 3)


@kind(7)
def files_full_of_zeroes(folder, seed):
    """As file systems leave what was never written."""
    for path in some(folder, seed):
        path.write_bytes(bytes(path.stat().st_size))


@kind(7)
def messages_overwritten(folder, seed):
    path = place_of(folder, "3d0d7e5fb2ce288813306e4d4636395e047a3d28")
    data = bytearray(path.read_bytes())
    data[8192:8192 + 1024] = random.Random(seed).randbytes(1024)
    path.write_bytes(data)


@kind(8, 9)
def index_cut(folder, seed):
    path = folder / index_name(folder)
    os.truncate(path, path.stat().st_size * 3 // 5 // 4096 * 4096 or path.stat().st_size // 2)


@kind(8, 9)
def index_cut_within_a_page(folder, seed):
    path = folder / index_name(folder)
    os.truncate(path, path.stat().st_size * 4 // 5 + 1001)


@kind(8)
def index_head_overwritten(folder, seed):
    if is_old(folder):
        flip(folder / "Manifest.mbdb", 0, 6)
    else:
        edit_pages(folder, lambda data: data.__setitem__(slice(0, 100), bytes(100)))


@kind(8)
def index_page_overwritten(folder, seed):
    if is_old(folder):
        flip(folder / "Manifest.mbdb", (folder / "Manifest.mbdb").stat().st_size // 2, 40)
    else:
        edit_pages(folder, lambda data: data.__setitem__(slice(4096 * 5, 4096 * 6), random.Random(seed).randbytes(4096)))


@kind(8)
def index_pages_zeroed(folder, seed):
    if is_old(folder):
        data = bytearray((folder / "Manifest.mbdb").read_bytes())
        data[700:1100] = bytes(400)
        (folder / "Manifest.mbdb").write_bytes(data)
    else:
        edit_pages(folder, lambda data: data.__setitem__(slice(4096 * 4, 4096 * 6), bytes(8192)))


@kind(8)
def index_begins_with_zeroes(folder, seed):
    """Its schema and roots are gone."""
    size = 300 if is_old(folder) else 4096 * 3
    if is_old(folder):
        data = bytearray((folder / "Manifest.mbdb").read_bytes())
        data[:size] = bytes(size)
        (folder / "Manifest.mbdb").write_bytes(data)
    else:
        edit_pages(folder, lambda data: data.__setitem__(slice(0, size), bytes(size)))


@kind(8)
def index_sprinkled(folder, seed):
    """A few bytes here and there, as of failing memory."""
    draw = random.Random(seed)

    def sprinkle(data):
        for _ in range(12):
            data[draw.randrange(100, len(data))] ^= 1 << draw.randrange(8)
    if is_old(folder):
        data = bytearray((folder / "Manifest.mbdb").read_bytes())
        sprinkle(data)
        (folder / "Manifest.mbdb").write_bytes(data)
    else:
        edit_pages(folder, sprinkle)


@kind(8)
def leaves_of_the_index_zeroed(folder, seed):
    """Pages that hold rows, one in three; the pages of its own indexes still have their names."""
    if is_old(folder):
        return index_pages_zeroed(folder, seed)

    def zero(data):
        leaves = [at for at in range(4096, len(data) - 4095, 4096) if data[at] == 13]
        for at in leaves[seed % 3::3]:
            data[at:at + 4096] = bytes(4096)
    return edit_pages(folder, zero)


@kind(8)
def index_missing(folder, seed):
    (folder / index_name(folder)).unlink()


@kind(8)
def index_missing_older_copy(folder, seed):
    beside(folder)
    (folder / index_name(folder)).unlink()


@kind(8)
def index_missing_last_good_kept(folder, seed):
    """What revive keeps of the backup before while it makes a new one."""
    beside(folder).rename(folder.parent / f".{folder.name}.previous")
    (folder / index_name(folder)).unlink()


@kind(8)
def index_empty(folder, seed):
    (folder / index_name(folder)).write_bytes(b"")


@kind(8)
def index_table_gone(folder, seed):
    if is_old(folder):
        return index_cut(folder, seed)
    return edit_index(folder, lambda db: db.execute("DROP TABLE Properties"))


@kind(9)
def index_with_tail(folder, seed):
    with open(folder / index_name(folder), "ab") as file:
        file.write(b"\0" * 16)


@kind(9)
def index_decrypted_in_place(folder, seed):
    """As tools leave it that open backups and put back what they opened."""
    if is_old(folder) or (folder / "Manifest.db").read_bytes().startswith(b"SQLite"):
        return log_left(folder, seed)
    key = manifest_key(folder, "secret")
    (folder / "Manifest.db").write_bytes(make_backup.unseal(key, (folder / "Manifest.db").read_bytes()))
    return None


@kind(10)
def log_left(folder, seed):
    (folder / "Manifest.db-wal").write_bytes(b"")
    (folder / "Manifest.db-shm").write_bytes(bytes(32768))


@kind(10)
def rows_only_in_the_log(folder, seed):
    """A tool wrote rows and was killed: they stand in Manifest.db-wal alone."""
    path = folder / "Manifest.db"
    if is_old(folder) or not path.read_bytes().startswith(b"SQLite"):
        return log_left(folder, seed)
    db = sqlite3.connect(path)
    rows = db.execute("SELECT * FROM Files ORDER BY fileID LIMIT 60").fetchall()
    db.execute("PRAGMA journal_mode=WAL")
    db.executemany("DELETE FROM Files WHERE fileID=?", [row[:1] for row in rows])
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.executemany("INSERT INTO Files VALUES(?,?,?,?,?)", rows)
    db.commit()
    kept = {name: (folder / name).read_bytes() for name in ("Manifest.db", "Manifest.db-wal")}
    db.close()
    for name, data in kept.items():
        (folder / name).write_bytes(data)
    return None


@kind(11)
def user_version_lost(folder, seed):
    if not is_old(folder):
        edit_index(folder, lambda db: db.execute("PRAGMA user_version=0"))
    else:
        (folder / "Status.plist").write_bytes(b"")


@kind(12)
def manifest_list_empty(folder, seed):
    (folder / "Manifest.plist").write_bytes(b"")


@kind(12)
def manifest_list_missing(folder, seed):
    (folder / "Manifest.plist").unlink()


@kind(12)
def manifest_list_cut(folder, seed):
    os.truncate(folder / "Manifest.plist", (folder / "Manifest.plist").stat().st_size - 40)


@kind(12)
def manifest_list_empty_older_copy(folder, seed):
    beside(folder)
    (folder / "Manifest.plist").write_bytes(b"")


@kind(12)
def manifest_list_without_versions(folder, seed):
    lists(folder, "Manifest.plist", Version=None, SystemDomainsVersion=None)


@kind(12)
def manifest_list_of_wrong_kinds(folder, seed):
    lists(folder, "Manifest.plist", Date="yesterday", WasPasscodeSet="no", Lockdown=[], Applications="none", SystemDomainsVersion=20)


@kind(12)
def manifest_list_of_wrong_versions(folder, seed):
    lists(folder, "Manifest.plist", Version="10.0" if is_old(folder) else "9.1", SystemDomainsVersion="99.0")


@kind(13)
def status_missing(folder, seed):
    (folder / "Status.plist").unlink()


@kind(13)
def status_empty(folder, seed):
    (folder / "Status.plist").write_bytes(b"")


@kind(13)
def status_of_wrong_kinds(folder, seed):
    lists(folder, "Status.plist", UUID=7, Date="yesterday", IsFullBackup="no")


@kind(13)
def status_too_old(folder, seed):
    lists(folder, "Status.plist", Version="1.6", BackupState="old")


@kind(13)
def status_says_empty(folder, seed):
    lists(folder, "Status.plist", BackupState="empty")


@kind(13)
def status_says_moving(folder, seed):
    """And nothing is: there is no Snapshot."""
    lists(folder, "Status.plist", SnapshotState="moving")


@kind(14)
def info_missing(folder, seed):
    (folder / "Info.plist").unlink()


@kind(14)
def info_cut(folder, seed):
    os.truncate(folder / "Info.plist", 300)


@kind(14)
def info_of_another_phone(folder, seed):
    lists(folder, "Info.plist", Target_Identifier="00008101-00AA00BB00CC00DD", Unique_Identifier="00008101-00AA00BB00CC00DD")


@kind(14)
def info_with_nothing_in_it(folder, seed):
    (folder / "Info.plist").write_bytes(plistlib.dumps({}))


@kind(13, 14)
def all_lists_missing_but_manifest(folder, seed):
    (folder / "Info.plist").unlink()
    (folder / "Status.plist").unlink()


@kind(12, 13, 14)
def all_lists_missing(folder, seed):
    for name in ("Info.plist", "Status.plist", "Manifest.plist"):
        (folder / name).unlink()


@kind(15)
def info_of_a_newer_system(folder, seed):
    """A wrong number in one list; the other knows better."""
    lists(folder, "Info.plist", Product_Version="99.0", Build_Version="99A1")


@kind(16)
def folder_renamed(folder, seed):
    return folder.rename(folder.parent / f"{folder.name} (1)")


@kind(16)
def folder_renamed_and_lists_missing(folder, seed):
    (folder / "Info.plist").unlink()
    return folder.rename(folder.parent / "backup of my phone")


@kind(17)
def layout_mixed_up(folder, seed):
    for path in files_of(folder):
        if is_old(folder):
            (folder / path.name[:2]).mkdir(exist_ok=True)
            path.rename(folder / path.name[:2] / path.name)
        else:
            path.rename(folder / path.name)


@kind(17)
def files_in_wrong_folders(folder, seed):
    for path in some(folder, seed, 6):
        other = folder / f"{(int(path.name[:2], 16) + 1) % 256:02x}"
        other.mkdir(exist_ok=True)
        path.rename(other / path.name)


@kind(18)
def names_in_capitals(folder, seed):
    for path in some(folder, seed, 6):
        path.rename(path.with_name(path.name.upper()))


@kind(18)
def names_with_suffixes(folder, seed):
    for path, suffix in zip(some(folder, seed, 4), (".download", " (1)", "~", ".bin")):
        path.rename(path.with_name(path.name + suffix))


@kind(18)
def copies_beside_files(folder, seed):
    """What synchronising makes of two versions: the file, and an older one "(1)" beside it."""
    for path in some(folder, seed, 4):
        path.with_name(path.name + " (1)").write_bytes(b"conflict " * 40)


@kind(18)
def cloud_placeholders(folder, seed):
    for path in some(folder, seed, 3):
        path.with_name("." + path.name + ".icloud").write_bytes(b"")
        path.unlink()


@kind(18)
def names_lost(folder, seed):
    """As disk checks leave what they found: FOUND.000/FILE0000.CHK."""
    (folder / "FOUND.000").mkdir()
    for i, path in enumerate(some(folder, seed, 5)):
        path.rename(folder / "FOUND.000" / f"FILE{i:04d}.CHK")


@kind(20)
def encryption_denied(folder, seed):
    lists(folder, "Manifest.plist", IsEncrypted=not plistlib.loads((folder / "Manifest.plist").read_bytes())["IsEncrypted"])


@kind(20)
def encryption_not_said(folder, seed):
    lists(folder, "Manifest.plist", IsEncrypted=None)


@kind(21)
def keybag_cut(folder, seed):
    bag = plistlib.loads((folder / "Manifest.plist").read_bytes())["BackupKeyBag"]
    lists(folder, "Manifest.plist", BackupKeyBag=bag[:-60])


@kind(21)
def keybag_missing(folder, seed):
    lists(folder, "Manifest.plist", BackupKeyBag=None)


@kind(21)
def keybag_missing_older_copy(folder, seed):
    beside(folder)
    lists(folder, "Manifest.plist", BackupKeyBag=None)


@kind(21)
def keybag_with_a_bit_turned(folder, seed):
    """In the wrapped key of a class that no file here has."""
    bag = bytearray(plistlib.loads((folder / "Manifest.plist").read_bytes())["BackupKeyBag"])
    bag[bag.index(b"CLAS\0\0\0\4\0\0\0\7") + 50] ^= 4
    lists(folder, "Manifest.plist", BackupKeyBag=bytes(bag))


@kind(22)
def ids_wrong(folder, seed):
    if is_old(folder):
        return names_with_suffixes(folder, seed)

    def change(db):
        for ident, in db.execute("SELECT fileID FROM Files WHERE flags=1 AND domain='CameraRollDomain' LIMIT 3").fetchall():
            new = hashlib.sha1(ident.encode()).hexdigest()
            db.execute("UPDATE Files SET fileID=? WHERE fileID=?", (new, ident))
            (folder / new[:2]).mkdir(exist_ok=True)
            (folder / ident[:2] / ident).rename(folder / new[:2] / new)
    return edit_index(folder, change)


@kind(22)
def rows_twice(folder, seed):
    if is_old(folder):
        return edit_records(folder, lambda domain, path, mode, record: record * 2)
    return edit_index(folder, lambda db: db.execute(
        "INSERT INTO Files SELECT substr(fileID, 2) || 'f', domain, relativePath, flags, file FROM Files WHERE flags=1 LIMIT 9"))


@kind(23)
def working_flags_left(folder, seed):
    if is_old(folder):
        return lists(folder, "Status.plist", SnapshotState="removing")
    return edit_index(folder, lambda db: db.execute("UPDATE Files SET flags = flags | 160 WHERE domain = 'CameraRollDomain'"))


@kind(23)
def marks_of_a_snapshot_left(folder, seed):
    if is_old(folder):
        return lists(folder, "Status.plist", SnapshotState="removing")
    return edit_index(folder, lambda db: (
        db.execute("UPDATE Files SET flags = 9 WHERE flags = 1"),
        db.execute("INSERT INTO Files VALUES(?,?,?,17,NULL)", (make_backup.file_id("HomeDomain", "new"), "HomeDomain", "new"))))


@kind(24)
def records_overwritten(folder, seed):
    if is_old(folder):
        return index_page_overwritten(folder, seed)
    return edit_index(folder, lambda db: db.execute(
        "UPDATE Files SET file = x'62706c697374303000' WHERE fileID IN (SELECT fileID FROM Files WHERE flags=1 LIMIT 3)"))


@kind(24)
def records_of_other_files(folder, seed):
    if is_old(folder):
        return files_longer(folder, seed)
    return edit_index(folder, lambda db: db.execute(
        "UPDATE Files SET file = (SELECT file FROM Files WHERE relativePath LIKE '%.plist' AND flags=1) WHERE fileID IN"
        " (SELECT fileID FROM Files WHERE flags=1 AND domain LIKE 'App%' LIMIT 2)"))


@kind(24)
def kinds_of_rows_wrong(folder, seed):
    if is_old(folder):
        return files_cut(folder, seed)
    return edit_index(folder, lambda db: db.execute(
        "UPDATE Files SET flags = 2 WHERE fileID IN (SELECT fileID FROM Files WHERE flags=1 LIMIT 4)"))


@kind(25)
def strange_paths(folder, seed):
    def change(db):
        for path in ("../../etc/passwd", "/absolute", "x/../../y"):
            ident = make_backup.file_id("HomeDomain", path)
            db.execute("INSERT INTO Files VALUES(?,?,?,1,?)", (ident, "HomeDomain", path,
                       make_backup.archive(path, b"evil", 4, None, None, 9)))
            (folder / ident[:2]).mkdir(exist_ok=True)
            (folder / ident[:2] / ident).write_bytes(b"evil")

    def add(domain, path, mode, record):
        first = domain == "HomeDomain" and path == ""
        return record + (make_backup.mbdb_record("HomeDomain", "../../etc/passwd", b"evil", 4, None, None, 9) if first else b"")
    return edit_records(folder, add) if is_old(folder) else edit_index(folder, change)


@kind(25)
def folders_without_rows(folder, seed):
    if is_old(folder):
        return edit_records(folder, lambda domain, path, mode, record: record if mode >> 12 != 4 else b"")
    return edit_index(folder, lambda db: db.execute("DELETE FROM Files WHERE flags=2"))


@kind(26)
def disk_cannot_read_a_file(folder, seed):
    """See environment_of: the sectors of one file are bad, from its second block on."""


@kind(26)
def disk_cannot_read_the_index(folder, seed):
    """The same, in the middle of the index."""


@kind()
def index_and_status_gone(folder, seed):
    index_missing(folder, seed)
    status_missing(folder, seed)
    info_missing(folder, seed)


@kind()
def everything_a_little(folder, seed):
    files_missing(folder, seed)
    bits_turned(folder, seed + 1)
    index_page_overwritten(folder, seed)
    status_empty(folder, seed)


@kind()
def moving_with_index_cut(folder, seed):
    broken_off_in_moving(folder, seed)
    index_cut(folder, seed)


@kind()
def renamed_mixed_up_and_in_capitals(folder, seed):
    names_in_capitals(folder, seed)
    layout_mixed_up(folder, seed)
    info_missing(folder, seed)
    return folder.rename(folder.parent / "Backup (2)")


@kind()
def index_sprinkled_and_lists_cut(folder, seed):
    index_sprinkled(folder, seed)
    manifest_list_cut(folder, seed)
    info_cut(folder, seed)
    status_empty(folder, seed)


@kind()
def older_copy_and_half_an_index(folder, seed):
    beside(folder)
    index_cut_within_a_page(folder, seed)
    files_cut(folder, seed)


def environment_of(name, folder):
    """What the repair runs under: bad sectors are a library that stands before the disk (tests/support/bad_disk.c)."""
    if not name.startswith("disk-cannot-read"):
        return {}
    largest = max(files_of(folder), key=lambda p: (p.stat().st_size, p.name))
    path = folder / index_name(folder) if name.endswith("index") else largest
    return {"BAD_DISK_FILE": os.path.realpath(path), "BAD_DISK_FROM": "4096" if not name.endswith("index") else
            str(path.stat().st_size // 2 // 4096 * 4096), "BAD_DISK_BYTES": "4096"}


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
