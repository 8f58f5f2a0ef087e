#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One bit turned at seeded places of firmware files, of their parts and of tickets: each is found before any device
could be touched, and named. A place whose bit carries no meaning must stand in the list of rules below, and what
would be sent must be proved to be the same.

usage: flips.py REVIVE [--count N] [--seed S] [--table]      REVIVE's folder holds revive-sim too
"""
import argparse
import collections
import hashlib
import json
import os
import pathlib
import plistlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from stage import Stage  # noqa: E402 pylint: disable=wrong-import-position

SHARES = (("firmware file", 40), ("headers of the firmware file", 15), ("part in a folder", 20), ("ticket", 15),
          ("real ticket", 10))
ENCRYPTED_BITS = 1 << 0 | 1 << 6 | 1 << 13

# Bytes of a zip file that revive never uses: they can say anything.
HARMLESS = {
    "local: version, date, other flags": "nothing is unpacked to disk; how an entry is packed is told elsewhere",
    "local: sizes that stand behind the content": "flag 3 says so; the directory's are used",
    "local: extra field": "the directory's is used",
    "directory: who made it, dates, attributes, other flags": "nothing is unpacked to disk",
    "directory: extra field that holds no sizes": "dates and owners of a file that is never made",
    "end: 32-bit fields that a zip64 record replaces": "the 64-bit ones are used",
    "between the entries": "checksums behind the content, and padding",
    "padding of a packed stream": "bits after its last code",
    "a file that this device does not use": "it is never read for it",
    "text around the ticket": "the property list's other keys and its white space",
}


class Wrong(Exception):
    """A flip that was not found, not named or not explained."""


class Bench:
    def __init__(self, revive, stage):
        self.revive, self.stage = revive, stage
        self.env = stage.environment()
        self.done = collections.Counter()
        self.rules = collections.Counter()

    def run(self, *words):
        done = subprocess.run([self.revive, *map(str, words), "--json"], env=self.env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120, check=False)
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        try:
            return done.returncode, json.loads(lines[-1] if lines[-1].startswith("{") and len(lines) > 1 else done.stdout)
        except (ValueError, IndexError) as problem:
            raise Wrong(f"{words[:3]}: exit {done.returncode}, no JSON: {done.stderr[-400:]}") from problem


# ---- the layout of a zip, read apart from revive ----

def regions(path):
    """(start, end, entry or None, what) of each piece of the file."""
    out, bytes_ = [], path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        infos = sorted(archive.infolist(), key=lambda i: i.header_offset)
        at = archive.start_dir
    for info in infos:
        name_len, extra_len = struct.unpack_from("<HH", bytes_, info.header_offset + 26)
        data = info.header_offset + 30 + name_len + extra_len
        out.append((info.header_offset, info.header_offset + 30, info, "local"))
        out.append((info.header_offset + 30, data - extra_len, info, "local name"))
        out.append((data - extra_len, data, info, "local extra"))
        out.append((data, data + info.compress_size, info, "content"))
    while bytes_[at:at + 4] == b"PK\1\2":
        name_len, extra_len, comment_len = struct.unpack_from("<HHH", bytes_, at + 28)
        name = bytes_[at + 46:at + 46 + name_len].decode()
        info = next(i for i in infos if i.filename == name)
        end = at + 46 + name_len + extra_len + comment_len
        out.append((at, at + 46, info, "directory"))
        out.append((at + 46, at + 46 + name_len, info, "directory name"))
        out.append((at + 46 + name_len, end, info, "directory extra"))
        at = end
    out.append((at, len(bytes_), None, "end"))
    return sorted(out, key=lambda r: r[0]), bytes_


def region_of(layout, at):
    for start, end, info, what in layout:
        if start <= at < end:
            return start, end, info, what
    return at, at + 1, None, "gap"


def rule_of(layout, bytes_, used, at, bit):
    """The rule that calls this bit harmless, or None."""
    start, end, info, what = region_of(layout, at)
    field = at - start
    if what == "gap":
        return "between the entries"
    if info is not None and info.filename not in used and what in ("content", "local"):
        return "a file that this device does not use"
    if what == "local" and (4 <= field < 6 or 10 <= field < 14 or
                            (6 <= field < 8 and not ENCRYPTED_BITS >> ((field - 6) * 8) & 1 << bit)):
        return "local: version, date, other flags"
    if what == "local" and 14 <= field < 26 and bytes_[start + 6] & 8:
        return "local: sizes that stand behind the content"
    if what == "local extra":
        return "local: extra field"
    if what == "directory" and (4 <= field < 8 or 12 <= field < 16 or 36 <= field < 42 or
                                (8 <= field < 10 and not ENCRYPTED_BITS >> ((field - 8) * 8) & 1 << bit)):
        return "directory: who made it, dates, attributes, other flags"
    if what == "directory extra" and struct.unpack_from("<H", bytes_, start)[0] != 1:
        return "directory: extra field that holds no sizes"
    if what == "end" and bytes_[-42:-38] == b"PK\6\7" and at >= len(bytes_) - 18:
        return "end: 32-bit fields that a zip64 record replaces"
    if what == "content" and info.compress_type == zipfile.ZIP_DEFLATED and at == end - 1:
        return "padding of a packed stream"
    return None


# ---- subjects ----

def turned(path, at, bit):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def used_files(manifest):
    paths = {"BuildManifest.plist"}
    for identity in manifest["BuildIdentities"]:
        paths |= {c["Info"]["Path"] for c in identity["Manifest"].values() if "Path" in c.get("Info", {})}
    return paths


def names_of(manifest, path):
    out = {path}
    for identity in manifest["BuildIdentities"]:
        out |= {name for name, c in identity["Manifest"].items() if c.get("Info", {}).get("Path") == path}
    return out


def sent(bench, ipsw, used, folder):
    """Digest of everything that would reach a device."""
    total = hashlib.sha256()
    for path in sorted(used):
        to = folder / "part"
        code, _ = bench.run("firmware", "extract", ipsw, path, "--to", to)
        if code != 0:
            raise Wrong(f"{path} cannot be taken out any more")
        total.update(path.encode() + hashlib.sha256(to.read_bytes()).digest())
        to.unlink()
    return total.hexdigest()


def check_named(error, names, where):
    cause = error["cause"]
    if not any(name in cause for name in names) and "zip: " not in cause:
        raise Wrong(f"{where}: found, but not named (one of {sorted(names)[:3]}): {cause}")
    if not error["actions"]:
        raise Wrong(f"{where}: found, but nothing to do is said: {cause}")


class Firmware:
    """A firmware file; `only_headers` puts every flip outside the content of the entries."""

    def __init__(self, bench, ipsw, folder, only_headers):
        self.bench, self.ipsw, self.folder, self.only_headers = bench, ipsw, folder, only_headers
        self.layout, self.bytes = regions(ipsw)
        with zipfile.ZipFile(ipsw) as archive:
            self.manifest = plistlib.loads(archive.read("BuildManifest.plist"))
        self.used = used_files(self.manifest)
        self.sent = sent(bench, ipsw, self.used, folder)
        self.headers = [at for start, end, _, what in self.layout if what != "content" for at in range(start, end)]

    def flip(self, seed):
        at = seed.choice(self.headers) if self.only_headers else seed.randrange(len(self.bytes))
        bit = seed.randrange(8)
        _, _, info, what = region_of(self.layout, at)
        where = f"bit {bit} of byte {at} ({what} of {info.filename if info else 'the file'})"
        turned(self.ipsw, at, bit)
        try:
            code, told = self.bench.run("firmware", "verify", self.ipsw)
            if code != 0:
                if code not in (1, 5):
                    raise Wrong(f"{where}: exit {code}: {told}")
                check_named(told["error"], names_of(self.manifest, info.filename) if info else {"zip"}, where)
                return None
            rule = rule_of(self.layout, self.bytes, self.used, at, bit)
            if rule is None:
                raise Wrong(f"{where}: not found, and no rule calls it harmless")
            if sent(self.bench, self.ipsw, self.used, self.folder) != self.sent:
                raise Wrong(f"{where}: called harmless ({rule}), but other bytes would be sent")
            return rule
        finally:
            turned(self.ipsw, at, bit)


class Folder:
    """The same firmware unpacked: no checksum stands beside its parts."""

    def __init__(self, bench, ipsw, folder):
        self.bench, self.folder = bench, folder / "unpacked"
        with zipfile.ZipFile(ipsw) as archive:
            archive.extractall(self.folder)
            manifest = plistlib.loads(archive.read("BuildManifest.plist"))
        self.manifest = manifest
        trusted = {c["Info"]["Path"] for i in manifest["BuildIdentities"] for c in i["Manifest"].values()
                   if c.get("Trusted") and "Path" in c.get("Info", {})}
        self.parts = sorted(p for p in trusted if p.endswith(".im4p") or "kernelcache" in p or p.endswith(".trustcache"))

    def flip(self, seed):
        part = seed.choice(self.parts)
        path = self.folder / part
        at, bit = seed.randrange(path.stat().st_size), seed.randrange(8)
        if seed.randrange(3) == 0:  # the header is small and says most
            at = seed.randrange(min(64, path.stat().st_size))
        turned(path, at, bit)
        try:
            code, told = self.bench.run("firmware", "verify", self.folder)
            where = f"bit {bit} of byte {at} of {part} in a folder"
            if code == 0:
                raise Wrong(f"{where}: not found")
            check_named(told["error"], names_of(self.manifest, part), where)
            return None
        finally:
            turned(path, at, bit)


class Ticket:
    def __init__(self, bench, path, *more):
        self.bench, self.path, self.more = bench, path, more
        code, told = bench.run("firmware", "ticket", "verify", path, *more)
        if code != 0:
            raise Wrong(f"{path} is not good to begin with: {told}")
        self.shown = bench.run("firmware", "ticket", "show", path)[1]
        self.raw = path.read_bytes()[:1] == b"0"

    def flip(self, seed):
        at, bit = seed.randrange(self.path.stat().st_size), seed.randrange(8)
        where = f"bit {bit} of byte {at} of {self.path.name}"
        turned(self.path, at, bit)
        try:
            code, told = self.bench.run("firmware", "ticket", "verify", self.path, *self.more)
            if code != 0:
                check_named(told["error"], {"ticket", self.path.name, "property list", "IM4M"}, where)
                return None
            if self.raw:
                raise Wrong(f"{where}: not found")
            if self.bench.run("firmware", "ticket", "show", self.path)[1] != self.shown:
                raise Wrong(f"{where}: called harmless, but the ticket says something else")
            return "text around the ticket"
        finally:
            turned(self.path, at, bit)


class Several:
    def __init__(self, subjects):
        self.subjects = subjects

    def flip(self, seed):
        return seed.choice(self.subjects).flip(seed)


def fetch_ticket(bench, ipsw, to):
    board = bench.run("firmware", "info", ipsw)[1]["identities"][0]["board"]
    code, told = bench.run("firmware", "ticket", "fetch", "--ipsw", ipsw, "--ecid", "0x1A2B3C4D5E6F", "--board", board,
                           "--generator", "0x1111111111111111", "--to", to)
    if code != 0:
        raise Wrong(f"no ticket: {told}")
    return board


def real_tickets(bench, folder):
    shared = pathlib.Path(os.environ.get("REVIVE_SHARED") or HERE.parent.parent.parent / "shared")
    if not shared.is_dir():
        shared = HERE.parent.parent.parent.parent / "shared"
    found = sorted((shared / "data/firmware/tickets").glob("*")) if shared.is_dir() else []
    out = []
    for path in found:
        copy = folder / path.name
        copy.write_bytes(path.read_bytes())
        out.append(Ticket(bench, copy))
    return out


def subjects(bench, stage, folder):
    ipsw = folder / "firmware.ipsw"
    shutil.copy(stage.new_ipsw, ipsw)
    board = fetch_ticket(bench, ipsw, folder / "made.shsh2")
    raw = folder / "made.im4m"
    raw.write_bytes(plistlib.loads((folder / "made.shsh2").read_bytes())["ApImg4Ticket"])
    cover = ("--ipsw", stage.new_ipsw, "--board", board)
    out = {
        "firmware file": Firmware(bench, ipsw, folder, False),
        "headers of the firmware file": Firmware(bench, ipsw, folder, True),
        "part in a folder": Folder(bench, ipsw, folder),
        "ticket": Several([Ticket(bench, raw, *cover), Ticket(bench, folder / "made.shsh2", *cover)]),
    }
    real = real_tickets(bench, folder)
    if real:
        out["real ticket"] = Several(real)
    return out


def run(options):
    seed = random.Random(options.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="revive-flips-"))
    failures = []
    try:
        with Stage(pathlib.Path(options.revive).resolve().parent, system_bytes=1 << 20, data_bytes=1 << 20) as stage:
            stage.start_apple()
            bench = Bench(pathlib.Path(options.revive).resolve(), stage)
            bench.env["REVIVE_TRUST_ROOT"] = str(stage.pki / "root.der")
            there = subjects(bench, stage, folder)
            whole = sum(share for name, share in SHARES if name in there)
            for name, share in SHARES:
                for _ in range(-(-options.count * share // whole) if name in there else 0):
                    try:
                        rule = there[name].flip(seed)
                    except Wrong as why:
                        failures.append(f"{name}: {why}")
                        continue
                    bench.done[name] += 1
                    if rule is not None:
                        bench.rules[rule] += 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return bench, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revive")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=20260401)
    options = parser.parse_args()
    bench, failures = run(options)
    total, harmless = sum(bench.done.values()), sum(bench.rules.values())
    print(json.dumps({"bench": "flips", "seed": options.seed, "flips": total + len(failures), "found": total - harmless,
                      "harmless_by_rule": harmless, "wrong": len(failures)}))
    for name, count in bench.done.items():
        print(f"# {count:5} in: {name}")
    for rule, count in bench.rules.most_common():
        print(f"# {count:5} harmless: {rule} ({HARMLESS[rule]})")
    for why in failures:
        print(f"# WRONG {why}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
