#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looking into firmware that stays on its server: few bytes of it, always of one state, and clear errors.

usage: test_remote.py BUILD     TAP
"""
import json
import pathlib
import shutil
import struct
import sys
import tempfile
import zipfile

build = pathlib.Path(sys.argv[1]).resolve()
root = pathlib.Path(tempfile.mkdtemp(prefix="revive-remote-"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from firmware_host import Host, Place, PRODUCT  # noqa: E402 pylint: disable=wrong-import-position
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
host = Host(build, root)
LOCAL, ENTRY = struct.Struct("<IHHHHHIIIHH"), struct.Struct("<IHHHHHHIIIHHHHHII")


def packed(path, name):
    """A file of an archive as it stands there: method, checksum, sizes, bytes."""
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        info = archive.getinfo(name)
        file.seek(info.header_offset)
        header = LOCAL.unpack(file.read(LOCAL.size))
        file.seek(header[9] + header[10], 1)
        return info.compress_type, info.CRC, info.compress_size, info.file_size, file.read(info.compress_size)


def make_huge(path, hole):
    """A zip64 archive with the manifest of the newest behind `hole` bytes of an image that was never written."""
    method, crc, size, plain, data = packed(host.newest, "BuildManifest.plist")
    image, manifest = b"system.dmg", b"BuildManifest.plist"
    wide = 0xFFFFFFFF
    with path.open("wb") as out:
        out.write(LOCAL.pack(0x04034B50, 45, 0, 0, 0, 0, 0, wide, wide, len(image), 20) + image)
        out.write(struct.pack("<HHQQ", 1, 16, hole, hole))
        out.seek(hole, 1)
        at = out.tell()
        out.write(LOCAL.pack(0x04034B50, 20, 0, method, 0, 0, crc, size, plain, len(manifest), 0) + manifest + data)
        directory = out.tell()
        out.write(ENTRY.pack(0x02014B50, 45, 45, 0, 0, 0, 0, 0, wide, wide, len(image), 20, 0, 0, 0, 0, 0) + image)
        out.write(struct.pack("<HHQQ", 1, 16, hole, hole))
        out.write(ENTRY.pack(0x02014B50, 45, 45, 0, method, 0, 0, crc, size, plain, len(manifest), 12, 0, 0, 0, 0, wide) +
                  manifest + struct.pack("<HHQ", 1, 8, at))
        end = out.tell()
        out.write(struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 2, 2, end - directory, directory))
        out.write(struct.pack("<IIQI", 0x07064B50, 0, end, 1))
        out.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, wide, wide, 0))


def info(path, verb="info", *words):
    return Place(host).run("firmware", verb, "--url", host.url(path), *words)


def fails(path, code, word):
    done = info(path)
    assert done[0] == code and word in json.dumps(done[1]["error"]), done


@tap.test
def what_a_remote_file_tells_equals_what_the_loaded_one_tells():
    for verb, words in (("info", ()), ("components", ("--board", "d221ap"))):
        far, near = info(host.newest, verb, *words), Place(host).run("firmware", verb, host.newest, *words)
        assert far[0] == near[0] == 0, (far, near)
        told = {key: value for key, value in far[1].items() if key not in ("url", "bytes", "bytes_read")}
        assert told == near[1] and (told.get("identities") or told["components"]), (far, near)


@tap.test
def the_servers_log_shows_that_little_of_the_file_was_sent():
    before = len(host.requests())
    code, result = info(host.newest)
    asked = host.loads(before)
    sent = sum(r["length"] for r in asked)
    assert code == 0 and result["bytes"] == host.newest.stat().st_size
    assert len(asked) <= 4 and sent < 400_000 and sent < host.newest.stat().st_size / 20, asked
    assert result["bytes_read"] == sent, (result["bytes_read"], sent)


@tap.test
def of_a_zip64_archive_of_six_gigabytes_no_more_is_sent_than_of_a_small_one():
    huge = host.files / "huge_Restore.ipsw"
    make_huge(huge, 6 << 30)
    with zipfile.ZipFile(huge) as check:  # another reader agrees that it is one
        assert check.getinfo("BuildManifest.plist").header_offset > 6 << 30
    before = len(host.requests())
    code, result = info(huge)
    sent = sum(r["length"] for r in host.loads(before))
    huge.unlink()
    assert code == 0 and result["version"] == "11.10" and result["bytes"] > 6 << 30, result
    assert sent < 400_000, sent


@tap.test
def the_newest_and_a_named_version_are_looked_into_where_they_are():
    place = Place(host)
    before = len(host.requests())
    newest = place.run("firmware", "info", "--latest", "--product", PRODUCT)
    older = place.run("firmware", "info", "--version", "11.2", "--product", PRODUCT)
    assert newest[0] == older[0] == 0, (newest, older)
    assert (newest[1]["build"], older[1]["build"]) == ("15G1", "15C114")
    assert sum(r["length"] for r in host.loads(before)) < 800_000
    assert not list((place.folder / "cache").rglob("*.ipsw")) if (place.folder / "cache").exists() else True


@tap.test
def a_model_is_named_by_its_product_type_or_its_name_and_an_unknown_one_is_said():
    place = Place(host)
    for model in ("iPhone10,6", "iPhone X", "iphone x"):
        code, result = place.run("firmware", "latest", "--product", model)
        assert code == 0 and result["product"] in (PRODUCT, "iPhone10,3"), (model, result)
    code, result = place.run("firmware", "latest", "--product", "Nokia 3310")
    assert code == 2 and "Nokia 3310" in json.dumps(result["error"]), result
    code, result = place.run("firmware", "latest")  # and no device is attached
    assert code == 3 and "--product" in json.dumps(result["error"]), result


@tap.test
def one_firmware_is_named_or_nothing_is_done():
    place = Place(host)
    for words in ((), (host.newest, "--latest"), ("--latest", "--url", host.url(host.newest))):
        code, result = place.run("firmware", "info", *words)
        assert code == 2 and "name one firmware" in json.dumps(result["error"]), (words, result)


@tap.test
def a_server_without_ranges_is_told_and_not_loaded_from():
    host.set(file__no_ranges=1)
    before = len(host.requests())
    code, result = info(host.newest)
    host.set()
    assert code == 1 and "whole" in result["error"]["title"], result
    assert any("firmware download" in action for action in result["error"]["actions"]), result
    assert len(host.loads(before)) == 1


@tap.test
def a_server_that_sends_another_part_is_told():
    host.set(file__shift=64)
    fails(host.newest, 1, "another part")
    host.set(file__claim=4096)
    fails(host.newest, 5, "replaced")
    host.set()


@tap.test
def a_file_replaced_between_two_parts_is_told_by_etag_and_by_date():
    for names in ({}, {"file__no_etag": 1}):
        host.set(file__change_after=1, **names)
        code, result = info(host.newest)
        host.set()
        assert code == 5 and "replaced" in json.dumps(result["error"]), (names, result)
        assert any("again" in action for action in result["error"]["actions"]), result


@tap.test
def a_cut_is_gone_on_behind_and_a_host_that_always_cuts_is_given_up():
    host.set(file__cut=30_000)
    before = len(host.requests())
    code, result = info(host.newest)
    assert code == 0 and result["version"] == "11.10", result
    assert len(host.loads(before)) > 3
    host.set(file__cut=2)
    fails(host.newest, 6, "looking into the firmware file")
    host.set()


@tap.test
def a_moved_file_is_followed_and_a_missing_one_named():
    host.set(file__redirect=1)
    assert info(host.newest)[0] == 0
    host.set()
    fails(host.files / "none.ipsw", 1, "404")
    place = Place(host)
    code, result = place.run("firmware", "info", "--url", "http://127.0.0.1:1/x.ipsw")
    assert code == 6, result


@tap.test
def what_is_no_firmware_file_or_is_damaged_on_the_way_is_refused():
    odd = host.files / "odd.ipsw"
    for content in (b"<html>please log in</html>" * 8000, host.newest.read_bytes()[:-400], b"x"):
        odd.write_bytes(content)
        fails(odd, 5, "looking into the firmware file")
    odd.unlink()
    with zipfile.ZipFile(host.newest) as archive:
        at = archive.getinfo("BuildManifest.plist").header_offset + 300
    host.set(file__flip=at)
    fails(host.newest, 5, "BuildManifest")
    host.set()


code = tap.run()
host.stop()
shutil.rmtree(root, ignore_errors=True)
sys.exit(code)
