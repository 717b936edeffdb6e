# SPDX-License-Identifier: Apache-2.0
"""--once shows how far it is on a terminal, and is quiet elsewhere."""
import os
import pty
import re
import subprocess
import time

from harness import BIN, Case


class Progress(Case):
    order = 23
    needs_servers = False
    LINES = 5000

    def test(self):
        self.loggen("a", lines=self.LINES).end()
        size = (self.logs / "a.log").stat().st_size
        begun = time.monotonic()
        on_terminal = self.on_a_terminal()
        seconds = time.monotonic() - begun
        last = on_terminal.rstrip().rsplit("\r", 1)[-1]
        found = re.search(r"100%  (.+) of (.+)  (\d+) lines  ([\d.]+) (.)iB/s", on_terminal)
        self.check(found and found[1] == found[2] and int(found[3]) == self.LINES, f"{on_terminal!r}")
        self.check(found[1] == f"{size / 1024:.1f} KiB", f"{found[1]} of {size} bytes: {last}")
        rate = float(found[4]) * {"K": 1 << 10, "M": 1 << 20}[found[5]]
        self.check(rate * seconds > size * 0.9, f"a rate of {rate:.0f} B/s, and all {size} bytes were done in {seconds:.2f} s")
        self.check("%" not in self.in_a_pipe(), "quiet in a pipe")

    def command(self, name):
        return [str(BIN / "sluice-shipper"), "--once", "--output", "file", "--output-file", str(self.dir / f"{name}.out"),
                "--state", str(self.dir / name), "--http", "", str(self.logs / "*.log")]

    def on_a_terminal(self):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(self.command("terminal"), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 4096):
                text += piece
        except OSError:
            pass                        # the other side has ended
        os.close(ours)
        self.check(process.wait(30) == 0, text.decode())
        return text.decode()

    def in_a_pipe(self):
        return subprocess.run(self.command("pipe"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, timeout=30, check=True).stdout
