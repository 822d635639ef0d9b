# SPDX-License-Identifier: BSL-1.0
"""The reverse proxy."""
import json
import time

from harness import Client, Server, ask, check, curl, expect_status, status_of


@check
def bodies_both_ways(s):
    """bodies pass both ways, by length and by chunks, large ones too, and the connection is kept"""
    large = s.root / "large.bin"
    for how in ("-T", "chunked"):
        extra = ("-H", "Transfer-Encoding: chunked", "-T") if how == "chunked" else ("-T",)
        curl("-o", s.folder / "back", *extra, large, s.server.url + "/up/echo")
        assert (s.folder / "back").read_bytes() == large.read_bytes(), how
    assert curl("-d", "a body", s.server.url + "/up/echo") == "a body"
    assert curl(s.server.url + "/up/chunked", s.server.url + "/up/chunked") == "one two three" * 2
    assert curl(s.server.url + "/up/to_the_end") == "until the end"
    assert curl("-0", s.server.url + "/up/chunked") == "one two three"
    assert len(curl(s.server.url + "/up/large")) == 8 << 20
    assert "Content-Length: 8388608" in curl("-I", s.server.url + "/up/large")


@check
def headers(s):
    """hop-by-hop headers stay here, the rest passes, and the path is kept or mapped"""
    with Client(s.server) as client:
        client.send("GET /up/headers?q=1 HTTP/1.1\r\nHost: me\r\nConnection: keep-alive, X-Hop, Host\r\nX-Hop: 1\r\nTE: trailers\r\n"
                    "Upgrade: h2c\r\nX-Forwarded-For: 10.0.0.1\r\nProxy-Authorization: no\r\nAccept: a\r\n\r\n")
        status, fields, body = client.answer()
    line, *got = json.loads(body)
    names = {name.lower(): value for name, value in got}
    assert status == 200 and line == "GET /up/headers?q=1 HTTP/1.1"
    assert names["host"] == "me" and names["accept"] == "a" and names["x-forwarded-for"] == "10.0.0.1, 127.0.0.1"
    assert not {"x-hop", "te", "upgrade", "proxy-authorization", "keep-alive"} & set(names)
    assert names["connection"] == "close" and names["via"] and names["x-forwarded-proto"] == "http"
    assert fields["x-mine"] == "yes" and not {"x-secret", "keep-alive", "connection"} & set(fields)
    assert json.loads(curl(s.server.url + "/mapped/headers"))[0] == "GET /base/headers HTTP/1.1"
    expect_status(s.server, "GET /upper HTTP/1.1\r\nHost: x\r\nConnection: close", 404)


@check
def expect_continue(s):
    """100 Continue is sent when the body is wanted"""
    with Client(s.server) as client:
        client.send("PUT /up/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.send("body").answer()[2] == b"body"


@check
def failing_upstreams(s):
    """an upstream that refuses, ends, lies or says rubbish is 502, one that is slow 504; an answer that breaks off shows"""
    for name, code in (("nothing", 502), ("garbage", 502), ("two_lengths", 502)):
        expect_status(s.server, f"GET /up/{name} HTTP/1.1\r\nHost: x\r\nConnection: close", code)
    expect_status(s.server, "GET /nobody/x HTTP/1.1\r\nHost: x\r\nConnection: close", 502)
    expect_status(s.strict, "GET /up/slow HTTP/1.1\r\nHost: x\r\nConnection: close", 504)
    answer = ask(s.server, "GET /up/dies HTTP/1.1\r\nHost: x\r\n")
    assert status_of(answer) == 200 and answer.endswith(b"\r\n\r\nhalf")
    with Client(s.server) as client:
        client.send("PUT /up/early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nsome")
        status, _, body = client.answer()
        assert (status, body) == (413, b"early")


@check
def back_pressure(s):
    """a client that does not read makes the upstream wait: the server's memory does not grow by what waits"""
    def resident():
        with open(f"/proc/{s.server.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * 4096
    clients = [Client(s.server, receive_buffer=4096) for _ in range(16)]
    before = resident()
    for client in clients:
        client.send("GET /up/large HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.5)
    grown = resident() - before
    assert grown < (24 << 20), f"{grown} bytes for 16 answers of 8 MiB"
    for client in clients:
        client.reset()


@check
def graceful_stop(s):
    """Ctrl-C ends idle connections at once, lets what is in flight end, and the exit code is 0"""
    with Server(s.program, "--root", s.root, "--proxy", f"/up=http://127.0.0.1:{s.upstream.port}", "--grace", 10) as server:
        idle = [Client(server) for _ in range(20)]
        idle[0].send("GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n").answer()
        busy = Client(server).send("GET /up/later HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.1)
        took = server.stop(expect=0)
        assert took < 5, took
        status, fields, body = busy.answer()
        assert (status, body) == (200, b"later")
        assert all(client.all() == b"" for client in idle)


@check
def stop_with_stubborn_clients(s):
    """what is in flight after the grace is cut off, and the exit code is 3; a second Ctrl-C does so at once"""
    options = ("--root", s.root, "--proxy", f"/up=http://127.0.0.1:{s.upstream.port}", "--loops", 2)
    for grace, twice in ((0.3, False), (30, True)):
        with Server(s.program, *options, "--grace", grace) as server:
            reader = Client(server, receive_buffer=2048).send("GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
            slow = Client(server).send("GET /up/slow HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.2)
            if twice:
                server.process.send_signal(2)
                time.sleep(0.2)
                assert server.process.poll() is None
            assert server.stop(expect=3, limit=8) < 5
            reader.socket.close()
            assert slow.all() == b""
            slow.socket.close()
