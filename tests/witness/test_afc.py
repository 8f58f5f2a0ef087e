#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libimobiledevice's AFC client at the simulator's usbmuxd socket, once without TLS (11.2) and once with it, as services
speak since 13. What the library says is believed together with what lies in the device's folder afterwards.

usage: test_afc.py REVIVE-SIM AFC_WALK"""
import os
import sys

from phone import Tap, need, phone_on_socket

need("idevicepair")
tap = Tap()
phone = phone_on_socket(sys.argv[1], settings=["trust=yes"])
ran = phone.run("idevicepair", "pair")
tap.check("the host is trusted", "SUCCESS" in ran.text, ran)
for words, tls in (("in the clear", "no"), ("over TLS", "yes")):
    phone.ask("set", "service_tls", tls)
    ran = phone.run(sys.argv[2], phone.udid)
    for line in ran.text.splitlines():
        if line.startswith(("ok ", "not ok ")):
            tap.check("%s, %s" % (line.split(" - ", 1)[1], words), line.startswith("ok "), ran)
    tap.check("the library went through to the end, %s" % words, ran.status == 0 and "1.." in ran.text, ran)
    left = os.listdir(phone.path("scene/phone/media"))
    tap.check("nothing of it is left on the device, %s" % words, "Witness" not in left, left)
tap.end()
