# SPDX-License-Identifier: Apache-2.0
"""Where the time of the two programs goes: `perf record` of a run, its samples put together by whose code they hit.

perf counts the kernel's part as well.  A machine without it, or that forbids it, is told so and shows no table.
"""
import collections
import re
import shutil
import subprocess

from inputs import fill, input_file
from measure import DEADLINE_S, DIR, DidNotFinish, NullBulk, Topic, start_collector, start_shipper, wait_until
from report import table

# First the pattern that fits "OBJECT SYMBOL".
STAGES = (
    ("kernel: files, sockets, pages, switches", r"\[kernel|\[k\]|\[guest"),
    ("clocks", r"\[vdso\]|clock_gettime"),
    ("lz4", r"liblz4"),
    ("libdeflate (gzip)", r"libdeflate"),
    ("C library: copies, malloc, locks", r"libc[-.]|libpthread"),
    ("librdkafka", r"librdkafka"),
    ("curl and TLS", r"libcurl|libssl|libcrypto|libnghttp"),
    ("yajl", r"libyajl"),
    ("our own code", r"sluice-"),
    ("other libraries (xxhash and others)", r""),
)
# When measuring began, in percent: the first figures there were, of events of 475 bytes.
BEFORE = {"collector": {"libdeflate (gzip)": 23, "kernel: files, sockets, pages, switches": 32, "our own code": 15,
                        "C library: copies, malloc, locks": 13, "librdkafka": 10, "lz4": 4, "yajl": 2}}


def recorded(start, done):
    """{"OBJECT SYMBOL": share of the samples} of a program that runs until done(process)."""
    data = DIR / "perf.data"
    process = start(("perf", "record", "-q", "-F", "1999", "-e", "cpu-clock", "-o", data, "--"))
    try:
        if not wait_until(lambda: done(process), DEADLINE_S, process):
            raise DidNotFinish("perf or the program has ended")
    finally:
        process.stop()
    text = subprocess.run(["perf", "report", "-i", data, "--stdio", "--sort", "dso,symbol", "-t", ";", "--percent-limit", "0"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    rows = [line.split(";") for line in text.splitlines() if line.strip() and line[0] != "#"]
    return {f"{row[1].strip()} {row[2].strip()}": float(row[0].strip().rstrip("%")) for row in rows if len(row) > 2}


def staged(samples):
    shares = collections.Counter()
    for where, share in samples.items():
        shares[next(name for name, pattern in STAGES if re.search(pattern, where))] += share
    return dict(shares)


def own(samples, n=12):
    """The most expensive of our own functions."""
    ours = [(share, where.split()[-1]) for where, share in samples.items() if where.startswith("sluice-")]
    return [(name, share) for share, name in sorted(ours, reverse=True)[:n]]


def run(options):
    if not shutil.which("perf"):
        print("\nprofile: perf is not installed (Debian: linux-perf)")
        return {"failed": "no perf"}
    path, lines = input_file(options), options.lines
    shipped, topic, bulk = Topic(), fill(path, lines), NullBulk()
    try:
        samples = {
            "shipper": recorded(lambda before: start_shipper([path], shipped, "profile-shipper", before=before),
                                lambda _: shipped.records() >= lines),
            "collector": recorded(lambda before: start_collector(topic, bulk.url, "profile-collector", before=before),
                                  lambda _: bulk.documents() >= lines),
        }
    except DidNotFinish as why:
        print(f"\nprofile: {why}; see build/bench/profile-*.log")
        return {"failed": str(why)}
    finally:
        bulk.stop()
        shipped.delete()
        topic.delete()
    result = {}
    for program, found in samples.items():
        shares, before = staged(found), BEFORE.get(program, {})
        result[program] = {"stages": shares, "functions": dict(own(found))}
        table(f"profile-{program}", [program, *(["when measuring began"] if before else []), "now"],
              [[name, *([f"{before[name]} %" if name in before else ""] if before else []), f"{shares.get(name, 0):.0f} %"] for name, _ in STAGES
               if name in before or shares.get(name, 0) >= 0.5])
        table(f"functions-{program}", [f"{program}: of our own code", "now"], [[name, f"{share:.1f} %"] for name, share in own(found)])
    return result
