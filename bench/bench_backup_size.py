#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A phone of full size: backed up, again after 1 % changed, verified, restored, both ways with idevicebackup2. Writes docs/backup-size.md.

usage: bench_backup_size.py PROGRAM [plain|encrypted]...     PROGRAM: an optimised build of revive
REVIVE_BENCH_FILES: files (default 20000); REVIVE_BENCH_GB: their bytes (default 4). TMPDIR: a disk with three times that.
Exit 1 when anything differs. What came over the wire is counted by the phone; what lies on the phone and in the folder is
compared file by file by this program, which shares nothing with revive.
"""
import hashlib
import os
import plistlib
import resource
import shutil
import sqlite3
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE, TEMPLATE = os.path.join(ROOT, "docs", "backup-size.md"), os.path.join(ROOT, "bench", "backup-size.md.in")
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "witness")]
import phone as witness  # noqa: E402 (the path comes first)
from bench_restore import kept_in, stamped  # noqa: E402

FILES = int(os.environ.get("REVIVE_BENCH_FILES", "20000"))
GIGABYTES = float(os.environ.get("REVIVE_BENCH_GB", "4"))
PASSWORD, LIMIT_S = "sesame", 3600


class Road:
    def __init__(self, build, encrypted):
        most = max(2000, int(2 * GIGABYTES * 1e9 / FILES))
        self.encrypted, self.build, self.steps = encrypted, build, []
        self.phone = witness.phone_on_socket(os.path.join(build, "revive-sim"), settings=[
            "trust=yes", "system=17.2", f"files={FILES}", f"files_size=1000-{most}", "keybag_rounds=1000",
            "backup_password=" + (PASSWORD if encrypted else "")])
        for name in ("STATE", "DATA", "CACHE", "CONFIG"):
            self.phone.env[f"XDG_{name}_HOME"] = self.phone.path(name.lower())
        self.phone.env.update(HOME=self.phone.path("home"), REVIVE_USB="usbip:UNIX:" + self.phone.path("usb"))
        if encrypted:
            self.phone.env["REVIVE_BACKUP_PASSWORD"] = PASSWORD
        if not any(self.phone.run("idevicepair", "pair").status == 0 for _ in range(5)):
            sys.exit("the virtual iPhone cannot be paired with")
        self.ours = os.path.join(self.phone.path("ours"), self.phone.udid)
        self.words = ["--password", PASSWORD] if encrypted else []
        os.mkdir(self.phone.path("theirs"))

    def step(self, what, fact):
        self.steps.append((what, fact))
        print(f"{'encrypted' if self.encrypted else 'plain'}: {what}: {fact}", flush=True)

    def run(self, *words):
        """Seconds. Any other end than success ends the bench."""
        begun = time.monotonic()
        ran = self.phone.run(*words, limit=LIMIT_S)
        if ran.status != 0:
            sys.exit(f"{' '.join(words)}: status {ran.status}\n{ran.text[-3000:]}")
        return time.monotonic() - begun

    def revive(self, *words):
        return self.run(os.path.join(self.build, "revive"), "backup", *words, "--json", "--yes")

    def rows(self):
        """What lies on the phone: (domain, path) -> mode, size, date, SHA-256."""
        place = self.phone.path("list")
        if not self.phone.ask("user", "list", place)["ok"]:
            sys.exit("the phone cannot be listed")
        with open(place, encoding="utf-8") as lines:
            fields = [line.rstrip("\n").split("\t") for line in lines]
        return {(f[4], f[5]): tuple(f[:4]) for f in fields}

    def sent(self):
        """(files, bytes) that the phone's agent says it sent in its last backup."""
        told = [text for what, text in self.phone.record() if what == "backup" and "bytes sent" in text][-1]
        words = told.split(": ", 1)[1].split()
        return told.split(":")[0], int(words[0]), int(words[3])

    def same(self, what, wanted):
        now = self.rows()
        if now != wanted:
            differ = [key for key in set(now) | set(wanted) if now.get(key) != wanted.get(key)]
            sys.exit(f"{what}: {len(differ)} of {len(wanted)} differ, first {differ[:3]}")
        return f"equal, {len(wanted)} rows compared by SHA-256"

    def erase(self):
        if not self.phone.ask("user", "wipe")["ok"] or any(mode.startswith("10") for mode, *_ in self.rows().values()):
            sys.exit("the phone was not erased")


def files_of(rows):
    return {key: row for key, row in rows.items() if row[0].startswith("10")}


def stored(size, encrypted):
    return (size // 16 + 1) * 16 if encrypted and size > 0 else size


def read_folder(folder):
    """SHA-256 of each file of a plain backup, by SQLite and the names alone."""
    db = sqlite3.connect(f"file:{folder}/Manifest.db?mode=ro&immutable=1", uri=True)
    found = {}
    for name, domain, path in db.execute("SELECT fileID, domain, relativePath FROM Files WHERE flags = 1"):
        with open(os.path.join(folder, name[:2], name), "rb") as file:
            found[domain, path] = hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else \
                hashlib.sha256(file.read()).hexdigest()
    db.close()
    return found


def back_up_twice(road):
    first = road.rows()
    size = sum(int(row[1]) for row in files_of(first).values())
    took = road.revive("create", "--to", road.phone.path("ours"))
    kind, files, count = road.sent()
    road.step("first backup", f"{took:.0f} s; {kind}, {files} files and {count / 1e6:.0f} MB came, {size / 1e6:.0f} MB on the phone")
    road.phone.ask("user", "change", "1")
    second = road.rows()
    changed = [key for key, row in files_of(second).items() if first.get(key) != row]
    took = road.revive("create", "--to", road.phone.path("ours"))
    kind, files, count = road.sent()
    wanted = sum(stored(int(second[key][1]), road.encrypted) for key in changed)
    if kind != "incremental" or files != len(changed) or count != wanted:
        sys.exit(f"{kind}: {files} files and {count} bytes came, {len(changed)} files of {wanted} bytes had changed")
    road.step("again after 1 % changed", f"{took:.0f} s; {files} files and {count / 1e6:.0f} MB came: those that had changed and no other")
    took = road.revive("verify", road.ours)
    road.step("verify", f"{took:.0f} s; whole")
    if not road.encrypted:
        found, wanted = read_folder(road.ours), {key: row[3] for key, row in files_of(second).items()}
        if found != wanted:
            sys.exit("the folder differs from the phone")
        road.step("the folder, read without revive", f"equal, {len(found)} files by SHA-256")
    return second


def travel(build, encrypted):
    road = Road(build, encrypted)
    rows = back_up_twice(road)
    road.erase()
    took = road.revive("restore", road.ours, "--no-restart")
    road.step("revive onto the erased phone", f"{took:.0f} s; {road.same('revive restores its own', rows)}")
    road.erase()
    took = road.run("idevicebackup2", "restore", "--system", "--settings", "--no-reboot", *road.words, road.phone.path("ours"))
    road.step("idevicebackup2 restores revive's", f"{took:.0f} s; {road.same('idevicebackup2 restores', rows)}")
    shutil.rmtree(road.phone.path("ours"))
    took = road.run("idevicebackup2", "backup", road.phone.path("theirs"))
    theirs = os.path.join(road.phone.path("theirs"), road.phone.udid)
    with open(os.path.join(theirs, "Manifest.plist"), "rb") as file:
        if plistlib.load(file)["IsEncrypted"] != encrypted:
            sys.exit("the backup is not what was asked for")
    road.step("idevicebackup2 backs up", f"{took:.0f} s")
    road.erase()
    took = road.revive("restore", theirs, "--no-restart")
    road.step("revive restores idevicebackup2's", f"{took:.0f} s; {road.same('revive restores', rows)}")
    road.step("peak memory of any of these programs", f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")
    shutil.rmtree(road.phone.path("theirs"))
    return "\n".join(["| step | what came of it |", "|---|---|", *(f"| {what} | {fact} |" for what, fact in road.steps)])


def main():
    if not shutil.which("idevicebackup2"):
        sys.exit("idevicebackup2 is not installed")
    build = os.path.dirname(os.path.abspath(sys.argv[1]))
    wanted = sys.argv[2:] or ["plain", "encrypted"]
    with open(TEMPLATE, encoding="utf-8") as template:
        text = template.read()
    begun = time.monotonic()
    for name in ("plain", "encrypted"):
        table = stamped(travel(build, name == "encrypted")) if name in wanted else kept_in(PAGE, name)
        text = text.replace(f"@{name.upper()}@", f"<!-- {name} -->\n{table}\n<!-- end -->")
    with open(PAGE, "w", encoding="utf-8") as out:
        out.write(text)
    print(f"docs/backup-size.md is written, after {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
