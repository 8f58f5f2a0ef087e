# SPDX-License-Identifier: Apache-2.0
"""revive asked about a source, and what the tests of records share."""
import hashlib
import json
import os
import subprocess
import tempfile

# in memory where there is such a place: what is secured on a disk waits for all that others write there
if os.access("/dev/shm", os.W_OK):
    tempfile.tempdir = os.environ["TMPDIR"] = "/dev/shm"

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.environ.get("REVIVE_SHARED") or os.path.join(os.path.dirname(ROOT), "shared")
SAMPLES = os.path.join(SHARED, "data", "artifacts")


def revive(program, *words, code=0):
    done = subprocess.run([program, *words], capture_output=True, timeout=60, check=False)
    assert done.returncode == code, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done


def records(program, source, kind, *more):
    done = revive(program, "recover", "list", "--from", source, "--type", kind, "--json", *more)
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return [line for line in lines if "event" not in line]


def scan(program, source, kind):
    done = revive(program, "recover", "scan", "--from", source, "--type", kind, "--json")
    rows = json.loads(done.stdout.decode().splitlines()[-1])["types"]
    return next(row for row in rows if row["type"] == kind)


def export(program, source, to, *more, code=0):
    done = revive(program, "recover", "export", "--from", source, "--to", to, "--json", *more, code=code)
    return json.loads(done.stdout.decode().splitlines()[-1])


def digests(folder):
    """Every file below, with its digest: a source is the same after as before."""
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found
