/* SPDX-License-Identifier: Apache-2.0 */
/* stats: what the collector counts.  The ledger, true at any moment:
 *
 *      records_consumed = records_indexed + records_duplicate + records_dead_lettered{reason}
 *                       + records_dropped{reason} + records_in_flight
 *
 * records_in_flight is counted up when a record is taken from Kafka and down when its outcome is
 * final; it is never computed from the others.  A record in the batch format counts as one until it is opened, then as
 * its lines.
 */
#ifndef SLUICE_COLLECTOR_STATS_H
#define SLUICE_COLLECTOR_STATS_H

#include "base/stat.h"

#define DEAD                                                                                         \
        "Records sent to the dead letters, by reason; bad_batch: began as one of the batch format and " \
        "could not be read."
#define DROPPED                                                                                      \
        "Records given up, by reason; taken_again: not settled before a reload, counted as consumed " \
        "once more after it."
#define FOREIGN "Records of other senders, by shape; json: of no known one, and rewritten."
#define DOUBLE_KEYS "Members left out because their key stood before them in the same event."

#define COLLECTOR_STATS(X)                                                                                  \
        X(COUNTER, consumed, "records_consumed_total", NULL, "Records taken from Kafka.")                   \
        X(COUNTER, indexed, "records_indexed_total", NULL, "Documents that were stored.")                   \
        X(COUNTER, duplicate, "records_duplicate_total", NULL, "Documents that stood there already.")       \
        X(COUNTER, dead_rejected, "records_dead_lettered_total", "reason=\"rejected\"", DEAD)               \
        X(COUNTER, dead_no_index, "records_dead_lettered_total", "reason=\"no_index\"", DEAD)               \
        X(COUNTER, dead_bad_batch, "records_dead_lettered_total", "reason=\"bad_batch\"", DEAD)              \
        X(COUNTER, dead_invalid, "records_dead_lettered_total", "reason=\"invalid\"", DEAD)                 \
        X(COUNTER, dead_parked, "records_dead_lettered_total", "reason=\"parked\"", DEAD)                   \
        X(COUNTER, dead_route, "records_dead_lettered_total", "reason=\"route\"", DEAD)                     \
        X(COUNTER, dropped_route, "records_dropped_total", "reason=\"route\"", DROPPED)                     \
        X(COUNTER, dropped_tombstone, "records_dropped_total", "reason=\"tombstone\"", DROPPED)             \
        X(COUNTER, dropped_refused, "records_dropped_total", "reason=\"dead_letter_refused\"", DROPPED)     \
        X(COUNTER, dropped_taken_again, "records_dropped_total", "reason=\"taken_again\"", DROPPED)           \
        X(COUNTER, batches, "batch_records_total", NULL,                                                    \
          "Records in the batch format that were expanded; each counts as its lines elsewhere.")            \
        X(GAUGE, in_flight, "records_in_flight", NULL, "Records taken and not yet settled.")                \
        X(COUNTER, consumed_bytes, "consumed_bytes_total", NULL, "Payload bytes taken from Kafka.")         \
        X(COUNTER, text_records, "text_records_total", NULL, "Records that were no JSON object.")           \
        X(COUNTER, foreign_filebeat, "records_foreign_total", "shape=\"filebeat\"", FOREIGN)                \
        X(COUNTER, foreign_fluent_bit, "records_foreign_total", "shape=\"fluent-bit\"", FOREIGN)            \
        X(COUNTER, foreign_vector, "records_foreign_total", "shape=\"vector\"", FOREIGN)                    \
        X(COUNTER, foreign_logstash, "records_foreign_total", "shape=\"logstash\"", FOREIGN)                \
        X(COUNTER, foreign_docker, "records_foreign_total", "shape=\"docker\"", FOREIGN)                    \
        X(COUNTER, foreign_gelf, "records_foreign_total", "shape=\"gelf\"", FOREIGN)                        \
        X(COUNTER, foreign_journald, "records_foreign_total", "shape=\"journald\"", FOREIGN)                \
        X(COUNTER, foreign_json, "records_foreign_total", "shape=\"json\"", FOREIGN)                        \
        X(COUNTER, double_keys, "double_keys_total", NULL, DOUBLE_KEYS)                                     \
        X(COUNTER, utf8_repaired, "utf8_repaired_total", NULL, "Records whose invalid UTF-8 was repaired.") \
        X(COUNTER, processed, "records_processed_total", NULL, "Records that a rule of process has changed.")  \
        X(COUNTER, parse_left, "parse_faults_total", NULL,                                                   \
          "Texts that a rule of process was to parse and that were not what they should be; they stay as they are.") \
        X(COUNTER, redacted, "redactions_total", NULL, "Values from which something was taken out.")          \
        X(GAUGE, held_bytes, "held_bytes", NULL, "Bytes of documents held.")                                \
        X(GAUGE, budget_bytes, "budget_bytes", NULL, "Bound of held_bytes; partitions pause there.")        \
        X(COUNTER, pauses, "pauses_total", NULL, "Times the budget was full and partitions were paused.")   \
        X(GAUGE, paused, "paused", NULL, "1 while partitions are paused.")                                  \
        X(GAUGE, partitions_paused, "partitions_paused", NULL,                                              \
          "Partitions paused alone: they hold their share of the budget and wait.")                         \
        X(GAUGE, partitions, "partitions", NULL, "Partitions assigned.")                                    \
        X(COUNTER, rebalances, "rebalances_total", NULL, "Assignments and revocations.")                    \
        X(COUNTER, revoke_timeouts, "revoke_timeouts_total", NULL,                                          \
          "Revocations that could not be drained in time; their records come again elsewhere.")             \
        X(COUNTER, late_answers, "late_answers_total", NULL,                                                \
          "Records settled after their partition had gone; their offsets were not committed here.")         \
        X(COUNTER, reloads, "reloads_total", NULL, "Configurations taken over while running.")              \
        X(COUNTER, reload_errors, "reload_errors_total", NULL, "Configurations that were refused.")         \
        X(COUNTER, commits, "commits_total", NULL, "Offset commits that succeeded.")                        \
        X(COUNTER, commit_errors, "commit_errors_total", NULL, "Offset commits that failed.")               \
        X(COUNTER, consumer_errors, "consumer_errors_total", NULL, "Errors the consumer reported.")         \
        X(COUNTER, overdue, "overdue_total", NULL,                                                          \
          "Times the oldest record of a partition was not settled for five minutes; /status names it.")     \
        X(COUNTER, offset_resets, "offset_resets_total", NULL,                                              \
          "Partitions whose next offset no longer existed.")                                                \
        X(COUNTER, from_future, "records_from_future_total", NULL,                                          \
          "Records whose Kafka timestamp is a minute ahead of this clock: somebody's is wrong.")            \
        X(COUNTER, records_lost, "records_lost_total", NULL,                                                \
          "Offsets that Kafka deleted before they were read.")

struct collector_stats {
        COLLECTOR_STATS(STAT_MEMBER)
};

#endif
