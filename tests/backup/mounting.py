#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`revive backup mount`: a backup as a folder, read through the kernel. Skipped, and said so, where /dev/fuse cannot be opened.

usage: mounting.py REVIVE      TAP
"""
import contextlib
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import backup_case as case  # noqa: E402 pylint: disable=wrong-import-position
import make_backup  # noqa: E402 pylint: disable=wrong-import-position
from tap import Skip, Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
case.prepare(sys.argv[1])
WAIT = 60


def can_mount():
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as why:
        raise Skip(f"/dev/fuse cannot be opened: {why}") from why
    if os.geteuid() != 0 and not any((pathlib.Path(p) / "fusermount3").exists() for p in os.environ["PATH"].split(":")):
        raise Skip("fusermount3 is not installed")


class Mounted:
    """A mounted backup; `ended` is its exit code and `result` its last line."""

    def __init__(self, folder, at):
        self.at, self.ended, self.result = pathlib.Path(at), None, None
        self.process = subprocess.Popen([case.program, "backup", "mount", str(folder), "--at", str(at), "--json"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        env=dict(os.environ, REVIVE_BACKUP_PASSWORD="secret", HOME=str(case.ROOT / "home")))
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(json.loads(line))
            if self.lines[-1].get("step") == "mounted" or self.lines[-1]["event"] == "result":
                break
        assert self.lines[-1].get("step") == "mounted", self.lines

    def end(self, number=signal.SIGINT):
        if number:
            self.process.send_signal(number)
        rest = self.process.stdout.read()
        self.ended = self.process.wait(WAIT)
        self.result = json.loads(rest.splitlines()[-1])


@contextlib.contextmanager
def mounted(folder, at=None):
    can_mount()
    shown = Mounted(folder, at or folder.parent / "shown")
    try:
        yield shown
    finally:
        if shown.ended is None:
            shown.end()
        assert not os.path.ismount(shown.at)


def extracted(folder):
    code, _ = case.run_json("backup", "decrypt", folder, "--to", folder.parent / "out")
    assert code in (0, 5)
    return folder.parent / "out"


@tap.test
def every_file_of_every_generation_is_what_decrypt_gives():
    for kind, wanted in case.contents.items():
        folder = case.fresh(kind)
        before, out = case.tree_hash(folder), extracted(folder)
        with mounted(folder) as shown:
            assert case.files_below(shown.at) == wanted == case.files_below(out), kind
            for path in out.rglob("*"):
                there = shown.at / path.relative_to(out)
                assert path.is_dir() == there.is_dir(), path
                if path.is_file():
                    assert there.stat().st_mtime == path.stat().st_mtime and there.stat().st_size == path.stat().st_size, path
                    assert there.stat().st_mode & 0o777 == 0o644, oct(there.stat().st_mode)
        assert shown.ended == 0 and shown.result["ok"] and shown.result["files"] == len(wanted), shown.result
        assert case.tree_hash(folder) == before, "the backup was written to"
        assert not shown.at.exists(), "a folder that was made is left"


def with_rows(folder, rows):
    """Rows more: (domain, path, data or None, archive); their files beside them."""
    with sqlite3.connect(folder / "Manifest.db") as db:
        for domain, path, data, blob in rows:
            ident = make_backup.file_id(domain, path)
            db.execute("INSERT OR REPLACE INTO Files VALUES(?,?,?,1,?)", (ident, domain, path, blob))
            if data is not None:
                (folder / ident[:2]).mkdir(exist_ok=True)
                (folder / ident[:2] / ident).write_bytes(data)
    db.close()


def sealed(folder, path, data):
    """An encrypted backup's file of this content, in the place of another one; where it lies."""
    number, key = 3, make_backup.seeded(f"key {path}", 32)
    bag = make_backup.Keybag("secret", True)
    where = case.stored(folder, "CameraRollDomain", path)
    where.write_bytes(make_backup.seal(key, data))
    return make_backup.archive(path, data, number, None, number.to_bytes(4, "little") + make_backup.wrap(bag.classes[number], key), 9)


@tap.test
def any_place_of_a_file_is_read_right():
    path, data = "Media/DCIM/100APPLE/IMG_0001.HEIC", make_backup.seeded("long", 700_011)
    plain, encrypted = case.fresh("plain"), case.fresh("encrypted")
    with_rows(plain, [("CameraRollDomain", path, data, make_backup.archive(path, data, 3, None, None, 9))])
    index, key = encrypted / "Manifest.db", make_backup.seeded("manifest key", 32)
    index.write_bytes(make_backup.unseal(key, index.read_bytes()))
    blob = sealed(encrypted, path, data)
    with_rows(encrypted, [("CameraRollDomain", path, None, blob)])
    for tail in ("-wal", "-shm"):
        (encrypted / f"Manifest.db{tail}").unlink(missing_ok=True)
    index.write_bytes(make_backup.seal(key, index.read_bytes()))
    chance = random.Random(6)
    for folder in (plain, encrypted):
        with mounted(folder) as shown, open(shown.at / "CameraRollDomain" / path, "rb", buffering=0) as file:
            assert os.fstat(file.fileno()).st_size == len(data)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            for _ in range(200):
                at, size = chance.randrange(len(data) + 40), chance.choice([1, 15, 16, 17, 4096, 70_000, 200_000])
                assert os.pread(file.fileno(), size, at) == data[at:at + size], (folder, at, size)


@tap.test
def ten_thousand_files_are_listed():
    folder = case.fresh("plain")
    names = [f"Documents/file-{i:05d}" for i in range(10_000)]
    with_rows(folder, [("AppDomain-org.example.many", name, None, make_backup.archive(name, b"", 3, None, None, 5)) for name in names])
    with mounted(folder) as shown:
        listed = os.listdir(shown.at / "AppDomain-org.example.many" / "Documents")
        assert sorted(listed) == [n.partition("/")[2] for n in names], len(listed)
        assert sum(1 for _ in os.scandir(shown.at / "AppDomain-org.example.many" / "Documents")) == 10_000
        assert not (shown.at / "AppDomain-org.example.many" / "Documents" / "file-10000").exists()


@tap.test
def nothing_can_be_changed():
    with mounted(case.fresh("plain")) as shown:
        file = shown.at / "HomeDomain/Library/SMS/sms.db"
        for attempt in (lambda: open(file, "ab"), lambda: file.unlink(), lambda: (shown.at / "new").mkdir(),
                        lambda: file.rename(shown.at / "x"), lambda: file.chmod(0o777)):
            try:
                attempt()
            except OSError as why:
                assert why.errno == 30, why  # EROFS
            else:
                raise AssertionError("something was changed")


@tap.test
def a_hostile_backup_leads_nobody_out_of_the_folder():
    folder = case.fresh("plain")
    names = ["../../up", "/etc/up", "a/../../up", "a//b", "x" * 300, "tab\there", ".", "..", "file", "file/below"]
    rows = [("AppDomain-evil", n, n.encode(), make_backup.archive(n, n.encode(), 3, None, None, 5)) for n in names]
    rows += [("../evil", "f", b"x", make_backup.archive("f", b"x", 3, None, None, 6)),
             ("", "f", b"x", make_backup.archive("f", b"x", 3, None, None, 6))]
    link = make_backup.archive("link", b"", 0, None, None, 7)
    link = link.replace((0o100644).to_bytes(2, "big"), (0o120755).to_bytes(2, "big"))
    rows.append(("AppDomain-evil", "link", None, link))
    with_rows(folder, rows)
    with mounted(folder) as shown:
        below = {str(p.relative_to(shown.at / "AppDomain-evil")) for p in (shown.at / "AppDomain-evil").rglob("*")}
        assert below == {"file", "link"}, below
        assert not any(p.is_symlink() for p in shown.at.rglob("*"))
        assert (shown.at / "AppDomain-evil/link").read_bytes() == b""
        assert sorted(os.listdir(shown.at)) == sorted({d for d, _ in case.contents["plain"]} | {"AppDomain-evil"})
    assert shown.ended == 5 and shown.result["left_out"] == len(names) - 1 + 2 and shown.result["links"] == 1, shown.result


@tap.test
def a_missing_or_cut_file_is_an_error_of_its_own_and_exit_5():
    for kind in ("plain", "encrypted"):
        folder = case.fresh(kind)
        case.stored(folder, "CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.HEIC").unlink()
        os.truncate(case.stored(folder, "CameraRollDomain", "Media/DCIM/100APPLE/IMG_0002.HEIC"), 1600)
        out = extracted(folder)
        with mounted(folder) as shown:
            photos = shown.at / "CameraRollDomain/Media/DCIM/100APPLE"
            try:
                (photos / "IMG_0001.HEIC").read_bytes()
            except OSError as why:
                assert why.errno == 5, why  # EIO
            else:
                raise AssertionError("a missing file was read")
            cut = out / "CameraRollDomain/Media/DCIM/100APPLE/IMG_0002.HEIC"
            assert (photos / "IMG_0002.HEIC").read_bytes() == cut.read_bytes() != b""
            assert (photos / "IMG_0003.HEIC").read_bytes() == case.contents[kind]["CameraRollDomain", "Media/DCIM/100APPLE/IMG_0003.HEIC"]
        assert shown.ended == 5 and shown.result["unreadable"] == 1, shown.result


@tap.test
def it_ends_by_a_signal_or_by_an_unmount_from_outside():
    folder = case.fresh("plain")
    for number in (signal.SIGTERM, signal.SIGHUP):
        with mounted(folder) as shown:
            shown.end(number)
            assert shown.ended == 0 and shown.result["ok"], shown.result
    with mounted(folder) as shown:
        held = open(shown.at / "HomeDomain/Library/SMS/sms.db", "rb")  # pylint: disable=consider-using-with
        shown.end()
        assert shown.ended == 0, "a file that is held open hangs the end"
        with contextlib.suppress(OSError):  # its connection is gone
            held.close()
    with mounted(folder) as shown:
        subprocess.run(["umount", shown.at], check=True, timeout=WAIT)
        shown.end(0)
        assert shown.ended == 0, shown.result


@tap.test
def a_folder_with_something_in_it_is_not_covered():
    folder = case.fresh("plain")
    (folder.parent / "mine").mkdir()
    (folder.parent / "mine" / "letter").write_text("x")
    can_mount()
    code, result = case.run_json("backup", "mount", folder, "--at", folder.parent / "mine")
    assert code == 2 and result["error"]["advice"] == "mount-place", result
    assert case.run("backup", "mount", folder).returncode == 2
    before = case.tree_hash(folder)
    for inside in (folder / "new", folder / "00", folder):
        assert case.run("backup", "mount", folder, "--at", inside).returncode == 2, inside
    assert case.tree_hash(folder) == before, "something is left in the backup"
    assert case.run("backup", "mount", case.fresh("encrypted"), "--at", folder.parent / "e", password="wrong").returncode == 4
    assert not (folder.parent / "e").exists()


status = tap.run()
case.done()
sys.exit(status)
