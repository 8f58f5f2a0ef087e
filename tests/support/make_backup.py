#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes small backups as iOS 5 to 26 leave them: plain or encrypted, Manifest.mbdb or Manifest.db. Invented people.

usage: make_backup.py FOLDER [--mbdb] [--password P] [--photos N]      the folder is named after the phone

Shares no line with the product: plistlib and sqlite3 write, libcrypto encrypts.
"""
import argparse
import ctypes
import ctypes.util
import datetime
import hashlib
import os
import pathlib
import plistlib
import sqlite3
import struct

UDID = "00008030-000A1B2C3D4E802E"
crypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_cbc", "EVP_aes_256_wrap"):
    getattr(crypto, name).restype = ctypes.c_void_p


def evp(kind, key, data, encrypt, iv=None):
    """One pass of a cipher of libcrypto; None: it refuses."""
    context = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    crypto.EVP_CIPHER_CTX_set_flags(context, 1)  # EVP_CIPHER_CTX_FLAG_WRAP_ALLOW
    out, size, last = ctypes.create_string_buffer(len(data) + 64), ctypes.c_int(), ctypes.c_int()
    cipher = ctypes.c_void_p(getattr(crypto, kind)())
    fine = crypto.EVP_CipherInit_ex(context, cipher, None, key, iv, int(encrypt)) == 1
    if kind.endswith("cbc"):
        crypto.EVP_CIPHER_CTX_set_padding(context, 0)
    fine = fine and crypto.EVP_CipherUpdate(context, out, ctypes.byref(size), data, len(data)) == 1
    fine = fine and crypto.EVP_CipherFinal_ex(context, ctypes.byref(out, size.value), ctypes.byref(last)) == 1
    crypto.EVP_CIPHER_CTX_free(context)
    return out.raw[:size.value + last.value] if fine else None


def wrap(kek, key):
    return evp("EVP_aes_256_wrap", kek, key, True)


def unwrap(kek, key):
    return evp("EVP_aes_256_wrap", kek, key, False)


def pad(data):
    n = 16 - len(data) % 16
    return data + bytes([n]) * n


def seal(key, data):
    return evp("EVP_aes_256_cbc", key, pad(data), True, bytes(16))


def unseal(key, data):
    return evp("EVP_aes_256_cbc", key, data[:len(data) // 16 * 16], False, bytes(16))


def file_id(domain, path):
    return hashlib.sha1(f"{domain}-{path}".encode()).hexdigest()


def seeded(text, size):
    out = b""
    while len(out) < size:
        out += hashlib.sha256(f"{text}/{len(out)}".encode()).digest()
    return out[:size]


class Keybag:
    """Class keys of a backup, and the bag that wraps them."""

    def __init__(self, password, double, rounds=50):
        self.classes = {n: seeded(f"class {n}", 32) for n in range(1, 12)}
        self.rounds, self.double = rounds, double
        self.salt, self.double_salt = seeded("salt", 20), seeded("dpsl", 20)
        self.kek = self.derive(password)

    def derive(self, password):
        words = password.encode()
        if self.double:
            words = hashlib.pbkdf2_hmac("sha256", words, self.double_salt, self.rounds, 32)
        return hashlib.pbkdf2_hmac("sha1", words, self.salt, self.rounds, 32)

    def bytes(self, encrypted):
        def tag(name, value):
            value = struct.pack(">I", value) if isinstance(value, int) else value
            return name.encode() + struct.pack(">I", len(value)) + value
        out = tag("VERS", 3 if not self.double else 4) + tag("TYPE", 1) + tag("UUID", seeded("bag", 16))
        out += tag("HMCK", bytes(40)) + tag("WRAP", 1) + tag("SALT", self.salt) + tag("ITER", self.rounds)
        if self.double:
            out += tag("DPWT", 1) + tag("DPIC", self.rounds) + tag("DPSL", self.double_salt)
        for n, key in self.classes.items():
            bound = n > (8 if encrypted else 4)
            out += tag("UUID", seeded(f"uuid {n}", 16)) + tag("CLAS", n) + tag("WRAP", 3 if bound else 2)
            out += tag("KTYP", 0) + tag("WPKY", wrap(self.kek, key))
        return out


def messages(path, count=60):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA page_size=4096")
        db.execute("CREATE TABLE handle(ROWID INTEGER PRIMARY KEY, id TEXT NOT NULL)")
        db.execute("CREATE TABLE message(ROWID INTEGER PRIMARY KEY, guid TEXT UNIQUE, text TEXT, handle_id INTEGER, date INTEGER)")
        db.execute("CREATE TABLE attachment(ROWID INTEGER PRIMARY KEY, filename TEXT)")
        db.execute("INSERT INTO handle VALUES(1, '+4915100000001')")
        db.executemany("INSERT INTO message VALUES(?,?,?,1,?)",
                       [(i, f"guid-{i}", f"message {i} from Ada to Grace " * 4, i * 1000) for i in range(1, count)])
        db.execute("INSERT INTO attachment VALUES(1, '~/Library/SMS/Attachments/ab/11/guid-1/cat.jpg')")
    db.close()


def photos(path, count):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE ZASSET(Z_PK INTEGER PRIMARY KEY, ZDIRECTORY TEXT, ZFILENAME TEXT)")
        db.executemany("INSERT INTO ZASSET VALUES(?,?,?)",
                       [(i, "DCIM/100APPLE", f"IMG_{i:04d}.HEIC") for i in range(1, count + 1)])
    db.close()


def built(make, *words):
    path = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"made-{os.getpid()}.db"
    path.unlink(missing_ok=True)
    make(path, *words)
    data = path.read_bytes()
    path.unlink()
    return data


def contents(photo_count):
    """(domain, path, bytes or None for a folder, class, has digest)."""
    xml = plistlib.dumps({"colour": "blue", "list": list(range(40))})
    binary = plistlib.dumps({"icons": ["phone", "mail"]}, fmt=plistlib.FMT_BINARY)
    files = [("HomeDomain", "Library/SMS/sms.db", built(messages), 3, True),
             ("HomeDomain", "Library/Preferences/com.apple.Preferences.plist", binary, 4, True),
             ("HomeDomain", "Library/SpringBoard/IconState.plist", xml, 4, True),
             ("HomeDomain", "Library/Notes/empty.txt", b"", 4, True),
             ("CameraRollDomain", "Media/PhotoData/Photos.sqlite", built(photos, photo_count), 3, False),
             ("MediaDomain", "Library/SMS/Attachments/ab/11/guid-1/cat.jpg", b"\xff\xd8\xff\xe0" + seeded("cat", 5000), 3, False),
             ("WirelessDomain", "Library/Preferences/com.apple.commcenter.plist", binary, 4, True),
             ("AppDomain-org.example.diary", "Documents/diary.txt", b"Dear diary. " * 300, 3, False),
             ("AppDomain-org.example.diary", "Library/Preferences/org.example.diary.plist", xml, 3, False),
             ("AppDomain-org.example.diary", "Documents/M\u00fcnchen \U0001f4f7.txt", b"Gruezi" * 16, 3, False)]
    for i in range(1, photo_count + 1):
        files.append(("CameraRollDomain", f"Media/DCIM/100APPLE/IMG_{i:04d}.HEIC",
                      b"\0\0\0\x18ftypheic" + seeded(f"photo {i}", 3000 + i * 37), 3, False))
    return with_folders(files)


def archive(path, data, number, digest, key, inode):
    """The `file` column: an NSKeyedArchiver list of one MBFile."""
    uid, objects = plistlib.UID, ["$null", None, path]
    born = 1700000000 + inode
    one = {"LastModified": born, "Flags": 0, "GroupID": 501, "LastStatusChange": born, "Birth": born,
           "Size": len(data or b""), "Mode": 0o40755 if data is None else 0o100644, "UserID": 501,
           "InodeNumber": inode, "ProtectionClass": number, "RelativePath": uid(2)}
    if digest:
        one["Digest"] = uid(len(objects))
        objects.append(digest)
    if key:
        one["EncryptionKey"] = uid(len(objects))
        objects += [{"NS.data": key, "$class": uid(len(objects) + 1)},
                    {"$classname": "NSMutableData", "$classes": ["NSMutableData", "NSData", "NSObject"]}]
    one["$class"] = uid(len(objects))
    objects.append({"$classname": "MBFile", "$classes": ["MBFile", "NSObject"]})
    objects[1] = one
    return plistlib.dumps({"$version": 100000, "$archiver": "NSKeyedArchiver", "$top": {"root": uid(1)},
                           "$objects": objects}, fmt=plistlib.FMT_BINARY)


def mbdb_string(value):
    return b"\xff\xff" if value is None else struct.pack(">H", len(value)) + value


def mbdb_record(domain, path, data, number, digest, key, inode):
    mode, born = (0o40755 if data is None else 0o100644), 1380000000 + inode
    return (mbdb_string(domain.encode()) + mbdb_string(path.encode()) + mbdb_string(None) +
            mbdb_string(digest or None) + mbdb_string(key or None) +
            struct.pack(">HQIIIIIQB", mode, inode, 501, 501, born, born, born, len(data or b""), number) + b"\0")


def write_index(folder, rows, bag):
    """Manifest.db; encrypted when there is a bag. Returns ManifestKey or None."""
    plain = folder / "Manifest.db"
    plain.unlink(missing_ok=True)
    db = sqlite3.connect(plain)
    db.execute("PRAGMA page_size=4096")
    db.execute("PRAGMA auto_vacuum=1")
    db.execute("CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)")
    db.execute("CREATE INDEX FilesDomainIdx ON Files(domain)")
    db.execute("CREATE INDEX FilesRelativePathIdx ON Files(relativePath)")
    db.execute("CREATE INDEX FilesFlagsIdx ON Files(flags)")
    db.execute("CREATE TABLE Properties (key TEXT PRIMARY KEY, value BLOB)")
    db.executemany("INSERT INTO Files VALUES(?,?,?,?,?)", rows)
    db.execute("PRAGMA user_version=2")
    db.commit()
    db.execute("VACUUM")
    db.close()
    data = bytearray(plain.read_bytes())
    data[18:20] = b"\2\2"
    plain.write_bytes(data)
    if bag is None:
        return None
    key = seeded("manifest key", 32)
    plain.write_bytes(seal(key, bytes(data)))
    return struct.pack("<I", 4) + wrap(bag.classes[4], key)


def write_lists(folder, mbdb, bag, encrypted, manifest_key, now):
    ios = "9.3.5" if mbdb else "17.2"
    lockdown = {"ProductVersion": ios, "BuildVersion": "21C62", "DeviceName": "Ada's iPhone", "ProductType": "iPhone12,1",
                "SerialNumber": "F17ZQ0ABCDEF", "UniqueDeviceID": UDID}
    manifest = {"Version": "9.1" if mbdb else "10.0", "SystemDomainsVersion": "20.0", "Date": now,
                "IsEncrypted": encrypted, "WasPasscodeSet": True, "Lockdown": lockdown,
                "BackupKeyBag": bag.bytes(encrypted),
                "Applications": {"org.example.diary": {"CFBundleIdentifier": "org.example.diary", "CFBundleVersion": "1"}}}
    if manifest_key:
        manifest["ManifestKey"] = manifest_key
    (folder / "Manifest.plist").write_bytes(plistlib.dumps(manifest, fmt=plistlib.FMT_BINARY))
    (folder / "Status.plist").write_bytes(plistlib.dumps(
        {"Version": "2.4" if mbdb else "3.3", "UUID": "6A1B2C3D-0000-4000-8000-00000000ABCD", "Date": now,
         "BackupState": "new", "SnapshotState": "finished", "IsFullBackup": False}, fmt=plistlib.FMT_BINARY))
    (folder / "Info.plist").write_bytes(plistlib.dumps(
        {"Build Version": "21C62", "Device Name": "Ada's iPhone", "Display Name": "Ada's iPhone", "GUID": "A" * 32,
         "Last Backup Date": now, "Product Type": "iPhone12,1", "Product Version": ios, "Serial Number": "F17ZQ0ABCDEF",
         "Target Identifier": UDID, "Target Type": "Device", "Unique Identifier": UDID.upper(),
         "Installed Applications": ["org.example.diary"], "iTunes Version": "12.13"}))


def with_folders(files):
    """The same rows, and the folders that lead to each."""
    rows = {}
    for domain, path, data, number, digest in files:
        rows[domain, ""] = (None, 0, False)
        parts = path.split("/")
        for n in range(1, len(parts)):
            rows[domain, "/".join(parts[:n])] = (None, 0, False)
        rows[domain, path] = (data, number, digest)
    return [(domain, path, *rest) for (domain, path), rest in rows.items()]


def make(parent, mbdb=False, password=None, photo_count=12, name=UDID, double=None, files=None,
         now=datetime.datetime(2026, 11, 2, 9, 30)):
    """A finished backup in parent/name; {(domain, path): bytes} of its files. files: {(domain, path): bytes} instead of
    the usual ones."""
    folder = pathlib.Path(parent) / name
    folder.mkdir(parents=True)
    encrypted = password is not None
    bag = Keybag(password or "", (encrypted and not mbdb) if double is None else double)
    inside = contents(photo_count) if files is None else with_folders([(*key, data, 3, True) for key, data in files.items()])
    rows, records, plain = [], b"mbdb\5\0", {}
    for inode, (domain, path, data, number, with_digest) in enumerate(inside, 1000):
        number = number if data is not None else 0
        key, stored, ident = None, data, file_id(domain, path)
        if encrypted and data is not None:
            own = seeded(f"file {ident}", 32)
            key, stored = struct.pack("<I", number) + wrap(bag.classes[number], own), seal(own, data)
        digest = hashlib.sha1(stored).digest() if with_digest and data is not None else None
        if data is not None:
            where = folder / ident if mbdb else folder / ident[:2] / ident
            where.parent.mkdir(exist_ok=True)
            where.write_bytes(stored)
            plain[domain, path] = data
        rows.append((ident, domain, path, 2 if data is None else 1, archive(path, data, number, digest, key, inode)))
        records += mbdb_record(domain, path, data, number, digest, key, inode)
    manifest_key = None
    if mbdb:
        (folder / "Manifest.mbdb").write_bytes(records)
    else:
        manifest_key = write_index(folder, rows, bag if encrypted else None)
    write_lists(folder, mbdb, bag, encrypted, manifest_key, now)
    return plain


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--mbdb", action="store_true")
    parser.add_argument("--password")
    parser.add_argument("--photos", type=int, default=12)
    args = parser.parse_args()
    make(args.folder, args.mbdb, args.password, args.photos)
