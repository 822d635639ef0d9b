# SPDX-License-Identifier: BSL-1.0
import unittest

import checker


class CheckSizesTest(checker.CheckerTest):
    checker = "check_sizes"

    def test_a_file_at_its_limit_passes(self):
        self.write("include/plait/core/task.hpp", "\n" * 500)
        self.write("src/core/task.cpp", "\n" * 600)
        self.assert_clean()

    def test_a_file_over_its_limit_is_found(self):
        self.write("include/plait/core/task.hpp", "\n" * 501)
        self.write("src/core/task.cpp", "\n" * 601)
        self.write("dev", "\n" * 201)
        self.assert_found("include/plait/core/task.hpp: 501 lines", "src/core/task.cpp: 601 lines", "dev: 201 lines")


if __name__ == "__main__":
    unittest.main()
