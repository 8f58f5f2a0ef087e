#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every verb of backups, every exit code that its man page lists and no other; and every JSON key that it lists.

usage: exits.py REVIVE      TAP

Each verb without a phone meets the same troubles. The codes that come of them must be those of its page. Verbs that need
a phone meet theirs in tests/witness/test_backup_exits.py.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import backup_case as case  # noqa: E402 pylint: disable=wrong-import-position
import make_backup  # noqa: E402 pylint: disable=wrong-import-position
from tap import Skip, Tap  # noqa: E402 pylint: disable=wrong-import-position

SOURCE = pathlib.Path(__file__).resolve().parents[2]
tap = Tap()
case.prepare(sys.argv[1])
NOBODY = 65534
RESTIC = shutil.which("restic")
REPO = {"RESTIC_REPOSITORY": str(case.ROOT / "archive"), "RESTIC_PASSWORD": "open", "XDG_CACHE_HOME": str(case.ROOT / "cache")}


def page(verb):
    """({code}, {key}) of a verb's man page."""
    text = (SOURCE / "docs" / "man" / f"{verb.replace(' ', '-')}.scd").read_text(encoding="utf-8")
    keys, _, codes = text.partition("# EXIT STATUS")
    return ({int(c) for c in re.findall(r"^\*(\d)\*$", codes, re.M)},
            {k.replace("\\", "") for k in re.findall(r"^\*([a-z_\\]+)\*$", keys, re.M)})


# Words of a verb for a backup FOLDER and a new place OUT.
def words_of(verb, folder, out):
    more = {"decrypt": ["--to", out], "extract": ["--glob", "*", "--to", out], "mount": ["--at", out], "delete": ["--yes"],
            "repair": ["--to", out], "diff": [folder]}
    return ["backup", verb, folder, *more.get(verb, [])]


PLAIN = ["decrypt", "delete", "diff", "extract", "mount", "repair", "show", "verify"]
UNOPENED = {"delete"}  # what an index says does not matter to it
WITH_A_PHONE = ("backup create", "backup restore", "backup password set", "backup password change", "backup password remove")
ONLY_SOMETIMES = {"undo", "left"}  # of a repair: `--in-place`, and one that does not verify
CAN_MOUNT = os.access("/dev/fuse", os.R_OK | os.W_OK)
seen, keys = {}, {}


def note(verb, code, result):
    seen.setdefault(verb, set()).add(code)
    if code == 0:
        keys.setdefault(verb, set()).update(set(result) - {"ok", "event", "warnings"})
    assert result["ok"] == (code == 0), result


def meet(verb, wanted, *words, **more):
    name = "backup " + verb
    code, result = case.run_json(*words, **more)
    assert code in wanted, (verb, code, wanted, words, result.get("error"))
    assert code == 0 or set(result["error"]) >= {"code", "title", "cause", "actions", "itunes_code", "log"}, result
    note(name, code, result)
    return result


def interrupted(verb, *words, **env):
    """Ctrl-C as soon as the program listens to it; the search before it takes long enough."""
    crowd = case.ROOT / "crowd"
    if not crowd.exists():
        for i in range(400):
            shutil.copytree(case.ROOT / "pristine" / "plain" / make_backup.UDID, crowd / f"{make_backup.UDID}-{i:08d}-000000",
                            ignore=lambda at, names: [n for n in names if len(n) == 2])
    environment = dict(os.environ, HOME=str(case.ROOT / "home"), XDG_STATE_HOME=str(case.ROOT / "state"), LC_ALL="C.UTF-8", **env)
    for _ in range(10):
        with subprocess.Popen([case.program, *map(str, words), "--in", str(crowd), "--json"], env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as process:
            status = pathlib.Path(f"/proc/{process.pid}/status")
            while process.poll() is None:
                caught = re.search(r"SigCgt:\s*(\w+)", status.read_text(encoding="ascii"))
                if caught and int(caught[1], 16) >> (signal.SIGINT - 1) & 1:
                    process.send_signal(signal.SIGINT)
                    break
                time.sleep(0.0005)
            text = process.stdout.read()
            code = process.wait(60)
        if code == 7:
            seen.setdefault("backup " + verb, set()).add(7)
            assert '"ok":false' in text.replace(" ", ""), text
            return
    raise AssertionError(f"{verb} was not stopped: {code} {text}")


def as_nobody(folder):
    """A folder that this user may not open, and how to be such a user; Skip where that cannot be had."""
    if os.geteuid() != 0:
        folder.chmod(0)
        return {}
    case.ROOT.chmod(0o755)
    folder.parent.chmod(0o755)
    folder.chmod(0o700)
    (case.ROOT / "state").mkdir(exist_ok=True)
    (case.ROOT / "state").chmod(0o777)
    copy = case.ROOT / "revive"
    if not copy.exists():
        shutil.copy(case.program, copy)
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def refused(verb, words, folder):
    drop = as_nobody(folder)
    program = str(case.ROOT / "revive") if drop else case.program
    ended = subprocess.run([program, *map(str, words), "--json"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                           timeout=60, check=False, env=dict(os.environ, HOME=str(case.ROOT / "state"),
                                                             XDG_STATE_HOME=str(case.ROOT / "state")), **drop)
    folder.chmod(0o700)
    assert ended.returncode == 4, (verb, ended.returncode, ended.stdout)
    seen.setdefault("backup " + verb, set()).add(4)


def out_of(folder):
    return folder.parent / "out"


@tap.test
def every_verb_meets_every_trouble():
    for verb in PLAIN:
        folder = case.fresh("plain")
        if verb != "mount":
            meet(verb, {0}, *words_of(verb, folder, out_of(folder)))
        missing = folder.parent / "none" / "x"
        meet(verb, {1}, *words_of(verb, missing, folder.parent / "out1"))
        meet(verb, {2}, *words_of(verb, missing, folder.parent / "out2"), "--no-such-option")
        interrupted(verb, *words_of(verb, "Ada's iPhone", folder.parent / "out4"))
        if verb in UNOPENED:
            continue
        locked = case.fresh("encrypted")
        meet(verb, {4}, *words_of(verb, locked, folder.parent / "out5"), password="wrong")
        meet(verb, {2}, *words_of(verb, locked, folder.parent / "out6"), password=None)
        broken = case.fresh("plain")
        (broken / "Manifest.db").write_bytes(b"no database at all")
        if verb == "repair":
            broken = broken.parent / ("cd" * 20)
            (broken / "00").mkdir(parents=True)
        meet(verb, {5}, *words_of(verb, broken, folder.parent / "out7"))
    if CAN_MOUNT:
        folder = case.fresh("plain")
        with subprocess.Popen([case.program, *map(str, words_of("mount", folder, out_of(folder))), "--json"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            while '"mounted"' not in process.stdout.readline():
                pass
            process.send_signal(signal.SIGINT)
            note("backup mount", process.wait(60), json.loads(process.stdout.read().splitlines()[-1]))


@tap.test
def what_belongs_to_somebody_else_is_refused():
    for verb in ("delete", "prune"):
        folder = case.fresh("plain")
        if verb == "prune":
            case.fresh("plain").rename(folder.parent / f"{make_backup.UDID}-20261001-101010")
        if os.geteuid() != 0:
            folder.parent.chmod(0o500)
        for part in (folder, folder.parent, *folder.parent.rglob("*")):
            if os.geteuid() == 0:
                part.chmod(0o755 if part.is_dir() else 0o644)
        words = ["backup", "delete", folder, "--yes"] if verb == "delete" else \
                ["backup", "prune", "--keep", "1", "--in", folder.parent, "--yes"]
        spare = folder.parent / "spare"
        if os.geteuid() == 0:
            spare.mkdir()
        refused(verb, words, spare if spare.exists() else folder.parent)
        assert folder.exists()
        folder.parent.chmod(0o700)


@tap.test
def list_and_prune_meet_theirs():
    folder = case.fresh("plain")
    meet("list", {0}, "backup", "list", "--in", folder.parent)
    meet("list", {1}, "backup", "list", "--in", folder.parent / "none")
    meet("list", {2}, "backup", "list", "--nonsense")
    interrupted("list", "backup", "list")
    words = ("backup", "prune", "--keep", "1")
    meet("prune", {0}, *words, "--in", folder.parent, "--yes")
    meet("prune", {1}, *words, "--in", folder.parent / "none", "--yes")
    meet("prune", {2}, "backup", "prune", "--in", folder.parent)
    interrupted("prune", *words, "--yes")


@tap.test
def the_archive_meets_its_own():
    if RESTIC is None:
        raise Skip("restic is not installed")
    folder, out = case.fresh("plain"), case.ROOT / "brought"
    words = {"create": ["backup", "archive", "create", folder], "list": ["backup", "archive", "list"],
             "restore": ["backup", "archive", "restore", "1", "--to", out]}
    meet("archive create", {0}, *words["create"], "--begin", **REPO)
    for verb, said in words.items():
        name = f"archive {verb}"
        if verb != "create":
            meet(name, {0}, *said, **REPO)
        shutil.rmtree(out, ignore_errors=True)
        meet(name, {1}, *said, **{**REPO, "RESTIC_REPOSITORY": str(case.ROOT / "nowhere")})
        meet(name, {2}, *said, "--nonsense", **REPO)
        meet(name, {4}, *said, **{**REPO, "RESTIC_PASSWORD": "wrong"})
        meet(name, {6}, *said, **{**REPO, "RESTIC_REPOSITORY": "rest:http://127.0.0.1:1/"})
    broken = case.ROOT / "broken"
    shutil.copytree(case.ROOT / "archive", broken)
    (broken / "config").chmod(0o600)
    (broken / "config").write_bytes(bytes(155))
    for verb, said in words.items():
        meet(f"archive {verb}", {5}, *said, **{**REPO, "RESTIC_REPOSITORY": str(broken)})
    stop_archive(words)


def stop_archive(words):
    """Ctrl-C while restic is at work: one of our own waits for it."""
    (case.ROOT / "bin").mkdir()
    spy, ready = case.ROOT / "bin" / "restic", case.ROOT / "ready"
    spy.write_text('#!/bin/sh\n[ "$1" = version ] && echo restic 0.14.0 && exit 0\ntrap "exit 130" INT\n: > "$READY"\n'
                   'while :; do sleep 0.05; done\n')
    spy.chmod(0o755)
    for verb, said in words.items():
        ready.unlink(missing_ok=True)
        env = dict(os.environ, PATH=f"{spy.parent}:{os.environ['PATH']}", READY=str(ready), HOME=str(case.ROOT / "home"), **REPO)
        with subprocess.Popen([case.program, *map(str, said), "--json"], env=env, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            while not ready.exists() and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            code = process.wait(60)
        assert code == 7, (verb, code)
        seen.setdefault(f"backup archive {verb}", set()).add(7)


@tap.test
def the_pages_list_exactly_what_was_met():
    for path in sorted((SOURCE / "docs" / "man").glob("backup-*.scd")):
        verb = path.stem.replace("-archive-", "-archive ").replace("-password-", "-password ").replace("backup-", "backup ")
        if verb.startswith(WITH_A_PHONE) or ("archive" in verb and RESTIC is None) or (verb == "backup mount" and not CAN_MOUNT):
            continue
        codes, documented = page(path.stem)
        assert seen.get(verb) == codes, (verb, seen.get(verb), codes)
        assert keys[verb] <= documented, (verb, "not on the page:", keys[verb] - documented)
        assert documented - keys[verb] <= ONLY_SOMETIMES, (verb, "on the page and never seen:", documented - keys[verb])


@tap.test
def the_tests_with_a_phone_name_each_code_of_their_pages():
    """tests/witness/test_backup_exits.py: ("verb", code) for each."""
    text = (SOURCE / "tests/witness/test_backup_exits.py").read_text(encoding="utf-8")
    for verb in WITH_A_PHONE:
        named = {int(c) for c in re.findall(rf'"{verb.removeprefix("backup ")}", (\d)', text)}
        assert named == page(verb.replace(" ", "-"))[0], (verb, named)


status = tap.run()
case.done()
sys.exit(status)
