# SPDX-License-Identifier: BSL-1.0
import shutil
import unittest

import checker


class CheckFloorsTest(checker.CheckerTest):
    checker = "check_floors"

    def setUp(self):
        super().setUp()
        (self.root / "tools").mkdir()
        shutil.copy(checker.ROOT / "tools/floors.txt", self.root / "tools")

    def test_a_lower_floor_and_the_standard_library_may_be_included(self):
        self.write("include/plait/core/task.hpp",
                   "#include <coroutine>\n#include <cxxabi.h>\n#include <plait/base/time.hpp>\n")
        self.write("src/core/task.cpp", '#include <plait/core/task.hpp>\n#include "os/futex.hpp"\n#include "my.hpp"\n')
        self.write("src/core/my.hpp", "")
        self.write("include/plait/plait.hpp", "#include <plait/core/task.hpp>\n")
        self.assert_clean()

    def test_a_higher_floor_is_found(self):
        self.write("include/plait/core/task.hpp", "\n#include <plait/sched/loop.hpp>\n")
        self.assert_found("include/plait/core/task.hpp:2: `core` may not include `sched`")

    def test_a_private_header_of_a_higher_floor_is_found(self):
        self.write("src/sched/run_queue.hpp", "")
        self.write("src/core/task.cpp", '#include "sched/run_queue.hpp"\n')
        self.write("src/core/scope.cpp", '#include "../sched/run_queue.hpp"\n')
        self.assert_found("src/core/scope.cpp:1: `core` may not", "src/core/task.cpp:1: `core` may not include `sched`")

    def test_only_os_includes_headers_of_the_system(self):
        text = "#include <unistd.h>\n#  include <sys/epoll.h>\n#include <cstdio>\n"
        self.write("src/os/epoll.cpp", text)
        self.write("src/sched/loop.cpp", text)
        self.assert_found("src/sched/loop.cpp:1: `sched` may not include <unistd.h>",
                          "src/sched/loop.cpp:2: `sched` may not include <sys/epoll.h>")

    def test_only_tls_includes_headers_of_openssl(self):
        text = "#include <openssl/ssl.h>\n"
        self.write("src/tls/tls_state.cpp", text + "#include <sys/socket.h>\n")
        self.write("src/io/stream.cpp", text)
        self.assert_found("src/io/stream.cpp:1: `io` may not include <openssl/ssl.h>",
                          "src/tls/tls_state.cpp:2: `tls` may not include <sys/socket.h>")

    def test_an_umbrella_header_is_for_users_only(self):
        self.write("src/io/stream.cpp", "#include <plait/version.hpp>\n#include <plait/plait.hpp>\n")
        self.assert_found("src/io/stream.cpp:2: `io` may not include the umbrella header plait/plait.hpp")

    def test_a_folder_that_is_no_floor_is_found(self):
        self.write("src/cellar/wine.cpp", "")
        self.assert_found("src/cellar/wine.cpp:1: the floor `cellar`")


if __name__ == "__main__":
    unittest.main()
