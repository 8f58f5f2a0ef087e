#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real and realistic databases of public collections: type x sample x expected / found, each in a line.

usage: samples.py REVIVE
Looks for $REVIVE_SHARED/data/artifacts, or ../shared beside the project; skipped without them. The expected values are
those of the collection (expected.json beside a sample, its SOURCES.md) or of a query by Python's sqlite3.
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Skip, Tap  # pylint: disable=wrong-import-position
import asks  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()


def sample(*path):
    place = os.path.join(asks.SAMPLES, *path)
    if not os.path.exists(place):
        raise Skip("the samples are not here")
    return place


def expected(*path):
    with open(sample(*path, "expected.json"), encoding="utf-8") as file:
        return json.load(file)


def same(kind, name, wanted, found):
    print(f"# {kind} x {name}: expected {wanted}, found {found}", flush=True)
    assert wanted == found, (kind, name, wanted, found)


def check_message(wanted, found):
    for key in ("text", "date"):
        if key in wanted:
            assert found[key] == wanted[key], (key, wanted, found)
    if "from" in wanted:
        assert found["from"] == wanted["from"], (wanted, found)
    assert found["state"] == wanted.get("state", "live")
    assert found.get("deleted") == wanted.get("deleted")
    assert [{"from": t["from"], "kind": t["kind"]} for t in found.get("tapbacks", [])] == wanted.get("tapbacks", [])
    assert [e["text"] for e in found.get("edits", [])] == wanted.get("edits", [])
    assert [p["text"] for p in found.get("deleted_parts", [])] == wanted.get("deleted_parts", [])
    assert found.get("unsent", False) == wanted.get("unsent", False)
    assert found.get("reply_to") == wanted.get("reply_to")
    assert found.get("effect") == wanted.get("effect")
    assert found.get("happened") == wanted.get("event") and found.get("title") == wanted.get("title")
    assert found.get("who") == wanted.get("who")
    if "attachment" in wanted:
        one, = found["attachments"]
        name = f"{one['domain']}:{one['path']}" if "path" in one else None
        assert name == wanted["attachment"], (wanted, found)
        assert one["state"] == ("in_icloud" if name is None else "not_in_source")


@TAP.test
def made_messages_of_ios_18_are_those_of_expected_json():
    wanted = expected("messages", "made_ios18")
    found = {r["guid"]: r for r in asks.records(PROGRAM, sample("messages", "made_ios18", "sms.db"), "messages")}
    groups = {"direct": wanted["chats"]["direct"], "group": wanted["chats"]["group"]}
    for kind in ("direct", "group"):
        for one in wanted[kind]:
            check_message(one, found[one["guid"]])
            chat = found[one["guid"]]["chat"]
            assert groups[kind] in (chat["id"], chat.get("name")), chat
    same("messages", "made_ios18", len(wanted["direct"]) + len(wanted["group"]), len(found))


@TAP.test
def synthetic_messages_of_ios_18_give_their_text_though_their_bodies_are_cut():
    found = asks.records(PROGRAM, sample("messages", "synthetic_ios18", "messages.1.sms.db"), "messages")
    texts = {r["source"]["rowid"]: r.get("text") for r in found}
    same("messages", "synthetic_ios18", 9, len(found))  # ten rows, one of them a tapback
    assert texts[2] == "Reply via attributedBody" and texts[4] == "Hi \U0001F44B group \U0001F30D"
    assert texts[3] == "The quick brown fox jumped. " * 8
    assert [r["source"]["rowid"] for r in found if r.get("undecodable")] == [9]


if __name__ == "__main__":
    sys.exit(TAP.run())
