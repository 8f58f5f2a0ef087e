# SPDX-License-Identifier: Apache-2.0
"""storage, logs, report and shutdown, as a person runs them, against the virtual iPhone.

    test_looks.py BUILD"""
import getpass
import json
import os
import pathlib
import re
import socket
import sys
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from stage import Stage, wait_until  # noqa: E402
from tap import Tap  # noqa: E402

BUILD = pathlib.Path(sys.argv[1])
NAME, PHONE = "Annegret's phone", "+49 170 5551234"
tap = Tap()
stage = None


def revive(*words, code=0, **env):
    env = {"REVIVE_DEADLINE_SCALE": "0.05", "USER": "annegret", "LOGNAME": "annegret", **env}
    done = stage.revive(*words, timeout=60, env=stage.environment(**env))
    assert done.code == code, f"exit {done.code}, not {code}: {done.out[-1500:]}{done.err[-1500:]}"
    return done


def last(*words, **more):
    return json.loads(revive(*words, "--json", **more).out.strip().splitlines()[-1])


def whole(*words, **more):
    return json.loads(revive(*words, "--json", **more).out)


@tap.test
def what_fills_the_phone_is_told_by_kind_and_adds_up():
    told = whole("storage")
    kinds = {kind["kind"]: kind["bytes"] for kind in told["kinds"]}
    assert kinds["photos"] == 11200000000 and kinds["apps"] == 7300000000, kinds
    assert told["used"] + told["free"] == told["total"] == 64000000000 and not told["low"], told
    text = revive("storage").out
    bar = re.search(r"(?m)^\[([A-Z.]+)\]$", text).group(1)
    assert abs(bar.count(".") / len(bar) - told["free"] / told["total"]) < 0.03, text
    letter = re.search(r"(?m)^ ([A-Z])  Photos and videos +11.2 GB +18 %$", text).group(1)
    assert abs(bar.count(letter) / len(bar) - 0.175) < 0.03, text


@tap.test
def a_slow_phone_is_waited_for_and_a_full_one_is_warned_of():
    stage.control("set", "disk_usage_ms", 40000)  # 0.8 s of this stage; an ordinary answer may take 30 s, which is 1.5 s
    stage.control("set", "photo_bytes", 56000000000)
    try:
        done = revive("storage", "--json", REVIVE_DEADLINE_SCALE="0.01")
        told = json.loads(done.out)
        assert told["low"] and told["free"] < 1000000000, told
        assert "little room" in told["warnings"][0], told
    finally:
        stage.control("set", "disk_usage_ms")
        stage.control("set", "photo_bytes")


@tap.test
def the_running_log_is_told_line_by_line_and_can_be_searched():
    lines = revive("logs", "--seconds", "1").out.splitlines()
    assert len(lines) > 8 and all(re.match(r"\w{3} [ \d]\d \d\d:", line) for line in lines[:-1]), lines[:3]
    assert any("à la carte" in line for line in lines), "what is not ASCII was lost"
    rows = [json.loads(line) for line in revive("logs", "--seconds", "1", "--match", "CARTE", "--json").out.splitlines()]
    assert rows[-1]["event"] == "result" and rows[-1]["lines"] == len(rows) - 1 > 0, rows[-1]
    assert all("carte" in row["text"] for row in rows[:-1]), rows
    assert "--seconds" in revive("logs", "--seconds", "soon", code=2).err


@tap.test
def crash_reports_are_listed_and_copied_whole():
    names = {row["name"] for row in last("logs", "--crashes")["reports"]}
    assert "panic-full-2026-11-21-070000.ips" in names and "Retired/SpringBoard-2026-11-19-221440.ips" in names, names
    told = last("logs", "--save", stage.root / "reports")
    assert told["saved"] == len(names) == 3, told
    for name in names:
        assert (stage.root / "reports" / name).read_bytes() == (stage.phone / "crashes" / name).read_bytes(), name
    text = revive("logs", "--save", stage.root / "reports").out
    assert "3 copied" in text and "107 bytes" in text, text


def identifiers():
    """Everything that names this phone, its owner or this computer."""
    state = stage.control("state")
    ecid = int(state["ecid"], 16)
    info = whole("info")
    return [state["serial"], state["udid"], f"{ecid:x}", f"{ecid:016X}", str(ecid), info["imei"], info["phone_number"], PHONE, NAME, "annegret",
            str(stage.root), str(stage.new_ipsw.parent), str(stage.root / "home"), info["wifi_address"]] + \
        [name for name in (socket.gethostname(), getpass.getuser()) if len(name) > 5 and name not in ("localhost", "nobody")]


def found_in(text, words):
    return [word for word in words if word.lower() in text.lower()]


@tap.test
def a_report_holds_what_was_tried_and_none_of_the_names_and_numbers():
    whole("info")
    revive("restart", "--log-identifiers")
    revive("recovery", "enter", "--log-identifiers")
    revive("rescue", "--yes", "--ipsw", "/home/annegret/no such.ipsw", "--log-identifiers")
    revive("update", "--ipsw", stage.new_ipsw, "--dry-run", "--log-identifiers", "-v")
    words = identifiers()
    # As a log of another tool, or of a run that was asked to write identifiers down, may hold them.
    lines = [f"2026-11-21T10:00:00.000Z debug proto: told {word} and \"{word}\" ({word})." for word in words]
    (stage.root / "state/revive/logs/revive-20261121T100000Z-update-1.log").write_text("\n".join(lines))
    log = "".join(path.read_text(errors="replace") for path in (stage.root / "state/revive/logs").glob("*.log"))
    assert found_in(log, words) == words, "not every identifier is in the logs: this test would prove less"
    told = whole("report", "--to", stage.root / "report.zip")
    with zipfile.ZipFile(stage.root / "report.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        pages = {name: archive.read(name).decode(errors="replace") for name in names}
    assert names == [entry["name"] for entry in told["entries"]] and "report.txt" in names, names
    for name, text in pages.items():
        assert not found_in(name + text, words), (name, found_in(name + text, words))
    page = pages["report.txt"]
    for wanted in ("iPhone X", "Leave Recovery mode: helped", "THIS COMPUTER", "usbmuxd", "<ECID>", "<UDID>"):
        assert wanted in page, (wanted, page)
    assert sum(name.startswith("logs/") for name in names) >= 4, names
    assert any("step" in text for name, text in pages.items() if "update" in name), names


@tap.test
def with_identifiers_when_asked_and_as_a_folder_when_asked():
    told = whole("report", "--folder", "--identifiers", "--to", stage.root / "report")
    page = (stage.root / "report/report.txt").read_text()
    assert told["identifiers"] and stage.control("state")["udid"] in page, page
    assert oct((stage.root / "report/report.txt").stat().st_mode & 0o777) == "0o600"
    text = revive("report", "--to", stage.root / "again.zip").out
    assert "hidden" in text and "again.zip" in text, text
    (stage.root / "shut").mkdir(mode=0o500)
    if os.geteuid() != 0:
        revive("report", "--to", stage.root / "shut/r.zip", code=4)


@tap.test
def the_log_of_the_last_installation_is_shown():
    done = revive("logs", "--last")
    assert "update" in done.out and "restore" in done.out, done.out[:500]


@tap.test
def a_phone_is_switched_off_and_the_half_minute_is_counted():
    events = [json.loads(line) for line in revive("shutdown", "--wait", "--json").out.splitlines()]
    assert stage.control("state")["mode"] == "off" and events[-1]["now"] == "none", events[-1]
    seconds = [e["done"] for e in events if e["event"] == "progress" and e["step"] == "stay-off"]
    assert seconds[0] == 0 and seconds[-1] == 30 and len(seconds) == 31, seconds
    assert any("Apple logo" in e.get("text", "") for e in events if e["event"] == "note"), events
    stage.control("power", "on")
    stage.await_mode("normal", 30)


@tap.test
def in_recovery_mode_they_say_that_only_the_running_system_can_tell():
    stage.control("mode", "recovery")
    stage.await_mode("recovery", 30)
    wait_until(lambda: whole("list")["devices"], 20, "the device")
    for words in (["storage"], ["logs"], ["shutdown"]):
        error = last(*words, code=1) if words != ["storage"] else whole(*words, code=1)
        assert error["error"]["code"] == "UNSUPPORTED" and "Recovery mode" in error["error"]["cause"], error


if __name__ == "__main__":
    with Stage(BUILD, scenario="fresh", system_bytes=1 << 20, data_bytes=1 << 20) as stage:
        stage.start("--set", f"device_name={NAME}", "--set", f"phone_number={PHONE}", "--set", "trust=yes")
        stage.await_mode("normal", 60)
        wait_until(lambda: any(d.get("answers") for d in whole("list")["devices"]), 30, "lockdown's answer")
        began = time.monotonic()
        failed = tap.run()
        print(f"# {time.monotonic() - began:.1f} s")
    sys.exit(failed)
