#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`revive explain` as people and programs meet it.

usage: test_verb.py BUILD      TAP
"""
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

build = pathlib.Path(sys.argv[1]).resolve()
root = pathlib.Path(tempfile.mkdtemp(prefix="revive-explain-"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
LOG = ("Connected to com.apple.mobile.restored, version 15\n"
       "[07:30:23.0292-GMT]{3>6} CHECKPOINT FAILURE:(FAILURE:53) (null):[0x063C] verify_fdr_data "
       "[0]D(outer)[1]D(proxy is enabled)\n")


def explain(*words, stdin=subprocess.DEVNULL, **more):
    env = dict(os.environ, HOME=str(root), XDG_STATE_HOME=str(root), LC_ALL="C.UTF-8",
               USBMUXD_SOCKET_ADDRESS=f"UNIX:{root}/no-mux", REVIVE_USB=f"usbip:UNIX:{root}/no-usb")
    return subprocess.run([build / "revive", "explain", *words], env=env, capture_output=True, text=True, stdin=stdin,
                          timeout=60, check=False, **more)


@tap.test
def a_number_is_told_in_words_without_a_device():
    run = explain("4013")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("Error 4013: "), run.stdout
    for part in ("Recovery mode", "Why it happens:", "What to do next:", "  1. ", "How sure this is:"):
        assert part in run.stdout, part
    assert run.stderr == "", run.stderr


@tap.test
def a_negative_number_needs_no_quoting_and_is_no_option():
    run = explain("-402653163", "--json")
    answer = json.loads(run.stdout)
    assert run.returncode == 0 and answer["ok"] and answer["known"]
    assert answer["meanings"][0]["hex"] == "0xE8000015"
    assert answer["meanings"][0]["signed"] == -402653163


@tap.test
def several_words_are_one_question():
    answer = json.loads(explain("MBErrorDomain", "205", "--json").stdout)
    assert answer["meanings"][0]["domain"] == "mobilebackup" and answer["code"] == 205


@tap.test
def an_unknown_number_is_honest_and_shows_its_family():
    run = explain("77")
    assert run.returncode == 0
    assert "does not know" in run.stdout and "1 to 999" in run.stdout, run.stdout
    answer = json.loads(explain("3150", "--json").stdout)
    assert answer["known"] is False and answer["signing_status"] == 50 and answer["of_the_family"] is True
    answer = json.loads(explain("5000000", "--json").stdout)
    assert answer["known"] is False and answer["of_the_family"] is False


@tap.test
def a_log_is_read_from_a_file_and_from_standard_input():
    path = root / "restore.log"
    path.write_text(LOG)
    from_file = explain(str(path), "--json")
    with open(path, encoding="utf-8") as stream:
        from_stdin = explain("-", "--json", stdin=stream)
    answer = json.loads(from_file.stdout)
    assert answer == json.loads(from_stdin.stdout)
    assert answer["outcome"] == "failed" and answer["code"] == 53 and answer["part"] == "network"
    assert answer["deepest_cause"] == "proxy is enabled" and answer["step"]["name"] == "verify_fdr_data"
    assert answer["actions"], answer
    text = explain(str(path)).stdout
    for part in ("This restore failed.", "verify_fdr_data", "because: proxy is enabled", "What to do next:"):
        assert part in text, text


@tap.test
def a_log_of_a_hundred_megabytes_takes_no_more_memory():
    path = root / "big.log"
    with open(path, "w", encoding="utf-8") as out:
        for _ in range(100):
            out.write("x" * (1 << 20))
        out.write("\n" + LOG)

    def cap():
        resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, 64 << 20))

    sanitized = "asan" in subprocess.run(["ldd", build / "revive"], capture_output=True, text=True, check=True).stdout
    run = explain(str(path), "--json", preexec_fn=None if sanitized else cap)
    path.unlink()
    assert json.loads(run.stdout)["code"] == 53, run.stderr


@tap.test
def a_file_that_is_no_log_a_folder_and_a_missing_file_are_told_apart():
    other = root / "letter.txt"
    other.write_text("Dear Mum,\nthe weather is fine.\n")
    assert explain(str(other)).returncode == 1 and "holds nothing" in explain(str(other)).stderr
    assert explain(str(root)).returncode == 1
    gone = explain(str(root / "gone-4013.log"))
    assert gone.returncode == 1 and "there is no file" in gone.stderr, gone.stderr
    assert explain("hello").returncode == 2
    assert explain().returncode == 2


@tap.test
def an_error_that_carries_a_number_says_the_same_words():
    name = json.loads(explain("4005", "--json").stdout)["meanings"][0]["name"]
    assert name == "phone disappeared"


status = tap.run()
shutil.rmtree(root, ignore_errors=True)
sys.exit(status)
