#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is exported, read again by programs of others: vCard and iCalendar by Debian's python3-vobject and
python3-icalendar (skipped without them), bookmarks, Markdown and CSV by readers of Python.

usage: exports.py REVIVE
"""
import csv
import html.parser
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Skip, Tap  # pylint: disable=wrong-import-position
import asks  # pylint: disable=wrong-import-position
import made_apps as made  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()
MARCH_1 = 1709283600  # 2024-03-01 09:00:00 UTC


def witness(module, program, path):
    """Debian's Python with its library, which may be another than the one that runs the tests."""
    for python in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(python) and subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0:
            done = subprocess.run([python, "-c", program, path], capture_output=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr.decode()
            return json.loads(done.stdout)
    raise Skip(f"python3-{module} is not here")


READ_CARDS = """
import json, sys, vobject
cards = []
for card in vobject.readComponents(open(sys.argv[1], encoding='utf-8', newline='').read()):
    cards.append({k: [[c.value if isinstance(c.value, (str, list)) else str(c.value), c.params.get('TYPE', [])] for c in v]
                  for k, v in card.contents.items() if k not in ('n', 'adr', 'photo')} |
                 {'n': [card.n.value.family, card.n.value.given], 'photo': [len(c.value) for c in card.contents.get('photo', [])],
                  'adr': [[a.value.street, a.value.city, a.value.code, a.value.country] for a in card.contents.get('adr', [])]})
print(json.dumps(cards))
"""
READ_EVENTS = """
import json, sys, icalendar
whole = icalendar.Calendar.from_ical(open(sys.argv[1], 'rb').read())
def plain(v):
    return v.to_ical().decode() if hasattr(v, 'to_ical') else str(v)
print(json.dumps([[e.name, {k: plain(v) if not isinstance(v, list) else [plain(x) for x in v] for k, v in e.items()}] for e in whole.walk()]))
"""


@TAP.test
def contacts_are_read_again_by_another_reader_of_vcards():
    long_note = "eins zwei drei \u00e4\u00f6\u00fc \U0001F33B " * 30
    people = [("Ada", "B\u00f6hm; the \"gardener\"", None, str(made.cocoa(-2208945600)), long_note,
               [(3, "_$!<Mobile>!$_", "+44 7700 900123"), (4, "_$!<Work>!$_", "ada@example.org"), (3, "the shed, behind", "0123"),
                (5, "_$!<Home>!$_", {"Street": "1 Lane\nrear; house", "City": "T\u00f8wn", "ZIP": "AB1", "Country": "Utopia"})]),
              (None, None, "Seeds & Sons", None, None, [(22, None, "https://example.org/a;b,c")]),
              ("Eve", made.HOSTILE, None, str(made.cocoa(-11547144000 - 3600 * 12)), made.HOSTILE, [(3, made.HOSTILE, made.HOSTILE)])]
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "a"), os.path.join(folder, "b")
        made.contacts(os.path.join(source, "HomeDomain/Library/AddressBook/AddressBook.sqlitedb"), people)
        made.database(os.path.join(source, "HomeDomain/Library/AddressBook/AddressBookImages.sqlitedb"),
                      "CREATE TABLE ABThumbnailImage(record_id INTEGER, format INTEGER, data BLOB)",
                      [("INSERT INTO ABThumbnailImage VALUES(1, 0, ?)", b"\xff\xd8\xff" + b"s" * 50),
                       ("INSERT INTO ABThumbnailImage VALUES(1, 5, ?)", b"\xff\xd8\xff" + b"L" * 5000)])
        before = asks.digests(source)
        row, = asks.export(PROGRAM, source, target)["types"]
        assert row["exported"] == 3 and asks.digests(source) == before
        path = os.path.join(target, "contacts.vcf")
        with open(path, "rb") as file:
            raw = file.read()
        assert all(len(line) <= 75 for line in raw.split(b"\r\n")) and b"\n" not in raw.replace(b"\r\n", b"")
        assert raw.count(b"\r\nBEGIN:VCARD") == 2, "a note opened a card of its own"
        cards = {c["fn"][0][0]: c for c in witness("vobject", READ_CARDS, path)}
        ada = cards["Ada B\u00f6hm; the \"gardener\""]
        assert ada["n"] == ["B\u00f6hm; the \"gardener\"", "Ada"] and ada["note"][0][0] == long_note
        assert ["+44 7700 900123", ["CELL"]] in ada["tel"] and ada["email"][0] == ["ada@example.org", ["WORK"]]
        assert ada["adr"] == [["1 Lane\nrear; house", "T\u00f8wn", "AB1", "Utopia"]] and ada["photo"] == [5003]
        assert ada["x-ablabel"][0][0] == "the shed, behind" and ada["bday"][0][0] == "1900-01-01"
        assert cards["Seeds & Sons"]["org"][0][0] == ["Seeds & Sons"] and cards["Seeds & Sons"]["x-abshowas"][0][0] == "COMPANY"
        eve, = [c for name, c in cards.items() if name.startswith("Eve")]
        assert len(eve["tel"]) == 1 and "script" in eve["note"][0][0] and eve["bday"][0][0].startswith("1604-")


@TAP.test
def events_and_reminders_are_read_again_by_another_reader_of_icalendar():
    start = made.cocoa(MARCH_1)
    events = [({"summary": "Sowing; peas, beans", "description": "line one\nline two " + "x" * 200, "start_date": start, "end_date": start + 3600,
                "unique_identifier": "U-1", "start_tz": "Europe/Berlin"}, (2, 2, 10, None, "D=0SU,0WE"), [start + 14 * 86400]),
              ({"summary": "Holiday", "start_date": made.cocoa(1709251200), "end_date": made.cocoa(1709251200 + 2 * 86400 - 1), "all_day": 1,
                "unique_identifier": "U-2", "start_tz": "_float"}, None, []),
              ({"summary": made.HOSTILE, "start_date": start, "end_date": start, "unique_identifier": made.HOSTILE, "calendar_id": 2, "url": made.HOSTILE},
               (9, 1, 0, None, "?"), []),
              ({"summary": "buy twine", "entity_type": 3, "due_date": start, "completion_date": start + 60, "priority": 5,
                "unique_identifier": "U-4"}, None, [])]
    with tempfile.TemporaryDirectory() as folder:
        path = made.calendar(os.path.join(folder, "Calendar.sqlitedb"), events)
        target = os.path.join(folder, "out")
        rows = {r["type"]: r for r in asks.export(PROGRAM, path, target)["types"]}
        assert rows["calendar"]["exported"] == 3 and rows["reminders"]["exported"] == 1
        names = sorted(os.listdir(os.path.join(target, "calendar")))
        assert len(names) == 2 and "Allotment.ics" in names
        whole = witness("icalendar", READ_EVENTS, os.path.join(target, "calendar", "Allotment.ics"))
        day, first = [e for name, e in whole if name == "VEVENT"]
        assert first["DTSTART"] == "20240301T090000Z" and first["DTEND"] == "20240301T100000Z" and first["UID"] == "U-1"
        assert first["RRULE"] == "FREQ=WEEKLY;COUNT=10;INTERVAL=2;BYDAY=SU,WE" and first["EXDATE"] == "20240315T090000Z"
        assert day["DTSTART"] == "20240301" and day["DTEND"] == "20240303", day
        hostile = witness("icalendar", READ_EVENTS, os.path.join(target, "calendar", [n for n in names if n != "Allotment.ics"][0]))
        assert [name for name, _ in hostile] == ["VCALENDAR", "VEVENT"]
        todo = [e for name, e in witness("icalendar", READ_EVENTS, os.path.join(target, "reminders", "Allotment.ics")) if name == "VTODO"]
        assert [(t["SUMMARY"], t["STATUS"], t["DUE"], t["COMPLETED"], t["PRIORITY"]) for t in todo] == [
            ("buy twine", "COMPLETED", "20240301T090000Z", "20240301T090100Z", "5")]


@TAP.test
def notes_become_markdown_with_tables_checklists_and_files():
    body = made.note_body([("Plan \U0001F33B\n", 0, {}), ("peas\n", 103, {"done": 1}), ("beans\n", 103, {"done": 0}), ("one\n", 102, {}),
                           ("two\n", 102, {}), ("<script>alert(1)</script> *stars* [x](y)", None, {}), (" bold", None, {5: 1}), ("\n", None, {}),
                           ("\ufffc", None, {12: made.field(1, "T-1") + made.field(2, "com.apple.notes.table")}), ("\n", None, {}),
                           ("\ufffc", None, {12: made.field(1, "A-1") + made.field(2, "public.jpeg")})])
    with tempfile.TemporaryDirectory() as folder:
        domain = os.path.join(folder, "AppDomainGroup-group.com.apple.notes")
        path = made.notes(os.path.join(domain, "NoteStore.sqlite"), [
            ("Plan", body, {}), ("../../escape", made.note_body([("escape", None, {})]), {"ZFOLDER": 3}), ("Secret", b"\0\1", {"ZISPASSWORDPROTECTED": 1})])
        con = sqlite3.connect(path)
        con.execute("INSERT INTO ZICCLOUDSYNCINGOBJECT(Z_PK, Z_ENT, ZIDENTIFIER, ZTYPEUTI, ZMERGEABLEDATA1) VALUES(50, 10, 'T-1', 'com.apple.notes.table', ?)",
                    (made.note_table([["Row 1", "a|b"], ["\u05e9\u05dc\u05d5\u05dd", "4"]]),))
        con.execute("INSERT INTO ZICCLOUDSYNCINGOBJECT(Z_PK, Z_ENT, ZIDENTIFIER, ZTYPEUTI, ZMEDIA) VALUES(51, 10, 'A-1', 'public.jpeg', 52)")
        con.execute("INSERT INTO ZICCLOUDSYNCINGOBJECT(Z_PK, Z_ENT, ZIDENTIFIER, ZFILENAME) VALUES(52, 11, 'M-1', '../../../pic.jpg')")
        con.execute("UPDATE ZICCLOUDSYNCINGOBJECT SET ZFILENAME='pic.jpg' WHERE Z_PK=52")
        con.commit()
        con.close()
        place = os.path.join(domain, "Accounts/ACCOUNT/Media/M-1")
        os.makedirs(place)
        with open(os.path.join(place, "pic.jpg"), "wb") as file:
            file.write(b"\xff\xd8\xff picture")
        found = {n["title"]: n for n in asks.records(PROGRAM, folder, "notes")}
        assert found["Plan"]["attachments"][0]["table"] == [["Row 1", "a|b"], ["\u05e9\u05dc\u05d5\u05dd", "4"]]
        assert found["../../escape"]["state"] == "recently_deleted" and found["Secret"]["locked"] and "text" not in found["Secret"]
        target = os.path.join(folder, "..", os.path.basename(folder) + "-out")
        try:
            asks.export(PROGRAM, folder, target)
            with open(os.path.join(target, "notes/Garden/Plan.md"), encoding="utf-8") as file:
                text = file.read()
            for line in ("# Plan \U0001F33B", "- [x] peas", "- [ ] beans", "1. one", "2. two", "| Row 1 | a\\|b |", "![pic.jpg](attachments/pic.jpg)"):
                assert line in text, (line, text)
            assert "<script" not in text.replace("\\<", "") and "** bold**" in text
            assert sorted(os.listdir(os.path.join(target, "notes"))) == ["Garden", "Recently Deleted"]
            with open(os.path.join(target, "notes/Garden/Secret.md"), encoding="utf-8") as file:
                assert "locked" in file.read()
        finally:
            subprocess.run(["rm", "-rf", target], check=True)


def locked_note(text, password, rounds=500):
    """The columns of a note that is locked with a password of its own, sealed by libcrypto."""
    import ctypes  # pylint: disable=import-outside-toplevel
    import hashlib  # pylint: disable=import-outside-toplevel
    import make_backup  # pylint: disable=import-outside-toplevel
    salt, key, iv = bytes(range(16)), b"own key of note!", bytes(range(100, 116))
    for name in ("EVP_aes_128_wrap", "EVP_aes_128_gcm"):
        getattr(make_backup.crypto, name).restype = ctypes.c_void_p
    wrapped = make_backup.evp("EVP_aes_128_wrap", hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds, 16), key, True)
    plain, lib = made.note_body([(text, None, {})]), make_backup.crypto
    context, size = ctypes.c_void_p(lib.EVP_CIPHER_CTX_new()), ctypes.c_int()
    out, tag = ctypes.create_string_buffer(len(plain) + 32), ctypes.create_string_buffer(16)
    assert lib.EVP_CipherInit_ex(context, ctypes.c_void_p(lib.EVP_aes_128_gcm()), None, None, None, 1) == 1
    assert lib.EVP_CIPHER_CTX_ctrl(context, 9, 16, None) == 1 and lib.EVP_CipherInit_ex(context, None, None, key, iv, 1) == 1
    assert lib.EVP_CipherUpdate(context, out, ctypes.byref(size), plain, len(plain)) == 1
    assert lib.EVP_CipherFinal_ex(context, ctypes.byref(out, len(plain)), ctypes.byref(size)) == 1
    assert lib.EVP_CIPHER_CTX_ctrl(context, 16, 16, tag) == 1
    lib.EVP_CIPHER_CTX_free(context)
    return out.raw[:len(plain)], {"ZISPASSWORDPROTECTED": 1, "ZCRYPTOSALT": salt, "ZCRYPTOITERATIONCOUNT": rounds, "ZCRYPTOWRAPPEDKEY": wrapped}, iv, tag.raw


@TAP.test
def locked_notes_open_with_their_own_password_and_with_no_other():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "NoteStore.sqlite")
        one, two = locked_note("first secret", "p\u00e4sse 1"), locked_note("second secret", "other")
        made.notes(path, [("One", one[0], {}), ("Two", two[0], {}), ("Phone", b"bplist00 of a passcode", {"ZISPASSWORDPROTECTED": 1})])
        con = sqlite3.connect(path)
        for column in ("ZCRYPTOSALT BLOB", "ZCRYPTOITERATIONCOUNT INTEGER", "ZCRYPTOWRAPPEDKEY BLOB"):
            con.execute(f"ALTER TABLE ZICCLOUDSYNCINGOBJECT ADD COLUMN {column}")
        con.execute("ALTER TABLE ZICNOTEDATA ADD COLUMN ZCRYPTOINITIALIZATIONVECTOR BLOB")
        for number, (_, columns, iv, tag) in enumerate((one, two), 10):
            con.execute(f"UPDATE ZICCLOUDSYNCINGOBJECT SET {','.join(c + '=?' for c in columns)} WHERE Z_PK=?", (*columns.values(), number))
            con.execute("UPDATE ZICNOTEDATA SET ZCRYPTOINITIALIZATIONVECTOR=?, ZCRYPTOTAG=? WHERE ZNOTE=?", (iv, tag, number))
        con.commit()
        con.close()
        passwords = os.path.join(folder, "passwords")
        for words, wanted in (("wrong\n", {}), ("wrong\nother\n", {"Two": "second secret"}),
                              ("p\u00e4sse 1\r\nother", {"One": "first secret", "Two": "second secret"})):
            with open(passwords, "w", encoding="utf-8", newline="") as file:
                file.write(words)
            found = {n["title"]: n for n in asks.records(PROGRAM, path, "notes", "--notes-password-file", passwords)}
            assert {t: n["text"] for t, n in found.items() if "text" in n} == wanted, (words, found)
            assert all(n["locked"] for n in found.values()) and "passcode" in found["Phone"]["locked_by"]
        assert not any("text" in n for n in asks.records(PROGRAM, path, "notes"))


class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.depth, self.found, self.tags = 0, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.depth += tag == "dl"
        if tag == "a":
            self.found.append((self.depth, dict(attrs)))

    def handle_endtag(self, tag):
        self.depth -= tag == "dl"


@TAP.test
def bookmarks_keep_their_folders_in_the_form_that_browsers_import():
    with tempfile.TemporaryDirectory() as folder:
        path = made.database(os.path.join(folder, "Bookmarks.db"), """
            CREATE TABLE bookmarks(id INTEGER PRIMARY KEY, special_id INTEGER, parent INTEGER, type INTEGER, title TEXT, url TEXT, order_index INTEGER,
                                   deleted INTEGER, external_uuid TEXT, read INTEGER, last_modified REAL);
            CREATE TABLE folder_ancestors(id INTEGER);
            INSERT INTO bookmarks VALUES(1, 1, 0, 1, 'BookmarksBar', NULL, 0, 0, 'a', NULL, 0), (2, 0, 1, 1, 'Seeds', NULL, 0, 0, 'b', NULL, 0),
              (3, 0, 2, 0, 'Peas', 'https://example.org/?a=1&b="2"', 0, 0, 'c', NULL, 1709283600), (4, 0, 1, 0, 'Gone', 'https://example.org/gone', 1, 1, 'd', NULL, 0)""",
                             [("INSERT INTO bookmarks VALUES(5, 0, 1, 0, ?, ?, 2, 0, 'e', NULL, 0)", made.HOSTILE, made.HOSTILE)])
        found = {b["title"]: b for b in asks.records(PROGRAM, path, "bookmarks")}
        assert found["Peas"]["folders"] == ["Favourites", "Seeds"] and found["Gone"]["state"] == "recently_deleted"
        target = os.path.join(folder, "out")
        asks.export(PROGRAM, path, target, "--state", "live")
        with open(os.path.join(target, "bookmarks.html"), encoding="utf-8") as file:
            text = file.read()
        links = Links(text)
        assert links.depth == 0 and "script" not in links.tags and text.startswith("<!DOCTYPE NETSCAPE-Bookmark-file-1>")
        assert (3, {"href": 'https://example.org/?a=1&b="2"', "add_date": "1709283600"}) in links.found and len(links.found) == 2


@TAP.test
def photos_leave_as_originals_with_their_times_and_what_is_known():
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "a"), os.path.join(folder, "b")
        made.database(os.path.join(source, "CameraRollDomain/Media/PhotoData/Photos.sqlite"), f"""
            CREATE TABLE ZASSET(Z_PK INTEGER PRIMARY KEY, ZUUID TEXT, ZDIRECTORY TEXT, ZFILENAME TEXT, ZKIND INTEGER, ZKINDSUBTYPE INTEGER, ZDATECREATED REAL,
              ZLATITUDE REAL, ZLONGITUDE REAL, ZTRASHEDSTATE INTEGER, ZTRASHEDDATE REAL, ZHIDDEN INTEGER, ZFAVORITE INTEGER, ZHASADJUSTMENTS INTEGER);
            CREATE TABLE ZADDITIONALASSETATTRIBUTES(Z_PK INTEGER PRIMARY KEY, ZASSET INTEGER, ZORIGINALFILENAME TEXT);
            CREATE TABLE ZGENERICALBUM(Z_PK INTEGER PRIMARY KEY, ZTITLE TEXT, ZKIND INTEGER, ZTRASHEDSTATE INTEGER);
            CREATE TABLE Z_31ASSETS(Z_31ALBUMS INTEGER, Z_4ASSETS INTEGER, Z_FOK_4ASSETS INTEGER);
            INSERT INTO ZASSET VALUES(1, 'A', 'DCIM/100APPLE', 'IMG_0001.JPG', 0, 2, {made.cocoa(MARCH_1)}, 1.5, 2.5, 0, NULL, 0, 1, 1),
              (2, 'B', 'DCIM/100APPLE', 'IMG_0002.JPG', 0, 0, {made.cocoa(MARCH_1)}, -180, -180, 1, {made.cocoa(MARCH_1 + 86400)}, 0, 0, 0),
              (3, 'C', 'DCIM/100APPLE', 'IMG_0003.JPG', 0, 0, {made.cocoa(MARCH_1)}, NULL, NULL, 0, NULL, 1, 0, 0);
            INSERT INTO ZGENERICALBUM VALUES(1, 'Garden', 2, 0), (2, 'Old', 2, 1);
            INSERT INTO Z_31ASSETS VALUES(1, 1, 0), (2, 1, 0);""")
        files = {"DCIM/100APPLE/IMG_0001.JPG": b"one", "DCIM/100APPLE/IMG_0001.MOV": b"moves", "DCIM/100APPLE/IMG_0002.JPG": b"two",
                 "PhotoData/Mutations/DCIM/100APPLE/IMG_0001/Adjustments/FullSizeRender.jpg": b"edited"}
        for name, data in files.items():
            place = os.path.join(source, "CameraRollDomain/Media", name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(data)
        found = {p["id"]: p for p in asks.records(PROGRAM, source, "photos")}
        assert found["A"]["albums"] == ["Garden"] and found["B"]["gps"] is None and found["B"]["state"] == "recently_deleted"
        assert found["B"]["days_left"] == 0 and found["C"]["original"]["state"] == "in_icloud_or_lost"
        row, = asks.export(PROGRAM, source, target)["types"]
        assert (row["media_copied"], row["media_not_found"]) == (4, 1)
        place = os.path.join(target, "photos/2024/03")
        assert {n for n in os.listdir(place) if not n.endswith((".json", ".xmp"))} == {"IMG_0001.JPG", "IMG_0001.MOV", "IMG_0001 (edited).jpg"}
        assert int(os.stat(os.path.join(place, "IMG_0001.JPG")).st_mtime) == MARCH_1
        assert os.path.exists(os.path.join(target, "photos/Recently Deleted/2024/03/IMG_0002.JPG"))
        with open(os.path.join(place, "IMG_0001.JPG.json"), encoding="utf-8") as file:
            assert json.load(file)["favourite"] is True
        with open(os.path.join(target, "photos.csv"), encoding="utf-8-sig", newline="") as file:
            assert [r["name"] for r in csv.DictReader(file)] == ["IMG_0001.JPG", "IMG_0002.JPG", "IMG_0003.JPG"]


@TAP.test
def whatsapp_chats_have_names_quotes_media_and_what_was_deleted_for_everyone():
    with tempfile.TemporaryDirectory() as folder:
        domain = os.path.join(folder, "AppDomainGroup-group.net.whatsapp.WhatsApp.shared")
        made.database(os.path.join(domain, "ChatStorage.sqlite"), f"""
            CREATE TABLE ZWACHATSESSION(Z_PK INTEGER PRIMARY KEY, ZSESSIONTYPE INTEGER, ZCONTACTJID TEXT, ZPARTNERNAME TEXT, ZREMOVED INTEGER);
            CREATE TABLE ZWAGROUPMEMBER(Z_PK INTEGER PRIMARY KEY, ZMEMBERJID TEXT, ZCONTACTNAME TEXT);
            CREATE TABLE ZWAMEDIAITEM(Z_PK INTEGER PRIMARY KEY, ZMEDIALOCALPATH TEXT, ZVCARDSTRING TEXT, ZTITLE TEXT, ZLATITUDE REAL, ZLONGITUDE REAL, ZMETADATA BLOB);
            CREATE TABLE ZWAMESSAGE(Z_PK INTEGER PRIMARY KEY, ZCHATSESSION INTEGER, ZGROUPMEMBER INTEGER, ZMEDIAITEM INTEGER, ZISFROMME INTEGER,
              ZMESSAGEDATE REAL, ZTEXT TEXT, ZFROMJID TEXT, ZTOJID TEXT, ZSTANZAID TEXT, ZMESSAGETYPE INTEGER, ZGROUPEVENTTYPE INTEGER);
            INSERT INTO ZWACHATSESSION VALUES(1, 0, '447700900123@s.whatsapp.net', 'Ada', 0), (2, 1, '123-456@g.us', 'Allotment', 0);
            INSERT INTO ZWAGROUPMEMBER VALUES(1, '447700900999@s.whatsapp.net', 'Bert');
            INSERT INTO ZWAMEDIAITEM VALUES(1, 'Media/1/pic.jpg', 'image/jpeg', 'my peas', NULL, NULL, NULL), (2, NULL, NULL, NULL, NULL, NULL, x'2a0153'),
              (3, NULL, 'image/jpeg', NULL, NULL, NULL, NULL);
            INSERT INTO ZWAMESSAGE VALUES(1, 1, NULL, 1, 0, {made.cocoa(MARCH_1)}, NULL, '447700900123@s.whatsapp.net', NULL, 'S', 1, 0),
              (2, 1, NULL, 2, 1, {made.cocoa(MARCH_1 + 60)}, 'lovely', NULL, '447700900123@s.whatsapp.net', 'T', 0, 0),
              (3, 2, 1, NULL, 0, {made.cocoa(MARCH_1 + 90)}, NULL, '123-456@g.us', NULL, 'U', 14, 0), (4, 2, 1, 3, 0, 1, NULL, '123-456@g.us', NULL, 'V', 1, 0)""")
        os.makedirs(os.path.join(domain, "Message/Media/1"))
        with open(os.path.join(domain, "Message/Media/1/pic.jpg"), "wb") as file:
            file.write(b"\xff\xd8\xff")
        found = {m["guid"]: m for m in asks.records(PROGRAM, folder, "whatsapp")}
        assert found["S"]["chat"]["name"] == "Ada" and found["S"]["from"] == "+447700900123" and found["S"]["text"] == "my peas"
        assert found["S"]["attachments"][0]["state"] == "present" and found["T"]["reply_to"] == "S" and found["T"]["from_me"]
        assert found["U"]["unsent"] and found["U"]["from_name"] == "Bert" and found["U"]["chat"]["group"]
        assert found["V"]["attachments"][0]["state"] == "never_downloaded"


if __name__ == "__main__":
    sys.exit(TAP.run())
