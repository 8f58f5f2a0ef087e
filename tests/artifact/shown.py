#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records as a person is shown them and as files hold them, to the letter: lists, selections, previews, CSV, bookmarks, pages.

usage: shown.py REVIVE
"""
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap  # pylint: disable=wrong-import-position
import asks  # pylint: disable=wrong-import-position
import made  # pylint: disable=wrong-import-position
from tables import T, UNIX, store  # pylint: disable=wrong-import-position

PROGRAM = os.path.abspath(sys.argv[1])
TAP = Tap()
os.environ.update(TZ="UTC", LC_ALL="C.UTF-8", NO_COLOR="1")
CALLS = "HomeDomain/Library/CallHistoryDB/CallHistory.storedata"
HISTORY = "HomeDomain/Library/Safari/History.db"
BACK = "\nRecently deleted: still in the app's own trash. Deleted: rows found again in freed space of the databases;\neach carries how sure it is, and its text may be cut.\n"


def revive(*words, code=0):
    done = subprocess.run([PROGRAM, *words], capture_output=True, timeout=60, check=False)
    assert done.returncode == code, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout.decode()


def same(found, wanted):
    assert found == wanted, f"\nwanted {wanted!r}\nfound  {found!r}"


def calls(folder, rows, **more):
    rows = [{"Z_PK": n, "ZDATE": T + 60 * (n - 1), "ZDURATION": 0.0, "ZCALLTYPE": 1, "ZORIGINATED": 0, "ZANSWERED": 1, "ZADDRESS": None, "ZNAME": None, "ZUNIQUE_ID": None,
             "ZLOCATION": None, "ZISO_COUNTRY_CODE": None, "ZSERVICE_PROVIDER": None, **row} for n, row in enumerate(rows, 1)]
    store(folder, CALLS, {"ZCALLRECORD": rows, **more})
    return folder


def visits(folder, rows, gone=0):
    store(folder, HISTORY, {"history_items": [{"id": n, "url": url, "visit_count": count} for n, (url, _, count) in enumerate(rows, 1)],
                            "history_visits": [{"id": n, "history_item": n, "visit_time": T - n, "title": title} for n, (_, title, _) in enumerate(rows, 1)],
                            "history_tombstones": [{"id": n} for n in range(1, gone + 1)] or [{"id": None}]})
    if not gone:
        con = sqlite3.connect(os.path.join(folder, HISTORY))
        con.execute("DELETE FROM history_tombstones")
        con.commit()
        con.close()
    return folder


def listed(folder, kind, *more):
    return revive("recover", "list", "--from", folder, "--type", kind, "--state", "live,recently-deleted", *more).split("\n")


@TAP.test
def cells_are_cut_at_their_width_and_padded_behind_it():
    numbers = ["", "x", "x" * 22, "x" * 23, "\u4e2d" * 11, "\u4e2d" * 12, "y" + "\u4e2d" * 11]
    with tempfile.TemporaryDirectory() as folder:
        lines = listed(calls(folder, [{"ZADDRESS": n, "ZNAME": "last" if i == 1 else None, "ZDURATION": 1.5 if i == 2 else 0} for i, n in enumerate(numbers)]), "calls")
        # date 16, kind 18, number 22, status 60, name 24, duration: each with two blanks behind, the last without
        same(lines[0], "    " + "DATE".ljust(18) + "KIND".ljust(20) + "NUMBER".ljust(24) + "STATUS".ljust(62) + "NAME".ljust(26) + "DURATION")
        shown = ["", "x", "x" * 22, "x" * 21 + "\u2026", "\u4e2d" * 11, "\u4e2d" * 10 + "\u2026", "y" + "\u4e2d" * 10 + "\u2026"]
        pads = [24, 23, 2, 2, 2, 3, 2]
        for i, (text, pad) in enumerate(zip(shown, pads)):
            same(lines[1 + i], "    " + f"2023-03-08 20:{26 + i}  " + "phone".ljust(20) + text + " " * pad + "received".ljust(62) +
                 ("last" if i == 1 else "").ljust(26) + ("1.5" if i == 2 else "0"))
        same(lines[8:], ["", "7 shown. \u267b recently deleted, still in the app's trash; \u2717 deleted, found again.", ""])


@TAP.test
def letters_of_each_script_take_the_room_that_terminals_give_them():
    widths = [("a", 1), ("\u00e4", 1), ("\u0301", 0), ("\u033f", 0), ("\u0370", 1), ("\u10ff", 1), ("\u1100", 2), ("\u115f", 2), ("\u1160", 1), ("\u20ac", 1), ("\u2e7f", 1),
              ("\u2e80", 2), ("\u303e", 2), ("\u303f", 1), ("\u3042", 2), ("\ud7a3", 2), ("\ud7a4", 1), ("\uf8ff", 1), ("\uf900", 2), ("\ufaff", 2), ("\ufb00", 1), ("\ufe0f", 0),
              ("\ufe00", 0), ("\ufe10", 1), ("\ufeff", 1), ("\uff00", 2), ("\uff60", 2), ("\uff61", 1), ("\U0001F600", 2)]
    with tempfile.TemporaryDirectory() as folder:
        lines = listed(visits(folder, [("u:", f"[{c}]", 1) for c, _ in widths]), "history")
        for line, (c, width) in zip(lines[1:], widths):
            title = line[len("    2023-03-08 20:26  1                   "):line.index("u:")]
            if title.startswith(f"[{c}]"):  # what is cleaned away for a terminal is another matter
                same((c, len(title) - len(f"[{c}]")), (c, 24 - 2 - width))
        assert sum(f"[{c}]" in "\n".join(lines) for c, _ in widths) >= 25, lines


@TAP.test
def a_page_holds_a_hundred_and_says_whether_there_are_more():
    with tempfile.TemporaryDirectory() as folder:
        visits(folder, [(f"u:{n}", "t", 1) for n in range(1, 202)], gone=2)
        for page, first, count, more in (("1", 1, 100, True), ("2", 101, 100, True), ("3", 201, 1, False), ("4", 0, 0, False)):
            out = revive("recover", "list", "--from", folder, "--type", "history", "--page", page, "--json").splitlines()
            rows, result = [json.loads(line) for line in out[:-1]], json.loads(out[-1])
            same([r["url"] for r in rows], [f"u:{n}" for n in range(first, first + count)])
            same((result["shown"], result["more"]), (count, more))
        tail = listed(folder, "history", "--page", "2")[-4:]
        same(tail, ["100 shown, and there are more: --page shows the next. \u267b recently deleted, still in the app's trash; \u2717 deleted, found again.", "What to know:",
                    "  - Safari history: 2 marks of things deleted for good, without their content", ""])
        for page in ("0", "x", "4294967296"):
            assert "pages are counted from 1" in json.loads(revive("recover", "list", "--from", folder, "--page", page, "--json", code=2).splitlines()[-1])["error"]["cause"]


@TAP.test
def persons_words_and_days_choose_what_is_listed():
    rows = [{"ZADDRESS": "+44 7700 900123", "ZNAME": "Ada Example"}, {"ZADDRESS": "(0)7700-900123", "ZLOCATION": "Town"}, {"ZADDRESS": "900123", "ZNAME": "Bob"},
            {"ZADDRESS": "1234567", "ZISO_COUNTRY_CODE": "gb"}, {"ZADDRESS": "2234567"}, {"ZADDRESS": None, "ZUNIQUE_ID": "ID-town"}]
    with tempfile.TemporaryDirectory() as folder:
        calls(folder, rows)

        def chosen(*words):
            return [r["source"]["rowid"] for r in asks.records(PROGRAM, folder, "calls", *words)]

        for words, wanted in ((["--with", "0044 7700 900 123"], [1, 2]), (["--with", "7700900123"], [1, 2]), (["--with", "07700900123"], [1, 2]), (["--with", "900123"], [1, 2, 3]),
                              (["--with", "ada"], [1]), (["--with", "1234567"], [4]), (["--with", "234567"], [4, 5]), (["--with", "town"], []), (["--search", "TOWN"], [2, 6]),
                              (["--search", "received"], [1, 2, 3, 4, 5, 6]), (["--search", "ZCALLRECORD"], []), (["--search", "7700-900"], [2]),
                              (["--since", "2023-03-08T20:27:40"], [2, 3, 4, 5, 6]), (["--since", "2023-03-08T20:27:41"], [3, 4, 5, 6]),
                              (["--until", "2023-03-08 20:27:40"], [1, 2]), (["--until", "2023-03-08 20:27:39"], [1]), (["--until", "2023-03-08"], [1, 2, 3, 4, 5, 6]),
                              (["--until", "2023-03-07"], []), (["--since", "2023-03-09"], []), (["--since", "2023-03-08", "--until", "2023-03-08", "--with", "bob"], [3]),
                              (["--deleted"], []), (["--state", "live"], [1, 2, 3, 4, 5, 6]), (["--state", "recently_deleted,carved"], []), (["--state", ",live,"], [1, 2, 3, 4, 5, 6])):
            same((words, chosen(*words)), (words, wanted))
        for words, why in ((["--state", "dead"], "--state dead: "), (["--since", "soon"], "--since soon is no date: write 2024-03-01 or 2024-03-01T18:00:00"),
                           (["--until", "2023-13-01"], "--until 2023-13-01 is no date"), (["--type", "callz"], "there is no type \"callz\"; did you mean \"calls\"?"),
                           (["--type", "qqqqqqqq"], "there is no type \"qqqqqqqq\": `revive recover scan` lists them")):
            cause = json.loads(revive("recover", "list", "--from", folder, *words, "--json", code=2).splitlines()[-1])["error"]["cause"]
            assert cause.startswith(why), cause


@TAP.test
def one_item_is_shown_whole_by_its_id_or_its_place():
    with tempfile.TemporaryDirectory() as folder:
        calls(folder, [{"ZADDRESS": "one", "ZUNIQUE_ID": "7"}, {"ZADDRESS": "two", "ZUNIQUE_ID": "A-2"}, {"ZADDRESS": "three", "ZUNIQUE_ID": "1"}])

        def item(word, code=0):
            return json.loads(revive("recover", "preview", "--from", folder, "--type", "calls", "--item", word, "--json", code=code))

        for word, number in (("A-2", "two"), ("7", "one"), ("2", "two"), ("3", "three")):
            same((word, item(word)["item"]["number"]), (word, number))
        same(item("1")["item"]["number"], "one")
        same(item("4", 1)["error"]["cause"], f"no calls item 4 in {folder}")
        same(item("a-2", 1)["error"]["code"], "NOT_FOUND")
        same(revive("recover", "preview", "--from", folder, "--type", "calls", "--item", "A-2"),
             "type                 calls\nstate                live\nsource:\n  domain               HomeDomain\n"
             f"  path                 {CALLS[11:]}\n  table                ZCALLRECORD\n  rowid                2\n"
             "id                   A-2\ndate                 2023-03-08T20:27:40Z\ndate_raw             700000060\ndirection            incoming\n"
             "status               received\nanswered             true\nkind                 phone\nnumber               two\nduration             0.0\n")
        for words in (["--type", "calls"], ["--item", "1"], ["--type", "calls,history", "--item", "1"]):
            same(json.loads(revive("recover", "preview", "--from", folder, *words, "--json", code=2))["error"]["cause"],
                 "--type T and --item ID are needed: `revive recover list --json` shows both")


@TAP.test
def what_was_found_and_what_was_not_is_summed_up():
    with tempfile.TemporaryDirectory() as folder:
        visits(calls(folder, [{}, {}]), [("u:", "t", 1)], gone=3)
        text = revive("recover", "scan", "--from", folder)
        head, rest = text.split("\nWhat to know:\n")
        same(head, f"{'':16} {'live':>12} {'recently deleted':>18} {'deleted':>10}\n{'Calls':16} {2:12} {0:18} {0:10}\n{'Safari history':16} {1:12} {0:18} {0:10}\n")
        known, rest = rest.split("\nNot in this source:\n")
        same(known, "  - Safari history: 3 marks of things deleted for good, without their content\n")
        absent, rest = rest.split("\n\n", 1)
        same("\n" + rest, BACK + f"next: `revive recover list --from {folder}` shows them; `revive recover export` saves them.\n")
        names = [line[4:].split(":")[0] for line in absent.split("\n") if line.startswith("  - ")]
        same(names[:11], ["Messages", "Contacts", "Photos and videos", "Notes", "WhatsApp", "Calendar", "Reminders", "Voicemail", "Voice memos", "Bookmarks", "Safari tabs"])
        rows = json.loads(revive("recover", "scan", "--from", folder, "--json").splitlines()[-1])
        same([rows["from"], rows["source"]], [folder, "folder"])
        same(names, [r["title"] for r in rows["types"] if r["files"] == 0])
        same([r for r in rows["types"] if r["type"] == "history"],
             [{"type": "history", "title": "Safari history", "files": 1, "live": 1, "recently_deleted": 0, "deleted": 0, "older_versions": 0, "tombstones": 3, "broken": 0}])
        one = os.path.join(folder, CALLS)
        same(revive("recover", "scan", "--from", one, "--type", "calls"), f"{'':16} {'live':>12} {'recently deleted':>18} {'deleted':>10}\n{'Calls':16} {2:12} {0:18} {0:10}\n"
             + BACK + f"next: `revive recover list --from {one}` shows them; `revive recover export` saves them.\n")
    with tempfile.TemporaryDirectory() as folder:
        store(folder, "HomeDomain/other.db", {"other": [{"x": 1}]})
        text = revive("recover", "scan", "--from", folder, "--type", "calls")
        assert "Nothing that revive knows was found here.\n\nNot in this source:\n  - Calls: since iOS 13 the list of calls is in encrypted backups only\n" in text, text
        assert "next:" not in text, text
        text = revive("recover", "list", "--from", folder)
        assert text.endswith("Nothing of the kind is in this source: `revive recover scan` says what is, and why not.\n"), text
        out = os.path.join(folder + "-out")
        assert revive("recover", "export", "--from", folder, "--to", out).endswith("Nothing to export was found: `revive recover scan` says what is in this source.\n")


@TAP.test
def cells_of_a_table_keep_their_commas_and_compute_nothing():
    names = ["plain", "a,b", "say \"hi\"", "two\nlines", " lead", "=1+1", "+44 (77) 00-9", "+", "+1x", "-1", "@x", "\tx", "cr\rx", "a=b"]
    cells = ["plain", "\"a,b\"", "\"say \"\"hi\"\"\"", "\"two\nlines\"", "\" lead\"", "\"'=1+1\"", "+44 (77) 00-9", "\"'+\"", "\"'+1x\"", "\"'-1\"", "\"'@x\"", "\"'\tx\"", "\"cr\rx\"",
             "a=b"]
    with tempfile.TemporaryDirectory() as above:
        folder, out, plain = (os.path.join(above, leaf) for leaf in ("in", "out", "plain"))
        calls(folder, [{"ZNAME": name, "ZDURATION": 2.25 if i == 0 else 0} for i, name in enumerate(names)])
        row, = asks.export(PROGRAM, folder, out, "--type", "calls", "--state", "live")["types"]
        same((row["exported"], row["format"]), (len(names), "csv"))
        with open(os.path.join(out, "calls.csv"), "rb") as file:
            text = file.read().decode()
        lines = ["date,direction,status,kind,number,name,duration,country,location,service,participants,state,confidence,source.path,source.table,source.rowid"]
        lines += [f"2023-03-08T20:{26 + i}:40Z,incoming,received,phone,,{cell},{2.25 if i == 0 else 0},,,,,live,,{CALLS[11:]},ZCALLRECORD,{i + 1}" for i, cell in enumerate(cells)]
        same(text, "\ufeff" + "".join(line + "\r\n" for line in lines))
        asks.export(PROGRAM, folder, plain, "--type", "calls", "--state", "live", "--plain-cells")
        with open(os.path.join(plain, "calls.csv"), "rb") as file:
            text = file.read().decode()
        assert "phone,,=1+1,0" in text and "phone,,-1,0" in text and "phone,,+1x,0" in text and "\" lead\"" in text, text
        asks.export(PROGRAM, folder, os.path.join(above, "lines"), "--type", "calls", "--state", "live", "--format", "jsonl")
        with open(os.path.join(above, "lines", "calls.jsonl"), encoding="utf-8") as file:
            same([json.loads(line) for line in file], asks.records(PROGRAM, folder, "calls", "--state", "live"))
        text = revive("recover", "export", "--from", folder, "--to", os.path.join(above, "again"), "--type", "calls", "--state", "live")
        same(text, f"{'Calls':16} 14 as csv\n\nSaved in {above}/again; summary.json there says what is missing and why.\n")


@TAP.test
def bookmarks_become_nested_folders():
    rows = [{"id": 1, "special_id": 1, "parent": 0, "type": 1, "title": "Bar", "order_index": 0}, {"id": 2, "special_id": 0, "parent": 1, "type": 1, "title": "D & E", "order_index": 1},
            {"id": 3, "parent": 1, "title": "<One>", "url": "http://x/?a=1&b=2", "order_index": 0, "last_modified": UNIX},
            {"id": 4, "parent": 2, "title": "", "url": "u:2", "order_index": 0}, {"id": 5, "parent": 2, "title": "Three", "url": "u:3", "order_index": 1},
            {"id": 6, "special_id": 0, "parent": 0, "type": 1, "title": "Favourites too", "order_index": 2}, {"id": 7, "parent": 6, "title": "Four", "url": "u:4", "order_index": 0}]
    with tempfile.TemporaryDirectory() as above:
        folder, out = os.path.join(above, "in"), os.path.join(above, "out")
        store(folder, "HomeDomain/Library/Safari/Bookmarks.db", {"bookmarks": rows, "folder_ancestors": [{"id": 1}]})
        asks.export(PROGRAM, folder, out, "--type", "bookmarks", "--state", "live")
        with open(os.path.join(out, "bookmarks.html"), encoding="utf-8") as file:
            same(file.read(), "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<META HTTP-EQUIV=\"Content-Type\" CONTENT=\"text/html; charset=UTF-8\">\n<TITLE>Bookmarks</TITLE>\n<H1>Bookmarks</H1>\n"
                 "<DL><p>\n<DT><H3 PERSONAL_TOOLBAR_FOLDER=\"true\">Favourites</H3>\n<DL><p>\n"
                 f"<DT><A HREF=\"http://x/?a=1&amp;b=2\" ADD_DATE=\"{UNIX}\">&lt;One&gt;</A>\n<DT><H3>D &amp; E</H3>\n<DL><p>\n<DT><A HREF=\"u:2\">u:2</A>\n"
                 "<DT><A HREF=\"u:3\">Three</A>\n</DL><p>\n</DL><p>\n<DT><H3>Favourites too</H3>\n<DL><p>\n<DT><A HREF=\"u:4\">Four</A>\n</DL><p>\n</DL><p>\n")


PARTY = "+44 7700 900123"


LINK = "<a rel=\"noreferrer noopener\" href=\"http://x.example/?a&amp;b\">http://x.example/?a&amp;b</a>"
WHO = "<div class=who>bob@example.org</div>"
ALL = "<p class=nav><a href=\"../index.html\">all conversations</a></p><h1>"
PAGES = {
    f"{PARTY}/2023-03.html": f"""<h1>{PARTY}</h1><p class=nav><a href="index.html">all months</a> \u00b7 2023-03</p><main>
<div class="m you " id="M1"><div class=t dir=auto>see {LINK} now</div><div class=foot>2023-03-08 20:26</div></div>
<div class="m me " id="M2"><div class=aside><a href="#M1">in reply to</a></div><b>Re</b><br><div class=t dir=auto>mine</div><div class=foot>2023-03-08 20:27 \u00b7 """
                             """sent with slam (impact) \u00b7 not delivered</div></div>\n</main>""",
    f"{PARTY}/2023-04.html": f"""<h1>{PARTY}</h1><p class=nav><a href="index.html">all months</a> \u00b7 2023-04</p><main>
<div class="m you " id="M3"><div class=t dir=auto>\u4e2d</div><div class=foot>2023-04-17 20:27</div></div>
</main>""",
    f"{PARTY}/index.html": f"""{ALL}{PARTY}</h1><ul>
<li><a href="2023-03.html">2023-03</a> (2)</li>
<li><a href="2023-04.html">2023-04</a> (1)</li>
</ul>""",
    "Peas & _Beans_/2023-03.html": f"""<h1>Peas &amp; &lt;Beans&gt;</h1><p class=nav><a href="index.html">all months</a> \u00b7 2023-03</p><main>
<div class="m you " id="G1">{WHO}<div class=t dir=auto>hello</div><div class=tap><span title="{PARTY}">\u2764\ufe0f</span> </div><div class=foot>2023-03-08 20:28</div></div>
<p class=event>me named the group Beans</p>
<p class=event>bob@example.org left the group</p>
<div class="m you " id="G5">{WHO}<a href="attachments/b.jpg"><img loading=lazy alt="b.jpg" src="attachments/b.jpg"></a><div class=foot>2023-03-08 20:32</div></div>
<div class="m you " id="G6">{WHO}<div class=file>gone.pdf <i>(not in this backup)</i></div><div class=file>cloud.mov <i>(in iCloud: it was never on this phone)</i></div>"""
                                   f"""<div class=foot>2023-03-08 20:33</div></div>
<div class="m you " id="G7">{WHO}<video controls preload=none src="attachments/clip.MOV"></video><div class=file><a href="attachments/clip.MOV">clip.MOV</a></div>"""
                                   """<audio controls preload=none src="attachments/memo.m4a"></audio><div class=file><a href="attachments/memo.m4a">memo.m4a</a></div>"""
                                   """<div class=file>page.html <i>(in the folder attachments; not linked, since a browser would run it)</i></div>"""
                                   """<div class=file><a href="attachments/pa%20per.pdf">pa per.pdf</a></div><div class=foot>2023-03-08 20:34</div></div>
</main>""",
    "Peas & _Beans_/index.html": f"""{ALL}Peas &amp; &lt;Beans&gt;</h1><ul>
<li><a href="2023-03.html">2023-03</a> (6)</li>
</ul>""",
    "index.html": f"""<h1>Messages</h1><ul>
<li><a href="%2B44%207700%20900123/index.html">{PARTY}</a> (3)</li>
<li><a href="Peas%20%26%20_Beans_/index.html">Peas &amp; &lt;Beans&gt;</a> (6)</li>
</ul>""",
}


def talk(folder):
    """Two conversations with everything that a page can show."""
    os.makedirs(os.path.join(folder, "HomeDomain/Library/SMS"))
    sms = made.Sms(os.path.join(folder, "HomeDomain/Library/SMS/sms.db"))
    ada, bob = sms.handle(PARTY), sms.handle("bob@example.org")
    sms.chat(PARTY, [ada])
    sms.chat("chat7", [ada, bob], name="Peas & <Beans>", style=43)
    sms.clock = T - 60
    sms.message(1, ada, "see http://x.example/?a&b now", guid="M1")
    sms.message(1, 0, "mine", guid="M2", thread_originator_guid="M1", subject="Re", expressive_send_style_id="com.apple.MobileSMS.expressivesend.impact", error=22)
    first = sms.clock
    sms.clock = T + 40 * 86400
    sms.message(1, ada, "\u4e2d", guid="M3")
    sms.clock = first
    sms.message(2, bob, "hello", guid="G1")
    sms.message(2, 0, None, guid="G2", item_type=2, group_title="Beans")
    sms.message(2, bob, None, guid="G3", item_type=3, group_action_type=0)
    sms.message(2, ada, "Loved", guid="G4", associated_message_guid="p:0/G1", associated_message_type=2000)
    sms.attach(sms.message(2, bob, "\ufffc", guid="G5"), "~/Library/SMS/Attachments/a/b.jpg", "b.jpg")
    gone = sms.message(2, bob, "\ufffc", guid="G6")
    sms.attach(gone, "~/Library/SMS/Attachments/a/gone.pdf", "gone.pdf", "application/pdf")
    sms.attach(gone, None, "cloud.mov", "video/quicktime")
    more = sms.message(2, bob, "\ufffc", guid="G7")
    for name in ("clip.MOV", "memo.m4a", "page.html", "pa per.pdf"):
        sms.attach(more, f"~/Library/SMS/Attachments/a/{name}", name, "x/y")
    sms.close()
    place = os.path.join(folder, "MediaDomain/Library/SMS/Attachments/a")
    os.makedirs(place)
    with open(os.path.join(place, "b.jpg"), "wb") as file:
        file.write(b"\xff\xd8\xff picture")
    for name in ("clip.MOV", "memo.m4a", "page.html", "pa per.pdf"):
        with open(os.path.join(place, name), "wb") as file:
            file.write(name.encode())


def body(page):
    """What stands between the styles and the end of a page."""
    text = page.split("</style></head><body>\n", 1)[1]
    assert text.endswith("\n</body></html>\n"), text[-200:]
    return text[:-len("\n</body></html>\n")]


@TAP.test
def a_conversation_becomes_pages_a_month_each():
    with tempfile.TemporaryDirectory() as above:
        folder, out = os.path.join(above, "in"), os.path.join(above, "out")
        talk(folder)
        row, = asks.export(PROGRAM, folder, out, "--type", "messages", "--state", "live")["types"]
        pages = {}
        for base, _, names in os.walk(os.path.join(out, "messages")):
            for name in names:
                with open(os.path.join(base, name), "rb") as file:
                    pages[os.path.relpath(os.path.join(base, name), os.path.join(out, "messages"))] = file.read()
        same((row["exported"], row["files_written"], row["media_copied"], row["media_bytes"], row["media_not_found"]), (9, 6, 5, 11 + 8 + 8 + 9 + 10, 2))
        same(pages.pop("Peas & _Beans_/attachments/b.jpg"), b"\xff\xd8\xff picture")
        for name in ("clip.MOV", "memo.m4a", "page.html", "pa per.pdf"):
            same(pages.pop(f"Peas & _Beans_/attachments/{name}"), name.encode())
        found = {name: page.decode() for name, page in pages.items()}
        same(sorted(found), sorted(PAGES))
        for name, wanted in PAGES.items():
            same((name, body(found[name])), (name, wanted))
        whole = found["Peas & _Beans_/index.html"]
        assert whole.startswith("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\">\n") and "<title>Peas &amp; &lt;Beans&gt;</title>" in whole, whole[:900]
        assert "default-src 'none'; img-src 'self' file: data:; media-src 'self' file:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'" in whole


if __name__ == "__main__":
    sys.exit(TAP.run())
