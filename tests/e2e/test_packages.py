# SPDX-License-Identifier: Apache-2.0
"""The Debian packages in a clean Debian: installed, run as their own users, upgraded with positions kept, removed."""
import os
import re
import subprocess

from harness import KAFKA, ROOT, TAG, Case, run

UPGRADE = "0.9.9"
LINES = 1000


class Packages(Case):
    order = 40
    patient = True

    def test(self):
        self.topic_name, self.out = self.topic(), self.dir / "shipped"
        run("./dev", "deps", "deploy", timeout=600)
        self.units_are_safe()
        self.packages = self.dir / "packages"
        self.build_packages()
        self.root = self.dir / "root"
        run("tests/stack/new-root", str(self.root), timeout=600)
        self.install()
        self.write(0)
        self.ship()
        self.upgrade()
        self.rotate()
        self.write(LINES)
        self.ship()
        self.every_line_came_once()
        self.remove()

    def units_are_safe(self):
        for unit in sorted((ROOT / "packaging").glob("*.service")):
            run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(unit))

    def build_packages(self):
        run("./dev", "package", timeout=600)
        run("./dev", "package", UPGRADE, timeout=600)
        self.packages.mkdir()
        for path in (ROOT / "build/packages").glob("*.deb"):
            os.link(path, self.packages / path.name)
        names = sorted(p.name.split("_")[0] for p in self.packages.iterdir())
        self.check(names == ["sluice-collector", "sluice-collector", "sluice-shipper", "sluice-shipper"], str(names))

    # --- in the root ---

    def inside(self, *command, user=None):
        done = subprocess.run(["chroot", *([f"--userspec={user}:{user}"] if user else []), self.root, *command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=300, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                                                "DEBIAN_FRONTEND": "noninteractive"})
        self.check(done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}: {done.stdout[-2000:]}")
        return done.stdout

    def put_in(self, version):
        names = []
        for path in self.packages.glob(f"*_{version}_*.deb"):
            (self.root / path.name).write_bytes(path.read_bytes())
            names.append(f"./{path.name}")
        self.check(len(names) == 2, f"packages of version {version}: {names}")
        self.inside("apt-get", "install", "-qy", "--no-install-recommends", *names)
        for name in names:
            (self.root / name).unlink()

    def install(self):
        self.inside("apt-get", "-q", "update")
        version = re.search(r"VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text().split("project(")[1])[1]
        self.put_in(version)
        for program, config in (("sluice-shipper", "shipper.cfg"), ("sluice-collector", "collector.cfg")):
            seen = self.inside("stat", "-c", "%U:%G %a", f"/etc/sluice/{config}", f"/var/lib/{program}").split("\n")
            self.check(seen[:2] == [f"root:{program} 640", f"{program}:{program} 700"], f"{program}: {seen}")
            self.check(version in self.inside(program, "--version"), program)
        # What an administrator does first; the upgrade must not undo it.
        config = self.root / "etc/sluice/shipper.cfg"
        config.write_text(config.read_text().replace("localhost:9092", KAFKA).replace('"logs"', f'"{self.topic_name}"')
                          .replace("/var/log/*.log", "/var/log/shop/*.log").replace("127.0.0.1:9600", "127.0.0.1:0"))
        (self.root / "var/log/shop").mkdir()

    def write(self, first):
        with open(self.root / "var/log/shop/a.log", "a", encoding="ascii") as log:
            log.writelines(f"n=a-{n} a line of the shop\n" for n in range(first, first + LINES))

    def ship(self):
        self.inside("/usr/bin/sluice-shipper", "run", "--once", user="sluice-shipper")

    def upgrade(self):
        before = (self.root / "etc/sluice/shipper.cfg").read_text()
        self.put_in(UPGRADE)
        self.check((self.root / "etc/sluice/shipper.cfg").read_text() == before, "the upgrade has changed the configuration")

    def rotate(self):
        """By the example that the package holds, with this machine's user in place of the shop's."""
        text = (self.root / "usr/share/doc/sluice-shipper/logrotate.example").read_text()
        text = re.sub(r"\s+sharedscripts.*?endscript", "", text, flags=re.S)
        text = text.replace("/var/log/shop", str(self.root / "var/log/shop")).replace("shop adm", "root root")
        text = text.replace("0640 root", "0644 root")
        conf = self.dir / "logrotate.conf"
        conf.write_text(text)
        conf.chmod(0o644)
        run("logrotate", "--force", "--state", str(self.dir / "logrotate.state"), str(conf))
        self.check((self.root / "var/log/shop/a.log.1").exists(), "logrotate has not rotated")

    def every_line_came_once(self):
        index = self.index()
        self.collector(self.topic_name, index).run_once()
        tags = [tag for _, source in index.documents() for tag in TAG.findall(source["message"])]
        self.figures["lines"] = len(tags)
        self.check(sorted(int(n) for _, n in tags) == list(range(2 * LINES)), f"{len(tags)} lines, {len(set(tags))} different")

    def remove(self):
        self.inside("apt-get", "remove", "-qy", "sluice-shipper", "sluice-collector")
        left = self.inside("find", "/etc", "/usr", "/var/lib", "/lib", "-path", "*sluice*", "-not", "-path", "/var/lib/dpkg/*")
        strange = [p for p in left.split() if not re.match(r"/etc/sluice(/(shipper|collector)\.cfg)?$|/var/lib/sluice-", p)]
        self.check("/var/lib/sluice-shipper/checkpoint" in left and not strange, f"after remove: {left}")
        self.inside("apt-get", "purge", "-qy", "sluice-shipper", "sluice-collector")
        left = self.inside("find", "/etc", "/usr", "/var/lib", "/lib", "-path", "*sluice*")
        self.check(not left, f"after purge: {left}")
        self.check("sluice" not in (self.root / "etc/passwd").read_text(), "after purge: the users are there")
