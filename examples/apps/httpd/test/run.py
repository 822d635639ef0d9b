#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""run.py HTTPD [WORD]: starts the server and runs the checks, or those whose name contains WORD; each says a sentence."""
import os
import shutil
import signal
import sys
import time
import traceback

import files  # noqa: F401  (the order of these is that of the checks)
import hostile  # noqa: F401
import proxying  # noqa: F401
from harness import CHECKS, Server, Setting, Skip
from upstream import Upstream


def fill(s):
    (s.root / "sub").mkdir(parents=True)
    (s.root / "index.html").write_text("<title>A page</title><p>It loads.</p>\n")
    (s.root / "hello.txt").write_text("Hello, world\n")
    (s.root / "with space.txt").write_text("space\n")
    (s.root / "empty.txt").write_text("")
    (s.root / "large.bin").write_bytes(os.urandom(4 << 20))
    (s.root / "sub" / "index.html").write_text("below\n")
    (s.root / ".hidden").write_text("the secret\n")
    (s.folder / "secret").write_text("the secret\n")
    (s.root / "out").symlink_to("../secret")
    (s.root / "out-folder").symlink_to("..")
    (s.root / "proc-link").symlink_to("/proc/self/environ")
    (s.root / "in").symlink_to("hello.txt")
    os.mkfifo(s.root / "fifo")


def run_checks(s, word):
    failed = 0
    for function in CHECKS:
        if word not in function.__name__:
            continue
        begin = time.monotonic()
        try:
            function(s)
            said = "ok"
        except Skip as skip:
            said = f"skipped: {skip}"
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc()
            failed += 1
            said = "FAILED"
        print(f"{said:7} {time.monotonic() - begin:5.2f} s  {function.__name__}: {function.__doc__}", flush=True)
    return failed


def main():
    # A shell's `&` leaves SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    missing = [program for program in ("curl", "wrk", "openssl") if not shutil.which(program)]
    if missing:
        sys.exit(f"run.py: these are needed: {' '.join(missing)}")
    s = Setting(sys.argv[1])
    fill(s)
    s.upstream = Upstream()
    common = ("--root", s.root, "--proxy", f"/up=http://127.0.0.1:{s.upstream.port}",
              "--proxy", f"/mapped=http://127.0.0.1:{s.upstream.port}/base", "--proxy", "/nobody=http://127.0.0.1:1")
    try:
        with Server(s.program, *common, "--log", s.folder / "log", "--max-body", 8 << 20) as s.server, \
                Server(s.program, *common, "--loops", 2, "--head-timeout", 0.5, "--body-timeout", 0.5, "--idle-timeout", 1,
                       "--write-timeout", 0.5, "--upstream-timeout", 0.5, "--body-rate", 100000) as s.strict:
            before = s.server.descriptors(), s.strict.descriptors()
            failed = run_checks(s, sys.argv[2] if len(sys.argv) > 2 else "")
            # What a loop keeps open for itself (to_thread's pool, the poller) is made when it is first needed.
            s.server.descriptors_become(before[0] + 2)
            s.strict.descriptors_become(before[1] + 4)
            s.server.stop()
            s.strict.stop()
        log = (s.folder / "log").read_text()
        assert '"GET /hello.txt HTTP/1.1" 200 13 "-" "curl/' in log
        assert all(ord(c) < 127 for c in log)
    finally:
        shutil.rmtree(s.folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
