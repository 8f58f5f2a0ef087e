#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line as people and programs meet it: exit codes, four-part errors, pure JSON, questions, pipes.

usage: test_cli.py BUILD      TAP. Needs no device: --sim is tested by test_sim.py.
"""
import json
import os
import pathlib
import pty
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

build = pathlib.Path(sys.argv[1]).resolve()
root = pathlib.Path(tempfile.mkdtemp(prefix="revive-cli-"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()


def serve_an_empty_bus(path):
    """A USB/IP server with nothing plugged in: OP_REP_DEVLIST, status 0, no device."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()

    def serve():
        while True:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(10)
                try:
                    if peer.recv(8):
                        peer.sendall(struct.pack(">HHII", 0x0111, 5, 0, 0))
                except OSError:
                    pass

    threading.Thread(target=serve, daemon=True).start()


def environment(**more):
    """A computer without any device: no usbmux service, no USB."""
    env = dict(os.environ, HOME=str(root), XDG_STATE_HOME=str(root / "state"), XDG_CACHE_HOME=str(root / "cache"),
               USBMUXD_SOCKET_ADDRESS=f"UNIX:{root}/no-mux", REVIVE_USB=f"usbip:UNIX:{root}/usb", LC_ALL="C.UTF-8")
    for name in ("REVIVE_APPLE_TSS", "REVIVE_TRUST_ROOT", "REVIVE_DEADLINE_SCALE", "NO_COLOR"):
        env.pop(name, None)
    env.update(more)
    return env


def revive(*words, timeout=60, **more):
    return subprocess.run([build / "revive", *words], env=environment(**more), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=timeout, check=False)


def four_parts(text):
    """Positions of the four parts of an error in text, in order."""
    lines = text.split("\n")
    return [i for i, line in enumerate(lines)
            if i == 0 or line.startswith(("Why:", "What to do next:", "Log:"))]


serve_an_empty_bus(f"{root}/usb")


@tap.test
def the_version_and_the_help_go_to_stdout():
    done = revive("--version")
    assert done.returncode == 0 and done.stdout.startswith("revive ") and not done.stderr
    done = revive("--help")
    assert done.returncode == 0 and "update" in done.stdout and not done.stderr


@tap.test
def every_command_has_help_with_an_example():
    overview = revive("--help").stdout
    block = overview.split("Commands\n", 1)[1].split("\n\n", 1)[0]
    verbs = [line[2:28].strip() for line in block.split("\n")]
    assert {"list", "info", "update", "resume", "recovery exit", "recovery enter", "restart"} <= set(verbs), verbs
    for verb in verbs:
        if verb in ("(none)", "sim"):
            continue
        done = revive(*verb.split(), "--help")
        assert done.returncode == 0 and "Example\n    revive" in done.stdout, verb
        assert f"revive {verb}" in done.stdout, verb


@tap.test
def wrong_words_end_with_2_and_name_the_nearest():
    for words, says in ((["lsit"], "`revive list`"), (["list", "--jsn"], "--json"), (["update", "--ispw=x"], "--ipsw"),
                        (["recovery"], "recovery exit"), (["list", "extra"], "'extra'"), (["list", "--log"], "value")):
        done = revive(*words)
        assert done.returncode == 2, (words, done.returncode)
        assert says in done.stderr and not done.stdout, (words, done.stderr)


@tap.test
def an_error_in_text_has_four_parts_in_order():
    done = revive("info")
    assert done.returncode == 3, done.returncode
    assert len(four_parts(done.stderr)) == 4, done.stderr
    assert "\n  1. " in done.stderr and not done.stdout


@tap.test
def an_error_in_json_is_one_document_and_nothing_else():
    done = revive("info", "--json")
    assert done.returncode == 3
    document = json.loads(done.stdout)
    error = document["error"]
    assert document["ok"] is False and not done.stderr
    assert set(error) >= {"code", "title", "cause", "actions", "itunes_code", "log"}
    assert error["code"] == "NO_DEVICE" and error["actions"] and error["itunes_code"] is None


@tap.test
def a_long_command_prints_json_lines_and_one_last_result():
    done = revive("recovery", "exit", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 3 and not done.stderr
    assert lines[-1]["event"] == "result" and lines[-1]["ok"] is False
    assert sum(line["event"] == "result" for line in lines) == 1


@tap.test
def usage_errors_are_json_too_when_asked():
    document = json.loads(revive("lsit", "--json").stdout)
    assert document["error"]["code"] == "USAGE"


@tap.test
def no_device_is_no_error_for_list():
    done = revive("list", "--json")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["devices"] == []
    assert "No device" in revive("list").stdout


@tap.test
def a_long_command_keeps_a_log_and_names_it():
    done = revive("restart")
    kept = sorted((root / "state" / "revive" / "logs").glob("revive-*-restart-*.log"))
    assert kept and f"Log: {kept[-1]}" in done.stderr, done.stderr
    assert oct(kept[-1].stat().st_mode & 0o777) == "0o600"
    assert "NO_DEVICE" in kept[-1].read_text()


@tap.test
def only_a_few_logs_are_kept():
    folder = root / "state" / "revive" / "logs"
    for number in range(40):
        (folder / f"revive-2000010{number % 10}T00000{number}Z-update-1.log").touch()
    (folder / "letter.txt").touch()
    revive("restart")
    names = [path.name for path in folder.iterdir()]
    assert len([n for n in names if n.endswith(".log")]) <= 20, len(names)
    assert "letter.txt" in names


@tap.test
def no_trace_leaves_nothing():
    home = root / "untouched"
    done = revive("restart", "--no-trace", HOME=str(home), XDG_STATE_HOME=str(home / "s"), XDG_CACHE_HOME=str(home / "c"))
    assert done.returncode == 3 and not home.exists(), list(home.rglob("*")) if home.exists() else done.returncode


@tap.test
def a_log_file_that_cannot_be_written_is_an_error():
    done = revive("list", "--log", str(root / "no" / "such" / "log"))
    assert done.returncode == 1 and "no/such/log" in done.stderr


@tap.test
def a_full_disk_behind_stdout_is_noticed():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([build / "revive", "list", "--json"], env=environment(), stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "could not be written" in done.stderr


@tap.test
def a_closed_pipe_kills_nobody():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([build / "revive", "list"], env=environment(), stdout=writer, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    os.close(writer)
    assert done.returncode >= 0, "ended by a signal"


@tap.test
def a_missing_firmware_file_touches_no_device():
    done = revive("update", "--ipsw", str(root / "none.ipsw"), "--json")
    last = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode in (1, 2, 3) and last["ok"] is False, done.returncode


@tap.test
def a_senseless_setting_is_refused_by_name():
    done = revive("list", REVIVE_DEADLINE_SCALE="soon")
    assert done.returncode == 2 and "REVIVE_DEADLINE_SCALE" in done.stderr


def on_terminal(words, **more):
    """Runs revive with a terminal as stdout and stderr; what it printed, and its exit code."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(build / "revive", [str(build / "revive"), *words], environment(TERM="xterm", **more))
    output = b""
    while True:
        try:
            chunk = os.read(fd, 65536)
        except OSError:
            break
        if not chunk:
            break
        output += chunk
    os.close(fd)
    return output.decode(errors="replace"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@tap.test
def colour_only_where_it_is_wanted():
    assert "\033[" in on_terminal(["info"])[0]
    assert "\033[" not in on_terminal(["info"], NO_COLOR="1")[0]
    assert "\033[" not in revive("info").stderr


@tap.test
def ctrl_c_ends_a_watch_in_good_order():
    child = subprocess.Popen([build / "revive", "list", "--watch", "--json"], env=environment(),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    try:
        try:
            child.wait(2)
        except subprocess.TimeoutExpired:
            pass
        assert child.poll() is None, child.communicate()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    finally:
        child.kill()
    assert child.returncode in (0, 7), child.returncode
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines and lines[-1]["event"] == "result"
    assert "safe point" in err


status = tap.run()
shutil.rmtree(root, ignore_errors=True)
sys.exit(status)
