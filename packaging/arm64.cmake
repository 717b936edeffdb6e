# SPDX-License-Identifier: Apache-2.0
# Debian's cross compiler for arm64 with Debian's own libraries of that architecture (dpkg --add-architecture arm64):
#   cmake --preset release -B build/arm64 --toolchain packaging/arm64.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
