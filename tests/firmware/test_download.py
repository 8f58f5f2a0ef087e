#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists and downloads against a host that cuts, throttles, lies, moves and replaces: right file or a clear error.

usage: test_download.py BUILD [CUTS]     TAP; CUTS seeded places where the connection ends (default 12)
"""
import json
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

build = pathlib.Path(sys.argv[1]).resolve()
cuts = int(sys.argv[2]) if len(sys.argv) > 2 else 12
root = pathlib.Path(tempfile.mkdtemp(prefix="revive-download-"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from firmware_host import Host, Place, digest  # noqa: E402 pylint: disable=wrong-import-position
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()


host = Host(build, root)


def a_place():
    """A home of its own for one download."""
    return Place(host)


def expect(done, code, word):
    assert done[0] == code, done
    assert word in json.dumps(done[1]["error"]), done


@tap.test
def both_lists_are_read_and_the_newest_comes_first():
    host.set()
    place = a_place()
    done = subprocess.run(place.words("firmware", "list"), env=place.env, capture_output=True, text=True, timeout=60, check=True)
    rows = json.loads(done.stdout)["releases"]
    assert [r["version"] for r in rows] == ["11.10", "11.2"], rows
    assert rows[0]["sha1"] == digest(host.newest) and rows[0]["bytes"] == host.newest.stat().st_size
    assert rows[0]["signed"] is True and rows[0]["source"] == "apple"


@tap.test
def a_version_that_is_signed_no_more_is_not_offered():
    host.set(tss__unsigned="15G1")
    place = a_place()
    done = subprocess.run(place.words("firmware", "latest"), env=place.env, capture_output=True, text=True, timeout=60, check=True)
    host.set()
    assert json.loads(done.stdout)["version"] == "11.2", done.stdout


@tap.test
def a_list_that_cannot_be_had_is_a_matter_of_the_network():
    place = a_place()
    place.env.update(REVIVE_APPLE_CATALOG="http://127.0.0.1:1/x", REVIVE_IPSW_ME="http://127.0.0.1:1/")
    expect(place.download(), 6, "127.0.0.1")
    assert place.files() == []


@tap.test
def one_list_is_enough():
    place = a_place()
    place.env.update(REVIVE_APPLE_CATALOG="http://127.0.0.1:1/x")
    assert place.download()[0] == 0
    place.must_be_right()


@tap.test
def an_unknown_model_and_an_unknown_version_are_said():
    place = a_place()
    done = subprocess.run([build / "revive", "--json", "firmware", "list", "--product", "iPhone99,9"], env=place.env,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "iPhone99,9" in done.stdout, done
    done = place.download("--version", "12.0")
    assert done[0] == 1 and "11.10 (15G1)" in json.dumps(done[1]), done


@tap.test
def a_connection_cut_anywhere_still_gives_the_right_file():
    random.seed(4)
    for _ in range(cuts):
        cut = random.randrange(300 * 1024, 4 << 20)  # of each part: parts have 4 MiB
        host.set(file__cut=cut)
        place = a_place()
        done = place.download()
        assert done[0] == 0, (cut, done)
        place.must_be_right()
        shutil.rmtree(place.folder)
    host.set()


@tap.test
def a_host_that_cuts_at_once_is_given_up_and_the_next_run_goes_on():
    place = a_place()
    host.set(file__cut=1)
    expect(place.download(), 6, "fetching")
    host.set()
    assert host.newest.name not in place.files()
    assert place.download()[0] == 0
    place.must_be_right()


@tap.test
def a_stopped_program_goes_on_where_it_was():
    place = a_place()
    host.set(file__throttle=4_000_000)
    before = len(host.requests())
    child = place.begin()
    for _ in range(400):  # one of the parts of 4 MiB has come whole
        if [r for r in host.requests()[before:] if r.get("first", 0) >= 4 * (4 << 20)]:
            break
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 7, child.returncode
    assert host.newest.name not in place.files() and host.newest.name + ".part.json" in place.files(), place.files()
    kept = json.loads((place.out / (host.newest.name + ".part.json")).read_text(encoding="utf-8"))["done"].count("1")
    host.set()
    before = len(host.requests())
    assert place.download()[0] == 0
    place.must_be_right()
    loaded = sum(r["length"] for r in host.requests()[before:] if r["server"] == "files")
    assert kept >= 1 and loaded <= host.newest.stat().st_size - kept * (4 << 20) + (4 << 20), (kept, loaded)


@tap.test
def a_kill_in_the_middle_leaves_no_half_file_under_the_final_name():
    place = a_place()
    host.set(file__throttle=3_000_000)
    child = place.begin()
    child.kill()
    child.communicate(timeout=60)
    host.set()
    assert host.newest.name not in place.files()
    assert place.download()[0] == 0
    place.must_be_right()


@tap.test
def a_changed_bit_is_found_and_nothing_of_it_stays():
    place = a_place()
    host.set(file__flip=5_000_000)
    expect(place.download(), 5, "digest")
    assert place.files() == [], place.files()
    host.set()
    assert place.download()[0] == 0
    place.must_be_right()


@tap.test
def a_host_without_ranges_is_loaded_in_one_piece():
    place = a_place()
    host.set(file__no_ranges=1)
    assert place.download()[0] == 0
    host.set()
    place.must_be_right()


@tap.test
def a_server_without_an_etag_is_gone_on_with_by_its_date_or_by_the_digest():
    for fault in ("file__no_etag", "file__nameless"):
        place = a_place()
        host.set(file__throttle=4_000_000, **{fault: 1})
        before = len(host.requests())
        child = place.begin()
        for _ in range(400):
            if [r for r in host.loads(before) if r["first"] >= 4 * (4 << 20)]:
                break
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)
        host.set(**{fault: 1})
        kept = json.loads((place.out / (host.newest.name + ".part.json")).read_text(encoding="utf-8"))["done"].count("1")
        before = len(host.requests())
        assert place.download()[0] == 0
        place.must_be_right()
        loaded = sum(r["length"] for r in host.loads(before))
        host.set()
        assert kept >= 1 and loaded <= host.newest.stat().st_size - kept * (4 << 20) + 1, (fault, kept, loaded)


@tap.test
def parts_of_two_files_that_nobody_can_tell_apart_are_found_by_the_digest_and_loaded_anew():
    place = a_place()
    host.set(file__throttle=4_000_000, file__nameless=1)
    before = len(host.requests())
    child = place.begin()
    while not [r for r in host.loads(before) if r["first"] >= 4 * (4 << 20)]:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    part = place.out / (host.newest.name + ".part")
    kept = json.loads((place.out / (part.name + ".json")).read_text(encoding="utf-8"))["done"].index("1")
    with part.open("r+b") as file:  # as if it had come from the file that stood there before
        file.seek(kept * (4 << 20) + 5)
        file.write(b"older")
    host.set(file__nameless=1)
    assert place.download()[0] == 0
    host.set()
    place.must_be_right()


@tap.test
def a_server_that_sends_another_part_than_asked_for_is_told_and_nothing_of_it_is_kept():
    place = a_place()
    host.set(file__shift=100)
    expect(place.download(), 1, "another part")
    host.set()
    assert host.newest.name not in place.files()
    assert place.download()[0] == 0
    place.must_be_right()


@tap.test
def a_moved_file_is_followed():
    place = a_place()
    host.set(file__redirect=1)
    assert place.download()[0] == 0
    host.set()
    place.must_be_right()


@tap.test
def a_length_that_lies_is_no_success():
    for wrong in (-1000, 1000):
        place = a_place()
        host.set(file__length=wrong, file__no_ranges=1)
        done = place.download()
        host.set()
        assert done[0] in (5, 6), done
        assert host.newest.name not in place.files()


@tap.test
def a_file_replaced_while_it_loads_is_begun_again():
    place = a_place()
    host.set(file__throttle=1_500_000)
    child = place.begin()
    host.set(file__change=7)
    out = child.communicate(timeout=90)[0]
    host.set()
    assert child.returncode == 0 and "replaced meanwhile" in out, out
    place.must_be_right()


@tap.test
def a_disk_without_room_is_said_before_the_first_byte():
    place = a_place()

    def no_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    before = len(host.requests())
    expect(place.download(preexec_fn=no_room), 1, "NO_SPACE")
    assert place.files() == [], place.files()
    loaded = sum(r.get("length", 0) for r in host.requests()[before:] if r["server"] == "files")
    assert loaded <= 1, loaded


@tap.test
def two_revives_share_one_download():
    place = a_place()
    host.set(file__throttle=4_000_000)
    before = len(host.requests())
    children = [subprocess.Popen(place.words("firmware", "download", "--to", place.out), env=place.env,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(2)]
    outs = [child.communicate(timeout=90)[0] for child in children]
    host.set()
    assert [child.returncode for child in children] == [0, 0], outs
    place.must_be_right()
    loaded = sum(r["length"] for r in host.requests()[before:] if r["server"] == "files")
    assert loaded < 1.2 * host.newest.stat().st_size, loaded


@tap.test
def what_is_there_and_right_is_not_loaded_again_and_what_is_wrong_is():
    place = a_place()
    assert place.download()[0] == 0
    before = len(host.requests())
    assert place.download()[0] == 0
    assert not [r for r in host.requests()[before:] if r["server"] == "files"]
    target = place.out / host.newest.name
    with target.open("r+b") as file:
        file.seek(1000)
        file.write(b"damaged")
    assert place.download()[0] == 0
    place.must_be_right()


code = tap.run()
host.stop()
shutil.rmtree(root, ignore_errors=True)
sys.exit(code)
