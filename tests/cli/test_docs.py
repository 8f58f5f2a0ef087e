#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages and completions as a person meets them: rendered by man, run by the shells.

usage: test_docs.py BUILD     TAP
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

build = pathlib.Path(sys.argv[1]).resolve()
docs = build / "docs" / "man"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from tap import Skip, Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()


def output_of(*words, stdin=None):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True, input=stdin,
                          env=dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="100", MAN_KEEP_FORMATTING="")).stdout


def verbs_of_help():
    """The verbs that `revive --help` lists: read from the program, not from the table the pages are made of."""
    text = output_of(build / "revive", "--help")
    part = text.split("Commands\n", 1)[1].split("\n\n", 1)[0]
    return [re.match(r"  (\S+(?: [a-z]\S*)*)  ", line).group(1) for line in part.splitlines() if "(none)" not in line]


def rendered(page, folder="man1"):
    """The page as man shows it; no word of complaint about it."""
    if not shutil.which("man"):
        raise Skip("man is not installed")
    path = docs / folder / (f"{page}.1" if folder == "man1" else page)
    done = subprocess.run(["man", "--warnings", "-l", path], capture_output=True, text=True, timeout=60, check=True,
                          env=dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="100", MAN_KEEP_FORMATTING=""))
    assert done.stderr == "", (page, done.stderr[:400])
    return re.sub(r".\x08", "", done.stdout)


@tap.test
def every_verb_has_a_page_with_its_options_and_an_example():
    for verb in verbs_of_help():
        text = rendered("revive-" + verb.replace(" ", "-"))
        for option in re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", output_of(build / "revive", *verb.split(), "--help")
                                 .split("Options of every command")[0], re.M):
            assert option in text, f"{verb}: {option} is in --help and not on the page"
        assert "EXAMPLE" in text and f"revive {verb}" in text.split("EXAMPLE")[1], f"{verb}: no example"


@tap.test
def the_overview_page_names_every_verb_and_every_exit_code():
    text = rendered("revive")
    for verb in verbs_of_help():
        assert f"revive-{verb.replace(' ', '-')}(1)" in text.replace("‐\n", ""), verb
    codes = re.findall(r"^       (\d)$", text.split("EXIT STATUS")[1].split("ENVIRONMENT")[0], re.M)
    assert codes == list("01234567"), codes


@tap.test
def the_page_of_errors_holds_every_number_and_what_explain_says_of_it():
    text = " ".join(rendered("revive-errors.7", ".").replace("‐\n", "").replace("\n", " ").split())
    table = json.loads((pathlib.Path(__file__).resolve().parents[2] / "data" / "errors.json").read_text(encoding="utf-8"))
    for row in table["rows"]:
        for number in (row.get("code"), *row.get("range", ())):
            shown = f"0x{number:08X}" if (number or 0) >= 0xE8000000 else str(number)
            assert number is None or re.search(rf"(^|[ (]){re.escape(shown)}\b", text), (row["domain"], number)
    for number in ("4013", "3194", "53"):
        told = json.loads(output_of(build / "revive", "--json", "explain", number))["meanings"][0]
        assert " ".join(told["meaning"].split()) in text.replace("- ", "-"), number
    assert "revive-errors(7)" in rendered("revive-explain").replace("‐\n", "")
    assert "revive-errors" in output_of(build / "revive", "explain", "--help")


def bash_completes(*words):
    script = (f"source {shlex.quote(str(docs / 'revive'))}; COMP_WORDS=({' '.join(shlex.quote(w) for w in words)}); "
              f"COMP_CWORD={len(words) - 1}; _revive; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return set(output_of("bash", "-c", script).split())


@tap.test
def bash_offers_the_verbs_then_their_second_words_then_their_options():
    firsts = {verb.split()[0] for verb in verbs_of_help()}
    assert bash_completes("revive", "") == firsts
    assert bash_completes("revive", "firmware", "ti") == {"ticket"}
    assert bash_completes("revive", "firmware", "ticket", "") == {v.split()[2] for v in verbs_of_help()
                                                                  if v.startswith("firmware ticket ")}
    offered = bash_completes("revive", "--device", "3", "update", "--")
    assert {"--ipsw", "--dry-run", "--json"} <= offered and "--raw" not in offered, offered


@tap.test
def bash_offers_files_after_an_option_that_takes_a_file():
    here = docs / "commands.json"
    assert bash_completes("revive", "update", "--ipsw", str(here)[:-3]) == {str(here)}
    assert bash_completes("revive", "update", "--device", "") == set()


@tap.test
def fish_offers_verbs_with_what_they_do():
    if not shutil.which("fish"):
        raise Skip("fish is not installed")
    ask = f"source {shlex.quote(str(docs / 'revive.fish'))}; complete -C 'revive upd'; complete -C 'revive update --ips'"
    lines = output_of("fish", "--no-config", "-c", ask).splitlines()
    assert any(line.startswith("update\t") and len(line) > 15 for line in lines), lines
    assert any(line.startswith("--ipsw") for line in lines), lines


@tap.test
def zsh_reads_its_completion():
    if not shutil.which("zsh"):
        raise Skip("zsh is not installed")
    output_of("zsh", "-n", docs / "_revive")
    table = json.loads((docs / "commands.json").read_text(encoding="utf-8"))
    text = (docs / "_revive").read_text(encoding="utf-8")
    assert all(verb["name"].split()[-1] + ":" in text for verb in table["commands"] if verb["name"])


sys.exit(tap.run())
