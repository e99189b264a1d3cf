/* The options of run and create as what is asked of the engine. */
#pragma once

struct cli;
struct container_config;
struct error;
struct run_options;

/* argv are the image and the command. Everything lives in cli's arena. */
int run_config_fill(struct cli *cli, const struct run_options *o, int argc, char **argv,
        struct container_config *config, struct error **err);
