#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`revive doctor` in a computer made of files: each check, well and ill.

usage: test_doctor.py BUILD      TAP
"""
import email.utils
import http.server
import json
import os
import pathlib
import plistlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

build = pathlib.Path(sys.argv[1]).resolve()
work = pathlib.Path(tempfile.mkdtemp(prefix="revive-doctor-"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
count = 0


class Computer:
    """A root folder; everything in it is well until something is put there."""

    def __init__(self):
        global count  # pylint: disable=global-statement
        count += 1
        self.root = work / str(count)
        self.put("/etc/hosts", "127.0.0.1 localhost\n")
        self.put("/lib/udev/rules.d/70-revive.rules", "")
        self.put("/dev/kmsg", "6,1,1,-;usb 1-1: new high-speed USB device number 2 using xhci_hcd\n")
        for folder in ("/proc", "/sys/bus/usb/devices", "/sys/class/power_supply"):
            (self.root / folder[1:]).mkdir(parents=True)

    def put(self, path, text):
        whole = self.root / path[1:]
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text)

    def device(self, name, vendor, product, number):
        folder = f"/sys/bus/usb/devices/{name}"
        for leaf, text in (("idVendor", vendor), ("idProduct", product), ("busnum", "1"), ("devnum", str(number))):
            self.put(f"{folder}/{leaf}", text + "\n")

    def doctor(self, *words, as_json=True, **more):
        env = dict(os.environ, HOME=str(self.root), XDG_STATE_HOME=str(work), XDG_CACHE_HOME=str(work), LC_ALL="C.UTF-8",
                   USBMUXD_SOCKET_ADDRESS=f"UNIX:{self.root}/mux", REVIVE_HOST_ROOT=str(self.root), NO_COLOR="1")
        for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY", "REVIVE_APPLE_TSS"):
            env.pop(name, None)
        env.update(more)
        done = subprocess.run([build / "revive", "doctor", *words, *(["--json"] if as_json else [])], env=env,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if as_json else done.stdout

    def look(self, check, **more):
        found = {c["check"]: c for c in self.doctor("--offline", **more)["checks"]}
        return found[check]


@tap.test
def no_server_is_asked_when_offline():
    told = Computer().doctor("--offline")
    servers = [c for c in told["checks"] if c["check"].endswith("-server")]
    assert len(servers) == 4 and all(c["state"] == "unknown" for c in servers), servers


@tap.test
def a_missing_usbmuxd_is_told_apart_from_a_silent_one():
    computer = Computer()
    missing = computer.look("usbmuxd")
    assert missing["state"] == "trouble" and missing["mend"] == "sudo apt install usbmuxd", missing
    computer.put("/usr/sbin/usbmuxd", "")
    silent = computer.look("usbmuxd")
    assert silent["state"] == "trouble" and "restart usbmuxd" in silent["mend"], silent


@tap.test
def missing_rules_are_told_with_the_command_that_mends_it():
    computer = Computer()
    assert computer.look("udev-rules")["state"] == "fine"
    (computer.root / "lib/udev/rules.d/70-revive.rules").unlink()
    found = computer.look("udev-rules")
    assert found["state"] == "trouble" and "udevadm control --reload" in found["mend"], found
    computer.put("/etc/udev/rules.d/39-libirecovery.rules", "")
    assert computer.look("udev-rules")["state"] == "fine"


@tap.test
def a_device_that_may_not_be_opened_is_told():
    computer = Computer()
    computer.device("1-2", "05ac", "1281", 7)
    found = computer.look("usb-rights")  # the node is not there: it cannot be opened
    assert found["state"] == "trouble" and "/dev/bus/usb/001/007" in found["words"], found
    computer.put("/dev/bus/usb/001/007", "")
    assert computer.look("usb-rights")["state"] == "fine"
    if os.geteuid() == 0:
        return
    (computer.root / "dev/bus/usb/001/007").chmod(0)
    assert computer.look("usb-rights")["state"] == "trouble"


@tap.test
def nothing_attached_says_what_to_try():
    computer = Computer()
    computer.device("1-1", "1d6b", "0002", 1)
    found = computer.look("usb-rights")
    assert found["state"] == "note" and "only charge" in found["mend"], found
    computer.device("1-4", "05ac", "12a8", 9)  # a running phone is usbmuxd's: its node need not open
    assert computer.look("usb-rights")["state"] == "fine"


@tap.test
def another_program_is_named_with_its_number():
    computer = Computer()
    computer.put("/proc/4711/comm", "idevicerestore\n")
    computer.put("/proc/12/comm", "bash\n")
    found = computer.look("other-programs")
    assert found["state"] == "trouble" and "idevicerestore (4711)" in found["words"], found


@tap.test
def the_kernels_complaints_point_at_the_cable():
    computer = Computer()
    assert computer.look("cable")["state"] == "fine"
    computer.put("/dev/kmsg", "3,1,1,-;usb 1-2: device descriptor read/64, error -71\n" * 3)
    found = computer.look("cable")
    assert found["state"] == "trouble" and "3 times" in found["words"] and "cable" in found["mend"], found


@tap.test
def a_hosts_file_that_sends_apple_elsewhere_is_found():
    computer = Computer()
    computer.put("/etc/hosts", "127.0.0.1 localhost\n# 74.208.105.171 gs.apple.com\n")
    assert computer.look("hosts-file")["state"] == "fine"  # a comment does nothing
    computer.put("/etc/hosts", "127.0.0.1 localhost\n74.208.105.171 gs.apple.com # old\n")
    found = computer.look("hosts-file")
    assert found["state"] == "trouble" and "line 2" in found["words"] and "/etc/hosts" in found["mend"], found
    # The command does what it says.
    copy = computer.root / "etc/hosts"
    subprocess.run(["sh", "-c", found["mend"].replace("sudo ", "").replace("/etc/hosts", str(copy))], check=True)
    assert computer.look("hosts-file")["state"] == "fine", copy.read_text()


@tap.test
def a_proxy_is_noticed_without_its_password():
    found = Computer().look("proxy", https_proxy="http://me:secret@proxy.example:3128")
    assert found["state"] == "note" and "https_proxy" in found["words"] and "secret" not in json.dumps(found), found


@tap.test
def a_computer_on_its_battery_is_noted():
    computer = Computer()
    computer.put("/sys/class/power_supply/BAT0/type", "Battery\n")
    computer.put("/sys/class/power_supply/BAT0/status", "Discharging\n")
    assert computer.look("power")["state"] == "note"


@tap.test
def an_unreachable_signing_server_is_trouble_and_settings_are_shown():
    told = Computer().doctor(REVIVE_APPLE_TSS="http://127.0.0.1:1/TSS/controller?action=2")
    found = {c["check"]: c for c in told["checks"]}
    assert found["signing-server"]["state"] == "trouble", found["signing-server"]
    assert found["activation-server"]["state"] == "unknown"  # only the stand-in is asked
    assert told["settings"]["REVIVE_APPLE_TSS"].startswith("http://127.0.0.1"), told["settings"]
    assert told["troubles"] >= 2


def fake_root(computer):
    """Programs that only write down how they were called; the rule is copied as the real one would be."""
    tools = computer.root / "tools"
    tools.mkdir()
    for name in ("sudo", "install", "udevadm", "systemctl"):
        rest = f'cp "$3" {computer.root}/lib/udev/rules.d/70-revive.rules' if name == "install" else ""
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {computer.root}/called\n'
                                  + ('exec "$@"\n' if name == "sudo" else rest + "\n"))
        (tools / name).chmod(0o755)
    return {"PATH": f"{tools}:/bin:/usr/bin"}


@tap.test
def the_rule_is_installed_only_after_a_yes_and_the_commands_are_shown():
    computer = Computer()
    (computer.root / "lib/udev/rules.d/70-revive.rules").unlink()
    path = fake_root(computer)
    env = dict(os.environ, HOME=str(computer.root), XDG_STATE_HOME=str(work), REVIVE_HOST_ROOT=str(computer.root), **path)
    refused = subprocess.run([build / "revive", "doctor", "--offline", "--fix", "--json"], env=env, capture_output=True,
                             text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert refused.returncode == 2 and not (computer.root / "called").exists(), refused
    told = computer.doctor("--offline", "--fix", "--yes", **path)
    check = {c["check"]: c for c in told["checks"]}["udev-rules"]
    assert check["state"] == "fine" and check["mended"], check
    called = (computer.root / "called").read_text()
    assert "install -m 644 " in called and "/etc/udev/rules.d/70-revive.rules" in called, called
    assert "udevadm control --reload" in called and "udevadm trigger" in called, called
    rule = (computer.root / "lib/udev/rules.d/70-revive.rules").read_text()
    assert 'ATTR{idVendor}=="05ac"' in rule and "f014" in rule, rule
    again = computer.doctor("--offline", "--fix", "--yes", **path)
    assert not any(c["mended"] for c in again["checks"]) and (computer.root / "called").read_text() == called


@tap.test
def a_silent_usbmuxd_is_started_again_and_a_failure_is_told():
    computer = Computer()
    computer.put("/usr/sbin/usbmuxd", "")
    path = fake_root(computer)
    told = computer.doctor("--offline", "--fix", "--yes", **path)
    assert "systemctl restart usbmuxd" in (computer.root / "called").read_text()
    check = {c["check"]: c for c in told["checks"]}["usbmuxd"]
    assert check["state"] == "trouble" and not check["mended"], "it answers no more than before"
    (computer.root / "tools/systemctl").write_text("#!/bin/sh\nexit 5\n")
    env = dict(os.environ, HOME=str(computer.root), XDG_STATE_HOME=str(work), REVIVE_HOST_ROOT=str(computer.root),
               USBMUXD_SOCKET_ADDRESS=f"UNIX:{computer.root}/mux", **path)
    done = subprocess.run([build / "revive", "doctor", "--offline", "--fix", "--yes", "--json"], env=env, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert done.returncode == 4 and "systemctl" in json.loads(done.stdout)["error"]["cause"], done


class Answering(http.server.BaseHTTPRequestHandler):
    """A server whose clock is wrong, or this computer's is."""
    ahead_s = 0

    def do_GET(self):  # noqa: N802
        self.send_response_only(200)
        self.send_header("Date", email.utils.formatdate(time.time() + self.ahead_s, usegmt=True))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *unused):
        pass


@tap.test
def the_clock_is_compared_with_a_servers():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = {"REVIVE_APPLE_TSS": f"http://127.0.0.1:{server.server_address[1]}/TSS/controller?action=2"}
    try:
        for ahead_s, state, words in ((0, "fine", "as a server's"), (3600, "note", "60 minutes behind"),
                                      (-90000, "trouble", "minutes ahead of")):
            Answering.ahead_s = ahead_s
            clock = {c["check"]: c for c in Computer().doctor(**address)["checks"]}["clock"]
            assert clock["state"] == state and words in clock["words"], (ahead_s, clock)
            assert (clock["mend"] is None) == (state == "fine"), clock
    finally:
        server.shutdown()
        server.server_close()


@tap.test
def an_old_usbmuxd_is_noted_by_its_version():
    for version, old in (("1.1.0-2+b3", True), ("1.0.8+git1", True), ("1:1.1.1-2", False), ("1.1.1~git2", False),
                         ("1.2", False), ("2.0.0", False), ("", False)):
        computer = Computer()
        computer.put("/var/lib/dpkg/status", f"Package: usbmuxd\nVersion: {version}\n\n")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mux:
            mux.bind(f"{computer.root}/mux")
            mux.listen(4)
            threading.Thread(target=answer_list, args=(mux,), daemon=True).start()
            found = computer.look("usbmuxd")
        assert (found["state"] == "note") == old, (version, found)
        assert ("older than 1.1.1" in found["words"]) == old, (version, found)


def answer_list(mux):
    """One connection: usbmuxd's answer to ListDevices, with none attached."""
    link, _ = mux.accept()
    with link:
        head = link.recv(16, socket.MSG_WAITALL)
        link.recv(int.from_bytes(head[:4], "little") - 16, socket.MSG_WAITALL)
        body = plistlib.dumps({"DeviceList": []})
        link.sendall(struct.pack("<IIII", 16 + len(body), 1, 8, int.from_bytes(head[12:16], "little")) + body)
        link.recv(1)


@tap.test
def a_person_reads_one_line_a_check_and_what_mends_it():
    computer = Computer()
    computer.put("/etc/hosts", "1.2.3.4 gs.apple.com\n")
    text = computer.doctor("--offline", as_json=False)
    assert "TROUBLE Hosts file" in text and "mend it: sudo sed" in text, text
    assert text.strip().endswith("Mend the first trouble first, then look again."), text


status = tap.run()
shutil.rmtree(work, ignore_errors=True)
sys.exit(status)
