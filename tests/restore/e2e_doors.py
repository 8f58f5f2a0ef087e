#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A running phone whose doors stay shut, and the key of its data: e2e_doors.py --build DIR, as TAP.

A locked or distrusting phone is gone round by hand (Recovery, then DFU) when the person agrees; a phone with a
passcode is asked to put the key of its data aside before an Update.
"""
import argparse
import json
import pathlib
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "support")]
from e2e_models import MODELS, ModelStage, check_row  # noqa: E402
from tap import Tap  # noqa: E402
from stage import Done  # noqa: E402
from update_check import check_failure, check_untouched, claim  # noqa: E402

RUN_SECONDS = 200
MODEL = next(m for m in MODELS if m.product == "iPhone9,3")
tap = Tap()
options = None


class Watched:
    """A run of revive whose steps are followed while hands do their work on the phone."""

    def __init__(self, stage, *words, **env):
        self.child = subprocess.Popen([str(w) for w in (stage.build / "revive", *words, "--json")],
                                      env=stage.environment(**env), text=True, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.lines = []

    def until_step(self, name):
        for line in self.child.stdout:
            self.lines.append(line)
            if json.loads(line).get("step") == name:
                return
        raise AssertionError(f"the step {name} never began: {''.join(self.lines)[-1500:]}")

    def end(self):
        out, _ = self.child.communicate(timeout=RUN_SECONDS)
        return Done(self.child.returncode, "".join(self.lines) + out, "")


def scene():
    return ModelStage(options.build, MODEL)


def update(stage, *words):
    return stage.revive("update", "--ipsw", stage.new_ipsw, *words, "--json", timeout=RUN_SECONDS)


def told(stage):
    return [r["text"] for r in stage.record() if r["what"] == "preboard"]


@tap.test
def a_passcode_is_asked_for_on_the_phone_and_the_key_of_the_data_is_kept():
    with scene() as s:
        before = s.begin_in("normal")
        s.control("set", "passcode", "yes")
        done = update(s)
        check_row(s, "update", "normal", before, done)
        claim("type its passcode there" in done.out, "nobody said that the passcode is wanted on the phone")
        claim(told(s)[-1] == "the stash bag is committed", f"no stash bag was kept: {told(s)}")


@tap.test
def a_passcode_that_nobody_types_stops_the_update_before_anything_is_done():
    with scene() as s:
        before = s.begin_in("normal")
        s.control("set", "passcode", "yes")
        s.control("set", "passcode_entry", "no")
        check_failure(update(s), 2, error="USAGE", advice="unanswered")
        check_untouched(s, before, mode="normal")
        check_row(s, "update", "normal", before, update(s, "--yes"))


@tap.test
def an_erase_asks_for_no_passcode():
    with scene() as s:
        before = s.begin_in("normal")
        s.control("set", "passcode", "yes")
        done = s.revive("restore", "--ipsw", s.new_ipsw, "--yes", "--json", timeout=RUN_SECONDS)
        check_row(s, "restore", "normal", before, done)
        claim(not told(s), f"an Erase asked for the stash bag: {told(s)}")


def shut(stage, trust):
    before = stage.begin_in("normal")
    stage.control("trust", trust)
    return before


@tap.test
def a_phone_that_trusts_nobody_is_left_alone_when_nobody_can_be_asked():
    with scene() as s:
        before = shut(s, "no")
        check_failure(update(s), 4, error="DENIED", advice="trust-denied")
        check_untouched(s, before, mode="normal")


@tap.test
def a_phone_that_trusts_nobody_is_updated_by_recovery_put_there_by_hand():
    with scene() as s:
        before = shut(s, "no")
        run = Watched(s, "update", "--ipsw", s.new_ipsw, "--yes")
        run.until_step("recovery-by-hand")
        s.control("mode", "recovery")
        done = run.end()
        check_row(s, "update", "normal", before, done)
        claim("Volume Down button" in done.out, "nobody said which buttons")


@tap.test
def a_phone_that_trusts_nobody_is_restored_by_dfu_put_there_by_hand():
    with scene() as s:
        before = shut(s, "no")
        run = Watched(s, "restore", "--ipsw", s.new_ipsw, "--yes")
        run.until_step("recovery-by-hand")
        s.control("mode", "dfu")
        check_row(s, "restore", "normal", before, run.end())


@tap.test
def a_cable_that_is_pulled_is_not_taken_for_a_door_that_is_shut():
    with scene() as s:
        before = s.begin_in("recovery")
        s.control("cut", "pull", 2)
        done = s.revive("restore", "--ipsw", s.new_ipsw, "--yes", "--json", timeout=RUN_SECONDS)
        claim("by-hand" not in done.out, f"it was asked to be put into another mode by hand: {done.out[-1500:]}")
        claim(done.code in (3, 7), f"exit {done.code}: {done.out[-1500:]}")
        s.control("plug")
        check_untouched(s, before, mode="recovery")


@tap.test
def a_device_that_starts_anew_while_its_one_time_number_is_read_is_asked_again():
    for event in range(2, 30):
        with scene() as s:
            before = s.begin_in("recovery")
            s.control("cut", "pull", event)
            run = Watched(s, "update", "--ipsw", s.new_ipsw)
            claim(s.control("struck", 60), "the cable was never pulled")
            s.control("cut", "off")
            s.control("plug")
            done = run.end()
            steps = [line["step"] for line in map(json.loads, done.out.splitlines()) if line.get("event") == "step"]
            if "ticket" not in steps:
                continue
            check_row(s, "update", "recovery", before, done)
            return
    claim(False, "no event belongs to the step 'ticket'")


# Its system holds USB up, but nothing answers behind it: here, because nobody listens for what it would say.

def silent(stage):
    return stage.begin_in("normal"), {"USBMUXD_SOCKET_ADDRESS": f"UNIX:{stage.root}/later", "REVIVE_DEADLINE_SCALE": "0.1"}


@tap.test
def a_phone_that_answers_nobody_is_left_alone_when_nobody_can_be_asked():
    with scene() as s:
        before, env = silent(s)
        done = s.revive("update", "--ipsw", s.new_ipsw, "--json", timeout=RUN_SECONDS, env=s.environment(**env))
        check_failure(done, 1, error="TIMEOUT", advice="unlock")
        check_untouched(s, before, mode="normal")


@tap.test
def a_phone_that_answers_nobody_is_restored_by_recovery_put_there_by_hand():
    with scene() as s:
        before, env = silent(s)
        run = Watched(s, "restore", "--ipsw", s.new_ipsw, "--yes", **env)
        run.until_step("recovery-by-hand")
        (s.root / "later").symlink_to(s.root / "mux")
        s.control("mode", "recovery")
        check_row(s, "restore", "recovery", before, run.end())


def main():
    global options  # pylint: disable=global-statement
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--only", help="words of one test's name")
    options = parser.parse_args()
    if options.only:
        tap.tests = [t for t in tap.tests if options.only in t.__name__]
    return tap.run()


if __name__ == "__main__":
    sys.exit(main())
