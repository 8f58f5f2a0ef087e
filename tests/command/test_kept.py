# SPDX-License-Identifier: Apache-2.0
"""What this computer has kept of earlier runs, and a rescue of a phone that shows nothing: no device, all of the output.

    test_kept.py BUILD"""
import json
import os
import pathlib
import plistlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

BUILD = pathlib.Path(sys.argv[1]).resolve()
tap = Tap()
root = pathlib.Path(tempfile.mkdtemp(prefix="revive-kept-"))
BEGAN = "2026-11-02T09:00:00Z"


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


class Home:
    """A computer of its own, on whose state folder things can be laid."""

    def __init__(self, name):
        self.path = root / name
        self.state = self.path / "state" / "revive"
        for leaf in ("jobs", "rescues", "logs"):
            (self.state / leaf).mkdir(parents=True)

    def job(self, ecid, **more):
        job = {"Attempts": 1, "Behaviour": "Update", "ECID": f"0x{ecid:X}", "Firmware": str(self.path / "a.ipsw"), "FirmwareBytes": 5, "FirmwareModified": 6,
               "LastStep": "sign", "NotApple": False, "Started": "2026-11-01T10:00:00Z", "StartedIn": "recovery", "State": "running", "Ticket": "", "Why": "", **more}
        (self.state / "jobs" / f"{ecid:016x}.plist").write_bytes(plistlib.dumps(job))

    def story(self, ecid, **more):
        story = {"ecid": f"0x{ecid:X}", "began": BEGAN, "state": "open", "symptom": "battery", "model": "iPhone X", "facts": 0, "tries": [], **more}
        (self.state / "rescues" / f"{ecid:016x}.json").write_text(json.dumps(story))

    def revive(self, *words, code=0, **more):
        env = {**os.environ, "HOME": str(self.path), "XDG_STATE_HOME": str(self.path / "state"), "XDG_CACHE_HOME": str(self.path / "cache"),
               "XDG_DATA_HOME": str(self.path / "data"), "USBMUXD_SOCKET_ADDRESS": f"UNIX:{root}/no-mux", "REVIVE_USB": f"usbip:UNIX:{root}/usb", "LC_ALL": "C.UTF-8",
               "REVIVE_HOST_ROOT": str(self.path / "host"), "REVIVE_DEADLINE_SCALE": "0.003", **more}
        done = subprocess.run([BUILD / "revive", *words], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False, cwd=self.path)
        assert done.returncode == code, (words, done.returncode, done.stdout[-1500:], done.stderr[-1500:])
        return done

    def last(self, *words, **more):
        out = self.revive(*words, "--json", **more).stdout
        return json.loads(out if out.startswith("{\n") else out.splitlines()[-1])


def same(found, wanted):
    assert found == wanted, f"\nwanted {wanted!r}\nfound  {found!r}"


TRIES = [{"rung": "restart", "began": "2026-11-02T09:00:01Z", "outcome": "failed", "step": None, "code": None, "itunes_code": None, "why": "it hangs"},
         {"rung": "update", "began": "2026-11-02T09:10:00Z", "outcome": "failed", "step": "install", "code": "UNFINISHED", "itunes_code": 14, "why": "broke off"}]
SPENT = [{"rung": "exit", "began": "then", "outcome": "stopped", "step": "finish", "code": "GONE", "itunes_code": None, "why": None}]


def lived_in():
    home = Home(f"lived-in-{time.monotonic_ns()}")
    home.job(0xA1)
    home.job(0xA2, State="done", Behaviour="Erase", Attempts=2, LastStep="finish")
    home.job(0xA3, State="failed", Why="the cable came off", LastStep="")
    home.story(0xB1, tries=TRIES + [{"rung": "no such rung", "began": "", "outcome": ""}])
    home.story(0xB2, state="done", symptom="", model="")
    home.story(0xB3, state="spent", tries=[{**SPENT[0], "why": ""}])
    (home.state / "rescues" / "damaged.json").write_text("{")
    (home.state / "rescues" / "nobody.json").write_text('{"ecid": "0x0", "state": "open"}')
    for name, text in (("20261101T100000Z-update-1", "old\n"), ("20261102T100000Z-restore-2", "new one\nsecond\x1b line"), ("20261103T100000Z-list-3", "no\n")):
        (home.state / "logs" / f"revive-{name}.log").write_text(text)
    (home.state / "logs" / "revive-20270101T100000Z-update-1.txt").write_text("no log\n")
    (home.state / "logs" / "other-20270101T100000Z-update-1.log").write_text("not ours\n")
    return home


@tap.test
def jobs_and_rescues_are_listed_with_what_goes_on_with_them():
    home = lived_in()
    told = home.last("status")
    base = {"behaviour": "update", "started": "2026-11-01T10:00:00Z", "ipsw": str(home.path / "a.ipsw"), "attempts": 1}
    same(sorted(told["jobs"], key=lambda j: j["ecid"]), [
        {**base, "ecid": "0x00000000000000a1", "state": "running", "last_step": "sign", "next": "revive resume"},
        {**base, "ecid": "0x00000000000000a2", "state": "done", "last_step": "finish", "behaviour": "erase", "attempts": 2, "next": None},
        {**base, "ecid": "0x00000000000000a3", "state": "failed", "why": "the cable came off", "next": "revive resume"}])
    same(sorted(told["rescues"], key=lambda j: j["ecid"]), [
        {"ecid": "0x00000000000000b1", "name": "iPhone X", "state": "open", "started": BEGAN, "tries": TRIES, "next": "revive rescue"},
        {"ecid": "0x00000000000000b2", "state": "done", "started": BEGAN, "tries": [], "next": None},
        {"ecid": "0x00000000000000b3", "name": "iPhone X", "state": "spent", "started": BEGAN, "tries": SPENT, "next": None}])
    blocks = re.split(r"\n(?=\S)", home.revive("status").stdout.rstrip("\n"))
    same(sorted(blocks), [
        "erase of device 0x00000000000000a2: done, begun 2026-11-01T10:00:00Z\n  last finished step: finish",
        f"rescue of device 0x00000000000000b2: brought back, begun {BEGAN}",
        f"rescue of iPhone X 0x00000000000000b1: not ended, begun {BEGAN}\n  1. restart: failed\n  2. update: failed\n  next: `revive rescue` goes on",
        f"rescue of iPhone X 0x00000000000000b3: ended without success, begun {BEGAN}\n  1. exit: stopped",
        "update of device 0x00000000000000a1: running, begun 2026-11-01T10:00:00Z\n  last finished step: sign\n  next: `revive resume -d 0x00000000000000a1`",
        "update of device 0x00000000000000a3: failed, begun 2026-11-01T10:00:00Z\n  last finished step: none\n"
        "  stopped because: the cable came off\n"
        "  next: `revive resume -d 0x00000000000000a3`"])
    fresh = Home("fresh")
    same(fresh.last("status"), {"ok": True, "jobs": [], "rescues": []})
    same(fresh.revive("status").stdout, "No update, restore or rescue was begun on this computer.\n")
    same(fresh.last("resume", code=1)["error"]["code"], "NOT_FOUND")


@tap.test
def a_firmware_file_that_is_gone_or_changed_is_not_gone_on_with():
    home = Home("resume")
    file = home.path / "a.ipsw"
    home.job(0xA1)
    error = home.last("resume", code=1)["error"]
    same([error["advice"], error["causes"]], ["firmware-gone", [f"the firmware file {file} is not there any more"]])
    file.write_bytes(b"12345")
    error = home.last("resume", code=5)["error"]  # the size is right, the time is not
    same([error["advice"], error["code"], error["causes"]], ["firmware-gone", "CORRUPT", [f"the firmware file {file} is another one now"]])
    os.utime(file, (6, 6))
    file_as_begun = home.last("resume", code=3)["error"]
    same(file_as_begun["code"], "NO_DEVICE")
    file.write_bytes(b"123456")
    os.utime(file, (6, 6))
    same(home.last("resume", code=5)["error"]["advice"], "firmware-gone")


@tap.test
def the_log_of_the_last_installation_is_the_newest_of_its_kind():
    home = lived_in()
    same(home.revive("logs", "--last").stdout, "new one\nsecond? line\n")
    lines = [json.loads(line) for line in home.revive("logs", "--last", "--json").stdout.splitlines()]
    same(lines, [{"event": "line", "text": "new one"}, {"event": "line", "text": "second? line"},
                 {"event": "result", "ok": True, "log": str(home.state / "logs/revive-20261102T100000Z-restore-2.log")}])
    for verb in ("resume", "rescue"):
        (home.state / "logs" / f"revive-20261104T100000Z-{verb}-1.log").write_text(verb + "\n\nx")
        same(home.revive("logs", "--last").stdout, f"{verb}\n\nx\n")
        (home.state / "logs" / f"revive-20261104T100000Z-{verb}-1.log").unlink()
    error = Home("no-logs").last("logs", "--last", code=1)["error"]
    same([error["code"], error["cause"]], ["NOT_FOUND", "no log of an update, a restore or a rescue is kept on this computer"])
    for seconds in ("0", "604801", "x"):
        error = home.last("logs", "--seconds", seconds, code=2)["error"]
        same(error["cause"], "--seconds wants a number from 1 to 604800")
    home.last("logs", "--seconds", "604800", code=3)


TRIED = [f"- a device, ECID 0xB2, begun {BEGAN}, brought back", f"""- iPhone X, ECID 0xB1, begun {BEGAN}, not ended, said to be wrong: battery
  1. 2026-11-02T09:00:01Z  Restart it: failed
     it hangs
  2. 2026-11-02T09:10:00Z  Install iOS again and keep the data (Update): failed
     broke off
     at the step 'install', as UNFINISHED (iTunes would say 14)""", f"""- iPhone X, ECID 0xB3, begun {BEGAN}, without success, said to be wrong: battery
  1. then  Leave Recovery mode: stopped
     at the step 'finish', as GONE"""]
JOBS = ["""- Restore (erases), ECID 0xA2, begun 2026-11-01T10:00:00Z, done, 2 runs
  firmware <home>/a.ipsw
  last finished step: finish
  why it stopped: """, """- Update, ECID 0xA1, begun 2026-11-01T10:00:00Z, running, 1 run
  firmware <home>/a.ipsw
  last finished step: sign
  why it stopped: """, """- Update, ECID 0xA3, begun 2026-11-01T10:00:00Z, failed, 1 run
  firmware <home>/a.ipsw
  last finished step: 
  why it stopped: the cable came off"""]


def sorted_blocks(text):
    """The entries of a section in an order of their own: folders are read in any."""
    return sorted(re.split(r"\n(?=- )", text.strip("\n")))


@tap.test
def the_report_holds_what_was_tried_and_the_newest_logs_first():
    home = lived_in()
    told = home.last("report", "--folder", "--to", "out")
    logs = ["logs/revive-20261103T100000Z-list-3.log", "logs/revive-20261102T100000Z-restore-2.log", "logs/revive-20261101T100000Z-update-1.log"]
    same([e["name"] for e in told["entries"]], ["report.txt", *logs])
    same([(home.path / "out" / e["name"]).stat().st_size for e in told["entries"]], [e["bytes"] for e in told["entries"]])
    same({k: told[k] for k in ("ok", "identifiers", "file")}, {"ok": True, "identifiers": False, "file": "out"})
    page = (home.path / "out" / "report.txt").read_text()
    head, rest = page.split("\n\n", 1)
    assert re.fullmatch(r"Report of revive \d+\.\d+\.\d+, made 20\d\d-\d\d-\d\d \d\d:\d\d UTC\n"
                        r"Serial numbers, ECID, UDID, IMEI, phone numbers, names and folders are hidden\.", head), head
    computer, rest = rest.split("\n\n", 1)
    assert re.fullmatch(r"Computer: [^;]+; Linux version \S+ ?", computer), computer
    sections = re.split(r"(?m)^([A-Z][A-Z ]+(?: \(revive \w+\))?)\n", rest)
    same(sections[1::2], ["ATTACHED NOW", "WHAT WAS TRIED (revive rescue)", "INSTALLATIONS OF THIS COMPUTER", "THIS COMPUTER (revive doctor)"])
    same(sections[2], "nothing\n\n")
    same(sorted_blocks(sections[4]), TRIED)
    same(sorted_blocks(sections[6]), JOBS)
    checks = re.findall(r"(?m)^- ([a-z-]+): (\w+)\. ", sections[8])
    same(dict(checks)["usbmuxd"], "trouble")
    same(len(checks), 14)
    assert dict(checks)["signing-server"] == "unknown" and "Not asked: --offline." in sections[8]
    same((home.path / "out" / logs[1]).read_bytes(), b"new one\nsecond\x1b line")
    clear = home.last("report", "--identifiers", "--to", "clear.zip")
    same([clear["identifiers"], clear["file"]], [True, "clear.zip"])
    with zipfile.ZipFile(home.path / "clear.zip") as archive:
        same(archive.testzip(), None)
        same(archive.namelist(), ["report.txt", *logs])
        page = archive.read("report.txt").decode()
        stamp = archive.infolist()[0].date_time
    assert f"firmware {home.path}/a.ipsw" in page and "Serial numbers and other identifiers are in it, as was asked for." in page, page
    assert abs(time.mktime((*stamp, 0, 0, -1)) - time.time()) < 600, stamp
    same(oct((home.path / "clear.zip").stat().st_mode & 0o777), "0o600")
    fresh = Home("no-story")
    fresh.revive("report")
    made, = fresh.path.glob("revive-report-*")
    assert re.fullmatch(r"revive-report-\d{8}-\d{6}\.zip", made.name), made
    with zipfile.ZipFile(made) as archive:
        page = archive.read("report.txt").decode()
    assert "ATTACHED NOW\nnothing\n\nWHAT WAS TRIED (revive rescue)\nnothing\n\nINSTALLATIONS OF THIS COMPUTER\nnone\n\nTHIS" in page, page


@tap.test
def the_report_takes_twenty_logs_and_leaves_out_what_cannot_be_read():
    home = Home("many-logs")
    for n in range(21):
        (home.state / "logs" / f"revive-202611{n + 1:02}T100000Z-list-{n}.log").write_text("x")
    bad = home.state / "logs" / "revive-20271101T100000Z-list-1.log"
    bad.mkdir()
    done = home.revive("report", "--to", "r.zip")
    with zipfile.ZipFile(home.path / "r.zip") as archive:
        same(archive.namelist()[1:], [f"logs/revive-202611{n + 1:02}T100000Z-list-{n}.log" for n in range(20, 1, -1)])
    assert f"warning: logs/{bad.name} is left out: " in done.stderr, done.stderr


RUNGS = [("force-restart", "Force a restart with its buttons"), ("charge", "Give it power, and look again"), ("into-recovery", "Put it into Recovery mode"),
         ("into-dfu", "Put it into DFU mode, the deepest one")]


@tap.test
def a_phone_that_shows_nothing_is_led_through_four_steps_to_a_service():
    home = Home("absent")
    events = [json.loads(line) for line in home.revive("rescue", "--yes", "--tries", "1", "--model", "iPhone X", "--json", code=3).stdout.splitlines()]
    result = events.pop()
    told = [e for e in events if e["event"] != "coach"]
    watch = {"event": "step", "step": "watch-rhythm", "text": "Nothing is on the cable: looking for a minute whether something comes"}
    same([e for e in told if e["event"] == "step"], [watch, watch, {"event": "step", "step": "await-attach", "text":
         "Looking for two minutes whether it shows itself on the cable"}, watch, watch, watch])
    offers = [e for e in told if e["event"] == "offer"]
    same([(e["step"], e["number"], e["state"], e["subject"], e["data"]) for e in offers],
         [(rung, n, "absent", "Device", "untouched") for n, (rung, _) in enumerate([*RUNGS, ("shop", "")], 1)])
    same([e["title"] for e in offers[:4]], [title for _, title in RUNGS])
    fingers = "in 1 try no device showed itself on the cable"
    same([e["text"] for e in told if e["event"] == "warning"],
         [f"That did not help: {why}." for why in (fingers, "nothing came onto the cable", fingers, fingers)])
    same([(t["rung"], t["outcome"], t["why"], t["step"], t["code"], t["itunes_code"]) for t in result["tries"]],
         [(rung, "failed", "nothing came onto the cable" if rung == "charge" else fingers, None, None, None) for rung, _ in RUNGS])
    same({k: result[k] for k in ("ok", "state", "state_words", "installations", "went_on", "rescued", "data")},
         {"ok": False, "state": "absent", "state_words": "This computer sees no device", "installations": [], "went_on": False, "rescued": False, "data": "untouched"})
    same(result["offer"]["rung"], "shop")
    same([result["error"][k] for k in ("code", "advice", "causes")], ["NO_DEVICE", "shop", [fingers]])
    assert result["log"].startswith(str(home.state / "logs" / "revive-2")) and os.path.exists(result["log"]), result["log"]
    same(home.last("status")["rescues"], [])  # whose story it is was never told


@tap.test
def a_rescue_asks_before_each_step_and_wants_the_model_and_a_known_sign():
    home = Home("asks")
    result = home.last("rescue", code=2)
    same([result["tries"], result["error"]["advice"], result["error"]["cause"]], [[], "unanswered",
         "nobody can be asked here (no terminal, and no --yes): Force a restart with its buttons: shall we do that now?"])
    same(result["offer"], {"rung": "force-restart", "decision": "absent-force-restart", "title": RUNGS[0][1], "data": "untouched",
                           "why": "This computer sees no device. Either the cable only charges, or the device is off, empty or hangs.",
                           "words": "revive leads your fingers, second by second. No data is touched. It takes a minute."})
    result = home.last("rescue", "--yes", code=3)
    why = "which buttons it has is not known: no device is on the cable, and no --model is given"
    same([(t["rung"], t["outcome"], t["why"]) for t in result["tries"]], [("force-restart", "stopped", why)])
    same([result["error"]["advice"], result["error"]["causes"]], ["coach-no-device", ["in the rescue, at the step 'force-restart'", why]])
    result = home.last("rescue", "--symptom", "nothing", code=2)
    same([result["tries"], result["error"]["advice"], result["error"]["cause"]],
         [[], "usage", "'nothing' is no symptom that revive knows; `revive rescue --help` lists them"])
    done = home.revive("rescue", code=2)
    same(done.stderr.split("\nWhy:")[0], "→ Nothing is on the cable: looking for a minute whether something comes\n\nDevice\n"
         "   This computer sees no device. Either the cable only charges, or the device is\n   off, empty or hangs.\nNext: Force a restart with its buttons\n"
         "   revive leads your fingers, second by second. No data is touched. It takes a\n   minute.\n\nA question was left unanswered, so nothing was done")


if __name__ == "__main__":
    serve_an_empty_bus(f"{root}/usb")
    try:
        failed = tap.run()
    finally:
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(failed)
