#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real tickets and manifests, where they are there to be tried: what is known of each, and that revive says the same.

usage: test_samples.py BUILD      TAP; skipped without the samples (they are others' and not part of the project)
"""
import hashlib
import json
import os
import pathlib
import plistlib
import shutil
import struct
import subprocess
import sys
import tempfile

build = pathlib.Path(sys.argv[1]).resolve()
here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "support"))
from tap import Skip, Tap  # noqa: E402 pylint: disable=wrong-import-position

tap = Tap()
root = pathlib.Path(tempfile.mkdtemp(prefix="revive-samples-"))
places = [os.environ.get("REVIVE_SHARED"), here.parent.parent.parent / "shared", here.parents[3] / "shared"]
shared = next((pathlib.Path(p) / "data" / "firmware" for p in places
               if p and (pathlib.Path(p) / "data" / "firmware").is_dir()), None)

# Chip of each saved ticket, and what its one-time number is made from.
SAVED = {
    "sshrd_0x8960.shsh": ("0x8960", "0xf909e86cad8b3409"),
    "sshrd_0x8000.shsh": ("0x8000", "0x1111111111111111"),
    "sshrd_0x8010.shsh": ("0x8010", "0xcd211884a19012aa"),
    "sshrd_0x8015.shsh": ("0x8015", "0x1111111111111111"),
}
A11_TAGS = ("acfw aopf avef bat0 bat1 batF chg0 chg1 dtre ftap ftsp glyP ibec ibot ibss illb ispf isys krnl liqd logo "
            "msys mtfw rdsk rdtr recm rfta rfts rkrn rlgo rosi rsep rtsc sepi trst")
IDENTITIES = {
    "iPhone10,3_iPhone10,6_11.2_15C114.plist": ("11.2", 4),
    "iPhone9,1_9,3_10,1_10,4_15.4_19E241.plist": ("15.4", 8),
    "iPhone13,2_13,3_26.2.1_23C71.plist": ("26.2.1", 6),
    "iPhone3,1_7.1.2_11D257.plist": ("7.1.2", 2),
    "iPhone4,1_8.4.1_12H321_OTA.plist": ("8.4.1", 1),
    "iPhone6,1_10.3.3_14G60_OTA.plist": ("10.3.3", 1),
}


def sample(leaf):
    if shared is None or not (shared / leaf).exists():
        raise Skip("the samples are not here")
    return shared / leaf


def revive(*words):
    env = dict(os.environ, HOME=str(root), XDG_STATE_HOME=str(root), LC_ALL="C.UTF-8")
    env.pop("REVIVE_TRUST_ROOT", None)
    done = subprocess.run([build / "revive", *map(str, words), "--json"], env=env, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout)


def fine(*words):
    code, told = revive(*words)
    assert code == 0, told
    return told


def tickets():
    return [p for p in sorted(sample("tickets").iterdir()) if p.is_file()]


def tickets_inside(path):
    """A saved answer may hold three tickets: for the update, for the erase, and without a one-time number."""
    if path.suffix == ".im4m":
        return {"": path}
    answer = plistlib.loads(path.read_bytes())
    out = {}
    for key, dictionary in (("", answer), ("updateInstall", answer.get("updateInstall", {})),
                            ("noNonce", answer.get("noNonce", {}))):
        if "ApImg4Ticket" in dictionary:
            out[key] = root / f"{path.stem}.{key}.im4m"
            out[key].write_bytes(dictionary["ApImg4Ticket"])
    return out


@tap.test
def every_ticket_chains_to_an_apple_root():
    count = 0
    for path in tickets():
        assert fine("firmware", "ticket", "verify", path)["signed_by"] == "Apple", path
        for inner in tickets_inside(path).values():
            assert fine("firmware", "ticket", "verify", inner)["signed_by"] == "Apple", inner
            count += 1
    assert count >= 12, count


@tap.test
def every_generator_makes_its_one_time_number():
    for leaf, (chip, generator) in SAVED.items():
        told = fine("firmware", "ticket", "show", sample(f"tickets/{leaf}"))
        assert told["chip_id"].lower() == chip, told["chip_id"]
        assert told["generator"] == generator and told["generator_fits"] is True, told
        # The formula once more, apart from revive's: SHA-1 up to the A9, the start of SHA-384 from the A10 on.
        number = struct.pack("<Q", int(generator, 16))
        old = chip in ("0x8960", "0x8000")
        want = hashlib.sha1(number).hexdigest() if old else hashlib.sha384(number).hexdigest()[:64]
        assert told["ap_nonce"] == want, told["ap_nonce"]


@tap.test
def a_generator_that_does_not_fit_is_seen():
    answer = plistlib.loads(sample("tickets/sshrd_0x8015.shsh").read_bytes())
    answer["generator"] = "0x1111111111111112"
    other = root / "other.shsh2"
    other.write_bytes(plistlib.dumps(answer))
    assert fine("firmware", "ticket", "show", other)["generator_fits"] is False
    code, told = revive("firmware", "ticket", "verify", other)
    assert code == 5 and "generator" in told["error"]["cause"], told


@tap.test
def the_raw_tickets_are_those_of_the_saved_answers():
    for raw, saved in (("A7.im4m", "sshrd_0x8960.shsh"), ("A10.im4m", "sshrd_0x8010.shsh")):
        one, other = (fine("firmware", "ticket", "show", sample(f"tickets/{leaf}")) for leaf in (raw, saved))
        assert one["objects"] == other["objects"] and one["ap_nonce"] == other["ap_nonce"], raw
        assert one["ecid"] == other["ecid"], raw


@tap.test
def the_a11_ticket_names_these_objects():
    told = fine("firmware", "ticket", "show", sample("tickets/pyimg4_A11.im4m"))
    assert sorted(o["tag"] for o in told["objects"]) == A11_TAGS.split(), told["objects"]


@tap.test
def every_ticket_tells_ecid_nonce_and_digests():
    for path in tickets():
        told = fine("firmware", "ticket", "show", path)
        old = told["chip_id"].lower() in ("0x8960", "0x8000")
        assert len(told["ap_nonce"]) == (40 if old else 64), told["ap_nonce"]
        assert len(told["sep_nonce"]) == 40 and int(told["ecid"], 16) > 0, told
        lengths = {len(o["digest"]) for o in told["objects"] if o.get("digest")}
        most = 40 if old else 96  # SHA-1 up to the A9, then SHA-384; coprocessors' files have SHA-256
        assert most in lengths and lengths <= {most, 64}, lengths


@tap.test
def a_ticket_does_not_cover_the_firmware_of_another_version():
    folder = manifest_folder("iPhone10,3_iPhone10,6_11.2_15C114.plist")
    code, told = revive("firmware", "ticket", "verify", sample("tickets/sshrd_0x8015.shsh"), "--ipsw", folder, "--board",
                        "d221ap", "--erase")
    assert code == 5 and told["error"]["advice"] == "bad-ticket", told


def manifest_folder(leaf):
    folder = root / leaf
    folder.mkdir(exist_ok=True)
    shutil.copy(sample(f"buildmanifest/{leaf}"), folder / "BuildManifest.plist")
    return folder


@tap.test
def every_manifest_is_read():
    for leaf, (version, count) in IDENTITIES.items():
        told = fine("firmware", "info", manifest_folder(leaf))
        assert told["version"] == version and len(told["identities"]) == count, (leaf, told)
        assert leaf.split("_")[0] in told["products"], (leaf, told["products"])


@tap.test
def each_board_of_each_manifest_finds_its_parts():
    for leaf in ("iPhone10,3_iPhone10,6_11.2_15C114.plist", "iPhone9,1_9,3_10,1_10,4_15.4_19E241.plist"):
        folder = manifest_folder(leaf)
        for board in {i["board"] for i in fine("firmware", "info", folder)["identities"]}:
            for way in ([], ["--erase"]):
                parts = fine("firmware", "components", folder, "--board", board, *way)["components"]
                assert {"iBSS", "iBEC", "RestoreRamDisk", "KernelCache"} <= {p["name"] for p in parts}, (leaf, board)


@tap.test
def an_update_part_that_says_erase_is_never_taken_for_an_update():
    # RestoreBehavior was edited by a third party in this one: it reads Erase everywhere.
    folder = manifest_folder("iPhone13,2_13,3_26.2.1_23C71.plist")
    code, told = revive("firmware", "components", folder, "--board", "d53gap")
    assert code != 0 and told["ok"] is False, told
    assert fine("firmware", "components", folder, "--board", "d53gap", "--erase")["components"]
    # An over-the-air manifest whose one part erases.
    code, _ = revive("firmware", "components", manifest_folder("iPhone6,1_10.3.3_14G60_OTA.plist"), "--board", "n51ap")
    assert code != 0


@tap.test
def real_images_have_the_digests_of_their_manifest():
    folder = manifest_folder("iPhone10,3_iPhone10,6_11.2_15C114.plist")
    parts = {p["name"]: p for p in fine("firmware", "components", folder, "--board", "d22ap", "--erase")["components"]}
    for leaf, plain, restore, tag in (("DeviceTree.d22ap.im4p", "DeviceTree", "RestoreDeviceTree", b"rdtr"),
                                      ("applelogo@3x~iphone.im4p", "AppleLogo", "RestoreLogo", b"rlgo")):
        image = sample(f"im4p/{leaf}").read_bytes()
        assert hashlib.sha384(image).hexdigest() == parts[plain]["digest"], leaf
        target = folder / parts[restore]["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(image)
        fine("firmware", "extract", folder, restore, "--board", "d22ap", "--erase", "--to", root / "part")
        sent = (root / "part").read_bytes()  # as it would be sent: with the type of its second role
        assert tag in sent[:32] and hashlib.sha384(sent).hexdigest() == parts[restore]["digest"], leaf


@tap.test
def the_roots_of_the_project_are_the_published_ones():
    ours = {hashlib.sha256(p.read_bytes()).hexdigest() for p in (here.parent.parent / "data" / "certs").glob("*.der")}
    theirs = {hashlib.sha256(p.read_bytes()).hexdigest() for p in sample("certs").glob("*.der")}
    assert ours == theirs


status = tap.run()
shutil.rmtree(root, ignore_errors=True)
sys.exit(status)
