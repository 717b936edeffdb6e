# SPDX-License-Identifier: Apache-2.0
"""The programs for arm64: built with Debian's cross compiler in a clean Debian, run under qemu.  With --long: a build takes a minute."""
import json
import shutil
import subprocess

from harness import TAG, Case, run

LINES = 3000
EMULATOR = "/usr/bin/qemu-aarch64-static"
PACKAGES = ("cmake ninja-build pkg-config gcc-aarch64-linux-gnu libc6-dev-arm64-cross " + " ".join(f"{name}:arm64" for name in (
    "librdkafka-dev libcurl4-openssl-dev libssl-dev libyajl-dev liblz4-dev libconfig-dev libdeflate-dev libmicrohttpd-dev libpcre2-dev "
    "libxxhash-dev zlib1g-dev libzstd-dev libsystemd-dev libcmocka-dev").split()))
TESTS = ("base_test_plain", "base_test_json", "event_test_event", "event_test_ident")   # vectors, escapes, events, ids


class Arm64(Case):
    needs_servers = False
    order = 73

    def test(self):
        if not self.options.long:
            self.figures["skipped"] = "without --long"
            return
        run("./dev", "deps", "arm64", timeout=600)
        self.root = self.dir / "root"
        run("tests/stack/new-root", str(self.root), timeout=600)
        run("sh", "-euc", f"mkdir {self.root}/src && git ls-files -z | xargs -0 cp --parents -t {self.root}/src")
        shutil.copy(EMULATOR, self.root / "usr/bin")
        self.inside("dpkg --add-architecture arm64; apt-get -q update; apt-get -qy install --no-install-recommends " + PACKAGES)
        self.inside("cd src; cmake --preset release -B build/arm64 --toolchain packaging/arm64.cmake; "
                    f"ninja -C build/arm64 sluice-shipper sluice-collector {' '.join(TESTS)}")
        for test in TESTS:
            self.inside(f"{EMULATOR} src/build/arm64/tests/{test}")
        self.lines_are_shipped()

    def inside(self, script):
        done = subprocess.run(["chroot", self.root, "sh", "-euc", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=900, check=False,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"})
        self.check(done.returncode == 0, f"{script}: exit {done.returncode}: {done.stdout[-2000:]}")
        return done.stdout

    def lines_are_shipped(self):
        (self.root / "a.log").write_text("".join(f'n=a-{n} "quoted" \\ é\n' for n in range(LINES)))
        self.inside(f"{EMULATOR} src/build/arm64/bin/sluice-shipper --once --output file --output-file /out.ndjson --state /state --http '' /a.log")
        self.check("sluice-collector" in self.inside(f"{EMULATOR} src/build/arm64/bin/sluice-collector --version"), "the collector")
        lines = [json.loads(line)["message"] for line in (self.root / "out.ndjson").read_text().splitlines()]
        numbers = [int(number) for line in lines for _, number in TAG.findall(line)]
        self.check(numbers == list(range(LINES)), f"{len(numbers)} of {LINES} lines")
        self.figures["lines"] = len(numbers)
