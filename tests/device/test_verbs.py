# SPDX-License-Identifier: Apache-2.0
"""The verbs that look, restart and change modes, as a person runs them, against the virtual iPhone.

    test_verbs.py BUILD NO_LIBUSB"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from stage import Stage, wait_until  # noqa: E402
from tap import Tap  # noqa: E402

BUILD = pathlib.Path(sys.argv[1])
NO_LIBUSB = sys.argv[2]
SECOND_ECID = 0x000A1B2C3D4E5FFF
SCALE = "0.02"
tap = Tap()
stage = None


def revive(*words, timeout=60, **env):
    return stage.revive(*words, timeout=timeout, env=stage.environment(REVIVE_DEADLINE_SCALE=SCALE, **env))


def revive_json(*words, code=0, **env):
    """The one document, or the last of the JSON Lines."""
    done = revive(*words, "--json", **env)
    assert done.code == code, f"exit {done.code}, not {code}: {done.out}{done.err}"
    try:
        return json.loads(done.out)
    except json.JSONDecodeError:
        return json.loads(done.out.strip().splitlines()[-1])


def in_words(code, err, says):
    """A failure as a person reads it: what happened, why, what to do next, where the log is."""
    assert code in (4, 7), (code, err)
    at = [err.find(part) for part in ("\nWhy:\n", "\nWhat to do next:\n  1. ", "\nLog: ")]
    assert all(i > 0 for i in at) and at == sorted(at) and says in err, err


def state():
    return stage.control("state")


def to_recovery():
    stage.control("plug")
    if state()["mode"] != "recovery":
        stage.control("mode", "recovery")
    stage.await_mode("recovery", 30)


def to_normal(trust="yes", tapped=True):
    """A fresh relation: the device knows no computer, and answers the question as told."""
    stage.control("plug")
    if state()["mode"] != "normal":
        to_recovery()
        assert revive("recovery", "exit").code == 0
    for record in (stage.phone / "pairing").glob("*-*.plist"):
        record.unlink()
    stage.control("unlock")
    stage.control("set", "trust_polls", 2 if tapped else 0)
    stage.control("set", "trust_asked", 0)
    stage.control("trust", trust)
    wait_until(normal_answers, 30, "lockdown's answer")


def normal_answers():
    devices = revive_json("list")["devices"]
    return len(devices) == 1 and devices[0]["mode"] == "normal" and devices[0]["answers"]


def four_parts(done_json, code, word):
    error = done_json["error"]
    assert error["code"] == code, error
    assert error["title"] and error["cause"] and error["actions"], error
    text = json.dumps(error)
    assert word in text, (word, error)


@tap.test
def a_phone_in_recovery_mode_is_listed_with_its_model_and_identity():
    to_recovery()
    device = revive_json("list")["devices"][0]
    assert device["mode"] == "recovery" and device["name"] == "iPhone X", device
    assert device["ecid"].lower() == state()["ecid"].lower(), device
    assert device["serial"] == state()["serial"], device
    text = revive("list")
    assert text.code == 0 and "iPhone X" in text.out and state()["serial"] in text.out, text


@tap.test
def info_in_recovery_mode_tells_the_nonces_and_iboots_settings():
    to_recovery()
    info = revive_json("info")
    assert info["ap_nonce"] == state()["nonce"], info
    assert len(info["sep_nonce"]) == 40, info
    assert info["iboot_settings"]["auto_boot"] == state()["auto_boot"], info


@tap.test
def a_phone_told_to_stay_in_recovery_mode_is_recognised_and_brought_out():
    to_recovery()
    assert state()["auto_boot"] == "false"
    now = revive_json()["devices"][0]
    assert now["state"] == "told-to-stay" and now["next"]["command"] == "revive recovery exit", now
    text = revive()
    assert "revive recovery exit" in text.out and text.code == 0, text
    done = revive("recovery", "exit", "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0 and any(line.get("step") == "watch-start" for line in lines), done
    done = lines[-1]
    assert done["ok"] and done["was"] == "recovery" and done["now"] == "normal", done
    assert state()["mode"] == "normal" and state()["auto_boot"] == "true", state()


@tap.test
def leaving_recovery_mode_twice_does_nothing_the_second_time():
    to_normal()
    done = revive_json("recovery", "exit")
    assert done["was"] == "normal" and done["now"] == "normal", done


@tap.test
def a_phone_whose_question_was_refused_cannot_be_restarted():
    to_normal("no")
    four_parts(revive_json("restart", code=4), "DENIED", "Don't Trust")
    done = revive("restart")
    in_words(done.code, done.err, "Don't Trust")
    assert state()["mode"] == "normal"


@tap.test
def a_phone_that_nobody_answers_is_asked_for_a_while_and_then_left():
    to_normal("ask", tapped=False)
    done = revive("restart", "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 4, done
    assert any(line["event"] == "note" and "Trust" in line["text"] for line in lines), lines
    four_parts(lines[-1], "DENIED", "Trust")


@tap.test
def a_locked_phone_says_unlock():
    to_normal("ask", tapped=False)
    stage.control("lock")
    four_parts(revive_json("restart", code=4), "DENIED", "nlock")
    done = revive("restart")
    in_words(done.code, done.err, "nlock")
    now = revive_json()["devices"][0]
    assert now["state"] in ("locked", "untrusted"), now


@tap.test
def info_of_an_untrusted_phone_tells_what_it_can_and_asks_nothing():
    to_normal("ask", tapped=False)
    info = revive_json("info")
    assert info["trusted"] is False, info
    assert info["device"]["version"] and info["device"]["ecid"], info


@tap.test
def a_tap_on_trust_is_waited_for():
    to_normal("ask")
    done = revive("restart", "--json")
    assert done.code == 0 and "tap Trust" in done.out, done


@tap.test
def a_trusted_phone_tells_all_and_restarts():
    to_normal()
    before = state()["address"]
    done = revive_json("restart")
    assert done["now"] == "normal" and state()["address"] != before, (done, state())
    info = revive_json("info")
    assert info["trusted"] is True, info
    assert info["battery"]["percent"] == int(state()["battery"]), info
    assert info["storage"]["total"] > 0 and info["activation"] == "Activated" and info["find_my"] is False, info
    assert info["backup"]["encrypted"] is False and info["newest_backup"] is None, info
    assert revive_json()["devices"][0]["state"] == "well"


def kept_by_the_daemon():
    return {p.name: p.read_bytes() for p in (stage.phone / "usbmuxd").glob("*.plist")}


@tap.test
def without_a_trace_neither_device_nor_pairing_nor_log_stays_here():
    to_normal()
    for record in (stage.phone / "usbmuxd").glob("*.plist"):
        record.unlink()
    home = stage.root / "traceless"
    places = {f"XDG_{name}_HOME": str(home / name) for name in ("STATE", "CACHE", "CONFIG", "DATA")}
    done = revive_json("restart", "--no-trace", **places)
    assert done["now"] == "normal", done  # it asked for trust, was given it, and opened a service by it
    assert not kept_by_the_daemon(), kept_by_the_daemon().keys()
    assert not [p for p in home.rglob("*") if p.is_file()], list(home.rglob("*"))
    assert revive_json("info", **places)["trusted"] is False  # nothing of it is left for the next run
    to_normal()
    assert revive_json("restart", **places)["now"] == "normal" and kept_by_the_daemon()  # as usual


@tap.test
def a_phone_is_sent_into_recovery_mode_and_keeps_its_name_there():
    to_normal()
    done = revive_json("recovery", "enter")
    assert done["was"] == "normal" and done["now"] == "recovery", done
    assert state()["mode"] == "recovery"
    assert done["device"]["udid"] == state()["udid"], done
    assert revive_json("recovery", "enter")["was"] == "recovery"


@tap.test
def a_phone_whose_system_is_broken_comes_back_and_update_is_offered():
    to_normal()
    stage.control("damage", "kernelcache")
    stage.control("reboot")
    try:
        stage.await_mode("recovery", 30)
        now = revive_json()["devices"][0]
        assert now["state"] == "stuck" and now["next"]["command"] == "revive update --latest", now
        four_parts(revive_json("recovery", "exit", code=4), "REFUSED", "revive update --latest")
        assert state()["mode"] == "recovery"
        stage.control("set", "boot_loop", 2)
        four_parts(revive_json("recovery", "exit", code=4), "REFUSED", "revive update --latest")
        assert any("boot loop" in line.get("text", "") for line in stage.record()), stage.record()[-20:]
    finally:
        stage.stop()
        stage.sim("new", "--state", stage.scene / "phone2", "--pki", stage.pki, "--ipsw", stage.old_ipsw)
        rename_phone()
        stage.start_phone("--mode", "recovery")


def falls_while_watched(*words):
    """The command, with a device that dies as soon as it is being watched."""
    child = subprocess.Popen([BUILD / "revive", *words, "--json"], stdout=subprocess.PIPE, text=True,
                             env=stage.environment(REVIVE_DEADLINE_SCALE="0.3"))
    for line in child.stdout:
        if '"watch-start"' in line:
            stage.control("mode", "recovery")
            break
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 4, out
    four_parts(json.loads(out.splitlines()[-1]), "REFUSED", "revive update --latest")


@tap.test
def a_phone_that_starts_and_dies_again_is_not_called_well():
    to_recovery()
    falls_while_watched("recovery", "exit")
    to_normal()
    falls_while_watched("restart")


def rename_phone():
    stage.phone.rename(stage.scene / "broken")
    (stage.scene / "phone2").rename(stage.phone)


@tap.test
def a_phone_unplugged_while_it_restarts_is_unfinished_business():
    for face in (["--json"], []):
        to_recovery()
        child = subprocess.Popen([BUILD / "revive", "recovery", "exit", *face], text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=stage.environment(REVIVE_DEADLINE_SCALE=SCALE))
        wait_until(lambda: state()["mode"] != "recovery", 30, "the restart")
        stage.control("unplug")
        out, err = child.communicate(timeout=60)
        stage.control("plug")
        assert child.returncode == 7, out + err
        if face:
            four_parts(json.loads(out.splitlines()[-1]), "UNFINISHED", "Plug the cable")
        else:
            in_words(child.returncode, err, "Plug the cable")


@tap.test
def with_nothing_attached_every_verb_says_so():
    stage.control("unplug")
    wait_until(lambda: not revive_json("list")["devices"], 20, "the unplugging")
    for words in ([], ["info"], ["restart"], ["recovery", "enter"], ["recovery", "exit"]):
        four_parts(revive_json(*words, code=3), "NO_DEVICE", "Plug the device in")
    stage.control("plug")


@tap.test
def a_missing_usbmux_service_is_named():
    to_recovery()
    gone = {"USBMUXD_SOCKET_ADDRESS": f"UNIX:{stage.root}/nothing"}
    assert revive_json("list", **gone)["usbmux"] == "missing"
    stage.control("unplug")
    wait_until(lambda: not revive_json("list")["devices"], 20, "the unplugging")
    four_parts(revive_json(code=3, **gone), "NO_DEVICE", "usbmuxd")
    stage.control("plug")


@tap.test
def a_usb_server_that_is_not_there_is_an_error_and_no_crash():
    done = revive("list", "--json", REVIVE_USB=f"usbip:UNIX:{stage.root}/nothing")
    assert done.code in (1, 3), done
    done = revive("list", "--json", REVIVE_USB="carrier-pigeon")
    assert done.code == 2 and json.loads(done.out)["error"]["code"] == "USAGE", done


@tap.test
def without_usb_what_usbmux_lists_is_worked_with():
    to_normal()
    asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    env = {"REVIVE_USB": None, "LD_PRELOAD": NO_LIBUSB, "ASAN_OPTIONS": asan.strip(":")}
    done = revive("list", "--json", **env)
    assert done.code == 0 and json.loads(done.out)["devices"][0]["mode"] == "normal", done
    assert "USB cannot be looked at" in revive("list", **env).err
    assert revive_json("restart", **env)["now"] == "normal"


@tap.test
def watching_tells_what_comes_and_goes_until_it_is_stopped():
    to_recovery()
    with open(stage.root / "watch", "wb") as out:
        child = subprocess.Popen([BUILD / "revive", "list", "--watch", "--json"], stdout=out,
                                 env=stage.environment(REVIVE_DEADLINE_SCALE=SCALE))
    text = lambda: (stage.root / "watch").read_text()  # noqa: E731
    wait_until(lambda: "recovery" in text(), 20, "the first line")
    stage.control("unplug")
    wait_until(lambda: "gone" in text(), 20, "the unplugging")
    stage.control("plug")
    wait_until(lambda: text().count('"recovery"') >= 2, 20, "the plugging in")
    child.send_signal(signal.SIGINT)
    assert child.wait(20) == 0
    lines = [json.loads(line) for line in text().splitlines()]
    assert lines[-1]["event"] == "result" and lines[-1]["ok"], lines


@tap.test
def two_phones_need_a_name_and_every_name_works():
    stage.stop()
    stage.add_phone("second", ecid=hex(SECOND_ECID))
    stage.start_phone("--mode", "recovery")
    wait_until(lambda: len(revive_json("list")["devices"]) == 2, 30, "the second phone")
    devices = revive_json("list")["devices"]
    for words in (["info"], ["restart"], ["recovery", "exit"]):
        error = revive_json(*words, code=2)
        four_parts(error, "USAGE", "-d")
        for device in devices:
            assert device["serial"] in error["error"]["cause"], error
    for device in devices:
        for name in (device["ecid"], device["serial"], str(device["index"])):
            assert revive_json("info", "-d", name)["device"]["ecid"] == device["ecid"], name
    four_parts(revive_json("info", "-d", "nobody", code=3), "NO_DEVICE", "nobody")


if __name__ == "__main__":
    with Stage(BUILD, scenario="recovery", system_bytes=1 << 20, data_bytes=1 << 20) as stage:
        stage.start_phone()
        stage.await_mode("recovery", 60)
        began = time.monotonic()
        failed = tap.run()
        print(f"# {time.monotonic() - began:.1f} s")
    sys.exit(failed)
