# SPDX-License-Identifier: Apache-2.0
"""A boot loader that lies: stands between revive and the virtual iPhone's USB/IP socket and changes what comes back.

Only the words of USB/IP that revive speaks are read here (kernel documentation, usbip_protocol): lists and imports pass,
each answer to a control transfer on endpoint 0 goes through a lie, which gives the bytes and the length that is claimed.
"""
import contextlib
import os
import socket
import struct
import threading

IMPORT, SUBMIT, DEVICES = 0x8003, 1, 0x0005
HEADER, RECORD, IN = 48, 312, 1
GET_DESCRIPTOR, GETENV = (0x80, 6), (0xC0, 0)
DEVICE, STRING = 1, 3


class Setup:
    def __init__(self, raw):
        self.kind, self.request, self.value, self.index, self.length = struct.unpack("<BBHHH", raw)

    def asks(self, what, descriptor=None):
        return (self.kind, self.request) == what and (descriptor is None or self.value >> 8 == descriptor)


def text(size, claimed=None):
    """A string descriptor of letters without an end."""
    return bytes([size if claimed is None else claimed, STRING]) + b"A\0" * ((size - 2) // 2)


# lie: (what is asked, the answer, the length that is claimed for it; None: the true one)
LIES = {
    "endless serial": lambda s, d: (text(254), None) if s.asks(GET_DESCRIPTOR, STRING) and s.value & 0xFF else None,
    "string longer than it is": lambda s, d: (text(4, 255), None) if s.asks(GET_DESCRIPTOR, STRING) else None,
    "string without a length": lambda s, d: (text(254, 0), None) if s.asks(GET_DESCRIPTOR, STRING) else None,
    "string of one byte": lambda s, d: (b"\xff", None) if s.asks(GET_DESCRIPTOR, STRING) else None,
    "more than was asked for": lambda s, d: (b"B" * 70000, None) if s.asks(GET_DESCRIPTOR) else None,
    "length of four thousand millions": lambda s, d: (d, 0xFFFFFFFF) if s.asks(GET_DESCRIPTOR, STRING) else None,
    "device descriptor of nothing": lambda s, d: (b"", None) if s.asks(GET_DESCRIPTOR, DEVICE) else None,
    "device descriptor of ones": lambda s, d: (b"\xff" * 18, None) if s.asks(GET_DESCRIPTOR, DEVICE) else None,
    "endless variables": lambda s, d: (b"x" * s.length, None) if s.asks(GETENV) else None,
    "variables of control characters": lambda s, d: (b"\x1b[2J\r\n\x07" * 36, None) if s.asks(GETENV) else None,
    "variables longer than asked for": lambda s, d: (b"x" * 60000, None) if s.asks(GETENV) else None,
    "variables of a negative length": lambda s, d: (d, 0x80000000) if s.asks(GETENV) else None,
    "devices without end": None,
}


def receive(link, size):
    got = b""
    while len(got) < size:
        part = link.recv(size - len(got))
        if not part:
            raise EOFError
        got += part
    return got


class Between:
    """One lie at a socket of its own, as long as the with block lasts."""

    def __init__(self, path, behind, name):
        self.path, self.behind, self.lie, self.name = str(path), str(behind), LIES[name], name
        self.told, self.links = 0, []
        self.listener = socket.socket(socket.AF_UNIX)

    def __enter__(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener.bind(self.path)
        self.listener.listen(16)
        threading.Thread(target=self.listen, daemon=True).start()
        return self

    def __exit__(self, *unused):
        self.listener.close()
        for link in self.links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        os.unlink(self.path)

    def listen(self):
        with contextlib.suppress(OSError):
            while True:
                host = self.listener.accept()[0]
                device = socket.socket(socket.AF_UNIX)
                device.connect(self.behind)
                self.links += [host, device]
                asked = {}
                for work in (self.ask, self.answer):
                    threading.Thread(target=self.run, args=(work, host, device, asked), daemon=True).start()

    @staticmethod
    def run(work, host, device, asked):
        with contextlib.suppress(OSError, EOFError, struct.error):
            work(host, device, asked)
        for link in (host, device):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def ask(host, device, asked):
        head = receive(host, 8)
        if struct.unpack(">HHI", head)[1] == IMPORT:
            head += receive(host, 32)
        device.sendall(head)
        while True:
            head = receive(host, HEADER)
            command, seq, _, way, endpoint = struct.unpack_from(">5I", head)
            length = struct.unpack_from(">I", head, 24)[0]
            if command == SUBMIT:
                asked[seq] = (way, Setup(head[40:48]) if endpoint == 0 else None)
                head += receive(host, length) if way != IN else b""
            device.sendall(head)

    def answer(self, host, device, asked):
        head = receive(device, 8)
        host.sendall(head)
        _, code, status = struct.unpack(">HHI", head)
        if code == DEVICES:
            self.list(host, device)
            return
        if status == 0:
            host.sendall(receive(device, RECORD))
        while True:
            head = receive(device, HEADER)
            seq, length = struct.unpack_from(">I", head, 4)[0], struct.unpack_from(">I", head, 24)[0]
            way, setup = asked.pop(seq, (0, None))
            data = receive(device, length) if way == IN else b""
            lie = self.lie(setup, data) if self.lie and way == IN and setup else None
            if lie is not None:
                self.told += 1
                data, claimed = lie
                head = head[:20] + struct.pack(">II", 0, len(data) if claimed is None else claimed) + head[28:]
            host.sendall(head + data)

    def list(self, host, device):
        if self.name == "devices without end":
            self.told += 1
            count = struct.unpack(">I", receive(device, 4))[0]
            record = receive(device, RECORD + 4) if count else b"\xff" * (RECORD + 4)
            host.sendall(struct.pack(">I", 0xFFFFFFFF))
            for _ in range(1 << 16):
                host.sendall(record)
            return
        while part := device.recv(65536):
            host.sendall(part)
