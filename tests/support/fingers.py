# SPDX-License-Identifier: Apache-2.0
"""Fingers on the virtual iPhone's buttons that do what the coach's events say."""
import json
import socket


def line_to_device(control, line):
    """One line to the control socket, faster than a program for each; its answer as a dictionary."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(20)
        link.connect(str(control))
        link.sendall(line.encode() + b"\n")
        answer = json.loads(link.makefile().readline())
    assert answer["ok"], (line, answer)
    return answer


class Fingers:
    """Does what each event says, at once; `slip` may do something else instead."""

    def __init__(self, control, slip=None):
        self.control, self.held, self.slip, self.events = control, set(), slip, []

    def tell(self, line):
        return line_to_device(self.control, line)

    def hold(self, wanted):
        for button in self.held - wanted:
            self.tell(f"release {button}")
        for button in wanted - self.held:
            self.tell(f"press {button}")
        self.held = wanted

    def hear(self, event):
        self.events.append(event)
        if event["event"] != "coach" or event["said"] not in ("beat", "verdict", "end"):
            return
        if self.slip and self.slip(self, event):
            return
        for button in event["tap"].split():
            self.tell(f"tap {button} 200")
        if event["step"] == "unplug":
            self.tell("unplug")
        if event["step"] == "plug":
            self.hold(set(event["hold"].split()))
            self.tell("plug")
        self.hold(set(event["hold"].split()))

    def said(self, said):
        return [e for e in self.events if e["event"] == "coach" and e["said"] == said]
