// SPDX-License-Identifier: BSL-1.0
// The whole program of somebody who takes Plait into use: header and library must be of one version.
#include <plait/version.hpp>

#include <cstdio>

int main() { std::puts(PLAIT_VERSION); }
