# SPDX-License-Identifier: Apache-2.0
"""A server of restic's REST interface (version 1 of restic's public description), in memory, on loopback, for tests."""
import base64
import contextlib
import http.server
import json
import threading
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_words):
        pass

    def reply(self, code, body=b"", **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refused(self):
        wanted = base64.b64encode(self.server.login.encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self.reply(401)
            return True
        return False

    def name(self):
        return urllib.parse.urlparse(self.path).path.removeprefix("/phones/")

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while (size := int(self.rfile.readline(), 16)) > 0:
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if self.refused():
            return
        if self.server.full:
            self.reply(507)
        else:
            if not self.path.endswith("create=true"):
                self.server.files[self.name()] = body
            self.reply(200)

    def do_GET(self):  # pylint: disable=invalid-name
        if self.refused():
            return
        name = self.name()
        if name.endswith("/"):
            names = [n.rpartition("/")[2] for n in self.server.files if n.startswith(name)]
            self.reply(200, json.dumps(names).encode(), Content_Type="application/vnd.x.restic.rest.v1")
            return
        if name not in self.server.files:
            self.reply(404)
            return
        data, part = self.server.files[name], self.headers.get("Range")
        if part is None:
            self.reply(200, data)
            return
        first, _, last = part.removeprefix("bytes=").partition("-")
        self.reply(206, data[int(first):int(last) + 1 if last else None])

    do_HEAD = do_GET

    def do_DELETE(self):  # pylint: disable=invalid-name
        if not self.refused():
            self.reply(200 if self.server.files.pop(self.name(), None) is not None else 404)


@contextlib.contextmanager
def serving(login="ada:hidden"):
    """Its address as restic writes it, and the server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.files, server.full, server.login = True, {}, False, login
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"rest:http://{login}@127.0.0.1:{server.server_address[1]}/phones/", server
    finally:
        server.shutdown()
        server.server_close()
