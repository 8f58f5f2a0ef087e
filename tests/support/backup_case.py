# SPDX-License-Identifier: Apache-2.0
"""What tests of backups share: fixtures of every generation in a private folder, the program, hashes of whole trees."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import make_backup

# in memory where there is such a place: what is secured on a disk waits for all that others write there
ROOT = pathlib.Path(tempfile.mkdtemp(prefix="revive-backup-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
KINDS = {"plain": {}, "encrypted": {"password": "secret"}, "old": {"mbdb": True},
         "old-encrypted": {"mbdb": True, "password": "secret"}}
contents = {}
program = None


def prepare(revive):
    global program  # pylint: disable=global-statement
    program = os.path.abspath(revive)
    os.environ["TMPDIR"] = str(ROOT)
    for kind, options in KINDS.items():
        contents[kind] = make_backup.make(ROOT / "pristine" / kind, photo_count=8, **options)


def done():
    shutil.rmtree(ROOT, ignore_errors=True)


def fresh(kind, name=make_backup.UDID, below=""):
    """A copy of a fixture to be broken; `below`: of a folder so called."""
    parent = pathlib.Path(tempfile.mkdtemp(dir=ROOT, suffix=below))
    shutil.copytree(ROOT / "pristine" / kind / make_backup.UDID, parent / name)
    return parent / name


def run(*words, password="secret", timeout=60, **env):
    environment = dict(os.environ, HOME=str(ROOT / "home"), XDG_STATE_HOME=str(ROOT / "state"), XDG_DATA_HOME=str(ROOT / "data"),
                       USBMUXD_SOCKET_ADDRESS=f"UNIX:{ROOT}/no-mux", LC_ALL="C.UTF-8", REVIVE_USB=f"usbip:UNIX:{ROOT}/no-usb", **env)
    environment.pop("REVIVE_BACKUP_PASSWORD", None)
    if password is not None:
        environment["REVIVE_BACKUP_PASSWORD"] = password
    return subprocess.run([program, *map(str, words)], env=environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=timeout, check=False)


def run_json(*words, **more):
    """(exit code, last JSON document)."""
    ended = run(*words, "--json", **more)
    lines = ended.stdout.splitlines()
    return ended.returncode, json.loads(lines[-1] if ended.stdout.startswith('{"event"') else ended.stdout)


def tree_hash(folder):
    total = hashlib.sha256()
    for path in sorted(pathlib.Path(folder).rglob("*")):
        total.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            total.update(path.read_bytes())
    return total.hexdigest()


def stored(folder, domain, path):
    ident = make_backup.file_id(domain, path)
    flat = folder / ident
    return flat if flat.exists() else folder / ident[:2] / ident


def files_below(folder):
    """{(domain, path): bytes} of what `backup decrypt` wrote."""
    found = {}
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file():
            domain, _, inner = str(path.relative_to(folder)).partition("/")
            found[domain, inner] = path.read_bytes()
    return found
