# SPDX-License-Identifier: Apache-2.0
"""idevicebackup2 at a virtual iPhone with a person's files: what the backup tests share."""
import concurrent.futures
import os
import shutil

from phone import Tap, need, phone_on_socket

NOISE = ("Sending '", "Receiving ", "[", "Moving ", "Removing ", "Received ")


class Rig:
    """A trusted phone, and a folder for its backups."""

    def __init__(self, sim, settings=(), files=200):
        need("idevicebackup2", "idevicepair")
        self.tap = Tap()
        self.phone = phone_on_socket(sim, settings=["trust=yes", "files=%d" % files, "keybag_rounds=1000", *settings])
        ran = self.phone.run("idevicepair", "pair")
        self.tap.check("the host is trusted", "SUCCESS" in ran.text, ran)
        self.folder = self.phone.path("backups")
        os.mkdir(self.folder)
        self.seen = 0

    def run(self, *words, folder=None):
        """idevicebackup2, without the lines that tell of each file."""
        ran = self.phone.run("idevicebackup2", *words, folder or self.folder, limit=40)
        ran.text = "\n".join(line for line in ran.text.splitlines() if line and not line.startswith(NOISE))
        return ran

    def told(self):
        """What the device's backup agent wrote down since the last question."""
        record = self.phone.record()
        new = [text for what, text in record[self.seen:] if what == "backup"]
        self.seen = len(record)
        return new

    def leaf(self, name, folder=None):
        return os.path.join(folder or self.folder, self.phone.udid, name)

    def digest(self):
        """Of every row and content on the device."""
        return self.phone.ask("user", "digest")["digest"]

    def wipe(self):
        return self.phone.ask("user", "wipe")["ok"]

    def copies(self, harms):
        """A copy of the backup for each harm (name, function of its folder); restores all, several at a time."""
        def one(harm):
            name, spoil, *words = harm
            folder = self.phone.path("copy-" + name.replace(" ", "-"))
            shutil.copytree(self.folder, folder)
            spoil(os.path.join(folder, self.phone.udid))
            return name, self.run("restore", "--system", "--settings", "--no-reboot", *words, folder=folder)

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            return dict(pool.map(one, harms))
