#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real idevicerestore restores the virtual iPhone, and revive does the same to its twin; both through umockdev and
the real usbmuxd, with libusb. idevicerestore reaches the signing server as its HTTP proxy (its own address is fixed; -s
takes the one that is plain HTTP).

An exit status is not enough: the device's own record and the hashes of its storage must say the same. Then all that the
two hosts sent is compared: a difference must be one that differences.json explains, and each one explained must be there.

With REVIVE_KEEP_TRANSCRIPTS=DIR the transcripts stay there.

usage: test_side_by_side.py REVIVE-SIM UMOCK_HOST REVIVE MODE update|erase"""
import json
import os
import shutil
import subprocess
import sys
import threading

from daemon import Daemon, empty_places, namespace
from phone import Phone, Tap, folder_for_test, need, run, stage, stop
from side_by_side import Explained, channels, compare

SECONDS = 170
RESTORE_S = 140
HOSTS = ("idevicerestore", "revive")
HERE = os.path.dirname(os.path.abspath(__file__))
# Making keys takes usbmuxd longer than a phone would wait when the computer has other work.
SETTINGS = {mode: ["lockdown_idle_ms=120000"] + more for mode, more in
            (("recovery", []), ("dfu", []), ("normal", ["trust=yes"]))}
COMPARED = ("recovery", "dfu")  # in Normal mode the two ask lockdown different questions, and start Recovery differently often


class Run:
    """One host before a device of its own, copied from the same scene."""

    def __init__(self, programs, scene, host, mode, kind):
        self.sim, self.umock, self.revive = programs
        self.host, self.mode, self.kind = host, mode, kind
        self.folder = folder_for_test()
        shutil.copytree(scene, os.path.join(self.folder, "scene"))
        self.thread = threading.Thread(target=self.work)
        self.said, self.status = "", None

    def path(self, leaf):
        return os.path.join(self.folder, leaf)

    def work(self):
        words = [self.sim, "apple", "--listen", "127.0.0.1:0", "--pki", self.path("scene/pki"), "--files",
                 self.path("scene/files"), "--record", self.path("signing.jsonl")]
        server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True, text=True)
        try:
            port = server.stdout.readline().split()[-1]
            words = [self.umock, "--state", self.path("scene/phone"), "--mode", self.mode, "--control", self.path("ctl"),
                     "--record", self.path("transcript.jsonl"), "--time-scale", "0.02", "--timeout", str(SECONDS)]
            for setting in SETTINGS[self.mode]:
                words += ["--set", setting]
            words += ["--", *namespace(), sys.executable, os.path.abspath(__file__), "inside", self.sim, self.revive,
                      self.folder, port, self.host, self.kind]
            done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=SECONDS + 20, check=False)
            self.status, self.said = done.returncode, done.stdout.decode("utf-8", "replace")
        finally:
            stop(server)

    def report(self, tap):
        """What was found out inside, as sentences of the whole test."""
        try:
            with open(self.path("checks.json"), encoding="utf-8") as file:
                checks = json.load(file)
        except OSError:
            checks = []
        tap.check("%s was watched to the end" % self.host, self.status == 0 and checks, self.status, self.said[-3000:])
        for sentence, holds, facts in checks:
            tap.check("%s: %s" % (self.host, sentence), holds, *facts)
        keep = os.environ.get("REVIVE_KEEP_TRANSCRIPTS")
        for leaf in ("transcript.jsonl", "signing.jsonl", "usbmuxd.log") if keep else ():
            if os.path.exists(self.path(leaf)):
                shutil.copy(self.path(leaf), os.path.join(keep, "-".join((self.mode, self.kind, self.host, leaf))))


class Notes:
    """Sentences that another process will print."""

    def __init__(self):
        self.checks = []

    def check(self, sentence, holds, *facts):
        self.checks.append((sentence, bool(holds), [str(f)[-4000:] for f in facts] if not holds else []))


def outside(sim, umock, revive, mode, kind):
    need("idevicerestore", "usbmuxd", "unshare")
    namespace()
    folder = folder_for_test()
    stage(sim, folder)
    runs = [Run((sim, umock, revive), os.path.join(folder, "scene"), host, mode, kind) for host in HOSTS]
    for one in runs:
        one.thread.start()
    tap = Tap()
    for one in runs:
        one.thread.join()
        one.report(tap)
    if mode in COMPARED:
        hold_together(tap, runs, mode, kind)
    tap.end()


def hold_together(tap, runs, mode, kind):
    try:
        found = compare(*(channels(one.path("transcript.jsonl"), one.path("signing.jsonl")) for one in runs))
    except (OSError, ValueError, KeyError) as problem:
        tap.check("both hosts left a transcript", False, repr(problem))
        return
    explained = Explained(os.path.join(HERE, "differences.json"), mode, kind)
    strange = []
    for difference in found:
        row = explained.row(difference)
        print("# %-18s %s" % (row["id"] if row else "NOT EXPLAINED", difference))
        if row is None:
            strange.append(difference)
    tap.check("each of the %d differences is one that is meant" % len(found), not strange, *strange)
    tap.check("each difference that is explained is still there", not explained.stale(), *explained.stale())
    with open(os.path.join(HERE, "../../docs/fidelity.md"), encoding="utf-8") as page:
        rows = page.read()
    untold = [name for name in explained.names if "| `%s` |" % name not in rows]
    tap.check("and docs/fidelity.md tells why", not untold, *untold)


class Hands:
    """A person at the cable: usbmuxd forgets a phone that did not answer it within five seconds, until it comes anew."""

    def __init__(self, phone, daemon):
        self.phone, self.daemon, self.ended = phone, daemon, threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        seen = 0
        while not self.ended.wait(1):
            given_up = self.daemon.said().count("preflight_worker_handle_device_add: ERROR")
            if given_up > seen and self.phone.ask("state")["mode"] == "normal":
                self.phone.ask("unplug")
                self.phone.ask("plug")
            seen = given_up

    def rest(self):
        self.ended.set()
        self.thread.join()


def inside(sim, revive, folder, port, host, kind):
    empty_places()
    notes, phone = Notes(), Phone(sim, folder)
    daemon = Daemon(phone.path("usbmuxd.log"))
    hands = Hands(phone, daemon)
    try:
        testify(notes, phone, daemon, (revive, port), host, kind)
    finally:
        hands.rest()
        daemon.child.kill()
        daemon.child.wait()
    with open(phone.path("checks.json"), "w", encoding="utf-8") as file:
        json.dump(notes.checks, file)


def idevicerestore(phone, places, firmware, kind):
    return run("idevicerestore", "-d", "-y", "-P", "-s", "-C", phone.folder, *(["-e"] if kind == "erase" else []), firmware,
               env={"http_proxy": "http://127.0.0.1:" + places[1]}, limit=RESTORE_S)


def revive_run(phone, places, firmware, kind):
    revive, port = places
    env = {"REVIVE_APPLE_TSS": "http://127.0.0.1:%s/TSS/controller?action=2" % port, "REVIVE_DEADLINE_SCALE": "1",
           "REVIVE_TRUST_ROOT": phone.path("scene/pki/root.der"), "REVIVE_USB": "", "USBMUXD_SOCKET_ADDRESS": ""}
    env.update({"XDG_%s_HOME" % name: phone.path(name.lower()) for name in ("CONFIG", "CACHE", "STATE", "DATA")})
    words = ["env", "-u", "REVIVE_USB", "-u", "USBMUXD_SOCKET_ADDRESS", revive, "restore" if kind == "erase" else "update"]
    return run(*words, "--ipsw", firmware, "--yes", "--json", env=env, limit=RESTORE_S)


def ended_well(host, ran):
    if host == "idevicerestore":
        return ran.status == 0 and "Status: Restore Finished" in ran.text
    return ran.status == 0 and json.loads(ran.text.splitlines()[-1]).get("ok") is True


def testify(notes, phone, daemon, places, host, kind):
    firmware = phone.path("scene/files/new.ipsw")
    new_system = run(phone.sim, "ipsw-hash", firmware, env={"LD_PRELOAD": ""}).text.strip()
    system, data = phone.ask("hash", "system")["hash"], phone.ask("hash", "data")["hash"]
    notes.check("another system is installed before", len(new_system) == 96 and system != new_system, new_system, system)
    before = phone.address()
    if phone.ask("state")["mode"] == "normal":
        notes.check("usbmuxd has paired with it", daemon.await_listed(phone.udid, True) and
                    phone.await_record("paired", "now trusts"), daemon.said())

    ran = {"idevicerestore": idevicerestore, "revive": revive_run}[host](phone, places, firmware, kind)
    record = phone.record()
    said = "\n".join("%s: %s" % line for line in record[-40:])
    notes.check("ends well", ended_well(host, ran), "status %s" % ran.status, ran.text[-3500:], said, daemon.said()[-3000:])
    notes.check("the device was asked to %s" % kind,
                any(w == "restored" and "StartRestore" in t and kind.capitalize() in t for w, t in record), said)
    notes.check("it asked for the image, and took it", any(w == "asr" and "checksums on" in t for w, t in record), said)
    notes.check("it reported success", phone.recorded("status", "0") and not phone.recorded("failure", ""), said)
    notes.check("and the host took note", phone.await_record("restored", "ReceivedFinalStatusMsg"), said)
    notes.check("the device starts", phone.await_mode("normal", after=before), said)
    notes.check("the new system stands on it, byte for byte", phone.ask("hash", "system")["hash"] == new_system)
    kept = phone.ask("hash", "data")["hash"] == data
    notes.check("user data is gone" if kind == "erase" else "user data is kept, byte for byte", kept != (kind == "erase"))


if sys.argv[1] == "inside":
    inside(*sys.argv[2:8])
else:
    outside(*sys.argv[1:6])
