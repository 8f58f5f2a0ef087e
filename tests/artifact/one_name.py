#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A folder is the same whatever it is called: one_name.py REVIVE, as TAP."""
import os
import sqlite3
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"), os.path.dirname(os.path.abspath(__file__))]
import asks  # noqa: E402 (the path comes first)
from tap import Tap  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()


def lay(folder):
    """Its name answers to two places of the phone: the file is still one."""
    os.mkdir(folder)
    with sqlite3.connect(os.path.join(folder, "RMAdminStore-Local.sqlite")) as db:
        db.executescript("CREATE TABLE ZUSAGEBLOCK(Z_PK INTEGER PRIMARY KEY, ZSTARTDATE REAL, ZDURATIONINMINUTES INTEGER);"
                         "CREATE TABLE ZUSAGECATEGORY(Z_PK INTEGER PRIMARY KEY, ZBLOCK INTEGER, ZIDENTIFIER TEXT);"
                         "CREATE TABLE ZUSAGETIMEDITEM(Z_PK INTEGER PRIMARY KEY, ZCATEGORY INTEGER, ZBUNDLEIDENTIFIER TEXT, "
                         "ZDOMAIN TEXT, ZTOTALTIMEINSECONDS INTEGER);"
                         "INSERT INTO ZUSAGEBLOCK VALUES(1, 634060800, 60);"
                         "INSERT INTO ZUSAGECATEGORY VALUES(1, 1, 'DH1003');"
                         "INSERT INTO ZUSAGETIMEDITEM VALUES(1, 1, 'com.example.peas', NULL, 90), (2, 1, 'com.example.beans', NULL, 7);")
    db.close()


@TAP.test
def each_record_comes_once_by_whatever_name_the_folder_is_called():
    with tempfile.TemporaryDirectory() as above:
        folder, link = os.path.join(above, "in"), os.path.join(above, "link")
        lay(folder)
        os.symlink(folder, link)
        for name in (folder, folder + "/", link, link + "/", os.path.relpath(folder), os.path.relpath(link), above + "/../" + os.path.basename(above) + "/in"):
            found = asks.records(PROGRAM, name, "screen-time", "--state", "live")
            assert [(r["app"], r["seconds"], r["date"]) for r in found] == [
                ("com.example.peas", 90, "2021-02-03T16:00:00Z"), ("com.example.beans", 7, "2021-02-03T16:00:00Z")], (name, found)


@TAP.test
def a_link_inside_of_the_folder_is_not_followed():
    with tempfile.TemporaryDirectory() as above:
        lay(os.path.join(above, "elsewhere"))
        os.mkdir(os.path.join(above, "in"))
        os.symlink(os.path.join(above, "elsewhere", "RMAdminStore-Local.sqlite"), os.path.join(above, "in", "RMAdminStore-Local.sqlite"))
        assert asks.records(PROGRAM, os.path.join(above, "in"), "screen-time") == []


if __name__ == "__main__":
    sys.exit(TAP.run())
