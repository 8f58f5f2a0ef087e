#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`revive backup repair`: a part of the damages of tests/support/damage_backup.py; all of them: `./dev bench repair`.

usage: repairing.py REVIVE      TAP
"""
import pathlib
import plistlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import backup_case as case  # noqa: E402 pylint: disable=wrong-import-position
import damage_backup as damage  # noqa: E402 pylint: disable=wrong-import-position
import repair_case  # noqa: E402 pylint: disable=wrong-import-position
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
case.prepare(sys.argv[1])


def mended(kind, *names):
    for name in names:
        done = repair_case.attempt(kind, name)
        assert done["accepted"] and done["unchanged"] and not done["missing"], done


@tap.test
def files_that_are_missing_cut_or_changed_do_not_keep_the_rest_from_a_phone():
    mended("plain", "files-missing", "bits-turned")
    mended("encrypted", "files-cut")


@tap.test
def a_run_that_was_broken_off_becomes_a_backup():
    mended("plain", "first-run-broken-off", "broken-off-in-moving")
    mended("encrypted", "incremental-broken-off-in-uploading")


@tap.test
def a_damaged_index_is_rebuilt_from_its_pages():
    mended("plain", "index-head-overwritten")
    mended("encrypted", "index-page-overwritten")
    mended("old", "index-page-overwritten")


@tap.test
def a_lost_index_comes_back_from_an_older_copy():
    mended("encrypted", "index-missing-older-copy")


@tap.test
def files_without_an_index_get_their_names_back_or_are_kept_without():
    done = repair_case.attempt("plain", "index-missing")
    assert done["accepted"] and done["kept"] >= done["could"] - 2, done
    assert done["result"]["files_nameless"] == done["could"] - done["kept"], done["result"]


@tap.test
def a_folder_may_be_called_as_its_owner_likes():
    plain = repair_case.attempt("plain", "index-missing")
    odd = repair_case.attempt("plain", "index-missing", below=" Ada's #1? 50% " + "x" * 200)
    assert odd["accepted"] and odd["kept"] == plain["kept"] > 0, (odd, plain)
    assert odd["result"]["files_nameless"] == plain["result"]["files_nameless"], (odd, plain)


@tap.test
def lists_that_are_lost_are_made_anew():
    mended("plain", "manifest-list-empty", "status-of-wrong-kinds")
    mended("old", "all-lists-missing-but-manifest")


@tap.test
def lost_keys_come_back_from_an_older_copy_or_the_rest_of_the_list():
    mended("encrypted", "manifest-list-empty-older-copy", "manifest-list-cut")


@tap.test
def lost_keys_are_told_as_what_they_are():
    done = repair_case.attempt("encrypted", "keybag-missing")
    assert done["code"] == 5 and done["unchanged"], done
    assert done["result"]["error"]["advice"] == "backup-keys-lost", done["result"]


@tap.test
def an_index_without_its_keys_is_told_as_such():
    done = repair_case.attempt("encrypted", "index-missing")
    said = done["result"]["error"]
    assert done["code"] == 5 and said["advice"] == "backup-keys-lost" and "password alone opens none" in said["cause"], said
    assert "no copy" in said["cause"], said


@tap.test
def a_few_changed_bytes_of_an_index_cost_no_file():
    for kind in ("plain", "encrypted", "old"):
        done = repair_case.attempt(kind, "index-sprinkled")
        assert done["accepted"] and not set(done["missing"]) - told_of_keys(done["result"]), done
    mended("encrypted", "index-begins-with-zeroes", "keybag-with-a-bit-turned")


def told_of_keys(result):
    """Files whose key itself was hit: nobody can open them."""
    return {(f["domain"], f["path"]) for f in result["lost"]["list"] if f["kind"] == "file-key"}


@tap.test
def files_without_names_are_known_again():
    mended("plain", "names-lost")
    mended("encrypted", "names-lost")


@tap.test
def a_backup_of_a_newer_system_is_marked_for_an_older_phone():
    folder = case.fresh("plain")
    code, result = case.run_json("backup", "repair", folder, "--for-ios", "15.8.3")
    info = plistlib.loads((pathlib.Path(result["repaired"]) / "Info.plist").read_bytes())
    assert code == 0 and info["Product Version"] == "15.8.3", info
    assert case.run("backup", "repair", folder, "--for-ios", "newest").returncode == 2


@tap.test
def strange_paths_and_names_are_left_out_or_put_right():
    mended("plain", "strange-paths", "names-with-suffixes", "layout-mixed-up")


@tap.test
def what_was_lost_is_listed_in_words():
    folder = case.fresh("plain")
    damage.KINDS["files-missing"](folder, 1)
    case.stored(folder, "HomeDomain", "Library/SMS/sms.db").unlink()
    ended = case.run("backup", "repair", folder)
    assert ended.returncode == 0 and "the database of your messages" in ended.stdout, ended.stdout + ended.stderr
    assert "The damaged one is as it was" in ended.stdout
    again = case.run("backup", "repair", folder)
    assert again.returncode == 2 and "nothing is overwritten" in again.stderr, again.stderr


@tap.test
def in_place_keeps_an_undo_copy():
    folder = case.fresh("encrypted")
    damage.KINDS["files-cut"](folder, 1)
    before = case.tree_hash(folder)
    code, result = case.run_json("backup", "repair", folder, "--in-place")
    assert code == 0 and result["repaired"] == str(folder), result
    assert case.tree_hash(result["undo"]) == before
    assert damage.accept(folder)
    assert len(list(folder.parent.iterdir())) == 2, list(folder.parent.iterdir())


@tap.test
def a_wrong_password_and_an_empty_folder_end_with_their_codes():
    folder = case.fresh("encrypted")
    assert case.run("backup", "repair", folder, password="wrong").returncode == 4
    assert case.run("backup", "repair", folder, password=None).returncode == 2
    empty = folder.parent / ("cd" * 20)
    (empty / "00").mkdir(parents=True)
    code, result = case.run_json("backup", "repair", empty)
    assert code == 5 and result["error"]["advice"] == "repair-nothing-left", result
    assert case.run("backup", "repair", folder.parent / "none" / "x").returncode == 1
    assert not list(folder.parent.glob("*repaired"))


status = tap.run()
case.done()
sys.exit(status)
