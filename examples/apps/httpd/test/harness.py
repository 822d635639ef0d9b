# SPDX-License-Identifier: BSL-1.0
"""What the checks need: the server under test as a process, raw connections, and the register of checks."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

CHECKS = []  # in the order of their definition


def check(function):
    """A check is a function of the Setting; its docstring is the sentence that it proves."""
    CHECKS.append(function)
    return function


class Skip(Exception):
    """A check can't be made here; says why."""


class Server:
    """httpd, started with these arguments on a free port, and stopped at the end of a `with`."""

    def __init__(self, program, *arguments, scheme="http"):
        self.process = subprocess.Popen(
            [program, "--port", "0", *map(str, arguments)], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"listening on (\w+)://127\.0\.0\.1:(\d+)", line)
        assert found, f"the server does not start: {line!r}"
        assert found[1] == scheme
        self.port = int(found[2])
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop(expect=None)
        self.process.stdout.close()

    def stop(self, number=signal.SIGINT, expect=0, limit=15):
        """Sends a signal; the seconds until the end."""
        begin = time.monotonic()
        self.process.send_signal(number)
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it did not end within {limit} s") from None
        assert expect is None or code == expect, f"exit code {code} and not {expect}"
        return time.monotonic() - begin

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def descriptors_become(self, wanted):
        """A connection's end is seen a little later than its client's."""
        for _ in range(300):
            if (now := self.descriptors()) <= wanted:
                return
            time.sleep(0.01)
        raise AssertionError(f"{now} descriptors are open, and {wanted} were before")


class Setting:
    """The servers that most checks share, and the folder that they serve."""

    def __init__(self, program):
        self.program = program
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="httpd-test-"))
        self.root = self.folder / "root"
        self.server = None  # patient
        self.strict = None  # with short deadlines
        self.upstream = None


class Client:
    """A raw connection."""

    def __init__(self, server, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", server.port))
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def reset(self):
        """Closes with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def all(self):
        """What comes until the end."""
        try:
            while data := self.socket.recv(65536):
                self.rest += data
        except ConnectionResetError:
            pass
        return self.rest

    def until(self, mark):
        while mark not in self.rest:
            data = self.socket.recv(65536)
            assert data, f"the connection ended: {self.rest!r}"
            self.rest += data
        head, _, self.rest = self.rest.partition(mark)
        return head + mark

    def answer(self, head_only=False):
        """The next answer with a Content-Length: its status, its headers, its body."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        size = 0 if head_only else int(fields.get("content-length", 0))
        while len(self.rest) < size:
            data = self.socket.recv(65536)
            assert data, "the connection ended in a body"
            self.rest += data
        body, self.rest = self.rest[:size], self.rest[size:]
        return int(lines[0].split()[1]), fields, body


def ask(server, request, mark="\r\n\r\n"):
    """Sends a request, with the end of its head if it has none; all that comes until the connection ends."""
    with Client(server) as client:
        return client.send(request if mark in request else request + mark).all()


def status_of(answer):
    assert answer.startswith(b"HTTP/1.1 "), f"no answer: {answer[:200]!r}"
    return int(answer.split(b" ", 2)[1])


def expect_status(server, request, wanted):
    got = status_of(ask(server, request))
    assert got == wanted, f"{request[:80]!r}: {got}, and not {wanted}"


def run(*command, limit=20):
    """A program's output."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=limit, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.returncode}: {done.stderr}"
    return done.stdout


def curl(*arguments):
    return run("curl", "--silent", "--show-error", "--max-time", "15", *arguments)
