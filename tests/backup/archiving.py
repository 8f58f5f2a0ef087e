#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`revive backup archive create, list, restore` with Debian's restic on a local folder. Skipped, and said so, without restic.

usage: archiving.py REVIVE      TAP
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import backup_case as case  # noqa: E402 pylint: disable=wrong-import-position
import make_backup  # noqa: E402 pylint: disable=wrong-import-position
import restic_server  # noqa: E402 pylint: disable=wrong-import-position
from tap import Skip, Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
case.prepare(sys.argv[1])
RESTIC = shutil.which("restic")
REPO = case.ROOT / "archive"  # one for most tests: each key costs a second on purpose


def archive(*words, secret="open sesame", **env):
    if RESTIC is None:
        raise Skip("restic is not installed")
    if secret is not None:
        env["RESTIC_PASSWORD"] = secret
    password = env.pop("password", None)
    return case.run_json("backup", "archive", *words, password=password, XDG_CACHE_HOME=str(case.ROOT / "cache"),
                         RESTIC_REPOSITORY=env.pop("repo", str(REPO)), **env)


@tap.test
def an_archive_is_begun_only_when_that_is_said():
    folder = case.fresh("plain")
    code, result = archive("create", folder)
    assert code == 1 and result["error"]["advice"] == "archive-not-there" and not REPO.exists(), result
    code, result = archive("create", folder, "--begin")
    assert code == 0 and result["begun"] and result["state"] == "whole", result
    assert result["files_new"] == sum(p.is_file() for p in folder.rglob("*")), result


@tap.test
def the_second_time_only_what_changed_is_stored():
    folder = case.fresh("encrypted")
    before = case.tree_hash(folder)
    _, first = archive("create", folder)
    photo = case.stored(folder, "CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.HEIC")
    assert first["state"] == "lists" and first["bytes_added"] > first["bytes"] * 0.8, first
    data = photo.read_bytes()
    photo.write_bytes(make_backup.seeded("other", len(data)))
    code, second = archive("create", folder)
    assert code == 0 and second["files_changed"] == 1 and second["bytes_added"] < second["bytes"] / 4, second
    photo.write_bytes(data)
    assert case.tree_hash(folder) == before, "the backup was written to"


@tap.test
def what_comes_out_is_what_went_in_and_gets_its_name_last():
    folder, out = case.fresh("encrypted"), case.ROOT / "out"
    archive("create", folder, password="secret")
    code, listed = archive("list")
    newest = listed["snapshots"][-1]
    assert code == 0 and len(listed["snapshots"]) == 4, listed
    assert newest["device"] == "Ada's iPhone" and newest["udid"] == make_backup.UDID and newest["state"] == "whole", newest
    assert newest["made"] == "2026-11-02T09:30:00Z" and newest["version"] == "17.2", newest
    for word in (newest["id"][:8], "Ada's iPhone"):
        code, result = archive("restore", word, "--to", out, password="secret")
        assert code == 0 and result["state"] == "whole" and result["snapshot"]["id"] == newest["id"], result
        assert case.tree_hash(result["folder"]) == case.tree_hash(folder)
        assert [p.name for p in out.iterdir()] == [make_backup.UDID], list(out.iterdir())
        assert archive("restore", word, "--to", out)[0] == 2, "a folder was written over"
        shutil.rmtree(out)
    assert archive("restore", "--to", out)[0] == 2 and archive("restore", "Eve's iPhone", "--to", out)[0] == 1


@tap.test
def passwords_are_asked_for_and_wrong_ones_told():
    folder = case.fresh("plain")
    code, result = archive("list", secret="wrong")
    assert code == 4 and result["error"]["advice"] == "archive-password-wrong", result
    code, result = archive("list", secret=None)
    assert code == 2 and result["error"]["advice"] == "archive-password-needed", result
    assert archive("list", secret="")[0] == 2
    secret = folder.parent / "secret"
    secret.write_text("open sesame\n")
    assert archive("list", "--archive-password-file", secret, secret=None)[0] == 0
    assert archive("list", secret=None, RESTIC_PASSWORD_FILE=str(secret))[0] == 0
    assert archive("create", case.fresh("encrypted"), password="wrong")[0] == 4


def spy(folder, script):
    """A restic of our own before the real one in PATH."""
    (folder / "bin").mkdir(exist_ok=True)
    path = folder / "bin" / "restic"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"{folder / 'bin'}:{os.environ['PATH']}"


@tap.test
def the_password_stands_neither_in_words_nor_in_settings():
    folder = case.fresh("plain")
    log = folder.parent / "log"
    path = spy(folder.parent, f'{{ echo "$@"; env; }} >> {log}; exec {RESTIC} "$@"')
    assert archive("list", PATH=path)[0] == 0
    said = log.read_text()
    assert "snapshots" in said and "open sesame" not in said and "RESTIC_PASSWORD_FILE=/dev/fd/3" in said, said
    code, result = archive("list", repo="rest:http://ada:hidden@127.0.0.1:1/")
    assert code == 6 and result["error"]["advice"] == "archive-unreachable", result
    assert "hidden" not in json.dumps(result), result


@tap.test
def an_archive_on_a_server_is_as_one_on_a_disk():
    folder = case.fresh("plain")
    with restic_server.serving() as (address, server):
        code, result = archive("create", folder, "--begin", repo=address)
        assert code == 0 and result["begun"] and len(server.files) >= 5, result
        assert "hidden" not in json.dumps(result), "the password of the server is shown"
        code, result = archive("restore", "latest", "--to", folder.parent / "out", repo=address)
        assert code == 0 and case.tree_hash(result["folder"]) == case.tree_hash(folder), result
        code, result = archive("list", repo=address.replace("hidden", "wrong"))
        assert code == 4 and result["error"]["advice"] == "archive-unreachable", result


@tap.test
def a_damaged_or_unfinished_backup_is_archived_only_as_such():
    folder = case.fresh("plain")
    case.stored(folder, "CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.HEIC").unlink()
    code, result = archive("create", folder)
    assert code == 5 and result["error"]["advice"] == "backup-damaged", result
    code, result = archive("create", folder, "--as-it-is")
    assert code == 0 and result["state"] == "damaged", result
    out = folder.parent / "out"
    code, result = archive("restore", "latest", "--to", out)
    assert code == 5 and not list(out.iterdir()), (result, list(out.iterdir()))
    code, result = archive("restore", "latest", "--to", out, "--as-it-is")
    assert code == 0 and case.tree_hash(result["folder"]) == case.tree_hash(folder), result


@tap.test
def a_damaged_archive_is_told_and_nothing_half_gets_a_name():
    folder, broken = case.fresh("plain"), case.ROOT / "broken"
    archive("create", folder, "--begin", repo=str(broken))
    for pack in (broken / "data").rglob("*"):
        if pack.is_file():
            pack.chmod(0o600)
            data = bytearray(pack.read_bytes())
            data[:64] = bytes(64)
            pack.write_bytes(data)
    shutil.rmtree(case.ROOT / "cache")
    out = folder.parent / "out"
    code, result = archive("restore", "latest", "--to", out, repo=str(broken))
    assert code == 5 and result["error"]["advice"] == "archive-damaged" and not list(out.iterdir()), result
    (broken / "config").chmod(0o600)
    (broken / "config").write_bytes(bytes(155))
    assert archive("list", repo=str(broken))[0] == 5


@tap.test
def without_restic_or_with_an_old_one_the_advice_names_it():
    folder = case.fresh("plain")
    code, result = archive("create", folder, PATH="/nowhere")
    assert code == 1 and result["error"]["advice"] == "archive-no-restic", result
    assert any("apt install restic" in action for action in result["error"]["actions"]), result
    code, result = archive("list", PATH=spy(folder.parent, "echo restic 0.9.6 compiled with go1.11"))
    assert code == 1 and result["error"]["advice"] == "archive-no-restic", result


@tap.test
def newer_restics_exit_codes_are_understood():
    for number, wanted, advice in ((10, 1, "archive-not-there"), (11, 1, "archive-locked"), (12, 4, "archive-password-wrong")):
        folder = case.fresh("plain").parent
        path = spy(folder, f'[ "$1" = version ] && echo restic 0.18.0 && exit 0; exit {number}')
        code, result = archive("list", PATH=path)
        assert code == wanted and result["error"]["advice"] == advice, (number, result)


@tap.test
def a_snapshot_with_a_link_in_it_gets_no_name():
    folder = case.fresh("plain")
    trap = folder.parent / "trap"
    trap.mkdir()
    (folder / "00").mkdir(exist_ok=True)
    (folder / "00" / ("00" * 20)).symlink_to(trap)
    env = dict(os.environ, RESTIC_PASSWORD="open sesame", RESTIC_REPOSITORY=str(REPO), RESTIC_CACHE_DIR=str(case.ROOT / "cache"))
    subprocess.run([RESTIC, "backup", "-q", "--tag", "revive", folder.name], cwd=folder.parent, env=env, check=True, timeout=60)
    out = folder.parent / "out"
    code, result = archive("restore", "latest", "--to", out)
    assert code == 5 and not list(out.iterdir()) and not list(trap.iterdir()), result


@tap.test
def a_killed_run_hurts_nothing_and_the_next_one_finishes():
    folder = case.fresh("plain")
    path = spy(folder.parent, f'case " $* " in *" backup "*|*" restore "*) {RESTIC} "$@" & '
                              'trap "kill $!; exit 130" INT; touch "$READY"; while :; do wait; read x < "$HANG"; done;; esac; '
                              f'exec {RESTIC} "$@"')
    out = folder.parent / "out"
    os.mkfifo(folder.parent / "hang")
    for number, words in ((signal.SIGKILL, ("create", folder)), (signal.SIGINT, ("create", folder)),
                          (signal.SIGKILL, ("restore", "1", "--to", out)), (signal.SIGINT, ("restore", "1", "--to", out))):
        ready = folder.parent / "ready"
        ready.unlink(missing_ok=True)
        env = dict(os.environ, PATH=path, RESTIC_PASSWORD="open sesame", RESTIC_REPOSITORY=str(REPO), READY=str(ready),
                   HANG=str(folder.parent / "hang"), HOME=str(case.ROOT / "home"), XDG_CACHE_HOME=str(case.ROOT / "cache"))
        with subprocess.Popen([case.program, "backup", "archive", *map(str, words), "--json"], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as process:
            deadline = time.monotonic() + 60
            while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(number)
            text = process.stdout.read() if number == signal.SIGINT else ""
            code = process.wait(60)
        assert code == (7 if number == signal.SIGINT else -9), (code, text)
        assert not out.exists() or all(p.name.startswith(".") for p in out.iterdir()), "half a backup has a name"
    code, result = archive("create", folder)
    assert code == 0, result
    code, result = archive("restore", "latest", "--to", out)
    assert code == 0 and case.tree_hash(result["folder"]) == case.tree_hash(folder), result
    assert [p.name for p in out.iterdir()] == [make_backup.UDID]


status = tap.run()
case.done()
sys.exit(status)
