#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Conversations field by field: what a styled body holds, what was edited and taken back, cards of apps, and WhatsApp.

usage: fields_chats.py REVIVE
"""
import os
import plistlib
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap  # pylint: disable=wrong-import-position
import asks  # pylint: disable=wrong-import-position
import made  # pylint: disable=wrong-import-position
import made_apps  # pylint: disable=wrong-import-position
import tables  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()
T = tables.T
PART = "__kIMMessagePartAttributeName"


def same(found, wanted):
    assert found == wanted, f"\nwanted {wanted!r}\nfound  {found!r}"


def body_fields(*messages):
    """What of each message is not about who, where and when."""
    with tempfile.TemporaryDirectory() as folder:
        sms = made.Sms(os.path.join(folder, "sms.db"))
        ada = sms.handle("ada@example.org")
        sms.chat("ada@example.org", [ada])
        for columns in messages:
            number = sms.message(1, ada, None, **{k: v for k, v in columns.items() if k != "text"})
            sms.con.execute("UPDATE message SET text=? WHERE ROWID=?", (columns.get("text"), number))
        sms.close()
        found = asks.records(PROGRAM, os.path.join(folder, "sms.db"), "messages", "--state", "live")
    about = ("type", "state", "source", "guid", "date", "date_raw", "chat", "from", "from_me", "service", "status", "confidence")
    return [{k: v for k, v in r.items() if k not in about} for r in found]


@TAP.test
def a_styled_body_is_told_in_its_parts():
    bodies = [
        made.styled("plain"),
        made.styled("ab", [(1, {PART: 0}), (1, {PART: 0, "__kIMLinkAttributeName": "https://example.org"})]),
        made.styled("one\ufffctwo", [(3, {PART: 0}), (1, {PART: 1, "__kIMFileTransferGUIDAttributeName": "at_1"}), (3, {PART: 2})]),
        made.styled("\ufffc", [(1, {PART: 0, "__kIMFileTransferGUIDAttributeName": "at_2"})]),
        made.styled("hi Ada!", [(3, {PART: 0}), (3, {PART: 0, "__kIMMentionConfirmedMention": "ada@example.org"}), (1, {PART: 0})]),
        made.styled("\U0001F600x", [(2, {PART: 0}), (1, {PART: 1})]),
    ]
    same(body_fields(*({"attributedBody": body} for body in bodies)), [
        {"text": "plain"}, {"text": "ab"},
        {"text": "onetwo", "parts": [{"part": 0, "text": "one"}, {"part": 1, "attachment": "at_1"}, {"part": 2, "text": "two"}]},
        {"text": "", "parts": [{"part": 0, "attachment": "at_2"}]},
        {"text": "hi Ada!", "mentions": ["ada@example.org"]},
        {"text": "\U0001F600x", "parts": [{"part": 0, "text": "\U0001F600"}, {"part": 1, "text": "x"}]}])
    same(body_fields({"text": "as a column \ufffc\ufffd\ufffe."}, {"attributedBody": b"\x04\x0bstreamtyped broken", "text": "instead"}),
         [{"text": "as a column \ufffe."}, {"text": "instead"}])


@TAP.test
def edits_are_told_in_order_and_a_message_taken_back_says_so():
    def history(**keys):
        return plistlib.dumps(keys, fmt=plistlib.FMT_BINARY)

    edits = {"0": [{"t": made.styled("first"), "d": float(T)}, {"t": made.styled("second"), "d": T + 60}, {"t": b"broken", "d": T}, "no edit"], "1": "no list"}
    found = body_fields({"attributedBody": made.styled("second"), "message_summary_info": history(ec=edits)},
                        {"attributedBody": None, "message_summary_info": history(rp=[0])},
                        {"attributedBody": made.styled("left"), "message_summary_info": history(rp=[1, 2])},
                        {"attributedBody": made.styled("x"), "message_summary_info": history(rp=[], other=1)},
                        {"attributedBody": made.styled("y"), "message_summary_info": plistlib.dumps(["a list"])},
                        {"attributedBody": made.styled("z"), "message_summary_info": b"damaged"})
    same(found[0], {"text": "second", "edits": [{"part": 0, "text": "first", "at": "2023-03-08T20:26:40Z"}, {"part": 0, "text": "second", "at": "2023-03-08T20:27:40Z"}]})
    same({k: found[1].get(k) for k in ("unsent", "unsent_parts")}, {"unsent": True, "unsent_parts": [0]})
    same(found[2:], [{"text": "left", "unsent_parts": [1, 2]}, {"text": "x"}, {"text": "y"}, {"text": "z"}])


@TAP.test
def cards_of_links_and_apps_have_their_words():
    prefix = "com.apple.messages.MSMessageExtensionBalloonPlugin:0:"
    link = {"richLinkMetadata": {"title": "T", "summary": "S", "URL": "u:1", "originalURL": "u:2", "siteName": "N", "itemType": "I",
                                 "specialization": {"name": "song", "artist": "A", "album": "B", "other": "x"}}}
    app = {"an": "App", "ldtext": "L", "URL": "u:3", "userInfo": {"caption": "C", "subcaption": "D", "image-title": "E", "secondary-subcaption": "F", "tertiary-subcaption": "G",
                                                                 "image-subtitle": "H", "nothing": "x"}}
    rows = [("com.apple.messages.URLBalloonProvider", link), ("com.apple.messages.URLBalloonProvider", {"metadata": {"originalURL": "u:2"}}),
            ("com.apple.messages.URLBalloonProvider", {"title": "bare"}), (prefix + "org.example.app", app), (prefix + "org.example.app", {"an": "only"}),
            ("com.apple.Handwriting.HandwritingProvider", app), ("com.apple.DigitalTouchBalloonProvider", None), ("org.example", None)]
    found = body_fields(*({"balloon_bundle_id": bundle, "payload_data": made.archive(payload) if payload else b"damaged"} for bundle, payload in rows))
    about = [f["balloon"] for f in found]
    same([b["kind"] for b in about], ["link"] * 3 + ["app"] * 2 + ["handwriting", "digital_touch", "app"])
    same([b["bundle"] for b in about], [bundle for bundle, _ in rows])
    rest = [{k: v for k, v in b.items() if k not in ("kind", "bundle")} for b in about]
    same(rest, [{"title": "T", "summary": "S", "url": "u:1", "site": "N", "item": "I", "about": {"name": "song", "artist": "A", "album": "B"}}, {"url": "u:2"}, {"title": "bare"},
                {"app": "App", "fallback": "L", "url": "u:3", "caption": "C", "subcaption": "D", "secondary-subcaption": "F", "tertiary-subcaption": "G", "image-title": "E",
                 "image-subtitle": "H"}, {"app": "only"}, {}, {}, {}])


WHATSAPP = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared/"


@TAP.test
def whatsapp_messages_have_their_kind_their_person_and_their_media():
    ada, group = "447700900123@s.whatsapp.net", "1-2@g.us"
    base = {"ZCHATSESSION": 1, "ZGROUPMEMBER": None, "ZMEDIAITEM": None, "ZISFROMME": 0, "ZTEXT": None, "ZFROMJID": ada, "ZTOJID": None, "ZPUSHNAME": None, "ZSTANZAID": None,
            "ZSTARRED": 0, "ZMESSAGETYPE": 0, "ZGROUPEVENTTYPE": 0}
    rows = [{"ZTEXT": "hi", "ZSTANZAID": "S1", "ZSTARRED": 1}, {"ZISFROMME": 1, "ZTEXT": "mine", "ZTOJID": ada},
            {"ZMESSAGETYPE": 1, "ZMEDIAITEM": 1}, {"ZMESSAGETYPE": 2, "ZMEDIAITEM": 2}, {"ZMESSAGETYPE": 8, "ZMEDIAITEM": 3}, {"ZMESSAGETYPE": 5, "ZMEDIAITEM": 4},
            {"ZMESSAGETYPE": 4, "ZMEDIAITEM": 5}, {"ZMESSAGETYPE": 14}, {"ZMESSAGETYPE": 15, "ZMEDIAITEM": 6}, {"ZMESSAGETYPE": 46, "ZTEXT": "poll"},
            {"ZMESSAGETYPE": 16}, {"ZMESSAGETYPE": 9}, {"ZMESSAGETYPE": -1},
            {"ZCHATSESSION": 2, "ZGROUPMEMBER": 1, "ZTEXT": "member"}, {"ZCHATSESSION": 2, "ZFROMJID": group, "ZPUSHNAME": "Pusher", "ZTEXT": "pushed"},
            {"ZCHATSESSION": 2, "ZMESSAGETYPE": 6, "ZGROUPEVENTTYPE": 1, "ZTEXT": "New name"}, {"ZCHATSESSION": 2, "ZMESSAGETYPE": 6, "ZGROUPEVENTTYPE": 12},
            {"ZCHATSESSION": 2, "ZMESSAGETYPE": 6, "ZGROUPEVENTTYPE": 99}, {"ZCHATSESSION": 3, "ZTEXT": "lost chat"}, {"ZCHATSESSION": 3, "ZFROMJID": None, "ZTEXT": "nobody"}]
    rows = [{"Z_PK": n, "ZMESSAGEDATE": T + n - 1, **base, **row} for n, row in enumerate(rows, 1)]
    media = [{"ZMEDIALOCALPATH": "/Media/a.jpg", "ZVCARDSTRING": "image/jpeg", "ZTITLE": "look", "ZFILESIZE": 99, "ZMETADATA": made_apps.field(5, "QUOTED")},
             {"ZMEDIALOCALPATH": None, "ZVCARDSTRING": "video/mp4", "ZFILESIZE": 0}, {"ZMEDIALOCALPATH": "Message/Media/d.bin", "ZTITLE": "Paper.pdf"},
             {"ZLATITUDE": 51.5, "ZLONGITUDE": -1.25, "ZVCARDSTRING": "x"}, {"ZVCARDNAME": "Bob", "ZVCARDSTRING": "BEGIN:VCARD"}, {"ZMEDIALOCALPATH": ""}]
    media = [{"Z_PK": n, **{k: None for m in media for k in m}, **row} for n, row in enumerate(media, 1)]
    with tempfile.TemporaryDirectory() as folder:
        tables.store(folder, WHATSAPP + "ChatStorage.sqlite", {
            "ZWAMESSAGE": rows, "ZWAMEDIAITEM": media, "ZWAGROUPMEMBER": [{"Z_PK": 1, "ZMEMBERJID": "447700900999@s.whatsapp.net", "ZCONTACTNAME": "Bert"}],
            "ZWACHATSESSION": [{"Z_PK": 1, "ZSESSIONTYPE": 0, "ZCONTACTJID": ada, "ZPARTNERNAME": "Ada", "ZREMOVED": 1},
                               {"Z_PK": 2, "ZSESSIONTYPE": 1, "ZCONTACTJID": group, "ZPARTNERNAME": "Allotment", "ZREMOVED": 0}],
            "Z_PRIMARYKEY": [{"Z_ENT": 9, "Z_NAME": "WAMessage", "Z_MAX": 21}]})
        tables.put(folder, WHATSAPP + "Message/Media/a.jpg", b"\xff\xd8\xff12345")
        direct = {"chat": {"id": "+447700900123", "name": "Ada", "group": False, "participants": []}, "from": "+447700900123", "from_name": "Ada", "from_me": False}
        wide = {"chat": {"id": group, "name": "Allotment", "group": True, "participants": []}, "from": "+447700900123", "from_me": False}
        lost = {"group": False, "participants": []}
        domain = WHATSAPP[:-1]

        def item(**more):
            return [{"domain": domain, **more}]

        wanted = [
            {**direct, "guid": "S1", "kind": "text", "kind_number": 0, "text": "hi", "starred": True},
            {"chat": direct["chat"], "from": "me", "from_me": True, "kind": "text", "kind_number": 0, "text": "mine"},
            {**direct, "kind": "image", "kind_number": 1, "text": "look", "reply_to": "QUOTED",
             "attachments": item(name="a.jpg", path="Message/Media/a.jpg", bytes=8, state="present", mime="image/jpeg")},
            {**direct, "kind": "video", "kind_number": 2, "attachments": [{"name": "attachment", "state": "never_downloaded", "mime": "video/mp4"}]},
            {**direct, "kind": "document", "kind_number": 8, "attachments": item(name="Paper.pdf", path="Message/Media/d.bin", state="not_in_source")},
            {**direct, "kind": "location", "kind_number": 5, "gps": [51.5, -1.25]},
            {**direct, "kind": "contact", "kind_number": 4, "contact_name": "Bob", "contact_card": "BEGIN:VCARD"},
            {**direct, "kind": "deleted", "kind_number": 14, "unsent": True}, {**direct, "kind": "sticker", "kind_number": 15},
            {**direct, "kind": "poll", "kind_number": 46, "text": "poll"}, {**direct, "kind_number": 16}, {**direct, "kind_number": 9}, {**direct, "kind_number": -1},
            {**wide, "from": "+447700900999", "from_name": "Bert", "kind": "text", "kind_number": 0, "text": "member"},
            {**wide, "from": group, "from_name": "Pusher", "kind": "text", "kind_number": 0, "text": "pushed"},
            {**wide, "kind": "event", "kind_number": 6, "happened": "renamed", "title": "New name"}, {**wide, "kind": "event", "kind_number": 6, "happened": "created"},
            {**wide, "kind": "event", "kind_number": 6, "happened": "notice"},
            {"chat": {"id": "+447700900123", **lost}, "from": "+447700900123", "from_me": False, "kind": "text", "kind_number": 0, "text": "lost chat"},
            {"chat": {"id": "unknown", **lost}, "from_me": False, "kind": "text", "kind_number": 0, "text": "nobody"}]
        wanted = [{"date": f"2023-03-08T20:26:{40 + n}Z" if n < 20 else f"2023-03-08T20:27:{n - 20:02}Z", "date_raw": T + n, **w} for n, w in enumerate(wanted)]
        tables.check(PROGRAM, folder, "whatsapp", wanted)
        listed = asks.revive(PROGRAM, "recover", "list", "--from", folder, "--type", "whatsapp", "--json").stdout.decode()
        assert "1 WhatsApp chats were deleted on the phone" in listed and "21 WhatsApp messages were stored over time and 20 are left" in listed, listed[-800:]


if __name__ == "__main__":
    sys.exit(TAP.run())
