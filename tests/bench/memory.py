# SPDX-License-Identifier: Apache-2.0
"""What the shipper holds with a large backlog, with one quiet file, and with ten thousand of them, and what they cost it."""
import shutil
import time

from inputs import input_file
from measure import DIR, MIB, DidNotFinish, Topic, harness, measure, metric, rounds, start_shipper, wait_until
from report import keep, table

BACKLOG, QUICK_BACKLOG = 1_000_000_000, 100_000_000
FILES = 10_000
FINE_POLL_S, QUIET_S, DEADLINE_S = 0.002, 2, 600


def fresh_folder(name):
    folder = DIR / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def fill_with_quiet(folder, n):
    for i in range(n):
        (folder / f"quiet-{i}.log").write_bytes(b"one line, and then nothing, n=q-%d\n" % i)


def acked(process):
    return metric(process, "sluice_shipper_lines_acked_total")


def rest(process, lines, scans=2):
    """Until so many lines are acknowledged and it has nothing more to do."""
    # The second scan takes from quiet files what they need only while they are read; each comes later than the one before it, up to a minute.
    at_rest = lambda: metric(process, "sluice_shipper_scans_total") >= scans and harness.is_quiet(process.popen.pid, 0)  # noqa: E731
    if not wait_until(lambda: acked(process) >= lines, 120, process) or not wait_until(at_rest, 120, process):
        raise DidNotFinish("it comes to no rest")


def sizes(process):
    return {"mib": process.memory("VmRSS") / MIB, "anonymous_mib": process.memory("RssAnon") / MIB}


def backlog(path, size):
    """All of it is there when the shipper starts.  The lines are those of the run, again and again."""
    log, topic = DIR / "backlog.log", Topic()
    text, lines = path.read_bytes(), 0
    with open(log, "wb") as out:
        while out.tell() < size:
            out.write(text)
            lines += text.count(b"\n")
        written = out.tell()
    try:
        got = measure(start_shipper([log], topic, "backlog"), lines, lambda: topic.records() >= lines, DEADLINE_S)
        return {**got, "gb": written / 1e9, "cpu_s": got["us"] * lines / 1e6}
    finally:
        topic.delete()
        log.unlink()


def one_file():
    """A sidecar that has little to do: the clock starts before the fork and stops at the first scrape that shows the line acknowledged."""
    folder, topic = fresh_folder("one"), Topic()
    (folder / "a.log").write_text("one line\n")
    begun = time.monotonic()
    process = start_shipper([folder / "a.log"], topic, "one-file")
    try:
        while acked(process) < 1:
            if time.monotonic() > begun + 20 or not process.alive():
                raise DidNotFinish("no line was acknowledged")
            time.sleep(FINE_POLL_S)
        first = (time.monotonic() - begun) * 1000
        time.sleep(QUIET_S)
        return {"first_line_ms": first, **sizes(process)}
    finally:
        process.stop()
        topic.delete()


def cpu_of_all_and_own(process):
    """Seconds of all threads, and of the first, which is the only one that is not a library's."""
    pid = process.popen.pid
    return harness.cpu_seconds(pid), harness.cpu_seconds(pid, [pid])


def quiet_files(seconds, scans):
    """Start with a line in each, then nothing happens: CPU until all is read, CPU while quiet, memory."""
    folder, topic = fresh_folder("quiet"), Topic()
    fill_with_quiet(folder, FILES)
    process = start_shipper([folder / "*.log"], topic, "quiet-files")
    try:
        if not wait_until(lambda: harness.is_quiet(process.popen.pid), 120, process):
            raise DidNotFinish("the quiet files were not read")
        start = process.cpu()
        rest(process, FILES, scans)
        before = cpu_of_all_and_own(process)
        time.sleep(seconds)
        idle, own = (100 * (after - then) / seconds for after, then in zip(cpu_of_all_and_own(process), before))
        return {"start_s": start, "idle_percent": idle, "idle_own_percent": own, **sizes(process), "peak_mib": process.memory() / MIB,
                "seconds": seconds}
    finally:
        process.stop()
        topic.delete()


# Figures of the part: title, MiB, of it anonymous, CPU.
ROWS = {
    "backlog": ("while {gb:.1f} GB are shipped at full speed, at most", "{mib:.1f}", "", "{cpu_s:.1f} s"),
    "one file": ("idle with one file", "{mib:.1f}", "{anonymous_mib:.1f}", "first line acknowledged after {first_line_ms:.0f} ms"),
    "quiet files": (f"{FILES:,} quiet files (at most {{peak_mib:.1f}})", "{mib:.1f}", "{anonymous_mib:.1f}",
                    "{start_s:.2f} s to ship a line of each, then {idle_percent:.2f} % of a core over {seconds} s, of it "
                    "{idle_own_percent:.2f} % outside librdkafka"),
}
SIDECAR = """| | measured | promised |
|---|---|---|
| start of the process to the first line acknowledged | {first_line_ms:.0f} ms | at most 300 ms |
| resident memory when quiet | {mib:.1f} MiB | at most 18 MiB |
| of it anonymous | {anonymous_mib:.1f} MiB | at most 6 MiB |
"""


def run(options):
    path, quick = input_file(options), options.quick
    result = {
        **rounds({"backlog": lambda: backlog(path, QUICK_BACKLOG if quick else BACKLOG)}, 1),
        **rounds({"one file": one_file}, options.rounds),
        **rounds({"quiet files": lambda: quiet_files(20, 2) if quick else quiet_files(60, 4)}, 1 if quick else options.rounds),
    }
    table("memory", ["what the shipper holds", "MiB", "of it anonymous", "CPU"],
          [[name, result[name]["failed"]] if "failed" in result[name] else [cell.format(**result[name]) for cell in cells]
           for name, cells in ROWS.items()])
    if "failed" not in result["one file"]:
        keep("sidecar", SIDECAR.format(**result["one file"]))
    return {"rows": result}
