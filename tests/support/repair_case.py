# SPDX-License-Identifier: Apache-2.0
"""One damage, one repair, judged by eyes that share nothing with the product."""
import pathlib
import shutil

import backup_case as case
import damage_backup as damage


def could_be_kept(folder, kind, contents):
    """Names of files whose stored bytes are there and unchanged, under whatever name."""
    import make_backup  # pylint: disable=import-outside-toplevel
    pristine = case.ROOT / "pristine" / kind / make_backup.UDID
    wanted = {}
    for name in contents:
        wanted[case.stored(pristine, *name).read_bytes()] = name
    there = {p.read_bytes() for p in pathlib.Path(folder).rglob("*") if p.is_file()}
    return {name for data, name in wanted.items() if data in there} - {n for n in contents if not contents[n]}


def attempt(kind, name, seed=1, below=""):
    """{"accepted", "kept", "could", "why", "unchanged", "code"}."""
    folder = case.fresh(kind, below=below)
    contents = case.contents[kind]
    folder = damage.KINDS[name](folder, seed) or folder
    could = could_be_kept(folder, kind, contents)
    before = case.tree_hash(folder)
    code, result = case.run_json("backup", "repair", folder)
    out = {"kind": kind, "damage": name, "code": code, "could": len(could), "kept": 0, "accepted": False, "why": "",
           "unchanged": case.tree_hash(folder) == before, "missing": [], "result": result}
    if code == 0:
        try:
            restored = damage.accept(result["repaired"])
            same = {n for n in could if restored.get(n) == contents[n]}
            out.update(accepted=True, kept=len(same), missing=sorted(could - same))
        except damage.Refused as why:
            out["why"] = str(why)
    else:
        out["why"] = result["error"]["cause"]
    shutil.rmtree(folder.parent, ignore_errors=True)
    return out
