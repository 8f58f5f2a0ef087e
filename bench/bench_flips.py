#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A thousand bits turned in firmware files and tickets: every one found and named, or harmless by rule.

usage: bench_flips.py REVIVE      exit 1 and a line for each that is neither
"""
import pathlib
import subprocess
import sys

flips = pathlib.Path(__file__).resolve().parent.parent / "tests" / "firmware" / "flips.py"
sys.exit(subprocess.run([sys.executable, flips, sys.argv[1], "--count", "1000"], check=False).returncode)
