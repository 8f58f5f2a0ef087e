# SPDX-License-Identifier: Apache-2.0
"""The coach as a person meets it: revive before a virtual iPhone, and fingers that do what revive says.

    test_coach.py BUILD"""
import json
import pathlib
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import fingers as fingers_of  # noqa: E402
from stage import Stage, wait_until  # noqa: E402
from tap import Tap  # noqa: E402

BUILD = pathlib.Path(sys.argv[1])
SCALE = "0.15"
tap = Tap()
stage = None


def line_to_device(line):
    return fingers_of.line_to_device(f"{stage.root}/ctl", line)


def coach(*words, slip=None, code=0, timeout=120):
    """One run with --json, played by fingers; (the fingers, the result)."""
    fingers = fingers_of.Fingers(f"{stage.root}/ctl", slip)
    child = subprocess.Popen([BUILD / "revive", "coach", *words, "--json"], text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                             env=stage.environment(REVIVE_DEADLINE_SCALE=SCALE))
    killer = threading.Timer(timeout, child.kill)
    killer.start()
    try:
        for line in child.stdout:
            fingers.hear(json.loads(line))
        err = child.stderr.read()
        child.wait()
    finally:
        killer.cancel()
        fingers.hold(set())
    assert child.returncode == code, f"exit {child.returncode}, not {code}: {err} {fingers.events[-3:]}"
    return fingers, fingers.events[-1]


def plain(*words):
    return stage.revive("coach", *words, env=stage.environment(REVIVE_DEADLINE_SCALE=SCALE))


def mode():
    return line_to_device("state")["mode"]


def bring(wanted):
    line_to_device("plug")
    if wanted == "normal" and mode() == "recovery":
        stage.revive("recovery", "exit", env=stage.environment(REVIVE_DEADLINE_SCALE="0.02"))
    if mode() != wanted:
        line_to_device(f"mode {wanted}")
        line_to_device(f"await {wanted} 40")
    line_to_device("lock")


@tap.test
def before_dfu_a_question_is_asked_and_without_a_terminal_nothing_is_done():
    bring("recovery")
    fingers, result = coach("dfu", code=2)
    assert result["ok"] is False and "damage" in result["error"]["cause"], result
    assert any("No backup can be made from DFU" in e.get("text", "") for e in fingers.events)
    assert not fingers.said("beat") and mode() == "recovery"


@tap.test
def from_recovery_into_dfu_and_out_again_and_nothing_on_it_changes():
    bring("recovery")
    before = stage.hash_of("data"), stage.hash_of("system")
    fingers, result = coach("dfu", "--yes", "--tries", "20", timeout=300)
    assert result["ok"] and result["reached"] and result["goal"] == "dfu" and mode() == "dfu", result
    assert fingers.said("end") and "buttons" in result
    fingers, result = coach("exit-dfu", "--tries", "20", timeout=300)
    assert result["ok"] and result["reached"] and mode() == "normal", result
    assert (stage.hash_of("data"), stage.hash_of("system")) == before


def let_go_at_the_logo():
    """One run in which the first hold past the black ends at the logo; the verdict on it, or None on a slow computer."""
    bring("normal")
    slipped = []

    def at_the_logo(fingers, event):
        if event["step"] != "keep" or slipped:
            return False
        slipped.append(len(fingers.said("verdict")))
        wait_until(lambda: line_to_device("state")["screen"] in ("logo", "cable"), 60, "the logo")
        fingers.hold(set())
        return True

    fingers, result = coach("recovery", "--buttons-only", "--tries", "20", slip=at_the_logo)
    assert result["reached"] and mode() == "recovery", result
    verdicts = fingers.said("verdict")
    return verdicts[slipped[0]] if len(verdicts) > slipped[0] else None


@tap.test
def letting_go_at_the_logo_is_told_and_the_next_try_goes_well():
    for _ in range(4):  # the logo is seen too late now and then: then it was Recovery at once
        verdict = let_go_at_the_logo()
        if verdict and verdict["outcome"] == "normal":
            break
    assert verdict and verdict["outcome"] == "normal" and "logo" in verdict["text"], verdict


@tap.test
def out_of_recovery_needs_no_finger():
    bring("recovery")
    fingers, result = coach("exit-recovery")
    assert result["reached"] and result["misses"] == 0 and mode() == "normal", result
    assert not any(e["hold"] for e in fingers.said("beat"))


@tap.test
def a_hung_phone_is_led_into_recovery_by_its_buttons():
    bring("normal")
    line_to_device("set hung yes")
    fingers, result = coach("recovery", "--tries", "20", timeout=300)
    assert result["reached"] and mode() == "recovery", result
    assert any(e["hold"] for e in fingers.said("beat"))
    assert any(e["step"] == "soft-failed" for e in fingers.said("note"))


@tap.test
def no_press_is_called_no_press_and_tries_end():
    bring("recovery")
    line_to_device("set fault.saveenv_ignored yes")
    fingers, result = coach("exit-recovery", "--buttons-only", "--tries", "1", slip=lambda f, e: True, code=1)
    line_to_device("set fault.saveenv_ignored")
    assert fingers.said("verdict")[0]["outcome"] == "stayed" and result["reached"] is False, result
    assert "cable" in " ".join(result["error"]["actions"]) and mode() == "recovery"


@tap.test
def a_device_that_is_off_is_caught_while_the_cable_comes():
    line_to_device("unplug")
    line_to_device("power off")
    fingers, result = coach("recovery", "--model", "iPhone X", "--tries", "20", timeout=300)
    assert result["reached"] and mode() == "recovery" and result["now"] == "recovery", result
    assert any(e["step"] == "plug" for e in fingers.said("beat"))


@tap.test
def with_no_device_and_no_model_it_says_how_to_name_one():
    line_to_device("unplug")
    wait_until(lambda: not json.loads(stage.revive("list", "--json").out)["devices"], 20, "the unplugging")
    done = plain("dfu", "--json")
    assert done.code == 3 and "--model" in done.out, done
    line_to_device("plug")


@tap.test
def the_steps_of_any_model_are_printed_without_a_device():
    for model, words in {"iPhone 8": "Volume Up", "iphone7plus": "Volume Down", "iPhone 5s": "Top button",
                         "iPad13,1": "nearest the Top button", "iPad Air 2": "Home button", "iPod9,1": "Volume Down",
                         "N71AP": "Home button"}.items():
        for goal in ("recovery", "dfu", "exit-recovery", "exit-dfu"):
            done = plain(goal, "--model", model, "--print")
            assert done.code == 0 and words in done.out and "{" not in done.out, (model, goal, done)
            assert "3. " in done.out or "2. " in done.out


@tap.test
def the_right_cable_is_named_for_each_model_and_goal():
    for goal, model, words in (("dfu", "iPhone 8", "USB-A at the computer"), ("recovery", "iPhone 8", "USB-A or USB-C"),
                               ("dfu", "iPhone 11", "USB-A or USB-C"), ("dfu", "iPhone 16", "USB-C, one that carries data"),
                               ("dfu", "iPhone 4", "the wide 30-pin one")):
        done = plain(goal, "--model", model, "--print")
        cables = re.findall(r"(?m)^The cable for the iPhone: .*$", done.out)
        assert done.code == 0 and len(cables) == 1 and words in cables[0], (goal, model, done)
        assert ("cannot bring it into DFU" in cables[0]) == (model == "iPhone 8" and goal == "dfu"), cables


@tap.test
def by_the_buttons_out_of_recovery_begins_with_the_cable_out():
    done = plain("exit-recovery", "--model", "iPhone 7", "--print")
    assert "Cable out, then:\n  1. " in done.out and "pull it out before you begin" in done.out, done
    for goal in ("recovery", "dfu", "exit-dfu"):
        done = plain(goal, "--model", "iPhone 7", "--print")
        assert "Cable in the computer, then:\n  1. " in done.out and "pull it out" not in done.out, done


@tap.test
def the_screens_are_named_and_drawn():
    for goal, words, line in (("recovery", "a cable that points to a computer", "|     ^     |"), ("dfu", "black, as if it were", "|   black   |")):
        done = plain(goal, "--model", "iPhone 8", "--print", "--json")
        screen = json.loads(done.out)["screen"]
        assert words in screen["words"] and line in screen["drawing"], screen
        assert len({len(row) for row in screen["drawing"]}) == 1, screen
    assert "screen" not in json.loads(plain("exit-dfu", "--model", "iPhone 8", "--print", "--json").out)


@tap.test
def tomorrows_models_and_strange_ones_are_answered():
    done = plain("dfu", "--model", "iPhone99,1", "--print")
    assert done.code == 0 and "newest" in done.err and "Volume Up" in done.out, done
    done = plain("dfu", "--model", "AppleTV5,3", "--print")
    assert done.code == 1 and "remote" in done.err, done
    done = plain("dfu", "--model", "Nokia 3310", "--print")
    assert done.code == 2 and "iPhone10,2" in done.err, done


@tap.test
def in_a_pipe_it_speaks_in_lines():
    bring("normal")
    done = plain("recovery", "--buttons-only", "--tries", "1")
    assert done.code == 1 and "\033" not in done.err and "→ Tap the Volume Up button" in done.err, done
    assert len(re.findall(r"(?m)^  \d+$", done.err)) >= 5 and "did not restart" in done.err, done.err


with Stage(BUILD, scenario="fresh", time_scale=SCALE) as stage:
    stage.start_apple()
    stage.start_phone()
    started = time.monotonic()
    status = tap.run()
    print(f"# {time.monotonic() - started:.0f} s")
sys.exit(status)
