# SPDX-License-Identifier: Apache-2.0
"""What two hosts sent to the same device, as lines that can be held against each other.

A transcript (`--record` of revive-sim and umock_host) and the signing server's record become one list of lines a
channel. What is drawn afresh in each run (UUIDs, tickets, ports) is replaced by a word; keys of a message are sorted, for
a property list has no order; messages keep theirs. What remains different is looked up in differences.json."""
import difflib
import json
import re

UUID = re.compile(r"^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$")
DYNAMIC_PORTS = range(49152, 62001)
TICKET_FILES = ("bbticket.der", "ebl.fls")


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().splitlines()]


def data_words(value):
    """Bytes as a short text: an image without its ticket, an archive by its members, anything else by its digest."""
    if "data" in value:
        return "data:" + value["data"]
    if "image" in value:
        return "image %s %d bytes %s, ticket%s" % (value["type"], value["image"]["bytes"], value["image"]["sha256"][:16],
                                                   ", and %d bytes" % value["after_ticket"] if value["after_ticket"] else "")
    if "archive" in value:
        return "archive"
    return "%d bytes %s" % (value["bytes"], value["sha256"][:16])


def flat(value, path=""):
    """(path, text) of all leaves, sorted by path."""
    if isinstance(value, dict) and "sha256" in value and path.endswith(("Ticket", "RootTicketData")):
        yield path, "a ticket"
    elif isinstance(value, dict) and ("data" in value or "sha256" in value):
        yield path, data_words(value)
        for name, member in sorted(value.get("archive", {}).items()):
            what = "a ticket" if name in TICKET_FILES else "%(bytes)d bytes, crc %(crc)s" % member
            yield "%s(%s)" % (path, name), what + (", deflated" if member["method"] else "")
    elif isinstance(value, dict):
        if not value:
            yield path, "{}"
        for key in sorted(value):
            yield from flat(value[key], path + "." + key if path else key)
    elif isinstance(value, list):
        if not value:
            yield path, "[]"
        for i, item in enumerate(value):
            yield from flat(item, "%s[%d]" % (path, i))
    elif isinstance(value, str):
        yield path, "<uuid>" if UUID.match(value) else json.dumps(value)
    else:
        yield path, json.dumps(value)


def message_lines(label, value):
    yield label
    for path, text in flat(value):
        yield "%s: %s = %s" % (label, path or "value", text)


def setup_words(setup):
    return " ".join((setup[0:2], setup[2:4], setup[6:8] + setup[4:6], setup[10:12] + setup[8:10]))


def upload_words(value):
    image = value.get("image")
    what = "%s of %d bytes (%s) and a ticket" % (value["type"], image["bytes"], image["sha256"][:16]) if image else \
        "of %d bytes (%s)" % (value["bytes"], value["sha256"][:16])
    more = ", an empty transfer" if value["empty_transfer"] else ""
    return ["upload %s%s" % (what, more + (", status read %d times" % value["status_reads"] if value["status_reads"] else "")),
            "in transfers of %d" % value["largest"]]


def says_the_daemon(value):
    """usbmuxd pairs and watches by itself: that is neither host's doing."""
    return isinstance(value, dict) and (value.get("Label") == "usbmuxd" or str(value.get("Name")).startswith(
        "com.apple.mobile.lockdown.request_"))


class Reader:
    """Walks a transcript; channel name -> lines."""

    def __init__(self):
        self.channels = {}
        self.asked = None
        self.counts = {}
        self.attach = ""
        self.attaches = {}

    def put(self, channel, *lines):
        self.channels.setdefault(channel, []).extend(lines)

    def label(self, on, value):
        if on == "restored" and self.asked:
            name, self.asked = self.asked, None
            self.counts[name] = self.counts.get(name, 0) + 1
            return "answer to %s %d" % (name, self.counts[name])
        if isinstance(value, dict):
            for key in ("Request", "MsgType", "Command"):
                if isinstance(value.get(key), str):
                    return value[key]
        return "message"

    def take(self, line):
        on, what, value = line["on"], line["what"], line["value"]
        if on == "device":
            self.attaches[value] = self.attaches.get(value, 0) + 1
            self.attach = "%s %d" % (value, self.attaches[value])
            self.put("device", "attached in " + value)
        elif on in ("usb", "recovery", "dfu"):
            self.put("usb in " + self.attach, *self.usb(what, value))
        elif on == "port":
            if self.attach.startswith("restore"):  # in Normal mode the daemon connects as well
                self.put("ports", "connect to %s" % ("a port the device named" if value in DYNAMIC_PORTS else value))
        elif says_the_daemon(value):
            pass
        elif what == "asked":
            self.asked = value
        elif what == "message":
            self.put(on, *message_lines(self.label(on, value), value))
        else:
            self.put(on, "%s %s" % (what, value))

    @staticmethod
    def usb(what, value):
        if what == "upload":
            return upload_words(value)
        if what == "command":
            return ["command '%s' (%s)" % (value["text"], setup_words(value["setup"]))]
        if isinstance(value, dict):
            return ["control %s" % setup_words(value["setup"])]
        return ["%s %s" % (what, value)]


def signing_lines(record):
    for line in record:
        if line.get("server") != "tss":
            continue
        request = line.get("request", {})
        yield "agent %s" % line.get("agent")
        yield from message_lines(line["kind"] or "?", request)


def channels(transcript, record):
    reader = Reader()
    for line in read_lines(transcript):
        reader.take(line)
    reader.put("signing", *signing_lines(read_lines(record)))
    return reader.channels


def compare(witness, ours):
    """Differences as 'channel: - line' (the witness alone) and 'channel: + line' (revive alone)."""
    out = []
    for name in sorted(set(witness) | set(ours)):
        a, b = witness.get(name, []), ours.get(name, [])
        for tag, a0, a1, b0, b1 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
            if tag != "equal":
                out += ["%s: - %s" % (name, line) for line in a[a0:a1]] + ["%s: + %s" % (name, line) for line in b[b0:b1]]
    return out


class Explained:
    """The table of differences that are meant, each with its reason."""

    def __init__(self, path, mode, kind):
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
        self.names = [r["id"] for r in rows]
        self.rows = [r for r in rows if mode in r.get("modes", [mode]) and kind in r.get("kinds", [kind])]
        self.met = {r["id"]: 0 for r in self.rows if not r.get("sometimes")}

    def row(self, difference):
        for row in self.rows:
            if any(re.fullmatch(pattern, difference) for pattern in row["lines"]):
                if row["id"] in self.met:
                    self.met[row["id"]] += 1
                return row
        return None

    def stale(self):
        return [name for name, count in self.met.items() if count == 0]
