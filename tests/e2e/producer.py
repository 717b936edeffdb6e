# SPDX-License-Identifier: Apache-2.0
"""A producer for the tests, by librdkafka through ctypes: any codec, transactions, tombstones, TLS and SASL."""
import ctypes

PRODUCER, COPY = 0, 2
VTYPE_END, VTYPE_TOPIC, VTYPE_PARTITION, VTYPE_VALUE, VTYPE_MSGFLAGS = 0, 1, 3, 4, 7
SECONDS_MS = 30_000


class Producer:
    """with Producer(brokers, {"compression.type": "zstd"}) as p: p.put(topic, partition, b"...")"""

    def __init__(self, brokers, properties=()):
        self.library = ctypes.CDLL("librdkafka.so.1")
        for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_init_transactions", "rd_kafka_begin_transaction",
                     "rd_kafka_commit_transaction", "rd_kafka_abort_transaction"):
            getattr(self.library, name).restype = ctypes.c_void_p
        self.library.rd_kafka_error_string.restype = ctypes.c_char_p
        conf, why = ctypes.c_void_p(self.library.rd_kafka_conf_new()), ctypes.create_string_buffer(512)
        for name, value in {"bootstrap.servers": brokers, "linger.ms": "50", "log_level": "3", **dict(properties)}.items():
            if self.library.rd_kafka_conf_set(conf, name.encode(), value.encode(), why, ctypes.c_size_t(len(why))):
                raise ValueError(why.value.decode())
        self.client = ctypes.c_void_p(self.library.rd_kafka_new(PRODUCER, conf, why, ctypes.c_size_t(len(why))))
        if not self.client:
            raise ValueError(why.value.decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.flush()
        self.library.rd_kafka_destroy(self.client)

    def put(self, topic, partition, value):
        """value None: a tombstone."""
        code = self.library.rd_kafka_producev(
            self.client, VTYPE_TOPIC, ctypes.c_char_p(topic.encode()), VTYPE_PARTITION, ctypes.c_int32(partition),
            VTYPE_VALUE, ctypes.c_char_p(value), ctypes.c_size_t(len(value or b"")), VTYPE_MSGFLAGS, ctypes.c_int(COPY),
            VTYPE_END)
        if code:
            raise OSError(f"produce: {code}")

    def flush(self):
        code = self.library.rd_kafka_flush(self.client, SECONDS_MS)
        if code:
            raise OSError(f"flush: {code}")

    def _transaction(self, step, *arguments):
        error = ctypes.c_void_p(getattr(self.library, f"rd_kafka_{step}")(self.client, *arguments))
        if error:
            raise OSError(f"{step}: {self.library.rd_kafka_error_string(error).decode()}")

    def init(self):
        """Once, with transactional.id."""
        self._transaction("init_transactions", SECONDS_MS)

    def transaction(self, records, commit=True):
        """records: (topic, partition, value); an aborted one is written too, and then a mark that it does not count."""
        self._transaction("begin_transaction")
        for record in records:
            self.put(*record)
        self.flush()
        self._transaction("commit_transaction" if commit else "abort_transaction", SECONDS_MS)
