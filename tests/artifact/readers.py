#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports in the hands of real readers: a CardDAV and CalDAV server, a browser, mail tools, exiftool. Each is skipped
where its program is not installed.

usage: readers.py REVIVE [SCREENSHOT.png]
"""
import csv
import email
import email.policy
import http.client
import json
import mailbox
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Skip, Tap  # pylint: disable=wrong-import-position
import asks  # pylint: disable=wrong-import-position
import made  # pylint: disable=wrong-import-position
import made_apps  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()
MARCH_1 = 1709283600  # 2024-03-01 09:00:00 UTC
NAME = "Zo\u00eb \u00d6zt\u00fcrk; \u5c0f\u6797, \\ \"quoted\""


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise Skip(f"{program} is not here")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def below(folder, ending):
    return sorted(os.path.join(base, n) for base, _, names in os.walk(folder) for n in names if n.endswith(ending))


# ---- a server ----

class Server:
    """Debian's radicale on a port of this computer, with its collections in a folder that goes with it."""

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.child = subprocess.Popen(  # pylint: disable=consider-using-with
            ["radicale", "--config", "", "--server-hosts", f"127.0.0.1:{self.port}", "--auth-type", "none", "--rights-type", "authenticated",
             "--storage-filesystem-folder", self.folder.name, "--web-type", "none"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        raise Skip("radicale did not start")

    def __exit__(self, *unused):
        self.child.terminate()
        self.child.wait(20)
        self.folder.cleanup()

    def ask(self, verb, path, body=None, kind=None):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": "Basic YWRhOmFkYQ=="}
        if kind:
            headers["Content-Type"] = kind
        link.request(verb, path, body, headers)
        answer = link.getresponse()
        data = answer.read()
        link.close()
        return answer.status, data


def lines_of(data, head):
    """Unfolded lines that begin so, of an answer."""
    whole = data.decode().replace("\r\n ", "").replace("\r\n\t", "")
    return [line for line in whole.splitlines() if line.startswith(head)]


@TAP.test
def contacts_and_calendars_go_into_a_real_server_and_come_back():
    need("radicale")
    with tempfile.TemporaryDirectory() as folder:
        made_apps.contacts(os.path.join(folder, "a/AddressBook.sqlitedb"), [
            (NAME, "Gardener", None, "-86400", made_apps.HOSTILE, [(3, "_$!<Mobile>!$_", "+44 7700 900123"), (4, "Allotment", "zoe@example.org"),
                                                           (5, "_$!<Home>!$_", {"Street": "1 Lane;2", "City": "K\u00f6ln"})]),
            (None, None, "Seeds & Sons", None, None, [(3, None, "0123")]), (None, None, None, None, None, [(3, None, "999")])])
        made_apps.calendar(os.path.join(folder, "b/Calendar.sqlitedb"), [
            ({"summary": NAME, "description": made_apps.HOSTILE, "start_date": MARCH_1 - made.COCOA, "end_date": MARCH_1 - made.COCOA + 3600,
              "start_tz": "Europe/Berlin", "unique_identifier": "U-1"}, (2, 1, 5, None, "D=0FR"), [MARCH_1 - made.COCOA + 7 * 86400]),
            ({"summary": "whole day", "start_date": 730944000, "end_date": 731030399, "all_day": 1, "unique_identifier": "U-2"}, None, []),
            ({"summary": "in July", "start_date": 741690000, "end_date": 741693600, "start_tz": "America/New_York", "unique_identifier": "U-3"}, None, [])])
        out = os.path.join(folder, "out")
        asks.export(PROGRAM, os.path.join(folder, "a"), out, "--type", "contacts")
        asks.export(PROGRAM, os.path.join(folder, "b"), out, "--type", "calendar")
        with Server() as server:
            cards, = below(out, ".vcf")
            status, answer = server.ask("PUT", "/ada/people/", read(cards), "text/vcard; charset=utf-8")
            assert status == 201, (status, answer)
            status, answer = server.ask("GET", "/ada/people/")
            assert status == 200 and len(lines_of(answer, "BEGIN:VCARD")) == 3, answer
            assert any("Zo\u00eb \u00d6zt\u00fcrk\\;" in line for line in lines_of(answer, "FN")), lines_of(answer, "FN")
            assert any("1 Lane\\;2" in line for line in lines_of(answer, "ADR")) and len(lines_of(answer, "TEL")) == 3
            for number, calendar in enumerate(below(out, ".ics")):
                status, answer = server.ask("PUT", f"/ada/dates{number}/", read(calendar), "text/calendar; charset=utf-8")
                assert status == 201, (calendar, status, answer)
                status, answer = server.ask("GET", f"/ada/dates{number}/")
                assert status == 200
                wanted = lines_of(read(calendar), "UID")
                assert sorted(lines_of(answer, "UID")) == sorted(wanted) and len(wanted) == 3, (wanted, lines_of(answer, "UID"))
                assert sorted(lines_of(answer, "DTSTART")) == sorted(lines_of(read(calendar), "DTSTART")), lines_of(answer, "DTSTART")


# ---- a browser ----

PAYLOAD = ("<script>top.postMessage('ran','*');document.title='ran'</script><img src=x onerror=\"top.postMessage('ran','*')\">"
           "<svg onload=\"top.postMessage('ran','*')\"></svg><a href=\"javascript:top.postMessage('ran','*')\">x</a>"
           "<iframe srcdoc=\"<script>top.postMessage('ran','*')</script>\"></iframe>\"'`--><style>@import 'http://127.0.0.1:9/'</style>")


def hostile_life(folder):
    """Texts, names, titles and file names that try to run; a picture that is a script."""
    sms = made.Sms(os.path.join(folder, "HomeDomain/Library/SMS/sms.db")) if os.makedirs(os.path.join(folder, "HomeDomain/Library/SMS")) is None else None
    evil, ada = sms.handle(PAYLOAD), sms.handle("+447700900123")
    group = sms.chat("chat1" + PAYLOAD, [evil, ada], PAYLOAD, 43)
    plain = sms.chat("+447700900123", [ada])
    os.makedirs(os.path.join(folder, "MediaDomain/Library/SMS/Attachments/1"))
    jpeg = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb004300" + "01" * 64 + "ffc0000b080001000101011100ffc40014000100000000000000000000000000000009"
                         "ffc40014100100000000000000000000000000000000ffda0008010100003f0054dfffd9")
    for number, (name, data) in enumerate([("x\" onerror=\"top.postMessage('ran','*').jpg", jpeg), ("page.html", PAYLOAD.encode()), ("draw.svg", PAYLOAD.encode()),
                                           ("'><script>top.postMessage('ran','*')<script>.png", PAYLOAD.encode()), ("film.mov", b"none")]):
        path = f"Library/SMS/Attachments/1/{number}.jpg"
        with open(os.path.join(folder, "MediaDomain", path), "wb") as file:
            file.write(data)
        sms.attach(sms.message(group, evil, PAYLOAD, subject=PAYLOAD), "~/" + path, name)
    for n, (who, text) in enumerate([(ada, "Did you find the key?"), (0, "Under the blue pot \U0001FAB4"), (ada, "\u05e9\u05dc\u05d5\u05dd \u4f60\u597d https://example.org/a?b=1"),
                                     (0, "Thank you!"), (ada, "See you at six")]):
        sms.message(plain, who, text, guid=f"PLAIN-{n}")
    sms.message(plain, 0, None, associated_message_guid="p:0/PLAIN-0", associated_message_type=2000)
    sms.message(group, evil, None, balloon_bundle_id="com.apple.messages.URLBalloonProvider",
                payload_data=made.archive({"richLinkMetadata": {"title": PAYLOAD, "URL": "javascript:top.postMessage('ran','*')", "summary": PAYLOAD}}))
    sms.message(plain, ada, "thrown away", join="chat_recoverable_message_join")
    sms.close()
    made_apps.database(os.path.join(folder, "HomeDomain/Library/Safari/Bookmarks.db"), """
        CREATE TABLE bookmarks(id INTEGER PRIMARY KEY, special_id INTEGER, parent INTEGER, type INTEGER, title TEXT, url TEXT, order_index INTEGER,
                               deleted INTEGER, external_uuid TEXT, read INTEGER, last_modified REAL);
        CREATE TABLE folder_ancestors(id INTEGER);""", [("INSERT INTO bookmarks VALUES(1, 0, 0, 0, ?, ?, 0, 0, 'a', NULL, 0)", PAYLOAD, "javascript:top.postMessage('ran','*')" + PAYLOAD)])


@TAP.test
def pages_of_hostile_texts_run_nothing_in_a_browser():
    need("chromium")
    with tempfile.TemporaryDirectory() as folder:
        source, out = os.path.join(folder, "a"), os.path.join(folder, "out")
        hostile_life(source)
        asks.export(PROGRAM, source, out, "--type", "messages,bookmarks")
        pages = [p for p in below(out, ".html") if os.sep + "attachments" + os.sep not in p]
        assert len(pages) >= 6, pages
        control = os.path.join(folder, "control.html")
        with open(control, "w", encoding="utf-8") as file:
            file.write("<script>top.postMessage('control','*')</script>")
        frames = "".join(f'<iframe src="file://{p.replace("%", "%25").replace("#", "%23").replace("?", "%3F")}"></iframe>' for p in pages + [control])
        driver = os.path.join(folder, "driver.html")
        with open(driver, "w", encoding="utf-8") as file:
            file.write("<!DOCTYPE html><meta charset=utf-8><title>quiet</title><p id=heard></p><script>addEventListener('message', e => {"
                       "document.getElementById('heard').textContent += e.data + ' '})</script>" + frames)
        profile = os.path.join(folder, "profile")
        words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
                 "--disable-component-update", f"--user-data-dir={profile}", "--virtual-time-budget=2000"]
        done = subprocess.run([*words, "--dump-dom", f"file://{driver}"], capture_output=True, text=True, timeout=90, check=False,
                              env=dict(os.environ, HOME=folder, XDG_RUNTIME_DIR=folder))
        if "id=\"heard\"" not in done.stdout:
            raise Skip(f"chromium does not run here: {done.stderr[-200:]}")
        heard = done.stdout.split('id="heard">')[1].split("</p>")[0].split()
        assert heard == ["control"], heard  # the control page is heard, no exported page is
        assert "<title>quiet</title>" in done.stdout
        if len(sys.argv) > 2:
            page = next(p for p in pages if "900123" in p and p.endswith("2023-03.html") or "900123" in p and not p.endswith("index.html"))
            subprocess.run([*words, f"--screenshot={os.path.abspath(sys.argv[2])}", "--window-size=900,900", f"file://{page}"], capture_output=True, check=False, timeout=90)


# ---- mail ----

@TAP.test
def conversations_are_mailboxes_for_mail_tools():
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(os.path.join(folder, "a/Library/SMS/Attachments"))
        sms = made.Sms(os.path.join(folder, "a/sms.db"))
        chat = sms.chat("+447700900123", [sms.handle("+447700900123")], NAME)
        texts = ["plain", "From the garden\n>From here\nand on", "\u5c0f\u6797 \U0001F33B", "x" * 5000, "\nBcc: evil@example.org\n\nbody"]
        for n, text in enumerate(texts):
            number = sms.message(chat, n % 2, text, guid=f"G-{n}", subject="\nBcc: evil@example.org" if n == 4 else None)
            if n == 2:
                with open(os.path.join(folder, "a/Library/SMS/Attachments/p.jpg"), "wb") as file:
                    file.write(b"\xff\xd8\xff" + bytes(range(256)) * 40)
                sms.attach(number, "~/Library/SMS/Attachments/p.jpg", "p\u00fcnkt\n.jpg")
        sms.close()
        out = os.path.join(folder, "out")
        asks.export(PROGRAM, os.path.join(folder, "a"), out, "--type", "messages", "--format", "mbox")
        path, = below(out, ".mbox")
        box = mailbox.mbox(path, create=False)
        mails = [email.message_from_bytes(m.as_bytes(), policy=email.policy.default) for m in box]
        assert len(mails) == len(texts), len(mails)
        for mail, text in zip(mails, texts):
            body = mail.get_body().get_content().replace("\n>From ", "\nFrom ").replace("\n>>From", "\n>From")
            body = body[1:] if body.startswith(">From") else body
            assert body.rstrip("\n") == text.rstrip("\n"), (body[:80], text[:80])
            assert not mail["Bcc"] and mail["Message-ID"].endswith("@messages.invalid>") and mail["Date"].datetime.year == 2023
        assert mails[1]["From"].addresses[0].addr_spec == "+447700900123@phone.invalid", mails[1]["From"]
        attached, = list(mails[2].iter_attachments())
        assert attached.get_content() == b"\xff\xd8\xff" + bytes(range(256)) * 40 and "p\u00fcnkt" in attached.get_filename()
        need("git", "mshow", "mhdr")
        os.makedirs(os.path.join(folder, "split"))
        split = subprocess.run(["git", "mailsplit", "--mboxrd", f"-o{folder}/split", path], capture_output=True, text=True, check=True)
        assert split.stdout.strip() == str(len(texts))
        third = subprocess.run(["mshow", f"{folder}/split/0003"], capture_output=True, text=True, check=True).stdout
        assert "\u5c0f\u6797" in third and "image/jpeg" in third, third
        heads = subprocess.run(["mhdr", "-h", "bcc", *below(os.path.join(folder, "split"), "")], capture_output=True, text=True, check=False)
        assert heads.stdout.strip() == ""


# ---- pictures ----

@TAP.test
def times_and_places_of_photos_are_read_by_exiftool():
    need("exiftool")
    with tempfile.TemporaryDirectory() as folder:
        source, out = os.path.join(folder, "a"), os.path.join(folder, "out")
        made_apps.database(os.path.join(source, "CameraRollDomain/Media/PhotoData/Photos.sqlite"), f"""
            CREATE TABLE ZASSET(Z_PK INTEGER PRIMARY KEY, ZUUID TEXT, ZDIRECTORY TEXT, ZFILENAME TEXT, ZKIND INTEGER, ZDATECREATED REAL, ZLATITUDE REAL,
              ZLONGITUDE REAL, ZTRASHEDSTATE INTEGER, ZFAVORITE INTEGER);
            CREATE TABLE ZADDITIONALASSETATTRIBUTES(Z_PK INTEGER PRIMARY KEY, ZASSET INTEGER, ZORIGINALFILENAME TEXT, ZTIMEZONEOFFSET INTEGER, ZTITLE TEXT);
            CREATE TABLE ZGENERICALBUM(Z_PK INTEGER PRIMARY KEY, ZTITLE TEXT, ZKIND INTEGER);
            CREATE TABLE Z_31ASSETS(Z_31ALBUMS INTEGER, Z_4ASSETS INTEGER);
            INSERT INTO ZASSET VALUES(1, 'A', 'DCIM/100APPLE', 'IMG_0001.JPG', 0, {MARCH_1 - made.COCOA}, -33.5, 151.25, 0, 1);
            INSERT INTO ZADDITIONALASSETATTRIBUTES VALUES(1, 1, 'IMG_0001.JPG', 39600, 'a & b <c>');
            INSERT INTO Z_31ASSETS VALUES(1, 1);""", [("INSERT INTO ZGENERICALBUM VALUES(1, ?, 2)", NAME)])
        os.makedirs(os.path.join(source, "CameraRollDomain/Media/DCIM/100APPLE"))
        with open(os.path.join(source, "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"), "wb") as file:
            file.write(bytes.fromhex("ffd8ffd9"))
        asks.export(PROGRAM, source, out, "--type", "photos")
        picture, = below(out, ".JPG")
        done = subprocess.run(["exiftool", "-j", "-n", "-FileModifyDate", "-XMP:all", picture, picture + ".xmp"],
                              capture_output=True, text=True, check=True, env=dict(os.environ, TZ="UTC"))
        own, beside = json.loads(done.stdout)
        assert own["FileModifyDate"] == "2024:03:01 09:00:00+00:00", own
        assert beside["DateTimeOriginal"].startswith("2024:03:01 20:00:00") and beside["Rating"] == 5, beside
        assert abs(beside["GPSLatitude"] + 33.5) < 1e-6 and abs(beside["GPSLongitude"] - 151.25) < 1e-6
        assert beside["Description"] == "a & b <c>" and beside["Subject"] in (NAME, [NAME]), beside
        validity = subprocess.run(["exiftool", "-validate", "-warning", "-a", picture + ".xmp"], capture_output=True, text=True, check=False)
        assert "Error" not in validity.stdout, validity.stdout


@TAP.test
def tables_are_read_by_a_csv_reader_with_every_field_as_it_was():
    with tempfile.TemporaryDirectory() as folder:
        made_apps.contacts(os.path.join(folder, "AddressBook.sqlitedb"), [(NAME, "=1+1", None, None, 'line "one"\r\nline, two', [(3, None, "+44 1")])])
        out = os.path.join(folder, "out")
        asks.export(PROGRAM, os.path.join(folder, "AddressBook.sqlitedb"), out, "--format", "csv")
        with open(os.path.join(out, "contacts.csv"), encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        assert len(rows) == 1 and NAME in rows[0]["name"] and rows[0]["phones"] == "+44 1", rows
        assert not any(value.startswith(("=", "@")) for value in rows[0].values()), rows


if __name__ == "__main__":
    sys.exit(TAP.run())
