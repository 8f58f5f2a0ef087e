# SPDX-License-Identifier: Apache-2.0
"""A user who may see the device on USB and may not open it: libusb's own refusal, through every verb.

    test_rights.py REVIVE-SIM UMOCK_HOST REVIVE

The USB bus is umockdev's, so the device node is a file whose rights can be taken away. Root sees through file rights:
there the verbs run without the two capabilities that let it."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from tap import Skip, Tap  # noqa: E402

SECONDS = 100
DROP = "-dac_override,-dac_read_search"


def outside(sim, host, revive):
    folder = tempfile.mkdtemp(prefix="revive-rights-")
    try:
        subprocess.run([sim, "stage", "--dir", folder + "/scene", "--scenario", "recovery", "--bytes", str(1 << 20),
                        "--data-bytes", str(1 << 20)], check=True, stdout=subprocess.DEVNULL, timeout=SECONDS)
        return subprocess.run([host, "--state", folder + "/scene/phone", "--mode", "recovery", "--time-scale", "0.02",
                               "--timeout", str(SECONDS), "--", sys.executable, os.path.abspath(__file__), "inside",
                               revive, folder], stdin=subprocess.DEVNULL, timeout=SECONDS + 20, check=False).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Inside:
    def __init__(self, revive, folder):
        self.folder = pathlib.Path(folder)
        self.words = [revive]
        if os.geteuid() == 0:
            if shutil.which("setpriv") is None:
                raise Skip("setpriv is not installed")
            self.words = ["setpriv", "--bounding-set", DROP, "--inh-caps", DROP, revive]
        self.env = dict(os.environ, USBMUXD_SOCKET_ADDRESS=f"UNIX:{folder}/nothing", REVIVE_DEADLINE_SCALE="0.05",
                        NO_COLOR="1", HOME=folder)
        self.env.update({f"XDG_{name}_HOME": f"{folder}/{name}" for name in ("STATE", "CACHE", "DATA", "CONFIG")})
        self.env.pop("REVIVE_USB", None)
        self.node = next((pathlib.Path(os.environ["UMOCKDEV_DIR"]) / "dev/bus/usb/001").iterdir())

    def revive(self, *words):
        return subprocess.run([*self.words, *words], env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)

    def revive_json(self, code, *words):
        done = self.revive(*words, "--json")
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return json.loads(done.stdout.strip().splitlines()[-1])


def inside(revive, folder):
    tap, place = Tap(), Inside(revive, folder)

    @tap.test
    def with_the_right_to_open_it_the_device_tells_who_it_is():
        device = place.revive_json(0, "list")["devices"][0]
        assert device["mode"] == "recovery" and device["permitted"] and device["name"] == "iPhone X", device
        assert place.revive_json(0, "info")["ap_nonce"]

    @tap.test
    def without_it_the_device_is_listed_and_the_reason_said():
        place.node.chmod(0)
        device = place.revive_json(0, "list")["devices"][0]
        assert device["mode"] == "recovery" and device["permitted"] is False, device
        now = place.revive_json(0)["devices"][0]
        assert now["state"] == "denied" and "udev" in now["next"]["words"], now

    @tap.test
    def without_it_every_verb_that_must_open_it_ends_with_four_parts_and_exit_4():
        place.node.chmod(0)
        ipsw = str(place.folder / "scene/files/new.ipsw")
        for words in (["info"], ["recovery", "exit"], ["restart"], ["update", "--ipsw", ipsw, "--yes"]):
            error = place.revive_json(4, *words)["error"]
            assert error["code"] == "DENIED" and error["cause"], (words, error)
            assert any("udev" in action for action in error["actions"]), (words, error)
            text = place.revive(*words)
            assert text.returncode == 4 and "may not" in text.stderr and "udev" in text.stderr, (words, text)

    @tap.test
    def given_back_the_right_works_at_once():
        place.node.chmod(0o644)
        assert place.revive_json(0, "list")["devices"][0]["permitted"] is True

    return tap.run()


if __name__ == "__main__":
    sys.exit(inside(*sys.argv[2:]) if sys.argv[1] == "inside" else outside(*sys.argv[1:]))
