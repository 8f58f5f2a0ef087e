#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`revive rescue` from every trouble of the tests, the long ways (boot loop, nothing on the cable) too.

usage: bench_rescue.py REVIVE      prints TAP and the seconds
"""
import pathlib
import subprocess
import sys

build = pathlib.Path(sys.argv[1]).resolve().parent
test = pathlib.Path(__file__).resolve().parent.parent / "tests" / "restore" / "e2e_rescue.py"
sys.exit(subprocess.run([sys.executable, test, "--build", build], check=False).returncode)
