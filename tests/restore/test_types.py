#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/restore_types.json against the collected list of what devices ask and hosts answer. usage: test_types.py SOURCE

Skipped where the list is not at hand (REVIVE_SHARED, or ../shared beside the project).
"""
import json
import os
import pathlib
import sys

SOURCE = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(SOURCE / "tests" / "support"))
from tap import Tap  # noqa: E402

tap = Tap()
# Answered by others, not by revive: why.
LEFT_OUT = {
    "BootabilityBundle": "Macs",
    "BootabilityBundleV2": "Macs",
    "RecoveryOSLocalPolicy": "needs a ticket of the recovery system's own",
    "RecoveryOSRootTicketData": "the same",
}
OURS_ALONE = {"DeviceTree": "asked by every release from 11 on, in no host's list"}


def listed():
    own = os.environ.get("REVIVE_SHARED")
    for base in [pathlib.Path(own)] if own else [SOURCE.parent / "shared", SOURCE.parent.parent / "shared"]:
        if (base / "data" / "restore_data_types.json").is_file():
            return json.loads((base / "data" / "restore_data_types.json").read_text(encoding="utf-8"))
    return None


def rows_of(rows):
    return {(row["kind"], row["type"]): row for row in rows}


collected = listed()
if collected is None:
    print("1..0 # SKIP the collected list is not at hand")
    sys.exit(0)
theirs = rows_of(collected)
ours = rows_of(json.loads((SOURCE / "data" / "restore_types.json").read_text(encoding="utf-8")))


@tap.test
def each_type_of_the_list_has_a_row_and_no_row_is_invented():
    assert not set(theirs) - set(ours), set(theirs) - set(ours)
    assert {kind_type[1] for kind_type in set(ours) - set(theirs)} == set(OURS_ALONE)


@tap.test
def what_is_announced_is_what_known_hosts_announce():
    wrong = [(key, ours[key]["optional"], row["announced"]) for key, row in theirs.items()
             if ours[key]["optional"] != row["announced"]]
    assert not wrong, wrong


@tap.test
def what_a_known_host_answers_is_answered_or_left_out_for_a_reason():
    unanswered = {key[1] for key, row in theirs.items()
                  if key[0] == "data" and row["answered_by"] and ours[key]["answer"] is None}
    assert unanswered == set(LEFT_OUT), unanswered ^ set(LEFT_OUT)
    assert not [name for name in LEFT_OUT if not ours["data", name]["note"]]


@tap.test
def an_answers_key_is_one_that_known_hosts_use():
    wrong = [(key, row["key"], theirs[key]["reply_keys"]) for key, row in ours.items()
             if key in theirs and row.get("answer") and row.get("key")
             and not any(reply.startswith(row["key"]) for reply in theirs[key]["reply_keys"])]
    assert not wrong, wrong


@tap.test
def what_nobody_answers_is_not_answered_here_either():
    invented = [key for key, row in theirs.items() if key[0] == "data" and not row["answered_by"] and ours[key]["answer"]]
    assert not invented, invented


sys.exit(tap.run())
