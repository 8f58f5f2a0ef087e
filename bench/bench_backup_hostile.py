#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""a phone that wants to write elsewhere or to fill memory or disk: all 32 ways (a third of them is in ./dev test)"""
import os
import pathlib
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
revive = os.path.abspath(sys.argv[1])
sys.exit(subprocess.run([sys.executable, root / "tests/witness/test_backup_hostile.py", os.path.join(os.path.dirname(revive), "revive-sim"),
                         revive, "all"], cwd=root / "tests/witness", check=False).returncode)
