#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
# pkg_config.sh COMPILER PREFIX FOLDER: builds main.cpp with nothing but what `pkg-config plait` says, or
# `plait-tls` where that was installed, and runs it.
set -eu
compiler=$1 prefix=$2 folder=$3
pc=$(find "$prefix" -name plait.pc)
mkdir -p "$folder"
export PKG_CONFIG_PATH="${pc%/*}"
package=plait define=
if pkg-config --exists plait-tls; then package=plait-tls define=-DWITH_TLS; fi
# shellcheck disable=SC2046,SC2086
"$compiler" -std=c++20 $define "$(dirname "$0")/main.cpp" -o "$folder/consumer" $(pkg-config --cflags --libs $package)
LD_LIBRARY_PATH=$(pkg-config --variable=libdir plait) "$folder/consumer"
