# SPDX-License-Identifier: Apache-2.0
"""README's five-minute section does what it says: its commands, as they stand there."""
import os
import re
import subprocess

from harness import ROOT, Case, Failure


class Newcomer(Case):
    order = 25
    BLOCK = re.compile(r"<!-- test: five-minutes -->\s*```(?:sh|bash|console)?\n(.*?)\n```", re.S)

    def test(self):
        blocks = self.BLOCK.findall((ROOT / "README.md").read_text())
        self.check(blocks, "README.md has no block marked <!-- test: five-minutes -->")
        script = "set -euo pipefail\n" + "\n".join(blocks) + "\n"
        environment = {**os.environ, "TMPDIR": str(self.dir), "HOME": os.environ["HOME"]}
        try:
            done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        except subprocess.TimeoutExpired as expired:
            raise Failure(f"the commands did not end: {expired.stdout}") from None
        self.check(done.returncode == 0, f"exit {done.returncode}:\n{done.stdout[-2000:]}")
