# SPDX-License-Identifier: Apache-2.0
"""What of a damaged backup could still be had, found out from its bytes by one who knows what was in it. Shares no line
with the product: the damaged folder is searched for the stored bytes of each file, for the key that opens it and for its
name; nothing is asked of the repair."""
import hashlib
import os
import pathlib
import plistlib
import struct

import damage_backup as damage
import make_backup


class Row:
    """A file as the whole backup has it."""

    def __init__(self, domain, path, key, stored):
        self.domain, self.path, self.key = domain, path, key
        self.size, self.sum = len(stored), hashlib.sha256(stored).digest()


class Pristine:
    """A backup before anything was done to it: its files, and all its secrets."""

    def __init__(self, folder, password):
        self.folder = pathlib.Path(folder)
        manifest = plistlib.loads((self.folder / "Manifest.plist").read_bytes())
        self.encrypted, self.bag = manifest["IsEncrypted"], manifest["BackupKeyBag"]
        self.classes = damage.class_keys(self.bag, password or "")
        self.wrapped_index_key = manifest.get("ManifestKey")
        self.index_key = None
        if self.wrapped_index_key:
            number, = struct.unpack_from("<I", self.wrapped_index_key)
            self.index_key = make_backup.unwrap(self.classes[number], self.wrapped_index_key[4:])
        self.rows = {}
        for domain, path, flags, record, key in damage.rows_of(self.folder, self.index_key):
            if flags == 1:
                ident = make_backup.file_id(domain, path)
                self.rows[domain, path] = Row(domain, path, key, damage.place_of(self.folder, ident).read_bytes())


def all_bytes(folders, names, bad=None):
    """Of every file so called below the folders; zeroes where the disk cannot read (path, first, bytes)."""
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file() and path.name.startswith(names):
                data = path.read_bytes()
                if bad and bad[0] == os.path.realpath(path):
                    data = data[:bad[1]] + bytes(bad[2]) + data[bad[1] + bad[2]:]
                yield data


def wrapped_keys_of(bag):
    """{class: the bytes its key is wrapped in} of a whole keybag."""
    at, found, number = 0, {}, None
    while at + 8 <= len(bag):
        tag, (size,) = bag[at:at + 4], struct.unpack_from(">I", bag, at + 4)
        value = bag[at + 8:at + 8 + size]
        if tag == b"CLAS":
            number, = struct.unpack(">I", value)
        elif tag == b"WPKY" and number is not None:
            found[number] = value
        at += 8 + size
    return found


class Chances:
    """`sure`: files that must come back to the phone; `aside`: whole files of no name, to be kept for people;
    `whole`: all whose stored bytes are there."""

    def __init__(self, pristine, folder, contents, bad=None):
        """folder: the damaged one; contents: names of files that are not empty, of the truth; bad: where the disk cannot
        read (path, first, bytes)."""
        unreadable = os.path.basename(bad[0]) if bad else ""
        beside = [p for p in folder.parent.iterdir() if p.is_dir()]
        self.whole = {n for n in self.find_whole(pristine, folder, contents) if make_backup.file_id(*n) != unreadable}
        lists = list(all_bytes(beside, ("Manifest.plist",)))
        indexes = b"\0".join(self.plain_indexes(pristine, beside, lists, bad))
        if pristine.encrypted:
            wrapped = wrapped_keys_of(pristine.bag)
            salt = pristine.bag[pristine.bag.index(b"SALT") + 8:][:20]
            salted = any(salt in raw for raw in lists)
            open_classes = {n for n, key in wrapped.items() if salted and any(key in raw for raw in lists)}
            self.sure = {name for name in self.whole if pristine.rows[name].key and pristine.rows[name].key[4:] in indexes
                         and struct.unpack_from("<I", pristine.rows[name].key)[0] in open_classes}
            self.aside = set()
            return
        # A plain one: its name is enough. Databases inside the backup name files too.
        for path in folder.rglob("*"):
            if path.is_file() and path.open("rb").read(15) == b"SQLite format 3":
                indexes += b"\0" + path.read_bytes()
        self.sure = {name for name in self.whole if name[1].encode() in indexes}
        self.aside = self.whole - self.sure

    @staticmethod
    def find_whole(pristine, folder, contents):
        sizes = {row.size for row in pristine.rows.values()}
        there = set()
        for path in folder.rglob("*"):
            if path.is_file() and path.stat().st_size in sizes:
                try:
                    there.add(hashlib.sha256(path.read_bytes()).digest())
                except OSError:
                    pass  # the disk cannot read it
        return {name for name in contents if name in pristine.rows and pristine.rows[name].sum in there}

    @staticmethod
    def plain_indexes(pristine, folders, lists, bad):
        has_key = pristine.index_key and any(pristine.wrapped_index_key in raw for raw in lists)
        for raw in all_bytes(folders, ("Manifest.db", "Manifest.mbdb"), bad):
            yield raw
            if has_key and raw:
                yield make_backup.unseal(pristine.index_key, raw)


def judge(chances, truth, came, told):
    """What a restore brought: kept, missing (sure and not there), phantom contents, and changes that nobody told of.
    truth, came: {(domain, path): SHA-256}; told: names that the repair said were harmed."""
    kept = {n for n in chances.sure | chances.aside if came.get(n) == truth[n]}
    return {"kept": kept, "missing": chances.sure - kept, "of_aside": chances.aside & kept,
            "other": {n for n in came if n not in truth},
            "untold": {n for n in came if n in truth and came[n] != truth[n] and n not in told}}

