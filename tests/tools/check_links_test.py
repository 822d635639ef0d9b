# SPDX-License-Identifier: BSL-1.0
import unittest

import checker


class CheckLinksTest(checker.CheckerTest):
    checker = "check_links"

    def test_links_that_lead_somewhere_pass(self):
        self.write("docs/waiting.md", "# How it ends\n\n[up](../README.md) [here](#how-it-ends)\n")
        self.write("README.md",
                   "[a](docs/waiting.md) [b](docs/waiting.md#how-it-ends)\n[c](docs) [d](https://x.org/y)\n")
        self.assert_clean()

    def test_a_missing_file_is_found(self):
        self.write("README.md", "text\n\nsee [a](docs/waiting.md) and ![picture](picture.svg)\n")
        self.assert_found("README.md:3: docs/waiting.md: there is no such file",
                          "README.md:3: picture.svg: there is no such file")

    def test_a_missing_heading_is_found(self):
        self.write("README.md", "# State\n\n[a](#sate)\n")
        self.assert_found("README.md:3: #sate: there is no such heading")

    def test_code_holds_no_links(self):
        self.write("README.md", "```cpp\nauto f = [](int) {};\n```\nand `[](x)` too\n")
        self.assert_clean()


if __name__ == "__main__":
    unittest.main()
