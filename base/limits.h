/* The bounds of everything that comes from outside, in one place. Each is tested at the limit and one
 * above it. Module-private bounds that no input can reach stay in their modules. */
#pragma once

#define LIMIT_COMPOSE_FILE_BYTES (16u << 20)
#define LIMIT_YAML_DEPTH 256
#define LIMIT_YAML_NODES 4000000u       /* nodes of one document after alias expansion */
#define LIMIT_YAML_ALIAS_NODES 1000000u /* nodes that aliases may add */
#define LIMIT_INCLUDE_DEPTH 64
#define LIMIT_INCLUDES \
    2000 /* includes of a project in all; a file that two others include counts twice */
#define LIMIT_MODEL_BYTES \
    (16u << 20)                     /* a service, network or volume as JSON, which is read again */
#define LIMIT_DEPENDENCY_DEPTH 4096 /* services that need each other in a row */
#define LIMIT_ENV_FILE_BYTES (4u << 20)
#define LIMIT_ENV_FILES_BYTES (128u << 20) /* that files of variables give to all services */
#define LIMIT_ENV_VARIABLES 1000000u
#define LIMIT_CONTAINER_VARIABLES 65536 /* of one container of Kubernetes YAML */
#define LIMIT_PATH_BYTES 4096
#define LIMIT_NAME_BYTES 255
#define LIMIT_UNIT_FILE_BYTES (1u << 20)
#define LIMIT_JSON_BYTES (16u << 20) /* any JSON that is read from disk, a socket or a registry */
#define LIMIT_JSON_DEPTH 128
#define LIMIT_MANIFEST_BYTES (4u << 20)
#define LIMIT_IMAGE_CONFIG_BYTES (8u << 20)
#define LIMIT_IMAGE_LAYERS 500
#define LIMIT_LAYER_ENTRIES 10000000u
#define LIMIT_XATTR_BYTES 65536
#define LIMIT_DOCKERFILE_BYTES (4u << 20)
#define LIMIT_PASSWD_BYTES (4u << 20)
#define LIMIT_LOG_LINE_BYTES 16384 /* json-file cuts lines here, as Docker does */
#define LIMIT_HEALTH_OUTPUT_BYTES 4096
#define LIMIT_CONTROL_MESSAGE_BYTES 65536
#define LIMIT_DNS_MESSAGE_BYTES 65535
#define LIMIT_HOSTNAME_BYTES 64
#define LIMIT_HTTP_HEADER_BYTES 65536
