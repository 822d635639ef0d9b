# SPDX-License-Identifier: BSL-1.0
"""What the tests of the checkers share: a scratch project with a few files, and a checker run on it."""
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class CheckerTest(unittest.TestCase):
    checker = ""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run_checker(self):
        done = subprocess.run([ROOT / "tools" / self.checker, self.root], capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout.splitlines()

    def assert_clean(self):
        self.assertEqual(self.run_checker(), (0, []))

    def assert_found(self, *beginnings):
        status, lines = self.run_checker()
        self.assertEqual(status, 1)
        self.assertEqual(len(lines), len(beginnings), lines)
        for line, beginning in zip(lines, beginnings):
            self.assertTrue(line.startswith(beginning), line)
