/* What the parts of the YAML reader share. */
#pragma once

#include <yaml.h>

struct arena;
struct diag;
struct yaml_text;

/* yaml-syntax.c: reports why the parser stopped, where, and what was probably meant. */
void yaml_report_syntax(struct arena *arena, const struct yaml_text *text,
        const yaml_parser_t *parser, struct diag *diag);
