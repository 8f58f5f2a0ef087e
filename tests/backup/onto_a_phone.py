#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged backups of a virtual iPhone, mended and restored onto it by idevicebackup2: some of the kinds, on one system; all
of them on each system: `./dev bench repair`.

usage: onto_a_phone.py REVIVE SYSTEM plain|encrypted KIND...      TAP
"""
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

if shutil.which("idevicebackup2") is None or shutil.which("idevicepair") is None:
    print("1..0 # SKIP idevicebackup2 is not installed")
    sys.exit(0)
import damage_backup as damage  # noqa: E402 pylint: disable=wrong-import-position
import repair_world  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
build = pathlib.Path(sys.argv[1]).resolve().parent
world = repair_world.World(build, sys.argv[2], sys.argv[3] == "encrypted", makers=("revive",), files=48)


def one(kind):
    def check():
        done = world.attempt("revive", kind)
        assert done["accepted"] and done["kept"] == done["could"] > 0, done
        assert done["unchanged"] and not done["missing"] and not done["other"], done
    check.__name__ = kind.replace("-", "_")
    return check


for name in sys.argv[4:]:
    assert name in damage.KINDS, name
    tap.test(one(name))
sys.exit(tap.run())
