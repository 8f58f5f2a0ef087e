# SPDX-License-Identifier: Apache-2.0
"""The real usbmuxd in a mount namespace of its own, with an empty /run and /var/lib/lockdown, so that it touches
nothing outside. It is ended by SIGKILL: with umockdev's nodes always writable it never comes to look at SIGTERM."""
import os
import subprocess
import time

from phone import run, skip_all


def namespace():
    """Words that start a program in a mount namespace of its own."""
    space = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if run(*space, "mount", "-t", "tmpfs", "none", "/run").status != 0:
        skip_all("no mount namespace can be made here")
    return space


def empty_places():
    for place in ("/run", "/var/lib/lockdown"):
        if place != "/run":
            os.makedirs(place, exist_ok=True)
        if run("mount", "-t", "tmpfs", "none", place).status != 0:
            raise SystemExit("Bail out! cannot put an empty folder over " + place)


class Daemon:
    def __init__(self, log):
        self.log = log
        # A sanitizer's options are for our own programs.
        env = {k: v for k, v in os.environ.items() if k != "ASAN_OPTIONS"}
        self.child = subprocess.Popen(["usbmuxd", "-f", "-v", "-U", "root"], stdin=subprocess.DEVNULL, env=env,
                                      stdout=open(log, "w"), stderr=subprocess.STDOUT)

    def said(self):
        """Its log, without the coming and going of clients."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return "".join(line for line in file if "] Client " not in line)

    def await_listed(self, udid, listed, seconds=20):
        """True when the daemon lists the device, or no longer does, in time."""
        until = time.monotonic() + seconds
        while (udid in run("idevice_id", "-l").text.split()) != listed:
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True
