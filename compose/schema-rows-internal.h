/* What the files of the schema's rows share: how a row begins, short forms, and what the engine cannot do
 * yet. The rows are in schema-service.c, schema-mounts.c, schema-build.c and schema-project.c; their order
 * is the order in which `config` prints. Keep each row's help to one line; `spec` names the page of the
 * Compose specification. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compose/schema.h"

#define COUNT_MAX INT64_MAX
/* Of sizes: a number must be whole, as Docker Compose asks for some of them only. */
#define WHOLE_BYTES .min = INT64_MIN, .max = INT64_MAX

/* Row beginnings: name, type, field of the struct in question. */
#define FIELD(structure, member, attr_type) \
    .type = &attr_type, .offset = offsetof(struct structure, member)
#define NO_FIELD(attr_type) .type = &attr_type, .offset = ATTR_NO_OFFSET
#define REFUSED .engine = SUPPORT_REFUSED
#define FOREIGN .engine = SUPPORT_FOREIGN
#define ELSEWHERE .engine = SUPPORT_ELSEWHERE

#define TABLE(c_name, table_name, structure, describes, ...) \
    const struct attr_table c_name = { .name = table_name,   \
        .what = describes,                                   \
        .rows = c_name##_rows,                               \
        .count = ARRAY_LEN(c_name##_rows),                   \
        .struct_size = sizeof(struct structure),             \
        __VA_ARGS__ }
#define AT(structure) .at_offset = offsetof(struct structure, at)
#define GIVEN(structure) .given_offset = offsetof(struct structure, given)
#define NO_GIVEN .given_offset = ATTR_NO_OFFSET
#define NO_KEY .key_offset = ATTR_NO_OFFSET
#define KEY(structure, member) .key_offset = offsetof(struct structure, member)

/* schema-forms.c: short forms as long ones. */
void schema_default_text(
        struct schema_context *context, struct node *map, const char *key, const char *text);
struct node *schema_expand_context(
        struct schema_context *context, const struct attr *attr, const struct node *node);
struct node *schema_expand_source(
        struct schema_context *context, const struct attr *attr, const struct node *node);
struct node *schema_expand_path(
        struct schema_context *context, const struct attr *attr, const struct node *node);
struct node *schema_expand_include(
        struct schema_context *context, const struct attr *attr, const struct node *node);
struct node *schema_expand_extends(
        struct schema_context *context, const struct attr *attr, const struct node *node);
struct node *schema_expand_dependency(
        struct schema_context *context, const struct attr *attr, const struct node *node);
struct node *schema_expand_device(
        struct schema_context *context, const struct attr *attr, const struct node *node);
const char *schema_key_target(struct arena *arena, const struct node *item);
const char *schema_key_path(struct arena *arena, const struct node *item);
const char *schema_key_whole(struct arena *arena, const struct node *item);
const char *schema_key_secret(struct arena *arena, const struct node *item);
const char *schema_key_config(struct arena *arena, const struct node *item);

/* schema-support.c: true for values of a supported attribute that the engine cannot carry out yet. */
bool network_mode_unsupported(const struct node *node);
bool mount_type_unsupported(const struct node *node);
bool protocol_unsupported(const struct node *node);
bool network_driver_unsupported(const struct node *node);
bool volume_driver_unsupported(const struct node *node);
bool is_true_unsupported(const struct node *node);
bool pools_unsupported(const struct node *node);
bool endpoint_options_unsupported(const struct node *node);
bool log_driver_unsupported(const struct node *node);
bool deploy_mode_unsupported(const struct node *node);
bool pull_policy_unsupported(const struct node *node);
bool restart_unsupported(const struct node *node);
/* What units do as `up` does it. */
bool restart_exact(const struct node *node);
bool is_any_value(const struct node *node);
bool owner_unsupported(const struct node *node);
bool switch_unsupported(const struct node *node);
bool several_unsupported(const struct node *node);
bool context_unsupported(const struct node *node);
bool contexts_unsupported(const struct node *node);
bool network_options_unsupported(const struct node *node);
bool volume_options_unsupported(const struct node *node);
bool security_opt_unsupported(const struct node *node);

/* Tables and items that rows of several files lead to. */
extern const struct attr_table blkio_config_table;
extern const struct attr_table credential_spec_table;
extern const struct attr_table dependency_table;
extern const struct attr_table develop_table;
extern const struct attr_table device_rate_table;
extern const struct attr_table device_request_table;
extern const struct attr_table device_table;
extern const struct attr_table device_weight_table;
extern const struct attr_table discrete_resource_table;
extern const struct attr_table env_file_table;
extern const struct attr_table extends_table;
extern const struct attr_table file_reference_table;
extern const struct attr_table generic_resource_table;
extern const struct attr_table gpu_table;
extern const struct attr_table healthcheck_table;
extern const struct attr_table hook_table;
extern const struct attr_table include_table;
extern const struct attr_table ipam_pool_table;
extern const struct attr_table ipam_table;
extern const struct attr_table limits_table;
extern const struct attr_table logging_table;
extern const struct attr_table mount_bind_table;
extern const struct attr_table mount_image_table;
extern const struct attr_table mount_table;
extern const struct attr_table mount_tmpfs_table;
extern const struct attr_table mount_volume_table;
extern const struct attr_table placement_table;
extern const struct attr_table port_table;
extern const struct attr_table preference_table;
extern const struct attr_table provider_table;
extern const struct attr_table reservations_table;
extern const struct attr_table resources_table;
extern const struct attr_table restart_policy_table;
extern const struct attr_table service_model_table;
extern const struct attr_table service_network_table;
extern const struct attr_table update_config_table;
extern const struct attr_table watch_table;
extern const struct attr_table secret_reference_table;
extern const struct attr device_request_attr;
extern const struct attr file_reference_attr;
extern const struct attr gpu_attr;
extern const struct attr hook_attr;
extern const struct attr mount_attr;
extern const struct attr port_attr;
extern const struct attr secret_reference_attr;
