#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Notes of the newer store field by field: folders and trash, locks, attachments and where their files lie.

usage: fields_notes.py REVIVE
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap  # pylint: disable=wrong-import-position
import made_apps  # pylint: disable=wrong-import-position
import tables  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()
T = tables.T
DOMAIN = "AppDomainGroup-group.com.apple.notes"
STAMP, LATER = "2023-03-08T20:26:40Z", "2023-03-08T20:27:40Z"
ENTITIES = [{"Z_ENT": n, "Z_NAME": name} for n, name in ((7, "ICAccount"), (8, "ICFolder"), (9, "ICNote"), (10, "ICAttachment"), (11, "ICMedia"))]
BODY = made_apps.note_body([("hello", None, {})])


def store(folder, objects, bodies, **more):
    tables.store(folder, f"{DOMAIN}/NoteStore.sqlite", {
        "Z_PRIMARYKEY": ENTITIES, "ZICCLOUDSYNCINGOBJECT": objects,
        "ZICNOTEDATA": [{"Z_PK": n, "ZNOTE": note, "ZDATA": data, "ZCRYPTOTAG": None} for n, (note, data) in enumerate(bodies.items(), 1)], **more})


def check(folder, wanted, **counts):
    tables.check(PROGRAM, folder, "notes", wanted, **counts)


@TAP.test
def a_note_has_its_folder_its_account_and_its_locks():
    def note(number, **columns):
        return {"Z_PK": number, "Z_ENT": 9, "ZIDENTIFIER": f"N{number}", "ZTITLE1": f"t{number}", "ZFOLDER": 2, "ZACCOUNT7": 1, "ZMODIFICATIONDATE1": T, **columns}

    objects = [{"Z_PK": 1, "Z_ENT": 7, "ZIDENTIFIER": "ACC", "ZNAME": "iCloud"}, {"Z_PK": 2, "Z_ENT": 8, "ZIDENTIFIER": "F", "ZTITLE2": "Garden", "ZPARENT": 3},
               {"Z_PK": 3, "Z_ENT": 8, "ZIDENTIFIER": "G", "ZTITLE2": "Home", "ZFOLDERTYPE": 1}, {"Z_PK": 4, "Z_ENT": 8, "ZIDENTIFIER": "TrashFolder-X", "ZTITLE2": "Bin"},
               note(10, ZSNIPPET="hel", ZISPINNED=1, ZSERVERSHAREDATA=b"x", ZCREATIONDATE3=T, ZCREATIONDATE1=T + 5, ZMODIFICATIONDATE1=T + 60, ZISPASSWORDPROTECTED=0),
               note(11, ZISPASSWORDPROTECTED=1, ZPASSWORDHINT="dog"), note(12, ZISPASSWORDPROTECTED=1), note(13, ZMARKEDFORDELETION=1), note(14, ZFOLDER=4), note(15, ZFOLDER=3, ZISPINNED=0),
               note(16, ZACCOUNT7=2, ZMODIFICATIONDATE1=None, ZMODIFICATIONDATE=T + 60, ZCREATIONDATE=T)]
    base = {"folder": "Garden", "in_folder": "Home", "account": "iCloud", "date": STAMP, "date_raw": T, "modified": STAMP}
    text = {"text": "hello", "markdown": "hello  \n"}
    with tempfile.TemporaryDirectory() as folder:
        store(folder, objects, {10: BODY, 11: b"bplist00 locked", 12: b"other bytes", 13: BODY, 14: BODY, 15: b"\x1f\x8b broken"})
        check(folder, [
            {**base, **text, "id": "N10", "title": "t10", "snippet": "hel", "pinned": True, "shared": True, "created": STAMP, "date": LATER, "date_raw": T + 60, "modified": LATER},
            {**base, "id": "N11", "title": "t11", "locked": True, "password_hint": "dog", "locked_by": "the device's passcode: not recoverable from a backup"},
            {**base, "id": "N12", "title": "t12", "locked": True, "locked_by": "a password of its own"}, {**base, **text, "id": "N13", "title": "t13", "state": "recently_deleted"},
            {k: v for k, v in {**base, **text, "id": "N14", "title": "t14", "state": "recently_deleted", "folder": "Bin"}.items() if k != "in_folder"},
            {k: v for k, v in {**base, "id": "N15", "title": "t15", "folder": "Home", "undecodable": True, "body_base64": "H4sgYnJva2Vu"}.items() if k != "in_folder"},
            {"id": "N16", "title": "t16", "folder": "Garden", "in_folder": "Home", "created": STAMP, "date": LATER, "date_raw": T + 60, "modified": LATER}], live=5, trashed=2)
    with tempfile.TemporaryDirectory() as folder:  # nothing is called trash: the kind of the folder decides
        store(folder, [o for o in objects if o["Z_PK"] not in (4, 14)], {10: BODY})
        found = {r["id"]: r["state"] for r in tables.asks.records(PROGRAM, folder, "notes", "--state", "live,recently-deleted")}
        assert found == {"N10": "live", "N11": "live", "N12": "live", "N13": "recently_deleted", "N15": "recently_deleted", "N16": "live"}, found


def place(identifier, uti):
    return "\ufffc", None, {12: made_apps.field(1, identifier) + made_apps.field(2, uti)}


@TAP.test
def files_of_a_note_are_found_wherever_its_phone_laid_them():
    body = made_apps.note_body([place("A1", "public.jpeg"), place("A2", "public.jpeg"), place("A3", "public.png"), place("A4", "public.png"), place("A5", "public.url"),
                                place("A6", "com.apple.notes.table"), place("A7", "com.apple.notes.table"), place("A8", "nowhere"), place("A9", "public.data")])
    objects = [{"Z_PK": 1, "Z_ENT": 7, "ZIDENTIFIER": "ACC", "ZNAME": "iCloud", "ZTITLE2": None}, {"Z_PK": 10, "Z_ENT": 9, "ZFOLDER": None, "ZMODIFICATIONDATE1": T, "ZIDENTIFIER": "N", "ZTITLE1": "t", "ZACCOUNT7": 1},
               *({"Z_PK": 20 + n, "Z_ENT": 10, "ZIDENTIFIER": f"A{n}", "ZMEDIA": 40 + n if n in (1, 2, 3, 4, 9) else None} for n in range(1, 8)),
               {"Z_PK": 29, "Z_ENT": 10, "ZIDENTIFIER": "A9", "ZMEDIA": 49}, *({"Z_PK": 40 + n, "Z_ENT": 11, "ZIDENTIFIER": f"M{n}", "ZFILENAME": f"{n}.jpg"} for n in (1, 2, 3, 4, 9))]
    for row in objects:
        row.setdefault("ZGENERATION1", "G1" if row["Z_PK"] in (41, 43) else None)
        if row["Z_PK"] == 25:
            row.update(ZTITLE="Page", ZURLSTRING="https://example.org", ZALTTEXT="#tag", ZOCRSUMMARY="seen")
        if row["Z_PK"] == 26:
            row.update(ZMERGEABLEDATA1=made_apps.note_table([["a", "b"]]))
        if row["Z_PK"] == 27:
            row.update(ZMERGEABLEDATA=b"broken", ZMERGEABLEDATA1=None)
    paths = {1: "Accounts/ACC/Media/M1/G1/1.jpg", 2: "Accounts/ACC/Media/M2/2.jpg", 3: "Media/M3/G1/3.jpg", 4: "Media/M4/4.jpg"}
    with tempfile.TemporaryDirectory() as folder:
        store(folder, objects, {10: body})
        for n, path in paths.items():
            tables.put(folder, f"{DOMAIN}/{path}", b"x" * n)
        note, = tables.asks.records(PROGRAM, folder, "notes", "--state", "live")
        paths.update({3: "Accounts/ACC/Media/M3/G1/3.jpg", 4: "Accounts/ACC/Media/M4/4.jpg"})  # a plain folder is searched for the end of a path
        wanted = [{"id": f"A{n}", "uti": "public.jpeg" if n < 3 else "public.png", "file": {"name": f"{n}.jpg", "domain": DOMAIN, "path": path, "bytes": n, "state": "present"}}
                  for n, path in paths.items()]
        wanted += [{"id": "A5", "uti": "public.url", "title": "Page", "url": "https://example.org", "shown": "#tag", "text": "seen"},
                   {"id": "A6", "uti": "com.apple.notes.table", "table": [["a", "b"]]}, {"id": "A7", "uti": "com.apple.notes.table", "undecodable": True}, {"id": "A8", "uti": "nowhere"},
                   {"id": "A9", "uti": "public.data", "file": {"name": "9.jpg", "domain": DOMAIN, "path": "Media/M9/9.jpg", "state": "not_in_source"}}]
        for w, f in zip(wanted, note["attachments"]):
            assert w == f, (w, f)
        assert len(note["attachments"]) == len(wanted) and "places" not in note, note


if __name__ == "__main__":
    sys.exit(TAP.run())
