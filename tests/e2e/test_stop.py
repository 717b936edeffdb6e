# SPDX-License-Identifier: Apache-2.0
"""A stop in the middle of a backlog: at once, for what is left stays in its file; or, with read_on_stop, when it is shipped,
for a sidecar's files go with its pod."""
import json

from harness import TAG, Case

LINES = 300_000


class Stop(Case):
    needs_servers = False
    order = 12

    def test(self):
        self.loggen("a", lines=LINES).end()
        with open(self.logs / "a.log", "a", encoding="ascii") as log:
            log.write(f"n=a-{LINES} the last one has no end")
        wanted = LINES + 1
        plain = self.stopped_early("plain", read_on_stop=False)
        whole = self.stopped_early("sidecar", read_on_stop=True, stop_timeout="60 s")
        self.figures["plain"], self.figures["sidecar"] = plain, whole
        self.check(whole == wanted, f"{whole} of {wanted} lines came before a stop with read_on_stop")
        self.check(plain < wanted, "all lines came before a stop without it: the test shows nothing")

    def stopped_early(self, name, **config):
        """Stopped when the first lines are out: how many came to be."""
        out = self.dir / f"{name}.ndjson"
        shipper = self.shipper("none", name, output="file", file={"path": str(out), "rotate_size": "1 GiB"}, memory="8 MiB", **config)
        shipper.start()
        self.wait_until("the first lines are out", lambda: out.exists() and out.stat().st_size > 0, 20)
        shipper.stop(90)
        tags = {tag for path in self.dir.glob(f"{name}.ndjson*") for line in path.open(encoding="utf-8")
                for tag in TAG.findall(json.loads(line)["message"])}
        return len(tags)
