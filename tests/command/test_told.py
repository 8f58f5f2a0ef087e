# SPDX-License-Identifier: Apache-2.0
"""What the gentle verbs tell of one phone, whole: each line for a person, each field for a program.

    test_told.py BUILD"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from stage import Stage, wait_until  # noqa: E402
from tap import Tap  # noqa: E402

BUILD = pathlib.Path(sys.argv[1])
tap = Tap()
stage = None
UDID, ECID = "d0afcec7cd3457a32cd94cb20dd5cdcb1c9c8ef9", "0x000a1b2c3d4e5f26"  # of every stage's first phone
TOTAL, SYSTEM = 64_000_000_000, 1 << 20
PHONE = {"name": "iPhone X", "device_name": "Ada's phone", "product_type": "iPhone10,6", "hardware_model": "d221ap", "ecid": ECID, "udid": UDID,
         "chip": "0x8015", "board": "0x0e", "answers": True, "permitted": True}
NORMAL = {"mode": "normal", "mode_words": "Normal mode", **PHONE, "version": "11.2", "build": "15C114", "port": "1-1"}
RECOVERY = {"mode": "recovery", "mode_words": "Recovery mode", **PHONE, "serial": "SIMNHD8R3VM9", "port": "1-1"}


def revive(*words, code=0, **env):
    done = stage.revive(*words, timeout=60, env=stage.environment(REVIVE_DEADLINE_SCALE="0.05", **env))
    assert done.code == code, f"exit {done.code}, not {code}: {done.out[-1500:]}{done.err[-1500:]}"
    return done


def whole(*words, **more):
    return json.loads(revive(*words, "--json", **more).out)


def events(*words, **more):
    return [json.loads(line) for line in revive(*words, "--json", **more).out.splitlines()]


def same(found, wanted):
    assert found == wanted, "\n" + "\n".join(f"wanted {w!r}\nfound  {f!r}" for w, f in zip(
        wanted if isinstance(wanted, list) else sorted(wanted.items()), found if isinstance(found, list) else sorted(found.items())) if w != f) + f"\n{found}"


def lines(*words, **more):
    return revive(*words, **more).out.rstrip("\n").split("\n")


@tap.test
def a_phone_that_trusts_nobody_yet_tells_what_it_tells_everybody():
    same(whole("list"), {"ok": True, "devices": [{**NORMAL, "index": 1}], "usbmux": "ok"})
    same(lines("list"), [" #  DEVICE                 MODE           SERIAL         ECID / UDID",
                         f" 1  Ada's phone            Normal mode    -              {ECID}"])
    told = whole("info")
    same(told, {"ok": True, "device": NORMAL, "trusted": False, "trust": "no", "baseband": "1.89.00", "class": "iPhone", "colour": "1",
                "wifi_address": told["wifi_address"], "newest_backup": None})
    same(lines("info"), ["Ada's phone", "  Model                  iPhone X", "  Product type           iPhone10,6", "  Mode                   Normal mode",
                         "  iOS                    11.2 (15C114)", f"  ECID                   {ECID}", f"  UDID                   {UDID}",
                         "  Chip / board           0x8015 / 0x0E", "  Modem firmware         1.89.00", "  Trust                  no", "  Trusts this computer   no",
                         "  Newest backup here     none"])
    same(revive("info").err, "The device does not trust this computer, or is locked: some values are missing.\n")


@tap.test
def what_fills_it_is_counted_to_the_byte_and_drawn_to_scale():
    free, data = stage_free(), TOTAL - SYSTEM - 37376
    told = whole("storage")
    kinds = [("system", "iOS itself", TOTAL - data), ("apps", "Apps and their data", 7_300_000_000), ("photos", "Photos and videos", 11_200_000_000),
             ("notes", "Notes", 13_107_200), ("calendar", "Calendar", 475_136)]
    same(told, {"ok": True, "device": NORMAL, "total": TOTAL, "used": TOTAL - free, "free": free, "low": False,
                "kinds": [{"kind": k, "words": w, "bytes": b} for k, w, b in kinds]})
    text = lines("storage")
    same([text[0], *text[2:7]], ["Ada's phone: 18.5 GB of 64.0 GB used, 45.5 GB free", " A  iOS itself                   1.1 MB    0 %",
                                 " B  Apps and their data          7.3 GB   11 %", " C  Photos and videos           11.2 GB   18 %",
                                 " D  Notes                       13.1 MB    0 %", " E  Calendar                     475 KB    0 %"])
    bar = text[1]
    width = len(bar) - 2
    assert re.fullmatch(r"\[B+C+\.+\]", bar), bar
    for letter, part in (("B", 7.3e9), ("C", 11.2e9), (".", free)):
        assert abs(bar.count(letter) - width * part / TOTAL) <= 1, (letter, bar)


def stage_free():
    """Everything is counted from what the phone holds: its own answer to the same question, asked by another program."""
    return TOTAL - SYSTEM - 37376 - 7_300_000_000 - 11_200_000_000 - 13_107_200 - 475_136 + 12_533_760


@tap.test
def the_line_between_room_and_little_room_is_at_two_gigabytes():
    free = whole("storage")["free"]
    for left, low in ((2_000_000_000, False), (1_999_999_999, True)):
        stage.control("set", "photo_bytes", 11_200_000_000 + free - left)
        told = whole("storage")
        same([told["free"], told["low"], len(told.get("warnings", []))], [left, low, int(low)])
    stage.control("set", "photo_bytes", TOTAL)  # cannot be true: not shown, and not taken off
    told = whole("storage")
    assert "photos" not in [kind["kind"] for kind in told["kinds"]] and told["kinds"][1]["bytes"] == 7_300_000_000, told
    stage.control("set", "photo_bytes")


@tap.test
def a_phone_that_trusts_this_computer_tells_all():
    told = whole("info")
    free = whole("storage")["free"]
    same(told, {"ok": True, "device": NORMAL, "trusted": True, "activation": "Activated", "baseband": "1.89.00", "class": "iPhone", "colour": "1",
                "iboot": "iBoot-4076.30.43", "imei": told["imei"], "model_number": "MQAF2", "locked": False, "phone_number": "+1 (202) 555-0143", "region": "LL/A",
                "sim": "kCTSIMSupportSIMStatusNotInserted", "time_zone": "Europe/Berlin", "wifi_address": told["wifi_address"],
                "storage": {"free": free, "data_free": free, "data_total": TOTAL - SYSTEM - 37376, "total": TOTAL, "system_total": SYSTEM + 37376},
                "find_my": False, "backup": {"icloud": False, "encrypted": False}, "battery": {"percent": 80, "charging": True, "plugged_in": True},
                "supervised": False, "newest_backup": None})
    assert re.fullmatch(r"\d{15}", told["imei"]), told
    same(lines("info")[8:], ["  Battery                80 %, charging", "  Storage                64.0 GB, 45.5 GB free", "  Activation             Activated",
                             "  Modem firmware         1.89.00", f"  IMEI                   {told['imei']}", "  Phone number           +1 (202) 555-0143",
                             "  Model number           MQAF2", "  Find My                off", "  Trusts this computer   yes", "  Passcode               unlocked",
                             "  Backups encrypted      no", "  Newest backup here     none"])
    same(lines(), ["iPhone X \"Ada's phone\", iOS 11.2 (Normal mode)", "   It runs and trusts this computer", "   There is nothing to mend"])
    same(whole(), {"ok": True, "usbmux": "ok", "devices": [{**NORMAL, "index": 1, "state": "well", "state_words": "It runs and trusts this computer",
                                                           "next": {"command": None, "words": "There is nothing to mend"}}]})


@tap.test
def into_recovery_mode_in_steps_and_it_says_how_to_leave():
    same(events("recovery", "enter"), [
        {"event": "step", "step": "ask-recovery", "text": "Telling the device to restart into Recovery mode"},
        {"event": "step", "step": "await-recovery", "text": "Waiting for Recovery mode"},
        {"event": "device", "step": "none", "text": "The device has left the USB bus"},
        {"event": "device", "step": "recovery", "text": "The device is in Recovery mode"},
        {"event": "result", "ok": True, "device": RECOVERY, "was": "normal", "now": "recovery"}])
    same(lines("recovery", "enter"), ["Ada's phone (SIMNHD8R3VM9) is already in Recovery mode."])
    same(events("recovery", "enter"), [{"event": "result", "ok": True, "device": RECOVERY, "was": "recovery", "now": "recovery"}])
    same(lines(), ["iPhone X \"Ada's phone\", serial SIMNHD8R3VM9 (Recovery mode)",
                   "   It is in Recovery mode because a setting tells it to stay there; the system", "   may be whole", "   Next: revive recovery exit",
                   "         It mends the setting and starts the system again; no data is touched"])
    settings = {"auto_boot": "false", "build_version": "iBoot-4076.30.43"}
    same(whole()["devices"], [{**RECOVERY, "index": 1, "state": "told-to-stay",
                               "state_words": "It is in Recovery mode because a setting tells it to stay there; the system may be whole",
                               "next": {"command": "revive recovery exit", "words": "It mends the setting and starts the system again; no data is touched"},
                               "iboot_settings": settings}])


@tap.test
def in_recovery_mode_its_numbers_and_its_settings_can_be_read():
    settings = {"auto_boot": "false", "build_version": "iBoot-4076.30.43"}
    told = whole("info")
    same({k: v for k, v in told.items() if not k.endswith("nonce")}, {"ok": True, "device": RECOVERY, "iboot_flags": "0x3d", "iboot_settings": settings, "newest_backup": None})
    assert re.fullmatch("[0-9a-f]{64}", told["ap_nonce"]) and re.fullmatch("[0-9a-f]{40}", told["sep_nonce"]), told
    same(lines("info"), ["Ada's phone", "  Model                  iPhone X", "  Product type           iPhone10,6", "  Mode                   Recovery mode",
                         "  Serial number          SIMNHD8R3VM9", f"  ECID                   {ECID}", f"  UDID                   {UDID}",
                         "  Chip / board           0x8015 / 0x0E", "  iBoot auto_boot        false", "  iBoot build_version    iBoot-4076.30.43",
                         "  Newest backup here     none"])
    same(lines("list")[1:], [f" 1  Ada's phone            Recovery mode  SIMNHD8R3VM9   {ECID}"])
    for name, wanted in ((ECID, 0), ("1", 0), (UDID, 0), ("SIMNHD8R3VM9", 0), ("2", 3), ("0x1", 3)):
        assert stage.revive("info", "-d", name, "--json", env=stage.environment()).code == wanted, name


@tap.test
def out_of_recovery_mode_and_it_is_watched_for_a_while():
    told = events("recovery", "exit")
    stage.await_mode("normal", 30)
    last = told.pop()
    last["device"].pop("port", None)
    same(told, [{"event": "step", "step": "exit-recovery", "text": "Telling the device to start its system again"},
                {"event": "step", "step": "await-normal", "text": "Waiting for the device to start"},
                {"event": "device", "step": "none", "text": "The device has left the USB bus"},
                {"event": "device", "step": "normal", "text": "The device is in Normal mode"},
                {"event": "step", "step": "watch-start", "text": "It has started. Watching for a minute whether it stays on: leave the cable in"}])
    now = {k: v for k, v in {**NORMAL, "serial": "SIMNHD8R3VM9"}.items() if k != "port"}
    same(last, {"event": "result", "ok": True, "device": now, "was": "recovery", "now": "normal"})


@tap.test
def without_a_phone_each_verb_says_so_in_its_way():
    stage.control("unplug")
    actions = ["Plug the device in with a cable that carries data, straight into the computer",
               "Turn the device on; if its screen is black, charge it for 15 minutes first", "Run `revive list`"]
    cause = "this computer sees no iPhone, iPad or iPod touch on its USB"
    same(whole(code=3), {"ok": False, "usbmux": "ok", "devices": [], "error": {
        "code": "NO_DEVICE", "title": "No device was found", "cause": cause, "causes": [cause], "actions": actions, "data_at_risk": False, "advice": "no-device",
        "itunes_code": None, "itunes": None, "log": None}})
    done = revive(code=3)
    same(done.out + done.err, f"No device was found\nWhy:\n  {cause}\nWhat to do next:\n" +
         "".join(f"  {n}. {action}\n" for n, action in enumerate(actions, 1)) + "Log: none was kept; run it again with --log FILE\n")
    same(lines("list"), ["No device is attached."])
    told = whole(code=3, USBMUXD_SOCKET_ADDRESS=f"UNIX:{stage.root}/nobody")
    same([told["usbmux"], told["devices"], told["error"]["advice"]], ["missing", [], "nothing-no-mux"])
    same(told["error"]["causes"], ["looking; the usbmux service, which shows devices that are on, does not answer either", cause])
    for verb in ("storage", "logs", "shutdown", "restart", "info", "recovery enter"):
        out = revive(*verb.split(), "--json", code=3).out
        told = json.loads(out if out.startswith("{\n") else out.splitlines()[-1])  # a long verb ends with a line
        same([told["ok"], told["error"]["code"], told["error"]["actions"]], [False, "NO_DEVICE", actions])
    stage.control("plug")


if __name__ == "__main__":
    with Stage(BUILD, scenario="fresh", system_bytes=1 << 20, data_bytes=1 << 20) as stage:
        stage.start("--set", "device_name=Ada's phone", "--set", "trust=yes")
        stage.await_mode("normal", 60)
        wait_until(lambda: any(d.get("answers") for d in whole("list")["devices"]), 30, "lockdown's answer")
        sys.exit(tap.run())
