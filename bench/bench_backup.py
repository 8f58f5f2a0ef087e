#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Backing up, decrypting, verifying and unlocking against idevicebackup2, cp and OpenSSL. Writes docs/backup-speed.md.

usage: bench_backup.py PROGRAM [small|large|decrypt|verify|unlock]...     PROGRAM: an optimised build of revive
REVIVE_BENCH_FILES: small files (default 100000, of 4096 bytes); REVIVE_BENCH_GB: bytes of the large ones (default 4, of
32 MB); REVIVE_BENCH_ROUNDS: rounds measured (default 3); REVIVE_BENCH_KEYBAG: rounds of PBKDF2 (default 10000000, as
phones have). TMPDIR: the disk. A part that is not asked for keeps what the page says of it.
"""
import os
import shutil
import statistics
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "backup-speed.md")
TEMPLATE = os.path.join(ROOT, "bench", "backup-speed.md.in")
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "witness")]
import phone as witness  # noqa: E402 (the path comes first)
from bench_restore import kept_in, stamped  # noqa: E402

ROUNDS = int(os.environ.get("REVIVE_BENCH_ROUNDS", "3"))
FILES = int(os.environ.get("REVIVE_BENCH_FILES", "100000"))
GIGABYTES = float(os.environ.get("REVIVE_BENCH_GB", "4"))
KEYBAG = int(os.environ.get("REVIVE_BENCH_KEYBAG", "10000000"))
SMALL, LARGE, LIMIT_S, PASSWORD = 4096, 32 << 20, 3600, "sesame"
PROCESSORS = min(2, os.cpu_count() or 1)


class Bench:
    """One virtual iPhone with the files that are asked for; its own time is in every figure alike."""

    def __init__(self, build, files, size, *settings):
        self.revive, self.ceiling = os.path.join(build, "revive"), os.path.join(build, "bench", "backup_ceiling")
        self.phone = witness.phone_on_socket(os.path.join(build, "revive-sim"), settings=[
            "trust=yes", "system=15.4", f"files={files}", f"files_size={size}", *settings])
        for name in ("STATE", "DATA", "CACHE", "CONFIG"):
            self.phone.env[f"XDG_{name}_HOME"] = self.phone.path(name.lower())
        self.phone.env.update(HOME=self.phone.path("home"), REVIVE_USB="usbip:UNIX:" + self.phone.path("usb"),
                              REVIVE_BACKUP_PASSWORD=PASSWORD)
        if not any(self.phone.run("idevicepair", "pair").status == 0 for _ in range(5)):
            sys.exit("the virtual iPhone cannot be paired with")
        self.totals = self.phone.ask("user", "totals")

    def run(self, *words):
        ran = self.phone.run(*words, limit=LIMIT_S)
        if ran.status != 0:
            sys.exit(f"{' '.join(words)}: status {ran.status}\n{ran.text[-3000:]}")
        return ran.text

    def timed(self, *words):
        """(seconds, processor seconds, text); nothing of what was written before is still on its way to the disk."""
        os.sync()
        before, begun = os.times(), time.monotonic()
        text = self.run(*words)
        took, after = time.monotonic() - begun, os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        return took, used, text

    def path(self, leaf):
        return self.phone.path(leaf)

    def drop(self, *leaves):
        for leaf in leaves:
            shutil.rmtree(self.path(leaf), ignore_errors=True)


def middle(rows, name):
    return statistics.median(row[name] for row in rows)


# ---- create ----

def one_round(b, number, many):
    """Each program makes the same full backup into a new folder; until the bytes are on the disk. ext4 is slow to give
    out inodes that were freed minutes ago: what has many files is not removed while something is measured."""
    row, theirs, ours = {}, f"theirs{number}", f"ours{number}"
    os.mkdir(b.path(theirs))
    row["theirs_ends"], row["theirs_cpu"], _ = b.timed("idevicebackup2", "backup", "--full", b.path(theirs))
    begun = time.monotonic()
    os.sync()
    row["theirs"] = row["theirs_ends"] + time.monotonic() - begun
    row["ceiling"] = float(b.timed(b.ceiling, "create", b.path("stream"))[2].split()[0])
    os.unlink(b.path("stream"))
    row["ours"], row["ours_cpu"], _ = b.timed(b.revive, "backup", "create", "--to", b.path(ours), "--yes", "--json")
    if not many:
        b.drop(theirs, ours)
    return row


def create(build, files, size, goal):
    b = Bench(build, files, size)
    rows = []
    for number in range(ROUNDS):
        rows.append(one_round(b, number, size == SMALL))
        print({name: round(value, 2) for name, value in rows[-1].items()}, flush=True)
    theirs = statistics.median(row["theirs_ends"] / row["ours"] for row in rows)
    ceiling = statistics.median(row["ceiling"] / row["ours"] for row in rows)
    # Which of the two goals asks for less: the longer time that is allowed.
    allowed = {f"{goal:g} x idevicebackup2": middle(rows, "theirs_ends") / goal, "0.7 of the ceiling": middle(rows, "ceiling") / 0.7}
    lower = max(allowed, key=allowed.get)
    fine = (theirs >= goal) if lower.endswith("idevicebackup2") else (ceiling >= 0.7)
    out = ["| files | MB | idevicebackup2 s: ends / on the disk | ceiling s | revive s | idevicebackup2 / revive | "
           "ceiling / revive | the lower goal | kept | CPU s: idevicebackup2 / revive |", "|---:|---:|---:|---:|---:|---:|---:|---|---|---:|",
           f"| {b.totals['files']} | {b.totals['bytes'] / 1e6:.0f} | {middle(rows, 'theirs_ends'):.1f} / {middle(rows, 'theirs'):.1f} "
           f"| {middle(rows, 'ceiling'):.1f} | {middle(rows, 'ours'):.1f} | {theirs:.2f} | {ceiling:.2f} | {lower} "
           f"| {'yes' if fine else '**no**'} | {middle(rows, 'theirs_cpu'):.1f} / {middle(rows, 'ours_cpu'):.1f} |"]
    print(out[-1], flush=True)
    return "\n".join(out)


def small(build):
    return create(build, FILES, SMALL, 3)


def large(build):
    return create(build, max(1, int(GIGABYTES * 1e9 / LARGE)), LARGE, 2)


# ---- what needs no phone any more ----

def laid(build, *settings, files=None, size=LARGE):
    """A backup of large files in the page cache."""
    b = Bench(build, files or max(1, int(GIGABYTES * 1e9 / 4 / LARGE)), size, *settings)
    b.run(b.revive, "backup", "create", "--to", b.path("ours"), "--yes", "--json")
    return b, os.path.join(b.path("ours"), b.phone.udid)


def decrypt(build):
    out = ["| files | MB | cp -r s | revive s | cp / revive | goal |", "|---:|---:|---:|---:|---:|---:|"]
    for files, size in ((max(1, FILES // 10), 16384), (None, LARGE)):
        b, folder = laid(build, "backup_password=" + PASSWORD, "keybag_rounds=1000", files=files, size=size)
        rows = []
        for _ in range(ROUNDS):
            b.drop("copy", "plain")
            copied, _, _ = b.timed("cp", "-r", folder, b.path("copy"))
            b.drop("copy")
            opened, _, _ = b.timed(b.revive, "backup", "decrypt", folder, "--to", b.path("plain"), "--json")
            rows.append((copied, opened))
        ratio = statistics.median(copied / opened for copied, opened in rows)
        out.append(f"| {b.totals['files']} | {b.totals['bytes'] / 1e6:.0f} | {statistics.median(r[0] for r in rows):.2f} "
                   f"| {statistics.median(r[1] for r in rows):.2f} | {ratio:.2f} | 0.80 |")
        print(out[-1], flush=True)
        b.drop("plain", "ours")
    return "\n".join(out)


def verify(build):
    b, folder = laid(build, "backup_digests_all=yes", "person=no")
    rows = []
    for _ in range(max(3, ROUNDS)):
        ceiling = float(b.run(b.ceiling, "sha1", folder, str(PROCESSORS)).split()[0])
        rows.append((ceiling, b.timed(b.revive, "backup", "verify", folder, "--json")[0]))
    ratio = statistics.median(ceiling / took for ceiling, took in rows)
    out = ["| files | MB | OpenSSL's SHA-1 on 2 processors s | revive s | OpenSSL / revive | goal |", "|---:|---:|---:|---:|---:|---:|",
           f"| {b.totals['files']} | {b.totals['bytes'] / 1e6:.0f} | {statistics.median(r[0] for r in rows):.2f} "
           f"| {statistics.median(r[1] for r in rows):.2f} | {ratio:.2f} | 0.80 |"]
    print(out[-1], flush=True)
    return "\n".join(out)


def unlock(build):
    b, folder = laid(build, "backup_password=" + PASSWORD, f"keybag_rounds={KEYBAG}", files=16, size=SMALL)
    rows = [tuple(map(float, b.run(b.ceiling, "unlock", folder, PASSWORD).split())) for _ in range(max(3, ROUNDS))]
    ratio = statistics.median(ours / theirs for theirs, ours in rows)
    out = ["| rounds | OpenSSL s | revive s | revive / OpenSSL | goal |", "|---:|---:|---:|---:|---:|",
           f"| {KEYBAG} + 10000 | {statistics.median(r[0] for r in rows):.2f} | {statistics.median(r[1] for r in rows):.2f} "
           f"| {ratio:.3f} | 1.05 |"]
    print(out[-1], flush=True)
    return "\n".join(out)


# ---- the page ----

PARTS = {"small": small, "large": large, "decrypt": decrypt, "verify": verify, "unlock": unlock}


def main():
    if not shutil.which("idevicebackup2"):
        sys.exit("idevicebackup2 is not installed")
    build = os.path.dirname(os.path.abspath(sys.argv[1]))
    wanted = sys.argv[2:] or list(PARTS)
    with open(TEMPLATE, encoding="utf-8") as template:
        text = template.read()
    begun = time.monotonic()
    for name, measure in PARTS.items():
        table = stamped(measure(build)) if name in wanted else kept_in(PAGE, name)
        text = text.replace(f"@{name.upper()}@", f"<!-- {name} -->\n{table}\n<!-- end -->")
    with open(PAGE, "w", encoding="utf-8") as out:
        out.write(text)
    print(f"docs/backup-speed.md is written, after {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
