# SPDX-License-Identifier: Apache-2.0
"""A Kafka that refuses on demand: librdkafka's mock cluster, inside the test's own process.

A real broker does not say "not authorized" to everybody, or lack replicas that it never had.
https://github.com/confluentinc/librdkafka/blob/v2.0.2/src/rdkafka_mock.h
"""
import ctypes

PRODUCE, OFFSET_FETCH = 0, 9                                    # API keys
UNKNOWN_TOPIC_OR_PART, TOPIC_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED, NOT_ENOUGH_REPLICAS = 3, 29, 30, 19
PRODUCER = 0
MANY = 10000                                                    # requests: more than a test makes


class MockKafka:
    def __init__(self):
        self.library = ctypes.CDLL("librdkafka.so.1")
        for name, kind in (("conf_new", ctypes.c_void_p), ("new", ctypes.c_void_p),
                           ("mock_cluster_new", ctypes.c_void_p), ("mock_cluster_bootstraps", ctypes.c_char_p)):
            getattr(self.library, f"rd_kafka_{name}").restype = kind
        why = ctypes.create_string_buffer(512)
        conf = ctypes.c_void_p(self.library.rd_kafka_conf_new())
        self.library.rd_kafka_conf_set(conf, b"log_level", b"3", None, 0)      # not that it has no broker itself
        self.client = ctypes.c_void_p(self.library.rd_kafka_new(PRODUCER, conf, why, len(why)))
        self.cluster = ctypes.c_void_p(self.library.rd_kafka_mock_cluster_new(self.client, 1))
        if not self.client or not self.cluster:
            raise OSError(f"no mock cluster: {why.value.decode()}")
        self.brokers = self.library.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()

    def topic(self, name, error=0):
        """One partition; with an error, that is what everybody hears about the topic."""
        self.library.rd_kafka_mock_topic_create(self.cluster, name.encode(), 1, 1)
        self.library.rd_kafka_mock_topic_set_error(self.cluster, name.encode(), error)
        return name

    def refuse(self, request, error):
        """Every request of that kind, of every client, from now on."""
        errors = (ctypes.c_int * MANY)(*[error] * MANY)
        self.library.rd_kafka_mock_push_request_errors_array(self.cluster, ctypes.c_int16(request),
                                                             ctypes.c_size_t(MANY), errors)

    def close(self):
        self.library.rd_kafka_mock_cluster_destroy(self.cluster)
        self.library.rd_kafka_destroy(self.client)
