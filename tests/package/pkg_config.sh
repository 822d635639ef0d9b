#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
# pkg_config.sh COMPILER PREFIX FOLDER: builds main.cpp with nothing but what `pkg-config plait` says, and runs it.
set -eu
compiler=$1 prefix=$2 folder=$3
pc=$(find "$prefix" -name plait.pc)
mkdir -p "$folder"
export PKG_CONFIG_PATH="${pc%/*}"
# shellcheck disable=SC2046
"$compiler" -std=c++20 "$(dirname "$0")/main.cpp" -o "$folder/consumer" $(pkg-config --cflags --libs plait)
LD_LIBRARY_PATH=$(pkg-config --variable=libdir plait) "$folder/consumer"
