#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real and realistic databases of public collections: type x sample x expected / found, each in a line.

usage: samples.py REVIVE
Looks for $REVIVE_SHARED/data/artifacts, or ../shared beside the project; skipped without them. The expected values are
those of the collection (expected.json beside a sample, its SOURCES.md) or of a query by Python's sqlite3.
"""
import json
import os
import plistlib
import shutil
import sqlite3
import sys
import tempfile

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


def listed(kind, *path, more=()):
    return asks.records(PROGRAM, sample(*path), kind, *more)


@TAP.test
def made_calls_of_ios_14_are_those_of_expected_json():
    wanted = expected("calls", "made_ios14")["calls"]
    found = listed("calls", "calls", "made_ios14", "CallHistory.storedata", more=("--state", "live"))
    same("calls", "made_ios14", len(wanted), len(found))
    for w, f in zip(sorted(wanted, key=lambda c: c["date"]), found):
        for key in ("number", "duration", "direction", "kind", "service", "location", "answered"):
            assert f.get(key) == w[key], (key, w, f)
        assert f["date"][:19] == w["date"][:19] and sorted(f.get("participants", [])) == sorted(w.get("participants", [])), (w, f)


@TAP.test
def synthetic_calls_of_ios_18_have_their_group_though_the_join_has_another_number():
    found = {c["source"]["rowid"]: c for c in listed("calls", "calls", "synthetic_ios18", "CallHistory.storedata")}
    same("calls", "synthetic_ios18", 5, len(found))
    assert found[3]["participants"] == ["+15550300", "+15550301"] and found[2]["junk"] and "participants" not in found[5]
    assert found[1]["name"] == "Alex Fixture" and found[1]["duration"] == 65.5


@TAP.test
def contacts_that_lie_in_the_log_alone_are_found():
    one, = listed("contacts", "contacts", "ios16_belkasoft", "AddressBook.sqlitedb")
    same("contacts", "ios16_belkasoft", 1, 1)
    assert one["name"] == "William Phorger" and one["emails"] == [{"label": "Home", "value": "billthemegakill@icloud.com"}]
    assert one["created"] == "2024-04-05T22:07:44Z"
    empty = listed("contacts", "contacts", "ios16_magnet", "AddressBook.sqlitedb", more=("--state", "live"))
    same("contacts", "ios16_magnet", 0, len(empty))


@TAP.test
def synthetic_contacts_have_labels_addresses_groups_and_an_organization():
    found = {c["source"]["rowid"]: c for c in listed("contacts", "contacts", "synthetic_ios18", "contacts.1.AddressBook.sqlitedb")}
    same("contacts", "synthetic_ios18", 4, len(found))
    alex = found[1]
    assert alex["name"] == "Dr. Alex Quinn Fixture Jr." and alex["birthday"] == "1990-04-01" and alex["groups"] == ["Fixture Friends"]
    assert [(p.get("label"), p["value"]) for p in alex["phones"]] == [("Home", "+1 555 0100"), ("Work", "+1 555 0101"), (None, "+1 555 0102")]
    assert alex["addresses"][0] == {"label": "Home", "street": "1 Synthetic Way", "city": "Faketown", "state": "FX", "zip": "00001",
                                    "country": "Fixtureland"}
    assert found[3]["is_organization"] and found[3]["name"] == "Acme Synthetics"


def check_photo(wanted, found):
    assert found["path"] == wanted["path"] and found["date"][:19] == wanted["date"][:19], (wanted, found)
    for key in ("kind", "state", "hidden", "favourite", "live_photo", "screenshot", "burst"):
        assert found[key] == wanted[key], (key, wanted, found)
    assert found["albums"] == wanted["albums"] and found.get("edited") == wanted.get("edited"), (wanted, found)
    assert found.get("live_video") == wanted.get("live_video")
    assert (found["gps"] is None) == (wanted["gps"] is None)
    if wanted["gps"]:
        assert all(abs(a - b) < 1e-6 for a, b in zip(found["gps"], wanted["gps"])), (wanted, found)
    assert ("days_left" in found) == (wanted["state"] == "recently_deleted")


@TAP.test
def made_photos_of_ios_10_and_14_are_those_of_expected_json():
    for name in ("made_ios14", "made_ios10"):
        wanted = expected("photos", name)["assets"]
        found = listed("photos", "photos", name, "Photos.sqlite", more=("--state", "live,recently-deleted"))
        same("photos", name, len(wanted), len(found))
        for w, f in zip(wanted, found):
            check_photo(w, f)


@TAP.test
def made_voicemail_and_memos_are_those_of_expected_json():
    wanted = expected("voicemail", "made_ios15")
    found = listed("voicemail", "voicemail", "made_ios15", "voicemail.db", more=("--state", "live,recently-deleted"))
    same("voicemail", "made_ios15", len(wanted), len(found))
    for w, f in zip(wanted, found):
        assert (f["date"], f.get("sender"), f["state"], f.get("trashed"), f["audio"]["path"]) == (
            w["date"], w["sender"], w["state"], w["trashed"], w["audio"]), (w, f)
    wanted = expected("voice_memos", "made_ios15")
    found = listed("voice-memos", "voice_memos", "made_ios15", "CloudRecordings.db", more=("--state", "live,recently-deleted"))
    same("voice-memos", "made_ios15", len(wanted), len(found))
    for w, f in zip(wanted, found):
        assert (f["date"][:19], f["title"], f["duration"], f["file"], f.get("folder"), f["state"]) == (
            w["date"][:19], w["title"], w["duration"], w["file"], w["folder"], w["state"]), (w, f)
    empty = listed("voicemail", "voicemail", "ios16_belkasoft_empty", "voicemail.db", more=("--state", "live"))
    same("voicemail", "ios16_belkasoft_empty", 0, len(empty))


@TAP.test
def real_notes_of_ios_15_give_their_text_and_locked_ones_say_so():
    found = listed("notes", "notes", "ios15_hickman", "NoteStore.sqlite", more=("--state", "live,recently-deleted"))
    same("notes", "ios15_hickman", 7, len(found))
    locked = [n for n in found if n.get("locked")]
    assert len(locked) == 4 and all("text" not in n and n["title"] for n in locked)
    texts = {n["title"]: n["text"] for n in found if "text" in n}
    assert texts["iOS 15 Note"] == "iOS 15 Note\n\nHere is the test iOS 15 note. ", texts
    assert {n["folder"] for n in found} == {"Notes", "My New Folder"} and {n["account"] for n in found} == {"iCloud"}
    none = listed("notes", "notes", "ios16_magnet", "NoteStore.sqlite", more=("--state", "live"))
    same("notes", "ios16_magnet", 0, len(none))


@TAP.test
def synthetic_and_old_notes_are_read_and_a_broken_body_is_not_shown_as_empty():
    found = {n["title"]: n for n in listed("notes", "notes", "synthetic_ios18", "notes.1.NoteStore.sqlite")}
    same("notes", "synthetic_ios18", 6, len(found))
    assert found["Shopping"]["text"] == "Shopping list\nmilk\neggs\nbread" and found["Shopping"]["pinned"]
    assert found["Corrupt body"]["undecodable"] and found["Corrupt body"]["body_base64"] and found["Locked"]["locked"]
    assert found["Trash note"]["state"] == "recently_deleted"
    old = listed("notes", "notes", "macos_legacy", "NotesV7.storedata", more=("--state", "live"))
    same("notes", "macos_legacy", 3, len(old))
    assert "3015555555: plumbing and heating" in old[0]["text"] and "<" not in old[0]["text"]


@TAP.test
def synthetic_calendar_reminders_and_bookmarks_have_their_values():
    events = {e["source"]["rowid"]: e for e in listed("calendar", "calendar", "synthetic_ios18", "Calendar.sqlitedb")}
    same("calendar", "synthetic_ios18", 5, len(events))
    sync = events[1]
    assert sync["calendar"] == "Work" and sync["account"] == "iCloud" and sync["location"] == "HQ, 1 Example Way"
    assert sync["recurrence"]["FREQ"] == "WEEKLY" and sync["recurrence"]["COUNT"] == 10
    assert [a["address"] for a in sync["attendees"]] == ["blair@example.invalid", "casey@example.invalid"]
    assert [a["status"] for a in sync["attendees"]] == ["accepted", "declined"] and sync["organizer"]["name"] == "Alex Organizer"
    assert sync["alarms"] == [{"seconds": -900}, {"at": "2023-03-08T20:11:40Z"}]
    assert (events[2]["date"], events[2]["end"], events[2]["all_day"]) == ("2023-03-10", "2023-03-12", True)  # ends at 00:13:19
    assert events[4]["date_unreadable"]
    todo, = listed("reminders", "reminders", "synthetic_ios18", "Data-local.sqlite")
    same("reminders", "synthetic_ios18", 1, 1)
    assert (todo["title"], todo["list"], todo["account"], todo["completed"]) == ("Water plants", "Personal", "On My iPhone", False)
    marks = {m["title"]: m for m in listed("bookmarks", "safari", "synthetic_ios18", "Bookmarks.db")}
    same("bookmarks", "synthetic_ios18", 5, len(marks))
    assert marks["Nested Bookmark"]["folders"] == ["Favourites", "Dev"] and marks["Nested Bookmark"]["date"].startswith("2021-01-07T06:13:20")
    assert marks["RL Unread"]["reading_list"] and not marks["RL Unread"]["read"] and marks["RL Read"]["read"]
    visits = listed("history", "safari", "legacy_plist", "History.plist")
    same("history", "legacy_plist", 18, len(visits))
    assert visits[0]["url"].startswith("http://www.youtube.com/watch") and visits[0]["date"].startswith("2013-07-08T2")


@TAP.test
def a_small_real_backup_of_ios_14_is_searched_by_its_index():
    place = sample("mini_backup_ios14")
    counts = asks.scan(PROGRAM, place, "messages")
    same("messages", "mini_backup_ios14", (1, 1), (counts["files"], counts["live"]))
    tabs = asks.scan(PROGRAM, place, "tabs")
    same("tabs", "mini_backup_ios14", (1, 1), (tabs["files"], tabs["live"]))
    photos = asks.scan(PROGRAM, place, "photos")
    assert photos["files"] == 0 and "not complete" in photos["why"][0], photos


def asked(question, *path):
    """A query by Python's own library, of a copy with its log."""
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(os.path.dirname(sample(*path))):
            if name.startswith(path[-1]):
                shutil.copy(os.path.join(os.path.dirname(sample(*path)), name), folder)
        con = sqlite3.connect(os.path.join(folder, path[-1]))
        rows = con.execute(question).fetchall()
        con.close()
        return rows


@TAP.test
def accounts_of_ios_15_are_those_that_a_query_gives():
    wanted = asked("SELECT a.ZIDENTIFIER, a.ZUSERNAME, t.ZIDENTIFIER FROM ZACCOUNT a JOIN ZACCOUNTTYPE t ON t.Z_PK=a.ZACCOUNTTYPE",
                   "accounts", "josh_ios15_ffs", "Accounts3.sqlite")
    found = [(r["id"], r.get("user"), r["kind_id"]) for r in listed("accounts", "accounts", "josh_ios15_ffs", more=("--state", "live"))]
    same("accounts", "josh_ios15_ffs", len(wanted), len(found))
    assert sorted(wanted, key=str) == sorted(found, key=str)


@TAP.test
def health_of_ios_13_is_that_of_expected_json():
    wanted = expected("health", "made_ios13")
    found = listed("health", "health", "made_ios13", more=("--state", "live"))
    by_kind = {kind: [r for r in found if r.get("kind") == kind] for kind in ("steps", "heart rate", "workout")}
    same("health", "made_ios13 steps", wanted["steps_total"], sum(r["value"] for r in by_kind["steps"]))
    same("health", "made_ios13 counts", wanted["counts"], {"steps": len(by_kind["steps"]), "heart_rate": len(by_kind["heart rate"])})
    assert abs(sum(r["value"] for r in by_kind["heart rate"]) / 30 - wanted["heart_rate_mean_bpm"]) < 0.001
    same("health", "made_ios13 workouts", [{"activity": w["activity"], "duration_s": w["duration_s"], "start": w["start"]} for w in wanted["workouts"]],
         [{"activity": r["activity"], "duration_s": int(r["duration"]), "start": r["date"]} for r in by_kind["workout"]])


@TAP.test
def messages_of_kik_are_those_that_a_query_gives():
    wanted = asked("SELECT m.ZSTANZAID, m.ZBODY, u.ZJID, m.ZTYPE=2 FROM ZKIKMESSAGE m LEFT JOIN ZKIKUSER u ON u.Z_PK=m.ZUSER", "other_apps", "kik", "kik.sqlite")
    found = [(r.get("guid"), r.get("text"), r["chat"]["id"], int(r["from_me"])) for r in listed("kik", "other_apps", "kik", more=("--state", "live"))]
    same("kik", "kik", len(wanted), len(found))
    assert sorted(((a, b or None, c or "unknown", d) for a, b, c, d in wanted), key=str) == sorted(found, key=str)


@TAP.test
def hours_of_screen_time_are_those_that_a_query_gives():
    wanted, = asked("SELECT count(*), sum(ZTOTALTIMEINSECONDS) FROM ZUSAGETIMEDITEM", "screentime", "RMAdminStore-Local.sqlite")
    found = listed("screen-time", "screentime", more=("--state", "live"))
    same("screen-time", "RMAdminStore-Local", wanted, (len(found), sum(r["seconds"] for r in found)))


@TAP.test
def wifi_networks_are_listed_only_when_they_are_named():
    for name in ("belkasoft_ctf6_ios_device1", "josh_ios15_ffs"):
        with open(sample("wifi_cellular", name, "com.apple.wifi.known-networks.plist"), "rb") as file:
            wanted = {value["SSID"].decode() for value in plistlib.load(file).values() if isinstance(value, dict) and "SSID" in value}
        found = {r["name"] for r in listed("wifi", "wifi_cellular", name)}
        same("wifi", name, wanted, found)
        done = asks.revive(PROGRAM, "recover", "scan", "--from", sample("wifi_cellular", name), "--json")
        assert "wifi" not in [row["type"] for row in json.loads(done.stdout.decode().splitlines()[-1])["types"]]


if __name__ == "__main__":
    sys.exit(TAP.run())
