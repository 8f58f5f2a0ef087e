#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Contacts field by field: names and what stands for them, values under their labels, groups, pictures, birthdays.

usage: fields_people.py REVIVE
"""
import base64
import os
import sqlite3
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap  # pylint: disable=wrong-import-position
import asks  # pylint: disable=wrong-import-position
import tables  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()
T = tables.T
BOOK = "HomeDomain/Library/AddressBook/AddressBook.sqlitedb"
IMAGES = "HomeDomain/Library/AddressBook/AddressBookImages.sqlitedb"
STAMP = "2023-03-08T20:26:40Z"


def people(*rows):
    columns = ("First Last Middle Prefix Suffix Nickname FirstPhonetic LastPhonetic PreviousFamilyName Organization Department JobTitle Note Kind Birthday CreationDate "
               "ModificationDate DisplayName StoreID PersonLink guid").split()
    return [{"ROWID": n, **{c: None for c in columns}, **row} for n, row in enumerate(rows, 1)]


def values(*rows):
    return [{"UID": n, "record_id": r, "property": p, "label": label, "value": v} for n, (r, p, label, v) in enumerate(rows, 1)]


def book(folder, rows, listed=(), **more):
    nobody = [{"rowid": 99, "value": None}]
    store = {"ABPerson": rows, "ABMultiValue": list(listed) or values((999, 3, None, "")), "ABMultiValueLabel": nobody, "ABMultiValueEntry": [{"parent_id": 999, "key": 9, "value": ""}],
             "ABMultiValueEntryKey": nobody, **more}
    for name in ("ABMultiValueLabel", "ABMultiValueEntryKey"):
        whole = os.path.join(folder, BOOK)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        con = sqlite3.connect(whole)
        con.execute(f"CREATE TABLE {name}(value TEXT, UNIQUE(value))")
        con.executemany(f"INSERT INTO {name}(rowid, value) VALUES(?,?)", [(r["rowid"], r["value"]) for r in store.pop(name)])
        con.commit()
        con.close()
    return tables.store(folder, BOOK, store)


@TAP.test
def a_person_has_every_field_under_its_name():
    whole = {"First": "Ada", "Last": "Bee", "Middle": "C.", "Prefix": "Dr.", "Suffix": "Jr.", "Nickname": "addy", "FirstPhonetic": "ah-da", "LastPhonetic": "bi", "PreviousFamilyName": "Old",
             "Organization": "Seeds", "Department": "Peas", "JobTitle": "Head", "Note": "n\nm", "Kind": 0, "Birthday": str(T), "CreationDate": T, "ModificationDate": T + 1,
             "StoreID": 0, "PersonLink": 4, "guid": "G"}
    labels = [{"rowid": 1, "value": "_$!<Mobile>!$_"}, {"rowid": 2, "value": "the shed"}, {"rowid": 3, "value": "_$!<>!$_"}, {"rowid": 4, "value": "_$!<X>!$"}]
    listed = values((1, 4, 1, "a@example.org"), (1, 3, 2, "+44 1"), (1, 3, None, "+44 2"), (1, 12, 1, T), (1, 12, None, None), (1, 22, 3, "u:1"), (1, 5, 4, None), (1, 13, None, None),
                    (1, 23, 1, "Bob"), (1, 46, None, "x"), (1, 77, None, "odd"), (2, 3, 1, "not hers"))
    keys = [{"rowid": n, "value": v} for n, v in enumerate(("Street", "city", "ZIP", "Service", "userName", "Own", ""), 1)]
    entries = [{"parent_id": 7, "key": n, "value": v} for n, v in ((1, "1 Lane"), (2, "Town"), (3, "AB1"), (6, "mine"), (7, "nameless"))] + \
              [{"parent_id": 8, "key": n, "value": v} for n, v in ((4, "Jabber"), (5, "ada"))]
    groups = {"ABGroup": [{"ROWID": 1, "Name": "Work"}, {"ROWID": 2, "Name": "Friends"}, {"ROWID": 3, "Name": "Other"}],
              "ABGroupMembers": [{"group_id": 1, "member_id": 1, "member_type": 0}, {"group_id": 2, "member_id": 1, "member_type": None}, {"group_id": 3, "member_id": 1, "member_type": 1},
                                 {"group_id": 3, "member_id": 2, "member_type": 0}]}
    with tempfile.TemporaryDirectory() as folder:
        book(folder, people(whole), listed, ABMultiValueLabel=labels, ABMultiValueEntryKey=keys, ABMultiValueEntry=entries, **groups)
        tables.check(PROGRAM, folder, "contacts", [{
            "first": "Ada", "last": "Bee", "middle": "C.", "prefix": "Dr.", "suffix": "Jr.", "nickname": "addy", "first_phonetic": "ah-da", "last_phonetic": "bi", "previous_name": "Old",
            "organization": "Seeds", "department": "Peas", "job": "Head", "note": "n\nm", "guid": "G", "name": "Dr. Ada C. Bee Jr.", "birthday": "2023-03-08", "created": STAMP,
            "modified": "2023-03-08T20:26:41Z", "store": 0, "linked": 4, "groups": ["Friends", "Work"],
            "phones": [{"label": "the shed", "own_label": True, "value": "+44 1"}, {"value": "+44 2"}], "emails": [{"label": "Mobile", "value": "a@example.org"}],
            "addresses": [{"label": "_$!<X>!$", "own_label": True, "street": "1 Lane", "city": "Town", "zip": "AB1", "Own": "mine"}], "messaging": [{"service": "Jabber", "username": "ada"}],
            "dates": [{"label": "Mobile", "value": STAMP}, {}], "urls": [{"label": "_$!<>!$_", "own_label": True, "value": "u:1"}], "related": [{"label": "Mobile", "value": "Bob"}],
            "social": [{"value": "x"}], "others": [{"value": "odd", "property": 77}]}])


@TAP.test
def who_has_no_name_is_known_by_what_there_is():
    rows = people({"Last": "A", "Middle": "m"}, {"Last": "B", "First": ""}, {"Organization": "Org", "Kind": 1, "Nickname": "nick"}, {"Nickname": "nick", "DisplayName": "shown"},
                  {"DisplayName": "shown"}, {}, {}, {}, {"Kind": 2, "PersonLink": 0})
    listed = values((6, 4, None, "mail@example.org"), (6, 3, None, "+44 6"), (7, 4, None, "only@example.org"))
    with tempfile.TemporaryDirectory() as folder:
        book(folder, rows, listed)
        found = {r["source"]["rowid"]: r for r in asks.records(PROGRAM, folder, "contacts", "--state", "live")}
        assert [found[n].get("name") for n in range(1, 10)] == ["m A", "B", "Org", "nick", "shown", "+44 6", "only@example.org", None, None], found
        assert [n for n in found if found[n].get("is_organization")] == [3] and "linked" not in found[9] and "store" not in found[9], found


@TAP.test
def a_birthday_may_lack_its_year():
    noon = -978307200 + 12 * 3600  # of 1970-01-01, counted from 2001
    days = [("", None), (str(noon), "1970-01-01"), (str(noon + 366 * 86400), "1971-01-02"), ("1990-04-01", "1990-04-01"), ("1990-04-01T12:00:00", "1990-04-01"), ("1604-02-29", "--02-29")]
    with tempfile.TemporaryDirectory() as folder:
        book(folder, people(*({"First": f"p{n}", "Birthday": text} for n, (text, _) in enumerate(days))))
        found = {r["source"]["rowid"]: r.get("birthday") for r in asks.records(PROGRAM, folder, "contacts", "--state", "live")}
        for n, (text, wanted) in enumerate(days, 1):
            assert found[n] == wanted, (text, wanted, found[n])


@TAP.test
def the_largest_picture_that_is_one_is_taken():
    jpeg, png = b"\xff\xd8\xff", b"\x89PNG"
    full = [(1, jpeg + b"full"), (2, b"GIF89a"), (3, None), (5, jpeg), (6, png)]
    small = [(1, jpeg + b"small" * 9), (2, png + b"s"), (2, png + b"largest"), (3, jpeg + b"x"), (5, png), (6, jpeg + b"y")]
    with tempfile.TemporaryDirectory() as folder:
        book(folder, people(*({"First": f"p{n}"} for n in range(1, 7))))
        tables.store(folder, IMAGES, {"ABFullSizeImage": [{"record_id": r, "data": d} for r, d in full], "ABThumbnailImage": [{"record_id": r, "data": d} for r, d in small]})
        found = {r["source"]["rowid"]: (r.get("photo_kind"), r.get("photo_base64")) for r in asks.records(PROGRAM, folder, "contacts", "--state", "live")}
        wanted = {1: ("JPEG", jpeg + b"full"), 2: ("PNG", png + b"largest"), 3: ("JPEG", jpeg + b"x"), 4: (None, None), 5: (None, None), 6: ("JPEG", jpeg + b"y")}
        for n, (kind, data) in wanted.items():
            assert found[n] == (kind, base64.b64encode(data).decode() if data else None), (n, found[n], kind)


@TAP.test
def people_who_were_deleted_leave_marks_that_are_counted_once():
    with tempfile.TemporaryDirectory() as folder:
        book(folder, people({"First": "Ada"}), ABPersonChanges=[{"record": 1, "type": 2}, {"record": 5, "type": 2}, {"record": 5, "type": 2}, {"record": 6, "type": 1}, {"record": 7, "type": 2}])
        assert asks.scan(PROGRAM, folder, "contacts")["tombstones"] == 2


if __name__ == "__main__":
    sys.exit(TAP.run())
