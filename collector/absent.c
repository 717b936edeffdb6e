/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/absent.h"

static int is_absent(rd_kafka_t *rk, const char *topic)
{
        const struct rd_kafka_metadata *md;
        rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
        int ret = -1;

        if (!handle)
                return -1;
        if (rd_kafka_metadata(rk, 0, handle, &md, ABSENT_ASK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
                ret = md->topic_cnt == 1 && md->topics[0].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
                rd_kafka_metadata_destroy(md);
        }
        rd_kafka_topic_destroy(handle);
        return ret;
}

int absent_topic(rd_kafka_t *rk, const struct strlist *topics, const char **ret_topic)
{
        for (size_t i = 0; i < topics->n; i++) {
                int r = is_absent(rk, topics->v[i]);
                if (r != 0) {
                        *ret_topic = topics->v[i];
                        return r;
                }
        }
        return 0;
}
