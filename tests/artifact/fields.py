#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each field of each kind of record, from tables written here: all of a record is compared, nothing may be more or less.

usage: fields.py REVIVE
"""
import os
import plistlib
import sqlite3
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap  # pylint: disable=wrong-import-position
import asks  # pylint: disable=wrong-import-position
import made  # pylint: disable=wrong-import-position
from tables import T, UNIX, put, store  # pylint: disable=wrong-import-position
import tables  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()
STAMP = "2023-03-08T20:26:40Z"
SAFARI = "AppDomain-com.apple.mobilesafari/Library/Safari/"


def check(folder, kind, *wanted, **counts):
    return tables.check(PROGRAM, folder, kind, *wanted, **counts)


def date(seconds_later=0):
    return {"date": f"2023-03-08T20:26:{40 + seconds_later:02}Z", "date_raw": T + seconds_later}


@TAP.test
def calls_have_their_kind_their_outcome_and_who_took_part():
    rows = [
        {"ZCALLTYPE": 1, "ZORIGINATED": 1, "ZANSWERED": 0, "ZDURATION": 0, "ZADDRESS": "+4477", "ZUNIQUE_ID": "A", "ZLOCATION": "<<RecentsNumberLocationNotFound>>"},
        {"ZCALLTYPE": 1, "ZORIGINATED": 1, "ZDURATION": 30.5, "ZADDRESS": b"0123", "ZLOCATION": "<<", "ZISO_COUNTRY_CODE": "gb", "ZNAME": "Ada"},
        {"ZCALLTYPE": 8, "ZORIGINATED": 0, "ZANSWERED": 1, "ZDURATION": 5, "ZFACE_TIME_DATA": 0, "ZLOCATION": "Town"},
        {"ZCALLTYPE": 16, "ZANSWERED": 0, "ZDISCONNECTED_CAUSE": 6, "ZJUNKCONFIDENCE": 0, "ZFACE_TIME_DATA": 4711},
        {"ZCALLTYPE": 0, "ZSERVICE_PROVIDER": "com.apple.FaceTime", "ZCALL_CATEGORY": 2, "ZDISCONNECTED_CAUSE": 5, "ZJUNKCONFIDENCE": 1},
        {"ZCALLTYPE": 0, "ZSERVICE_PROVIDER": "com.apple.FaceTime", "ZCALL_CATEGORY": 1, "ZDURATION": 9, "ZLOCATION": ""},
        {"ZCALLTYPE": 0, "ZSERVICE_PROVIDER": "com.apple.Telephony", "ZORIGINATED": 1, "ZANSWERED": 1, "ZDURATION": 0},
        {"ZCALLTYPE": 0, "ZSERVICE_PROVIDER": "net.example.Chat", "ZJUNKCONFIDENCE": 2, "ZLOCATION": "<x"},
    ]
    rows = [{"Z_PK": i + 1, "ZDATE": T + i, "ZDURATION": 0.0, **row} for i, row in enumerate(rows)]
    with tempfile.TemporaryDirectory() as folder:
        path = "HomeDomain/Library/CallHistoryDB/CallHistory.storedata"
        store(folder, path, {
            "ZCALLRECORD": rows,
            "ZHANDLE": [{"Z_PK": 1, "ZNORMALIZEDVALUE": "+1", "ZVALUE": "one"}, {"Z_PK": 2, "ZNORMALIZEDVALUE": None, "ZVALUE": "two"},
                        {"Z_PK": 3, "ZNORMALIZEDVALUE": "", "ZVALUE": "three"}, {"Z_PK": 4, "ZNORMALIZEDVALUE": "+4", "ZVALUE": "four"}],
            "Z_2REMOTEPARTICIPANTHANDLES": [{"Z_2REMOTEPARTICIPANTCALLS": 3, "Z_4REMOTEPARTICIPANTHANDLES": h} for h in (2, 1, 3)] +
                                           [{"Z_2REMOTEPARTICIPANTCALLS": 4, "Z_4REMOTEPARTICIPANTHANDLES": 3}],
            "Z_PRIMARYKEY": [{"Z_ENT": 2, "Z_NAME": "CallRecord", "Z_MAX": 9}]})
        out, cut = {"direction": "outgoing"}, {"direction": "incoming", "status": "missed", "answered": False}
        row = check(folder, "calls", [
            {**date(0), **out, "id": "A", "status": "cancelled", "answered": False, "kind": "phone", "number": "+4477", "duration": 0.0},
            {**date(1), **out, "status": "answered", "answered": True, "kind": "phone", "number": "0123", "name": "Ada", "duration": 30.5, "country": "gb",
             "location": "<<"},
            {**date(2), "direction": "incoming", "status": "received", "answered": True, "kind": "facetime-video", "duration": 5.0, "location": "Town",
             "data_bytes": 0, "participants": ["+1", "two"]},
            {**date(3), **cut, "status": "declined", "kind": "facetime-audio", "duration": 0.0, "data_bytes": 4711},
            {**date(4), **cut, "kind": "facetime-video", "service": "com.apple.FaceTime", "duration": 0.0, "junk": True},
            {**date(5), **cut, "kind": "facetime-audio", "service": "com.apple.FaceTime", "duration": 9.0},
            {**date(6), **out, "status": "cancelled", "answered": True, "kind": "phone", "service": "com.apple.Telephony", "duration": 0.0},
            {**date(7), **cut, "kind": "third-party", "service": "net.example.Chat", "duration": 0.0, "location": "<x", "junk": True}])
        assert "notes" not in row, row
        con = sqlite3.connect(os.path.join(folder, path))
        for most, noted in ((8, False), (9, True)):
            con.execute("UPDATE Z_PRIMARYKEY SET Z_MAX=?", (most,))
            con.commit()
            done = asks.revive(PROGRAM, "recover", "list", "--from", folder, "--type", "calls", "--json")
            assert (f"{most} calls were recorded over time and 8 are kept".encode() in done.stdout) == noted, (most, done.stdout[-900:])
        con.close()


@TAP.test
def calls_of_the_old_list_are_told_by_their_flags():
    rows = [(0, 0, None, "0"), (1, 3, None, "1"), (16, 0, None, "2"), (80, 7, None, "3"), (64, 0, None, "4"), (4, 1, b"x", "5")]
    with tempfile.TemporaryDirectory() as folder:
        store(folder, "WirelessDomain/Library/CallHistory/call_history.db", {"call": [
            {"ROWID": 9 - i, "address": a, "date": UNIX + i, "duration": d, "flags": f, "face_time_data": data, "name": "N" if i == 1 else None,
             "country_code": "262" if i == 1 else None} for i, (f, d, data, a) in enumerate(rows)]})
        base = [{"date": f"2023-03-08T20:26:{40 + i:02}Z", "date_raw": UNIX + i, "number": str(i), "duration": float(rows[i][1])} for i in range(6)]
        missed, received = {"direction": "incoming", "status": "missed", "answered": False}, {"direction": "incoming", "status": "received", "answered": True}
        check(folder, "calls", [
            {**base[0], **missed, "kind": "phone"},
            {**base[1], "direction": "outgoing", "status": "answered", "answered": True, "kind": "phone", "name": "N", "country": "262"},
            {**base[2], **missed, "kind": "facetime-video"}, {**base[3], **received, "kind": "facetime-audio"},
            {**base[4], **missed, "kind": "phone"}, {**base[5], **received, "kind": "facetime-video"}])


@TAP.test
def voicemail_has_its_sound_its_transcript_and_whether_it_was_heard():
    rows = [{"date": UNIX, "sender": "+44 77", "callback_num": "+45", "duration": 12, "expiration": UNIX + 60, "trashed_date": 0, "flags": 1, "receiver": "+1"},
            {"date": UNIX + 1, "sender": None, "duration": 3, "trashed_date": T + 2, "flags": 2},
            {"date": 0, "sender": "", "duration": 0, "trashed_date": 0, "flags": 8},
            {"date": UNIX + 3, "sender": "n" * 40, "duration": 4, "flags": 9}]
    base = "HomeDomain/Library/Voicemail/"
    with tempfile.TemporaryDirectory() as folder:
        store(folder, base + "voicemail.db", {"voicemail": [{"ROWID": i + 1, **row} for i, row in enumerate(rows)]})
        put(folder, base + "1.amr", b"#!AMR\n" + b"s" * 30)
        put(folder, base + "1.transcript", made.archive({"transcriptionString": "call me \u00e4"}))
        put(folder, base + "2.transcript", b"no list at all")

        def audio(number, name, **more):
            return {"name": name, "domain": "HomeDomain", "path": f"Library/Voicemail/{number}.amr", **(more or {"state": "not_in_source"})}

        undated = {"state": "recently_deleted", "sender": "", "duration": 0.0, "heard": False, "audio": audio(3, "undated     unknown.amr")}
        check(folder, "voicemail", [
            undated,
            {"date": STAMP, "date_raw": UNIX, "sender": "+44 77", "callback": "+45", "receiver": "+1", "duration": 12.0, "expires": "2023-03-08T20:27:40Z",
             "heard": True, "audio": audio(1, "2023-03-08 2026 +44 77.amr", bytes=36, state="present"), "transcript": "call me \u00e4"},
            {"state": "recently_deleted", "date": "2023-03-08T20:26:41Z", "date_raw": UNIX + 1, "duration": 3.0, "trashed": "2023-03-08T20:26:42Z",
             "heard": False, "audio": audio(2, "2023-03-08 2026 unknown.amr")},
            {"state": "recently_deleted", "date": "2023-03-08T20:26:43Z", "date_raw": UNIX + 3, "sender": "n" * 40, "duration": 4.0, "heard": True,
             "audio": audio(4, f"2023-03-08 2026 {'n' * 30}.amr")}], live=1, trashed=3)


def memo(number, title, leaf, name=None, **more):
    row = {**date(number), "duration": float(number), "title": title, **more}
    if leaf is not None:
        row["file"] = f"Media/Recordings/{leaf}"
        row["audio"] = {"name": name, "domain": "MediaDomain", "path": f"Media/Recordings/{leaf}", "state": "not_in_source"}
    return {k: v for k, v in row.items() if v is not None}


@TAP.test
def voice_memos_take_the_best_of_three_titles_and_the_name_of_their_file():
    rows = [{"ZENCRYPTEDTITLE": "Best", "ZCUSTOMLABELFORSORTING": "second", "ZCUSTOMLABEL": "third", "ZPATH": "a.m4a", "ZFOLDER": 1, "ZUNIQUEID": "M"},
            {"ZENCRYPTEDTITLE": "", "ZCUSTOMLABELFORSORTING": "second", "ZCUSTOMLABEL": "third", "ZPATH": "deep/er/b.m4a"},
            {"ZCUSTOMLABEL": "third", "ZPATH": "noending", "ZEVICTIONDATE": T + 9},
            {"ZPATH": "/d.qta"}, {"ZPATH": None, "ZENCRYPTEDTITLE": "lost"}, {"ZPATH": "folder/"}]
    rows = [{"Z_PK": i + 1, "ZDATE": T + i, "ZDURATION": i, **row} for i, row in enumerate(rows)]
    wanted = [memo(0, "Best", "a.m4a", "Best.m4a", folder="Interviews", id="M"), memo(1, "second", "b.m4a", "second.m4a"),
              memo(2, "third", "noending", "third", state="recently_deleted", deleted="2023-03-08T20:26:49Z"), memo(3, "d.qta", "d.qta", "d.qta.qta"),
              memo(4, "lost", None), memo(5, None, None)]
    with tempfile.TemporaryDirectory() as folder:
        store(folder, "MediaDomain/Media/Recordings/CloudRecordings.db", {"ZCLOUDRECORDING": rows, "ZFOLDER": [{"Z_PK": 1, "ZENCRYPTEDNAME": "Interviews"}]})
        check(folder, "voice-memos", wanted, live=5, trashed=1)
    with tempfile.TemporaryDirectory() as folder:
        del wanted[0]["folder"]
        store(folder, "MediaDomain/Media/Recordings/Recordings.db", {"ZRECORDING": rows})
        check(folder, "voice-memos", wanted, live=5, trashed=1)


UUID = bytes(range(16))
UUID_WORDS = "00010203-0405-0607-0809-0A0B0C0D0E0F"


@TAP.test
def reminders_of_the_newer_tables_have_list_account_and_what_they_are_part_of():
    rows = [{"ZTITLE": "buy", "ZTITLE1": "old name", "ZNOTES": "n", "ZNOTES1": "old n", "ZCOMPLETED": 1, "ZCOMPLETIONDATE": T + 5, "ZFLAGGED": 1, "ZPRIORITY": 1,
             "ZALLDAY": 1, "ZDUEDATE": T, "ZTIMEZONE": "Europe/Berlin", "ZCREATIONDATE": T + 1, "ZLASTMODIFIEDDATE": T + 2, "ZIDENTIFIER": UUID, "ZLIST": 1,
             "ZACCOUNT": 1, "ZMARKEDFORDELETION": 0},
            {"ZTITLE1": "twine", "ZNOTES1": "green", "ZIDENTIFIER": UUID[:15], "ZPARENTREMINDER": 1, "ZLIST": 2, "ZPRIORITY": 0, "ZCOMPLETED": 0},
            {"ZTITLE": "gone", "ZIDENTIFIER": "text-id", "ZMARKEDFORDELETION": 1, "ZFLAGGED": 0, "ZALLDAY": 0, "ZDUEDATE": T + 3}]
    with tempfile.TemporaryDirectory() as folder:
        store(folder, "AppDomainGroup-group.com.apple.reminders/Container_v1/Stores/Data-local.sqlite", {
            "ZREMCDREMINDER": [{"Z_PK": i + 1, "Z_ENT": 5, **row} for i, row in enumerate(rows)],
            "ZREMCDBASELIST": [{"Z_PK": 1, "ZNAME": "Garden"}, {"Z_PK": 2, "ZNAME": "Shed"}],
            "ZREMCDOBJECT": [{"Z_PK": 1, "ZNAME": "iCloud"}]})
        check(folder, "reminders", [
            {**date(), "uid": UUID_WORDS, "all_day": True, "zone": "Europe/Berlin", "title": "buy", "notes": "n", "list": "Garden", "account": "iCloud",
             "completed": True, "completed_at": "2023-03-08T20:26:45Z", "flagged": True, "priority": 1, "created": "2023-03-08T20:26:41Z",
             "modified": "2023-03-08T20:26:42Z"},
            {"uid": UUID[:15].decode().replace("\0", ""), "title": "twine", "notes": "green", "list": "Shed", "completed": False, "part_of": UUID_WORDS},
            {**date(3), "state": "recently_deleted", "uid": "text-id", "title": "gone", "completed": False}], live=2, trashed=1)


@TAP.test
def reminders_of_the_older_tables_are_told_from_lists_by_their_entity():
    with tempfile.TemporaryDirectory() as folder:
        store(folder, "HomeDomain/Library/Reminders/Container_v1/Stores/Data-x.sqlite", {
            "Z_PRIMARYKEY": [{"Z_ENT": 3, "Z_NAME": "REMCDAccount"}, {"Z_ENT": 7, "Z_NAME": "REMCDReminder"}],
            "ZREMCDOBJECT": [{"Z_PK": 1, "Z_ENT": 3, "ZNAME": "Local", "ZTITLE": None, "ZLIST": None, "ZACCOUNT": None},
                             {"Z_PK": 2, "Z_ENT": 4, "ZNAME1": "Garden", "ZNAME": "not this"}, {"Z_PK": 3, "Z_ENT": 4, "ZNAME": "Shed"},
                             {"Z_PK": 4, "Z_ENT": 7, "ZTITLE": "a", "ZLIST": 2, "ZACCOUNT": 1, "ZIDENTIFIER": "I"},
                             {"Z_PK": 5, "Z_ENT": 7, "ZTITLE": "b", "ZLIST": 3, "ZPARENTREMINDER": 4}]})
        check(folder, "reminders", [{"uid": "I", "title": "a", "list": "Garden", "account": "Local", "completed": False},
                                    {"title": "b", "list": "Shed", "completed": False}])
    with tempfile.TemporaryDirectory() as folder:  # neither lists nor accounts
        store(folder, "HomeDomain/Library/Reminders/Container_v1/Stores/Data-x.sqlite", {"ZREMCDOBJECT": [{"Z_PK": 1, "Z_ENT": 7, "ZTITLE": "alone"}]})
        check(folder, "reminders", [{"title": "alone", "completed": False}])


@TAP.test
def bookmarks_have_their_folders_and_the_reading_list_its_preview():
    added = plistlib.dumps({"com.apple.ReadingList": {"PreviewText": "in short", "DateAdded": __import__("datetime").datetime(2023, 3, 8, 20, 26, 40)}})
    undated = plistlib.dumps({"com.apple.ReadingList": {"DateAdded": "yesterday"}})
    rows = [{"id": 1, "special_id": 1, "parent": 0, "type": 1, "title": "BookmarksBar"}, {"id": 2, "special_id": 2, "parent": 0, "type": 1, "title": "BookmarksMenu"},
            {"id": 3, "special_id": 3, "parent": 0, "type": 1, "title": "com.apple.ReadingList"}, {"id": 4, "special_id": 0, "parent": 1, "type": 1, "title": "Dev"},
            {"id": 5, "parent": 4, "type": 0, "title": "Peas", "url": "https://example.org/p", "order_index": 2, "hidden": 1, "external_uuid": "U5",
             "last_modified": UNIX, "deleted": 0},
            {"id": 6, "parent": 2, "type": None, "title": "Beans", "url": "https://example.org/b", "order_index": 0, "hidden": 0, "deleted": 1},
            {"id": 7, "parent": 3, "title": "Later", "url": "https://example.org/l", "order_index": 1, "read": 0, "extra_attributes": added},
            {"id": 8, "parent": 3, "title": "Read", "url": "https://example.org/r", "order_index": 2, "read": 1, "extra_attributes": undated},
            {"id": 9, "parent": 0, "title": "Top", "url": "https://example.org/t", "order_index": 5, "read": 2},
            {"id": 10, "parent": 77, "title": "Orphan", "url": "https://example.org/o", "order_index": 6, "extra_attributes": b"damaged"}]
    with tempfile.TemporaryDirectory() as folder:
        store(folder, "HomeDomain/Library/Safari/Bookmarks.db", {"bookmarks": rows, "folder_ancestors": [{"id": 1}]})
        reading = {"reading_list": True, "folders": ["Reading List"]}
        check(folder, "bookmarks", [
            {"title": "Top", "url": "https://example.org/t", "order": 5, "folders": [], "reading_list": True, "read": False},
            {"state": "recently_deleted", "title": "Beans", "url": "https://example.org/b", "order": 0, "folders": ["Bookmarks menu"]},
            {"title": "Later", "url": "https://example.org/l", "order": 1, **reading, "read": False, "preview": "in short", "added": STAMP},
            {"title": "Read", "url": "https://example.org/r", "order": 2, **reading, "read": True},
            {"id": "U5", "title": "Peas", "url": "https://example.org/p", "date": STAMP, "date_raw": UNIX, "order": 2, "hidden": True, "favourites": True,
             "folders": ["Favourites", "Dev"]},
            {"title": "Orphan", "url": "https://example.org/o", "order": 6, "folders": []}], live=5, trashed=1)


@TAP.test
def folders_of_bookmarks_that_go_round_in_circles_end():
    with tempfile.TemporaryDirectory() as folder:
        store(folder, "HomeDomain/Library/Safari/Bookmarks.db", {"bookmarks": [
            {"id": 1, "parent": 2, "type": 1, "title": "a"}, {"id": 2, "parent": 1, "type": 1, "title": "b"}, {"id": 3, "parent": 1, "title": "x", "url": "u", "order_index": 0}],
            "folder_ancestors": [{"id": 1}]})
        one, = asks.records(PROGRAM, folder, "bookmarks", "--state", "live")
        assert one["folders"] == ["b", "a"] * 16, one


@TAP.test
def visits_have_their_time_in_either_count_and_the_page_they_belong_to():
    rows = [{"id": 1, "history_item": 1, "visit_time": T + 1, "title": "Peas", "origin": 0},
            {"id": 2, "history_item": 1, "visit_time": UNIX, "title": None, "origin": 1},
            {"id": 3, "history_item": 2, "visit_time": T + 9, "title": "Beans", "origin": 2}]
    with tempfile.TemporaryDirectory() as folder:
        store(folder, SAFARI + "History.db", {"history_items": [{"id": 1, "url": "https://example.org/p", "visit_count": 7}, {"id": 2, "url": "x:y", "visit_count": 0}],
                                              "history_visits": rows, "history_tombstones": [{"id": 1}, {"id": 2}, {"id": 5}]})
        check(folder, "history", [
            {"date": STAMP, "date_raw": UNIX, "url": "https://example.org/p", "visits": 7, "other_device": True},
            {**date(9), "title": "Beans", "url": "x:y", "visits": 0}, {**date(1), "title": "Peas", "url": "https://example.org/p", "visits": 7}], tombstones=3)
    with tempfile.TemporaryDirectory() as folder:
        put(folder, "HomeDomain/Library/Safari/History.plist", plistlib.dumps({"WebHistoryDates": [
            {"": "https://example.org/1", "title": "One", "lastVisitedDate": f"{T}.0", "visitCount": 3}, "no visit", {"": "https://example.org/2"}]}))
        check(folder, "history", [{**date(), "title": "One", "url": "https://example.org/1", "visits": 3}, {"url": "https://example.org/2"}], broken=1)
        found = asks.records(PROGRAM, folder, "history", "--state", "live")
        assert [r["source"] for r in found] == [{"domain": "HomeDomain", "path": "Library/Safari/History.plist", "place": p} for p in (0, 2)], found


@TAP.test
def open_tabs_of_both_generations_are_listed_in_their_order():
    with tempfile.TemporaryDirectory() as folder:
        store(folder, SAFARI + "BrowserState.db", {"tabs": [
            {"id": 1, "title": "B", "url": "u:b", "last_viewed_time": T, "private_browsing": 1, "order_index": 2, "uuid": "U"},
            {"id": 2, "title": "A", "url": "u:a", "last_viewed_time": 0, "private_browsing": 0, "order_index": 1}], "tab_sessions": [{"id": 1}]})
        check(folder, "tabs", [{"title": "A", "url": "u:a"}, {**date(), "id": "U", "title": "B", "url": "u:b", "private": True}])
    with tempfile.TemporaryDirectory() as folder:
        store(folder, SAFARI + "SafariTabs.db", {"bookmarks": [
            {"id": 1, "type": 1, "parent": 0, "title": "group", "url": "x"}, {"id": 2, "type": 0, "parent": 1, "title": "N", "url": "u:n", "order_index": 1,
                                                                             "external_uuid": "V", "last_modified": UNIX},
            {"id": 3, "parent": 1, "title": "M", "url": "u:m", "order_index": 0}, {"id": 4, "parent": 1, "title": "empty", "url": ""}]})
        check(folder, "tabs", [{"title": "M", "url": "u:m"}, {"id": "V", "title": "N", "url": "u:n", "date": STAMP, "date_raw": UNIX}])


if __name__ == "__main__":
    sys.exit(TAP.run())
