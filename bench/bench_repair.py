#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every kind of damage to backups of each generation and maker, mended and restored onto a virtual iPhone (docs/repair.md)

usage: bench_repair.py REVIVE [--workers N] [--system VERSION]... [--kind KIND]...      writes the page when nothing is left out
"""
import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import damage_backup as damage  # noqa: E402 pylint: disable=wrong-import-position
import repair_world  # noqa: E402 pylint: disable=wrong-import-position

SEEDS = {"idevicebackup2": 1, "revive": 2}
HOPELESS = ("backup-keys-lost", "repair-nothing-left")


def work(build, system, encrypted, kinds):
    """One phone: each kind on the backups of both programs; a JSON line a trial."""
    world = repair_world.World(build, system, encrypted)
    for kind in kinds:
        for maker, seed in SEEDS.items():
            done = world.attempt(maker, kind, seed)
            result = done.pop("result")
            done["advice"] = result.get("error", {}).get("advice", "")
            print(json.dumps(done), flush=True)


def run_worker(build, system, encrypted, kinds):
    words = [sys.executable, __file__, str(build / "revive"), "--world", system, *(["--encrypted"] if encrypted else [])]
    for kind in kinds:
        words += ["--kind", kind]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    found = []
    for line in child.stdout:
        if line.startswith("{"):
            found.append(json.loads(line))
            tell(found[-1])
        else:
            print(line, end="", flush=True)
    if child.wait() != 0:
        raise SystemExit(f"the trials on iOS {system} ended with {child.returncode}")
    return found


def tell(done):
    """What did not go as it should, on one line."""
    hopeless = not done["restorable"] and done["advice"] in HOPELESS
    if (done["accepted"] or hopeless) and not done["missing"] and not done["untold"] and done["unchanged"]:
        return
    print(f"{done['kind']} {done['system']} {'encrypted' if done['encrypted'] else 'plain'} {done['maker']}: code {done['code']},"
          f" kept {done['kept']}/{done['could']}, missing {done['missing'][:3]}, changed and not told {done['untold'][:3]},"
          f" {done['why'][-200:]}", flush=True)


def total(rows, key):
    return sum(row[key] for row in rows)


def cell(rows):
    live = [r for r in rows if r["restorable"]]
    words = []
    if live:
        words.append(f"{total(live, 'accepted')}/{len(live)}, {total(live, 'kept')}/{total(live, 'could')}")
        if total(live, "could_aside"):
            words.append(f"without a name {total(live, 'aside')}/{total(live, 'could_aside')}")
    if len(live) < len(rows):
        words.append(f"keys lost ({len(rows) - len(live)})")
    return "; ".join(words) or "-"


def page(rows, kinds):
    live = [r for r in rows if r["restorable"]]
    hopeless = [r for r in rows if not r["restorable"]]
    table = []
    for kind in kinds:
        own = [r for r in rows if r["kind"] == kind]
        numbers = ", ".join(map(str, damage.NUMBERS[kind])) or "-"
        table.append(f"| {kind.replace('-', ' ')} | {numbers} | {cell([r for r in own if not r['encrypted']])} |"
                     f" {cell([r for r in own if r['encrypted']])} |")
    makers = []
    for system in repair_world.SYSTEMS:
        for maker in repair_world.MAKERS:
            own = [r for r in rows if r["system"] == system and r["maker"] == maker]
            makers.append(f"| iOS {system} | {maker} | {cell([r for r in own if not r['encrypted']])} |"
                          f" {cell([r for r in own if r['encrypted']])} |")
    values = {"KINDS": len(kinds), "TRIALS": len(rows), "LIVE": len(live), "ACCEPTED": total(live, "accepted"),
              "SHARE": f"{100 * total(live, 'accepted') / max(1, len(live)):.1f}", "KEPT": total(live, "kept"),
              "COULD": total(live, "could"), "ASIDE": total(live, "aside"), "COULD_ASIDE": total(live, "could_aside"),
              "NAMED": sum(r.get("named", 0) for r in live), "MISSING": sum(len(r["missing"]) for r in live),
              "CHANGED": sum(not r["unchanged"] for r in rows), "HOPELESS": len(hopeless),
              "SAID": sum(r["advice"] in HOPELESS for r in hopeless), "UNTOLD": sum(len(r["untold"]) for r in live),
              "OTHER": sum(len(r["other"]) for r in live), "TABLE": "\n".join(table), "MAKERS": "\n".join(makers)}
    text = (ROOT / "bench" / "repair.md.in").read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text, {key.lower(): value for key, value in values.items() if key not in ("TABLE", "MAKERS")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("revive")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--system", action="append", choices=repair_world.SYSTEMS)
    parser.add_argument("--kind", action="append", choices=list(damage.KINDS), metavar="KIND")
    parser.add_argument("--page", type=pathlib.Path, help="write the page there, of a part too")
    parser.add_argument("--world", help=argparse.SUPPRESS)
    parser.add_argument("--encrypted", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    build, kinds = pathlib.Path(args.revive).resolve().parent, args.kind or list(damage.KINDS)
    if args.world:
        return work(build, args.world, args.encrypted, kinds)
    worlds = [(system, encrypted) for system in args.system or repair_world.SYSTEMS for encrypted in (False, True)]
    with concurrent.futures.ThreadPoolExecutor(args.workers) as pool:
        rows = sum(pool.map(lambda w: run_worker(build, *w, kinds), worlds), [])
    text, sums = page(rows, kinds)
    whole = not args.system and not args.kind and len(rows) == len(worlds) * len(kinds) * len(SEEDS)
    if whole or args.page:
        (args.page or ROOT / "docs" / "repair.md").write_text(text)
    print(json.dumps({"bench": "repair", "whole": whole, **sums}))
    return None


main()
