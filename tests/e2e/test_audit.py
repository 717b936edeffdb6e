# SPDX-License-Identifier: Apache-2.0
"""audit: every line of a file stands in Elasticsearch, or it is named."""
import re
import shutil
import subprocess

from harness import BIN, ELASTICSEARCH, Case
from scene import COMPRESSORS


class Audit(Case):
    order = 42
    LINES = 1200

    def test(self):
        self.one, self.many, self.half = (self.logs / name for name in ("one.log", "many.log", "half.log"))
        self.loggen("one", self.one, lines=self.LINES).end()
        self.many.write_text("".join(f"event {n} failed: java.lang.IllegalStateException: {n}\n" + "\tat shop.Cart.add(Cart.java:7)\n" * 4
                                     if n % 3 else f"event {n} went well\n" for n in range(500)))
        self.half.write_bytes(b"first\r\nbad \xff byte\nno end")
        self.ship()
        self.everything_is_found()
        self.what_is_missing_or_changed_is_named()
        self.files_are_known_under_other_names_and_inodes()
        self.archives_are_read()

    def ship(self):
        topic, self.documents = self.topic(), self.index()
        self.documents.ask("PUT", self.documents.name)
        shipper = self.shipper(topic, inputs=({"paths": [str(self.one), str(self.half)]},
                                              {"paths": [str(self.many)], "multiline": "java"}))
        shipper.run_once()
        self.collector(topic, self.documents).run_once()

    def audit(self, code, *arguments):
        done = subprocess.run([BIN / "sluice-collector", "audit", "--url", ELASTICSEARCH, "--index", self.documents.name, *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.check(done.returncode == code, f"audit {' '.join(map(str, arguments))}: {done.returncode}, not {code}: {done.stdout[-1500:]}")
        return done.stdout

    def everything_is_found(self):
        said = self.audit(0, self.one, self.many, self.half)
        lines = self.many.read_bytes().count(b"\n")
        self.check(lines > 400, "events of several lines")
        for name, n in ((self.one, self.LINES), (self.many, lines), (self.half, 3), ("all", self.LINES + lines + 3)):
            self.check(f"{name}: {n} lines, {n} found\n" in said, said)
        self.figures["lines"] = self.LINES + lines + 3

    def what_is_missing_or_changed_is_named(self):
        text = self.one.read_bytes().splitlines(keepends=True)
        self.forge(sum(map(len, text[:700])))
        self.change(sum(map(len, text[:900])))
        said = self.audit(65, self.one)
        self.check(f"{self.LINES} lines, {self.LINES - 2} found, 1 missing, 1 different" in said, said)
        self.check(f"  missing    line 701, offset {sum(map(len, text[:700]))}\n" in said, said)
        self.check(re.search(r"^  different  line 901, offset \d+, stands there as another text$", said, re.M), said)
        self.check(f"{self.LINES - 1} found, 1 missing\n" in self.audit(65, "--compare", "id", self.one), "the place alone")
        self.check("  missing" not in self.audit(65, "--show", "0", self.one), "none is shown")

        # One event of several lines: all of them are missing.
        event = next(s for _, s in self.documents.documents() if s["message"].count("\n") > 3)
        self.delete(event["log"]["offset"], self.many)
        self.check(f" {event['message'].count(chr(10)) + 1} missing\n" in self.audit(65, self.many), "an event is missing")

        with open(self.half, "a") as file:
            file.write(", and more\nnever shipped\n")
        said = self.audit(65, self.half)
        self.check("4 lines, 2 found, 2 missing" in said and "line 4, offset" in said, said)

    def files_are_known_under_other_names_and_inodes(self):
        rotated = self.logs / "rotated"
        self.one.rename(rotated)
        self.check(f"{self.LINES - 2} found" in self.audit(65, rotated), "a renamed file")
        copy = self.logs / "copy"
        shutil.copy(rotated, copy)
        said = self.audit(65, copy)
        self.check("no document of it is there" in said and f" 0 found, {self.LINES} missing" in said, said)
        copy.rename(self.one)
        self.check(f"{self.LINES - 2} found" in self.audit(65, self.one), "a copy in its place")
        self.check(f"{self.LINES - 2} found" in self.audit(65, "--host", "elsewhere", self.one), "shipped by another host, by its name")
        self.check("no index fits" in self.audit(66, "--index", self.documents.name + "-none-*", self.one), "no index")
        self.audit(66, self.logs / "none")
        self.audit(64)

    def archives_are_read(self):
        """Also where another file has had the name since, with a first line of the same text."""
        old, lines = self.logs / "app.log.1", [f"{n} of the first file\n" for n in range(300)]
        current = self.logs / "app.log"
        topic = self.topic("archives")
        for text in (["the same head\n"] + lines, ["the same head\n"] + [line.replace("first", "second") for line in lines]):
            if current.exists():
                current.rename(old)
            current.write_text("".join(text))
            self.shipper(topic, name="archives", paths=("app.log",)).run_once()
        self.collector(topic, self.documents, name="archives", group="archives").run_once()
        for kind, command in COMPRESSORS.items():
            packed = self.logs / f"app.log.1.{kind}"
            copy = self.logs / "copy.log"
            shutil.copy(old, copy)
            subprocess.run(command + [copy], check=True)
            (self.logs / f"copy.log.{kind}").rename(packed)
            said = self.audit(0, packed)
            self.check(f"{packed}: 301 lines, 301 found\n" in said, said)
            whole = packed.read_bytes()
            packed.write_bytes(whole[:len(whole) // 2])
            self.check("is damaged, or not whole" in self.audit(65, packed), "half an archive")
        many = shutil.copy(self.many, self.logs / "many.log-20261126")
        subprocess.run(COMPRESSORS["gz"] + [many], check=True)
        lines, missing = self.many.read_bytes().count(b"\n"), 5            # those of the event that was deleted
        said = self.audit(65, f"{many}.gz")
        self.check(f"{lines} lines, {lines - missing} found, {missing} missing\n" in said, said)

    def of(self, offset, path):
        return {"query": {"bool": {"filter": [{"term": {"log.offset": offset}}, {"term": {"log.file.path.keyword": str(path)}}]}}}

    def id_at(self, offset, path):
        hits = self.documents.ask("POST", f"{self.documents.name}/_search", self.of(offset, path))["hits"]["hits"]
        self.check(len(hits) == 1, hits)
        return hits[0]["_id"]

    def delete(self, offset, path):
        self.documents.ask("DELETE", f"{self.documents.name}/_doc/{self.id_at(offset, path)}?refresh=true")

    def forge(self, offset):
        """The same text at the same place of the same file, under another name: it proves nothing."""
        document = self.documents.ask("GET", f"{self.documents.name}/_doc/{self.id_at(offset, self.one)}")["_source"]
        self.delete(offset, self.one)
        document["event"]["id"] = "forged"
        self.documents.ask("PUT", f"{self.documents.name}/_doc/forged?refresh=true", document)

    def change(self, offset):
        self.documents.ask("POST", f"{self.documents.name}/_update/{self.id_at(offset, self.one)}?refresh=true",
                           {"doc": {"message": "another text"}})
