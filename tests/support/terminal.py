# SPDX-License-Identifier: Apache-2.0
"""revive before a person: a terminal whose words are read and whose questions are answered."""
import os
import pty
import select
import time

from stage import Done

RUN_SECONDS = 120


class Terminal:
    def __init__(self, scene, *words):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execve(str(scene.build / "revive"), ["revive", *map(str, words)], scene.environment(TERM="xterm"))
        self.pid, self.shown, self.read_to = pid, "", 0

    def until(self, words):
        """Reads on until these words are shown."""
        end = time.monotonic() + RUN_SECONDS
        while words not in self.shown[self.read_to:]:
            assert time.monotonic() < end, f"'{words}' was not shown in time: {self.shown[-1500:]}"
            ready, _, _ = select.select([self.fd], [], [], 1)
            try:
                data = os.read(self.fd, 4096) if ready else None
            except OSError:
                data = b""
            assert data != b"", f"'{words}' was never shown: {self.shown[-1500:]}"
            self.shown += (data or b"").decode(errors="replace")
        self.read_to = self.shown.index(words, self.read_to) + len(words)

    def type(self, words):
        os.write(self.fd, words.encode() + b"\n")

    def wanted_name(self):
        """The name that an erase wants to be typed."""
        self.until("Type \"")
        self.until("\" to go on")
        return self.shown[self.shown.rindex("Type \"") + 6:].split("\"")[0]

    def end(self):
        try:
            while data := os.read(self.fd, 4096):
                self.shown += data.decode(errors="replace")
        except OSError:
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return Done(os.waitstatus_to_exitcode(status), self.shown, "")
