# SPDX-License-Identifier: Apache-2.0
"""Kafka with TLS, client certificates and users: both programs work, `check` says what is wrong, no password is shown.

Then rights: what a user may no longer read is named as long as that is so, and goes on by itself when it no longer is.
"""
import os
import pathlib
import subprocess

import kafka
from harness import BIN, KAFKA, ROOT, Case, stack

HOST, PORT = KAFKA.split(":")[0], int(KAFKA.split(":")[1])
BY_CERTIFICATE, BY_PASSWORD = f"{HOST}:{PORT + 2}", f"{HOST}:{PORT + 3}"       # tests/stack/run
KAFKA_3 = f"{HOST}:{PORT + 10 + 3}"
USER, PASSWORD, WRONG = "alice", "alice-secret", "not-her-secret"
TLS = pathlib.Path(os.environ.get("SLUICE_STACK_DIR", ROOT / "build/stack")) / "kafka/tls"
CA = {"tls": True, "ca_file": str(TLS / "ca.pem")}
CERTIFICATE = {**CA, "client_cert": str(TLS / "client.pem"), "client_key": str(TLS / "client.key")}


def user(sasl, password=PASSWORD, **more):
    return {**CA, "sasl": sasl, "username": USER, "password": password, **more}


class Secure(Case):
    order = 24

    def test(self):
        self.said = ""
        self.topic_name = self.topic()
        secret = self.dir / "secret"
        secret.write_text(PASSWORD + "\n")
        os.environ["SLUICE_TEST_PASSWORD"] = PASSWORD
        self.checks(f"file:{secret}")
        self.works("cert", (BY_CERTIFICATE, CERTIFICATE), (BY_PASSWORD, user("plain", f"file:{secret}")))
        self.works("user", (BY_PASSWORD, user("plain")), (BY_PASSWORD, user("plain", "env:SLUICE_TEST_PASSWORD")))
        self.scram()
        self.wrong_password_while_running()
        self.rights()
        for program in self.programs:
            self.said += program.log.read_text()
        for password in (PASSWORD, WRONG):
            self.check(password not in self.said, f"{password} was shown")

    def programs_with(self, name, brokers, security, group="collector"):
        settings = {"brokers": brokers, "security": security}
        return (self.shipper(self.topic_name, f"shipper-{name}", (f"{name}.log",),
                             kafka={**settings, "topic": self.topic_name}),
                self.collector(self.topic_name, self.index(name), f"collector-{name}", group, settings))

    def checks(self, secret):
        password = "refuses the credentials: "
        for name, brokers, security, code, sentence in (
            ("plain", BY_PASSWORD, user("plain", secret), 0, None),
            ("client", BY_CERTIFICATE, CERTIFICATE, 0, None),
            ("wrong-plain", BY_PASSWORD, user("plain", WRONG), 77, password),
            ("wrong-scram", BY_PASSWORD, user("scram-sha-512", WRONG), 77, password),
            ("no-user", BY_PASSWORD, CA, 69, "kafka.security"),
            ("no-tls", BY_PASSWORD, {}, 69, "kafka.security"),
            ("stranger", BY_PASSWORD, user("plain", ca_file=str(TLS / "stranger.pem")), 69,
             "its certificate is signed by no authority that is trusted"),
            ("system", BY_PASSWORD, {"tls": True, "sasl": "plain", "username": USER, "password": PASSWORD}, 69,
             "its certificate is signed by no authority that is trusted"),
            ("no-certificate", BY_CERTIFICATE, CA, 69, "kafka.security"),
            ("no-password", BY_PASSWORD, {**CA, "sasl": "plain", "username": USER}, 78, "sasl: plain needs a password"),
        ):
            self.expect_check(name, brokers, security, code, sentence)

    def expect_check(self, name, brokers, security, code, sentence):
        (self.logs / f"{name}.log").write_text("")
        for program in self.programs_with(name, brokers, security):
            done = self.check_of(program)
            text = done.stdout + done.stderr
            self.check(done.returncode == code, f"{program.kind} check, {name}: exit {done.returncode}: {text}")
            self.check(sentence is None or sentence in text, f"{program.kind} check, {name}: {text}")

    def check_of(self, program):
        done = subprocess.run([BIN / f"sluice-{program.kind}", "check", "-c", program.path], capture_output=True, text=True,
                              timeout=60, cwd=self.dir)
        self.said += done.stdout + done.stderr
        self.programs.remove(program)           # it never runs
        return done

    def works(self, name, shipping, collecting):
        index = self.index(name)
        (self.logs / f"{name}.log").write_text("".join(f"{name} {n}\n" for n in range(100)))
        self.shipper(self.topic_name, f"shipper-{name}", (f"{name}.log",), kafka={
            "brokers": shipping[0], "security": shipping[1], "topic": self.topic_name}).run_once()
        self.collector(self.topic_name, index, f"collector-{name}", "works", kafka={
            "brokers": collecting[0], "security": collecting[1]}).run_once()
        self.wait_for_count(index, 100)

    def scram(self):
        """Kafka 4 takes it only from a librdkafka of 2.6.1 or later; the one before takes it from all."""
        for program in self.programs_with("scram-4", BY_PASSWORD, user("scram-sha-512")):
            done = self.check_of(program)
            self.check(done.returncode == 0 or "takes SCRAM only from librdkafka 2.6.1" in self.said, f"scram: {self.said}")
        if not self.options.long:
            return
        stack("up", "kafka3")
        ca = {"ca_file": str(TLS.parents[1] / "kafka3/tls/ca.pem")}
        try:
            for sasl in ("scram-sha-256", "scram-sha-512"):
                place = KAFKA_3, user(sasl, **ca)
                self.works(sasl, place, place)
                self.expect_check(sasl, *place, 0, None)
            self.expect_check("wrong-scram-3", KAFKA_3, user("scram-sha-512", WRONG, **ca), 77, "refuses the credentials: ")
        finally:
            stack("down", "kafka3")

    def wrong_password_while_running(self):
        (self.logs / "late.log").write_text("a line\n")
        for program in self.programs_with("late", BY_PASSWORD, user("scram-sha-512", WRONG)):
            program.start()
            sentence = f"kafka broker {BY_PASSWORD} refuses the credentials: "
            self.wait_until(f"{program.name} says so", lambda p=program: sentence in (p.status()["trouble"] or ""), 60)
            self.said += "".join(program.get(page)[1] for page in ("/status", "/metrics", "/readyz"))
            program.kill()

    def rights(self):
        group = f"{self.unique}-rights"
        index = self.index("rights")
        collector = self.collector(self.topic_name, index, "collector-rights", "rights", kafka={
            "brokers": BY_PASSWORD, "security": user("plain")}).start()
        self.wait_for_count(index, 200)
        kafka.deny(KAFKA, USER, kafka.TOPIC, self.topic_name)
        sentence = f"topic {self.topic_name} cannot be read: "
        try:
            self.wait_until("the topic is named", lambda: sentence in (collector.status()["trouble"] or ""), 60)
            (self.logs / "rights.log").write_text("".join(f"rights {n}\n" for n in range(100)))
            self.shipper(self.topic_name, "shipper-rights", ("rights.log",)).run_once()
            self.check(sentence in (collector.status()["trouble"] or ""), "the topic is no longer named")
        finally:
            kafka.allow_again(KAFKA, USER, kafka.TOPIC, self.topic_name)
        self.wait_for_count(index, 300, 60)
        self.wait_until("nothing is named", lambda: not collector.status()["trouble"], 30)
        collector.stop()

        kafka.deny(KAFKA, USER, kafka.GROUP, group)
        try:
            collector.start()
            self.wait_until("the group is named", lambda: f"group {group} takes no member of this user: " in
                            (collector.status()["trouble"] or ""), 60)
        finally:
            kafka.allow_again(KAFKA, USER, kafka.GROUP, group)
        self.wait_until("it is in the group", lambda: collector.status()["partitions"], 60)
        self.wait_until("nothing is named", lambda: not collector.status()["trouble"], 30)
        collector.stop()
