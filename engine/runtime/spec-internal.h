/* Between the files spec*.c: what one parse needs everywhere, and the part that each file reads. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct error;
struct id_mappings;
struct runtime_spec;

#define SPEC_MOUNTS_MAX 4096
#define SPEC_LIST_MAX 65536 /* arguments, variables, devices, paths */

struct spec_parse {
    struct arena *arena;
    struct runtime_spec *spec;
    struct error **err;
};

/* Members of `object`: a missing one leaves *ret as it is (texts: NULL). Texts are copied; "" is NULL. */
int spec_get_text(struct spec_parse *p, const json_t *object, const char *key, const char **ret);
int spec_get_number(struct spec_parse *p, const json_t *object, const char *key, int64_t min,
        int64_t max, int64_t *value);
int spec_get_texts(
        struct spec_parse *p, const json_t *object, const char *key, char ***ret, size_t *ret_len);

/* An error unless the member is missing or empty. */
int spec_refuse(struct spec_parse *p, const json_t *object, const char *key, const char *what);

/* {containerID, hostID, size}… under `key`, checked for overlaps. In the arena. */
int spec_get_mappings(
        struct spec_parse *p, const json_t *object, const char *key, struct id_mappings *ret);

void spec_warn(struct spec_parse *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

int spec_parse_hooks(struct spec_parse *p, const json_t *root);
int spec_parse_process(struct spec_parse *p, const json_t *root);
/* process.scheduler, ioPriority, execCPUAffinity; linux.personality, memoryPolicy. */
int spec_parse_scheduling(struct spec_parse *p, const json_t *process, const json_t *linux_json);
int spec_parse_mounts(struct spec_parse *p, const json_t *root);
