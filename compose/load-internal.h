/* What the parts of the loader share: load.c (order of things, project), load-files.c (which files, which
 * variables, which name), load-model.c (files to one tree: extends, include, merge) and normalise.c. */
#pragma once

#include <stdbool.h>

#include "base/array.h"
#include "base/strmap.h"
#include "compose/load.h"
#include "compose/schema.h"
#include "compose/yaml.h"

struct node;

/* A file that was read. Under its path compose files, under the path and a newline other texts. */
struct loaded_file {
    const char *path; /* absolute, or "-" */
    const char *dir;  /* absolute */
    struct yaml_text text;
    struct yaml_documents documents;
};

struct loader {
    struct arena *arena;
    const struct load_options *options;
    struct diag *diag;
    struct schema_context context;
    struct strmap files;       /* path -> struct loaded_file */
    struct strmap environment; /* of the whole project: process, then files of variables */
    struct strmap warned;      /* variables that were missed already */
    struct strmap *variables;  /* NULL, or where the names of those are collected that are used */
    struct strings paths;      /* the project's files, absolute or "-" */
    struct strings names;      /* the same as the user named them */
    struct strings env_file_paths; /* the project's files of variables, each once */
    struct strings variable_files; /* those and the ones of includes */
    const char *project_dir;       /* absolute */
    const char *project_name;
    size_t expanded_bytes; /* what interpolation has added */
    size_t service_file_bytes,
            service_variables; /* of env and label files, each time that they count */
    unsigned includes;         /* that were followed */
    int64_t writer_wait_usec;  /* how long a FIFO may lack a writer */
    bool lacks_variables; /* a file of variables has a mistake: what is not set may be set in it */
};

/* Files and a directory that make one tree: the project, or an include. */
struct model_source {
    struct strings paths; /* absolute */
    struct strings names; /* for messages */
    const char *dir;      /* absolute */
    const struct strmap *environment;
    const struct model_source *parent; /* included by; NULL: the project */
    const struct node *included_at;    /* the include's node; NULL: the project */
    unsigned depth;
};

/* load.c */
void loader_init(struct loader *loader, struct arena *arena, const struct load_options *options,
        struct diag *diag);
void loader_release(struct loader *loader);
struct project;
/* As project_load; *ret_project is also given with mistakes in the files, as far as it got: NULL: not
 * far enough. What was read is in loader->files. */
int loader_load(struct loader *loader, struct project **ret_project, struct error **err);

/* load-files.c */
/* Finds the files and the variables; false: there is no compose file. Mistakes are in the diag. */
bool loader_find_files(struct loader *loader);
/* Settles what the project is called. False: what was asked for is no name, and something that would do was taken. */
bool loader_find_name(struct loader *loader);
bool loader_flag(const struct loader *loader, const char *name); /* a variable that says yes */
void loader_read_env_file(struct loader *loader, const char *path, const struct strmap *outer,
        struct strmap *into, const struct source *at);

/* A compose file as messages name it: "-" is "<stdin>". */
const char *loader_file_name(const char *name);

/* A path as messages name it: short when it lies below where the user is. */
const char *loader_display_name(const struct loader *loader, const char *path);

/* True, and reported, when `text` is no path but says that the file is elsewhere: oci://, a git repository. */
bool loader_is_elsewhere(struct loader *loader, const char *text, const struct source *at);

/* Reads a file once. NULL after reporting at `at` (may be NULL). */
struct loaded_file *loader_read_file(
        struct loader *loader, const char *path, const char *name, const struct source *at);

/* Reads any text file once (env_file, label_file); no documents. NULL: it is missing and not required, or
 * was reported as `what`. */
struct loaded_file *loader_read_text(struct loader *loader, const char *path,
        const struct source *at, const char *what, bool required);

/* load-model.c: the merged tree, normal forms, paths resolved. NULL: nothing could be read. */
struct node *loader_load_model(struct loader *loader, const struct model_source *source);

/* The tree with its variables filled in; problems are reported. */
struct node *loader_interpolate(
        struct loader *loader, const struct node *node, const struct strmap *environment);

/* normalise.c: implied dependencies, the default network, names, variables from outside. */
void loader_normalise(struct loader *loader, struct node *model);
/* For one enabled service: env_file and variables from outside into environment, label_file into labels. */
void loader_resolve_env_files(struct loader *loader, struct node *service);
void loader_resolve_label_files(struct loader *loader, struct node *service);

/* check.c: what is wrong between the parts of a project. */
void project_check(const struct project *project, struct diag *diag);
/* What is wrong with single values, whatever else there is; part of project_check. */
void project_check_values(const struct project *project, struct diag *diag);
/* The same of what only matters between services that are wanted at once. */
void project_check_chosen(const struct project *project, struct diag *diag);
