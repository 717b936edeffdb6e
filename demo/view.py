# SPDX-License-Identifier: Apache-2.0
"""What the demo shows while it runs: a block that is rewritten in place on a terminal, else a line every few seconds.

A snapshot is a dict of the counts along a line's way (COUNTS), and a list of (name, pid, memory, cpu seconds).
"""
import shutil
import sys
import time

COUNTS = (("written", "lines written to the files"), ("read", "read by the shipper"),
          ("acknowledged", "acknowledged by Kafka"), ("consumed", "consumed by the collectors"),
          ("indexed", "indexed"), ("duplicates", "duplicates"), ("dead", "dead letters"))
PLAIN_SECONDS = 3


class View:
    def __init__(self, store):
        self.live = sys.stdout.isatty()
        self.store, self.begun = store, time.monotonic()
        self.before, self.shown_at, self.height = None, float("-inf"), 0

    def show(self, counts, processes, at_last=False):
        now = time.monotonic()
        if at_last if self.live else not at_last and now - self.shown_at < PLAIN_SECONDS:
            return              # a terminal shows every turn as it comes, the last one too
        seconds = max(now - self.shown_at, 0.001) if self.before else None
        before = self.before or (counts, processes)
        rates = {key: (counts[key] - before[0][key]) / seconds if seconds else 0.0 for key in counts}
        used = {pid: cpu for _, pid, _, cpu in before[1]}
        loads = [(name, memory, 100 * (cpu - used.get(pid, cpu)) / seconds if seconds else 0.0)
                 for name, pid, memory, cpu in processes]
        (self._block if self.live else self._line)(counts, rates, loads, processes)
        self.before, self.shown_at = (counts, processes), now

    def _line(self, counts, _, loads, __):
        numbers = " ".join(f"{key}={counts[key]}" for key, _ in COUNTS)
        load = "".join(f"  {name} {memory / 1e6:.0f}MB {percent:.1f}%" for name, memory, percent in loads)
        print(f"{time.monotonic() - self.begun:5.1f} s  {numbers} lag_bytes={counts['lag_bytes']} "
              f"lag_records={counts['lag_records']}{load}", flush=True)

    def _block(self, counts, rates, loads, processes):
        minutes, seconds = divmod(int(time.monotonic() - self.begun), 60)
        lines = [f"{minutes}:{seconds:02}  Ctrl-C stops everything", ""]
        for key, text in COUNTS:
            what = f"{text} in {self.store}" if key == "indexed" else text
            lines.append(f"  {what:32} {counts[key]:12,} {rates[key]:10,.0f}/s")
        lines += [f"  {'lag':32} {counts['lag_bytes']:12,} bytes in files, {counts['lag_records']:,} records in Kafka",
                  "", f"  {'process':18} {'pid':>8} {'memory':>10} {'CPU':>8}"]
        for (name, memory, percent), (_, pid, _, _) in zip(loads, processes):
            lines.append(f"  {name:18} {pid:8} {memory / 1e6:7.1f} MB {percent:6.1f} %")
        width = shutil.get_terminal_size().columns - 1
        up = f"\x1b[{self.height}F" if self.height else ""
        sys.stdout.write(up + "\x1b[J" + "\n".join(line[:width] for line in lines) + "\n")
        sys.stdout.flush()
        self.height = len(lines)
