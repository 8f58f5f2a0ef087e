#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is said before anything is sent: owner, power, sleep, room; and tickets fetched and kept.

usage: preflight.py BUILD SCENARIO
"""
import json
import os
import pathlib
import plistlib
import random
import shutil
import subprocess
import sys
import zipfile

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "support")]
from e2e import RUN_SECONDS, Running, Scene, rewrite  # noqa: E402
from e2e_models import MODELS, ModelStage  # noqa: E402
from stage import StageError, wait_until  # noqa: E402
from terminal import Terminal  # noqa: E402
from update_check import Wrong, check_failure, check_untouched, claim, last_line  # noqa: E402

HERE = pathlib.Path(__file__).parent


def trusted_normal(s, *settings):
    options = [word for setting in ("trust=yes", *settings) for word in ("--set", setting)]
    s.start("--mode", "normal", *options)
    s.await_mode("normal", 60)
    run = Running(s, [s.build / "revive", "restart", "--json"], env=patient(s))  # this computer is trusted from here on
    claim(run.until_step("watch-start"), f"restart: {run.lines}")
    run.child.kill()  # whether it stays on is not asked here, and takes a minute
    run.end()


def patient(s, **more):
    """What is looked at here is not how fast it is told: a slow computer may take its time."""
    return s.environment(REVIVE_DEADLINE_SCALE="1", **more)


def looked_at(s, verb, *words, env=None):
    """Preflight alone: a dry run; the facts in JSON, and what it warned of."""
    done = s.revive(verb, "--ipsw", s.new_ipsw, "--dry-run", "--json", *words, timeout=RUN_SECONDS, env=env or patient(s))
    claim(done.code == 0, f"{verb}: exit {done.code}: {done.out[-1500:]} {done.err[-1500:]}")
    lines = [json.loads(line) for line in done.out.splitlines() if line.strip()]
    texts = {kind: [line["text"] for line in lines if line.get("event") == kind] for kind in ("warning", "note")}
    return last_line(done)["preflight"], texts


def said(texts, kind, words):
    return any(words in text for text in texts[kind])


def find_my_is_told_where_it_can_be_read(build):
    with Scene(build, scenario="fresh") as s:
        trusted_normal(s, "find_my=yes")
        facts, texts = looked_at(s, "restore")
        claim(facts["find_my"] is True and facts["activation_lock"] is True, f"{facts}")
        claim(facts["activation"] == "Activated" and facts["battery_percent"] == 80, f"{facts}")
        claim(said(texts, "warning", "Find My is ON"), f"no warning before an erase: {texts}")
        facts, texts = looked_at(s, "update")
        claim(facts["find_my"] is True, f"{facts}")
        claim(said(texts, "note", "Find My is on") and not said(texts, "warning", "Find My"), f"{texts}")


def find_my_off_is_no_warning(build):
    with Scene(build, scenario="fresh") as s:
        trusted_normal(s)
        facts, texts = looked_at(s, "restore")
        claim(facts["find_my"] is False and facts["activation_lock"] is False, f"{facts}")
        claim(not said(texts, "warning", "Find My"), f"{texts}")


def unknown_is_said_to_be_unknown(build):
    with Scene(build) as s:
        before = s.stuck()
        facts, texts = looked_at(s, "restore")
        claim(facts["find_my"] is None and facts["activation_lock"] is None, f"{facts}")
        claim(facts["battery_percent"] is None, f"{facts}")
        claim(said(texts, "warning", "cannot be read in Recovery mode"), f"{texts}")
        facts, texts = looked_at(s, "update")
        claim(said(texts, "note", "cannot be read in this mode"), f"{texts}")
        check_untouched(s, before)


def the_boot_loader_tells_of_the_lock(build):
    with Scene(build) as s:
        s.stuck("--set", "activation_locked=yes")
        facts, texts = looked_at(s, "restore")
        claim(facts["activation_lock"] is True, f"{facts}")
        claim(said(texts, "warning", "Find My is ON"), f"{texts}")


def a_middling_battery_is_warned_of(build):
    with Scene(build, scenario="fresh") as s:
        trusted_normal(s)
        s.control("battery", "35")
        facts, texts = looked_at(s, "update")
        claim(facts["battery_percent"] == 35 and said(texts, "warning", "35 %"), f"{facts} {texts}")
        s.control("battery", "19")
        done = s.revive("update", "--ipsw", s.new_ipsw, "--dry-run", "--json", timeout=RUN_SECONDS)
        check_failure(done, 4, advice="battery-low")


def a_nearly_full_phone_is_warned_of(build):
    with Scene(build, scenario="fresh") as s:
        trusted_normal(s)
        facts, texts = looked_at(s, "update")
        claim(facts["device_free_bytes"] > 10**9 and not said(texts, "warning", "nearly full"), f"{facts} {texts}")
        s.control("set", "photo_bytes", "56000000000")
        facts, texts = looked_at(s, "update")
        claim(facts["device_free_bytes"] < 10**9 and said(texts, "warning", "most is taken by photos"), f"{facts} {texts}")


def an_older_firmware_is_no_update(build):
    with Scene(build, scenario="fresh") as s:
        trusted_normal(s)
        done = s.revive("update", "--ipsw", s.new_ipsw, "--dry-run", "--json", timeout=RUN_SECONDS, env=patient(s))
        claim(done.code == 0, f"the newer one: {done.out[-800:]}")
        older = s.scene / "files" / "older.ipsw"
        rewrite(s.old_ipsw, older, lambda name, data: data.replace(b">11.2<", b">10.3<") if name.endswith(".plist") else data)
        done = s.revive("update", "--ipsw", older, "--json", timeout=RUN_SECONDS, env=patient(s))
        check_failure(done, 1, advice="older-firmware")
        claim("10.3" in done.out and s.control("state")["mode"] == "normal", f"{done.out[-800:]}")


def what_is_newer_than_the_program_is_said_before_it_starts(build):
    """The same files with a later number; a file for a later model is refused for this one, before any of that."""
    with Scene(build, scenario="fresh") as s:
        trusted_normal(s)
        _, texts = looked_at(s, "update")
        claim(not said(texts, "warning", "newer than this program"), f"{texts}")
        claim(said(texts, "note", "not only what changed") and said(texts, "note", "Mostly 5 to 10 minutes"), f"{texts}")
        later = s.scene / "files" / "later.ipsw"
        rewrite(s.new_ipsw, later, lambda name, data: data.replace(b">11.3<", b">27.0<") if name.endswith(".plist") else data)
        done = s.revive("update", "--ipsw", later, "--dry-run", "--json", timeout=RUN_SECONDS, env=patient(s))
        claim("iOS 27.0 is newer than this program knows" in done.out, f"{done.out[:1500]}")


def an_erase_with_find_my_on_asks_for_the_owner(build):
    with Scene(build, scenario="fresh") as s:
        trusted_normal(s, "find_my=yes")
        data = s.hash_of("data")
        person = Terminal(s, "restore", "--ipsw", s.new_ipsw)
        person.type(person.wanted_name())
        person.until("Do you have it, and erase?")
        person.type("n")
        done = person.end()
        claim(done.code == 2 and "Find My is ON" in done.out, f"exit {done.code}: {done.out[-1500:]}")
        claim(s.hash_of("data") == data and s.control("state")["mode"] == "normal", "something was done all the same")


def host_on_battery_is_noticed(build):
    with Scene(build) as s:
        s.stuck()
        supply = s.root / "host" / "sys" / "class" / "power_supply" / "BAT0"
        supply.mkdir(parents=True)
        (supply / "type").write_text("Battery\n")
        (supply / "status").write_text("Discharging\n")
        env = patient(s, REVIVE_HOST_ROOT=str(s.root / "host"))
        facts, texts = looked_at(s, "update", env=env)
        claim(facts["host_on_battery"] is True and said(texts, "warning", "runs on its battery"), f"{facts} {texts}")
        (supply / "status").write_text("Charging\n")
        facts, texts = looked_at(s, "update", env=env)
        claim(facts["host_on_battery"] is False and not said(texts, "warning", "battery:"), f"{facts} {texts}")


def sleep_is_held_off_while_it_works(build):
    """The real systemd-inhibit against a logind of the test, on a bus of its own."""
    python = "/usr/bin/python3"
    have = subprocess.run([python, "-c", "import dbus, gi"], capture_output=True, check=False).returncode == 0
    if not have or not shutil.which("dbus-daemon") or not shutil.which("systemd-inhibit"):
        print("SKIP: no dbus-daemon, systemd-inhibit or python3-dbus here")
        sys.exit(77)
    with Scene(build) as s:
        s.stuck()
        address = f"unix:path={s.root}/bus"
        bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={address}"],
                               stderr=subprocess.DEVNULL)
        env = patient(s, DBUS_SYSTEM_BUS_ADDRESS=address)
        diary = s.root / "logind"
        wait_until(lambda: (s.root / "bus").exists(), 20, "the bus")
        logind = subprocess.Popen([python, str(HERE / "fake_logind.py"), str(diary)], env=env)
        try:
            wait_until(lambda: diary.exists() and "ready" in diary.read_text(), 20, "the test's logind")
            facts, texts = looked_at(s, "update", env=env)
            claim(facts["host_kept_awake"] is True, f"{facts} {texts}")
            wait_until(lambda: "released" in diary.read_text(), 20, "the lock's release")
            lines = diary.read_text().splitlines()
            claim(lines[1].startswith("taken sleep:idle") and lines[1].endswith("revive block"), f"{lines}")
        finally:
            for child in (logind, bus):
                child.terminate()
                child.wait(10)


def no_bus_is_a_notice(build):
    with Scene(build) as s:
        s.stuck()
        env = patient(s, DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={s.root}/nobody")
        facts, _ = looked_at(s, "update", env=env)
        claim(facts["host_kept_awake"] is False, f"{facts}")


# ---- files that the device asks for late ----

# Sent long after the device is in Restore mode. OS: in a zip its digest proves nothing (src/firmware/verify.c).
LATE = ("Cryptex1,AppOS", "Cryptex1,AppTrustCache", "Cryptex1,AppVolume", "Cryptex1,SystemOS", "Cryptex1,SystemTrustCache",
        "Cryptex1,SystemVolume", "Ap,SystemVolumeCanonicalMetadata", "StaticTrustCache", "SystemVolume", "OS")


# In a zip, one of each kind: --component breaks the checksum, --forge leaves the digest alone to tell.
HOWS = {"OS": ("--component",), "Cryptex1,AppOS": ("--forge",), "Cryptex1,SystemOS": ("--component", "--forge"),
        "Cryptex1,SystemTrustCache": ("--forge",), "SystemVolume": ("--forge",)}


def turned_bit(path, seed):
    """Puts one bit of the file over, its first and last bytes among the places; gives the way back."""
    whole = path.read_bytes()
    at = seed.choice((0, len(whole) - 1, seed.randrange(len(whole))))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << seed.randrange(8)]) + whole[at + 1:])
    return lambda: path.write_bytes(whole)


def a_turned_bit_in_a_late_file_is_found_before_the_device_is_touched(build):
    seed = random.Random(20260403)
    model = next(m for m in MODELS if m.product == "iPhone13,2")
    with ModelStage(build, model) as s:
        before = s.begin_in("recovery")
        count = len(s.record())
        folder, bad = s.root / "unpacked", s.root / "bad.ipsw"
        with zipfile.ZipFile(s.new_ipsw) as z:
            z.extractall(folder)
            manifest = plistlib.loads(z.read("BuildManifest.plist"))["BuildIdentities"][1]["Manifest"]

        def refused(ipsw, component, how):
            done = s.revive("update", "--ipsw", ipsw, "--json", timeout=RUN_SECONDS)
            check_failure(done, 5, advice="bad-firmware")
            cause = last_line(done)["error"]["cause"]
            claim(component in cause and manifest[component]["Info"]["Path"] in cause, f"{component} {how}: not named: {cause}")
            sent = [r for r in s.record()[count:] if not r["text"].startswith("getenv")]
            claim(not sent, f"{component} {how}: the device saw {sent}")
        for component in LATE:
            put_back = turned_bit(folder / manifest[component]["Info"]["Path"], seed)
            refused(folder, component, "in a folder")
            put_back()
            for how in HOWS.get(component, ()):
                shutil.copy(s.new_ipsw, bad)
                s.sim("ipsw-damage", bad, how, component)
                refused(bad, component, how)
        claim(not s.requests(), "a signature was asked for")
        check_untouched(s, before)
        done = s.revive("firmware", "verify", folder, "--json")
        claim(done.code == 0, f"what was put back is not whole: {done.out}")


# ---- tickets ----

def fetch(s, *words, env=None):
    return s.revive("firmware", "ticket", "fetch", "--ipsw", s.new_ipsw, "--json", *words, timeout=RUN_SECONDS, env=env)


def plain_failure(done, code, error):
    claim(done.code == code, f"exit {done.code}, not {code}: {done.out} {done.err}")
    told = json.loads(done.out)["error"]
    claim(told["code"] == error and told["title"] and told["actions"], f"{told}")
    return told


def ticket_of_the_attached_device(build):
    with Scene(build) as s:
        before = s.stuck()
        to = s.root / "mine.shsh2"
        done = fetch(s, "--to", to)
        claim(done.code == 0, f"exit {done.code}: {done.out} {done.err}")
        told = json.loads(done.out)
        claim(told["verified"] is True and told["behaviour"] == "update", f"{told}")
        claim(int(told["ecid"], 16) == int(str(s.control("state")["ecid"]), 0), f"{told}")
        shown = json.loads(s.revive("firmware", "ticket", "verify", to, "--ipsw", s.new_ipsw, "--board",
                                    told["device"]["hardware_model"], "--json").out)
        claim(shown["ok"] and shown["ap_nonce"] == told["ap_nonce"] and shown["covers"] == told["build"], f"{shown}")
        kept = to.read_bytes()
        claim(b"ApImg4Ticket" in kept and kept.startswith(b"<?xml"), "not the form that this field knows")
        plain_failure(fetch(s, "--to", to), 2, "USAGE")  # never replaced
        claim(to.read_bytes() == kept, "the ticket was replaced")
        check_untouched(s, before)
        done = s.update("--ticket", to)  # the same start of the device: it is good for the work itself
        claim(done.code == 0, f"exit {done.code}: {done.out[-800:]} {done.err[-800:]}")


def ticket_of_a_described_device(build):
    with Scene(build) as s:
        s.start()
        state = s.control("state")
        board = json.loads(s.revive("firmware", "info", s.new_ipsw, "--json").out)["identities"][0]["board"]
        who = ["--ecid", "0x8001234567890ABC", "--board", board]
        done = fetch(s, *who, "--generator", "0x1111111111111111", "--erase", "--to", s.root / "a.shsh2")
        claim(done.code == 0, f"exit {done.code}: {done.out} {done.err}")
        told = json.loads(done.out)
        # SHA-384 of the eight bytes, its first 32: published with real tickets of A10 and A11
        claim(told["ap_nonce"] == "27325c8258be46e69d9ee57fa9a8fbc28b873df434e5e702a8b27999551138ae", f"{told}")
        claim(told["behaviour"] == "erase" and told["generator"] == "0x1111111111111111", f"{told}")
        claim("<key>generator</key>" in (s.root / "a.shsh2").read_text(), "the generator is not in the file")
        nonce = "ab" * 32
        done = fetch(s, *who, "--nonce", nonce, "--to", s.root / "b.shsh2")
        claim(done.code == 0 and json.loads(done.out)["ap_nonce"] == nonce, f"{done.out} {done.err}")
        told = plain_failure(fetch(s, *who, "--to", s.root / "c.shsh2"), 2, "USAGE")
        claim("--nonce" in told["cause"] and "recovery enter" in told["cause"], f"{told}")
        plain_failure(fetch(s, *who, "--nonce", "abcd", "--to", s.root / "c.shsh2"), 2, "USAGE")
        plain_failure(fetch(s, *who, "--nonce", "xyz", "--to", s.root / "c.shsh2"), 2, "USAGE")
        plain_failure(fetch(s, *who, "--generator", "17", "--to", s.root / "c.shsh2"), 2, "USAGE")
        plain_failure(fetch(s, *who, "--nonce", nonce, "--to", s.root / "no" / "where.shsh2"), 1, "IO")
        claim(not list(s.root.glob("c.shsh2*")), "a file was left by a failure")
        claim(state["mode"], "the device answers")


def refused_ticket(build):
    with Scene(build, apple=["--refuse", "94"]) as s:
        s.stuck()
        told = plain_failure(fetch(s, "--to", s.root / "mine.shsh2"), 6, "UNSIGNED")
        claim(told["itunes_code"] == 3194 and told["itunes"]["name"] == "version is not signed for this phone", f"{told}")
        claim(not list(s.root.glob("mine*")), "a refused ticket left a file")
        env = s.environment(REVIVE_APPLE_TSS="http://127.0.0.1:1/TSS/controller?action=2")
        plain_failure(fetch(s, "--to", s.root / "mine.shsh2", env=env), 6, "NETWORK")
    with Scene(build) as s:  # signed by nobody that is trusted: not kept
        s.stuck()
        plain_failure(fetch(s, "--to", s.root / "mine.shsh2", env=s.environment(REVIVE_TRUST_ROOT=None)), 5, "CORRUPT")
        claim(not list(s.root.glob("mine*")), "a stranger's ticket was kept")


SCENARIOS = (
    find_my_is_told_where_it_can_be_read, find_my_off_is_no_warning, unknown_is_said_to_be_unknown,
    the_boot_loader_tells_of_the_lock, a_middling_battery_is_warned_of, host_on_battery_is_noticed,
    sleep_is_held_off_while_it_works, no_bus_is_a_notice,
    a_turned_bit_in_a_late_file_is_found_before_the_device_is_touched, a_nearly_full_phone_is_warned_of,
    an_erase_with_find_my_on_asks_for_the_owner, an_older_firmware_is_no_update,
    what_is_newer_than_the_program_is_said_before_it_starts, ticket_of_the_attached_device,
    ticket_of_a_described_device, refused_ticket,
)


def main():
    names = {s.__name__: s for s in SCENARIOS}
    try:
        names[sys.argv[2]](sys.argv[1])
    except (Wrong, StageError, subprocess.TimeoutExpired) as problem:
        print(f"FAILED {sys.argv[2]}: {problem}")
        return 1
    print(f"ok {sys.argv[2]}")
    return 0


if __name__ == "__main__":
    os.environ.pop("REVIVE_HOST_ROOT", None)
    sys.exit(main())
