# SPDX-License-Identifier: Apache-2.0
"""README.md and docs/*.md do what they say: each command is run, each configuration loaded, as they stand there.

The word behind the three backquotes says what a block is; a block without one of these words is a failure:

    sh          run.  The blocks of a page are one script, in their order, in bash -euo pipefail at the top of the tree;
                sluice-shipper and sluice-collector are on the PATH, $TMPDIR is an empty folder of the page's own.  The
                usual addresses, 127.0.0.1:19092 and http://127.0.0.1:19200, become those of the test's servers,
                and the name `first-steps` that of a topic and an index of its own.
    libconfig   loaded by the program that the page is called after (shipper.md), or that a comment in its first line
                names: shipper or collector.  What a shipper's says nothing of, brokers and topic, is given to it.  The
                variables KAFKA_PASSWORD and ES_PASSWORD are set.  Addresses become closed ports of this machine.
    json        read, a document a line.
    text        only shown: what a program prints, what waits for an end that never comes, what cannot be had here.
"""
import json
import os
import re
import subprocess

from harness import BIN, ELASTICSEARCH, KAFKA, ROOT, Case, Failure

BLOCK = re.compile(r"^ *```(.*)\n((?:.*\n)*?) *```$", re.M)


def pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page):
    """(kind, text, line) of each block."""
    text = page.read_text()
    if len(re.findall(r"^ *```", text, re.M)) % 2:
        raise Failure(f"{page.name}: a block does not end")
    return [(match[1].strip(), match[2], text.count("\n", 0, match.start()) + 1) for match in BLOCK.finditer(text)]


class Pages(Case):
    """What needs no servers."""
    order = 24
    needs_servers = False

    def test(self):
        self.figures = {"configurations": 0, "documents": 0}
        kinds = {"sh": self.nothing, "text": self.nothing, "libconfig": self.load, "json": self.read}
        for page in pages():
            for kind, text, line in blocks(page):
                where = f"{page.name}:{line}"
                self.check(kind in kinds, f"{where}: a block is one of {', '.join(kinds)}, not '{kind}'")
                kinds[kind](where, text)
            self.links(page)
        self.check(all(self.figures.values()), f"nothing was found: {self.figures}")

    def nothing(self, where, text):
        pass

    def load(self, where, text):
        program = re.match(r"#.*\b(shipper|collector)\b", text) or re.match(r"(shipper|collector)\.md", where)
        self.check(program, f"{where}: neither the page nor a comment in the first line names the program")
        scheme = "https" if "https://" in text else "http"
        path = self.dir / "block.cfg"
        path.write_text(text)
        command = [BIN / f"sluice-{program[1]}", "check", "-c", path, "--set", 'start_timeout="100 ms"',
                   "--set", 'kafka.brokers="127.0.0.1:1"', "--set", f'elasticsearch.urls=["{scheme}://127.0.0.1:1"]']
        if program[1] == "shipper":
            command += ["--state", self.dir / "state", "--topic", "t"]
        environment = {**os.environ, "KAFKA_PASSWORD": "x", "ES_PASSWORD": "x"}
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        self.check(re.search(r"^ok +config ", done.stdout, re.M), f"{where}: is not loaded: {done.stdout}")
        self.figures["configurations"] += 1

    def read(self, where, text):
        for number, line in enumerate(text.splitlines()):
            try:
                json.loads(line)
            except ValueError as error:
                raise Failure(f"{where}: line {number + 1} is no JSON: {error}") from None
            self.figures["documents"] += 1

    def links(self, page):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            self.check((page.parent / target).exists(), f"{page.name}: {target}: there is no such file")


class Newcomer(Case):
    order = 25
    NAME = "first-steps"            # of the topic and of the index

    def test(self):
        name = self.topic()
        self.index()                # of that name too
        output = {page.name: self.run_page(page, name) for page in pages() if self.script(page)}
        self.figures["pages"] = len(output)
        self.check('"count":1000' in output["README.md"], f"not 1000 documents:\n{output['README.md'][-2000:]}")
        self.check("line 500" in output["README.md"], f"the search finds nothing:\n{output['README.md'][-2000:]}")

    def script(self, page):
        return "".join(text for kind, text, _ in blocks(page) if kind == "sh")

    def run_page(self, page, name):
        commands = self.script(page)
        for theirs, ours in ((self.NAME, name), ("127.0.0.1:19092", KAFKA), ("http://127.0.0.1:19200", ELASTICSEARCH)):
            commands = commands.replace(theirs, ours)
        folder = self.dir / page.stem
        folder.mkdir()
        environment = {**os.environ, "TMPDIR": str(folder), "PATH": f"{BIN}:{os.environ['PATH']}"}
        try:
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=ROOT, env=environment,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=300)
        except subprocess.TimeoutExpired as expired:
            raise Failure(f"{page.name}: the commands did not end: {expired.stdout}") from None
        self.check(done.returncode == 0, f"{page.name}: exit {done.returncode}:\n{done.stdout[-2000:]}")
        return done.stdout
