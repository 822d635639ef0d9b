#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""run_twin PROGRAM NAME: runs the twin of lesson NAME; lessons/check.py judges what it prints, stderr after stdout.

Exit status: 0 if they agree and the program ended as the lesson does.
"""
import pathlib
import subprocess
import sys
import tempfile

ENDS_UNCAUGHT = {"21b_generator_uncaught"}


def main():
    program, name = sys.argv[1:]
    lessons = pathlib.Path(__file__).parent / "lessons"
    done = subprocess.run([program], capture_output=True)
    printed = done.stdout + done.stderr
    with tempfile.NamedTemporaryFile() as got:
        got.write(printed)
        got.flush()
        agrees = subprocess.run([sys.executable, lessons / "check.py", lessons / f"{name}.out", got.name, name])
    expected_status = 1 if name in ENDS_UNCAUGHT else 0
    if done.returncode != expected_status:
        print(f"exit status {done.returncode}, and the lesson's is {expected_status}")
    if agrees.returncode or done.returncode != expected_status:
        sys.stdout.flush()
        sys.stdout.buffer.write(b"what it printed:\n" + printed)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
