# SPDX-License-Identifier: BSL-1.0
"""Clients that err, and clients that mean harm."""
import time

from harness import Client, Server, ask, check, expect_status, status_of

GET = "GET /hello.txt HTTP/1.1\r\nHost: x\r\n"
CLOSE = GET + "Connection: close\r\n"


@check
def bad_requests(s):
    """what is not HTTP/1.x, or not known, gets the right status, and the connection ends"""
    for request, code in (
            ("rubbish", 400), ("GET  / HTTP/1.1", 400), ("GET / HTTP/1.1", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b", 400),
            ("GET / HTTP/1.1\r\nHost : x", 400), ("GET / HTTP/1.1\r\nHost: x\r\nBad\x01: y", 400),
            ("GET / HTTP/1.1\r\nHost: x\r\nA: b\0c", 400), ("GET / HTTP/2.0\r\nHost: x", 505), ("GET / FTP/1.1\r\nHost: x", 400),
            ("PRI * HTTP/2.0", 505), ("GET hello.txt HTTP/1.1\r\nHost: x\r\nConnection: close", 400),
            ("BREW / HTTP/1.1\r\nHost: x\r\nConnection: close", 501), ("DELETE / HTTP/1.1\r\nHost: x\r\nConnection: close", 405),
            ("CONNECT x:1 HTTP/1.1\r\nHost: x\r\nConnection: close", 400), (CLOSE + "Expect: a miracle", 417),
            ("GET /none HTTP/1.1\r\nHost: x\r\nConnection: close", 404)):
        expect_status(s.server, request, code)
    assert status_of(ask(s.server, "GET / HTTP/1.1\nHost: x\n\n", mark="\n\n")) == 400
    assert b"Allow: GET, HEAD\r\n" in ask(s.server, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0")


@check
def large_heads(s):
    """a huge line is 414, a huge header and very many of them are 431"""
    expect_status(s.server, "GET /" + "a" * 40000 + " HTTP/1.1\r\nHost: x", 414)
    expect_status(s.server, GET + "A: " + "b" * 40000, 431)
    expect_status(s.server, GET + "".join(f"H{i}: x\r\n" for i in range(4000)) + "A: b", 431)


@check
def large_bodies(s):
    """a body beyond the limit is 413, by its length and by its chunks"""
    put = "PUT /up/echo HTTP/1.1\r\nHost: x\r\n"
    expect_status(s.server, put + "Content-Length: 99999999999\r\n\r\n", 413)
    assert status_of(ask(s.server, put + "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n")) == 413
    expect_status(s.server, put + "Content-Length: 99999999999999999999999\r\n\r\n", 400)
    expect_status(s.server, put + "Content-Length: -1\r\n\r\n", 400)


@check
def smuggling(s):
    """a body whose length is ambiguous is refused, and nothing after it is taken for a request"""
    before = len(s.upstream.seen)
    inner = "0\r\n\r\nGET /up/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    post = "POST /up/echo HTTP/1.1\r\nHost: x\r\n"
    for fields, code in (("Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
                         ("Transfer-Encoding: chunked\r\nContent-Length: 5", 400),
                         ("Content-Length: 5\r\nContent-Length: 6", 400), ("Content-Length: 5\r\nContent-Length: 5", 400),
                         ("Content-Length: 5, 5", 400), ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
                         ("Transfer-Encoding: gzip, chunked", 501), ("Transfer-Encoding: xchunked", 501),
                         ("Transfer-Encoding: chunked, identity", 501), ("Transfer-Encoding : chunked", 400),
                         ("Transfer-Encoding\t: chunked", 400), ("Content-Length: 0x5", 400), ("Content-Length: +5", 400)):
        answer = ask(s.server, f"{post}{fields}\r\n\r\n{inner}")
        assert status_of(answer) == code, (fields, answer[:200])
        assert answer.count(b"HTTP/1.1 ") == 1, fields
    for body in ("5 \r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "-5\r\nhello\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "g\r\n", "\r\n",
                 "fffffffffffffffff\r\n", "5" * 30000):
        with Client(s.server) as client:
            client.send(f"{post}Transfer-Encoding: chunked\r\n\r\n{body}").socket.shutdown(1)
            answer = client.all()
        assert answer == b"" or status_of(answer) in (400, 413), (body[:20], answer[:200])
        assert answer.count(b"HTTP/1.1 ") <= 1, body
    assert not any("smuggled" in line for line in s.upstream.seen[before:])


@check
def traversal(s):
    """no path leads out of the root, in whatever way it is written, and no link does"""
    for path, codes in (("/../secret", [400]), ("/sub/../../secret", [400]), ("/%2e%2e/secret", [400]),
                        ("/%2E%2e%2fsecret", [400]), ("/sub%2f..%2f..%2fsecret", [400]), ("/..%5csecret", [404]),
                        ("/hello.txt%00.html", [400]), ("/%", [400]), ("/%zz", [400]), ("//../secret", [400]),
                        ("/out", [403]), ("/out-folder/secret", [403]), ("/proc-link", [403]), ("/.hidden", [404]),
                        ("/%2ehidden", [404]), ("/fifo", [403]), ("http://x/../secret", [400]), ("/sub/../hello.txt", [400])):
        answer = ask(s.server, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
        assert b"the secret" not in answer
        assert status_of(answer) in codes, (path, answer[:60])
    for path in ("/in", "//hello.txt", "/./hello.txt", "/h%65llo.txt", "http://any/hello.txt"):
        assert ask(s.server, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n").endswith(b"world\n"), path
    assert b"Location: /sub/\r\n" in ask(s.server, "GET //sub HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
    for path in ("/up/../secret", "/up/%2e%2e/secret", "/up/..%2fsecret", "/up/%2e.%5csecret"):
        expect_status(s.server, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", 400)


@check
def byte_by_byte(s):
    """requests that come byte by byte are answered as others"""
    with Client(s.server) as client:
        for byte in "\r\n" + GET + "\r\n" + "POST /up/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" \
                "3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: t\r\n\r\n" + CLOSE + "\r\n":
            client.send(byte)
        assert client.answer()[2] == b"Hello, world\n"
        assert client.answer()[2] == b"abcd"
        assert client.answer()[2] == b"Hello, world\n"
        assert client.all() == b""


@check
def half_close(s):
    """a client that shuts its side down gets its answers; one that leaves within a head or a body gets 400 or nothing"""
    with Client(s.server) as client:
        client.send(GET + "\r\n" + GET + "\r\n")
        client.socket.shutdown(1)
        assert client.answer()[0] == client.answer()[0] == 200
        assert client.all() == b""
    for part in ("GET /hel", "POST /up/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
                 "POST /up/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"):
        with Client(s.server) as client:
            client.send(part)
            client.socket.shutdown(1)
            assert status_of(client.all()) == 400


@check
def resets(s):
    """RST at any moment, also within bodies of both ways, costs no descriptor and no other client"""
    before = s.server.descriptors()
    for start in ("", "GET /hel", GET + "\r\n", "GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n",
                  "GET /up/large HTTP/1.1\r\nHost: x\r\n\r\n", "GET /up/later HTTP/1.1\r\nHost: x\r\n\r\n",
                  "PUT /up/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"):
        for wait in (0, 0.01, 0.03):
            client = Client(s.server, receive_buffer=4096).send(start)
            time.sleep(wait)
            client.reset()
    expect_status(s.server, CLOSE, 200)
    s.server.descriptors_become(before)


@check
def slow_clients(s):
    """slow heads and slow bodies are cut off by 408, idle ones silently, and those that never read too"""
    before = s.strict.descriptors()
    begin = time.monotonic()
    idle, silent = Client(s.strict), Client(s.strict).send(GET + "\r\n")
    never_reads = Client(s.strict, receive_buffer=2048).send("GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    never_reads_proxy = Client(s.strict, receive_buffer=2048).send("GET /up/large HTTP/1.1\r\nHost: x\r\n\r\n")
    loris = [Client(s.strict).send("GET / HTTP/1.1\r\n") for _ in range(50)]
    body = Client(s.strict).send("PUT /up/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    posted = Client(s.strict).send("POST /hello.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(20):
        time.sleep(0.05)
        try:
            for client in (*loris, body, posted):
                client.send("X")
        except OSError:
            break
    for client in loris:
        answer = client.all()  # or lost, by the RST for what it sent after its end
        assert answer == b"" or status_of(answer) == 408
    assert b"HTTP/1.1 408" in body.all() or not body.rest
    assert status_of(posted.all()) == 405
    assert idle.all() == b""
    assert silent.answer()[0] == 200 and silent.all() == b""
    s.strict.descriptors_become(before)
    assert time.monotonic() - begin < 8
    for client in (never_reads, never_reads_proxy, idle, silent, body, posted, *loris):
        client.socket.close()


@check
def connection_limit(s):
    """above --max-connections others wait until there is room"""
    with Server(s.program, "--root", s.root, "--max-connections", 2) as server:
        first, second, third = (Client(server) for _ in range(3))
        for client in (first, second, third):
            client.send(GET + "\r\n")
        assert first.answer()[0] == second.answer()[0] == 200
        third.socket.settimeout(0.2)
        try:
            third.socket.recv(1)
            raise AssertionError("a third connection was served")
        except TimeoutError:
            third.socket.settimeout(10)
        first.socket.close()
        assert third.answer()[0] == 200
        second.socket.close()
        third.socket.close()
