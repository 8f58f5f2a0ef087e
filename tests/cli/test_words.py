#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The person's language: German where it is asked for, English where it is not, and never in JSON.

usage: test_words.py BUILD     TAP
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

build = pathlib.Path(sys.argv[1]).resolve()
root = pathlib.Path(tempfile.mkdtemp(prefix="revive-words-"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import words  # noqa: E402 pylint: disable=wrong-import-position
from tap import Skip, Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
OWN = ("LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LC_CTYPE")


def run(*command, **language):
    if not (build / "po/de/LC_MESSAGES/revive.mo").exists():
        raise Skip("gettext was not there when this was built")
    env = {k: v for k, v in os.environ.items() if k not in OWN}
    env.update(language, HOME=str(root), XDG_STATE_HOME=str(root / "state"), XDG_CACHE_HOME=str(root / "cache"), REVIVE_DEADLINE_SCALE="0.05",
               USBMUXD_SOCKET_ADDRESS=f"UNIX:{root}/none", REVIVE_USB=f"usbip:UNIX:{root}/none")
    return subprocess.run([build / "revive", *command], env=env, capture_output=True, text=True, timeout=60, check=False)


GERMAN = ({"LANG": "de_DE.UTF-8"}, {"LANG": "en_US.UTF-8", "LC_ALL": "de_AT.UTF-8"}, {"LANG": "C.UTF-8", "LANGUAGE": "de"})
ENGLISH = ({}, {"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, {"LANG": "en_GB.UTF-8"}, {"LANG": "xx_YY.UTF-8"})


@tap.test
def an_error_is_told_in_german_with_its_steps():
    for language in GERMAN:
        done = run("coach", "recovery", "--model", "Toaster", **language)
        assert done.returncode == 2 and "revive kennt dieses Modell nicht" in done.stderr, (language, done)
        assert "Was Sie jetzt tun können" in done.stderr and "What to do" not in done.stderr, done.stderr


@tap.test
def without_a_language_or_with_c_or_an_unknown_one_it_is_english():
    for language in ENGLISH:
        done = run("coach", "recovery", "--model", "Toaster", **language)
        assert "revive does not know that model" in done.stderr and "What to do next" in done.stderr, (language, done)


@tap.test
def json_is_the_same_in_every_language():
    for command in (("coach", "dfu", "--print", "--model", "iPhone 8"), ("explain", "4013"), ("coach", "recovery", "--model", "Toaster"),
                    ("guide", "disabled")):
        outs = [run("--json", *command, **language) for language in (GERMAN[0], ENGLISH[1])]
        documents = [out.stdout.replace(r"\/", "/") for out in outs]
        documents = [re.sub(r'"log": ?"[^"]*"', "", text) for text in documents]
        assert documents[0] == documents[1] and outs[0].returncode == outs[1].returncode, (command, outs)


@tap.test
def the_coach_on_paper_speaks_german_with_the_names_of_this_model():
    done = run("coach", "dfu", "--print", "--model", "iPhone 8", **GERMAN[0])
    for word in ("Lauter-Taste", "Leiser-Taste", "Seitentaste", "Bildschirm"):
        assert word in done.stdout, done.stdout
    assert "{" not in done.stdout and "button" not in done.stdout and "Volume" not in done.stdout, done.stdout
    home = run("coach", "recovery", "--print", "--model", "iPhone 6s", **GERMAN[0])
    assert "Home-Taste" in home.stdout and "Leiser" not in home.stdout, home.stdout


@tap.test
def a_list_with_a_broken_placeholder_or_a_missing_text_is_found():
    texts = {"%s of %d": ["src/cli/ask.c"], "Hold {P}": ["data/coach.json"], "Run `revive list`": ["data/advice.json"]}
    assert not list(words.faults_of("%s of %d", "%s von %d", texts["%s of %d"]))
    assert list(words.faults_of("%s of %d", "%d von %s", texts["%s of %d"]))
    assert list(words.faults_of("Hold {P}", "{H} halten", texts["Hold {P}"]))
    assert list(words.faults_of("Run `revive list`", "Starten Sie `revive liste`", texts["Run `revive list`"]))
    assert list(words.faults_of("a line\n", "eine Zeile", ["src/cli/ask.c"]))
    assert words.pot({"one": ["a.c"]}) != words.pot({"one": ["a.c"], "two": ["b.c"]})
    lone = root / "one.po"
    lone.write_text('msgid ""\nmsgstr "x"\n\nmsgid "a"\nmsgstr "b"\n\n#, fuzzy\nmsgid "c"\nmsgstr "d"\n\nmsgid "e"\nmsgstr ""\n', encoding="utf-8")
    assert words.read_po(lone) == {"": "x", "a": "b"}, words.read_po(lone)


code = tap.run()
shutil.rmtree(root, ignore_errors=True)
sys.exit(code)
