/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/topics.h"

#include <regex.h>
#include <string.h>

/* Compiled for each look: it happens at a check, a dry run, or while nothing fits. */
static int compile(const char *topic, regex_t *ret)
{
        return regcomp(ret, topic, REG_EXTENDED | REG_NOSUB);
}

void topics_check(const struct strlist *topics, struct opt_errors *errors)
{
        for (size_t i = 0; i < topics->n; i++) {
                char why[128];
                regex_t re;
                if (!topics_is_pattern(topics->v[i]))
                        continue;
                int r = compile(topics->v[i], &re);
                if (r == 0) {
                        regfree(&re);
                        continue;
                }
                regerror(r, &re, why, sizeof(why));
                opt_complain(errors, "topics: %s is no regular expression: %s", topics->v[i], why);
        }
}

bool topics_match(const char *topic, const char *name)
{
        regex_t re;

        if (!topics_is_pattern(topic))
                return strcmp(topic, name) == 0;
        if (compile(topic, &re) != 0)
                return false;
        bool fits = regexec(&re, name, 0, NULL, 0) == 0;
        regfree(&re);
        return fits;
}

bool topics_mean(const struct strlist *topics, const char *name)
{
        for (size_t i = 0; i < topics->n; i++)
                if (topics_match(topics->v[i], name))
                        return true;
        return false;
}
