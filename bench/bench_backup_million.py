#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""a backup of 1,000,000 files: memory and seconds of list, show and verify (at most 64 MB is promised)

usage: bench_backup_million.py REVIVE [FILES] [db|mbdb]      prints one JSON line a verb; exit 1 when one needs more than 64 MB

The files are hard links of a few (20 bytes each), so that a disk with 200 MB and a file system with 65,000 links suffice.
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "support"))
import make_backup  # noqa: E402 pylint: disable=wrong-import-position

LIMIT = 64 << 20
CONTENT = b"twenty bytes of text"
LINKS_MAX = 30_000  # ext4 allows 65,000 to a file
DOMAINS = 200


def names_of(count):
    for i in range(count):
        yield f"AppDomain-org.example.app{i % DOMAINS}", f"Documents/{i % 9973:04d}/file-{i:08d}"


def rows_of(count):
    """(id, domain, path, archive): the archive of one file, its path exchanged."""
    mark = "Documents/0000/file-00000000"
    blob = make_backup.archive(mark, CONTENT, 4, hashlib.sha1(CONTENT).digest(), None, 7)
    before, after = blob.split(mark.encode())
    for domain, path in names_of(count):
        yield make_backup.file_id(domain, path), domain, path, before + path.encode() + after


class Store:
    """Files of one content: each LINKS_MAX of them are one."""

    def __init__(self):
        self.count, self.master = 0, None

    def add(self, place):
        if self.count % LINKS_MAX == 0:
            with open(place, "wb") as file:
                file.write(CONTENT)
            self.master = place
        else:
            os.link(self.master, place)
        self.count += 1


def build_mbdb(folder, count):
    store, digest = Store(), hashlib.sha1(CONTENT).digest()
    with open(folder / "Manifest.mbdb", "wb") as index:
        index.write(b"mbdb\5\0")
        for domain, path in names_of(count):
            store.add(f"{folder}/{make_backup.file_id(domain, path)}")
            index.write(make_backup.mbdb_record(domain, path, CONTENT, 4, digest, None, 7))


def build_db(folder, count):
    for i in range(256):
        (folder / f"{i:02x}").mkdir()
    db = sqlite3.connect(folder / "Manifest.db")
    db.execute("PRAGMA page_size=4096")
    db.execute("PRAGMA journal_mode=OFF")
    db.execute("PRAGMA synchronous=OFF")
    db.execute("CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)")
    store = Store()
    for ident, domain, path, blob in rows_of(count):
        store.add(f"{folder}/{ident[:2]}/{ident}")
        db.execute("INSERT INTO Files VALUES(?,?,?,1,?)", (ident, domain, path, blob))
    for name, column in (("Domain", "domain"), ("RelativePath", "relativePath"), ("Flags", "flags")):
        db.execute(f"CREATE INDEX Files{name}Idx ON Files({column})")
    db.execute("CREATE TABLE Properties (key TEXT PRIMARY KEY, value BLOB)")
    db.execute("PRAGMA user_version=2")
    db.commit()
    db.close()


def build(folder, count, kind):
    (build_mbdb if kind == "mbdb" else build_db)(folder, count)
    make_backup.write_lists(folder, kind == "mbdb", make_backup.Keybag("", False), False, None, datetime.datetime(2026, 11, 2, 9, 30))


def peak_of(pid):
    """VmHWM: the most it ever had. (What wait4 tells would count this program's own pages too.)"""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s*(\d+) kB", text)
    return int(found[1]) * 1024 if found else 0


def measured(words):
    """(exit code, seconds, peak bytes)."""
    began, peak = time.monotonic(), 0
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, peak_of(process.pid))
            time.sleep(0.02)
    return process.returncode, time.monotonic() - began, peak


def measure(revive, count, kind):
    """The most memory that a verb needed."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="revive-million-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    worst, facts = 0, {"bench": "backup_million", "files": count, "index": kind}
    try:
        folder = top / make_backup.UDID
        folder.mkdir()
        began = time.monotonic()
        build(folder, count, kind)
        print(json.dumps({**facts, "built_seconds": round(time.monotonic() - began, 1)}), flush=True)
        for words in (["list", "--in", str(top)], ["show", str(folder)], ["verify", str(folder)]):
            code, seconds, rss = measured([revive, "backup", *words, "--json"])
            worst = max(worst, rss)
            print(json.dumps({**facts, "verb": words[0], "exit": code, "seconds": round(seconds, 1), "rss_bytes": rss,
                              "rss_mb": round(rss / 1e6, 1)}), flush=True)
            if code != 0:
                sys.exit(f"revive backup {words[0]} ended with {code}")
    finally:
        shutil.rmtree(top, ignore_errors=True)
    return worst


def main():
    revive, count = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    kinds = sys.argv[3:] or ["db", "mbdb"]
    return 1 if max(measure(revive, count, kind) for kind in kinds) > LIMIT else 0





sys.exit(main())
