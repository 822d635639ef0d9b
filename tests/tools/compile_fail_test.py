# SPDX-License-Identifier: BSL-1.0
"""The judge of tests/compile_fail must not be pleased by just any file."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COMPILER = next(path for path in map(shutil.which, ("g++-12", "clang++-19", "c++")) if path)


class CompileFailTest(unittest.TestCase):
    def judge(self, text, compiler_id="GNU"):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "x.cpp"
            source.write_text(text)
            done = subprocess.run(
                ["cmake", f"-DCOMPILER={COMPILER}", f"-DCOMPILER_ID={compiler_id}", f"-DINCLUDE={ROOT}/include",
                 f"-DSOURCE={source}", "-P", ROOT / "tests/compile_fail/expect_refusal.cmake"],
                capture_output=True, text=True, check=False)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def test_a_refusal_with_the_expected_words_passes(self):
        for words in ("name it first", "first; then [a", "${x} \\\\n"):
            self.assertEqual(self.judge(f'// expect: {words}\nstatic_assert(false, "{words} ...");\n'), (0, ""))

    def test_a_file_that_compiles_fails(self):
        status, text = self.judge("// expect: name it first\nint x;\n")
        self.assertNotEqual(status, 0)
        self.assertIn("compiles, and must not", text)

    def test_a_refusal_for_another_reason_fails(self):
        status, text = self.judge("// expect: name it first\nint x = ;\n")
        self.assertNotEqual(status, 0)
        self.assertIn("refused without the words", text)

    def test_a_file_that_expects_nothing_fails(self):
        status, text = self.judge("int x = ;\n")
        self.assertNotEqual(status, 0)
        self.assertIn("the first line is not", text)

    def test_a_file_for_another_compiler_is_skipped(self):
        status, text = self.judge("// expect: name it first\n// compiler: GNU\nint x;\n", compiler_id="Clang")
        self.assertEqual(status, 0)
        self.assertTrue(text.startswith("skipped:"))


if __name__ == "__main__":
    unittest.main()
