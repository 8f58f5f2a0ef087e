# SPDX-License-Identifier: Apache-2.0
"""Tests as functions whose names are sentences; the outcome as TAP."""
import traceback


class Skip(Exception):
    """The test cannot run here; the message says why."""


class Tap:
    def __init__(self):
        self.tests = []

    def test(self, function):
        self.tests.append(function)
        return function

    def run(self):
        failed = 0
        print(f"1..{len(self.tests)}", flush=True)
        for number, function in enumerate(self.tests, 1):
            name = function.__name__.replace("_", " ")
            try:
                function()
            except Skip as why:
                print(f"ok {number} - {name} # SKIP {why}", flush=True)
            except Exception:  # pylint: disable=broad-except
                failed += 1
                print(f"not ok {number} - {name}", flush=True)
                print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="", flush=True)
            else:
                print(f"ok {number} - {name}", flush=True)
        return 1 if failed else 0
