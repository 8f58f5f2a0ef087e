#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Events, reminders of old phones, and notes of both kinds: each field of a record, and each line of the file it becomes.

usage: fields_days.py REVIVE
"""
import os
import sqlite3
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap  # pylint: disable=wrong-import-position
import asks  # pylint: disable=wrong-import-position
import made  # pylint: disable=wrong-import-position
import made_apps  # pylint: disable=wrong-import-position
import tables  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()
T = tables.T
HOUR, DAY = 3600, 86400
MIDNIGHT = T - 20 * HOUR - 26 * 60 - 40  # 2023-03-08 00:00:00 UTC
STAMP = "2023-03-08T20:26:40Z"
STORE = "HomeDomain/Library/Calendar/Calendar.sqlitedb"
NO_DATE = {"start_date": None, "end_date": None}


def items(*rows, entity=2):
    whole = {"summary": None, "description": None, "start_tz": None, "all_day": 0, "location_id": None, "unique_identifier": None, "UUID": None, "url": None,
             "status": 0, "availability": 0, "due_date": None, "completion_date": None, "priority": 0, "last_modified": None, "creation_date": None, **NO_DATE}
    return [{"ROWID": n, **whole, "calendar_id": 1, "entity_type": entity, **row} for n, row in enumerate(rows, 1)]


def base(rows, **more):
    return {"CalendarItem": rows, "Calendar": [{"ROWID": 1, "store_id": 1, "title": "Work"}, {"ROWID": 2, "store_id": 9, "title": "Home"}],
            "Store": [{"ROWID": 1, "name": "iCloud"}], **more}


def lines_of(folder, kind, name):
    """The lines of a file of the export, unfolded."""
    with tempfile.TemporaryDirectory() as above:
        asks.export(PROGRAM, folder, os.path.join(above, "out"), "--type", kind, "--state", "live,recently-deleted")
        with open(os.path.join(above, "out", kind, name), "rb") as file:
            raw = file.read()
    assert raw.endswith(b"\r\n") and all(len(line) <= 75 for line in raw.split(b"\r\n"))
    return raw.decode().replace("\r\n ", "").split("\r\n")[:-1]


def compare(wanted, found):
    assert found == wanted, "\n".join(f"{w!r} | {f!r}" for w, f in zip(wanted + [None] * 9, found + [None] * 9) if w != f)


EVENT = {"all_day": False, "calendar": "Work", "account": "iCloud"}
DATED = {"date": STAMP, "date_raw": T, "end": "2023-03-08T21:26:40Z"}
TIMED = {"start_date": T, "end_date": T + HOUR}


@TAP.test
def an_event_has_its_place_its_people_its_alarms_and_its_rule():
    rows = items({**TIMED, "summary": "Sow", "description": "peas", "start_tz": "Europe/Berlin", "unique_identifier": "U", "UUID": "V", "location_id": 1,
                  "url": "https://example.org/a;b", "status": 3, "availability": 1, "last_modified": T + 2, "creation_date": T + 1,
                  "conference_url": "https://meet.example/1", "conference_url_detected": None, "orig_item_id": 7, "orig_date": T + 3})
    people = [{"ROWID": 1, "owner_id": 1, "entity_type": 8, "status": 1, "email": "MAIL@example.org", "identity_id": 1},
              {"ROWID": 2, "owner_id": 1, "entity_type": 7, "status": 2, "email": "", "identity_id": 2},
              {"ROWID": 3, "owner_id": 1, "entity_type": 7, "status": 3, "email": "c@example.org"}, {"ROWID": 4, "owner_id": 1, "entity_type": 7, "status": 4},
              {"ROWID": 5, "owner_id": 1, "entity_type": 7, "status": 0, "email": "mailto:e@example.org"},
              {"ROWID": 6, "owner_id": 2, "entity_type": 7, "status": 1, "email": "other@example.org"}]
    alarms = [(-900, None), (0, None), (34_560_000, None), (34_559_999, 0), (-34_560_000, None), (None, None), (60, T), (0x7FFFFFFF, T + 1)]
    more = {"Location": [{"ROWID": 1, "title": "Plot 4", "address": "1 Lane", "latitude": 51.5, "longitude": 0}],
            "Participant": people, "Identity": [{"rowid": 1, "display_name": "Ada \"A\" B", "address": "mailto:not@example.org"},
                                                {"rowid": 2, "display_name": "Bob", "address": "mailto:bob@example.org"}],
            "Alarm": [{"ROWID": n, "calendaritem_owner_id": 1, "trigger_interval": i, "trigger_date": d} for n, (i, d) in enumerate(alarms, 1)],
            "Recurrence": [{"ROWID": 1, "owner_id": 1, "frequency": 3, "interval": 2, "count": 10, "end_date": T, "specifier": "D=0SU,+1MO,-1FR;M=10,20;O=3;S=-1"}],
            "ExceptionDate": [{"ROWID": 1, "owner_id": 1, "date": T}, {"ROWID": 2, "owner_id": 1, "date": 0}, {"ROWID": 3, "owner_id": 1, "date": T + DAY}]}
    with tempfile.TemporaryDirectory() as folder:
        tables.store(folder, STORE, base(rows, **more))
        bob = {"name": "Bob", "address": "bob@example.org", "status": "declined"}
        tables.check(PROGRAM, folder, "calendar", [{
            **EVENT, **DATED, "uid": "U", "zone": "Europe/Berlin", "title": "Sow", "notes": "peas", "url": "https://example.org/a;b",
            "conference": "https://meet.example/1", "created": "2023-03-08T20:26:41Z", "modified": "2023-03-08T20:26:42Z", "status": "cancelled", "free": True,
            "instance_of": 7, "instance_date": "2023-03-08T20:26:43Z", "location": "Plot 4, 1 Lane", "gps": [51.5, 0.0],
            "recurrence": {"FREQ": "MONTHLY", "INTERVAL": 2, "COUNT": 10, "BYDAY": "SU,+1MO,-1FR", "BYMONTHDAY": "10,20", "BYMONTH": "3", "BYSETPOS": "-1"},
            "except": [STAMP, "2023-03-09T20:26:40Z"],
            "alarms": [{"seconds": -900}, {"seconds": 0}, {"seconds": 34_559_999}, {"at": STAMP}, {"at": "2023-03-08T20:26:41Z"}],
            "organizer": {"name": "Ada \"A\" B", "address": "MAIL@example.org", "status": "accepted"},
            "attendees": [bob, {"address": "c@example.org", "status": "tentative"}, {"status": "needs-action"},
                          {"address": "e@example.org", "status": "needs-action"}]}])

        def alarm(trigger):
            return ["BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:Reminder", f"TRIGGER{trigger}", "END:VALARM"]

        compare(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//revive//recover//EN", "X-WR-CALNAME:Work", "BEGIN:VEVENT", "UID:U", "DTSTAMP:20230308T202642Z",
                 "CREATED:20230308T202641Z", "LAST-MODIFIED:20230308T202642Z", "SUMMARY:Sow", "DESCRIPTION:peas", "DTSTART:20230308T202640Z",
                 "DTEND:20230308T212640Z", "LOCATION:Plot 4\\, 1 Lane",
                 "RRULE:FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=SU,+1MO,-1FR;BYMONTHDAY=10,20;BYMONTH=3;BYSETPOS=-1", "EXDATE:20230308T202640Z",
                 "EXDATE:20230309T202640Z", "GEO:51.500000;0.000000", "URL:https://example.org/a;b", "RECURRENCE-ID:20230308T202643Z",
                 "X-REVIVE-CONFERENCE:https://meet.example/1", "ORGANIZER;CN=\"Ada A B\":mailto:MAIL@example.org",
                 "ATTENDEE;CN=\"Bob\";PARTSTAT=DECLINED:mailto:bob@example.org", "ATTENDEE;PARTSTAT=TENTATIVE:mailto:c@example.org",
                 "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:e@example.org", "STATUS:CANCELLED", "TRANSP:TRANSPARENT", *alarm(":-PT900S"), *alarm(":PT0S"),
                 *alarm(":PT34559999S"), *alarm(";VALUE=DATE-TIME:20230308T202640Z"), *alarm(";VALUE=DATE-TIME:20230308T202641Z"), "END:VEVENT",
                 "END:VCALENDAR"], lines_of(folder, "calendar", "Work.ics"))


@TAP.test
def days_without_a_time_end_with_the_day_after_the_last():
    assert (MIDNIGHT + made.COCOA) % DAY == 0
    day = {"all_day": 1}
    rows = items({**day, "summary": "one", "start_date": MIDNIGHT, "end_date": MIDNIGHT + DAY - 1, "start_tz": "_float"},
                 {**day, "summary": "none", "start_date": MIDNIGHT, "end_date": None},
                 {**day, "summary": "backwards", "start_date": MIDNIGHT, "end_date": MIDNIGHT - 1},
                 {**day, "summary": "two", "start_date": MIDNIGHT, "end_date": MIDNIGHT + DAY + 1},
                 {**day, "summary": "exact", "start_date": MIDNIGHT, "end_date": MIDNIGHT + DAY},
                 {"summary": "clock", "start_date": MIDNIGHT + 5, "end_date": MIDNIGHT + 65, "start_tz": "_float", "orig_item_id": 0, "availability": 2, "status": 1},
                 {"summary": "text", "start_date": "soon", "end_date": "later", "UUID": "V"}, {"summary": "never", "start_date": None})
    rules = [(1, 4, 1, 0, MIDNIGHT + 30 * DAY, ""), (2, 5, 2, 1, None, None), (3, 0, 1, 1, None, None), (4, 1, 1, 1, None, "D=1XX"), (5, 2, 0, 0, None, "Q=1")]
    with tempfile.TemporaryDirectory() as folder:
        tables.store(folder, STORE, {**base(rows, Recurrence=[
            {"ROWID": o, "owner_id": o, "frequency": f, "interval": i, "count": c, "end_date": e, "specifier": s} for o, f, i, c, e, s in rules],
            ExceptionDate=[{"ROWID": 1, "event_id": 1, "date": MIDNIGHT}], Alarm=[{"ROWID": 1, "owner_id": 1, "trigger_interval": 5, "trigger_date": 0}],
            Participant=[{"ROWID": 1, "owner_id": 1, "entity_type": 7, "status": 1, "email": "x@example.org"}]), "Store": [{"ROWID": 2, "name": "no"}]})
        event = {"calendar": "Work", "all_day": True, "date": "2023-03-08", "end": "2023-03-09"}
        plain = {**event, "all_day": False}
        tables.check(PROGRAM, folder, "calendar", [
            {k: v for k, v in plain.items() if k not in ("date", "end")} | {"title": "never"},
            {**event, "title": "one", "zone": "_float", "recurrence": {"FREQ": "YEARLY", "UNTIL": "2023-04-07T00:00:00Z"}, "except": ["2023-03-08T00:00:00Z"],
             "alarms": [{"seconds": 5}], "attendees": [{"address": "x@example.org", "status": "accepted"}]},
            {**event, "title": "none"}, {**event, "title": "backwards"},
            {**event, "title": "two", "end": "2023-03-10", "recurrence": {"FREQ": "DAILY", "COUNT": 1}, "specifier": "D=1XX"},
            {**event, "title": "exact", "recurrence": {"FREQ": "WEEKLY"}, "specifier": "Q=1"},
            {**plain, "title": "clock", "zone": "_float", "date": "2023-03-08T00:00:05Z", "date_raw": MIDNIGHT + 5, "end": "2023-03-08T00:01:05Z"},
            {"calendar": "Work", "all_day": False, "uid": "V", "title": "text", "date_unreadable": True}])
        lines = lines_of(folder, "calendar", "Work.ics")
        events = [e.split("\n") for e in "\n".join(lines).split("BEGIN:VEVENT\n")[1:]]
        events = [[line for line in e if not line.startswith(("DTSTAMP", "END:V", "BEGIN:V", "ACTION", "DESC")) and line] for e in events]
        one = ["DTSTART;VALUE=DATE:20230308", "DTEND;VALUE=DATE:20230309"]
        compare([["UID:revive-1-calendar", "SUMMARY:one", *one, "RRULE:FREQ=YEARLY;UNTIL=20230407", "EXDATE;VALUE=DATE:20230308",
                  "ATTENDEE;PARTSTAT=ACCEPTED:mailto:x@example.org", "TRIGGER:PT5S"],
                 ["UID:revive-2-calendar", "SUMMARY:none", *one], ["UID:revive-3-calendar", "SUMMARY:backwards", *one],
                 ["UID:revive-4-calendar", "SUMMARY:two", "X-REVIVE-SPECIFIER:D=1XX", one[0], "DTEND;VALUE=DATE:20230310", "RRULE:FREQ=DAILY;COUNT=1"],
                 ["UID:revive-5-calendar", "SUMMARY:exact", "X-REVIVE-SPECIFIER:Q=1", *one, "RRULE:FREQ=WEEKLY"],
                 ["UID:revive-6-calendar", "SUMMARY:clock", "DTSTART:20230308T000005", "DTEND:20230308T000105"]], events)


@TAP.test
def places_are_named_by_what_there_is_of_them():
    rows = items(*({**TIMED, "summary": str(n), "location_id": n} for n in range(1, 6)), {**TIMED, "summary": "far", "location_id": 99, "calendar_id": 2})
    spots = [{"ROWID": 1, "title": "Plot", "address": ""}, {"ROWID": 2, "title": "", "address": "Lane"}, {"ROWID": 3, "title": None, "address": None},
             {"ROWID": 4, "title": "Sea", "address": None, "latitude": 0, "longitude": -3.25}, {"ROWID": 5, "title": "Null", "address": None, "latitude": 0, "longitude": 0}]
    with tempfile.TemporaryDirectory() as folder:
        tables.store(folder, STORE, base(rows, Location=spots, Participant=[{"ROWID": 1, "owner_id": 1, "entity_type": 8, "status": 1, "email": "o@example.org"}]))
        event = {**EVENT, **DATED}
        tables.check(PROGRAM, folder, "calendar", [
            {**event, "title": "1", "location": "Plot", "organizer": {"address": "o@example.org", "status": "accepted"}}, {**event, "title": "2", "location": "Lane"},
            {**event, "title": "3"}, {**event, "title": "4", "location": "Sea", "gps": [0.0, -3.25]}, {**event, "title": "5", "location": "Null"},
            {"all_day": False, "calendar": "Home", **DATED, "title": "far"}])


@TAP.test
def reminders_in_the_calendar_of_old_phones_are_no_events():
    todo = {"due_date": T, "due_tz": "Europe/Berlin", "summary": "twine", "description": "green", "priority": 1, "completion_date": T + 5, "creation_date": T + 1,
            "last_modified": T + 2, "UUID": "V"}
    rows = items(todo, {"summary": "rope", "priority": 0, "unique_identifier": "U", "UUID": "W", "calendar_id": 3}, entity=3)
    rows.append({**items({**TIMED, "summary": "event"})[0], "ROWID": 3})
    rows.append({**items({**TIMED, "summary": "no kind"})[0], "ROWID": 4, "entity_type": None})
    with tempfile.TemporaryDirectory() as folder:
        tables.store(folder, STORE, base(rows, Recurrence=[{"ROWID": 1, "owner_id": 1, "frequency": 1, "interval": 1, "count": 0, "end_date": None, "specifier": None}],
                                         Alarm=[{"ROWID": 1, "event_id": 1, "trigger_interval": -60, "trigger_date": None}]))
        tables.check(PROGRAM, folder, "calendar", [{**EVENT, **DATED, "title": "event"}, {**EVENT, **DATED, "title": "no kind"}])
        tables.check(PROGRAM, folder, "reminders", [
            {"date": STAMP, "date_raw": T, "uid": "V", "zone": "Europe/Berlin", "title": "twine", "notes": "green", "list": "Work", "completed": True,
             "completed_at": "2023-03-08T20:26:45Z", "priority": 1, "created": "2023-03-08T20:26:41Z", "modified": "2023-03-08T20:26:42Z",
             "recurrence": {"FREQ": "DAILY"}, "alarms": [{"seconds": -60}]},
            {"uid": "U", "title": "rope", "completed": False}])
        compare(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//revive//recover//EN", "X-WR-CALNAME:Work", "BEGIN:VTODO", "UID:V", "DTSTAMP:20230308T202642Z",
                 "CREATED:20230308T202641Z", "LAST-MODIFIED:20230308T202642Z", "SUMMARY:twine", "DESCRIPTION:green", "DUE:20230308T202640Z",
                 "COMPLETED:20230308T202645Z", "PERCENT-COMPLETE:100", "PRIORITY:1", "STATUS:COMPLETED", "RRULE:FREQ=DAILY", "BEGIN:VALARM", "ACTION:DISPLAY",
                 "DESCRIPTION:Reminder", "TRIGGER:-PT60S", "END:VALARM", "END:VTODO", "END:VCALENDAR"], lines_of(folder, "reminders", "Work.ics"))
        rope = lines_of(folder, "reminders", "Without a list.ics")
        compare(["BEGIN:VTODO", "UID:U", "SUMMARY:rope", "STATUS:NEEDS-ACTION", "END:VTODO", "END:VCALENDAR"],
                [line for line in rope[4:] if not line.startswith("DTSTAMP")])


def old_notes(folder, html, body="ZCONTENT", shelf="ZSTORE"):
    row = {"ZAUTHOR": "Ada", "ZCREATIONDATE": T + 1, "ZMODIFICATIONDATE": T, "ZDELETEDFLAG": 0, "ZSUMMARY": "in short", shelf: 1}
    tables.store(folder, "HomeDomain/Library/Notes/notes.sqlite", {
        "ZNOTE": [{"Z_PK": n, **row, "ZTITLE": f"n{n}", "ZGUID": f"G{n}", "ZBODY": 50 + n} for n in range(1, len(html) + 1)],
        "ZNOTEBODY": [{"Z_PK": 50 + n, body: page} for n, page in enumerate(html, 1)], shelf: [{"Z_PK": 1, "ZNAME": "On My iPhone"}]})


@TAP.test
def old_notes_have_their_folder_their_times_and_a_summary_where_the_page_is_missing():
    whole = {"date": STAMP, "date_raw": T, "created": "2023-03-08T20:26:41Z", "modified": STAMP, "author": "Ada", "folder": "On My iPhone"}
    for body, shelf in (("ZCONTENT", "ZSTORE"), ("ZHTMLSTRING", "ZFOLDER")):
        with tempfile.TemporaryDirectory() as folder:
            old_notes(folder, ["<b>x</b>", None], body, shelf)
            con = sqlite3.connect(os.path.join(folder, "HomeDomain/Library/Notes/notes.sqlite"))
            con.execute("UPDATE ZNOTE SET ZDELETEDFLAG=1 WHERE Z_PK=2")
            con.commit()
            con.close()
            tables.check(PROGRAM, folder, "notes", [{**whole, "id": "G1", "title": "n1", "text": "x", "html": "<b>x</b>"},
                                                    {**whole, "state": "recently_deleted", "id": "G2", "title": "n2", "text": "in short"}], live=1, trashed=1)


@TAP.test
def pages_of_old_notes_become_lines_of_text():
    pages = [("a<br>b<BR/>c", "a\nb\nc"), ("<div>one</div><div>two</div>", "one\ntwo"), ("x<p class=y>z<li>l", "x\nz\nl"), ("a\n<div>b", "a\nb"),
             ("<brave>c</brave><divine>d", "cd"), ("&amp;&lt;&gt;&quot;&apos;&nbsp;&copy;", "&<>\"' &copy;"),
             ("&#65;&#x42;&#X43;&#228;&#8364;&#128512;", "ABC\u00e4\u20ac\U0001F600"), ("&#31;&#32;|&#1114112;&#1114111;", "&#31; |&#1114112;\U0010ffff"),
             ("&#127;&#128;&#2047;&#2048;&#65535;&#65536;", "\x7f\x80\u07ff\u0800\uffff\U00010000"), ("&#xzz; & &#12345678901;", "&#xzz; & &#12345678901;"),
             ("cut <b", "cut "), ("&am", "&am"), ("", "")]
    with tempfile.TemporaryDirectory() as folder:
        old_notes(folder, [page for page, _ in pages])
        found = asks.records(PROGRAM, folder, "notes", "--state", "live")
        texts = {r["source"]["rowid"]: r.get("text", "") for r in found}
        assert len(found) == len(pages), found
        for n, (page, text) in enumerate(pages, 1):
            assert texts[n] == text, (page, texts[n], text)


@TAP.test
def the_signs_of_a_note_become_those_of_markdown():
    link = {9: "https://example.org/<a>\\b"}
    parts = [("Title\n", 0, {}), ("Head\n", 1, {}), ("Sub\n", 2, {}), ("plain ", None, {}), ("bold", None, {5: 1}), (" and ", None, {}), ("slanted", None, {5: 2}), ("\n", None, {}),
             ("both", None, {5: 3}), ("\t \n", None, {5: 1}), ("struck", None, {7: 1}), (" linked", None, link), ("\n", None, {}), ("code * _\n", 4, {}), ("more\n", 4, {}),
             ("dot\n", 100, {}), ("dash\n", 101, {"indent": 2}), ("first\n", 102, {}), ("second\n", 102, {}), ("\n", 102, {}), ("third\n", 102, {}), ("open\n", 103, {"done": 0}),
             ("closed\n", 103, {"done": 1, "indent": 1}), ("again\n", 102, {}), ("\\`*_[]<>#&|~!", None, {}), ("\n", None, {}), ("tail", 4, {})]
    whole = made_apps.note_body([("cut short " * 40, None, {})])
    with tempfile.TemporaryDirectory() as folder:
        made_apps.notes(os.path.join(folder, "AppDomainGroup-group.com.apple.notes/NoteStore.sqlite"),
                        [("Plan", made_apps.note_body(parts), {"ZFOLDER": 2}), ("Cut", whole[:-8], {}), ("Lost", whole[:-12], {})])
        found = {n["title"]: n for n in asks.records(PROGRAM, folder, "notes", "--state", "live")}
        plan = found["Plan"]
        assert plan["text"] == "".join(p[0] for p in parts)
        compare(["# Title", "## Head", "### Sub", "plain **bold** and *slanted*  ", "***both***\t   ", "~~struck~~[ linked](<https://example.org/ab>)  ", "````",
                 "code * _", "more", "````", "- dot", "        - dash", "1. first", "2. second", "", "3. third", "- [ ] open", "    - [x] closed",
                 "1. again", "\\\\\\`\\*\\_\\[\\]\\<\\>\\#\\&\\|\\~!  ", "````", "tail", "````", ""], [line.replace("# Title  ", "# Title").replace("Head  ", "Head").replace(
                     "Sub  ", "Sub") for line in plan["markdown"].split("\n")])
        assert found["Cut"]["body_cut"] is True and found["Cut"]["text"] == "cut short " * 40, found["Cut"]
        assert found["Lost"]["undecodable"] is True and "text" not in found["Lost"], found["Lost"]
        assert "body_cut" not in plan and "places" not in plan, plan


if __name__ == "__main__":
    sys.exit(TAP.run())
