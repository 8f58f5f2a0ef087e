#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Backups of every generation as sources: plain and encrypted, with Manifest.db and with Manifest.mbdb.

usage: backups.py REVIVE
"""
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import backup_case  # pylint: disable=wrong-import-position
import make_backup  # pylint: disable=wrong-import-position
from tap import Tap  # pylint: disable=wrong-import-position

TAP = Tap()


def wanted_texts():
    """What the fixture's sms.db holds, by Python's own library."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sms.db")
        with open(path, "wb") as file:
            file.write(next(data for domain, name, data, *_ in make_backup.contents(8) if name == "Library/SMS/sms.db"))
        con = sqlite3.connect(path)
        rows = [text for text, in con.execute("SELECT text FROM message ORDER BY ROWID")]
        con.close()
        return rows


@TAP.test
def messages_come_out_of_backups_of_every_generation():
    wanted = wanted_texts()
    assert len(wanted) > 10
    for kind in backup_case.KINDS:
        folder = backup_case.fresh(kind)
        before = backup_case.tree_hash(folder)
        ended = backup_case.run("recover", "list", "--from", folder, "--type", "messages", "--state", "live", "--json")
        assert ended.returncode == 0, (kind, ended.stdout[-600:], ended.stderr[-600:])
        found = [json.loads(line) for line in ended.stdout.splitlines()]
        texts = [r.get("text") for r in found if "event" not in r]
        assert sorted(texts) == sorted(wanted), (kind, len(texts), len(wanted))
        assert backup_case.tree_hash(folder) == before, f"{kind}: the backup was changed"


@TAP.test
def a_wrong_password_is_refused_and_no_work_copy_is_left():
    folder = backup_case.fresh("encrypted")
    with tempfile.TemporaryDirectory() as work:
        ended = backup_case.run("recover", "scan", "--from", folder, "--json", password="wrong", TMPDIR=work)
        assert ended.returncode == 4, (ended.returncode, ended.stdout)
        ended = backup_case.run("recover", "scan", "--from", folder, "--json", TMPDIR=work)
        assert ended.returncode == 0 and not os.listdir(work), os.listdir(work)


if __name__ == "__main__":
    backup_case.prepare(sys.argv[1])
    try:
        code = TAP.run()
    finally:
        backup_case.done()
        subprocess.run(["true"], check=False)
    sys.exit(code)
