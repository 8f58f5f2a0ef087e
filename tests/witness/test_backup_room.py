#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A phone that holds more than the disk has room for: 105 after a request to make room, and nothing is left behind.

usage: test_backup_room.py REVIVE-SIM REVIVE"""
import json
import os
import sys

from backup_rig import Rig

sim, revive = sys.argv[1:3]
# Contents follow from a number and take no disk of their own: eight files of 64 TB each.
rig = Rig(sim, settings=["system=15.4", "files_size=%d" % (64 << 40)], files=8)
tap, phone = rig.tap, rig.phone
for name, leaf in (("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("HOME", "home")):
    phone.env[name] = phone.path(leaf)
phone.env.update(REVIVE_USB="usbip:UNIX:" + phone.path("usb"), REVIVE_DEADLINE_SCALE="0.2", TMPDIR=phone.folder)
ours = phone.path("ours")

ran = phone.run(revive, "backup", "create", "--to", ours, "--json", "--yes", limit=50)
result = json.loads(ran.text.splitlines()[-1])
told = rig.told()
tap.check("revive answers with the true room: the phone says 105, exit 1", ran.status == 1 and "105" in json.dumps(result),
          result, told)
tap.check("the phone asked for room to be made first", any("asks for" in text and "to be freed" in text for text in told), told)
tap.check("no byte of a person's file came", result["bytes_received"] < 100000, result)
tap.check("nothing is there under the phone's name", not os.path.exists(os.path.join(ours, phone.udid)), os.listdir(ours))
tap.end()
