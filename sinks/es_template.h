/* SPDX-License-Identifier: Apache-2.0 */
/* es_template: the composable index template for what Sluice writes.  Pure, no state.
 *
 *      index = "logs-{service.name:generic}-default"
 *        name      sluice-logs-any-default
 *        pattern   logs-*-default            a data stream, since the name has the form type-dataset-namespace
 *        sample    logs-any-default          a name that the pattern fits, to ask the cluster about
 *
 * The mapping names the ECS fields that both programs write, so that the first document cannot decide their types;
 * all other text becomes keyword.  It holds nothing that Elasticsearch 7.17 to 9 and OpenSearch 2 and 3 do not share.
 *
 * A template is ours when its _meta says so: one of the same name that does not is never touched.  ES_TEMPLATE_VERSION
 * rises with each change of the body, and then an older one of ours is replaced.
 */
#ifndef SLUICE_SINKS_ES_TEMPLATE_H
#define SLUICE_SINKS_ES_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { ES_TEMPLATE_VERSION = 1 };

enum es_template_manage {
        ES_MANAGE_OFF,          /* templates are somebody else's matter */
        ES_MANAGE_AUTO,         /* made for data streams that no template covers */
        ES_MANAGE_ON,           /* made for all that begins with a fixed name, and put before more general ones */
};

struct es_template {
        char *name, *pattern, *sample;  /* owned */
        bool stream;
};

/* False: such an index has no template by `manage`. index is a template of names (event/template.h) that is all right. */
bool es_template_init(struct es_template *t, const char *index, enum es_template_manage manage);
void es_template_fini(struct es_template *t);   /* zeroed struct ok */

/* Appends the body of its PUT. */
void es_template_body(const struct es_template *t, struct buf *b);

/* What an answer to GET _index_template/NAME with ES_TEMPLATE_FILTER says of the template there. */
#define ES_TEMPLATE_FILTER                                                                                   \
        "?filter_path=index_templates.name,index_templates.index_template.version,index_templates.index_"    \
        "template._meta"
enum es_template_there { ES_THERE_NOTHING, ES_THERE_CURRENT, ES_THERE_OLDER, ES_THERE_FOREIGN, ES_THERE_UNKNOWN };
enum es_template_there es_template_there(const char *body, size_t len);

/* Whether some template fits the name, by the answer to POST _index_template/_simulate_index/SAMPLE; -1: not told. */
int es_template_covered(const char *body, size_t len);

#endif
