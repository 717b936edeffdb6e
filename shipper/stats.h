/* SPDX-License-Identifier: Apache-2.0 */
/* stats: what the shipper counts.  The ledger, true at any moment:
 *
 *      lines_read = lines_acked + lines_dropped{reason} + lines_in_flight
 *
 * lines_in_flight is counted up when a line enters a batch and down when its
 * verdict arrives; it is never computed from the others.
 */
#ifndef SLUICE_SHIPPER_STATS_H
#define SLUICE_SHIPPER_STATS_H

#include "base/stat.h"

#define LINES_DROPPED                                                                             \
        "Lines given up, by reason; rejected: the output will never take them; read_again: not "   \
        "acknowledged before a reload, counted as read once more after it; filtered: include or "       \
        "exclude; rate_limited: beyond the input's rate_limit."

#define FILES_CLOSED                                                                              \
        "Files closed though they are still there, by reason; idle: close_idle; limit: files_open_limit " \
        "was reached."

#define DATAGRAMS_DROPPED                                                                         \
        "Datagrams lost, by reason; ring_full: there was no room on disk; kernel: they came faster "  \
        "than they were read."

#define LINES_UNPARSED                                                                            \
        "Lines that were not what their input's parse or container says, shipped whole as text, by reason; "     \
        "pattern_limit: the search was given up; too_large: with what it says the record would be larger than the "   \
        "topic takes."

#define ARCHIVES_FAILED                                                                           \
        "Compressed files of which not all could be read, by reason; truncated: it ends too early; "   \
        "corrupt: a checksum or a block is wrong; too_large: it needs more than half of memory."

#define SHIPPER_STATS(X)                                                                                      \
        X(COUNTER, lines_read, "lines_read_total", NULL, "Lines framed from files.")                          \
        X(COUNTER, lines_acked, "lines_acked_total", NULL, "Lines the output acknowledged.")                  \
        X(COUNTER, dropped_rejected, "lines_dropped_total", "reason=\"rejected\"",                            \
          LINES_DROPPED)                            \
        X(COUNTER, dropped_read_again, "lines_dropped_total", "reason=\"read_again\"",                        \
          LINES_DROPPED)                            \
        X(COUNTER, dropped_filtered, "lines_dropped_total", "reason=\"filtered\"", LINES_DROPPED)            \
        X(COUNTER, dropped_rate_limited, "lines_dropped_total", "reason=\"rate_limited\"", LINES_DROPPED)    \
        X(COUNTER, redacted, "redactions_total", NULL, "Places of lines that were redacted.")                 \
        X(COUNTER, unparsed_json, "lines_unparsed_total", "reason=\"not_json\"", LINES_UNPARSED)              \
        X(COUNTER, unparsed_logfmt, "lines_unparsed_total", "reason=\"not_logfmt\"", LINES_UNPARSED)          \
        X(COUNTER, unparsed_no_match, "lines_unparsed_total", "reason=\"no_match\"", LINES_UNPARSED)          \
        X(COUNTER, unparsed_gave_up, "lines_unparsed_total", "reason=\"pattern_limit\"", LINES_UNPARSED)      \
        X(COUNTER, unparsed_too_many, "lines_unparsed_total", "reason=\"too_many_members\"", LINES_UNPARSED)    \
        X(COUNTER, unparsed_container, "lines_unparsed_total", "reason=\"not_container\"", LINES_UNPARSED)    \
        X(COUNTER, unparsed_too_large, "lines_unparsed_total", "reason=\"too_large\"", LINES_UNPARSED)        \
        X(COUNTER, bad_times, "timestamps_unparsed_total", NULL,                                              \
          "Lines whose time is in none of time_formats; theirs is the read time.")                            \
        X(COUNTER, double_keys, "double_keys_total", NULL,                                                    \
          "Members of lines left out because one of their name stood before them.")                           \
        X(GAUGE, lines_in_flight, "lines_in_flight", NULL, "Lines read and not yet settled.")                 \
        X(COUNTER, lines_truncated, "lines_truncated_total", NULL, "Lines cut at max_line_bytes or at the topic's limit.")            \
        X(COUNTER, utf8_repaired, "utf8_repaired_total", NULL, "U+FFFD put in for invalid UTF-8.")            \
        X(COUNTER, bytes_read, "bytes_read_total", NULL, "Bytes of the lines framed from files.")             \
        X(COUNTER, bytes_cut, "bytes_cut_total", NULL, "Bytes of long lines beyond max_line_bytes, skipped.") \
        X(COUNTER, lost_truncated, "bytes_lost_total", "reason=\"truncated\"",                                \
          "Bytes that vanished before they were shipped, as far as known, by reason.")                       \
        X(COUNTER, lost_vanished, "bytes_lost_total", "reason=\"vanished\"",                                  \
          "Bytes that vanished before they were shipped, as far as known, by reason.")                       \
        X(COUNTER, lost_removed, "bytes_lost_total", "reason=\"removed\"",                                    \
          "Bytes that vanished before they were shipped, as far as known, by reason.")                       \
        X(COUNTER, lost_archive, "bytes_lost_total", "reason=\"archive\"",                                    \
          "Bytes that vanished before they were shipped, as far as known, by reason.")                       \
        X(COUNTER, archives_read, "archives_read_total", NULL,                                                \
          "Compressed files in which the rest of a file was found, or which a pattern names.")               \
        X(COUNTER, archives_truncated, "archives_failed_total", "reason=\"truncated\"", ARCHIVES_FAILED)      \
        X(COUNTER, archives_corrupt, "archives_failed_total", "reason=\"corrupt\"", ARCHIVES_FAILED)          \
        X(COUNTER, archives_too_large, "archives_failed_total", "reason=\"too_large\"", ARCHIVES_FAILED)      \
        X(GAUGE, files, "files", NULL, "Files known.")                                                        \
        X(GAUGE, files_open, "files_open", NULL, "Files held open.")                                          \
        X(GAUGE, files_open_limit, "files_open_limit", NULL, "Bound of files_open.")                          \
        X(COUNTER, closed_idle, "files_closed_total", "reason=\"idle\"", FILES_CLOSED)                        \
        X(COUNTER, closed_limit, "files_closed_total", "reason=\"limit\"", FILES_CLOSED)                      \
        X(COUNTER, files_reopened, "files_reopened_total", NULL, "Files opened again because they grew.")     \
        X(GAUGE, files_removed, "files_removed_open", NULL,                                                   \
          "Deleted files held open at the last scan because they are not shipped yet.")                      \
        X(GAUGE, removed_bytes, "files_removed_open_bytes", NULL,                                             \
          "What of them is not acknowledged.")                                                               \
        X(GAUGE, files_copies, "files_copies", NULL,                                                          \
          "Files left alone at the last scan because a known file holds the same.")                          \
        X(COUNTER, copies_followed, "copies_followed_total", NULL,                                            \
          "Files that went on in a copy of theirs after they were truncated or had vanished.")               \
        X(GAUGE, files_ignored, "files_ignored", NULL, "Files that ignore_older left alone at the last scan.") \
        X(COUNTER, files_found, "files_found_total", NULL, "Files that were new.")                            \
        X(COUNTER, rotations, "rotations_total", NULL, "Files seen to be renamed away from their pattern.")   \
        X(COUNTER, file_errors, "file_errors_total", NULL, "Files that could not be opened or read.")         \
        X(COUNTER, scans, "scans_total", NULL, "Runs over all patterns.")                                     \
        X(GAUGE, dirs_unwatched, "directories_unwatched", NULL,                                               \
          "Directories without the kernel's events: what happens there is seen by the scan alone.")           \
        X(GAUGE, dirs_polled, "directories_polled", NULL,                                                     \
          "Directories of file systems whose events cannot be trusted: their files are looked at.")          \
        X(COUNTER, polls, "polls_total", NULL, "Times a file was looked at because no event tells of it.")    \
        X(COUNTER, watch_overflows, "watch_overflows_total", NULL,                                            \
          "Times the kernel's event queue overflowed; a scan makes up for it.")                               \
        X(GAUGE, connections, "connections", NULL, "Connections of inputs that listen.")                     \
        X(COUNTER, connections_accepted, "connections_accepted_total", NULL, "Connections taken.")            \
        X(COUNTER, connections_refused, "connections_refused_total", NULL,                                    \
          "Connections closed at once because max_connections was reached.")                                 \
        X(COUNTER, connections_idle, "connections_idle_total", NULL, "Connections closed by idle_timeout.")   \
        X(COUNTER, received_bytes, "received_bytes_total", NULL, "Bytes from sockets, stdin and the journal.")\
        X(COUNTER, records_received, "records_received_total", NULL,                                          \
          "Lines, datagrams and journal entries that went into a ring.")                                     \
        X(COUNTER, datagrams_dropped_full, "datagrams_dropped_total", "reason=\"ring_full\"",                 \
          DATAGRAMS_DROPPED)                                                                                 \
        X(COUNTER, datagrams_dropped_kernel, "datagrams_dropped_total", "reason=\"kernel\"",                  \
          DATAGRAMS_DROPPED)                                                                                 \
        X(COUNTER, journal_lost, "journal_cursor_lost_total", NULL,                                           \
          "Times the journal had no entry any more where the last run stopped: it is read from its oldest.") \
        X(GAUGE, journal_time, "journal_last_entry_timestamp_seconds", NULL,                                  \
          "When the journal entry that was read last was written, since 1970; 0: none yet.")                 \
        X(GAUGE, ring_bytes, "ring_bytes", NULL, "Bytes in the rings of inputs that listen.")                 \
        X(GAUGE, ring_limit_bytes, "ring_limit_bytes", NULL, "Bound of ring_bytes.")                          \
        X(COUNTER, ring_full, "ring_full_total", NULL, "Times a ring was full or its disk took nothing.")     \
        X(GAUGE, held_bytes, "held_bytes", NULL, "Bytes of lines held in batches.")                           \
        X(GAUGE, budget_bytes, "budget_bytes", NULL, "Bound of held_bytes; reading stops there.")             \
        X(COUNTER, divided, "records_divided_total", NULL,                                                    \
          "Records of the batch format that were refused and went again in halves.")                         \
        X(COUNTER, reading_stopped, "reading_stopped_total", NULL, "Times the budget was full.")              \
        X(COUNTER, reloads, "reloads_total", NULL, "Configurations taken over while running.")                \
        X(COUNTER, reload_errors, "reload_errors_total", NULL, "Configurations that were refused.")           \
        X(COUNTER, checkpoint_writes, "checkpoint_writes_total", NULL, "Times positions reached the disk.")   \
        X(COUNTER, checkpoint_errors, "checkpoint_errors_total", NULL, "Times they could not.")               \
        X(HISTOGRAM, checkpoint_seconds, "checkpoint_seconds", NULL,                                          \
          "Time that storing positions took, on a thread that no line waits for.")

struct shipper_stats {
        SHIPPER_STATS(STAT_MEMBER)
};

#endif
