# SPDX-License-Identifier: Apache-2.0
"""The lines of a run: made or given, put into a topic, and how they look beside real logs."""
import collections
import itertools
import pathlib
import shutil
import statistics
import subprocess
import sys

from measure import BIN, DEADLINE_S, DIR, Topic, start_shipper, wait_until
from report import table

SAMPLE = 20_000_000     # bytes of a file that are looked at


def input_file(options):
    """The lines of this run; those of --input are repeated until there are enough."""
    path = DIR / "input.log"
    if path.exists():
        return path
    if not options.input:
        subprocess.run([BIN / "sluice-loggen", "--lines", str(options.lines), "--out", path], check=True, stderr=subprocess.DEVNULL)
        return path
    lines = options.input.read_bytes().splitlines(keepends=True)
    if not lines:
        sys.exit(f"bench: {options.input}: is empty")
    if not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    with open(path, "wb") as out:
        for start in range(0, options.lines, len(lines)):
            out.writelines(lines[:options.lines - start])
    return path


def fill(path, lines, partitions=8, files=16):
    """A topic with the events of the input's first lines, from several files, so that every partition has some."""
    folder, head = DIR / f"split-{lines}", DIR / "head.log"
    if not folder.exists():
        folder.mkdir()
        with open(path, "rb") as source, open(head, "wb") as out:
            out.writelines(itertools.islice(source, lines))
        subprocess.run(["split", "-n", f"l/{files}", head, folder / "part-"], check=True)
        head.unlink()
    topic = Topic(partitions)
    process = start_shipper([folder / "part-*"], topic, "fill")
    try:
        if not wait_until(lambda: topic.records() >= lines, DEADLINE_S, process):
            sys.exit("bench: the topic could not be filled; see build/bench/fill.log")
    finally:
        process.stop()
    return topic


# --- how they look -------------------------------------------------------------------------------

def describe(data):
    """Lengths, repetition, escapes, so that a run can be compared with another input's."""
    lines = data.rstrip(b"\n").split(b"\n")
    lengths = sorted(map(len, lines))
    n = len(lengths)
    packed = subprocess.run(["lz4", "-1", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout if shutil.which("lz4") else data
    return {"lines": n, "mean": statistics.fmean(lengths), "p50": lengths[n // 2], "p90": lengths[n * 9 // 10], "p99": lengths[n * 99 // 100],
            "longest": lengths[-1],
            "escapes": 1000 * sum(data.count(bytes([c])) for c in [*range(0x20), 0x22, 0x5c] if c != 10) / len(data),
            "above_ascii": 1000 * sum(count for c, count in collections.Counter(data).items() if c >= 0x80) / len(data),
            "lz4": len(data) / len(packed)}


def run(options):
    """The lines of this run; beside them, with --compare DIR, each file of that folder, and all of them one after the other."""
    texts = {"the lines of this run": input_file(options).read_bytes()[:SAMPLE]}
    if options.compare:
        found = sorted(path for path in pathlib.Path(options.compare).rglob("*") if path.is_file())
        texts.update({str(path.relative_to(options.compare)): path.read_bytes()[:SAMPLE] for path in found})
        texts = {name: text for name, text in texts.items() if text.strip()}
        texts[f"all of {len(texts) - 1} files"] = b"".join(text.rstrip(b"\n") + b"\n" for text in list(texts.values())[1:])
    looks = {name: describe(text) for name, text in texts.items()}
    table("comparison" if options.compare else "input",
          ["input", "lines", "bytes: mean", "p50", "p90", "p99", "longest", "of 1,000 bytes: to escape", "above ASCII", "lz4 -1"],
          [[name, f"{r['lines']:,}", f"{r['mean']:.0f}", *(f"{r[key]:,}" for key in ("p50", "p90", "p99", "longest")), f"{r['escapes']:.1f}",
            f"{r['above_ascii']:.1f}", f"{r['lz4']:.1f} times smaller"] for name, r in looks.items()])
    return looks
