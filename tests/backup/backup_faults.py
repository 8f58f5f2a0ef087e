#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Blows at chosen places of `revive backup`: kill -9, a pulled cable, a full disk, and what else may end a run.

A place is the Nth thing that revive changes on the disk (tests/struck/strike.c), the Nth event of the virtual iPhone
(sim/cut.h), the Nth byte between the two, or so many bytes of room left on a small disk; never a time. After each, eyes
that share nothing with the product (tests/support/damage_backup.py) look at what is left; then the same command runs again.

backup_faults.py BUILD STRUCK [--points N] [--seed S]     a seeded part, as a test; ./dev bench faults backup runs all
"""
import argparse
import collections
import contextlib
import ctypes
import hashlib
import json
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import damage_backup  # noqa: E402
from stage_cache import lay_scene  # noqa: E402

RUN_SECONDS, DEADLINES = 120, "0.2"
PASSWORD, OTHER_PASSWORD = "correct horse", "battery staple"
DISK_BYTES = 96 << 20
OWN_MOUNTS = "REVIVE_TEST_OWN_MOUNTS"

# A road: what the person asked for. phone: which one (None: no phone is needed). had: a good backup was there before.
Road = collections.namedtuple("Road", "name phone had words")
ROADS = {road.name: road for road in (
    Road("first backup", "plain", False, ("create",)),
    Road("first backup, encrypted", "locked", False, ("create",)),
    Road("next backup", "plain", True, ("create",)),
    Road("next backup, encrypted", "locked", True, ("create",)),
    Road("next backup, iOS 9", "old", True, ("create",)),
    Road("next backup, on a simple disk", "plain", True, ("create",)),
    Road("all anew over a good one", "plain", True, ("create", "--full")),
    Road("restore", "plain", True, ("restore",)),
    Road("restore, encrypted", "locked", True, ("restore",)),
    Road("password change", "locked", True, ("password", "change")),
    Road("repair --in-place", None, True, ("repair",)),
    Road("decrypt", None, True, ("decrypt",)),
    Road("delete", None, True, ("delete",)),
)}
SIMPLE = "next backup, on a simple disk"  # without hard links and without an exchange of names
# The blows: what each is, and what it is counted as.
KINDS = {"kill": "kill -9", "kill-event": "kill -9", "cable": "cable", "full": "disk full", "small": "disk full",
         "daemon": "usbmuxd gone", "gone": "disk errors", "refuse": "phone refuses", "stop": "Ctrl-C"}
CORE_KINDS, CORE_ROADS = ("kill", "kill-event", "cable", "full", "small"), (
    "first backup", "first backup, encrypted", "next backup", "next backup, encrypted", "restore", "restore, encrypted")
OF_PHONE = ("kill-event", "cable", "daemon", "refuse", "stop")
REFUSALS = (1, 104, 105, 106, 202, 205, 208)
Point = collections.namedtuple("Point", "road kind phase where seed")
Outcome = collections.namedtuple("Outcome", "point code struck kept again wrong told seconds")
Good = collections.namedtuple("Good", "folder tree files digest")  # a backup, and what its phone held then
# One run that nobody disturbs; places: {axis: [(phase, first, last)]}.
Score = collections.namedtuple("Score", "places steps")
AXES = {"kill": "change", "full": "change", "gone": "change", "small": "room", "kill-event": "event", "cable": "event",
        "stop": "event", "daemon": "byte", "refuse": "step"}


class Wrong(Exception):
    """Something that must be true is not."""


def claim(truth, words):
    if not truth:
        raise Wrong(words)


# ---- a disk of our own ----

def with_own_mounts():
    """Runs this program again where it may mount, if this computer lets it; returns when it does, or cannot."""
    if os.environ.get(OWN_MOUNTS) or not shutil.which("unshare"):
        return
    ways = [["unshare", "--mount"]] if os.getuid() == 0 else [["unshare", "--user", "--map-root-user", "--mount"]]
    for way in ways:
        if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0:
            os.environ[OWN_MOUNTS] = "yes"
            os.execvp(way[0], [*way, sys.executable, *sys.argv])


class Disk:
    """A file system in memory whose size can be changed; a plain folder where nothing may be mounted."""

    libc = ctypes.CDLL(None, use_errno=True)

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir()
        self.own = bool(os.environ.get(OWN_MOUNTS)) and self.mount(0, f"size={DISK_BYTES}")

    def mount(self, flags, options):
        return self.libc.mount(b"none", str(self.path).encode(), b"tmpfs", flags, options.encode()) == 0

    def leave(self, room):
        """Only so many bytes are left, until all() is called."""
        stat = os.statvfs(self.path)
        used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
        claim(self.mount(32, f"size={max(used + room, 4096)}"), "the small disk cannot be made smaller")  # MS_REMOUNT

    def all(self):
        if self.own:
            self.mount(32, f"size={DISK_BYTES}")

    def close(self):
        if self.own:
            self.libc.umount2(str(self.path).encode(), 2)  # MNT_DETACH


# ---- the phone, and the daemon between ----

class Phone:
    """A virtual iPhone at a usbmuxd socket of the simulator's own."""

    def __init__(self, build, root, settings):
        self.root = pathlib.Path(root)
        lay_scene(build / "revive-sim", self.root / "scene",
                  ["--scenario", "fresh", "--bytes", 1 << 20, "--data-bytes", 1 << 16])
        words = [build / "revive-sim", "run", "--state", self.root / "scene/phone", "--usbmuxd", f"UNIX:{self.root}/mux",
                 "--usbip", f"UNIX:{self.root}/usb", "--control", self.root / "ctl", "--time-scale", "0.02", "--mode", "normal"]
        for setting in ("trust=yes", "files_size=200-3000", "keybag_rounds=20", "keybag_rounds_sha1=20", *settings):
            words += ["--set", setting]
        self.log = open(self.root / "sim.log", "ab")  # pylint: disable=consider-using-with
        self.child = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=self.log)
        claim(self.child.stdout.readline() == b"ready\n", "the virtual iPhone did not start")
        self.udid, self.read = self.ask("state")["udid"], 0

    def say(self, *words):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(f"{self.root}/ctl")
        s.sendall((" ".join(map(str, words)) + "\n").encode())
        return s

    def ask(self, *words, check=True):
        with self.say(*words) as s, s.makefile("rb") as lines:
            answer = json.loads(lines.readline() or b'{"ok":false,"error":"no answer"}')
        claim(answer.get("ok") or not check, f"the phone did not obey {words}: {answer}")
        return answer

    def files(self):
        """{(domain, path): SHA-256} of what the person keeps on it."""
        self.ask("user", "list", self.root / "list")
        rows = [line.split("\t") for line in (self.root / "list").read_text(encoding="utf-8").splitlines()]
        return {(row[4], row[5]): row[3] for row in rows if int(row[0], 8) >> 12 == 8}

    def digest(self):
        return self.ask("user", "digest")["digest"]

    def record(self, keep=False):
        """What it wrote down since the last question; keep: the next one is told of it too."""
        lines = (self.root / "scene/phone/record.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        new, self.read = [json.loads(line) for line in whole[self.read:]], self.read if keep else len(whole)
        return new

    def await_agent(self):
        """Until its backup agent has ended what it had begun: it may be at work when the cable is out already."""
        until = time.monotonic() + 20
        while True:
            told = [line["text"] for line in self.record(keep=True) if line["what"] == "backup"]
            if sum(text.endswith(" begins") for text in told) <= sum(" ends " in text for text in told):
                return
            claim(time.monotonic() < until, "the phone's backup agent does not end")
            time.sleep(0.02)

    def close(self):
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()
        self.log.close()


class Relay(threading.Thread):
    """Stands between revive and the daemon; ends as a killed daemon does when so many bytes have passed."""

    def __init__(self, path, behind, last=None):
        super().__init__(daemon=True)
        self.path, self.behind, self.last, self.passed = str(path), str(behind), last, 0
        self.door = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.door.bind(self.path)
        self.door.listen(8)
        self.ends, self.wake = {}, socket.socketpair()
        self.start()

    def take(self):
        near, _ = self.door.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(self.behind)
        self.ends[near], self.ends[far] = far, near

    def carry(self, end):
        try:
            data = end.recv(65536)
            if self.last is not None:
                data = data[:max(0, self.last - self.passed)]
            self.passed += len(data)
            self.ends[end].sendall(data)
        except OSError:
            data = b""
        if not data:
            for one in (end, self.ends.pop(end)):
                self.ends.pop(one, None)
                one.close()

    def run(self):
        while self.last is None or self.passed < self.last:
            ready, _, _ = select.select([self.door, self.wake[1], *self.ends], [], [])
            if self.wake[1] in ready:
                break
            for end in ready:
                if end is self.door:
                    self.take()
                elif end in self.ends:
                    self.carry(end)
        os.unlink(self.path)
        for end in [self.door, *self.ends]:
            end.close()

    def close(self):
        self.wake[0].send(b".")
        self.join()
        for end in self.wake:
            end.close()


# ---- revive ----

class Run:
    """One run of revive; its lines are kept in a file beside, so that it never waits for a reader."""

    def __init__(self, stand, words, env, strike=None):
        self.out = stand.root / "out"
        env = dict(env, **({"REVIVE_STRIKE": strike} if strike else {}))
        with open(self.out, "wb") as out, open(stand.root / "err", "wb") as err:
            self.child = subprocess.Popen([str(w) for w in [stand.struck if strike else stand.revive, *words, "--json", "--yes"]],
                                          stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env)

    def until_struck(self, asked):
        """Until the phone says so, or revive has ended."""
        pid = os.pidfd_open(self.child.pid)
        try:
            ready, _, _ = select.select([asked, pid], [], [], RUN_SECONDS)
            return asked in ready and b'"ok":true' in asked.recv(4096)
        finally:
            os.close(pid)

    def end(self):
        try:
            self.code = self.child.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired as late:
            self.child.kill()
            self.child.wait()
            raise Wrong(f"revive does not end: {self.out.read_text(errors='replace')[-600:]}") from late
        text = self.out.read_text(encoding="utf-8", errors="replace")
        lines = text.splitlines()
        self.result = {}
        with contextlib.suppress(ValueError):
            self.result = json.loads(lines[-1] if text.startswith('{"event"') else text)
        return self.code

    def error(self):
        return self.result.get("error") or {}

    def why(self):
        told = self.error()
        return f"exit {self.code}: {told.get('code')} ({told.get('advice')}): {told.get('cause')}"[:500]


def tree(folder):
    """{path: hash}; a folder's hash is its name."""
    found = {}
    for base, folders, names in os.walk(folder):
        inner = os.path.relpath(base, folder)
        found.update((os.path.join(inner, f), "folder") for f in folders)
        for name in names:
            with open(os.path.join(base, name), "rb") as file:
                found[os.path.join(inner, name)] = hashlib.sha1(file.read()).hexdigest()
    return found


# ---- one worker's place: a disk, its phones, a good backup of each ----

class Stand:
    SETTINGS = {"plain": ("system=15.4", "files=40"), "old": ("system=9.3.5", "files=40"),
                "locked": ("system=15.4", "files=40", "files_seed=5", f"backup_password={PASSWORD}")}

    def __init__(self, build, struck):
        self.build, self.struck = pathlib.Path(build).resolve(), pathlib.Path(struck).resolve()
        self.revive = self.build / "revive"
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="revive-blows-",
                                                  dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
        self.disk = Disk(self.root / "disk")
        self.to, self.phones, self.good = self.disk.path / "backups", {}, {}
        (self.root / "tmp").mkdir()
        for name, words in (("password", PASSWORD), ("new-password", OTHER_PASSWORD)):
            (self.root / name).write_text(words + "\n", encoding="utf-8")

    def environment(self, road, mux=None):
        phone = self.phone(road.phone).root if road.phone else self.root / "nowhere"
        env = {k: v for k, v in os.environ.items() if k != "REVIVE_BACKUP_PASSWORD"}
        env.update(HOME=str(self.root / "home"), XDG_STATE_HOME=str(self.root / "state"), NO_COLOR="1", LC_ALL="C.UTF-8",
                   XDG_DATA_HOME=str(self.root / "data"), XDG_CACHE_HOME=str(self.root / "cache"),
                   REVIVE_USB=f"usbip:UNIX:{phone}/usb", REVIVE_DEADLINE_SCALE=DEADLINES,
                   USBMUXD_SOCKET_ADDRESS=f"UNIX:{mux or phone / 'mux'}", TMPDIR=str(self.root / "tmp"))
        return env

    def phone(self, name):
        if name not in self.phones:
            (self.root / name).mkdir()
            self.phones[name] = Phone(self.build, self.root / name, self.SETTINGS[name])
        return self.phones[name]

    def words(self, road):
        locked = ["--password-file", self.root / "password"] if road.phone == "locked" else []
        folder = self.to / self.udid(road)
        if road.words[0] == "create":
            return ["backup", *road.words, "--to", self.to, *locked]
        if road.words[0] == "restore":
            return ["backup", "restore", folder, "--no-restart", *locked]
        if road.words[0] == "password":
            return ["backup", *road.words, *locked, "--new-password-file", self.root / "new-password"]
        if road.words[0] == "repair":
            return ["backup", "repair", folder, "--in-place"]
        if road.words[0] == "decrypt":
            return ["backup", "decrypt", folder, "--to", self.disk.path / "plain", "--password-file", self.root / "password"]
        return ["backup", "delete", folder]

    def start(self, road, words=None, strike=None, mux=None):
        env = self.environment(road, mux)
        if road.name == SIMPLE:
            strike, env = strike or "none", dict(env, REVIVE_STRUCK_DISK="simple")
        return Run(self, words or self.words(road), env, strike)

    def run(self, road, words=None, **more):
        run = self.start(road, words, **more)
        run.end()
        return run

    def source(self, road):
        """Whose backup the road works with."""
        return road.phone or ("locked" if road.words[0] == "decrypt" else "plain")

    def udid(self, road):
        return self.phone(self.source(road)).udid

    def password(self, name):
        return PASSWORD if name == "locked" else ""

    def good_one(self, name):
        """Made once, judged whole, and taken back by the phone."""
        if name in self.good:
            return self.good[name]
        phone, road = self.phone(name), Road("good", name, False, ("create",))
        shutil.rmtree(self.to, ignore_errors=True)
        files, digest = phone.files(), phone.digest()
        run = self.run(road)
        claim(run.code == 0, f"no first backup: {run.why()}")
        self.judge_whole(self.to / phone.udid, files, name)
        phone.ask("user", "change", 20)
        claim(phone.digest() != digest, "the phone did not change")
        run = self.run(Road("back", name, True, ("restore",)))
        claim(run.code == 0 and phone.digest() == digest, f"the phone does not take it: {run.why()}")
        kept = self.root / f"good-{name}"
        shutil.copytree(self.to / phone.udid, kept)
        self.good[name] = Good(kept, tree(kept), files, digest)
        return self.good[name]

    def lay(self, road):
        """All as it is before a run; what the person would lose is remembered."""
        self.disk.all()
        good = self.good_one(self.source(road))
        before, files = good.tree, good.files
        for entry in self.disk.path.iterdir():
            shutil.rmtree(entry)
        shutil.rmtree(self.root / "tmp")
        (self.root / "tmp").mkdir()
        self.to.mkdir()
        if road.had:
            shutil.copytree(good.folder, self.to / self.udid(road))
        if road.phone:
            phone = self.phone(road.phone)
            phone.ask("set", "backup_password", self.password(road.phone))
            phone.ask("user", "change", 15)
            phone.ask("user", "remove", 4)
            files = phone.files()
        if road.words[0] == "repair":
            damage_backup.files_missing(self.to / self.udid(road), 3)
            damage_backup.status_missing(self.to / self.udid(road), 3)
            before = tree(self.to / self.udid(road))
        return before, files

    # ---- the judge ----

    def judge_whole(self, folder, files, name):
        """A folder that a phone would take, and that holds exactly these files."""
        try:
            found = damage_backup.accept(folder, self.password(name))
        except (damage_backup.Refused, OSError, ValueError, KeyError) as why:
            raise Wrong(f"{folder.name} is no good backup: {why}") from why
        found = {key: hashlib.sha256(data).hexdigest() for key, data in found.items()}
        odd = {k for k in found.keys() | files.keys() if found.get(k) != files.get(k)}
        claim(not odd, f"{len(odd)} files of the backup are not those of the phone: {sorted(odd)[:3]}")

    def verify(self, road, folder):
        words = ["backup", "verify", folder]
        if self.source(road) == "locked":
            words += ["--password-file", self.root / "password"]
        run = self.run(Road("verify", None, True, ()), words)
        claim(run.code == 0, f"revive backup verify: {run.why()} {json.dumps(run.result.get('findings'))[:300]}")

    def close(self):
        for phone in self.phones.values():
            phone.close()
        self.disk.close()
        shutil.rmtree(self.root, ignore_errors=True)


# ---- the rehearsal: how many places there are, and what is done at them ----

def phases_of_changes(lines):
    """The device's own order is told by the times that Status.plist gets its name: uploading, moving, removing, finished."""
    names = iter(("sending files", "moving them", "removing old ones", "reading it back"))
    at, phases = "preparing", []
    for number, (what, name) in enumerate(lines, 1):
        if what == "syncfs" and at != "sending files":
            at = "clearing away" if at in ("securing", "change of names") else "securing"
        elif what in ("exchange", "rename") and at == "securing":
            at = "change of names"
        if phases and phases[-1][0] == at:
            phases[-1][2] = number
        else:
            phases.append([at, number, number])
        if what == "rename" and name == "Status.plist":
            at = next(names, at)
    return [tuple(p) for p in phases]


def phases_of_events(record, first, last):
    marks = [("connecting", 1)]
    marks += [(line["text"], line["event"] - first) for line in record
              if line["what"] == "backup-step" and line["event"] > first]
    ends = [at - 1 for _, at in marks[1:]] + [last - first]
    return [(name, at, end) for (name, at), end in zip(marks, ends) if end >= at]


def check_order(lines):
    """What a power loss may not undo is on the disk first: files before the list that says they came, all before the name."""
    done = [name if what in ("rename", "exchange") else what for what, name in lines]
    lists = [i for i, name in enumerate(done) if name == "Status.plist"]
    claim(len(lists) == 4, f"{len(lists)} states")
    claim("syncfs" in done[lists[0]:lists[1]], "files are not secured before the phone says that they came")
    after = done[lists[3]:]
    claim(after.index("syncfs") < next(i for i, (what, name) in enumerate(lines[lists[3]:]) if what in ("exchange", "rename") and
                                       len(name) >= 25), "the backup gets its name before it is secured")


def room_used(stand, road, before):
    """Bytes of whole pages that what was new takes."""
    folder = stand.to / stand.udid(road)
    new = [folder / name for name, what in tree(folder).items() if what != "folder" and before.get(name) != what]
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in new)


def rehearse(stand, road):
    before, files = stand.lay(road)
    changes = stand.root / "changes"
    changes.unlink(missing_ok=True)
    relay, first = None, 0
    phone = stand.phone(road.phone) if road.phone else None
    if phone:
        phone.record()
        first = phone.ask("events")["events"]
        relay = Relay(stand.root / "relay", phone.root / "mux")
    run = stand.run(road, strike=f"list {changes}", mux=stand.root / "relay")
    claim(run.code == 0, f"the rehearsal of '{road.name}': {run.why()}")
    judge_again(stand, road, run, before, files)
    lines = [line.split("\t") for line in changes.read_text(encoding="utf-8", errors="replace").splitlines()]
    if road.words[0] == "create":
        check_order(lines)
    places, steps = {"change": phases_of_changes(lines)}, []
    if phone:
        relay.close()
        record = phone.record()
        places["event"] = phases_of_events(record, first, phone.ask("events")["events"])
        places["byte"] = [("all", 1, relay.passed)]
        steps = list(dict.fromkeys(line["text"] for line in record if line["what"] == "backup-step"))
        places["step"] = [(step, 1, 1) for step in steps]
    if stand.disk.own and road.words[0] == "create":
        places["room"] = [("all", 0, room_used(stand, road, before if road.had else {}) + 4096)]
    return Score(places, steps)


def kinds_of(road, score):
    """Which blows a road can have; a restore writes nothing, its phone must be named."""
    return [kind for kind, axis in AXES.items() if axis in score.places and not (road.phone is None and kind in OF_PHONE) and
            not (road.words[0] in ("restore", "password") and kind in ("small", "gone")) and
            not (road.words[0] == "password" and kind == "refuse")]


def random_point(road, kind, score, draw, phase_first):
    """Anywhere, so that long phases get their share; or a phase first, so that short ones do, such as the last moments."""
    phases = score.places[AXES[kind]]
    name, first, last = draw.choice(phases)
    where = draw.randint(first, last)
    if not phase_first and kind != "refuse":
        where = draw.randint(phases[0][1], phases[-1][2])
        name = next((n for n, a, b in phases if a <= where <= b), "end")
    if kind == "refuse":
        where = draw.choice(REFUSALS)
    return Point(road, kind, name, where, draw.randrange(1 << 30))


def random_points(road, kinds, score, count, draw):
    able = [kind for kind in kinds_of(road, score) if kind in kinds]
    return [random_point(road, able[i % len(able)], score, draw, (i // len(able)) % 2 == 1) for i in range(count)]


# ---- one point ----

def strike(stand, point):
    """Runs revive into the blow: (the run, whether the blow fell)."""
    road, kind = point.road, point.kind
    phone = stand.phone(road.phone) if road.phone else None
    if kind in ("kill", "full", "gone"):
        run = stand.run(road, strike=f"{kind} {point.where}")
        return run, run.code != 0
    if kind == "small":
        stand.disk.leave(point.where)
        run = stand.run(road)
        return run, run.code != 0
    if kind == "daemon":
        relay = Relay(stand.root / "relay", phone.root / "mux", point.where)
        run = stand.run(road, mux=stand.root / "relay")
        relay.close()
        return run, run.code != 0
    if kind == "refuse":
        phone.ask("set", "fault.backup_error", point.phase, point.where)
        run = stand.run(road)
        phone.ask("set", "fault.backup_error")
        return run, run.code != 0
    phone.ask("cut", "pull" if kind == "cable" else "hold", point.where)
    with phone.say("struck", RUN_SECONDS) as asked:
        run = stand.start(road)
        struck = run.until_struck(asked)
        if struck and kind != "cable":
            run.child.send_signal(signal.SIGINT if kind == "stop" else signal.SIGKILL)
        if kind == "stop":
            phone.ask("cut", "off")
        run.end()
    phone.ask("cut", "off")
    return run, struck


CODES = {"kill": (-9,), "kill-event": (-9,), "cable": (3, 7), "daemon": (3, 7), "full": (1,), "small": (1,), "gone": (1,),
         "stop": (7,), "refuse": (1, 4, 5, 7)}


def judge_words(point, run):
    """What the person is told, and what the exit code says."""
    if run.code in (0, -9):
        claim(run.code == 0 or point.kind.startswith("kill"), "revive was killed by itself")
        return
    claim(run.code in CODES[point.kind], f"after {KINDS[point.kind]}: {run.why()}")
    error = run.error()
    claim(error.get("title") and error.get("cause") and error.get("actions"), f"no word of what to do: {run.why()}")
    if point.kind in ("full", "small"):
        claim(error["code"] == "NO_SPACE", f"a full disk is not named: {run.why()}")
    if run.code == 3:
        claim(not run.result.get("files_received") and not run.result.get("files_sent"),
              f"exit 3, but work had begun: {run.why()}")
    claim("firmware" not in json.dumps(error["actions"]), f"advice about firmware: {error['actions']}")
    claim(run.code == 3 or "run `revive resume`" not in json.dumps(error["actions"]).lower(), f"advice that does not fit: {error['actions']}")


def judge_blow(stand, point, run, before, files):
    """What must be true right after; whether a good backup is where it was (None: there was none)."""
    road = point.road
    folder = stand.to / stand.udid(road)
    judge_words(point, run)
    odd = [n for n in os.listdir(stand.to) if n != folder.name and not n.startswith(".")] if stand.to.exists() else []
    if road.words[0] == "repair":
        return judge_mending(stand, folder, before)
    claim(not odd, f"half things under names of their own: {odd}")
    if road.words[0] == "delete":
        claim(not folder.exists() or tree(folder) == before, "half of a deleted backup is left under its name")
        return None
    if road.words[0] == "decrypt":
        check_plain(stand, files, all_of_it=run.code == 0)
    if road.name == SIMPLE and not folder.exists():
        folder = stand.to / f".{folder.name}.previous" # between the two steps of the change of names
        claim(run.code == -9 and tree(folder) == before, "THE LAST GOOD BACKUP IS GONE")
        return True
    if not folder.exists():
        claim(not road.had, "THE LAST GOOD BACKUP IS GONE")
        return None
    if road.had and tree(folder) == before:
        claim(run.code != 0 or road.words[0] != "create", "exit 0, and no new backup")
    else:
        claim(road.words[0] == "create", "the backup was changed")
        claim("as it was" not in run.error().get("cause", ""), f"the last good one is said to be there: {run.why()}")
        stand.judge_whole(folder, files, stand.source(road))
    stand.verify(road, folder)
    return True


def judge_mending(stand, folder, before):
    """Mended or as it was; what it was before is never gone."""
    if tree(folder) != before:
        damage_backup.accept(folder)
        kept = [p for p in stand.to.rglob("Manifest.db") if p.parent != folder and tree(p.parent) == before]
        claim(kept, "the damaged backup is gone")
    return None


def check_plain(stand, files, all_of_it):
    """What `decrypt` has written: nothing half under the name of a file."""
    top = stand.disk.path / "plain"
    found = {}
    for path in top.rglob("*") if top.exists() else ():
        if path.is_file() and path.name != ".revive-part":
            domain, _, inner = str(path.relative_to(top)).partition("/")
            found[domain, inner] = hashlib.sha256(path.read_bytes()).hexdigest()
    odd = {k for k in found if files.get(k) != found[k]}
    claim(not odd, f"not what the phone held: {sorted(odd)[:3]}")
    if all_of_it:
        claim(found == files and not list(top.rglob(".revive-part")), f"{len(files) - len(found)} files are missing")


def judge_again(stand, road, run, before, files, tidy=True):
    """The same command after the trouble is over: it ends well, and leaves nothing lying about (tidy)."""
    claim(run.code == 0, f"the next run: {run.why()}")
    folder = stand.to / stand.udid(road)
    verb = road.words[0]
    if verb == "create":
        claim(not tidy or os.listdir(stand.to) == [folder.name], f"left over: {os.listdir(stand.to)}")
        stand.judge_whole(folder, files, road.phone)
        claim(run.result.get("incremental") or not road.had or "--full" in road.words, "not what changed alone was taken")
        claim(tree(folder) != before, "it is the old one")
    elif verb == "repair":
        damage_backup.accept(folder)
        names = sorted(n for n in os.listdir(stand.to) if n != folder.name)
        claim(not tidy or all(n.startswith(f"{folder.name}.damaged-") for n in names), f"left over: {names}")
        claim(any(tree(stand.to / n) == before for n in names), "the damaged backup is gone")
    elif verb == "decrypt":
        check_plain(stand, files, all_of_it=True)
    elif verb == "delete":
        claim(not tidy or not os.listdir(stand.to), f"left over: {os.listdir(stand.to)}")
    if verb in ("decrypt", "restore", "password"):
        claim(tree(folder) == before, "the backup was changed")
    if verb == "restore":
        claim(stand.phone(road.phone).digest() == stand.good[road.phone].digest, "the phone does not hold the backup")
    claim(not tidy or not os.listdir(stand.root / "tmp"), f"private copies are left: {os.listdir(stand.root / 'tmp')}")


def judge_phone(stand, point, run, old):
    """What the phone holds after a restore or a change of password that was struck."""
    road = point.road
    phone = stand.phone(road.phone)
    if road.words[0] == "restore":
        now, done = phone.digest(), stand.good[road.phone].digest
        claim(now in (old, done), "the phone holds neither what it had nor the backup")
        claim(run.code != 3 or now == old, f"exit 3, and the phone was changed: {run.why()}")
        claim(run.code != 0 or now == done, "exit 0, and the phone does not hold the backup")
    if road.words[0] == "password":
        now = phone.ask("get", "backup_password")["value"]
        claim(now in (PASSWORD, OTHER_PASSWORD), f"the password is {now}")
        claim(run.code != 3 or now == PASSWORD, f"exit 3, and the password was changed: {run.why()}")
        claim(run.code != 0 or now == OTHER_PASSWORD, "exit 0, and the password is the old one")


def once_more(stand, road, files):
    """The person's next move."""
    if road.words[0] == "delete" and not (stand.to / stand.udid(road)).exists():
        return stand.run(road, ["backup", "prune", "--keep", "1", "--in", stand.to]), files
    run = stand.run(road)
    if road.words[0] == "password" and run.code == 4:
        claim(stand.phone(road.phone).ask("get", "backup_password")["value"] == OTHER_PASSWORD, run.why())
        claim("may have" in json.dumps(run.error()["actions"]), f"no word of a change that took place: {run.error()}")
        run.code = 0
    return run, files


def prove_by_phone(stand, road):
    """The phone takes what is there, and holds it afterwards."""
    folder, phone = stand.to / stand.udid(road), stand.phone(road.phone)
    run = stand.run(road, stand.words(Road("proof", road.phone, True, ("restore",))))
    claim(run.code == 0, f"the phone does not take it: {run.why()}")
    files = phone.files()
    stand.judge_whole(folder, files, road.phone)
    return files


def run_point(stand, point):
    begun, road = time.monotonic(), point.road
    kept = again = struck = False
    code, told, wrong = None, "", ""
    try:
        before, files = stand.lay(road)
        old = stand.phone(road.phone).digest() if road.phone else None
        if road.phone:
            stand.phone(road.phone).record()
        run, struck = strike(stand, point)
        code, told = run.code, f"{run.error().get('advice')}: {run.error().get('cause')}"
        if road.phone:
            stand.phone(road.phone).ask("plug")
            stand.phone(road.phone).await_agent()
        stand.disk.all()
        if road.phone:
            judge_phone(stand, point, run, old)
        kept = judge_blow(stand, point, run, before, files)
        whole = (stand.to / stand.udid(road)).exists()
        if kept and whole and road.words[0] == "create" and point.seed % 8 == 0:
            files = prove_by_phone(stand, road)
        if code == 0: # of a disk that fails nothing can be removed
            judge_again(stand, road, run, before, files, tidy=point.kind != "gone")
        if code != 0 or road.words[0] == "create":
            run, files = once_more(stand, road, files)
            judge_again(stand, road, run, before, files)
        again = True
    except (Wrong, damage_backup.Refused, OSError, ValueError) as problem:
        wrong = f"{type(problem).__name__}: {problem}"
    return Outcome(point, code, struck, kept, again, wrong, told, time.monotonic() - begun)


def describe(outcome):
    p = outcome.point
    return (f"{'WRONG' if outcome.wrong else 'ok   '} {p.road.name}: {p.kind} at {AXES[p.kind]} {p.where} ({p.phase}): "
            f"exit {outcome.code}, {outcome.seconds:.1f} s {outcome.wrong}")


# ---- a seeded part, as a test ----

def seeded_points(stand, road, options):
    draw, bad = random.Random(f"{options.seed} {road.name}"), 0
    score = rehearse(stand, road)
    for point in random_points(road, options.kind, score, options.points // 2, draw):
        outcome = run_point(stand, point)
        bad += bool(outcome.wrong)
        print("# " + describe(outcome), flush=True)
    return not bad


def a_good_backup_is_there_after_every_blow_and_the_next_run_finishes(stand, options):
    return seeded_points(stand, ROADS["next backup"], options)


def a_phone_holds_the_old_or_the_new_after_a_struck_restore_and_the_next_one_finishes(stand, options):
    return seeded_points(stand, ROADS["restore"], options)


def broken_off_at(stand, step, goes_on):
    """The agent ends at this step; then the same command once more."""
    road = ROADS["next backup"]
    before, files = stand.lay(road)
    phone = stand.phone(road.phone)
    phone.ask("set", "fault.backup_hangup", step)
    run = stand.run(road)
    claim(run.code == 7 and "as it was" in run.error()["cause"], f"broken off at {step}: {run.why()}")
    claim(tree(stand.to / stand.udid(road)) == before, f"broken off at {step}: the last good one is changed")
    phone.record()
    run = stand.run(road)
    judge_again(stand, road, run, before, files)
    claim(run.result["went_on"] == goes_on, f"broken off at {step}: went on: {run.result['went_on']}")
    sent = [line["text"] for line in phone.record() if line["what"] == "backup" and "bytes sent" in line["text"]]
    claim(("incremental: 0 files and 0 bytes" in sent[-1]) == goes_on, f"broken off at {step}, then {sent}")


def what_broke_off_near_its_end_is_gone_on_with_and_nothing_comes_twice(stand, _options):
    for step, goes_on in (("in-uploading", False), ("in-moving", True), ("in-removing", True), ("response", True)):
        try:
            broken_off_at(stand, step, goes_on)
        except Wrong as why:
            print(f"# {why}")
            return False
    return True


SENTENCES = (what_broke_off_near_its_end_is_gone_on_with_and_nothing_comes_twice, a_good_backup_is_there_after_every_blow_and_the_next_run_finishes,
             a_phone_holds_the_old_or_the_new_after_a_struck_restore_and_the_next_one_finishes)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("struck")
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--road", nargs="+", help="these, instead of the sentences of the test")
    parser.add_argument("--kind", nargs="+", default=list(KINDS))
    options = parser.parse_args()
    with_own_mounts()
    held = []
    with contextlib.closing(Stand(options.build, options.struck)) as stand:
        for road in options.road or ():
            held.append(seeded_points(stand, ROADS[road], options))
        for number, sentence in enumerate(() if options.road else SENTENCES, 1):
            held.append(sentence(stand, options))
            print(f"{'ok' if held[-1] else 'not ok'} {number} - {sentence.__name__.replace('_', ' ')}", flush=True)
    print(f"1..{len(held)}")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
