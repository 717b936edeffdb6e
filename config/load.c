/* SPDX-License-Identifier: Apache-2.0 */
#include "config/load.h"

#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>

#include "base/mem.h"
#include "config/source.h"

#define TEXT_OF(number) #number
#define DOTTED(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)
#define LIBCONFIG_VERSION DOTTED(LIBCONFIG_VER_MAJOR, LIBCONFIG_VER_MINOR, LIBCONFIG_VER_REVISION)

const char *load_version(void)
{
        return LIBCONFIG_VERSION;
}

static enum node_type type_of(const config_setting_t *setting)
{
        switch (config_setting_type(setting)) {
        case CONFIG_TYPE_GROUP:
                return NODE_GROUP;
        case CONFIG_TYPE_LIST:
        case CONFIG_TYPE_ARRAY:
                return NODE_LIST;
        case CONFIG_TYPE_STRING:
                return NODE_STRING;
        case CONFIG_TYPE_BOOL:
                return NODE_BOOL;
        case CONFIG_TYPE_INT:
        case CONFIG_TYPE_INT64:
                return NODE_INT;
        default:
                return NODE_FLOAT;
        }
}

static void take_value(struct node *n, const config_setting_t *setting)
{
        if (n->type == NODE_STRING)
                n->text = xstrdup(config_setting_get_string(setting));
        else if (n->type == NODE_INT)
                n->number = config_setting_get_int64(setting);
        else if (n->type == NODE_BOOL)
                n->number = config_setting_get_bool(setting);
}

static struct node *node_from(const config_setting_t *setting, const struct source *s)
{
        struct buf where;

        buf_init(&where, 0);
        source_where(s, config_setting_source_line(setting), &where);
        struct node *n = node_new(type_of(setting), config_setting_name(setting), buf_cstr(&where));
        buf_fini(&where);

        take_value(n, setting);
        struct node **tail = &n->child;
        for (int i = 0; config_setting_is_aggregate(setting) && i < config_setting_length(setting); i++) {
                *tail = node_from(config_setting_get_elem(setting, (unsigned)i), s);
                tail = &(*tail)->next;
        }
        return n;
}

static int parse(struct source *s, struct node **ret, struct opt_errors *errors)
{
        config_t config;
        int r = 0;

        config_init(&config);
        if (config_read_string(&config, buf_cstr(&s->text))) {
                *ret = node_from(config_root_setting(&config), s);
        } else {
                struct buf where;
                buf_init(&where, 0);
                source_where(s, (unsigned)config_error_line(&config), &where);
                opt_complain(errors, "%s: libconfig says: %s", buf_cstr(&where), config_error_text(&config));
                buf_fini(&where);
                r = -EINVAL;
        }
        config_destroy(&config);
        return r;
}

int load_file(const char *path, struct node **ret, struct opt_errors *errors)
{
        struct source s;
        int r = source_read(&s, path, errors);

        if (r == 0)
                r = parse(&s, ret, errors);
        source_fini(&s);
        return r;
}

/* The value is parsed as a setting of its own; `1; b = 2` would make two and is refused. */
static int take_lone_setting(struct node *root, const char *where, struct node **ret,
                             struct opt_errors *errors)
{
        if (node_count(root) != 1) {
                opt_complain(errors, "%s: one value, please", where);
                return -EINVAL;
        }
        *ret = root->child;
        root->child = NULL;
        return 0;
}

int load_value(const char *text, const char *where, struct node **ret, struct opt_errors *errors)
{
        char *setting = xasprintf("value = %s\n;", text);
        struct source s;
        struct node *root = NULL;
        int r = source_text(&s, setting, where, errors);

        if (r == 0)
                r = parse(&s, &root, errors);
        if (r == 0)
                r = take_lone_setting(root, where, ret, errors);
        node_free(root);
        source_fini(&s);
        free(setting);
        return r;
}
