/* The JSON form of an instruction: ["program", "argument"]. */
#pragma once

#include <stdbool.h>

#include "base/array.h"
#include "base/str.h"

struct arena;

/* A JSON array of texts that fills the whole of `s` but for blanks around it. False, with nothing said,
 * when it is anything else: then the instruction is in shell form, as Docker has it. NUL in a text is
 * refused. The words live in the arena. */
bool json_words_parse(struct arena *arena, struct str s, struct strings *ret);
