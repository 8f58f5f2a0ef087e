# SPDX-License-Identifier: Apache-2.0
"""`revive firmware list, latest, download` by a list made here: which model, which version, which file, under which name.

    test_shelf.py BUILD"""
import hashlib
import http.server
import json
import os
import pathlib
import plistlib
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from tap import Tap  # noqa: E402 pylint: disable=wrong-import-position

BUILD = pathlib.Path(sys.argv[1]).resolve()
tap = Tap()
root = pathlib.Path(tempfile.mkdtemp(prefix="revive-shelf-"))
FILE = b"PK firmware " * 4000
said = []  # the events of the last run
SHA1 = hashlib.sha1(FILE).hexdigest()


class Shelf(http.server.BaseHTTPRequestHandler):
    """Apple's list (one signed version), the community's (more), and the files."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):  # noqa: N802
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        if self.path.startswith("/me/iPhone10,6"):
            rows = [{"version": v, "buildid": b, "url": f"{base}/{n}", "signed": s, "filesize": size, "sha1sum": digest, "sha256sum": None}
                    for v, b, n, s, size, digest in (("11.2", "15C114", "old.ipsw?x=1", False, len(FILE), SHA1), ("16.7", "20H19", "iPhone_16.7.ipsw#y", True, len(FILE), SHA1),
                                                     ("16.6", "20G75", "sub/iPhone_16.6.ipsw", None, 0, ""))]
            body = json.dumps({"firmwares": rows}).encode()
        elif self.path == "/apple":
            body = plistlib.dumps({"MobileDeviceSoftwareVersionsByVersion": {"1": {"MobileDeviceSoftwareVersions": {"iPhone77,7": {"20A1": {"Restore": {
                "ProductVersion": "99.0", "BuildVersion": "99A1", "FirmwareURL": f"{base}/new.ipsw", "FirmwareSHA1": SHA1}}}}}}})
        elif ".ipsw" in self.path:
            body = FILE
        else:
            self.send_error(404)
            return
        wanted = self.headers.get("Range")
        first, last = 0, len(body) - 1
        if wanted and ".ipsw" in self.path:
            a, b = wanted.split("=")[1].split("-")
            first, last = int(a), min(int(b) if b else last, last)
        self.send_response(206 if wanted and ".ipsw" in self.path else 200)
        if wanted and ".ipsw" in self.path:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[first:last + 1])

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *unused):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
BASE = f"http://127.0.0.1:{server.server_address[1]}"


def revive(*words, code=0, product="iPhone10,6"):
    env = dict(os.environ, HOME=str(root), XDG_STATE_HOME=str(root / "state"), XDG_CACHE_HOME=str(root / "cache"), USBMUXD_SOCKET_ADDRESS=f"UNIX:{root}/none",
               REVIVE_USB=f"usbip:UNIX:{root}/none", LC_ALL="C.UTF-8", REVIVE_APPLE_CATALOG=f"{BASE}/apple", REVIVE_IPSW_ME=f"{BASE}/me/", REVIVE_DEADLINE_SCALE="0.2")
    for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        env.pop(name, None)
    more = ["--product", product] if product else []
    done = subprocess.run([BUILD / "revive", "firmware", *words, *more, "--json"], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert done.returncode == code, (words, done.returncode, done.stdout[-1200:], done.stderr[-600:])
    said[:] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"event"')]
    return json.loads(done.stdout if done.stdout.startswith("{\n") else done.stdout.splitlines()[-1])


def same(found, wanted):
    assert found == wanted, f"\nwanted {wanted!r}\nfound  {found!r}"


def row(version, build, leaf, signed, known=True, source="ipsw.me"):
    return {"version": version, "build": build, "url": f"{BASE}/{leaf}", "source": source, "sha1": SHA1 if known else None, "sha256": None,
            "bytes": len(FILE) if known else None, "signed": signed}


OLD, NEW, OPEN = row("11.2", "15C114", "old.ipsw?x=1", False), row("16.7", "20H19", "iPhone_16.7.ipsw#y", True), row("16.6", "20G75", "sub/iPhone_16.6.ipsw", None, known=False)


@tap.test
def a_list_leaves_out_what_no_device_takes_unless_it_is_asked_for():
    told = revive("list")
    same({k: told[k] for k in ("ok", "product", "releases")}, {"ok": True, "product": "iPhone10,6", "releases": [NEW, OPEN]})
    same(revive("list", "--all")["releases"], [NEW, OPEN, OLD])
    same({k: v for k, v in revive("latest").items() if k != "warnings"}, {"ok": True, "product": "iPhone10,6", **NEW})


@tap.test
def a_model_is_known_by_its_number_its_name_and_its_comma():
    for name, product in (("iphone10,6", "iPhone10,6"), ("iPhone10,6", "iPhone10,6")):
        same(revive("latest", product=name)["product"], product)
    same(revive("list", product="iphone x", code=1)["error"]["cause"], "no firmware is listed for iPhone10,3")  # the first of that name
    same(revive("latest", product="iPhone77,7")["version"], "99.0")  # newer than the table
    for word in ("no phone", "x" * 70):
        error = revive("list", product=word, code=2)["error"]
        same(error["cause"], f"'{word[:40]}' is no model; write it as iPhone10,6 or \"iPhone X\"")
    error = revive("list", product="iPhone88,8", code=1)["error"]
    same(error["causes"][-1], "no firmware is listed for iPhone88,8")
    error = revive("list", product=None, code=3)["error"]
    same(error["causes"][0], ("looking for the model; --product names it without a device"))


@tap.test
def a_file_goes_where_it_was_told_and_is_called_as_everywhere():
    for to, place in ((None, root / "cache" / "revive" / "firmware" / "iPhone_16.7.ipsw"), (root / "folder", root / "folder" / "iPhone_16.7.ipsw"), (root / "mine.ipsw", root / "mine.ipsw")):
        if to is not None and not str(to).endswith(".ipsw"):
            to.mkdir()
        told = revive("download", *(["--to", str(to)] if to else []))
        same((told["file"], told["firmware"]), (str(place), NEW))
        same(place.read_bytes(), FILE)
    told = revive("download", "--version", "11.2", "--to", str(root / "folder"))
    same(told["file"], str(root / "folder" / "old.ipsw"))
    same([e["text"] for e in said if e["event"] == "warning"], ["11.2 (15C114) is not signed any more: no device will take it"])
    same([e["text"] for e in said if e["event"] == "note"][0], "iOS 11.2 (15C114) for iPhone10,6")
    same(revive("download", "--version", "20H19", "--to", str(root / "folder"))["firmware"], NEW)
    error = revive("download", "--version", "12.0", code=1)["error"]
    assert "there is no version or build '12.0' for this model; the newest is 16.7 (20H19)" in error["cause"], error


@tap.test
def one_firmware_is_looked_into_and_no_more():
    for words in ([], ["--url", f"{BASE}/new.ipsw", "--latest"], [str(root / "mine.ipsw"), "--url", f"{BASE}/new.ipsw"], ["x", "--version", "16.7"]):
        same(revive("info", *words, code=2)["error"]["cause"], "name one firmware: a file, --url URL, --version VERSION or --latest")


if __name__ == "__main__":
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        failed = tap.run()
    finally:
        server.shutdown()
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(failed)
