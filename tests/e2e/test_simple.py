# SPDX-License-Identifier: Apache-2.0
"""Files from their first byte to their last, with --once."""
from harness import Case, Tally


class Simple(Case):
    order = 20
    LINES = 10_000

    def test(self):
        loggen = self.loggen("a", lines=self.LINES)
        loggen.end()
        topic, index = self.topic(), self.index()
        self.shipper(topic).run_once()
        self.collector(topic, index).run_once()
        Tally(loggen.tags(), index.documents()).check(self)
        self.messages_equal_the_lines(index)
        self.a_second_run_ships_nothing()

    def messages_equal_the_lines(self, index):
        text = (self.logs / "a.log").read_bytes()
        for _, source in index.documents():
            offset, message = source["log"]["offset"], source["message"]
            line = text[offset:text.index(b"\n", offset)].decode()
            self.check(message == line, f"at {offset}: {message!r} is not {line!r}")

    def a_second_run_ships_nothing(self):
        """To another topic, where it would be seen: positions belong to files, whatever the topic."""
        topic, index = self.topic("again"), self.index("again")
        self.shipper(topic).run_once()
        self.collector(topic, index, "again", group="again").run_once()
        self.check(index.count() == 0, f"{index.count()} lines were shipped again")


class Input(Case):
    """--input DIR: every line of every file in it stands in the index, with its path, offset and text."""
    order = 21

    def test(self):
        files = sorted(p.resolve() for p in self.options.input.rglob("*") if p.is_file())
        expected = {(str(path), offset): text for path in files for offset, text in self.lines(path)}
        self.figures["files"], self.figures["lines"] = len(files), len(expected)
        topic, index = self.topic(), self.index()
        self.shipper(topic, inputs=({"paths": [str(p) for p in files]},)).run_once(600)
        self.collector(topic, index).run_once(600)

        for _, source in index.documents(("message", "log.file.path", "log.offset")):
            place = source["log"]["file"]["path"], source["log"]["offset"]
            self.check(place in expected, f"{place}: no line begins there, or it came twice")
            text = expected.pop(place)
            self.check(source["message"] == text, f"{place}: {source['message']!r} is not {text!r}")
        self.check(not expected, f"{len(expected)} lines are lost, such as {next(iter(expected), None)}")

    @staticmethod
    def lines(path):
        """(offset, text) of each line. The text as an event holds it: UTF-8 repaired, no CR at the end."""
        offset = 0
        with path.open("rb") as file:                   # ends a line at LF only
            for line in file:
                yield offset, line.removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")
                offset += len(line)
