/* Quadlets for an older Podman: keys that it does not have yet become PodmanArgs=, where they are options of its
 * commands; what is none is refused. */
#pragma once

struct diag;
struct error;
struct quadlet_set;

/* What is known of: from 4.9 to 6.0. */
#define QUADLET_VERSION_OLDEST "4.9"
#define QUADLET_VERSION_NEWEST "6.0"

/* 0, or -EINVAL for a text that is none of these versions. */
int quadlet_version_check(const char *version, struct error **err);

/* Negative, 0 or positive as `a` ("5.2", "v6") is older than, the same as or newer than `b`. */
int quadlet_version_compare(const char *a, const char *b);

/* Changes the documents; -EINVAL with findings for what that version cannot do. */
int quadlet_lower(struct quadlet_set *set, const char *version, struct diag *diag);
