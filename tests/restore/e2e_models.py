#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every way in, for every generation: mode x (update | restore) x model, revive against the virtual iPhone.

    e2e_models.py --build DIR PRODUCT         six rows of one model, as TAP
    e2e_models.py --build DIR --table         the table of the last run

A row passes when revive ended well and the device itself says so: its system volume is the new firmware's, its
user volume is what it was (Update) or gone (Restore). Each row leaves a line in BUILD/models/ for the table.
"""
import argparse
import collections
import fcntl
import json
import pathlib
import shutil
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "support")]
from stage import Stage, wait_until  # noqa: E402
from tap import Tap  # noqa: E402
from update_check import Before, claim, last_line, percents  # noqa: E402

RUN_SECONDS = 150
SIZES = {"system_bytes": 2 << 20, "data_bytes": 1 << 20}
TIME_SCALE = "0.005"  # many devices, one after the other: what they take to think is not looked at here
Model = collections.namedtuple("Model", "product name old new")
Release = collections.namedtuple("Release", "version build")
MODELS = (
    Model("iPhone10,6", "iPhone X", Release("11.1", "15B93"), Release("11.2", "15C114")),
    Model("iPhone9,3", "iPhone 7", Release("15.3", "19D50"), Release("15.4", "19E241")),
    Model("iPhone12,1", "iPhone 11", Release("26.2", "23C55"), Release("26.2.1", "23C71")),
    Model("iPhone13,2", "iPhone 12", Release("26.2", "23C55"), Release("26.2.1", "23C71")),
)
MODES = ("normal", "recovery", "dfu")
VERBS = ("update", "restore")


class ModelStage(Stage):
    """A stage with a running phone of one model. Keys, firmware and phone are made once for a build of revive-sim."""

    def __init__(self, build, model, **more):
        super().__init__(build, **{**SIZES, "time_scale": TIME_SCALE, **more})
        self.model = model

    def __enter__(self):
        made = (self.build / "revive-sim").stat().st_mtime_ns
        cache = self.build / "e2e-scenes"
        cache.mkdir(exist_ok=True)
        whole = cache / f"model-{self.model.product}-{made}"
        with open(cache / f"lock-{self.model.product}", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                for old in cache.glob(f"model-{self.model.product}-*"):
                    shutil.rmtree(old, ignore_errors=True)
                self.make(cache / f"part-{self.model.product}")
                (cache / f"part-{self.model.product}").rename(whole)
        shutil.copytree(whole, self.scene)
        return self

    def make(self, folder):
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "files").mkdir(parents=True)
        self.sim("pki", folder / "pki")
        for seed, (name, release) in enumerate((("old", self.model.old), ("new", self.model.new)), 1):
            self.sim("ipsw", "--product", self.model.product, "--version", release.version, "--build", release.build,
                     "--seed", seed, "--bytes", SIZES["system_bytes"], "--out", folder / "files" / f"{name}.ipsw")
        self.sim("new", "--state", folder / "phone", "--pki", folder / "pki", "--ipsw", folder / "files" / "old.ipsw",
                 "--product", self.model.product, "--data-bytes", SIZES["data_bytes"])

    def environment(self, **more):
        # A signing server under sanitizers, on a busy computer, takes seconds for a key: these rows test no deadline.
        return super().environment(**{"REVIVE_DEADLINE_SCALE": "0.4", **more})

    def answers(self):
        devices = json.loads(self.revive("list", "--json").out)["devices"]
        return len(devices) == 1 and devices[0]["answers"]

    def begin_in(self, mode):
        """The phone runs and trusts whoever asks; then it goes into the mode that the row begins in."""
        self.start()
        self.await_mode("normal", 60)
        wait_until(self.answers, 60, "lockdown's answer")
        self.control("trust", "yes")
        if mode != "normal":
            self.control("mode", mode)
            self.await_mode(mode, 60)
        return Before(self)


def check_row(stage, verb, mode, before, done):
    """What revive says, then what the device says."""
    new, update = stage.model.new, verb == "update"
    claim(done.code == 0, f"exit {done.code}: {done.out[-1500:]} {done.err[-1500:]}")
    result = last_line(done)
    claim(result["ok"] is True and result["started_in"] == mode, f"it began in {result['started_in']}, not in {mode}")
    claim((result["version"], result["build"]) == (new.version, new.build), f"the result names {result['version']}")
    claim(result["data_kept"] is update, f"data_kept is {result['data_kept']} after {verb}")
    seen = percents(done)
    claim(seen and seen == sorted(seen) and seen[-1] >= 99.9, "progress went back, or did not reach 100")
    state = stage.control("state")
    claim(state["mode"] == "normal" and state["auto_boot"] == "true", f"it ended in {state['mode']} mode")
    claim((state["version"], state["build"]) == (new.version, new.build), f"the device runs {state['version']}")
    claim(stage.hash_of("system") == stage.hash_in(stage.new_ipsw), "the system volume is not the new firmware's")
    wiped = any(r["what"] == "wipe" for r in stage.record())
    if update:
        claim(stage.hash_of("data") == before.data and not wiped, "the user volume was changed by an Update")
    else:
        claim(stage.hash_of("data") != before.data and wiped, "the user volume survived a Restore")


def run_row(build, model, mode, verb):
    with ModelStage(build, model) as stage:
        before = stage.begin_in(mode)
        consent = ["--yes"] if verb == "restore" else []
        done = stage.revive(verb, "--ipsw", stage.new_ipsw, *consent, "--json", timeout=RUN_SECONDS)
        check_row(stage, verb, mode, before, done)


def row_path(build, model, mode, verb):
    return pathlib.Path(build) / "models" / f"{model.product}-{mode}-{verb}.json"


def written_row(build, model, mode, verb):
    """Runs a row and writes down how it went, for the table."""
    path = row_path(build, model, mode, verb)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    begun = time.monotonic()
    outcome = {"ok": False, "why": ""}
    try:
        run_row(build, model, mode, verb)
        outcome["ok"] = True
    except BaseException as problem:
        outcome["why"] = str(problem).splitlines()[0][:200] if str(problem) else type(problem).__name__
        raise
    finally:
        outcome["seconds"] = round(time.monotonic() - begun, 1)
        path.write_text(json.dumps(outcome))


def cell(build, model, mode, verb):
    path = row_path(build, model, mode, verb)
    if not path.exists():
        return "not run"
    outcome = json.loads(path.read_text())
    return f"ok {outcome['seconds']:.1f} s" if outcome["ok"] else "FAILED"


def print_table(build):
    """One line a model; `ok` means that the volumes' hashes were what they must be."""
    head = [f"{verb} from {mode}" for mode in MODES for verb in VERBS]
    rows = [[f"{m.product} {m.new.version}", *(cell(build, m, mode, verb) for mode in MODES for verb in VERBS)]
            for m in MODELS]
    widths = [max(len(line[i]) for line in [["model", *head], *rows]) for i in range(len(head) + 1)]
    print("Update and Restore, checked by the hashes of the device's system and user volumes:")
    for line in [["model", *head], *rows]:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    passed = sum(text.startswith("ok") for line in rows for text in line[1:])
    print(f"  {passed} of {len(rows) * len(head)} passed")
    return passed == len(rows) * len(head)


def tap_of(build, model):
    tap = Tap()
    for mode in MODES:
        for verb in VERBS:
            def row(mode=mode, verb=verb):
                written_row(build, model, mode, verb)
            row.__name__ = f"{verb}_from_{mode}"
            tap.test(row)
    return tap


def main():
    models = {m.product: m for m in MODELS}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--only", metavar="VERB-MODE", help="one row: update-dfu")
    parser.add_argument("product", nargs="?", choices=sorted(models))
    options = parser.parse_args()
    if options.table:
        return 0 if print_table(options.build) else 1
    if options.product is None:
        parser.error("a product, or --table")
    if options.only:
        verb, mode = options.only.split("-")
        written_row(options.build, models[options.product], mode, verb)
        return 0
    return tap_of(options.build, models[options.product]).run()


if __name__ == "__main__":
    sys.exit(main())
