/* Names of networks and volumes. */
#pragma once

struct translation;

/* The value of `key`, or "systemd-" and the file's name. In files with an '@' the last character of
 * that makes way for "-%i": it is the '@' of a template, and in the name of an instance, as in
 * Podman, something else. */
const char *resource_name(const struct translation *t, const char *key);
