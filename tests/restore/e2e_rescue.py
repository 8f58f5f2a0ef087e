#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`revive rescue` from each trouble to a phone that is well, or to words for a service: e2e_rescue.py --build DIR, as TAP.

The device is revive-sim's; what became of it is asked of the device itself.
"""
import argparse
import fcntl
import json
import pathlib
import subprocess
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "support")]
from fingers import Fingers  # noqa: E402
from stage import Stage  # noqa: E402
from tap import Tap  # noqa: E402
from terminal import Terminal  # noqa: E402
from update_check import claim  # noqa: E402

RUN_SECONDS = 120
SCALE = "0.04"
tap = Tap()
options = None


class Scene(Stage):
    def __init__(self, scenario="boot-loop", **more):
        super().__init__(options.build, scenario=scenario, system_bytes=1 << 20, data_bytes=1 << 20, **more)

    def environment(self, **more):
        base = f"http://127.0.0.1:{self.port}"
        return super().environment(**{"REVIVE_DEADLINE_SCALE": SCALE, "REVIVE_APPLE_CATALOG": f"{base}/check/version",
                                      "REVIVE_IPSW_ME": f"{base}/v4/device/", **more})

    def begin(self, mode="recovery", *run_options):
        self.start(*run_options)
        self.await_mode(mode, 60)
        self.before = self.hash_of("data")

    def rescue(self, *words, code=0, **env):
        """A run without fingers; (events, result)."""
        done = self.revive("rescue", *words, "--json", env=self.environment(**env), timeout=RUN_SECONDS)
        claim(done.code == code, f"exit {done.code}, not {code}: {done.out[-3000:]} {done.err[-800:]}")
        lines = [json.loads(line) for line in done.out.splitlines()]
        return lines[:-1], lines[-1]

    def rescue_by_hand(self, *words, code=0):
        """A run with fingers that do what it says."""
        fingers = Fingers(f"{self.root}/ctl")
        child = subprocess.Popen([self.build / "revive", "rescue", *map(str, words), "--json"], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                 env=self.environment(REVIVE_DEADLINE_SCALE=self.time_scale))
        killer = threading.Timer(RUN_SECONDS, child.kill)
        killer.start()
        try:
            for line in child.stdout:
                fingers.hear(json.loads(line))
            err = child.stderr.read()
            child.wait()
        finally:
            killer.cancel()
            fingers.hold(set())
        claim(child.returncode == code, f"exit {child.returncode}, not {code}: {err} {fingers.events[-4:]}")
        return fingers.events[:-1], fingers.events[-1]

    def kept(self):
        claim(self.hash_of("data") == self.before, "the data on the device is not what it was")

    def mended(self):
        claim(self.control("state")["mode"] == "normal", f"it does not run: {self.control('state')}")
        claim(self.hash_of("system") == self.hash_in(self.new_ipsw), "its system is not the new one")


def told(scene):
    """Orders that the boot loader was given."""
    return [r for r in scene.record() if r["what"] == "command" and not r["text"].startswith("getenv")]


def rungs(result):
    return [(one["rung"], one["outcome"]) for one in result["tries"]]


@tap.test
def nothing_is_done_without_consent_and_one_gentle_step_is_enough_for_a_phone_told_to_stay():
    with Scene("recovery") as s:
        s.begin()
        system, commands = s.hash_of("system"), told(s)
        _, result = s.rescue(code=2)
        claim(result["offer"]["rung"] == "exit" and result["offer"]["data"] == "untouched", result["offer"])
        claim(result["error"]["advice"] == "unanswered" and result["tries"] == [], result)
        claim(told(s) == commands, f"the device was told something: {told(s)}")
        claim(not list(s.root.glob("state/revive/rescues/*.json")), "a rescue was written down that was never begun")
        with open(next(s.root.glob("state/revive/rescues/*.lock")), "ab") as another:
            fcntl.flock(another, fcntl.LOCK_EX)
            _, result = s.rescue("--yes", code=1)
        claim(result["error"]["code"] == "BUSY" and result["error"]["advice"] == "job-busy", result)
        claim(told(s) == commands, f"two rescues worked on one device: {told(s)}")
        events, result = s.rescue("--yes")
        claim(rungs(result) == [("exit", "helped")] and result["rescued"] and result["data"] == "untouched", result)
        claim([e["step"] for e in events if e["event"] == "offer"] == ["exit"], events)
        claim(s.hash_of("system") == system and not s.requests(), "more was done than leaving Recovery mode")
        s.kept()
        _, result = s.rescue("--yes", code=4)  # it runs and knows no computer: nothing is begun with it
        claim(result["offer"]["rung"] == "person" and result["tries"] == [], result)


@tap.test
def a_phone_that_falls_back_is_updated_with_the_newest_firmware_and_keeps_its_data():
    with Scene() as s:
        s.begin()
        # What the network does is no fault of the device: it is no try that failed.
        events, result = s.rescue("--yes", code=6, REVIVE_APPLE_TSS="http://127.0.0.1:1/TSS/controller?action=2")
        claim(rungs(result) == [("exit", "failed"), ("update", "stopped")], rungs(result))
        claim(result["error"]["code"] == "NETWORK", result["error"])
        claim(any("fell back" in e.get("text", "") for e in events if e["event"] == "warning"), "nobody said that it fell back")
        _, result = s.rescue("--yes")
        claim(result["went_on"] and rungs(result)[-1] == ("update", "helped") and result["data"] == "kept", result)
        s.mended()
        s.kept()


@tap.test
def the_same_failure_twice_ends_at_the_service_and_is_remembered():
    with Scene() as s:
        s.begin("recovery", "--set", "fault.restored.status=asr_and_invert_image:14")
        _, result = s.rescue("--yes", "--ipsw", s.new_ipsw, code=4)
        claim(rungs(result)[-2:] == [("update", "failed"), ("update-again", "failed")], rungs(result))
        error = result["error"]
        claim(error["advice"] == "shop" and result["offer"]["decision"] == "same-twice", result["offer"])
        claim("install" in error["cause"] and "revive report" in " ".join(error["actions"]), error)
        claim(result["tries"][-1]["step"] == "install" and result["data"] == "kept", result["tries"][-1])
        _, again = s.rescue("--yes", "--ipsw", s.new_ipsw, code=4)
        claim(again["went_on"] and len(again["tries"]) == len(result["tries"]), "the next run tried it all again")
        s.control("set", "fault.restored.status")
        _, anew = s.rescue("--yes", "--ipsw", s.new_ipsw, "--start-over")
        claim(anew["rescued"], anew)
        s.mended()
        s.kept()


@tap.test
def a_rescue_that_was_killed_goes_on():
    with Scene() as s:
        s.begin()
        child = subprocess.Popen([s.build / "revive", "rescue", "--yes", "--json"], text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=s.environment())
        for line in child.stdout:
            if json.loads(line).get("step") == "install":
                break
        child.kill()
        child.communicate()
        _, result = s.rescue("--yes")
        claim(result["went_on"] and rungs(result)[:2] == [("exit", "failed"), ("update", "stopped")], rungs(result))
        claim(rungs(result)[-1] == ("update", "helped"), rungs(result))
        s.mended()
        s.kept()


@tap.test
def a_boot_loop_is_named_and_caught_with_the_buttons():
    with Scene("fresh", time_scale="0.1") as s:
        s.begin("normal")
        s.control("damage", "kernelcache")
        s.control("set", "boot_loop", "1000")
        s.control("reboot")
        events, result = s.rescue_by_hand("--yes", "--tries", "12")
        offers = [(e["state"], e["step"]) for e in events if e["event"] == "offer"]
        claim(offers[:2] == [("boot-loop", "force-restart"), ("boot-loop", "into-recovery")], offers)
        claim(result["tries"][-1]["rung"] == "update" and result["rescued"], result["tries"])
        s.mended()
        s.kept()


@tap.test
def a_device_that_shows_nothing_is_given_power_and_buttons_before_a_service_is_named():
    with Scene("fresh") as s:
        s.begin("normal")
        s.control("unplug")
        s.control("power", "off")
        events, result = s.rescue("--yes", "--tries", "1", code=3)
        claim(result["error"]["advice"] == "coach-no-device" and "--model" in str(result["error"]), result["error"])
        events, result = s.rescue("--yes", "--tries", "1", "--model", "iPhone X", code=3, REVIVE_DEADLINE_SCALE="0.01")
        offers = [e["step"] for e in events if e["event"] == "offer"]
        claim(offers == ["force-restart", "charge", "into-recovery", "into-dfu", "shop"], offers)
        claim(result["state"] == "absent" and result["error"]["advice"] == "shop", result["error"])


@tap.test
def in_dfu_mode_leaving_comes_first_and_then_an_update_from_there():
    with Scene("dfu") as s:
        s.begin("dfu", "--mode", "dfu")
        events, result = s.rescue("--yes", "--tries", "1")  # nobody presses: it stays in DFU mode
        claim(rungs(result) == [("leave-dfu", "failed"), ("update-dfu", "helped")], rungs(result))
        claim(any("No backup can be made from here" in e.get("text", "") for e in events), "the backup was not spoken of")
        s.mended()
        s.kept()


# ---- at a terminal ----

@tap.test
def no_at_a_step_leaves_it_out_and_the_wrong_name_erases_nothing():
    with Scene("dfu") as s:
        s.begin("dfu", "--mode", "dfu")
        _, result = s.rescue("--yes", "--keep-data", "--symptom", "passcode", code=4)
        claim(result["offer"]["rung"] == "restore" and result["tries"] == [], result)
        person = Terminal(s, "rescue", "--symptom", "passcode", "--ipsw", s.new_ipsw)
        person.until("to go on, anything else to stop:")
        person.type("yes")
        done = person.end()
        claim(done.code == 2 and "ERASES everything" in done.out, done)
        s.kept()
        person = Terminal(s, "rescue", "--start-over")
        person.until("shall we do that now?")
        person.type("n")
        person.until("Leave this step out")
        person.type("y")
        person.until("Update from DFU mode, data kept: shall we do that now?")
        person.type("n")
        person.until("Leave this step out")
        person.type("n")
        claim(person.end().code == 2, "no twice is no end")
        s.kept()
        person = Terminal(s, "rescue", "--symptom", "passcode", "--ipsw", s.new_ipsw)
        person.type(person.wanted_name())
        done = person.end()
        claim(done.code == 0 and "was erased" in done.out, done.out[-1500:])
        claim(s.hash_of("data") != s.before, "the data is still there")


LONG = (a_rescue_that_was_killed_goes_on, a_boot_loop_is_named_and_caught_with_the_buttons,
        a_device_that_shows_nothing_is_given_power_and_buttons_before_a_service_is_named,
        in_dfu_mode_leaving_comes_first_and_then_an_update_from_there)


def main():
    global options  # pylint: disable=global-statement
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--only", help="words of one test's name")
    parser.add_argument("--quick", action="store_true", help="without the four that take the longest")
    options = parser.parse_args()
    if options.quick:
        tap.tests = [t for t in tap.tests if t not in LONG]
    if options.only:
        tap.tests = [t for t in tap.tests if options.only in t.__name__]
    began = time.monotonic()
    failed = tap.run()
    print(f"# {time.monotonic() - began:.1f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main())
