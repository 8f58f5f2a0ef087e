#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""idevicerestore 1.0.0 before a virtual iPhone 7 that is to be restored to 15.4: it knows nine kinds of requests and
answers no other, so it must come as far as the first that it does not know, and there the device gives up.

usage: test_unknown_request.py REVIVE-SIM UMOCK_HOST"""
import os
import re
import subprocess
import sys

from daemon import Daemon, empty_places, namespace
from phone import Phone, Tap, folder_for_test, need, run, stop

SECONDS = 150
RESTORE_S = 120
PATIENCE_MS = "15000"  # the device waits so long for an answer; the host must not need as much for one that it knows
KNOWN = ("BasebandData", "DeviceTree", "FDRTrustData", "FUDData", "FirmwareUpdaterData", "KernelCache", "NORData",
         "RootTicket", "SystemImageData")


def lay(sim, folder):
    """Keys, firmware and an iPhone 7, as its makers ship it."""
    files = os.path.join(folder, "scene/files")
    os.makedirs(files)
    pki, phone = os.path.join(folder, "scene/pki"), os.path.join(folder, "scene/phone")
    words = [["pki", pki]]
    for leaf, seed in (("old", "1"), ("new", "2")):
        words.append(["ipsw", "--product", "iPhone9,3", "--version", "15.4", "--build", "19E241", "--bytes", "1048576",
                      "--seed", seed, "--out", os.path.join(files, leaf + ".ipsw")])
    words.append(["new", "--state", phone, "--pki", pki, "--product", "iPhone9,3", "--ipsw", os.path.join(files, "old.ipsw"),
                  "--data-bytes", "65536"])
    for line in words:
        made = run(sim, *line, limit=120)
        if made.status != 0:
            raise SystemExit("Bail out! revive-sim %s: %s" % (line[0], made))


def outside(sim, umock):
    need("idevicerestore", "usbmuxd", "unshare")
    space = namespace()
    folder = folder_for_test()
    lay(sim, folder)
    words = [sim, "apple", "--listen", "127.0.0.1:0", "--pki", folder + "/scene/pki", "--files", folder + "/scene/files"]
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True, text=True)
    try:
        port = server.stdout.readline().split()[-1]
        words = [umock, "--state", folder + "/scene/phone", "--mode", "recovery", "--control", folder + "/ctl", "--record",
                 folder + "/transcript.jsonl", "--time-scale", "0.02", "--set", "restored.reply_ms=" + PATIENCE_MS,
                 "--timeout", str(SECONDS), "--", *space, sys.executable, os.path.abspath(__file__), "inside", sim, folder, port]
        return subprocess.run(words, stdin=subprocess.DEVNULL, timeout=SECONDS + 20, check=False).returncode
    finally:
        stop(server)


def inside(sim, folder, port):
    empty_places()
    tap, phone = Tap(), Phone(sim, folder)
    daemon = Daemon(phone.path("usbmuxd.log"))
    try:
        testify(tap, phone, port)
    finally:
        daemon.child.kill()
        daemon.child.wait()
    tap.end()


def testify(tap, phone, port):
    data = phone.ask("hash", "data")["hash"]
    ran = run("idevicerestore", "-d", "-y", "-P", "-s", "-C", phone.folder, phone.path("scene/files/new.ipsw"),
              env={"http_proxy": "http://127.0.0.1:" + port}, limit=RESTORE_S)
    asked = [text for what, text in phone.record() if what == "request"]
    said = ["%s: %s" % line for line in phone.record()][-30:]
    unknown = re.findall(r"Unknown data request '(\w+)' received", ran.text)
    tap.check("idevicerestore comes as far as restored's questions", len(asked) > 0, ran.text[-3000:], *said)
    tap.check("it says which request it does not know: %s" % (unknown[:1] or "none"), len(unknown) == 1, ran.text[-3000:])
    tap.check("that is the first of the device's that is not among its nine, and the last that the device asks",
              unknown == [t for t in asked if t not in KNOWN] == asked[-1:], unknown, asked)
    tap.check("docs/fidelity.md names it", unknown and "`%s`" % unknown[0] in fidelity(), unknown)
    tap.check("it does not say that it has finished", ran.status != 0 and "Status: Restore Finished" not in ran.text, ran.status)
    tap.check("the device reports a failure, not success", not phone.recorded("status", "0"), *said)
    tap.check("user data is still there", phone.ask("hash", "data")["hash"] == data)


def fidelity():
    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/fidelity.md")
    with open(page, encoding="utf-8") as file:
        return file.read().split("stops at", 1)[-1]


if sys.argv[1] == "inside":
    inside(*sys.argv[2:5])
else:
    sys.exit(outside(*sys.argv[1:3]))
