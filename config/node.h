/* SPDX-License-Identifier: Apache-2.0 */
/* node: what the configuration says, before any table has judged it.
 *
 *      group --> brokers "kafka:9092"          shipper.cfg:3
 *          `---> inputs (list) --> group ...   --set
 *
 * File, --set and flags all end in one tree, where the later ones replace the
 * earlier; each node remembers where it was written, for the error that may follow.
 * A node owns its strings and its children.  One thread.
 */
#ifndef SLUICE_CONFIG_NODE_H
#define SLUICE_CONFIG_NODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/err.h"

enum node_type {
        NODE_GROUP,     /* { a = 1; }   children have names, each once */
        NODE_LIST,      /* ( 1, 2 ) and [ 1, 2 ]   children have none */
        NODE_STRING,    /* "text" */
        NODE_PLAIN,     /* text of a flag: its row says what type it is */
        NODE_INT,
        NODE_BOOL,
        NODE_FLOAT,     /* no setting takes one: the value is not kept */
};

struct node {
        enum node_type type;
        char *name;             /* NULL in a list and at the root */
        char *where;            /* "shipper.cfg:12", "--set", "--linger" */
        char *text;             /* NODE_STRING, NODE_PLAIN */
        int64_t number;         /* NODE_INT, NODE_BOOL */
        struct node *child, *next;
};

struct node *node_new(enum node_type type, const char *name, const char *where);
struct node *node_new_text(enum node_type type, const char *where, const char *text);
struct node *node_copy(const struct node *n);                   /* with all below, without next */
void node_free(struct node *n);                                 /* NULL ok; with all below */

void node_append(struct node *parent, struct node **child);     /* takes *child */
const struct node *node_find(const struct node *group, const char *name);       /* NULL: not there */
size_t node_count(const struct node *n);                        /* children */

/* Puts copies of value at a dotted path: "kafka.linger"; "inputs.0.service" is the first of a list, the number
 * one past its end appends; "inputs.*.service" is each of them, and makes one when there is none.  Groups
 * and lists on the way are made.  What stood there is replaced.  0, or -EINVAL when the path leads through
 * something else; then the tree may have the groups on the way. */
int node_put(struct node *root, const char *path, const struct node *value, struct err *e) MUST_CHECK;

#endif
