# SPDX-License-Identifier: Apache-2.0
"""The tests' own tools: lines that are numbered as promised, a tally and a scrape that notice what is wrong."""
import json
import statistics
import subprocess

from harness import BIN, TAG, Case, Failure, Metrics, Tally


class Generator(Case):
    needs_servers = False
    order = 10
    KINDS = ("access", "json", "java", "syslog", "mix")
    SHAPES = ((), ("--long", "3000"), ("--compressible",))

    def test(self):
        for kind in self.KINDS:
            for shape in self.SHAPES:
                self.every_line_holds_its_tag_once(kind, shape)
        self.the_same_seed_gives_the_same_lines()
        self.rotation_loses_nothing()

    def lines(self, *arguments):
        text = subprocess.run([BIN / "sluice-loggen", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=True).stdout.decode()
        return text.removesuffix("\n").split("\n")

    def every_line_holds_its_tag_once(self, kind, shape):
        lines = self.lines("--kind", kind, "--lines", "5000", *shape)
        for n, line in enumerate(lines):
            self.check(TAG.findall(line) == [("a", str(n))], f"{kind} {shape}: line {n}: {line}")
            if kind == "json":
                json.loads(line)
        median = statistics.median(map(len, lines))
        if kind == "mix" and not shape:
            self.figures["median"] = int(median)
            self.check(90 <= median <= 150, f"the median line has {median} characters")
        if "--long" in shape:
            self.check(2500 <= min(map(len, lines)) and max(map(len, lines)) <= 3500, f"{kind}: --long 3000: {median}")

    def the_same_seed_gives_the_same_lines(self):
        self.check(self.lines("--seed", "7") == self.lines("--seed", "7"), "seed 7 twice")
        self.check(self.lines("--seed", "7") != self.lines("--seed", "8"), "seeds 7 and 8")

    def rotation_loses_nothing(self):
        out = self.logs / "app.log"
        for first in (0, 100):
            report = self.loggen("a", out, lines=100, first=first, rotate_every=30).end()
            self.check(report["lines"] == 100 and report["rotations"] == 3, f"report: {report}")
        text = "".join(path.read_text() for path in self.logs.iterdir())
        self.check(sorted(int(n) for _, n in TAG.findall(text)) == list(range(200)), "200 lines over the rotated files")


class Harness(Case):
    needs_servers = False
    order = 11

    def test(self):
        self.a_tally_finds_what_is_lost_doubled_foreign_or_wrong()
        self.a_scrape_is_read_strictly()
        self.a_metric_that_is_not_there_is_no_zero()

    def a_tally_finds_what_is_lost_doubled_foreign_or_wrong(self):
        def document(document_id, text, event_id=None):
            return document_id, {"message": text, "event": {"id": event_id or document_id}}

        good = Tally({"a-1", "a-2"}, [document("x", "n=a-1"), document("y", "say n=a-2.")])
        self.check(not (good.lost or good.doubled or good.foreign or good.wrong), "a tally without fault")
        bad = Tally({"a-1", "a-2", "a-3"}, [document("x", "n=a-1"), document("y", "n=a-1"), document("z", "n=b-7"),
                                            document("v", "n=a-2", "w"), document("u", "no tag"), document("x", "n=a-3")])
        self.check(bad.doubled == ["a-1"] and bad.lost == ["a-2", "a-3"] and bad.foreign == ["b-7"], "what is amiss")
        self.check(len(bad.wrong) == 3, f"wrong: {bad.wrong}")

    def a_scrape_is_read_strictly(self):
        good = Metrics("# HELP a_total Text.\n# TYPE a_total counter\n"
                       'a_total{r="x,\\"}"} 2\na_total{r="y",q="z"} 3\n'
                       "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 0.5\nh_count 1\n")
        self.check(good.sum("a_total") == 5 and good.sum("h_count") == 1, "a good scrape")
        for text in ("a 1\n", "# TYPE a counter\na 1", "# TYPE a counter\na one\n", "# TYPE a counter\na 1\na 1\n",
                     '# TYPE a counter\na{r=x} 1\n', "\n", "# TYPE a counter\n# TYPE a counter\n"):
            try:
                Metrics(text)
            except ValueError:
                continue
            raise Failure(f"read without complaint: {text!r}")

    def a_metric_that_is_not_there_is_no_zero(self):
        try:
            Metrics("# TYPE a counter\na 1\n").sum("b")
        except Failure:
            return
        raise Failure("the sum of nothing")
