#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Messages of invented people: read, found again after deletion, and written as pages that cannot run anything.

usage: messages.py REVIVE
"""
import html.parser
import json
import os
import re
import sqlite3
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap  # pylint: disable=wrong-import-position
import asks  # pylint: disable=wrong-import-position
import made  # pylint: disable=wrong-import-position
import made_apps  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)> \' ` javascript:alert(3) http://evil.example/"onclick=alert(4)'


def conversation(folder, pragmas=""):
    path = os.path.join(folder, "sms.db")
    sms = made.Sms(path, pragmas)
    anna, bert = sms.handle("+44 7700 900123"), sms.handle("bert@example.org")
    sms.chat("+447700900123", [anna])
    group = sms.chat("chat900", [anna, bert], "Allotment", 43)
    return path, sms, anna, bert, group


@TAP.test
def one_person_over_two_services_is_one_conversation_in_the_order_of_time():
    with tempfile.TemporaryDirectory() as folder:
        path, sms, anna, _, _ = conversation(folder)
        text = sms.handle("+447700900123", "SMS")
        other = sms.chat("+447700900123", [text], service="SMS")
        sms.message(1, anna, "first")
        sms.message(other, text, "second, as a text message", service="SMS")
        sms.message(1, 0, "third")
        sms.close()
        found = asks.records(PROGRAM, path, "messages")
        assert [r["text"] for r in found] == ["first", "second, as a text message", "third"]
        assert len({r["chat"]["id"] for r in found}) == 1
        assert [r["from"] for r in found] == ["+44 7700 900123", "+447700900123", "me"]


@TAP.test
def a_tapback_taken_back_is_gone_and_a_newer_one_replaces_the_older():
    with tempfile.TemporaryDirectory() as folder:
        path, sms, anna, bert, group = conversation(folder)
        sms.message(group, 0, "who comes on Sunday?", guid="TARGET")
        for who, kind in ((anna, 2000), (anna, 3000), (bert, 2001), (bert, 2003), (0, 2006)):
            sms.message(group, who, None, associated_message_guid="p:0/TARGET", associated_message_type=kind,
                        associated_message_emoji="\U0001F955" if kind == 2006 else None)
        sms.close()
        found, = asks.records(PROGRAM, path, "messages")
        assert [(t["from"], t["kind"], t.get("emoji")) for t in found["tapbacks"]] == [
            ("bert@example.org", "laughed", None), ("me", "emoji", "\U0001F955")]


@TAP.test
def a_message_in_recently_deleted_is_labelled_and_counted_once():
    with tempfile.TemporaryDirectory() as folder:
        path, sms, anna, _, _ = conversation(folder)
        sms.message(1, anna, "stays")
        gone = sms.message(1, anna, "thrown away", join="chat_recoverable_message_join")
        sms.con.execute("INSERT INTO chat_message_join VALUES(1, ?, 0)", (gone,))  # both joins: still one, still thrown away
        sms.message(99, 999, "in no chat", join=None)
        sms.close()
        counts = asks.scan(PROGRAM, path, "messages")
        assert (counts["live"], counts["recently_deleted"], counts["deleted"]) == (2, 1, 0), counts
        found = asks.records(PROGRAM, path, "messages")
        assert [(r["text"], r["state"]) for r in found] == [("stays", "live"), ("thrown away", "recently_deleted"),
                                                            ("in no chat", "live")]
        assert [r["text"] for r in asks.records(PROGRAM, path, "messages", "--deleted")] == ["thrown away"]


@TAP.test
def deleted_rows_come_back_with_how_sure_they_are_and_a_living_one_does_not():
    with tempfile.TemporaryDirectory() as folder:
        path, sms, anna, _, _ = conversation(folder)
        for i in range(200):
            sms.message(1, anna if i % 2 else 0, f"message number {i} about the garden and the rain")
        sms.con.execute("DELETE FROM message WHERE ROWID % 10 = 3")
        sms.con.execute("DELETE FROM chat_message_join WHERE message_id % 10 = 3")
        sms.close()
        before = asks.digests(folder)
        live = asks.records(PROGRAM, path, "messages", "--state", "live")
        carved = asks.records(PROGRAM, path, "messages", "--state", "deleted")
        counts = asks.scan(PROGRAM, path, "messages")
        assert asks.digests(folder) == before, "the source was changed"
        assert len(live) == 180 == counts["live"]
        texts = {f"message number {i} about the garden and the rain" for i in range(200) if (i + 1) % 10 == 3}
        found = {r.get("text") for r in carved}
        assert found <= texts and len(found) >= 15, (len(found), len(carved))
        assert counts["deleted"] == len(carved), "a count promised more than was listed"
        assert all(0 < r["confidence"] <= 1 and r["source"]["page"] > 0 for r in carved)


@TAP.test
def what_lies_in_the_log_beside_the_database_is_read():
    with tempfile.TemporaryDirectory() as folder:
        path, sms, anna, _, _ = conversation(folder, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;")
        sms.message(1, anna, "only in the log")
        with tempfile.TemporaryDirectory() as other:
            for name in ("sms.db", "sms.db-wal"):
                with open(os.path.join(folder, name), "rb") as a, open(os.path.join(other, name), "wb") as b:
                    b.write(a.read())
            before = asks.digests(other)
            found = asks.records(PROGRAM, os.path.join(other, "sms.db"), "messages")
            assert [r["text"] for r in found] == ["only in the log"]
            assert asks.digests(other) == before
        sms.close()


@TAP.test
def a_damaged_database_gives_the_rows_of_its_sound_pages_and_says_so():
    with tempfile.TemporaryDirectory() as folder:
        path, sms, anna, _, _ = conversation(folder)
        for i in range(600):
            sms.message(1, anna, f"message number {i} about the garden")
        sms.close()
        with open(path, "rb") as file:
            data = bytearray(file.read())
        middle = len(data) // 8192 * 4096
        data[middle:middle + 4096] = b"\xA5" * 4096
        for header in (False, True):
            if header:
                data[:100] = b"\x5A" * 100
            with open(path, "wb") as file:
                file.write(data)
            counts = asks.scan(PROGRAM, path, "messages")
            assert any("damaged" in why for why in counts["why"])
            for more in ((), ("--state", "live")):
                found = [r for r in asks.records(PROGRAM, path, "messages", *more) if r["state"] == "live"]
                assert len(found) >= (570 if not header else 1), (header, more, len(found))
                assert counts["live"] == len(found), "a count promised more than was listed"


@TAP.test
def people_have_the_names_of_the_address_book_however_a_number_is_written():
    with tempfile.TemporaryDirectory() as folder:
        _, sms, anna, bert, group = conversation(folder)
        sms.message(1, anna, "from a number")
        sms.message(group, bert, "from an address")
        sms.close()
        made_apps.contacts(os.path.join(folder, "AddressBook.sqlitedb"), [
            ("Anna", "Gardener", None, None, None, [(3, None, "07700 900-123")]), (None, None, "Bert's Seeds", None, None, [(4, None, "BERT@example.org")])])
        found = {r["text"]: r for r in asks.records(PROGRAM, folder, "messages")}
        assert found["from a number"]["from_name"] == "Anna Gardener" == found["from a number"]["chat"]["name"]
        assert found["from an address"]["from_name"] == "Bert's Seeds" and found["from an address"]["chat"]["name"] == "Allotment"
        assert [r["text"] for r in asks.records(PROGRAM, folder, "messages", "--with", "anna gard")] == ["from a number"]


@TAP.test
def a_flat_table_of_ios_5_is_read_with_both_kinds_of_dates():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "old.db")
        con = sqlite3.connect(path)
        con.executescript("CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT, date INTEGER, text TEXT, "
                          "flags INTEGER, group_id INTEGER, madrid_handle TEXT, madrid_flags INTEGER, is_madrid INTEGER);")
        con.executemany("INSERT INTO message(address, date, text, flags, madrid_handle, madrid_flags, is_madrid) VALUES(?,?,?,?,?,?,?)",
                        [("+447700900123", 1318000000, "text in", 2, None, 0, 0), ("+447700900123", 1318000060, "text out", 3, None, 0, 0),
                         (None, 340000000, "imessage out", 0, "anna@example.org", 36869, 1)])
        con.commit()
        con.close()
        found = {r["text"]: r for r in asks.records(PROGRAM, path, "messages")}
        assert found["text in"]["date"] == "2011-10-07T15:06:40Z" and found["text in"]["from"] == "+447700900123"
        assert found["text out"]["from_me"] and found["imessage out"]["from_me"]
        assert found["imessage out"]["date"] == "2011-10-11T04:26:40Z" and found["imessage out"]["service"] == "iMessage"


@TAP.test
def filters_by_person_words_and_days_take_what_they_say():
    with tempfile.TemporaryDirectory() as folder:
        path, sms, anna, bert, group = conversation(folder)
        sms.message(1, anna, "carrots", date=(1709251200 - made.COCOA) * 10**9)    # 2024-03-01 00:00:00 UTC
        sms.message(group, bert, "Carrots for all", date=(1709337599 - made.COCOA) * 10**9)  # 23:59:59
        sms.message(group, bert, "beans", date=(1709337600 - made.COCOA) * 10**9)
        sms.close()

        def texts(*more):
            return [r["text"] for r in asks.records(PROGRAM, path, "messages", *more)]
        assert texts("--search", "carrots") == ["carrots", "Carrots for all"]
        assert texts("--since", "2024-03-01", "--until", "2024-03-01") == ["carrots", "Carrots for all"]
        assert texts("--since", "2024-03-02") == ["beans"]
        assert texts("--with", "07700 900123") == ["carrots", "Carrots for all", "beans"], "the group holds her too"
        assert texts("--with", "07700 900123", "--search", "nothing of it") == []
        asks.revive(PROGRAM, "recover", "list", "--from", path, "--type", "mesages", code=2)
        asks.revive(PROGRAM, "recover", "list", "--from", path, "--since", "yesterday", code=2)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def pages(folder):
    for base, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".html") and os.path.basename(base) != "attachments":
                with open(os.path.join(base, name), encoding="utf-8") as file:
                    yield os.path.join(base, name), file.read()


@TAP.test
def hostile_texts_and_names_become_pages_that_run_nothing_and_stay_inside_the_target():
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "source"), os.path.join(folder, "target")
        os.makedirs(os.path.join(source, "MediaDomain/Library/SMS/Attachments/ab/01/X"))
        _, sms, _, _, _ = conversation(source)
        evil = sms.handle(HOSTILE)
        chat = sms.chat("../../../etc/" + HOSTILE, [evil], HOSTILE, 43)
        names = ["../../../../escape.jpg", "..", ".bashrc", "con.jpg", "page.html", "draw.svg", 'a".jpg', "a\u202egpj.exe", "x" * 400 + ".jpg"]
        for number, name in enumerate(names):
            message = sms.message(chat, evil, HOSTILE, subject=HOSTILE, group_title=HOSTILE)
            place = f"MediaDomain/Library/SMS/Attachments/ab/01/X/{number}"
            with open(os.path.join(source, place), "wb") as file:
                file.write(b"bytes of " + str(number).encode())
            sms.attach(message, "~/" + place[len("MediaDomain/"):], name)
        sms.message(chat, evil, None, balloon_bundle_id="com.apple.messages.URLBalloonProvider",
                    payload_data=made.archive({"richLinkMetadata": {"title": HOSTILE, "URL": "javascript:alert(9)"}}))
        sms.close()
        before = asks.digests(source)
        result = asks.export(PROGRAM, source, target)
        assert asks.digests(source) == before
        row, = result["types"]
        assert row["media_copied"] == len(names) and row["media_not_found"] == 0, row
        assert os.listdir(folder).sort() == ["source", "target"].sort()
        count = 0
        for path, text in pages(target):
            count += 1
            page = Page(text)
            assert "script" not in page.tags and "iframe" not in page.tags, path
            assert "Content-Security-Policy" in text and "default-src 'none'" in text
            for name, value in page.attributes:
                assert not name.startswith("on"), (path, name)
                if name in ("href", "src"):
                    assert re.match(r"(https?://[^\"'<> ]*|#.*|[^:]*)$", value), (path, value)
                    assert not value.lower().endswith((".svg", "page.html")), value
        assert count == 3
        assert HOSTILE in Page([t for p, t in pages(target) if re.search(r"\d{4}-\d\d.html$", p)][0]).text
        for base, _, found in os.walk(target):
            for name in found:
                assert len(name.encode()) < 200 and not name.startswith(".") and "\u202e" not in name, name
                assert os.path.realpath(os.path.join(base, name)).startswith(os.path.realpath(target) + os.sep)


@TAP.test
def a_second_export_copies_only_what_is_missing():
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "source"), os.path.join(folder, "target")
        os.makedirs(os.path.join(source, "Library/SMS/Attachments"))
        _, sms, anna, _, _ = conversation(source)
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            with open(os.path.join(source, "Library/SMS/Attachments", name), "wb") as file:
                file.write(name.encode() * 100)
            sms.attach(sms.message(1, anna, name), f"/var/mobile/Library/SMS/Attachments/{name}", name)
        sms.attach(sms.message(1, anna, "never here"), None, "cloud.jpg")
        sms.close()
        first, = asks.export(PROGRAM, source, target)["types"]
        assert (first["media_copied"], first["media_there_already"], first["media_not_found"]) == (3, 0, 1)
        pictures = [os.path.join(b, n) for b, _, names in os.walk(target) for n in names if n == "b.jpg"]
        stat = os.stat(pictures[0])
        assert int(stat.st_mtime) == 700_000_000 + 120 + made.COCOA, "the file's time is not the message's"
        os.unlink(pictures[0])
        second, = asks.export(PROGRAM, source, target)["types"]
        assert (second["media_copied"], second["media_there_already"]) == (1, 2)
        with open(os.path.join(target, "summary.json"), encoding="utf-8") as file:
            assert json.load(file)["types"][0]["media_not_found"] == 1


@TAP.test
def an_export_into_its_own_source_is_refused_before_anything_is_written():
    with tempfile.TemporaryDirectory() as folder:
        _, sms, _, _, _ = conversation(folder)
        sms.close()
        before = asks.digests(folder)
        asks.export(PROGRAM, folder, folder, code=2)
        asks.export(PROGRAM, folder, os.path.join(folder, "out"), code=2)
        assert asks.digests(folder) == before and not os.path.exists(os.path.join(folder, "out"))


@TAP.test
def csv_cells_that_a_spreadsheet_would_compute_are_inert():
    import csv  # pylint: disable=import-outside-toplevel
    with tempfile.TemporaryDirectory() as folder:
        path, sms, anna, _, _ = conversation(folder)
        texts = ["=HYPERLINK(\"http://evil.example\")", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "plain, with \"quotes\"\nand lines"]
        for text in texts:
            sms.message(1, anna, text)
        sms.close()
        asks.export(PROGRAM, path, os.path.join(folder, "out"), "--format", "csv")
        with open(os.path.join(folder, "out", "messages.csv"), encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [r["text"] for r in rows] == ["'" + t for t in texts[:4]] + texts[4:]
        assert rows[0]["from"] == "+44 7700 900123", "a telephone number is no formula"


if __name__ == "__main__":
    sys.exit(TAP.run())
