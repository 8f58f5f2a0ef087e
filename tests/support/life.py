# SPDX-License-Identifier: Apache-2.0
"""Five years of an invented life, in databases written here as a phone's apps write them, and their deletions.

    life = Life(folder, size=1.0)          # files under folder/DOMAIN/PATH
    gone = life.delete("11")               # rows go, their bytes stay; {type: [identity, ...]}
    gone = life.delete("12")               # secure_delete; messages, notes and photos pass through Recently Deleted

The same seed gives the same life. Shares no line with the product.
"""
import gzip
import os
import random
import sqlite3

COCOA = 978307200
BEGIN, END = 1546300800, 1704067200  # 2019-01-01 .. 2024-01-01, UTC
FIRST = "Ada Berit Cem Dana Elif Falk Greta Hugo Ines Jonas Kaja Lars Mara Nils Olga Paul Rosa Sven Tilda Uwe".split()
LAST = "Ahorn Birke Distel Eberesche Farn Ginster Holler Iris Klee Linde Mohn Nelke Primel Quitte Rose Salbei".split()
WORDS = ("boat bread cheese garden rain train ticket lake photo letter birthday school doctor soup ladder lamp winter harbour "
         "violin bicycle market honey kitchen roof paint chair window cat dog tea book stamp cellar apple tent river").split()
SMS, BOOK, CALLS = ("HomeDomain", "Library/SMS/sms.db"), ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb"), (
    "HomeDomain", "Library/CallHistoryDB/CallHistory.storedata")
NOTES = ("AppDomainGroup-group.com.apple.notes", "NoteStore.sqlite")
PHOTOS, CALENDAR = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite"), ("HomeDomain", "Library/Calendar/Calendar.sqlitedb")
REMINDERS = ("AppDomainGroup-group.com.apple.reminders", "Container_v1/Stores/Data-local.sqlite")
WHATSAPP = ("AppDomainGroup-group.net.whatsapp.WhatsApp.shared", "ChatStorage.sqlite")
HISTORY = ("HomeDomain", "Library/Safari/History.db")

SCHEMAS = {
    SMS: """
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, id TEXT NOT NULL, country TEXT, service TEXT NOT NULL, UNIQUE (id, service));
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, style INTEGER, chat_identifier TEXT, service_name TEXT,
 room_name TEXT, display_name TEXT, group_id TEXT);
CREATE TABLE chat_handle_join (chat_id INTEGER, handle_id INTEGER, UNIQUE(chat_id, handle_id));
CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, text TEXT, handle_id INTEGER DEFAULT 0, subject TEXT,
 attributedBody BLOB, service TEXT, account TEXT, error INTEGER DEFAULT 0, date INTEGER, date_read INTEGER, date_delivered INTEGER,
 is_from_me INTEGER DEFAULT 0, is_read INTEGER DEFAULT 0, is_sent INTEGER DEFAULT 0, item_type INTEGER DEFAULT 0,
 associated_message_guid TEXT, associated_message_type INTEGER DEFAULT 0, cache_has_attachments INTEGER DEFAULT 0, cache_roomnames TEXT);
CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER, message_date INTEGER DEFAULT 0, PRIMARY KEY (chat_id, message_id));
CREATE TABLE chat_recoverable_message_join (chat_id INTEGER, message_id INTEGER, delete_date INTEGER, PRIMARY KEY (chat_id, message_id));
CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, created_date INTEGER, filename TEXT, uti TEXT,
 mime_type TEXT, transfer_name TEXT, total_bytes INTEGER DEFAULT 0);
CREATE TABLE message_attachment_join (message_id INTEGER, attachment_id INTEGER, UNIQUE(message_id, attachment_id));
CREATE TABLE deleted_messages (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, guid TEXT NOT NULL);
CREATE INDEX message_idx_date ON message(date);
CREATE INDEX chat_message_join_idx ON chat_message_join(chat_id, message_date);
CREATE INDEX message_attachment_join_idx ON message_attachment_join(message_id);""",
    BOOK: """
CREATE TABLE ABPerson(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, First TEXT, Last TEXT, Organization TEXT, Note TEXT, Kind INTEGER, Birthday TEXT,
 CreationDate INTEGER, ModificationDate INTEGER, guid TEXT UNIQUE);
CREATE TABLE ABMultiValue(UID INTEGER PRIMARY KEY, record_id INTEGER, property INTEGER, identifier INTEGER, label INTEGER, value TEXT);
CREATE TABLE ABMultiValueLabel(value TEXT, UNIQUE(value));
CREATE TABLE ABMultiValueEntry(parent_id INTEGER, key INTEGER, value TEXT, UNIQUE(parent_id, key));
CREATE TABLE ABMultiValueEntryKey(value TEXT, UNIQUE(value));
CREATE INDEX ABMultiValueRecordIDIndex ON ABMultiValue(record_id);""",
    CALLS: """
CREATE TABLE Z_PRIMARYKEY(Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE ZCALLRECORD(Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZANSWERED INTEGER, ZCALLTYPE INTEGER, ZORIGINATED INTEGER,
 ZREAD INTEGER, ZDATE TIMESTAMP, ZDURATION FLOAT, ZADDRESS VARCHAR, ZISO_COUNTRY_CODE VARCHAR, ZSERVICE_PROVIDER VARCHAR, ZUNIQUE_ID VARCHAR);""",
    NOTES: """
CREATE TABLE Z_PRIMARYKEY(Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
INSERT INTO Z_PRIMARYKEY VALUES(7,'ICAccount',0,1),(8,'ICFolder',0,3),(9,'ICNote',0,0);
CREATE TABLE ZICNOTEDATA(Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZNOTE INTEGER, ZDATA BLOB);
CREATE TABLE ZICCLOUDSYNCINGOBJECT(Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZIDENTIFIER VARCHAR, ZTITLE1 VARCHAR, ZTITLE2 VARCHAR,
 ZSNIPPET VARCHAR, ZNAME VARCHAR, ZFOLDER INTEGER, ZACCOUNT7 INTEGER, ZCREATIONDATE3 TIMESTAMP, ZMODIFICATIONDATE1 TIMESTAMP,
 ZMARKEDFORDELETION INTEGER, ZISPASSWORDPROTECTED INTEGER);
INSERT INTO ZICCLOUDSYNCINGOBJECT(Z_PK, Z_ENT, ZIDENTIFIER, ZNAME) VALUES(1, 7, 'ACCOUNT', 'iCloud');
INSERT INTO ZICCLOUDSYNCINGOBJECT(Z_PK, Z_ENT, ZIDENTIFIER, ZTITLE2) VALUES(2, 8, 'DefaultFolder-CloudKit', 'Notes'),
 (3, 8, 'TrashFolder-CloudKit', 'Recently Deleted');""",
    PHOTOS: """
CREATE TABLE Z_PRIMARYKEY(Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE ZASSET(Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZUUID VARCHAR, ZDIRECTORY VARCHAR, ZFILENAME VARCHAR, ZKIND INTEGER,
 ZKINDSUBTYPE INTEGER, ZDATECREATED TIMESTAMP, ZLATITUDE FLOAT, ZLONGITUDE FLOAT, ZWIDTH INTEGER, ZHEIGHT INTEGER, ZFAVORITE INTEGER,
 ZHIDDEN INTEGER, ZTRASHEDSTATE INTEGER, ZTRASHEDDATE TIMESTAMP, ZUNIFORMTYPEIDENTIFIER VARCHAR);
CREATE TABLE ZADDITIONALASSETATTRIBUTES(Z_PK INTEGER PRIMARY KEY, ZASSET INTEGER, ZORIGINALFILENAME VARCHAR, ZTIMEZONEOFFSET INTEGER, ZTITLE VARCHAR);
CREATE TABLE ZGENERICALBUM(Z_PK INTEGER PRIMARY KEY, ZKIND INTEGER, ZTITLE VARCHAR, ZTRASHEDSTATE INTEGER);
CREATE TABLE Z_30ASSETS(Z_30ALBUMS INTEGER, Z_3ASSETS INTEGER, Z_FOK_3ASSETS INTEGER, PRIMARY KEY(Z_30ALBUMS, Z_3ASSETS));
CREATE INDEX Z_30ASSETS_INDEX ON Z_30ASSETS(Z_3ASSETS);
CREATE INDEX ZADDITIONAL_INDEX ON ZADDITIONALASSETATTRIBUTES(ZASSET);
INSERT INTO ZGENERICALBUM VALUES(1, 2, 'Summers', 0), (2, 2, 'Cats', 0);""",
    CALENDAR: """
CREATE TABLE Store(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, type INTEGER);
CREATE TABLE Calendar(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, store_id INTEGER, title TEXT, UUID TEXT);
CREATE TABLE CalendarItem(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, summary TEXT, description TEXT, start_date REAL, end_date REAL, start_tz TEXT,
 all_day INTEGER, calendar_id INTEGER, url TEXT, last_modified REAL, unique_identifier TEXT, UUID TEXT, entity_type INTEGER);
INSERT INTO Store VALUES(1, 'iCloud', 2);
INSERT INTO Calendar VALUES(1, 1, 'Home', 'CAL-1'), (2, 1, 'Work', 'CAL-2');""",
    REMINDERS: """
CREATE TABLE Z_PRIMARYKEY(Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE ZREMCDBASELIST(Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZNAME VARCHAR);
CREATE TABLE ZREMCDOBJECT(Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZNAME VARCHAR);
CREATE TABLE ZREMCDREMINDER(Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZTITLE VARCHAR, ZNOTES VARCHAR, ZCOMPLETED INTEGER,
 ZDUEDATE TIMESTAMP, ZCREATIONDATE TIMESTAMP, ZMARKEDFORDELETION INTEGER, ZLIST INTEGER, ZIDENTIFIER BLOB, ZPRIORITY INTEGER);
INSERT INTO ZREMCDBASELIST VALUES(1, 3, 'Errands');""",
    WHATSAPP: """
CREATE TABLE Z_PRIMARYKEY(Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE ZWACHATSESSION(Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZSESSIONTYPE INTEGER, ZCONTACTJID VARCHAR, ZPARTNERNAME VARCHAR, ZREMOVED INTEGER);
CREATE TABLE ZWAGROUPMEMBER(Z_PK INTEGER PRIMARY KEY, ZMEMBERJID VARCHAR, ZCONTACTNAME VARCHAR);
CREATE TABLE ZWAMEDIAITEM(Z_PK INTEGER PRIMARY KEY, ZMESSAGE INTEGER, ZMEDIALOCALPATH VARCHAR, ZVCARDSTRING VARCHAR, ZTITLE VARCHAR);
CREATE TABLE ZWAMESSAGE(Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZCHATSESSION INTEGER, ZGROUPMEMBER INTEGER, ZMEDIAITEM INTEGER,
 ZISFROMME INTEGER, ZMESSAGEDATE TIMESTAMP, ZTEXT VARCHAR, ZFROMJID VARCHAR, ZTOJID VARCHAR, ZSTANZAID VARCHAR, ZMESSAGETYPE INTEGER,
 ZGROUPEVENTTYPE INTEGER);""",
    HISTORY: """
CREATE TABLE history_items(id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL UNIQUE, domain_expansion TEXT, visit_count INTEGER NOT NULL);
CREATE TABLE history_visits(id INTEGER PRIMARY KEY AUTOINCREMENT, history_item INTEGER NOT NULL, visit_time REAL NOT NULL, title TEXT,
 load_successful BOOLEAN NOT NULL DEFAULT 1, origin INTEGER NOT NULL DEFAULT 0);""",
}
# type: (database, the table that deletions empty, its key, usual number of rows)
TYPES = {
    "messages": (SMS, "message", "ROWID", 2400), "contacts": (BOOK, "ABPerson", "ROWID", 160), "calls": (CALLS, "ZCALLRECORD", "Z_PK", 500),
    "notes": (NOTES, "ZICCLOUDSYNCINGOBJECT", "Z_PK", 80), "photos": (PHOTOS, "ZASSET", "Z_PK", 240), "calendar": (CALENDAR, "CalendarItem", "ROWID", 300),
    "reminders": (REMINDERS, "ZREMCDREMINDER", "Z_PK", 90), "whatsapp": (WHATSAPP, "ZWAMESSAGE", "Z_PK", 800), "history": (HISTORY, "history_visits", "id", 400),
}
TRASH = ("messages", "notes", "photos", "reminders")  # types with a Recently Deleted of their own since iOS 16


def varint(n):
    out = bytearray()
    while True:
        out.append(n & 0x7F | (0x80 if n > 0x7F else 0))
        n >>= 7
        if not n:
            return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def note_bytes(text):
    run = field(5, field(1, len(text.encode("utf-16-le")) // 2))
    return gzip.compress(field(2, field(2, 1) + field(3, field(2, text.encode()) + run)), mtime=0)


class Life:
    def __init__(self, folder, size=1.0, seed=7, attachments=40):
        self.folder, self.random, self.size, self.attachments = str(folder), random.Random(seed), size, attachments
        self.identity = {}  # type -> {key: what a record of it is known by}
        self.people = [(f, l, f"+49151{n:07d}") for n, (f, l) in enumerate(
            self.random.sample([(f, l) for f in FIRST for l in LAST], max(4, self.count("contacts"))))]
        for place, schema in SCHEMAS.items():
            os.makedirs(os.path.dirname(self.path(place)), exist_ok=True)
            con = sqlite3.connect(self.path(place))
            con.executescript(f"PRAGMA page_size=4096; PRAGMA journal_mode=WAL; {schema}")
            con.execute("PRAGMA synchronous=OFF")
            for kind, (where, *_) in TYPES.items():
                if where == place:
                    self.identity[kind] = dict(getattr(self, kind)(con))
            con.commit()
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            con.close()

    def path(self, place):
        return os.path.join(self.folder, *place)

    def count(self, kind):
        return max(12, int(TYPES[kind][3] * self.size))

    def when(self, n, of):
        return BEGIN - COCOA + (END - BEGIN) * n // of + self.random.randrange(600)

    def words(self, least, most):
        return " ".join(self.random.choice(WORDS) for _ in range(self.random.randint(least, most)))

    def put(self, domain, path, data):
        path = os.path.join(self.folder, domain, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    # ---- one function a type: fills its tables, gives (key, identity) ----

    def messages(self, con):
        for n, (_, _, number) in enumerate(self.people, 1):
            con.execute("INSERT INTO handle(id, country, service) VALUES(?, 'de', 'iMessage')", (number,))
            con.execute("INSERT INTO chat(guid, style, chat_identifier, service_name) VALUES(?, 45, ?, 'iMessage')", (f"iMessage;-;{number}", number))
            con.execute("INSERT INTO chat_handle_join VALUES(?, ?)", (n, n))
        total = self.count("messages")
        for n in range(1, total + 1):
            who, date = self.random.randint(1, len(self.people)), self.when(n, total) * 10**9
            text = f"No. {n}: {self.words(3, 18)}"
            con.execute("INSERT INTO message(guid, text, handle_id, service, date, date_read, is_from_me, is_read) VALUES(?,?,?,?,?,?,?,1)",
                        (f"M-{n:08d}-{self.random.getrandbits(48):012X}", text, who, "iMessage", date, date + 10**9, n % 2))
            con.execute("INSERT INTO chat_message_join VALUES(?,?,?)", (who, n, date))
            if n % max(1, total // max(1, self.attachments)) == 0:
                name = f"Library/SMS/Attachments/{n % 256:02x}/{n}/picture.jpg"
                number = con.execute("INSERT INTO attachment(guid, filename, mime_type, transfer_name) VALUES(?,?,?,?)",
                                     (f"at_{n}", f"~/{name}", "image/jpeg", "picture.jpg")).lastrowid
                con.execute("INSERT INTO message_attachment_join VALUES(?,?)", (n, number))
                self.put("MediaDomain", name, b"\xff\xd8\xff\xe0" + b"%d " % n * 200)
            yield n, text

    def contacts(self, con):
        con.execute("INSERT INTO ABMultiValueLabel(value) VALUES('_$!<Mobile>!$_'), ('_$!<Home>!$_')")
        for n, (first, last, number) in enumerate(self.people[:self.count("contacts")], 1):
            con.execute("INSERT INTO ABPerson(First, Last, Note, Kind, CreationDate, ModificationDate, guid) VALUES(?,?,?,0,?,?,?)",
                        (first, last, self.words(4, 12), self.when(n, 200), self.when(n, 200), f"P-{n}-{self.random.getrandbits(40):X}"))
            con.execute("INSERT INTO ABMultiValue(record_id, property, identifier, label, value) VALUES(?,3,0,1,?)", (n, number))
            yield n, f"{first} {last}"

    def calls(self, con):
        con.execute("INSERT INTO Z_PRIMARYKEY VALUES(2, 'CallRecord', 0, 500)")
        total = self.count("calls")
        for n in range(1, total + 1):
            name = f"C-{n}-{self.random.getrandbits(64):016X}"
            con.execute("INSERT INTO ZCALLRECORD VALUES(?,2,1,?,1,?,1,?,?,?,'de','com.apple.Telephony',?)",
                        (n, int(n % 3 > 0), n % 2, self.when(n, total) + 0.5, n % 900 * 1.25, self.random.choice(self.people)[2], name))
            yield n, name

    def notes(self, con):
        for n in range(1, self.count("notes") + 1):
            title, key = f"Note {n} {self.words(2, 3)}", 100 + n
            con.execute("INSERT INTO ZICCLOUDSYNCINGOBJECT(Z_PK, Z_ENT, Z_OPT, ZIDENTIFIER, ZTITLE1, ZSNIPPET, ZFOLDER, ZACCOUNT7, ZCREATIONDATE3, "
                        "ZMODIFICATIONDATE1) VALUES(?,9,1,?,?,?,2,1,?,?)",
                        (key, f"N-{n}-{self.random.getrandbits(40):X}", title, self.words(3, 8), self.when(n, 100), self.when(n, 100)))
            con.execute("INSERT INTO ZICNOTEDATA VALUES(?,10,1,?,?)", (key, key, note_bytes(f"{title}\n{self.words(20, 90)}\n")))
            yield key, title

    def photos(self, con):
        total = self.count("photos")
        for n in range(1, total + 1):
            name, date = f"IMG_{n:04d}.JPG", self.when(n, total)
            con.execute("INSERT INTO ZASSET VALUES(?,3,1,?,?,?,0,0,?,?,?,4032,3024,?,0,0,NULL,'public.jpeg')",
                        (n, f"A-{n}-{self.random.getrandbits(64):016X}", "DCIM/100APPLE", name, float(date), 47.0 + n / 1e4, 8.0, int(n % 9 == 0)))
            con.execute("INSERT INTO ZADDITIONALASSETATTRIBUTES VALUES(?,?,?,3600,NULL)", (n, n, name))
            con.execute("INSERT INTO Z_30ASSETS VALUES(?,?,0)", (n % 2 + 1, n))
            self.put("CameraRollDomain", f"Media/DCIM/100APPLE/{name}", b"\xff\xd8\xff\xe1" + b"photo %d " % n * 150)
            yield n, name

    def calendar(self, con):
        total = self.count("calendar")
        for n in range(1, total + 1):
            title, date = f"Date {n} {self.words(2, 4)}", self.when(n, total)
            con.execute("INSERT INTO CalendarItem(summary, description, start_date, end_date, start_tz, all_day, calendar_id, last_modified, "
                        "unique_identifier, UUID, entity_type) VALUES(?,?,?,?,'Europe/Berlin',0,?,?,?,?,2)",
                        (title, self.words(5, 20), date, date + 3600, n % 2 + 1, date, f"U-{n}-{self.random.getrandbits(40):X}", f"E-{n}"))
            yield n, title

    def reminders(self, con):
        for n in range(1, self.count("reminders") + 1):
            title = f"Task {n} {self.words(2, 5)}"
            con.execute("INSERT INTO ZREMCDREMINDER VALUES(?,28,1,?,?,?,?,?,0,1,?,0)",
                        (n, title, self.words(3, 9), n % 2, float(self.when(n, 100)), float(self.when(n, 100)), self.random.randbytes(16)))
            yield n, title

    def whatsapp(self, con):
        for n, (first, last, number) in enumerate(self.people[:10], 1):
            con.execute("INSERT INTO ZWACHATSESSION VALUES(?,4,0,?,?,0)", (n, f"{number[1:]}@s.whatsapp.net", f"{first} {last}"))
        total = self.count("whatsapp")
        for n in range(1, total + 1):
            who, text, mine = self.random.randint(1, min(10, len(self.people))), f"Nr. {n}: {self.words(3, 14)}", n % 2
            jid = f"{self.people[who - 1][2][1:]}@s.whatsapp.net"
            con.execute("INSERT INTO ZWAMESSAGE VALUES(?,9,1,?,NULL,NULL,?,?,?,?,?,?,0,0)",
                        (n, who, mine, float(self.when(n, total)), text, None if mine else jid, jid if mine else None,
                         f"{self.random.getrandbits(80):020X}"))
            yield n, text

    def history(self, con):
        total = self.count("history")
        for n in range(1, total + 1):
            title = f"Page {n} {self.words(3, 6)}"
            con.execute("INSERT INTO history_items(url, visit_count) VALUES(?, 1)", (f"https://example.org/{n}/{self.random.choice(WORDS)}",))
            con.execute("INSERT INTO history_visits(history_item, visit_time, title) VALUES(?,?,?)", (n, self.when(n, total) + 0.25, title))
            yield n, title

    # ---- deletions ----

    def delete(self, style, share=0.05, keep_log=()):
        """{type: (for good, to Recently Deleted)}: identities, disjoint. Types of `keep_log` keep their log unwritten."""
        found = {}
        for kind, (place, table, key, _) in TYPES.items():
            keys = sorted(self.identity[kind])
            chosen = self.random.sample(keys, max(2, int(len(keys) * share)))
            trash = chosen[::2] if style != "11" and kind in TRASH else []
            gone = [k for k in chosen if k not in trash]
            self.delete_rows(kind, place, table, key, gone, trash, style, kind in keep_log)
            found[kind] = ({self.identity[kind][k] for k in gone}, {self.identity[kind][k] for k in trash})
        return found

    def delete_rows(self, kind, place, table, key, gone, trash, style, keep_log):
        con = sqlite3.connect(self.path(place), isolation_level=None)
        con.executescript(f"PRAGMA secure_delete={'OFF' if style == '11' else 'ON'}; PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=0;")
        if keep_log:  # a log that still holds the pages as they were: the rows are written once more before they go
            con.execute(f"UPDATE {table} SET {key}={key}")
        con.execute("BEGIN")
        for k in trash:
            self.to_trash(con, kind, k)
        for k in gone:
            con.execute(f"DELETE FROM {table} WHERE {key}=?", (k,))
            self.delete_beside(con, kind, k, style)
        con.execute("COMMIT")
        if keep_log:
            kept = {end: open(self.path(place) + end, "rb").read() for end in ("", "-wal")}  # closing would fold it in
            con.close()
            for end, data in kept.items():
                with open(self.path(place) + end, "wb") as file:
                    file.write(data)
            return
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        con.close()

    def to_trash(self, con, kind, k):
        now = END - COCOA
        if kind == "messages":
            con.execute("INSERT INTO chat_recoverable_message_join SELECT chat_id, message_id, ? FROM chat_message_join WHERE message_id=?", (now * 10**9, k))
            con.execute("DELETE FROM chat_message_join WHERE message_id=?", (k,))
        elif kind == "notes":
            con.execute("UPDATE ZICCLOUDSYNCINGOBJECT SET ZFOLDER=3 WHERE Z_PK=?", (k,))
        elif kind == "photos":
            con.execute("UPDATE ZASSET SET ZTRASHEDSTATE=1, ZTRASHEDDATE=? WHERE Z_PK=?", (now, k))
        else:
            con.execute("UPDATE ZREMCDREMINDER SET ZMARKEDFORDELETION=1 WHERE Z_PK=?", (k,))

    def delete_beside(self, con, kind, k, style):
        """What goes with a row: its joins, values, body, file."""
        if kind == "messages":
            con.execute("DELETE FROM chat_message_join WHERE message_id=?", (k,))
            con.execute("DELETE FROM message_attachment_join WHERE message_id=?", (k,))
            if style != "11":
                con.execute("INSERT INTO deleted_messages(guid) VALUES(?)", (f"gone-{k}",))
        elif kind == "contacts":
            con.execute("DELETE FROM ABMultiValue WHERE record_id=?", (k,))
        elif kind == "notes":
            con.execute("DELETE FROM ZICNOTEDATA WHERE ZNOTE=?", (k,))
        elif kind == "photos":
            con.execute("DELETE FROM Z_30ASSETS WHERE Z_3ASSETS=?", (k,))
            os.unlink(os.path.join(self.folder, "CameraRollDomain/Media/DCIM/100APPLE", self.identity[kind][k]))
        elif kind == "history":
            con.execute("DELETE FROM history_items WHERE id=?", (k,))

    def files(self):
        """(domain, path, place on this computer), each file."""
        for base, _, names in os.walk(self.folder):
            for name in names:
                at = os.path.join(base, name)
                domain, _, path = os.path.relpath(at, self.folder).partition(os.sep)
                yield domain, path, at


def identity_of(kind, record):
    """What a record is known by; None when that was not found."""
    key = {"contacts": "name", "calls": "id", "photos": "name", "notes": "title", "calendar": "title", "reminders": "title", "history": "title"}
    return record.get(key.get(kind, "text"))
