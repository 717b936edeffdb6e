/* SPDX-License-Identifier: Apache-2.0 */
/* check: `sluice-collector check`: would it work?  Looks at brokers, topics, group, Elasticsearch, credentials, rights
 * and index names; joins no group, commits and creates nothing.
 */
#ifndef SLUICE_COLLECTOR_CHECK_H
#define SLUICE_COLLECTOR_CHECK_H

#include "collector/conf.h"
#include "status/report.h"

/* file: where c came from; NULL: the command line alone. */
void collector_check(const struct collector_config *c, const char *file, struct report *r);

#endif
