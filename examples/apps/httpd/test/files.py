# SPDX-License-Identifier: BSL-1.0
"""Files: what a browser and curl ask for."""
import re
import shutil
import subprocess

from harness import Client, Skip, Server, ask, check, curl, expect_status, run


@check
def curl_gets_files(s):
    """curl gets an index, a file, a large file, and types; a folder without its slash is redirected"""
    assert curl(s.server.url + "/") == "<title>A page</title><p>It loads.</p>\n"
    assert curl(s.server.url + "/hello.txt") == "Hello, world\n"
    curl("-o", s.folder / "got", s.server.url + "/large.bin")
    assert (s.folder / "got").read_bytes() == (s.root / "large.bin").read_bytes()
    assert curl("-o", "/dev/null", "-w", "%{content_type}", s.server.url + "/hello.txt").startswith("text/plain")
    assert curl("-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", s.server.url + "/sub?x=1") == \
        f"301 {s.server.url}/sub/?x=1"
    assert curl("-L", s.server.url + "/sub") == "below\n"
    assert curl(s.server.url + "/with%20space.txt") == "space\n"
    assert curl(s.server.url + "/empty.txt") == ""


@check
def curl_head(s):
    """HEAD has the length and no body, and the connection goes on"""
    with Client(s.server) as client:
        client.send("HEAD /hello.txt HTTP/1.1\r\nHost: x\r\n\r\nGET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        status, fields, _ = client.answer(head_only=True)
        assert (status, fields["content-length"]) == (200, "13")
        assert client.answer()[2] == b"Hello, world\n"


@check
def conditions(s):
    """ETag and Last-Modified bring 304 and 412; another tag brings the file"""
    head = curl("-I", s.server.url + "/hello.txt")
    tag = re.search(r"ETag: (\S+)", head)[1]
    date = re.search(r"Last-Modified: (.*GMT)", head)[1]
    for header, code in ((f"If-None-Match: {tag}", 304), (f'If-None-Match: "no", W/{tag}', 304),
                         ('If-None-Match: "no"', 200), (f"If-Modified-Since: {date}", 304),
                         ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 200), ("If-Modified-Since: rubbish", 200),
                         ('If-Match: "no"', 412), (f"If-Match: {tag}", 200),
                         ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 412)):
        expect_status(s.server, f"GET /hello.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}", code)


@check
def ranges(s):
    """single, open and suffix ranges; 416; several ranges and rubbish bring the whole; If-Range"""
    def get(value, more=""):
        with Client(s.server) as client:
            client.send(f"GET /hello.txt HTTP/1.1\r\nHost: x\r\nRange: {value}\r\n{more}\r\n")
            status, fields, body = client.answer()
            return status, fields.get("content-range"), body
    whole = b"Hello, world\n"
    assert get("bytes=0-4") == (206, "bytes 0-4/13", b"Hello")
    assert get("bytes=7-") == (206, "bytes 7-12/13", b"world\n")
    assert get("bytes=-6") == (206, "bytes 7-12/13", b"world\n")
    assert get("bytes=-100") == (206, "bytes 0-12/13", whole)
    assert get("bytes=12-99999999999999999999999") == (206, "bytes 12-12/13", b"\n")
    assert get("bytes=13-") == (416, "bytes */13", b"")
    assert get("bytes=-0") == (416, "bytes */13", b"")
    for value in ("bytes=0-1,3-4", "bytes=4-1", "bytes=a-b", "lines=0-4", "bytes=", "bytes=--5", "bytes=+1-2"):
        assert get(value) == (200, None, whole), value
    assert get("bytes=0-4", 'If-Range: "no"\r\n') == (200, None, whole)
    large = (s.root / "large.bin").read_bytes()
    assert run("curl", "-s", "-r", "1000000-1999999", "-o", s.folder / "part", s.server.url + "/large.bin") == ""
    assert (s.folder / "part").read_bytes() == large[1000000:2000000]


@check
def keep_alive_and_pipelining(s):
    """connections are kept (curl reuses one; HTTP/1.0 by request), and 200 pipelined requests are answered in order"""
    trace = subprocess.run(["curl", "-sv", s.server.url + "/hello.txt", s.server.url + "/hello.txt"],
                           capture_output=True, text=True, timeout=10, check=True)
    assert "Re-using existing connection" in trace.stderr
    with Client(s.server) as client:
        for _ in range(2):
            assert client.send("GET /hello.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").answer()[0] == 200
        assert client.send("GET /hello.txt HTTP/1.0\r\n\r\n").all().endswith(b"world\n")
    with Client(s.server) as client:
        client.send("".join(f"GET /{'hello.txt' if i % 2 else 'none'} HTTP/1.1\r\nHost: x\r\n\r\n" for i in range(200)))
        assert [client.answer()[0] for _ in range(200)] == [404, 200] * 100


@check
def wrk_load(s):
    """wrk gets nothing but answers 200, over kept connections, on one loop and on several"""
    for server in (s.server, s.strict):
        report = run("wrk", "-t1", "-c32", "-d1", server.url + "/hello.txt")
        assert int(re.search(r"(\d+) requests in", report)[1]) > 100, report
        assert "Non-2xx" not in report and "Socket errors" not in report, report


@check
def tls(s):
    """curl speaks TLS with it, with an authority of ours, over large files too; without that authority it refuses"""
    key, cert = s.folder / "key.pem", s.folder / "cert.pem"
    ca, ca_key, request = s.folder / "ca.pem", s.folder / "ca-key.pem", s.folder / "request.pem"
    (s.folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    new = ("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj")
    run(*new, "/CN=test authority", "-x509", "-days", "2", "-keyout", ca_key, "-out", ca)
    run(*new, "/CN=localhost", "-keyout", key, "-out", request)
    run("openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
        "-extfile", s.folder / "names", "-out", cert)
    with_tls = ("--root", s.root, "--tls-cert", cert, "--tls-key", key)
    try:
        server = Server(s.program, *with_tls, scheme="https")
    except AssertionError:
        probe = subprocess.run([s.program, "--port", "0", *map(str, with_tls)], capture_output=True, text=True, check=False)
        if "without OpenSSL" in probe.stderr:
            raise Skip("httpd was built without OpenSSL") from None
        raise
    with server:
        assert curl("--cacert", ca, server.url + "/hello.txt") == "Hello, world\n"
        curl("--cacert", ca, "-o", s.folder / "got", server.url + "/large.bin")
        assert (s.folder / "got").read_bytes() == (s.root / "large.bin").read_bytes()
        assert subprocess.run(["curl", "-s", server.url], check=False, timeout=10).returncode == 60
        assert ask(server, "GET / HTTP/1.1\r\nHost: x\r\n")[:4] != b"HTTP"
        server.stop()


@check
def chromium(s):
    """a page loads in Chromium"""
    program = shutil.which("chromium")
    if not program:
        raise Skip("chromium is not installed")
    page = run(program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={s.folder}/chromium",
               "--dump-dom", s.server.url + "/", limit=60)
    assert "<title>A page</title>" in page and "It loads." in page, page
