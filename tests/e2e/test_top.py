# SPDX-License-Identifier: Apache-2.0
"""top draws a running program on a terminal, follows the window's size and ends with q; elsewhere it prints one frame."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from harness import BIN, Case, free_port


class Top(Case):
    order = 23
    needs_servers = False
    LINES = 300

    def test(self):
        self.loggen("a", lines=self.LINES).end()
        shipper = self._program("shipper", "shipper", {"inputs": ({"paths": [str(self.logs / "*.log")]},), "output": "file",
                                                       "file": {"path": str(self.dir / "out")}, "state": str(self.dir / "state")})
        shipper.start()
        self.wait_until("all lines are acknowledged", lambda: shipper.metric("lines_acked_total") == self.LINES, 30)
        self.url = shipper.url
        self.on_a_terminal()
        self.in_a_pipe()
        shipper.stop()
        self.without_an_answer()

    def command(self, *arguments):
        return [str(BIN / "sluice-collector"), "top", *arguments]

    def on_a_terminal(self):
        ours, theirs = pty.openpty()
        self.size(ours, 24, 60)
        before = termios.tcgetattr(theirs)
        process = subprocess.Popen(self.command(self.url), stdin=theirs, stdout=theirs, stderr=theirs)
        self.seen = b""
        self.read_until(ours, lambda: b"lines_acked" in self.seen and b"a.log" in self.seen)
        self.check(b"\x1b[?1049h" in self.seen, "the alternate screen")
        self.check(max(len(line) for line in self.plain(self.seen).splitlines()) <= 60, "no line is wider than the window")

        self.seen = b""
        self.size(ours, 5, 30)
        process.send_signal(signal.SIGWINCH)
        self.read_until(ours, lambda: any(frame and max(map(len, frame)) <= 30 and len(frame) <= 5 for frame in self.frames()))

        os.write(ours, b"q")
        self.read_until(ours, lambda: b"\x1b[?1049l" in self.seen)
        self.check(process.wait(10) == 0, "q ends it")
        self.check(termios.tcgetattr(theirs) == before, "the terminal is as it was")
        os.close(ours)
        os.close(theirs)

    def size(self, fd, rows, columns):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, fd, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            self.check(time.monotonic() < deadline, f"not seen: {self.seen[-1000:]!r}")
            if select.select([fd], [], [], 0.2)[0]:
                self.seen += os.read(fd, 4096)

    def plain(self, text):
        for code in (b"[K", b"[1m", b"[31m", b"[2m", b"[0m", b"[?1049h", b"[?25l", b"[2J", b"[H", b"[J"):
            text = text.replace(b"\x1b" + code, b"\f" if code == b"[H" else b"")
        return text.decode(errors="replace").replace("\f", "\n")

    def frames(self):
        """The whole ones, as lines."""
        return [self.plain(part).splitlines() for part in self.seen.split(b"\x1b[H")[1:-1]]

    def in_a_pipe(self):
        for arguments in ((self.url,), (self.url.removeprefix("http://") + "/status",), ("--http", self.url.removeprefix("http://"))):
            done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=30)
            line = f"{'lines_acked':24} {self.LINES:18} {0:14}\n"
            self.check(done.returncode == 0 and line in done.stdout and "\x1b" not in done.stdout, f"{arguments}: {done.stdout}")

    def without_an_answer(self):
        done = subprocess.run(self.command(f"127.0.0.1:{free_port()}"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=30)
        self.check(done.returncode == 69 and "nobody answers" in done.stdout, done.stdout)
