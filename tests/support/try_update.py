#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev try: a virtual iPhone in a boot loop after a broken update is brought back, and every claim is checked.

The device, its storage and Apple's servers are revive-sim's; revive itself is the program that people run. Exit 0
only if each line of the last paragraph was found to be true.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stage import Stage, StageError  # noqa: E402 pylint: disable=wrong-import-position


class Broken(Exception):
    """A claim that did not hold."""


def claim(true, words):
    if not true:
        raise Broken(words)
    print(f"  ok   {words}", flush=True)


def show(stage, words):
    """Runs revive as a person does: its output goes straight to the terminal."""
    name = [pathlib.Path(w).name if str(w).startswith("/") else w for w in words]
    print(f"\n$ revive {' '.join(map(str, name))}", flush=True)
    env = stage.environment()
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        env.pop("NO_COLOR")
    done = subprocess.run([stage.build / "revive", *map(str, words)], env=env, timeout=120, check=False)
    if done.returncode != 0:
        raise Broken(f"`revive {' '.join(map(str, name))}` ended with exit code {done.returncode}")


def only_device(stage):
    done = stage.revive("list", "--json")
    devices = json.loads(done.out).get("devices", []) if done.code == 0 else []
    if len(devices) != 1:
        raise Broken(f"`revive list` shows {len(devices)} devices, not one: {done.err.strip()}")
    return devices[0]


def play(stage):
    print("A virtual iPhone X. Its update was cut off half way: it shows the logo, dies, and starts again.")
    stage.start()
    stage.await_mode("recovery", 60)
    user_data, broken_system = stage.hash_of("data"), stage.hash_of("system")
    new_system = stage.hash_in(stage.new_ipsw)

    show(stage, [])
    device = only_device(stage)
    show(stage, ["update", "--ipsw", stage.new_ipsw, "--yes"])
    show(stage, ["info"])

    print("\nWhat is true now, by the device's own word:")
    state = stage.control("state")
    claim(device.get("mode") == "recovery", "revive had found it in Recovery mode")
    claim(state.get("mode") == "normal", "it is in Normal mode")
    claim(state.get("version") == "11.3" and state.get("build") == "15E216", "it runs iOS 11.3 (15E216), the new one")
    claim(only_device(stage).get("mode") == "normal", "revive sees it in Normal mode too")
    claim(broken_system != new_system and stage.hash_of("system") == new_system,
          f"its system volume is the new one (SHA-384 {new_system[:16]}...)")
    claim(stage.hash_of("data") == user_data, f"its user partition is what it was (SHA-384 {user_data[:16]}...)")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="folder with revive and revive-sim")
    parser.add_argument("--keep", help="keep the stage in this folder")
    options = parser.parse_args()
    begun = time.monotonic()
    try:
        with Stage(options.build, folder=options.keep, system_bytes=32 << 20, data_bytes=8 << 20,
                   time_scale="0.1") as stage:
            play(stage)
    except (Broken, StageError, subprocess.TimeoutExpired) as problem:
        print(f"\nNOT PROVEN: {problem}", flush=True)
        return 1
    print(f"\nProven in {time.monotonic() - begun:.0f} s: an iPhone stuck in Recovery mode starts again with iOS 11.3, "
          "its system rewritten, data kept.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
