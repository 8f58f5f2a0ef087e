#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A logind that only hands out inhibitor locks, on the bus of DBUS_SYSTEM_BUS_ADDRESS; writes down each to FILE.

usage: fake_logind.py FILE      the lock's line is "taken WHAT WHO MODE", and "released" when its holder lets go
"""
import os
import sys

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib


class Logind(dbus.service.Object):
    @dbus.service.method("org.freedesktop.login1.Manager", in_signature="ssss", out_signature="h")
    def Inhibit(self, what, who, _why, mode):  # pylint: disable=invalid-name
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        write(f"taken {what} {who} {mode}")
        GLib.io_add_watch(ours, GLib.PRIORITY_DEFAULT, GLib.IO_HUP, released, ours)
        fd = dbus.types.UnixFd(theirs)
        os.close(theirs)
        return fd


def released(_source, _condition, ours):
    write("released")
    os.close(ours)
    return False


def write(line):
    with open(sys.argv[1], "a", encoding="utf-8") as out:
        out.write(line + "\n")


DBusGMainLoop(set_as_default=True)
bus = dbus.bus.BusConnection(os.environ["DBUS_SYSTEM_BUS_ADDRESS"])
name = dbus.service.BusName("org.freedesktop.login1", bus)
logind = Logind(name, "/org/freedesktop/login1")
write("ready")
GLib.MainLoop().run()
