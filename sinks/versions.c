/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/versions.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>

#include "config/load.h"
#include "event/archive.h"
#include "event/ident.h"
#include "event/pattern.h"
#include "sinks/es_answer.h"
#include "sinks/es_body.h"
#include "sinks/http_client.h"
#include "sinks/roll.h"
#include "status/http.h"

const char *versions_text(void)
{
        static char text[512];
        const unsigned hash = ident_hash_version(), yajl = (unsigned)es_answer_version();

        snprintf(text, sizeof(text),
                 "librdkafka %s\nlibcurl %s\nyajl %u.%u.%u\nlz4 %s\n"
                 "libconfig %s\nlibdeflate %s\nlibmicrohttpd %s\nxxhash %u.%u.%u\npcre2 %s\n%s",
                 rd_kafka_version_str(), http_client_version(), yajl / 10000, yajl / 100 % 100, yajl % 100,
                 roll_version(), load_version(), es_body_version(), http_version(), hash / 10000,
                 hash / 100 % 100, hash % 100, pattern_version(), archive_versions());
        return text;
}
