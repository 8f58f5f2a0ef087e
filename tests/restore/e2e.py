#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole roads and their failures, one scenario a run: e2e.py --build DIR NAME. See SCENARIOS at the end.

The device is revive-sim's; what revive says is compared with what the device itself wrote down.
"""
import argparse
import json
import pathlib
import plistlib
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "support")]
from stage import Stage, StageError  # noqa: E402
from update_check import (Before, Wrong, check_failure, check_untouched, check_update_run,  # noqa: E402
                          check_updated, claim, last_line)

RUN_SECONDS = 120
TOUCHING = ("accepted", "refused", "dfu", "ramdisk", "restored", "wipe")
SPEED = {"time_scale": "0.02", "system_bytes": 4 << 20, "data_bytes": 1 << 20}


class Scene(Stage):
    """A stage with a phone that is stuck in Recovery mode."""

    def __init__(self, build, **more):
        super().__init__(build, **{**SPEED, **more})
        self.last, self.told = None, set()

    def stuck(self, *run_options):
        self.start(*run_options)
        self.await_mode("recovery", 60)
        return Before(self)

    def environment(self, **more):
        return super().environment(**{"REVIVE_DEADLINE_SCALE": "0.1", **more})

    def update(self, *words, ipsw=None, exe=None, env=None, as_json=True, **popen):
        self.last = (words, {"ipsw": ipsw, "exe": exe, "env": env, **popen})
        words = [exe or self.build / "revive", "update", "--ipsw", ipsw or self.new_ipsw, *words]
        words += ["--json"] if as_json else []
        done = subprocess.run([str(w) for w in words], env=env or self.environment(), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=RUN_SECONDS, check=False, **popen)
        done.code, done.out, done.err = done.returncode, done.stdout, done.stderr
        return done

    def begin(self, *words):
        """A run that is watched while it works."""
        return Running(self, [self.build / "revive", *words, "--json"])

    def touched(self):
        """What of the device's record shows that something was sent to it."""
        return [r for r in self.record() if r["what"] in TOUCHING or
                (r["what"] == "command" and not r["text"].startswith("getenv"))]


class Running:
    def __init__(self, scene, words, env=None):
        self.child = subprocess.Popen([str(w) for w in words], env=env or scene.environment(), text=True,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines, self.out, self.err, self.code = [], "", "", None

    def until_step(self, name):
        """Reads events until this step begins; False when the run ended before."""
        for line in self.child.stdout:
            self.lines.append(line)
            event = json.loads(line)
            if event.get("event") == "step" and event.get("step") == name:
                return True
        return False

    def held_at(self, name):
        """As until_step, and the program is held there while hands and cables do their work."""
        if not self.until_step(name):
            return False
        self.child.send_signal(signal.SIGSTOP)
        return True

    def let_go(self):
        self.child.send_signal(signal.SIGCONT)

    def end(self):
        out, self.err = self.child.communicate(timeout=RUN_SECONDS)
        self.out = "".join(self.lines) + out
        self.code = self.child.returncode
        return self


# ---- roads that work ----

def update_from_recovery(build):
    with Scene(build) as s:
        before = s.stuck()
        result = check_update_run(s, s.update(), before)
        claim(result["started_in"] == "recovery" and result["resumed"] == 0, "it did not start in Recovery mode")
        record = s.record()
        claim(any(r["what"] == "ramdisk" and "Update" in r["text"] for r in record), "no Update ramdisk was booted")
        claim(not any(r["what"] == "wipe" for r in record), "the user partition's key was thrown away")
        # Again, on a system that runs, and in words.
        done = s.revive("update", "--ipsw", s.new_ipsw, timeout=RUN_SECONDS)
        claim(done.code == 0, f"from Normal mode: exit {done.code}: {done.err[-1500:]}")
        claim("data kept" in done.out.strip().splitlines()[-1], f"the last line does not say data kept: {done.out}")
        check_updated(s, before)


def update_from_dfu(build):
    with Scene(build, scenario="dfu") as s:
        s.start("--mode", "dfu")
        s.await_mode("dfu", 60)
        before = Before(s)
        check_update_run(s, s.update(), before)


def dry_run_changes_nothing(build):
    with Scene(build) as s:
        before = s.stuck()
        done = s.update("--dry-run")
        claim(done.code == 0, f"exit {done.code}: {done.out} {done.err}")
        result = last_line(done)
        claim(result["dry_run"] is True and result["data_kept"] is False, "a dry run that claims to have worked")
        claim([step["step"] for step in result["steps"]][:3] == ["preflight", "ticket", "send-ibec"], "no plan")
        claim(not s.touched(), f"a dry run touched the device: {s.touched()}")
        check_untouched(s, before)
        claim(not (s.root / "state" / "revive" / "jobs").exists(), "a dry run left a job behind")
        claim(not s.requests(), "a dry run asked for a signature")


def restore_erases_only_when_agreed(build):
    with Scene(build) as s:
        before = s.stuck()
        words = ["restore", "--ipsw", s.new_ipsw, "--json"]
        check_failure(s.revive(*words), 2, error="USAGE")
        claim(not s.touched(), "an erase without consent touched the device")
        check_untouched(s, before)
        done = s.revive(*words, "--yes", timeout=RUN_SECONDS)
        claim(done.code == 0, f"exit {done.code}: {done.out[-1500:]} {done.err[-1500:]}")
        claim(last_line(done)["data_kept"] is False, "an erase that claims to have kept data")
        claim(s.hash_of("data") != before.data, "the user partition is still there after an erase")
        claim(s.hash_of("system") == s.hash_in(s.new_ipsw), "the system volume is not the new one")


# ---- nothing may be sent ----

def check_words(s, code, title):
    """The same failure once more, as a person reads it: what happened, why, what to do next, where the log is."""
    words, how = s.last
    done = s.update(*words, **{**how, "as_json": False})
    claim(done.code == code, f"in words: exit {done.code}, not {code}: {done.err[-1500:]}")
    at = [done.err.find(part) for part in (title, "\nWhy:\n", "\nWhat to do next:\n  1. ", "\nLog: ")]
    claim(all(i >= 0 for i in at) and at == sorted(at), f"the four parts are not there: {done.err[-1500:]}")


def refused_before(s, before, done, code, **more):
    result = check_failure(done, code, **more)
    title = result["error"]["title"]
    if title not in s.told:
        s.told.add(title)
        check_words(s, code, title)
    claim(not s.touched(), f"the device was touched: {s.touched()}")
    check_untouched(s, before)
    return result


def refused_signature(build):
    with Scene(build, apple=["--refuse", "94"]) as s:
        before = s.stuck()
        refused_before(s, before, s.update(), 6, error="UNSIGNED", itunes=3194)
        claim(len(s.requests()) >= 1, "nobody was asked for a signature")


def server_unreachable(build):
    with Scene(build) as s:
        before = s.stuck()
        env = s.environment(REVIVE_APPLE_TSS="http://127.0.0.1:1/TSS/controller?action=2")
        refused_before(s, before, s.update(env=env), 6, error="NETWORK")


def stranger_signature(build):
    """Signed by a root that is neither Apple's nor the one of the settings."""
    with Scene(build) as s:
        before = s.stuck()
        refused_before(s, before, s.update(env=s.environment(REVIVE_TRUST_ROOT=None)), 5, error="CORRUPT",
                       advice="stranger-ticket")


def rewrite(source, target, change):
    """A copy of a firmware file with some members changed: change(name, bytes) -> bytes, None to leave it out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for item in old.infolist():
            data = change(item.filename, old.read(item))
            if data is not None:
                new.writestr(item.filename, data)


def change_manifest(source, target, change):
    def one(name, data):
        if name != "BuildManifest.plist":
            return data
        manifest = plistlib.loads(data)
        change(manifest)
        return plistlib.dumps(manifest)
    rewrite(source, target, one)


def damaged_firmware(build):
    with Scene(build) as s:
        before = s.stuck()
        bad = s.root / "bad.ipsw"
        whole = s.new_ipsw.read_bytes()

        for share in (0.1, 0.5, 0.999):
            bad.write_bytes(whole[:int(len(whole) * share)])
            refused_before(s, before, s.update(ipsw=bad), 5)
        bad.write_bytes(b"")
        refused_before(s, before, s.update(ipsw=bad), 5)

        def flip(data):
            middle = len(data) // 2
            return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:]

        def components(name):
            return name.endswith((".im4p", ".dmg")) or name.startswith("kernelcache")
        with zipfile.ZipFile(s.new_ipsw) as z:
            names = [n for n in z.namelist() if components(n)]
        claim(len(names) > 10, "the firmware has hardly any components")
        update = update_paths(s.new_ipsw)
        for victim in [n for n in names if n in update][::5]:
            rewrite(s.new_ipsw, bad, lambda name, data: flip(data) if name == victim else data)  # noqa: B023
            refused_before(s, before, s.update(ipsw=bad), 5, advice="bad-firmware")
            rewrite(s.new_ipsw, bad, lambda name, data: None if name == victim else data)  # noqa: B023
            refused_before(s, before, s.update(ipsw=bad), 5)

        check_failure(s.update(ipsw=s.root / "nowhere.ipsw"), 1, error="NOT_FOUND")
        claim(not s.requests(), "a signature was asked for a damaged firmware")


def update_paths(ipsw):
    with zipfile.ZipFile(ipsw) as z:
        manifest = plistlib.loads(z.read("BuildManifest.plist"))
    found = set()
    for identity in manifest["BuildIdentities"]:
        if identity["Info"]["RestoreBehavior"] == "Update" and identity["Info"]["DeviceClass"] == "d221ap":
            for entry in identity["Manifest"].values():
                if "Digest" in entry and "Path" in entry["Info"]:
                    found.add(entry["Info"]["Path"])
    return found


def firmware_of_another_device(build):
    with Scene(build) as s:
        before = s.stuck()
        bad = s.root / "other.ipsw"

        def other_model(manifest):
            manifest["SupportedProductTypes"] = ["iPhone9,1"]
        change_manifest(s.new_ipsw, bad, other_model)
        refused_before(s, before, s.update(ipsw=bad), 5, advice="wrong-firmware")

        def other_board(manifest):
            for identity in manifest["BuildIdentities"]:
                identity["ApBoardID"] = "0x08"
        change_manifest(s.new_ipsw, bad, other_board)
        refused_before(s, before, s.update(ipsw=bad), 5, advice="wrong-firmware")


def never_an_erase_part_for_an_update(build):
    with Scene(build) as s:
        before = s.stuck()
        bad = s.root / "erase-only.ipsw"

        def erase_only(manifest):
            manifest["BuildIdentities"] = [i for i in manifest["BuildIdentities"]
                                           if i["Info"]["RestoreBehavior"] == "Erase"]
        change_manifest(s.new_ipsw, bad, erase_only)
        refused_before(s, before, s.update(ipsw=bad), 5, advice="no-update-identity")

        def contradicts(manifest):
            for identity in manifest["BuildIdentities"]:
                identity["Info"]["RestoreBehavior"] = "Update"
                identity["Info"]["Variant"] = identity["Info"]["Variant"].replace("Upgrade", "Erase")
        change_manifest(s.new_ipsw, bad, contradicts)
        refused_before(s, before, s.update(ipsw=bad), 5)


def ticket_of_another_nonce(build):
    """A ticket that was good for an earlier start of the device is found out before anything is sent."""
    with Scene(build) as s:
        before = s.stuck()
        check_update_run(s, s.update(), before)
        kept = list((s.root / "state" / "revive" / "jobs").glob("*.im4m"))
        claim(len(kept) == 1, "the ticket was not kept")
        ticket = shutil.copy(kept[0], s.root / "old.im4m")
        s.control("mode", "recovery")
        s.await_mode("recovery")
        again, mark = Before(s), len(s.touched())
        result = check_failure(s.update("--ticket", ticket), 5, advice="bad-ticket")
        check_words(s, 5, result["error"]["title"])
        cut = s.root / "cut.im4m"
        cut.write_bytes(pathlib.Path(ticket).read_bytes()[:500])
        check_failure(s.update("--ticket", cut), 5)
        claim(len(s.touched()) == mark, f"the device was touched: {s.touched()[mark:]}")
        check_untouched(s, again)


def full_disk(build):
    def no_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    with Scene(build) as s:
        before = s.stuck()
        refused_before(s, before, s.update(preexec_fn=no_room), 1, error="NO_SPACE", advice="disk-full")
        left = [p for p in (s.root / "state").rglob("*") if p.is_file() and p.suffix not in (".lock", ".log")]
        claim(not left, f"half files were left: {left}")
        check_update_run(s, s.update(), before)


def two_devices(build):
    with Scene(build) as s:
        s.add_phone("other", ecid=0x1A2B3C4D5E6F)
        s.start()
        s.await_mode("recovery", 60)
        before = Before(s)
        other = s.control("device", "2", "hash", "data")["hash"], s.control("device", "2", "hash", "system")["hash"]
        s.control("device", "2", "await", "normal", "30")
        result = refused_before(s, before, s.update(), 2, error="USAGE", advice="choose-device")
        claim("1A2B3C4D5E6F" in json.dumps(result).upper() or "2" in json.dumps(result), "the devices are not listed")
        ecid = s.control("state")["ecid"]
        check_update_run(s, s.update("-d", ecid), before)
        now = s.control("device", "2", "hash", "data")["hash"], s.control("device", "2", "hash", "system")["hash"]
        claim(now == other, "the other device was changed")
        records = (s.scene / "other" / "record.jsonl").read_text()
        claim("accepted" not in records and "StartRestore" not in records, "the other device was touched")


def no_device(build):
    with Scene(build) as s:
        s.start("--mode", "off")
        check_failure(s.update(), 3, error="NO_DEVICE")
        check_failure(s.revive("resume", "--json"), 1, advice="no-job")


def battery_low(build):
    with Scene(build, scenario="fresh") as s:
        s.start("--mode", "normal", "--set", "trust=yes")
        s.await_mode("normal", 60)
        done = s.revive("restart") # this computer is trusted from here on
        claim(done.code == 0, f"restart: exit {done.code}: {done.err}")
        s.await_mode("normal", 60)
        s.control("battery", "7")
        before = Before(s)
        check_failure(s.update(), 4, advice="battery-low")
        check_untouched(s, before, "normal")


# ---- broken off, and taken up again ----

def resumed(s, before, attempts=None):
    done = s.revive("resume", "--json", timeout=RUN_SECONDS)
    result = check_update_run(s, done, before)
    claim(result["resumed"] >= 1, "a resumed run that does not know it")
    claim(attempts is None or result["resumed"] == attempts, f"resumed {result['resumed']} times, not {attempts}")
    claim(s.revive("resume", "--json").code == 1, "a finished job is taken up again")


def unplugged_at(build, step, codes=(7,)):
    with Scene(build) as s:
        before = s.stuck()
        run = s.begin("update", "--ipsw", s.new_ipsw)
        claim(run.held_at(step), f"the step {step} never began")
        s.control("unplug")
        run.let_go()
        run.end()
        claim(run.code in codes, f"exit {run.code}, not {codes}: {run.out[-1200:]}")
        check_failure(run, run.code)
        claim(s.hash_of("data") == before.data, "the user partition was changed by pulling the cable")
        s.control("plug")
        if run.code == 7:
            resumed(s, before)
        else: # nothing had been begun: there is no job to go on with
            check_failure(s.revive("resume", "--json"), 1, advice="no-job")
            s.await_mode("recovery", 60)
            check_update_run(s, s.update(), before)


def unplugged_early(build):
    for step in ("ticket", "send-ibec"):
        unplugged_at(build, step, codes=(3, 7))


def unplugged_in_recovery(build):
    for step in ("prepare", "send-ramdisk", "send-sep", "boot-kernel"):
        unplugged_at(build, step)


def unplugged_in_restore(build):
    for step in ("install", "restore-image", "verify-restore"):
        unplugged_at(build, step)


def unplugged_late(build):
    for step in ("flash-firmware", "update-baseband", "fixup-var"):
        unplugged_at(build, step)


def killed_and_resumed(build):
    for step in ("send-device-tree", "restore-image", "flash-firmware"):
        with Scene(build) as s:
            before = s.stuck()
            run = s.begin("update", "--ipsw", s.new_ipsw)
            claim(run.until_step(step), f"the step {step} never began")
            run.child.kill()
            claim(run.end().code == -signal.SIGKILL, "it was not killed")
            resumed(s, before, attempts=1)


def killed_after_the_end(build):
    """The device had finished; only its first start was not seen: nothing is installed a second time."""
    with Scene(build) as s:
        before = s.stuck()
        run = s.begin("update", "--ipsw", s.new_ipsw)
        claim(run.until_step("finish"), "the step finish never began")
        run.child.kill()
        run.end()
        s.await_mode("normal", 60)
        mark = len(s.touched())
        resumed(s, before)
        claim(len(s.touched()) == mark, "the device was installed twice")


def ctrl_c_before_the_ramdisk(build):
    with Scene(build) as s:
        before = s.stuck()
        run = s.begin("update", "--ipsw", s.new_ipsw)
        claim(run.until_step("send-logo"), "the step never began")
        run.child.send_signal(signal.SIGINT)
        check_failure(run.end(), 7, error="CANCELLED", advice="stopped")
        check_untouched_storage(s, before)
        claim(s.control("get", "auto-boot")["value"] == "true", "the device would stay in Recovery mode")
        s.await_mode("recovery", 60)
        check_update_run(s, s.update(), before)


def check_untouched_storage(s, before):
    claim(s.hash_of("data") == before.data and s.hash_of("system") == before.system, "a volume was changed")


def ctrl_c_while_installing(build):
    with Scene(build) as s:
        before = s.stuck()
        run = s.begin("update", "--ipsw", s.new_ipsw)
        claim(run.until_step("restore-image"), "the step never began")
        run.child.send_signal(signal.SIGINT)
        check_failure(run.end(), 7)
        claim("Noted" in run.out or "Noted" in run.err, "nobody said that the Ctrl-C was seen")
        s.await_mode("normal", 60)
        check_updated(s, before) # it was obeyed only after the device was whole again
        resumed(s, before)


def job_is_locked(build):
    with Scene(build) as s:
        before = s.stuck()
        run = s.begin("update", "--ipsw", s.new_ipsw)
        claim(run.until_step("restore-image"), "the step never began")
        check_failure(s.revive("resume", "--json"), 1, error="BUSY", advice="job-busy")
        check_update_run(s, run.end(), before)


# ---- a device that fails or behaves oddly ----

def device_fails(build):
    """A failure on the device: its number, its words, and a second run that helps."""
    with Scene(build) as s:
        before = s.stuck("--set", "fault.restored.status=asr_and_invert_image:14 x1")
        check_failure(s.update(), 7, error="UNFINISHED", itunes=14)
        claim(s.hash_of("data") == before.data, "the user partition was changed")
        resumed(s, before)


def image_refused_by_the_device(build):
    with Scene(build) as s:
        before = s.stuck("--set", "fault.asr.digest=yes x1")
        check_failure(s.update(), 7)
        resumed(s, before)


def image_connection_lost(build):
    for fault in ("asr.close=2 x1", "asr.vanish=2 x1"):
        with Scene(build) as s:
            before = s.stuck("--set", f"fault.{fault}")
            check_failure(s.update(), 7)
            s.control("plug")
            resumed(s, before)


def odd_but_right(build):
    """What real devices were seen to do and what must not disturb: split and joined messages, a late port, a second
    Initiate, questions and messages that nobody knows, a new nonce after iBEC."""
    with Scene(build) as s:
        before = s.stuck("--set", "fault.asr.split=yes", "--set", "fault.asr.refuse=yes x1", "--set",
                         "fault.asr.second_initiate=yes", "--set", "fault.restored.unknown_request=wait_for_storage x1", "--set",
                         "fault.restored.unknown_message=update_iBoot x1")
        check_update_run(s, s.update(), before)
        struck = {r["text"].split("=")[0] for r in s.record() if r["what"] == "fault"}
        claim({"asr.split", "restored.unknown_request", "restored.unknown_message"} <= struck,
              f"some faults did not strike: {struck}")


def nonce_changes_after_ibec(build):
    with Scene(build) as s:
        before = s.stuck("--set", "fault.nonce_changed=yes x1")
        done = s.update()
        check_update_run(s, done, before)
        claim(len([r for r in s.requests()]) >= 2, "no second signature was asked for")


def silent_device(build):
    with Scene(build) as s:
        before = s.stuck("--set", "fault.restored.stall=wait_for_storage x1")
        check_failure(s.update(env=s.environment(REVIVE_DEADLINE_SCALE="0.01")), 7)
        claim(s.hash_of("data") == before.data, "the user partition was changed")


# ---- tests of the tests: each break must be seen ----

def must_be_red(words, check):
    try:
        check()
    except Wrong as seen:
        print(f"  red, as it must be ({words}): {str(seen)[:120]}")
        return
    raise Wrong(f"{words}: the check did not notice")


def red_when_the_wrong_part_is_chosen(build):
    with Scene(build) as s:
        before = s.stuck()
        done = s.update(exe=s.build / "tests/restore/revive-mutant-erase")
        must_be_red("an Erase part was chosen for an Update", lambda: check_update_run(s, done, before))
        must_be_red("and by the device's storage alone", lambda: check_updated(s, before))
        claim(s.hash_of("data") != before.data, "the broken build did not even erase: it tests nothing")


def red_when_restored_writes_nothing(build):
    with Scene(build) as s:
        before = s.stuck("--set", "skip_write=yes")
        done = s.update()
        must_be_red("restored skipped writing", lambda: check_update_run(s, done, before))
        must_be_red("and by the device's storage alone", lambda: check_updated(s, before))


def red_when_tickets_are_not_checked(build):
    with Scene(build) as s:
        before = s.stuck()
        done = s.update(exe=s.build / "tests/restore/revive-mutant-trust",
                        env=s.environment(REVIVE_TRUST_ROOT=None))
        must_be_red("a stranger's ticket was sent", lambda: refused_before(s, before, done, 5))
        claim(s.touched(), "the broken build sent nothing: it tests nothing")


SCENARIOS = (
    update_from_recovery, update_from_dfu, dry_run_changes_nothing, restore_erases_only_when_agreed,
    refused_signature, server_unreachable, stranger_signature, damaged_firmware, firmware_of_another_device,
    never_an_erase_part_for_an_update, ticket_of_another_nonce, full_disk, two_devices, no_device, battery_low,
    unplugged_early, unplugged_in_recovery, unplugged_in_restore, unplugged_late, killed_and_resumed,
    killed_after_the_end, ctrl_c_before_the_ramdisk, ctrl_c_while_installing, job_is_locked, device_fails,
    image_refused_by_the_device, image_connection_lost, odd_but_right, nonce_changes_after_ibec, silent_device,
    red_when_the_wrong_part_is_chosen, red_when_restored_writes_nothing, red_when_tickets_are_not_checked,
)


def main():
    names = {s.__name__: s for s in SCENARIOS}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("name", choices=sorted(names))
    options = parser.parse_args()
    begun = time.monotonic()
    try:
        names[options.name](options.build)
    except (Wrong, StageError, subprocess.TimeoutExpired) as problem:
        print(f"FAILED {options.name}: {problem}")
        return 1
    print(f"ok {options.name} ({time.monotonic() - begun:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
