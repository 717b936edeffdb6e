# SPDX-License-Identifier: Apache-2.0
"""The images, built as docker/Dockerfile says, and their programs run as a container engine would run them: process 1 of its
namespace, the image's user, a root that is read-only, one folder for the state.  With --long: a build takes minutes."""
import json
import os
import pathlib
import signal
import subprocess
import time

from harness import ELASTICSEARCH, KAFKA, ROOT, Case, Tally, run

BASE = "localhost/sluice-debian:bookworm"
OWN_FILES_MAX = 2 << 20


class Image:
    def __init__(self, case, target):
        self.case, self.target = case, target
        self.tag = f"localhost/{case.unique}-{target}"
        run("buildah", "bud", "--isolation", "chroot", "--network", "host", "--layers", "--format", "docker", "--build-arg",
            f"DEBIAN={BASE}", "-f", "docker/Dockerfile", "--target", target, "-t", self.tag, str(case.tree), timeout=1800)
        self.container = run("buildah", "from", self.tag).strip()
        self.root = pathlib.Path(run("buildah", "mount", self.container).strip())
        config = json.loads(run("buildah", "inspect", "--type", "image", self.tag))["Docker"]["config"]
        self.user, self.entrypoint = config["User"], config["Entrypoint"]
        self.health = config["Healthcheck"]["Test"][1:]
        self.state = case.dir / f"{target}.state"
        self.state.mkdir()
        os.chown(self.state, *map(int, self.user.split(":")))

    def command(self, words, binds=()):
        """In namespaces of its own; binds: (folder, its place in the image)."""
        volume = f"var/lib/sluice-{self.target.removesuffix('-debug')}"
        script = ['mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"']
        for source, place in ((self.state, volume), *binds):
            script.append(f"mount --bind {source} {self.root}/{place}")
        script.append(f"root=$1; shift; exec chroot --userspec={self.user} $root \"$@\"")
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", "; ".join(script), "-", self.root, *words]

    def start(self, arguments, environment, binds=()):
        log = open(self.case.dir / f"{self.target}.log", "ab")
        return subprocess.Popen(self.command([*self.entrypoint, *arguments], binds), env={"PATH": os.environ["PATH"], **environment},
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def healthy(self, environment):
        done = subprocess.run(self.command(self.health), env={"PATH": os.environ["PATH"], **environment},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode == 0

    def drop(self):
        run("buildah", "rm", self.container)
        run("buildah", "rmi", self.tag)


class Images(Case):
    order = 71
    LINES = 5000

    def test(self):
        if not self.options.long:
            self.figures["skipped"] = "without --long"
            return
        run("./dev", "deps", "deploy", timeout=600)
        self.make_base()
        self.tree = self.dir / "tree"
        run("git", "clone", "-q", "--no-local", str(ROOT), str(self.tree))
        self.images = {}
        try:
            for target in ("shipper", "collector", "shipper-debug", "collector-debug"):
                self.images[target] = Image(self, target)
                self.what_is_in(self.images[target])
            self.lines_arrive()
            self.the_same_bytes_again()
        finally:
            for image in self.images.values():
                image.drop()

    def make_base(self):
        if subprocess.run(["buildah", "inspect", "--type", "image", BASE], capture_output=True, check=False).returncode == 0:
            return
        root = self.dir / "base"
        run("tests/stack/new-root", str(root), timeout=600)
        container = run("buildah", "from", "scratch").strip()
        run("sh", "-euc", f"tar -C {root} -c . | tar -C $(buildah mount {container}) -x", timeout=300)
        run("buildah", "config", "--cmd", "bash", container)
        run("buildah", "commit", "-q", container, BASE, timeout=300)
        run("buildah", "rm", container)

    def what_is_in(self, image):
        program = image.root / image.entrypoint[0].lstrip("/")
        self.check(image.user.split(":")[0] not in ("", "0", "root"), f"{image.target}: runs as {image.user}")
        self.figures[f"{image.target}_kb"] = int(run("du", "-sk", str(image.root)).split()[0])
        shell = (image.root / "usr/bin/sh").exists()
        self.check(shell == image.target.endswith("-debug"), f"{image.target}: a shell: {shell}")
        if shell:
            return
        own = [program, *(image.root / "etc/sluice").iterdir(), image.root / "usr/share/sluice/sbom.json"]
        size = sum(p.stat().st_size for p in own)
        self.check(size < OWN_FILES_MAX, f"{image.target}: files of our own take {size} bytes")
        names = {c["name"] for c in json.loads((image.root / "usr/share/sluice/sbom.json").read_text())["components"]}
        self.check({program.name, "librdkafka1", "libc6", "ca-certificates"} <= names, f"{image.target}: sbom: {names}")

    def lines_arrive(self):
        topic, index = self.topic(), self.index()
        shipper, collector = self.images["shipper"], self.images["collector"]
        loggen = self.loggen("a", lines=self.LINES, rate=2000)
        settings = {"KAFKA_BROKERS": KAFKA, "KAFKA_TOPIC": topic, "SERVICE_NAME": "shop", "KAFKA_GROUP": self.unique,
                    "KAFKA_DEAD_TOPIC": f"{topic}-dead", "ELASTICSEARCH_URL": ELASTICSEARCH}
        # A read-only root has no place to make a folder in: the engine does that, before it mounts.
        (shipper.root / "logs").mkdir()
        running = {
            shipper: shipper.start(["run", "--http", "127.0.0.1:19600"], settings, [(self.logs, "logs")]),
            collector: collector.start(["run", "--http", "127.0.0.1:19601", "--index", index.name], settings),
        }
        shipper.health += ["--http", "127.0.0.1:19600"]
        collector.health += ["--http", "127.0.0.1:19601"]
        try:
            for image in running:
                self.wait_until(f"{image.target} is healthy", lambda i=image: i.healthy(settings), 30)
            loggen.end()
            self.wait_for_count(index, self.LINES)
            for image, process in running.items():
                self.stop(image, process)
        finally:
            for process in running.values():
                process.kill()
                process.wait()
        Tally(loggen.tags(), index.documents()).check(self)

    def stop(self, image, process):
        """The signal goes to the program itself, which is process 1 where it runs: it must not ignore what it does not handle."""
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        begun = time.monotonic()
        os.kill(int(children[0]), signal.SIGTERM)
        self.check(process.wait(15) == 0, f"{image.target}: ended with {process.returncode}")
        self.figures[f"{image.target}_stop_ms"] = int((time.monotonic() - begun) * 1000)

    def the_same_bytes_again(self):
        """Two builds in two folders with the same compiler and libraries: packages and all that is in them."""
        sums = []
        for tree in (ROOT, self.tree):
            run("sh", "-euc", f"cd {tree} && CMAKE_C_COMPILER_LAUNCHER= ./dev package 0.0.1", timeout=900)
            out = run("sh", "-euc", f"cd {tree}/build/packages && sha256sum *_0.0.1_*.deb")
            sums.append(out)
        self.check(sums[0] == sums[1] and sums[0].count("sluice-") == 2, f"two builds of one tree differ: {sums}")
