/* Image references as Docker reads them: [domain/]path[:tag][@digest]. Purely lexical.
 *
 * "alpine" is docker.io/library/alpine:latest; a first component with a dot, a colon or capitals, or
 * "localhost", is a registry. Kept in canonical form; image_ref_familiar gives back what people write. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct error;

#define IMAGE_REF_NAME_MAX 255 /* domain and path together */
#define IMAGE_REF_TAG_MAX 128
#define IMAGE_REF_MAX (IMAGE_REF_NAME_MAX + 1 + IMAGE_REF_TAG_MAX + 1 + 136 + 1)
#define IMAGE_REF_DEFAULT_DOMAIN "docker.io"

struct image_ref {
    char *domain; /* "docker.io", "localhost:5000" */
    char *path;   /* "library/alpine" */
    char *tag;    /* NULL when only a digest was given; "latest" when neither was */
    char *digest; /* "sha256:…"; NULL: none. With both, the digest decides. */
};

#define IMAGE_REF_INIT \
    {                  \
        0              \
    }

/* -EINVAL with Docker's words ("invalid reference format …"). On success every member is owned by *ret. */
int image_ref_parse(const char *text, struct image_ref *ret, struct error **err);
void image_ref_release(struct image_ref *ref);

/* "docker.io/library/alpine"; "docker.io/library/alpine:3" (empty without a tag); both given. */
char *image_ref_repository(const struct image_ref *ref);
char *image_ref_tagged(const struct image_ref *ref);

/* All of it: repository, tag and digest. Given. */
char *image_ref_canonical(const struct image_ref *ref);

/* A canonical name ("docker.io/library/alpine:3", "docker.io/library/alpine@sha256:…", or without tag)
 * as Docker shows it ("alpine:3"). Borrowed from `canonical`, since the familiar form is its end. */
const char *image_ref_familiar(const char *canonical);

/* True for 64 lower-case hex digits, with or without "sha256:": an image id, never a name. */
bool image_ref_is_id(const char *text);
