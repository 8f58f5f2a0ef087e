#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is printed for a person, laid out anew from the JSON of the same verb: guides, explanations, the coach on paper and
on a terminal. Needs no device.

usage: test_papers.py BUILD      TAP
"""
import collections
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position
from terminal import Terminal  # noqa: E402 pylint: disable=wrong-import-position

BUILD = pathlib.Path(sys.argv[1]).resolve()
tap = Tap()
root = pathlib.Path(tempfile.mkdtemp(prefix="revive-papers-"))


def serve_an_empty_bus(path):
    """USB/IP with nothing plugged in: OP_REP_DEVLIST, status 0, no device."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()

    def serve():
        while True:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(10)
                try:
                    if peer.recv(8):
                        peer.sendall(struct.pack(">HHII", 0x0111, 5, 0, 0))
                except OSError:
                    pass

    threading.Thread(target=serve, daemon=True).start()


def environment(**more):
    env = dict(os.environ, HOME=str(root), XDG_STATE_HOME=str(root / "state"), XDG_CACHE_HOME=str(root / "cache"), XDG_DATA_HOME=str(root / "data"),
               USBMUXD_SOCKET_ADDRESS=f"UNIX:{root}/no-mux", REVIVE_USB=f"usbip:UNIX:{root}/usb", LC_ALL="C.UTF-8", REVIVE_DEADLINE_SCALE="0.003", **more)
    for name in ("COLUMNS", "NO_COLOR", "LANGUAGE"):
        env.pop(name, None)
    return env


def revive(*words, code=0):
    done = subprocess.run([BUILD / "revive", *words], env=environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert done.returncode == code, (words, done.returncode, done.stdout[-800:], done.stderr[-800:])
    return done.stdout


def whole(*words, code=0):
    return json.loads(revive(*words, "--json", code=code))


def same(found, wanted, what=""):
    if found != wanted:
        pairs = [(w, f) for w, f in zip(wanted.split("\n") + ["(end)"], found.split("\n") + ["(end)"]) if w != f]
        assert False, f"{what}\nwanted {pairs[0][0]!r}\nfound  {pairs[0][1]!r}"


def wrapped(text, width, first="", rest=""):
    return "\n".join(textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)) + "\n"


@tap.test
def every_guide_is_laid_out_for_eighty_columns():
    topics = whole("guide")["topics"]
    assert len(topics) > 20
    same(revive("guide"), "Topics (`revive guide TOPIC`, or ask in your own words):\n\n" + "".join(f"  {t['topic']:24} {t['title']}\n" for t in topics))
    for topic in topics:
        told = whole("guide", topic["topic"])
        text = f"{told['title']}\n\n" + wrapped(told["answer"], 80) + "\n"
        text += "".join(wrapped(step, 80, f"{n:2}. ", "    ") for n, step in enumerate(told["steps"], 1))
        if told["with_revive"]:
            text += "\nWith revive:\n" + "".join(wrapped(line, 80, "    ", "    ") for line in told["with_revive"])
        same(revive("guide", topic["topic"]), text, topic["topic"])


def head(m):
    first = f"{m['hex']}: " if m.get("hex") else f"Error {m['code']}: " if isinstance(m.get("code"), int) else f"Numbers {m['range'][0]} to {m['range'][1]}: " if m.get("range") else ""
    return f"{first}{m['name']}\n{m['meaning']}\n"


def meaning(m):
    text = head(m) + f"Belongs to: {m['domain_words']}; phase: {m['phase_words']}.\n"
    if m.get("points_at_words"):
        text += f"Points at: {', '.join(m['points_at_words'])}\n"
    text += "Why it happens:\n" + "".join(f"  - {cause}\n" for cause in m["causes"])
    text += "What to do next:\n" + "".join(f"  {n}. {action}\n" for n, action in enumerate(m["actions"], 1))
    if m.get("worth_a_retry"):
        text += "This one often passes by itself: try the same once more first.\n"
    return text + f"How sure this is: {m['certainty_words']}.\n"


@tap.test
def a_number_is_explained_from_all_that_is_known_of_it():
    seen = collections.Counter()
    for word in ("4013", "1004", "0xE8000015", "9006", "3194", "-1", "activation-lock", "56", "53", "kAMDMuxError", "afc 8", "1", "This device isn't eligible for the requested build", "3150", "4099", "5000000", "77"):  # the signs of a message lead to its number too
        told = whole("explain", word)
        if told["meanings"]:
            text = meaning(told["meanings"][0]) + "".join(f"\nThe same number elsewhere ({m['domain_words']}):\n{head(m)}" for m in told["meanings"][1:])
            seen["several"] += len(told["meanings"]) > 1
            seen["retry"] += told["meanings"][0].get("worth_a_retry") is True
        else:
            text = f"revive does not know what {told['query']} means: no public source tells.\n"
            if isinstance(told.get("signing_status"), int):
                text += f"Numbers from 3100 to 3999 wrap an answer of Apple's signing server: this one is STATUS {told['signing_status']}.\n"
                seen["signing"] += 1
            if told.get("family"):
                text += ("It belongs to a family of which something can be said:\n\n" if told.get("of_the_family") else
                         "It belongs to no known family; the nearest one, which may have nothing to do with it:\n\n") + meaning(told["family"])
                seen["family" if told.get("of_the_family") else "nearest"] += 1
        same(revive("explain", word), text, word)
    assert seen["several"] and seen["signing"] and seen["family"] and seen["nearest"], seen


STEP = "[07:20:00.0000-GMT]{3>6} CHECKPOINT BEGIN: RESTORED:[0x0635] update_device_firmware\n[07:30:23.0250-GMT]{3>6} CHECKPOINT FAILURE:(FAILURE:-1) (null):[0x0635] " \
       "update_device_firmware [0]D(outer)[1]D(inner (more))[2]D(too many loops for Savage)\nrestore-step-codes = {0x11070635:{0:-1};0x1107130D:{0:1016}}\n" \
       "restore-step-domains = {0x11070635:{0:\"AMRestoreErrorDomain\"};0x1107130D:{0:\"RamrodErrorDomain\"}}\n"
LOGS = {"step": STEP, "number": "<Restore Device 0x1>: operation 18 progress 0\nRestore failed (result = 37)\n", "unknown": "Restore failed (result = 888)\n",
        "done": "idevicerestore 1.0.0\nStatus: Restore Finished\n", "open": "Connected to ASR\n",
        "words": "idevicerestore 1.0.0\nERROR: first\nERROR: second\nERROR: Unable to restore device\n"}


@tap.test
def a_log_is_told_by_how_far_it_came_and_why_it_stopped():
    for name, log in LOGS.items():
        path = root / f"{name}.log"
        path.write_text(log)
        told = whole("explain", str(path))
        failed = told["outcome"] == "failed"
        text = {"failed": "This restore failed.\n", "done": "This restore ended well.\n"}.get(told["outcome"], "This log ends without saying that the restore failed or ended well.\n")
        if told.get("phase"):
            text += f"How far it came: {told['phase']['words']}.\n"
        if told.get("operation"):
            text += f"Last progress told: {told['operation']['words']}.\n"
        if told.get("step"):
            step = told["step"]
            text += f"Failed step on the phone: {step['name']} ({step['id']})" + (f", {step['seconds']:.1f} s after it began" if step.get("seconds") is not None else "") + ".\n"
        if failed:
            if isinstance(told.get("code"), int):
                text += f"Number: {told['code']}{'' if told['known'] else ' (not known)'}.\n"
            if told.get("meaning"):
                text += f"{told['meaning']['name']}: {told['meaning']['meaning']}\n"
            text += "Why, deepest reason last:\n" + "".join(f"  {'  ' * n}{'because: ' if n else ''}{cause}\n" for n, cause in enumerate(told["causes"]))
            if told.get("inner"):
                inner = told["inner"]
                text += f"  beneath it: {inner['domain']} {inner['code']}" + (f": {inner['meaning']}" if inner.get("meaning") else "") + "\n"
            text += f"Points at: {told.get('part_words') or 'nothing in particular'}.\nWhat to do next:\n" + "".join(f"  {n}. {a}\n" for n, a in enumerate(told["actions"], 1))
        same(revive("explain", str(path)), text, name)
    told = whole("explain", str(root / "step.log"))
    assert told["step"] == {**told["step"], "id": "0x0635", "seconds": 623.25} and told["causes"] == ["outer", "inner (more)", "too many loops for Savage"], told
    assert (told["inner"]["domain"], told["inner"]["code"], told["code"], told["known"]) == ("RamrodErrorDomain", 1016, -1, True), told
    told = whole("explain", str(root / "unknown.log"))
    assert (told["code"], told["known"]) == (888, False), told
    assert [whole("explain", str(root / f"{name}.log"))["outcome"] for name in ("done", "open", "words")][0::2] == ["done", "failed"]


@tap.test
def the_coach_on_paper_has_drawing_buttons_steps_and_hints():
    for goal in ("recovery", "dfu", "exit-recovery", "exit-dfu"):
        for model in ("iPhone10,6", "iPhone9,3", "iPhone8,1", "iPad6,4", "iPhone12,1"):
            told = whole("coach", goal, "--model", model, "--print")
            text = f"{told['model']}: {told['goal']}\n\n" + "".join(f"  {line}\n" for line in told["drawing"]) + "\n"
            text += "".join(f"  {b['name']}: {b['place']}" + (f" ({b['also']})" if b.get("also") else "") + "\n" for b in told["buttons"])
            text += f"  {told['note']}\n" if told.get("note") else ""
            for way in told["ways"]:
                text += f"\n{way['words']}\n" + "".join(f"  {n}. {step}\n" for n, step in enumerate(way["steps"], 1))
            text += "".join(f"\n{hint}\n" for hint in told["hints"])
            if told.get("screen"):
                text += f"\n{told['screen']['words']}\n\n" + "".join(f"  {line}\n" for line in told["screen"].get("drawing", []))
            same(revive("coach", goal, "--model", model, "--print"), text, f"{goal} {model}")
            assert told["goal"] == goal and "{" not in text and len(told["buttons"]) in (2, 3), told
            assert sum(line.count("[ ]") for line in told["drawing"]) == len(told["buttons"]), told["drawing"]


DIGITS = {"0": ["###", "# #", "# #", "# #", "###"], "1": [" # ", "## ", " # ", " # ", "###"], "3": ["###", "  #", "###", "  #", "###"], "8": ["###", "# #", "###", "# #", "###"]}


def figure(number):
    return ["".join("".join("\u2588\u2588" if c == "#" else "  " for c in DIGITS[d][row]) + "  " for d in str(number)) for row in range(5)]


class Room:
    """What Terminal wants of a stage."""
    build = BUILD

    @staticmethod
    def environment(**more):
        return environment(**more)


def block(shown, after, columns):
    """The rows that were drawn first behind a line of words."""
    at = shown.index("\a", shown.index(after))
    drawn = shown[at + 1:].split("\x1b[", 1)[0] if columns == 0 else shown[at + 1:]
    return re.sub(r"\x1b\[[0-9;]*[mKJA]", "", drawn).replace("\r", "").split("\n")


@tap.test
def on_a_terminal_the_count_stands_in_large_figures():
    for model, buttons in (("iPhone10,6", 3), ("iPhone8,1", 2)):
        person = Terminal(Room, "coach", "exit-recovery", "--buttons-only", "--model", model, "--tries", "1") if "--buttons-only" in revive("coach", "exit-recovery", "--help") \
            else Terminal(Room, "coach", "recovery", "--model", model, "--tries", "1")
        shown = person.end().out
        assert "\x1b[" in shown and "\u2588\u2588" in shown, shown[-600:]
        rows = block(shown, "Get ready", 80)
        assert rows[1:6] == ["   " + row for row in [line.rstrip("\n") for line in _with_drawing(rows[1:6], figure(3))]], rows[:8]
        assert buttons in (2, 3)


def _with_drawing(rows, figures):
    """Rows as they must end: whatever is drawn to the left stays, the figure stands behind it."""
    return [row[3:len(row) - len(f)] + f if row.endswith(f) else "(no figure)" for row, f in zip(rows, figures)]


if __name__ == "__main__":
    serve_an_empty_bus(f"{root}/usb")
    try:
        failed = tap.run()
    finally:
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(failed)
