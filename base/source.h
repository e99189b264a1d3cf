/* A place in a file that a user wrote. Lines and columns count from 1; 0 means that only the file is
 * known. Columns count characters (UTF-8 code points), not bytes. */
#pragma once

struct source {
    const char *file; /* as the user named it; NULL: no place */
    unsigned line, column;
};

#define SOURCE_NONE ((struct source){ 0 })
