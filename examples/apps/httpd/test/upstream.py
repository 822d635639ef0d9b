# SPDX-License-Identifier: BSL-1.0
"""The server behind the proxy: it answers as its path says."""
import http.server
import json
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = []  # the request lines of all requests

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def reply(self, body, **fields):
        self.send_response(200)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        Handler.seen.append(self.requestline)
        name = self.path.split("?")[0].rsplit("/", 1)[-1]
        getattr(self, "path_" + name, self.path_echo)()

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_any

    def path_echo(self):
        self.reply(self.body())

    def path_headers(self):
        text = json.dumps([self.requestline, *([name, value] for name, value in self.headers.items())])
        self.reply(text.encode(), X_Mine="yes", Connection="X-Secret", X_Secret="hidden", Keep_Alive="timeout=5")

    def path_chunked(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (b"one ", b"two ", b"three"):
            self.wfile.write(b"%x;ext=1\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b"0\r\nTrailer: x\r\n\r\n")

    def path_to_the_end(self):
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
        self.close_connection = True

    def path_dies(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        self.close_connection = True

    def path_nothing(self):
        self.close_connection = True

    def path_garbage(self):
        self.wfile.write(b"this is not HTTP\r\n\r\n")
        self.close_connection = True

    def path_two_lengths(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
        self.close_connection = True

    def path_early(self):
        self.wfile.write(b"HTTP/1.1 413 No\r\nContent-Length: 5\r\n\r\nearly")
        self.wfile.flush()
        time.sleep(0.2)
        self.close_connection = True

    def path_slow(self):
        time.sleep(3)
        self.close_connection = True

    def path_later(self):
        time.sleep(0.5)
        self.reply(b"later")

    def path_large(self):
        self.reply(b"x" * (8 << 20))


class Upstream(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        self.seen = Handler.seen
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_):
        pass
