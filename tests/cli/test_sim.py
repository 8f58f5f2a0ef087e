#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--sim: any command against a virtual iPhone of its own, and nothing left behind. usage: test_sim.py BUILD"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

build = pathlib.Path(sys.argv[1]).resolve()
root = pathlib.Path(tempfile.mkdtemp(prefix="revive-sim-"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
folder = root / "scene"


def revive(*words, timeout=120, **more):
    env = dict(os.environ, HOME=str(root), TMPDIR=str(root), XDG_STATE_HOME=str(root / "real-state"), **more)
    return subprocess.run([build / "revive", *words], env=env, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=timeout, check=False)


def left_behind():
    return [path.name for path in root.iterdir() if path.name.startswith("revive-")]


@tap.test
def a_situation_is_laid_shown_and_cleared_away():
    done = revive("--sim=dfu", "list", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [d["mode"] for d in json.loads(done.stdout)["devices"]] == ["dfu"]
    assert not left_behind(), left_behind()


@tap.test
def a_scene_in_a_folder_stays_and_an_update_in_it_too():
    done = revive(f"--sim={folder}", "list", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [d["mode"] for d in json.loads(done.stdout)["devices"]] == ["recovery"]
    german = revive(f"--sim={folder}", LC_ALL="de_DE.UTF-8").stdout  # the first words to a frightened person
    if (build / "po/de/LC_MESSAGES/revive.mo").exists():
        assert "Wiederherstellungsmodus" in german and "Weiter: revive" in german and "It is" not in german, german
    done = revive(f"--sim={folder}", "update", "--ipsw", str(folder / "files" / "new.ipsw"), "--yes", "--json")
    last = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0 and last["data_kept"] is True and last["version"] == "11.3", done.stdout[-2000:]
    done = revive(f"--sim={folder}", "status", "--json")
    assert [job["state"] for job in json.loads(done.stdout)["jobs"]] == ["done"], done.stdout


@tap.test
def nothing_of_it_reaches_the_persons_own_state():
    assert not (root / "real-state").exists()


@tap.test
def an_unknown_situation_is_wrong_usage():
    done = revive("--sim=volcano", "list")
    assert done.returncode == 2 and "boot-loop" in done.stderr
    assert not left_behind(), left_behind()


@tap.test
def a_command_that_fails_leaves_its_log_and_nothing_else():
    done = revive("--sim=fresh", "update", "--ipsw", str(root / "nowhere.ipsw"), "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    log = pathlib.Path(json.loads(done.stdout.splitlines()[-1])["error"]["log"])
    files = [path for name in left_behind() for path in (root / name).rglob("*") if not path.is_dir()]
    assert log.exists() and files == [log], files


status = tap.run()
shutil.rmtree(root, ignore_errors=True)
sys.exit(status)
