/* Seccomp profiles, on the command's side (library berth-seccomp; libseccomp is opened on first
 * use). A profile becomes a compiled BPF file under RUN/seccomp, which monitors only load: they
 * need neither libseccomp nor the profile. The same profile gives the same file, so that it is
 * compiled once per boot.
 *
 * Profiles are those of Docker (moby): OCI's linux.seccomp plus `archMap` and the conditions
 * `includes` and `excludes` {caps, arches, minKernel} of each rule, which are resolved here. Rules
 * for syscalls that the installed libseccomp does not know are skipped; syscalls newer than the
 * newest of the profile answer ENOSYS, so that C libraries fall back. */
#pragma once

#include <jansson.h>
#include <stdint.h>

struct error;

struct seccomp_target {
    uint64_t bounding_caps; /* of the container */
    const char *arch;       /* "amd64", "arm64" …; NULL: this machine's */
    unsigned kernel[2];     /* major, minor; 0: the running one */
};

/* Resolves the conditions of `profile` (borrowed; NULL: the built-in default): OCI linux.seccomp.
 * Given. */
int seccomp_resolve_profile(const json_t *profile, const struct seccomp_target *target,
        json_t **ret, struct error **err);

/* Makes sure that the compiled filter lies in seccomp_dir_fd (RUN/seccomp) and gives its file name.
 * The built-in profile is found by name without reading it; others by their digest. Given:
 * free(). */
int seccomp_cache_default(int seccomp_dir_fd, const struct seccomp_target *target, char **ret_name,
        struct error **err);
int seccomp_cache_profile(int seccomp_dir_fd, const json_t *profile,
        const struct seccomp_target *target, char **ret_name, struct error **err);

/* The contents of such a file (seccomp-filter.h). Given: free(). */
int seccomp_compile(
        const json_t *oci_seccomp, void **ret_data, size_t *ret_len, struct error **err);
