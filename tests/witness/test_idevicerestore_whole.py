#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real idevicerestore updates and erases the virtual iPhone: through umockdev in Recovery, through the real usbmuxd
in Restore mode, with the signing server reached as its HTTP proxy (its own addresses are fixed; -s takes one that is
plain HTTP).

Its exit status is not enough: the device's own record and the hashes of its storage must say the same."""
import os
import subprocess
import sys

from phone import Phone, Tap, folder_for_test, need, run, skip_all, stage, stop

SECONDS = 170
RESTORE_S = 120


def signing_server(sim, folder):
    """Address of a running signing server, and its process."""
    scene = os.path.join(folder, "scene")
    words = [sim, "apple", "--listen", "127.0.0.1:0", "--pki", scene + "/pki", "--files", scene + "/files"]
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    line = server.stdout.readline().decode()
    if not line.startswith("listening "):
        raise SystemExit("Bail out! the signing server says " + line)
    return "http://127.0.0.1:" + line.split()[1], server


def outside(sim, host, erase):
    need("idevicerestore", "usbmuxd", "unshare")
    space = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if run(*space, "mount", "-t", "tmpfs", "none", "/run").status != 0:
        skip_all("no mount namespace can be made here")
    folder = folder_for_test()
    stage(sim, folder)
    address, server = signing_server(sim, folder)
    words = [host, "--state", os.path.join(folder, "scene/phone"), "--control", os.path.join(folder, "ctl"),
             "--mode", "recovery", "--time-scale", "0.02", "--timeout", str(SECONDS), "--", *space, sys.executable,
             os.path.abspath(__file__), "inside", sim, folder, address, erase]
    try:
        return subprocess.run(words, stdin=subprocess.DEVNULL, timeout=SECONDS + 20).returncode
    finally:
        stop(server)


def inside(sim, folder, address, erase):
    for place in ("/run", "/var/lib/lockdown"):
        os.makedirs(place, exist_ok=True)
        if run("mount", "-t", "tmpfs", "none", place).status != 0:
            raise SystemExit("Bail out! cannot put an empty folder over " + place)
    tap = Tap()
    phone = Phone(sim, folder)
    # A sanitizer's options are for our own programs.
    env = {k: v for k, v in os.environ.items() if k != "ASAN_OPTIONS"}
    with open(phone.path("usbmuxd.log"), "w", encoding="utf-8") as log:
        daemon = subprocess.Popen(["usbmuxd", "-f", "-v", "-U", "root"], stdin=subprocess.DEVNULL, env=env, stdout=log,
                                  stderr=subprocess.STDOUT)
    try:
        testify(tap, phone, address, erase == "erase")
    finally:
        # By SIGKILL: with umockdev's nodes always writable it never comes to look at SIGTERM.
        daemon.kill()
        daemon.wait()
    tap.end()


def testify(tap, phone, address, erase):
    firmware = phone.path("scene/files/new.ipsw")
    new_system = run(phone.sim, "ipsw-hash", firmware, env={"LD_PRELOAD": ""}).text.strip()
    system, data = phone.ask("hash", "system")["hash"], phone.ask("hash", "data")["hash"]
    tap.check("another system is installed before", len(new_system) == 96 and system != new_system, new_system, system)
    before = phone.address()

    ran = run("idevicerestore", "-d", "-y", "-P", "-s", "-C", phone.folder, *(["-e"] if erase else []), firmware,
              env={"http_proxy": address}, limit=RESTORE_S)
    tap.check("idevicerestore ends well", ran.status == 0 and "Status: Restore Finished" in ran.text,
              "status %s" % ran.status, *ran.text.splitlines()[-25:])
    record = phone.record()
    said = ["%s: %s" % line for line in record]
    tap.check("the device was asked to %s" % ("erase" if erase else "update"),
              any(w == "restored" and "StartRestore" in t and ("Erase" if erase else "Update") in t for w, t in record),
              *said[-25:])
    tap.check("it asked for the image, and took it", any(w == "asr" and "checksums on" in t for w, t in record), *said)
    tap.check("it reported success", phone.recorded("status", "0") and not phone.recorded("failure", ""), *said[-25:])
    tap.check("and the host took note", phone.await_record("restored", "ReceivedFinalStatusMsg"), *said[-25:])
    tap.check("the device starts", phone.await_mode("normal", after=before), *said[-10:])
    tap.check("the new system stands on it, byte for byte", phone.ask("hash", "system")["hash"] == new_system)
    kept = phone.ask("hash", "data")["hash"] == data
    tap.check("user data is gone" if erase else "user data is kept, byte for byte", kept != erase)


if sys.argv[1] == "inside":
    inside(*sys.argv[2:6])
else:
    sys.exit(outside(*sys.argv[1:4]))
