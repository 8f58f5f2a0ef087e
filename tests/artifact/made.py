# SPDX-License-Identifier: Apache-2.0
"""Invented people's databases, written here: the tests' own fixtures."""
import plistlib
import sqlite3
import struct

COCOA = 978307200


def length(n):
    return bytes([n]) if n < 0x80 else b"\x81" + struct.pack("<H", n) if n < 0x8000 else b"\x82" + struct.pack("<I", n)


class TypedStream:
    """A writer of typed streams: enough for a styled text and its attributes."""

    def __init__(self):
        self.out = bytearray(b"\x04\x0bstreamtyped\x81\xe8\x03")
        self.strings, self.items = {}, {}
        self.item_count = 0

    def shared(self, text):
        if text in self.strings:
            self.reference(self.strings[text])
            return
        self.strings[text] = len(self.strings)
        self.out += b"\x84" + length(len(text)) + text.encode()

    def reference(self, number):
        value = number - 110
        self.out += struct.pack("b", value) if value < 128 - 0 and value >= -128 else b"\x81" + struct.pack("<h", value)

    def classes(self, *names):
        for name in names:
            if ("class", name) in self.items:
                self.reference(self.items["class", name])
                return
            self.out += b"\x84"
            self.shared(name)
            self.out += b"\x00"
            self.items["class", name] = self.item_count
            self.item_count += 1
        self.out += b"\x85"

    def begin(self, *classes):
        self.shared("@")
        self.begin_root(*classes)

    def begin_root(self, *classes):
        self.out += b"\x84"
        self.item_count += 1
        self.classes(*classes)

    def end(self):
        self.out += b"\x86"

    def string(self, text):
        key = ("string", text)
        if key in self.items:
            self.shared("@")
            self.reference(self.items[key])
            return
        self.shared("@")
        self.items[key] = self.item_count
        self.begin_root("NSString", "NSObject")
        self.shared("+")
        self.out += length(len(text.encode())) + text.encode()
        self.end()

    def number(self, value):
        self.begin("NSNumber", "NSValue", "NSObject")
        self.shared("*")
        self.out += b"\x84"
        self.shared("i")
        self.item_count += 1
        self.shared("i")
        self.integer(value)
        self.end()

    def integer(self, value):
        self.out += struct.pack("b", value) if -100 < value < 128 else b"\x81" + struct.pack("<h", value)


def styled(text, runs=None):
    """Bytes of an NSAttributedString. runs: (UTF-16 units, {attribute: text or number})."""
    t = TypedStream()
    if runs is None:
        runs = [(len(text.encode("utf-16-le")) // 2, {"__kIMMessagePartAttributeName": 0})] if text else []
    t.begin("NSMutableAttributedString", "NSAttributedString", "NSObject")
    t.string(text)
    for number, (units, attributes) in enumerate(runs, 1):
        t.shared("iI")
        t.integer(number)
        t.integer(units)
        t.begin("NSDictionary", "NSObject")
        t.shared("i")
        t.integer(len(attributes))
        for key, value in attributes.items():
            t.string(key)
            if isinstance(value, int):
                t.number(value)
            else:
                t.string(value)
        t.end()
    t.end()
    return bytes(t.out)


def archive(root):
    """A keyed archive of dictionaries, texts and numbers."""
    objects = ["$null"]

    def add(value):
        place = len(objects)
        objects.append(None)
        if isinstance(value, dict):
            names = add_class("NSDictionary")
            objects[place] = {"NS.keys": [plistlib.UID(add(k)) for k in value], "NS.objects": [plistlib.UID(add(v)) for v in value.values()],
                              "$class": plistlib.UID(names)}
        else:
            objects[place] = value
        return place

    def add_class(name):
        objects.append({"$classname": name, "$classes": [name, "NSObject"]})
        return len(objects) - 1

    top = add(root)
    return plistlib.dumps({"$version": 100000, "$archiver": "NSKeyedArchiver", "$top": {"root": plistlib.UID(top)}, "$objects": objects},
                          fmt=plistlib.FMT_BINARY)


SMS_18 = """
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, id TEXT NOT NULL, service TEXT NOT NULL, UNIQUE (id, service));
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, style INTEGER, chat_identifier TEXT,
 service_name TEXT, room_name TEXT, display_name TEXT, group_id TEXT);
CREATE TABLE chat_handle_join (chat_id INTEGER, handle_id INTEGER, UNIQUE(chat_id, handle_id));
CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, text TEXT, handle_id INTEGER DEFAULT 0,
 subject TEXT, attributedBody BLOB, service TEXT, error INTEGER DEFAULT 0, date INTEGER, date_read INTEGER, date_delivered INTEGER,
 is_from_me INTEGER DEFAULT 0, is_audio_message INTEGER DEFAULT 0, item_type INTEGER DEFAULT 0, other_handle INTEGER DEFAULT 0,
 group_title TEXT, group_action_type INTEGER DEFAULT 0, associated_message_guid TEXT, associated_message_type INTEGER DEFAULT 0,
 balloon_bundle_id TEXT, payload_data BLOB, expressive_send_style_id TEXT, message_summary_info BLOB, thread_originator_guid TEXT,
 date_edited INTEGER DEFAULT 0, cache_roomnames TEXT, associated_message_emoji TEXT);
CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER, message_date INTEGER DEFAULT 0, PRIMARY KEY (chat_id, message_id));
CREATE TABLE chat_recoverable_message_join (chat_id INTEGER, message_id INTEGER, delete_date INTEGER, PRIMARY KEY (chat_id, message_id));
CREATE TABLE recoverable_message_part (chat_id INTEGER, message_id INTEGER, part_index INTEGER, delete_date INTEGER, part_text BLOB NOT NULL);
CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, created_date INTEGER, filename TEXT, uti TEXT,
 mime_type TEXT, transfer_name TEXT, total_bytes INTEGER DEFAULT 0, is_sticker INTEGER DEFAULT 0);
CREATE TABLE message_attachment_join (message_id INTEGER, attachment_id INTEGER, UNIQUE(message_id, attachment_id));
CREATE TABLE deleted_messages (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, guid TEXT NOT NULL);
"""


class Sms:
    """sms.db as iOS 18 has it, a column here and there left out."""

    def __init__(self, path, pragmas=""):
        self.con = sqlite3.connect(path, isolation_level=None)
        self.con.executescript(f"PRAGMA secure_delete=0; {pragmas}" + SMS_18)
        self.clock = 700_000_000

    def handle(self, address, service="iMessage"):
        return self.con.execute("INSERT INTO handle(id, service) VALUES(?, ?)", (address, service)).lastrowid

    def chat(self, identifier, handles, name=None, style=45, service="iMessage"):
        number = self.con.execute("INSERT INTO chat(guid, style, chat_identifier, service_name, display_name, group_id) VALUES(?,?,?,?,?,?)",
                                  (f"{service};-;{identifier}", style, identifier, service, name,
                                   identifier if style == 43 else None)).lastrowid
        for handle in handles:
            self.con.execute("INSERT INTO chat_handle_join VALUES(?, ?)", (number, handle))
        return number

    def message(self, chat, handle, text, join="chat_message_join", **columns):
        self.clock += 60
        row = {"guid": f"GUID-{self.clock}", "handle_id": handle, "date": self.clock * 10**9, "service": "iMessage",
               "is_from_me": int(handle == 0), "attributedBody": styled(text) if text is not None else None, **columns}
        names = ",".join(row)
        number = self.con.execute(f"INSERT INTO message({names}) VALUES({','.join('?' * len(row))})", tuple(row.values())).lastrowid
        if join is not None:
            self.con.execute(f"INSERT INTO {join} VALUES(?, ?, ?)", (chat, number, row["date"]))
        return number

    def attach(self, message, path, name, mime="image/jpeg"):
        number = self.con.execute("INSERT INTO attachment(guid, filename, transfer_name, mime_type) VALUES(?,?,?,?)",
                                  (f"at_{message}_{name}", path, name, mime)).lastrowid
        self.con.execute("INSERT INTO message_attachment_join VALUES(?, ?)", (message, number))

    def close(self):
        self.con.close()
