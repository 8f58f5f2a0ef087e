# SPDX-License-Identifier: Apache-2.0
"""Invented people's contacts, notes, calendars, photos and chats: databases written here, with as few columns as do."""
import gzip
import os
import sqlite3

from made import COCOA

HOSTILE = '"><script>alert(1)</script>;:,\\ \' ` \r\nBEGIN:VCARD =cmd|x'


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append(n & 0x7F | (0x80 if n > 0x7F else 0))
        n >>= 7
        if not n:
            return bytes(out)


def field(number, value):
    """One field: a number as a varint, text and bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def note_body(parts):
    """parts: (text, style or None, {extra field: value}); the whole as it lies in ZDATA."""
    text = "".join(part[0] for part in parts)
    runs = b""
    for piece, style, more in parts:
        run = field(1, len(piece.encode("utf-16-le")) // 2)
        if style is not None:
            paragraph = field(1, style) + (field(5, field(2, more["done"])) if "done" in more else b"") + field(4, more.get("indent", 0))
            run += field(2, paragraph)
        run += b"".join(field(n, v) for n, v in more.items() if isinstance(n, int))
        runs += field(5, run)
    return gzip.compress(field(2, field(2, 1) + field(3, field(2, text) + runs)), mtime=0)


def note_table(cells, right_to_left=False):
    """Mergeable data of a table; the last column was moved once, and a row was removed."""
    rows, columns = len(cells), len(cells[0])
    keys = ["crRows", "crColumns", "cellColumns", "crTableColumnDirection", "UUIDIndex", "self"]
    types = ["com.apple.notes.ICTable", "com.apple.CRDT.NSUUID", "com.apple.CRDT.NSString"]
    uuids = [bytes([i + 1] * 16) for i in range(rows + columns + 2)]
    entries = []

    def add(data):
        entries.append(data)
        return len(entries) - 1

    def ref(number):
        return field(6, number)

    def custom(kind, values):
        return field(13, field(1, kind) + b"".join(field(3, field(1, keys.index(k)) + field(2, v)) for k, v in values))

    root = add(b"")
    ids = [add(custom(1, [("UUIDIndex", field(2, i))])) for i in range(len(uuids))]

    def ordered(members, gone=(), moved=()):
        array = field(1, b"") + b"".join(field(2, field(1, n) + field(2, uuids[m])) for n, m in enumerate(list(members) + list(gone)))
        contents = b"".join(field(1, field(1, ref(ids[a])) + field(2, ref(ids[b]))) for a, b in [(m, m) for m in members] + list(moved))
        there = [b for a, b in moved] + [m for m in members if m not in [a for a, b in moved]]
        elements = b"".join(field(1, field(1, ref(ids[m])) + field(2, ref(ids[m]))) for m in there)
        return add(field(16, field(1, field(1, array) + field(2, contents)) + field(2, elements)))

    across = list(range(columns))
    down = [columns + r for r in range(rows)]
    extra, removed = rows + columns, rows + columns + 1
    row_set = ordered(down, gone=[removed])
    column_set = ordered(across, moved=[(across[-1], extra)])
    column_entries = b""
    for c in range(columns):
        name = extra if c == columns - 1 else across[c]
        dictionary = b""
        for r in range(rows):
            cell = add(field(10, field(2, cells[r][c])))
            dictionary += field(1, field(1, ref(ids[down[r]])) + field(2, ref(cell)))
        column_entries += field(1, field(1, ref(ids[name])) + field(2, ref(add(field(6, dictionary)))))
    cell_columns = add(field(6, column_entries))
    way = add(custom(2, [("self", field(4, "CRTableColumnDirectionRightToLeft" if right_to_left else "CRTableColumnDirectionLeftToRight"))]))
    direction = add(field(1, field(2, ref(way))))
    entries[root] = custom(0, [("crRows", ref(row_set)), ("crColumns", ref(column_set)), ("cellColumns", ref(cell_columns)),
                               ("crTableColumnDirection", ref(direction))])
    data = b"".join(field(3, e) for e in entries) + b"".join(field(4, k) for k in keys) + b"".join(field(5, t) for t in types)
    data += b"".join(field(6, u) for u in uuids)
    return gzip.compress(field(2, field(2, 1) + field(3, data)), mtime=0)


def database(path, script, rows=()):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    con = sqlite3.connect(path)
    con.executescript(script)
    for sql, *values in rows:
        con.execute(sql, values)
    con.commit()
    con.close()
    return path


def contacts(path, people):
    """people: (first, last, organization, birthday as Cocoa seconds or None, note, [(property, label, value or dict)])."""
    rows, labels, keys, uid = [], {}, {}, 0
    for number, (first, last, organization, birthday, note, values) in enumerate(people, 1):
        rows.append(("INSERT INTO ABPerson(ROWID, First, Last, Organization, Birthday, Note, Kind, guid, ModificationDate) VALUES(?,?,?,?,?,?,?,?,?)",
                     number, first, last, organization, birthday, note, int(not first and not last), f"P-{number}", 7e8))
        for kind, label, value in values:
            uid += 1
            if label is not None and label not in labels:
                labels[label] = len(labels) + 1
                rows.append(("INSERT INTO ABMultiValueLabel(rowid, value) VALUES(?,?)", labels[label], label))
            rows.append(("INSERT INTO ABMultiValue(UID, record_id, property, label, value) VALUES(?,?,?,?,?)", uid, number, kind,
                         labels.get(label), None if isinstance(value, dict) else value))
            for key, part in value.items() if isinstance(value, dict) else ():
                if key not in keys:
                    keys[key] = len(keys) + 1
                    rows.append(("INSERT INTO ABMultiValueEntryKey(rowid, value) VALUES(?,?)", keys[key], key))
                rows.append(("INSERT INTO ABMultiValueEntry VALUES(?,?,?)", uid, keys[key], part))
    return database(path, """
        CREATE TABLE ABPerson(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, First TEXT, Last TEXT, Organization TEXT, Birthday TEXT, Note TEXT,
                              Kind INTEGER, guid TEXT UNIQUE, ModificationDate INTEGER);
        CREATE TABLE ABMultiValue(UID INTEGER PRIMARY KEY, record_id INTEGER, property INTEGER, label INTEGER, value TEXT);
        CREATE TABLE ABMultiValueLabel(value TEXT, UNIQUE(value));
        CREATE TABLE ABMultiValueEntry(parent_id INTEGER, key INTEGER, value TEXT, UNIQUE(parent_id, key));
        CREATE TABLE ABMultiValueEntryKey(value TEXT, UNIQUE(value));""", rows)


def notes(path, written):
    """written: (title, ZDATA, {column: value}) ; folder 2 is "Garden", folder 3 the trash."""
    rows = [("INSERT INTO Z_PRIMARYKEY VALUES(7,'ICAccount'),(8,'ICFolder'),(9,'ICNote'),(10,'ICAttachment'),(11,'ICMedia')",),
            ("INSERT INTO ZICCLOUDSYNCINGOBJECT(Z_PK, Z_ENT, ZIDENTIFIER, ZNAME) VALUES(1, 7, 'ACCOUNT', 'On My iPhone')",),
            ("INSERT INTO ZICCLOUDSYNCINGOBJECT(Z_PK, Z_ENT, ZIDENTIFIER, ZTITLE2) VALUES(2, 8, 'F', 'Garden'), (3, 8, 'TrashFolder-Local', 'Recently Deleted')",)]
    for number, (title, data, columns) in enumerate(written, 10):
        row = {"Z_PK": number, "Z_ENT": 9, "ZIDENTIFIER": f"N-{number}", "ZTITLE1": title, "ZFOLDER": 2, "ZACCOUNT7": 1,
               "ZMODIFICATIONDATE1": 7e8 + number, **columns}
        rows.append((f"INSERT INTO ZICCLOUDSYNCINGOBJECT({','.join(row)}) VALUES({','.join('?' * len(row))})", *row.values()))
        if data is not None:
            rows.append(("INSERT INTO ZICNOTEDATA(ZNOTE, ZDATA) VALUES(?,?)", number, data))
    return database(path, """
        CREATE TABLE Z_PRIMARYKEY(Z_ENT INTEGER PRIMARY KEY, Z_NAME TEXT);
        CREATE TABLE ZICNOTEDATA(Z_PK INTEGER PRIMARY KEY, ZNOTE INTEGER, ZDATA BLOB, ZCRYPTOTAG BLOB);
        CREATE TABLE ZICCLOUDSYNCINGOBJECT(Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZIDENTIFIER TEXT, ZTITLE1 TEXT, ZTITLE2 TEXT, ZNAME TEXT,
            ZFOLDER INTEGER, ZACCOUNT7 INTEGER, ZMODIFICATIONDATE1 REAL, ZISPASSWORDPROTECTED INTEGER, ZTYPEUTI TEXT, ZMERGEABLEDATA1 BLOB,
            ZMEDIA INTEGER, ZFILENAME TEXT, ZURLSTRING TEXT, ZTITLE TEXT);""", rows)


def calendar(path, events):
    """events: ({column: value}, [recurrence values], [exception dates])."""
    rows = [("INSERT INTO Calendar VALUES(1, 1, 'Allotment'), (2, 1, ?)", HOSTILE), ("INSERT INTO Store VALUES(1, 'iCloud')",)]
    for number, (columns, rule, exceptions) in enumerate(events, 1):
        row = {"ROWID": number, "calendar_id": 1, "entity_type": 2, "all_day": 0, **columns}
        rows.append((f"INSERT INTO CalendarItem({','.join(row)}) VALUES({','.join('?' * len(row))})", *row.values()))
        if rule:
            rows.append(("INSERT INTO Recurrence(owner_id, frequency, interval, count, end_date, specifier) VALUES(?,?,?,?,?,?)", number, *rule))
        rows += [("INSERT INTO ExceptionDate(owner_id, date) VALUES(?,?)", number, date) for date in exceptions]
    return database(path, """
        CREATE TABLE Store(ROWID INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE Calendar(ROWID INTEGER PRIMARY KEY, store_id INTEGER, title TEXT);
        CREATE TABLE CalendarItem(ROWID INTEGER PRIMARY KEY, summary TEXT, description TEXT, start_date REAL, end_date REAL, start_tz TEXT, all_day INTEGER,
            calendar_id INTEGER, unique_identifier TEXT, entity_type INTEGER, due_date REAL, completion_date REAL, priority INTEGER, url TEXT);
        CREATE TABLE Recurrence(ROWID INTEGER PRIMARY KEY, owner_id INTEGER, frequency INTEGER, interval INTEGER, count INTEGER, end_date REAL, specifier TEXT);
        CREATE TABLE ExceptionDate(ROWID INTEGER PRIMARY KEY, owner_id INTEGER, date REAL);""", rows)


def cocoa(unix):
    return unix - COCOA
