# SPDX-License-Identifier: Apache-2.0
"""A virtual iPhone with known files, backups of it made by idevicebackup2 and by revive, and what becomes of them when
they are damaged, mended and restored onto it by idevicebackup2."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "witness"))
import damage_backup as damage  # noqa: E402 pylint: disable=wrong-import-position
import repair_judge  # noqa: E402 pylint: disable=wrong-import-position
from phone import phone_on_socket  # noqa: E402 pylint: disable=wrong-import-position

SYSTEMS = ("9.3.5", "10.0.2", "12.4", "26.1")
MAKERS = ("idevicebackup2", "revive")
PASSWORD = "secret"
NAMELESS = "files without a name"


def tree_hash(folder):
    total = hashlib.sha256()
    for path in sorted(pathlib.Path(folder).rglob("*")):
        total.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            total.update(path.read_bytes())
    return total.hexdigest()


def nothing_was_restored(text):
    """idevicebackup2 ends well even where the phone ended with an error."""
    return "Restore Successful" not in text


class World:
    """One system, plain or encrypted. `folders`: {maker: the backup}; `older`: the one before it; `broken_off`: runs that
    the phone itself ended at a stage."""

    def __init__(self, build, system, encrypted, makers=MAKERS, files=120):
        build = pathlib.Path(build).resolve()
        self.revive, self.system = str(build / "revive"), system
        self.password = PASSWORD if encrypted else None
        settings = ["trust=yes", f"files={files}", "files_size=600-6000", "keybag_rounds=50", "keybag_rounds_sha1=50",
                    "restore_digests=yes", "system=" + system]
        self.phone = phone_on_socket(str(build / "revive-sim"), scale="0.05", settings=settings)
        self.root = pathlib.Path(self.phone.path("backups"))
        for name, leaf in (("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("HOME", "home")):
            self.phone.env[name] = self.phone.path(leaf)
        self.phone.env.update(TMPDIR=self.phone.folder, LC_ALL="C.UTF-8", REVIVE_USB="usbip:UNIX:" + self.phone.path("usb"))
        if encrypted:
            self.phone.env["REVIVE_BACKUP_PASSWORD"] = PASSWORD
        self.root.mkdir()
        until = time.monotonic() + 30  # it answers when it has come up
        ran = self.phone.run("idevicepair", "pair")
        while "SUCCESS" not in ran.text and time.monotonic() < until:
            time.sleep(0.2)
            ran = self.phone.run("idevicepair", "pair")
        self.must(ran, "SUCCESS")
        if encrypted:
            self.must(self.phone.run("idevicebackup2", "encryption", "on", PASSWORD, str(self.root)), "enabled")
        self.older = self.root / "older" / self.phone.udid
        self.make(makers[0], self.older.parent)
        self.phone.ask("user", "change", "25")
        self.folders = {maker: self.make(maker, self.root / maker, upon=self.older) for maker in makers}
        self.truth = self.files_of_phone()
        self.pristine = {maker: repair_judge.Pristine(folder, self.password) for maker, folder in self.folders.items()}
        self.trials = 0

    @staticmethod
    def must(ran, words):
        if words not in ran.text:
            raise SystemExit(f"Bail out! {words!r} was expected: {ran.text[-2000:]}")

    def make(self, maker, where, upon=None):
        """A backup in the folder `where`, on top of an older one when there is one."""
        where.mkdir()
        if upon:
            shutil.copytree(upon, where / self.phone.udid)
        if maker == "revive":
            self.must(self.phone.run(self.revive, "backup", "create", "--to", str(where), "--json", "--yes"), '"ok"')
        else:
            self.must(self.phone.run("idevicebackup2", "backup", str(where)), "Backup Successful")
        return where / self.phone.udid

    def files_of_phone(self):
        """{(domain, path): SHA-256} of files that are not empty."""
        path = self.phone.path("list")
        self.phone.ask("user", "list", path)
        found = {}
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                mode, size, _, content, domain, name = line.rstrip("\n").split("\t")
                if int(mode, 8) >> 12 == 8 and int(size):
                    found[domain, name] = content
        return found

    def broken_off(self, maker, stage):
        """A run that breaks off when the phone comes to this stage, on top of the older backup or of nothing."""
        first, _, stage = stage.rpartition(":")
        where = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        if not first:
            shutil.copytree(self.older, where / self.phone.udid)
        self.phone.ask("set", "fault.backup_hangup", stage)
        self.phone.run("idevicebackup2", "backup", str(where))
        return where / self.phone.udid

    def bad_disk(self):
        """The library that stands before the disk and cannot read what it is told not to."""
        library = self.root / "bad_disk.so"
        if not library.exists():
            subprocess.run(["cc", "-shared", "-fPIC", "-o", library, HERE / "bad_disk.c", "-ldl"], check=True)
        return str(library)

    def copy(self, maker):
        parent = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        shutil.copytree(self.folders[maker], parent / self.phone.udid)
        return parent / self.phone.udid

    def mend(self, folder, *words, env=None):
        """(exit code, result, text)"""
        before = dict(self.phone.env)
        self.phone.env.update(env or {})
        ran = self.phone.run(self.revive, "backup", "repair", str(folder), *words, "--json", limit=60)
        self.phone.env = before
        lines = [line for line in ran.text.splitlines() if line.startswith("{")]
        return ran.status, json.loads(lines[-1]) if lines else {}, ran.text

    def restore(self, parent):
        """"" or what the phone said against it."""
        self.phone.ask("user", "wipe")
        words = ["--password", self.password] if self.password else []
        ran = self.phone.run("idevicebackup2", "restore", "--system", "--settings", "--remove", "--no-reboot", *words, str(parent))
        if nothing_was_restored(ran.text):
            return "\n".join(ran.text.splitlines()[-4:])
        return ""

    def attempt(self, maker, kind, seed=1):
        """One damage, one repair, one restore: a dictionary of what came of it."""
        damage.OLDER = self.older
        folder = self.copy(maker)
        folder = damage.KINDS[kind](folder, seed) or folder
        env = damage.environment_of(kind, folder)
        bad = (env["BAD_DISK_FILE"], int(env["BAD_DISK_FROM"]), int(env["BAD_DISK_BYTES"])) if env else None
        chances = repair_judge.Chances(self.pristine[maker], folder, self.truth, bad)
        before = tree_hash(folder)
        if env:
            env.update(LD_PRELOAD=self.bad_disk(), ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")
        code, result, text = self.mend(folder, env=env)
        out = {"kind": kind, "maker": maker, "system": self.system, "encrypted": bool(self.password), "seed": seed,
               "code": code, "could": len(chances.sure), "could_aside": len(chances.aside), "kept": 0, "aside": 0,
               "accepted": False, "why": "", "unchanged": tree_hash(folder) == before, "missing": [], "untold": [], "other": [],
               "restorable": bool(chances.sure or chances.aside), "result": result}
        if code == 0:
            out["why"] = self.restore(pathlib.Path(result["repaired"]).parent)
            out["accepted"] = not out["why"]
            told = {(f["domain"], f["path"]) for f in result["lost"].get("list", []) if "path" in f}
            seen = repair_judge.judge(chances, self.truth, self.files_of_phone() if out["accepted"] else {}, told)
            beside = {hashlib.sha256(p.read_bytes()).hexdigest()
                      for p in (pathlib.Path(result["repaired"]) / ".." / NAMELESS).glob("**/*") if p.is_file()}
            lost = {n for n in chances.aside - seen["kept"] if self.truth[n] not in beside}
            out.update(kept=len(chances.sure & seen["kept"]), missing=sorted(seen["missing"] | lost),
                       aside=len(chances.aside - lost), named=len(seen["of_aside"]), untold=sorted(seen["untold"]),
                       other=sorted(seen["other"]))
        elif code == "timeout" or "error" not in result:
            out["why"] = text[-1500:]
        else:
            out["why"] = result["error"]["cause"]
        shutil.rmtree(folder.parent, ignore_errors=True)
        return out
