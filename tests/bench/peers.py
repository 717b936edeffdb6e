# SPDX-License-Identifier: Apache-2.0
"""Other shippers, run as private processes with settings that are fair: acks from all, lz4, large batches, the same event."""
import shutil
import sys

from measure import DIR, KAFKA, Process

RSYSLOG_MODULES = "/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog"

SHIPPER = """
global(workDirectory="{state}" maxMessageSize="600k" net.enableDNS="off" localHostname="bench-host")
main_queue(queue.size="100000" queue.dequeueBatchSize="2048")
module(load="imfile" mode="inotify")
module(load="omkafka")
template(name="event" type="list" option.jsonf="on") {{
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
  property(outname="log.file.path" name="$!metadata!filename" format="jsonf")
  property(outname="log.offset" name="$!metadata!fileoffset" format="jsonf")
  constant(outname="service.name" value="bench" format="jsonf")
  property(outname="host.name" name="hostname" format="jsonf")
}}
ruleset(name="ship") {{
  action(type="omkafka" broker=["{brokers}"] topic="{topic}" template="event" partitions.auto="on" resubmitOnFailure="on"
         confParam=["acks=all", "compression.codec=lz4", "linger.ms=5", "queue.buffering.max.messages=100000"])
}}
{inputs}
"""
INPUT = 'input(type="imfile" file="{path}" tag="bench" addMetadata="on" ruleset="ship")\n'

COLLECTOR = """
global(workDirectory="{state}" maxMessageSize="600k" net.enableDNS="off")
main_queue(queue.size="100000" queue.dequeueBatchSize="5000")
module(load="imkafka")
module(load="omelasticsearch")
template(name="event" type="string" string="%msg%")
ruleset(name="index") {{
  action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" usehttps="off" searchIndex="{index}" searchType=""
         bulkmode="on" maxbytes="10m" template="event")
}}
input(type="imkafka" topic="{topic}" broker=["{brokers}"] consumergroup="{group}" ruleset="index"
      confParam=["auto.offset.reset=earliest"])
"""


def rsyslog_missing(*modules):
    """None, or what there is to install."""
    if not shutil.which("rsyslogd"):
        return "not installed (Debian: rsyslog rsyslog-kafka rsyslog-elasticsearch)"
    for module in modules:
        if not any((DIR / folder / f"{module}.so").exists() for folder in RSYSLOG_MODULES):
            return f"{module} is not installed (Debian: rsyslog-kafka rsyslog-elasticsearch)"
    return None


def rsyslog(name, config):
    state = DIR / "rsyslog"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    path = DIR / f"{name}.conf"
    path.write_text(config.replace("{state}", str(state)))
    return Process(name, ["rsyslogd", "-n", "-f", path, "-i", state / "pid"])


def rsyslog_shipper(paths, topic):
    inputs = "".join(INPUT.format(path=path) for path in paths)
    return rsyslog("rsyslog-shipper", SHIPPER.format(state="{state}", brokers=KAFKA, topic=topic.name, inputs=inputs))


def rsyslog_collector(topic, port, group, index="logs-bench-default"):
    return rsyslog("rsyslog-collector", COLLECTOR.format(state="{state}", brokers=KAFKA, topic=topic.name, port=port, group=group,
                                                         index=index))


def named(options):
    for peer in options.peer:
        name, equals, command = peer.partition("=")
        if not equals:
            sys.exit(f"bench: --peer {peer}: is not NAME=COMMAND")
        yield name, command


def other(name, command, part, **facts):
    """--peer NAME=COMMAND: a shell command; it finds in BENCH_* what it has to do."""
    env = {"BENCH_PART": part, "BENCH_BROKERS": KAFKA, **{f"BENCH_{key.upper()}": str(v) for key, v in facts.items()}}
    return Process(f"peer-{name}-{part}", ["sh", "-c", f"exec {command}"], env)
