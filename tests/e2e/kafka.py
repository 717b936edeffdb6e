# SPDX-License-Identifier: Apache-2.0
"""What the tests look up in Kafka themselves, so that no program under test vouches for itself.

The few requests that this takes, at the oldest versions a broker still speaks.  One broker leads all partitions.
https://kafka.apache.org/protocol, record batches: https://kafka.apache.org/documentation/#recordbatch
"""
import socket
import struct
import time

FETCH, LIST_OFFSETS, OFFSET_FETCH = (1, 4), (2, 1), (9, 1)      # (API key, version)
LATEST = -1
MAX_BYTES = 64 << 20


class Reader:
    def __init__(self, data):
        self.data, self.pos = data, 0

    def take(self, form):
        """The first of the values; the others are passed over."""
        values = struct.unpack_from(">" + form, self.data, self.pos)
        self.pos += struct.calcsize(">" + form)
        return values[0]

    def bytes(self, length):
        """None for a length of -1."""
        if length < 0:
            return None
        self.pos += length
        return self.data[self.pos - length:self.pos]

    def string(self):
        return self.bytes(self.take("h"))

    def array(self, read):
        return [read() for _ in range(self.take("i"))]

    def varint(self):
        """Zigzag, as in records."""
        value = shift = 0
        while True:
            byte = self.take("B")
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return (value >> 1) ^ -(value & 1)

    def rest(self):
        return len(self.data) - self.pos


def string(text):
    return struct.pack(">h", len(text.encode())) + text.encode()


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def ask(broker, api, body):
    host, port = broker.split(":")
    request = struct.pack(">hhi", *api, 1) + string("sluice-e2e") + body
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as stream:
            answer = Reader(stream.read(*struct.unpack(">i", stream.read(4))))
    answer.take("i")                                    # correlation id: there is one request
    return answer


def trust(code, what):
    if code:
        raise ConnectionError(f"{what}: error {code}")


def end_offsets(broker, topic, partitions):
    """{partition: offset of the next record}"""
    wanted = [struct.pack(">iq", p, LATEST) for p in range(partitions)]
    answer = ask(broker, LIST_OFFSETS, struct.pack(">i", -1) + array([string(topic) + array(wanted)]))
    ends = {}

    def partition():
        number, error, _, ends[number] = answer.take("i"), answer.take("h"), answer.take("q"), answer.take("q")
        trust(error, "ListOffsets")

    answer.array(lambda: (answer.string(), answer.array(partition)))
    return ends


def committed_offsets(broker, group, topic, partitions):
    """{partition: offset}, -1 where the group never committed one"""
    wanted = [struct.pack(">i", p) for p in range(partitions)]
    answer = ask(broker, OFFSET_FETCH, string(group) + array([string(topic) + array(wanted)]))
    offsets = {}

    def partition():
        number, offsets[number], _, error = answer.take("i"), answer.take("q"), answer.string(), answer.take("h")
        trust(error, "OffsetFetch")

    answer.array(lambda: (answer.string(), answer.array(partition)))
    return offsets


def records(broker, topic, partitions):
    """(key, value, {header: value}) of every record, as bytes.  The topic's compression.type must be `uncompressed`."""
    for number, end in end_offsets(broker, topic, partitions).items():
        offset, deadline = 0, time.monotonic() + 30
        while offset < end:
            for at, record in batches(fetch(broker, topic, number, offset), offset):
                yield record
                offset = at + 1
            # A broker may answer with nothing, where a record stands: only what was read is passed over.
            if offset < end and time.monotonic() > deadline:
                raise TimeoutError(f"{topic}/{number}: reading stopped at {offset}, before {end}")


def fetch(broker, topic, partition, offset):
    wanted = struct.pack(">iqi", partition, offset, MAX_BYTES)
    body = struct.pack(">iiiib", -1, 1000, 1, MAX_BYTES, 0) + array([string(topic) + array([wanted])])
    answer = ask(broker, FETCH, body)
    answer.take("i")                                    # throttle time

    def read_partition():
        _, error, _, _ = answer.take("i"), answer.take("h"), answer.take("q"), answer.take("q")
        trust(error, "Fetch")
        answer.array(lambda: answer.take("qq"))         # aborted transactions: null
        return answer.bytes(answer.take("i"))

    ((_, (data,)),) = answer.array(lambda: (answer.string(), answer.array(read_partition)))
    return data


def batches(data, first):
    """(offset, record) from offset `first` on; a batch comes whole, whatever offset was asked for."""
    reader = Reader(data)
    while reader.rest() > 0:
        base, length = reader.take("q"), reader.take("i")
        batch = Reader(reader.bytes(length))
        batch.take("ibI")                               # epoch, magic, checksum: TCP has one
        if batch.take("h") & 7:
            raise ValueError("a compressed batch")
        batch.take("iqqqhi")                            # what a consumer does not need
        for _ in range(batch.take("i")):
            offset, record = read_record(batch)
            if base + offset >= first:
                yield base + offset, record


def read_record(batch):
    batch.varint()                                      # length
    batch.take("b")
    batch.varint()                                      # timestamp
    offset = batch.varint()
    key, value = batch.bytes(batch.varint()), batch.bytes(batch.varint())
    headers = {batch.bytes(batch.varint()).decode(): batch.bytes(batch.varint()) for _ in range(batch.varint())}
    return offset, (key, value, headers)


# --- who may do what -------------------------------------------------------------------------------

CREATE_ACLS, DELETE_ACLS = (30, 1), (31, 1)
TOPIC, GROUP = 2, 3                                     # kinds of resources
LITERAL, READ, WRITE, DENY = 3, 3, 4, 2


def deny(broker, user, kind, name, what=READ):
    """The user may not read (or write) a topic, or be in a group, until allow_again."""
    rule = struct.pack(">b", kind) + string(name) + struct.pack(">b", LITERAL) + string(f"User:{user}") + string("*")
    answer = ask(broker, CREATE_ACLS, array([rule + struct.pack(">bb", what, DENY)]))
    answer.take("i")                                    # throttle time
    answer.array(lambda: (trust(answer.take("h"), "CreateAcls"), answer.string()))


def allow_again(broker, user, kind, name, what=READ):
    rule = struct.pack(">b", kind) + string(name) + struct.pack(">b", LITERAL) + string(f"User:{user}") + string("*")
    answer = ask(broker, DELETE_ACLS, array([rule + struct.pack(">bb", what, DENY)]))
    answer.take("i")                                    # throttle time; what was deleted is not looked at
    answer.array(lambda: trust(answer.take("h"), "DeleteAcls")) if answer.rest() else None
