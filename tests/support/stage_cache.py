# SPDX-License-Identifier: Apache-2.0
"""A scene of `revive-sim stage`, made once for each way it is asked for and copied for everyone after: most of the
seconds go into keys that no test looks at twice. The copies share nothing."""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess

STAGE_SECONDS = 120


def lay_scene(sim, scene, options, build=None):
    """Puts a scene made with these options at the path `scene`, which must not exist; CalledProcessError."""
    sim, scene = pathlib.Path(sim).resolve(), pathlib.Path(scene)
    home = pathlib.Path(build or sim.parent) / "tests" / "stages"
    home.mkdir(parents=True, exist_ok=True)
    options = [str(option) for option in options]
    stat = sim.stat()
    made_by = hashlib.sha256(f"{stat.st_mtime_ns} {stat.st_size}".encode()).hexdigest()[:12]
    pattern = home / (made_by + "-" + hashlib.sha256("\0".join(options).encode()).hexdigest()[:16])
    with open(home / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not pattern.exists():
            make(sim, home, pattern, made_by, options)
    scene.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(pattern, scene, symlinks=True, dirs_exist_ok=True)


def make(sim, home, pattern, made_by, options):
    for other in home.iterdir():
        if other.is_dir() and not other.name.startswith(made_by):
            shutil.rmtree(other, ignore_errors=True)  # another revive-sim made it
    half = home / f"{made_by}-half"
    shutil.rmtree(half, ignore_errors=True)
    subprocess.run([sim, "stage", "--dir", half, *options], check=True, capture_output=True, text=True,
                   timeout=STAGE_SECONDS)
    os.rename(half, pattern)
