/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_sentence: what librdkafka says of a broker (its error callback's text), as a sentence for people that names it. */
#ifndef SLUICE_SINKS_KAFKA_SENTENCE_H
#define SLUICE_SINKS_KAFKA_SENTENCE_H

#include <stddef.h>

void kafka_sentence(const char *text, char *ret, size_t size);

#endif
