/* The types of attributes: each knows its accepted forms, its normal form, and its field in a struct. */
#pragma once

#include "compose/schema.h"

extern const struct attr_type type_any;              /* - */
extern const struct attr_type type_text;             /* const char * */
extern const struct attr_type type_text_or_number;   /* const char * */
extern const struct attr_type type_published;        /* const char * */
extern const struct attr_type type_text_or_bool;     /* const char * */
extern const struct attr_type type_bool;             /* enum option_bool */
extern const struct attr_type type_plain_bool;       /* the same, but no word for it */
extern const struct attr_type type_int;              /* struct option_int */
extern const struct attr_type type_number;           /* struct option_number */
extern const struct attr_type type_size;             /* struct option_size */
extern const struct attr_type type_text_size;        /* the same, but no bare number */
extern const struct attr_type type_duration;         /* struct option_duration */
extern const struct attr_type type_enum;             /* an enum, or const char * (type_word) */
extern const struct attr_type type_word;             /* const char *, one of names */
extern const struct attr_type type_file_mode;        /* struct option_int */
extern const struct attr_type type_tmpfs_mode;       /* struct option_int */
extern const struct attr_type type_count;            /* struct option_int; "all" is -1 */
extern const struct attr_type type_external;         /* enum option_bool */
extern const struct attr_type type_texts;            /* struct strings */
extern const struct attr_type type_text_or_texts;    /* struct strings */
extern const struct attr_type type_texts_or_numbers; /* struct strings */
extern const struct attr_type type_pairs;            /* struct pairs */
extern const struct attr_type type_options;          /* struct pairs; mapping only */
extern const struct attr_type type_hosts;            /* struct pairs */
extern const struct attr_type type_ssh;              /* struct pairs */
extern const struct attr_type type_command;          /* struct argv */
extern const struct attr_type type_health_test;      /* struct argv */
extern const struct attr_type type_struct;           /* row->table's struct */
extern const struct attr_type type_list;             /* array of row->items's struct */
extern const struct attr_type type_one_or_list;      /* the same; a single item may stand alone */
extern const struct attr_type type_map;              /* array of row->items's struct, with keys */
extern const struct attr_type type_map_or_names;     /* the same; a list of names is a short form */
extern const struct attr_type type_ulimits;          /* struct ulimits */
extern const struct attr_type type_provider_options; /* struct provider_options */
extern const struct attr_type type_ports;            /* struct service_ports */
extern const struct attr_type type_gpus;             /* struct device_requests */

/* service-ports.c, service-volumes.c, service-command.c: the short forms of one aspect each. */
struct node *service_ports_read(
        struct schema_context *context, const struct attr *attr, const struct node *node);
const char *service_port_key(struct arena *arena, const struct node *item);
struct node *service_volume_expand(
        struct schema_context *context, const struct attr *attr, const struct node *node);
void service_volume_resolve(struct schema_context *context, struct node *map);
void service_volume_defaults(struct schema_context *context, struct node *map);
struct node *command_read(
        struct schema_context *context, const struct attr *attr, const struct node *node);
/* Splits a command line as a shell does: quotes and backslashes, no expansion. NULL: a quote is open. */
struct node *command_split(struct arena *arena, const char *text, const struct source *at);

/* Path rules of schema.h on one text; lives in the arena. */
const char *schema_resolve_path(
        const struct schema_context *context, enum path_rule rule, const char *path);

/* True for an IPv4 or IPv6 address. */
bool address_is_valid(const char *text);
