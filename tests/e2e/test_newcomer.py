# SPDX-License-Identifier: Apache-2.0
"""README's five-minute section does what it says: its commands, as they stand there."""
import os
import re
import subprocess

from harness import ELASTICSEARCH, KAFKA, ROOT, Case, Failure


class Newcomer(Case):
    order = 25
    BLOCK = re.compile(r"<!-- test: five-minutes -->\s*```sh\n(.*?)\n```", re.S)
    NAME = "first-steps"            # of the topic and of the index

    def test(self):
        block = self.BLOCK.search((ROOT / "README.md").read_text())
        self.check(block, "README.md has no block marked <!-- test: five-minutes -->")
        name = self.topic()
        self.index()                # of that name too
        output = self.run_script(self.with_our_names(block[1], name))
        self.check('"count":1000' in output, f"not 1000 documents:\n{output[-2000:]}")
        self.check("line 500" in output, f"the search finds nothing:\n{output[-2000:]}")

    def with_our_names(self, commands, name):
        """A newcomer's servers are empty and stand at the usual ports; ours may do neither."""
        for theirs, ours in ((self.NAME, name), ("127.0.0.1:19092", KAFKA), ("http://127.0.0.1:19200", ELASTICSEARCH)):
            self.check(theirs in commands, f"the commands do not mention {theirs}")
            commands = commands.replace(theirs, ours)
        return commands

    def run_script(self, commands):
        environment = {**os.environ, "TMPDIR": str(self.dir)}
        try:
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=ROOT, env=environment,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=300)
        except subprocess.TimeoutExpired as expired:
            raise Failure(f"the commands did not end: {expired.stdout}") from None
        self.check(done.returncode == 0, f"exit {done.returncode}:\n{done.stdout[-2000:]}")
        return done.stdout
