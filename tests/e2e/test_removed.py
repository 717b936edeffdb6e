# SPDX-License-Identifier: Apache-2.0
"""A file that is deleted while Kafka takes nothing is held open, over a reload too, and shipped in the end."""
import os
import signal

from harness import Case
from mock import TOPIC_AUTHORIZATION_FAILED, MockKafka


class Removed(Case):
    order = 25
    needs_servers = False
    LINES = 200

    def config(self, service, **more):
        return {"scan_interval": "300 ms", "stop_timeout": "1 s",
                "inputs": ({"paths": [str(self.logs / "*.log")], "service": service, **more},)}

    def test(self):
        kafka = MockKafka()
        topic = kafka.topic("logs", TOPIC_AUTHORIZATION_FAILED)
        settings = {"kafka": {"brokers": kafka.brokers, "topic": topic}, "state": str(self.dir / "state")}
        shipper = self.shipper(topic, **{**settings, **self.config("before")}).start()
        self.loggen("a", lines=self.LINES).end()
        self.wait_until("all is read", lambda: shipper.metric("lines_read_total") == self.LINES, 30)
        os.unlink(self.logs / "a.log")
        self.wait_until("it is said to be held", lambda: shipper.metric("files_removed_open") == 1, 30)
        self.check(shipper.metric("files_removed_open_bytes") > 0, "its bytes are said")
        self.wait_until("the log warns", lambda: "deleted files are held open" in shipper.log.read_text(), 10)

        shipper.write_config({"http": shipper.url.removeprefix("http://"), **settings, **self.config("after")})
        shipper.process.send_signal(signal.SIGHUP)
        self.wait_until("the configuration is taken over", lambda: shipper.metric("reloads_total") == 1, 30)
        self.check(shipper.metric("files_open") == 1, "the deleted file is still open")
        kafka.topic("logs", 0)
        self.wait_until("all is acknowledged", lambda: shipper.metric("lines_acked_total") == self.LINES, 60)
        self.wait_until("it is let go", lambda: shipper.metric("files") == 0, 30)
        self.check(shipper.metric("bytes_lost_total") == 0, "nothing is lost")
        shipper.check_ledger()
        shipper.stop()
        kafka.close()
