# SPDX-License-Identifier: Apache-2.0
"""Debian's idevicesyslog, idevicecrashreport and idevicediagnostics before the virtual iPhone.

    test_syslog.py BUILD"""
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from stage import Stage  # noqa: E402
from tap import Skip, Tap  # noqa: E402

tap = Tap()
stage = None


def program(*words, seconds=30, fine=(0,)):
    if shutil.which(words[0]) is None:
        raise Skip(f"{words[0]} is not here")
    done = subprocess.run([str(word) for word in words], env=stage.environment(), capture_output=True, timeout=seconds,
                          stdin=subprocess.DEVNULL, check=False)
    assert done.returncode in fine, done
    return done.stdout.decode(errors="replace")


@tap.test
def idevicesyslog_reads_whole_lines():
    if shutil.which("idevicesyslog") is None:
        raise Skip("idevicesyslog is not here")
    with subprocess.Popen(["idevicesyslog"], env=stage.environment(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as child:
        lines = [child.stdout.readline().decode(errors="replace") for _ in range(8)]
        child.terminate()
        child.communicate(timeout=20)
    # Its own word about the connection comes from another thread: before the first line of the log, or after it.
    told = [line for line in lines if not line.startswith("[connected]")]
    assert len(told) == 7 and "link is up" in told[0], lines
    assert all(line.endswith("\n") and ("<Notice>" in line or "<Error>" in line or "<Debug>" in line)
               for line in told), lines
    assert any(r["what"] == "syslog" for r in stage.record())


@tap.test
def idevicecrashreport_copies_each_report_whole():
    target = stage.root / "reports"
    target.mkdir()
    text = program("idevicecrashreport", "-k", target)
    kept = {path.relative_to(stage.phone / "crashes") for path in (stage.phone / "crashes").rglob("*.ips")}
    assert len(kept) == 3 and text.count("Copy:") == 3, text
    for path in kept:
        assert (target / path).read_bytes() == (stage.phone / "crashes" / path).read_bytes(), path


@tap.test
def idevicecrashreport_may_take_them_away():
    target = stage.root / "taken"
    target.mkdir()
    assert program("idevicecrashreport", target).count("Move:") == 3
    assert not list((stage.phone / "crashes").rglob("*.ips")), "they are still on the phone"


@tap.test
def idevicediagnostics_switches_it_off():
    program("idevicediagnostics", "shutdown")
    assert stage.await_mode("off", 30)["ok"]


if __name__ == "__main__":
    with Stage(sys.argv[1], scenario="fresh", system_bytes=1 << 20, data_bytes=1 << 20) as stage:
        stage.start("--set", "trust=yes")
        stage.await_mode("normal", 60)
        if shutil.which("idevicepair"):
            program("idevicepair", "pair", fine=(0, 1))
        failed = tap.run()
    sys.exit(failed)
