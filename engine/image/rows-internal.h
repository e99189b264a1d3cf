/* The rows of images, shared by what finds, lists and removes them. */
#pragma once

#include "engine/image/image.h"

enum rows_found { ROWS_FOUND_NAME, ROWS_FOUND_ID };

/* 1 and the id (given) and whether it was named or meant by (a prefix of) its id; 0 none. */
int rows_find(struct engine *engine, const char *text, enum rows_found *ret_how, char **ret_id,
        struct error **err);

/* Reads one image; -ENOENT when there is none of that id. */
int rows_read_image(struct engine *engine, const char *id, struct image **ret, struct error **err);

/* "repository:tag" of what may be given to an image: no digests. Given. */
int rows_canonical_name(const char *text, char **ret, struct error **err);
