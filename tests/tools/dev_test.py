# SPDX-License-Identifier: BSL-1.0
"""`./dev` on machines that this one is not: its PATH holds only stand-ins, which write down how they are called."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REAL = ["bash", "env", "cat", "comm", "dirname", "grep", "nproc", "paste", "readlink", "sed", "sort", "tr"]


class DevTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for name in REAL:
            (self.bin / name).symlink_to(shutil.which(name))
        # A copy: the verbs must not find, or touch, the builds of this project.
        self.clone = self.folder / "a clone"
        (self.clone / "tools").mkdir(parents=True)
        for name in ("dev", "tools/packages.txt", "CMakePresets.json"):
            shutil.copy(ROOT / name, self.clone / name)
        self.calls = self.folder / "calls"
        self.stand_in("id", "echo 1000")
        self.stand_in("cmake")
        self.stand_in("ctest", 'echo "Total Test time (real) = 1 sec"')
        self.installed("all")

    def stand_in(self, name, body="true"):
        file = self.bin / name
        file.write_text(f'#!{shutil.which("bash")}\necho "{name} $*" >> "{self.calls}"\n{body}\n')
        file.chmod(0o755)

    def installed(self, which, but=""):
        """The stand-in for dpkg-query has all packages, or none, or all but one."""
        body = "exit 1" if which == "none" else (
            'for name in "${@:3}"; do '
            f'if [[ $name == "{but}" ]]; then echo "no packages found" >&2; else echo "installed $name"; fi; done'
            f'\n[[ -z "{but}" ]]')
        self.stand_in("dpkg-query", body)

    def dev(self, *arguments):
        done = subprocess.run([self.clone / "dev", *arguments], cwd=self.folder, env={"PATH": str(self.bin)},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def called(self, name):
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line for line in lines if line.split()[0] == name]

    def test_alone_it_lists_the_verbs(self):
        status, out, _ = self.dev()
        self.assertEqual(status, 0)
        for verb in ("run", "test", "build", "check", "asan", "tsan", "bench", "install", "format"):
            self.assertIn(f"./dev {verb}", out)

    def test_an_unknown_verb_is_refused(self):
        status, out, err = self.dev("fly")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("no verb 'fly'", err)

    def test_with_every_package_there_it_never_calls_apt(self):
        self.stand_in("apt-get")
        self.stand_in("sudo")
        status, out, err = self.dev("test")
        self.assertEqual(status, 0, err)
        self.assertEqual(self.called("apt-get") + self.called("sudo"), [])
        self.assertEqual(out.splitlines()[-1], "Total Test time (real) = 1 sec")

    def test_without_rights_it_prints_the_one_apt_line_that_is_missing(self):
        self.installed("all", but="liburing-dev")
        self.stand_in("apt-get")
        for sudo in (None, "exit 1"):
            if sudo:
                self.stand_in("sudo", sudo)
            for verb in ("run", "test"):
                status, out, _ = self.dev(verb)
                self.assertEqual(status, 1)
                self.assertEqual(
                    out, "apt-get update && apt-get install -y --no-install-recommends liburing-dev\n")
        self.assertEqual(self.called("apt-get") + self.called("cmake"), [])

    def test_on_a_machine_with_nothing_it_names_all_packages_of_the_verb(self):
        self.installed("none")
        _, out, _ = self.dev("test")
        for package in ("g++-12", "cmake", "ninja-build", "libgtest-dev", "libssl-dev"):
            self.assertIn(f" {package}", out)
        self.assertNotIn("clang", out)

    def test_root_installs_what_is_missing_and_goes_on(self):
        self.installed("all", but="libgtest-dev")
        self.stand_in("id", "echo 0")
        self.stand_in("apt-get")
        status, out, err = self.dev("test")
        self.assertEqual(status, 0, err)
        self.assertTrue(self.called("apt-get")[0].startswith("apt-get update"))
        self.assertTrue(self.called("apt-get")[1].startswith("apt-get install -y --no-install-recommends libgtest-dev"))
        self.assertEqual(out.splitlines()[-1], "Total Test time (real) = 1 sec")

    def test_a_user_with_sudo_installs_through_it(self):
        self.installed("all", but="libgtest-dev")
        self.stand_in("apt-get")
        self.stand_in("sudo", '[[ $1 == -n ]] || "$@"')
        status, _, err = self.dev("test")
        self.assertEqual(status, 0, err)
        self.assertEqual(len(self.called("apt-get")), 2)

    def test_when_apt_fails_it_prints_the_line_and_fails(self):
        self.installed("all", but="libgtest-dev")
        self.stand_in("id", "echo 0")
        self.stand_in("apt-get", "exit 100")
        status, out, _ = self.dev("test")
        self.assertEqual(status, 1)
        self.assertEqual(out, "apt-get update && apt-get install -y --no-install-recommends libgtest-dev\n")

    def test_a_build_that_is_configured_is_not_configured_again(self):
        presets = self.clone / "CMakePresets.json"
        os.utime(presets, (1, 1))
        self.dev("test")
        self.assertEqual(self.called("cmake")[0], "cmake --preset debug")
        build = self.clone / "build/debug"
        build.mkdir(parents=True)
        (build / "build.ninja").touch()
        self.calls.unlink()
        self.dev("test")
        self.assertEqual([line.split()[1] for line in self.called("cmake")], ["--build"])
        os.utime(presets)
        os.utime(build / "build.ninja", (2, 2))
        self.calls.unlink()
        self.dev("test")
        self.assertEqual(self.called("cmake")[0], "cmake --preset debug")

    def test_a_preset_a_word_and_options_reach_ctest(self):
        self.dev("test", "clang-release", "Lock", "--repeat", "until-fail:2")
        self.assertIn("build/clang-release", self.called("ctest")[0])
        self.assertTrue(self.called("ctest")[0].endswith("-R Lock --repeat until-fail:2"))

    def test_failing_tests_and_builds_fail_the_verb(self):
        self.stand_in("ctest", "exit 8")
        self.assertEqual(self.dev("test")[0], 8)
        self.stand_in("cmake", "exit 1")
        self.calls.unlink()
        self.assertNotEqual(self.dev("test")[0], 0)
        self.assertEqual(self.called("ctest"), [])


if __name__ == "__main__":
    unittest.main()
