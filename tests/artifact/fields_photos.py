#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Photos and videos field by field, and the files that belong to each: original, moving half, what an edit made.

usage: fields_photos.py REVIVE
"""
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap  # pylint: disable=wrong-import-position
import asks  # pylint: disable=wrong-import-position
import made  # pylint: disable=wrong-import-position
import tables  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()
T = tables.T
LIBRARY = "CameraRollDomain/Media/PhotoData/Photos.sqlite"
NAMES = ("ZUUID ZDIRECTORY ZFILENAME ZKIND ZKINDSUBTYPE ZADDEDDATE ZMODIFICATIONDATE ZLATITUDE ZLONGITUDE ZWIDTH ZHEIGHT ZDURATION ZUNIFORMTYPEIDENTIFIER ZFAVORITE ZHIDDEN ZTRASHEDSTATE "
         "ZTRASHEDDATE ZAVALANCHEUUID ZAVALANCHEPICKTYPE ZVISIBILITYSTATE ZADJUSTMENTSSTATE ZSAVEDASSETTYPE").split()


def same(found, wanted):
    assert found == wanted, "\n".join(f"{k}: wanted {wanted.get(k)!r}, found {found.get(k)!r}" for k in {**wanted, **found} if wanted.get(k) != found.get(k))


def library(folder, *assets, table="ZASSET", **more):
    rows = [{"Z_PK": n, "ZDATECREATED": T + n, **{name: None for name in NAMES}, **asset} for n, asset in enumerate(assets, 1)]
    tables.store(folder, LIBRARY, {table: rows, "ZGENERICALBUM": [{"Z_PK": 1, "ZTITLE": "Holiday", "ZTRASHEDSTATE": 0}], "ZADDITIONALASSETATTRIBUTES": [{"Z_PK": 1, "ZASSET": 0}], **more})


def read(folder):
    found = asks.records(PROGRAM, folder, "photos", "--state", "live,recently-deleted")
    return {r["source"]["rowid"]: {k: v for k, v in r.items() if k not in ("type", "source", "date", "date_raw")} for r in found}


def media(path, name=None, **more):
    return {"name": name or path.rsplit("/", 1)[-1], "domain": "CameraRollDomain", "path": path, **(more or {"state": "in_icloud_or_lost"})}


PLAIN = {"state": "live", "kind": "photo", "gps": None, "width": 0, "height": 0, "favourite": False, "hidden": False, "live_photo": False, "screenshot": False, "burst": False, "albums": []}


@TAP.test
def a_photo_has_every_field_and_its_albums():
    folder_of = "DCIM/100APPLE"
    with tempfile.TemporaryDirectory() as folder:
        library(folder, {
            "ZUUID": "U", "ZDIRECTORY": folder_of, "ZFILENAME": "IMG_1.HEIC", "ZKIND": 0, "ZKINDSUBTYPE": 2, "ZADDEDDATE": T + 60, "ZMODIFICATIONDATE": T + 120, "ZLATITUDE": -33.5,
            "ZLONGITUDE": 151.25, "ZWIDTH": 4032, "ZHEIGHT": 3024, "ZDURATION": 2.5, "ZUNIFORMTYPEIDENTIFIER": "public.heic", "ZFAVORITE": 1, "ZHIDDEN": 1, "ZAVALANCHEUUID": "B",
            "ZVISIBILITYSTATE": 2, "ZADJUSTMENTSSTATE": 1, "ZSAVEDASSETTYPE": 4},
                ZGENERICALBUM=[{"Z_PK": 1, "ZTITLE": "Holiday", "ZTRASHEDSTATE": 0}, {"Z_PK": 2, "ZTITLE": "", "ZTRASHEDSTATE": 0}, {"Z_PK": 3, "ZTITLE": "gone", "ZTRASHEDSTATE": 1},
                               {"Z_PK": 4, "ZTITLE": "Art", "ZTRASHEDSTATE": None}],
                Z_26ASSETS=[{"Z_26ALBUMS": a, "Z_3ASSETS": 1, "Z_FOK_3ASSETS": 7} for a in (1, 2, 3, 4)],
                ZADDITIONALASSETATTRIBUTES=[{"Z_PK": 1, "ZASSET": 1, "ZORIGINALFILENAME": "orig.heic", "ZTIMEZONEOFFSET": -3600, "ZTITLE": "caption", "ZCREATORBUNDLEID": "org.example"}])
        tables.put(folder, f"CameraRollDomain/Media/{folder_of}/IMG_1.HEIC", b"12345")
        tables.put(folder, f"CameraRollDomain/Media/{folder_of}/IMG_1.MOV", b"123")
        edited = "Media/PhotoData/Mutations/DCIM/100APPLE/IMG_1/Adjustments/FullSizeRender.heic"
        same(read(folder)[1], {
            **PLAIN, "id": "U", "name": "IMG_1.HEIC", "original_name": "orig.heic", "subkind": "live_photo", "zone_seconds": -3600, "added": "2023-03-08T20:27:40Z",
            "modified": "2023-03-08T20:28:40Z", "gps": [-33.5, 151.25], "width": 4032, "height": 3024, "duration": 2.5, "uti": "public.heic", "favourite": True, "hidden": True,
            "live_photo": True, "burst": True, "burst_not_picked": True, "caption": "caption", "imported_by": "org.example", "shared_album": True, "albums": ["Art", "Holiday"],
            "path": "Media/DCIM/100APPLE/IMG_1.HEIC", "original": media("Media/DCIM/100APPLE/IMG_1.HEIC", bytes=5, state="present"),
            "live_video": "Media/DCIM/100APPLE/IMG_1.MOV", "live_video_file": media("Media/DCIM/100APPLE/IMG_1.MOV", bytes=3, state="present"),
            "edited": edited, "edited_file": media(edited, "IMG_1 (edited).heic", state="not_in_source")})


@TAP.test
def kinds_places_and_files_are_told_apart():
    kinds = [(1, "panorama"), (10, "screenshot"), (101, "slow_motion"), (102, "time_lapse"), (103, "screen_recording"), (3, None)]
    spots = [((0, 0), False), ((0, 1), True), ((1, 0), True), ((-180, -180), False), ((-90, 10), True), ((-91, 10), False), ((10, -179.5), True), ((10, -180), False), ((None, 5), False)]
    files = [({"ZDIRECTORY": "D", "ZFILENAME": "v.mp4", "ZKIND": 1, "ZADJUSTMENTSSTATE": 1}, "Media/PhotoData/Mutations/D/v/Adjustments/FullSizeRender.mov", "v (edited).mov"),
             ({"ZDIRECTORY": "", "ZFILENAME": "p.png", "ZADJUSTMENTSSTATE": 2}, "Media/PhotoData/Mutations/p/Adjustments/FullSizeRender.jpg", "p (edited).jpg"),
             ({"ZDIRECTORY": "D", "ZFILENAME": "p.jpg", "ZADJUSTMENTSSTATE": 0}, None, None), ({"ZDIRECTORY": "D", "ZFILENAME": "noending", "ZADJUSTMENTSSTATE": 1}, None, None),
             ({"ZDIRECTORY": "D", "ZFILENAME": ""}, None, None)]
    rows = [{"ZKINDSUBTYPE": k} for k, _ in kinds] + [{"ZLATITUDE": a, "ZLONGITUDE": b} for (a, b), _ in spots] + [f for f, _, _ in files]
    rows += [{"ZAVALANCHEUUID": "B", "ZVISIBILITYSTATE": 0}, {"ZVISIBILITYSTATE": 2}, {"ZSAVEDASSETTYPE": 3, "ZFAVORITE": 0, "ZHIDDEN": 0, "ZDURATION": 0}]
    with tempfile.TemporaryDirectory() as folder:
        library(folder, *rows, table="ZGENERICASSET")
        found = read(folder)
        assert len(found) == len(rows), found
        at = 0
        for kind, name in kinds:
            at += 1
            same(found[at], {**PLAIN, **({"subkind": name} if name else {}), "screenshot": kind == 10})
        for (latitude, longitude), placed in spots:
            at += 1
            same(found[at], {**PLAIN, "gps": [float(latitude), float(longitude)] if placed else None})
        for columns, edited, shown in files:
            at += 1
            name = columns["ZFILENAME"]
            path = "Media/" + (columns["ZDIRECTORY"] + "/" if columns["ZDIRECTORY"] else "") + name
            wanted = {**PLAIN, "name": name, "kind": "video" if columns.get("ZKIND") == 1 else "photo"}
            if name:
                wanted.update(path=path, original=media(path))
            if edited:
                wanted.update(edited=edited, edited_file=media(edited, shown, state="not_in_source"))
            same(found[at], wanted)
        same(found[at + 1], {**PLAIN, "burst": True})
        same(found[at + 2], PLAIN)
        same(found[at + 3], PLAIN)


@TAP.test
def days_in_the_trash_are_counted_from_thirty():
    now = time.time() - made.COCOA
    ages = [(0.5, 30), (1.5, 29), (29.5, 1), (30.5, 0), (400, 0)]
    with tempfile.TemporaryDirectory() as folder:
        library(folder, *({"ZTRASHEDSTATE": 1, "ZTRASHEDDATE": now - days * 86400} for days, _ in ages), {"ZTRASHEDSTATE": 1}, {"ZTRASHEDSTATE": 0, "ZTRASHEDDATE": now})
        found = read(folder)
        assert [found[n].get("days_left") for n in range(1, 8)] == [left for _, left in ages] + [None, None], found
        assert [found[n]["state"] for n in range(1, 8)] == ["recently_deleted"] * 6 + ["live"] and "deleted" not in found[7] and "deleted" in found[1], found
        counts = asks.scan(PROGRAM, folder, "photos")
        assert (counts["live"], counts["recently_deleted"]) == (1, 6), counts


if __name__ == "__main__":
    sys.exit(TAP.run())
