/* Numbers, sizes, durations, booleans and enum names from text: the whole text, in range, with the
 * unit in the name of the result. Each returns 0, or -EINVAL (not of that form) or -ERANGE; callers
 * word the message, since only they know what was being read. Locale does not matter. No allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

int parse_int64(struct str text, int64_t min, int64_t max, int64_t *ret);
int parse_uint64(struct str text, uint64_t max, uint64_t *ret);
int parse_uint32(struct str text, uint32_t max, uint32_t *ret);
int parse_octal(
        struct str text, uint32_t max, uint32_t *ret); /* file modes: "0644", "644", "0o644" */

/* Finite; as Go has it also "1_000" and, with an exponent, hexadecimal: "0x1p4". */
int parse_double(struct str text, double *ret);

/* true/t/yes/y/on/1 and false/f/no/n/off/0 in any case: the forms of flags. */
int parse_bool(struct str text, bool *ret);

/* Compose and Docker sizes: number ("1.5", and as Go has it "+5", "1_000", "1e3", "0x1p4"), a blank if one likes, then b, k,
 * m, g, t or p with optional "b" or "ib", any case, powers of 1024; a bare number is bytes. */
int parse_size_bytes(struct str text, uint64_t *ret);

/* Human sizes of log options: powers of 1000. */
int parse_size_bytes_decimal(struct str text, uint64_t *ret);

/* Go durations: "1h2m3.5s", "300ms", "-1.5h"; units ns us µs ms s m h, and d and w
 * as Compose has them; cut to whole microseconds. */
int parse_duration_usec(struct str text, int64_t *ret);

/* Docker's --timeout and friends: whole seconds, -1 for ever. */
int parse_seconds(struct str text, int64_t *ret_sec);

/* "80" or "8000-8010"; 0 is refused unless allow_zero. */
int parse_port_range(struct str text, bool allow_zero, uint16_t *ret_first, uint16_t *ret_last);

/* "TERM", "SIGTERM", "15", "RTMIN+3", any case. */
int parse_signal(struct str text, int *ret);
const char *signal_name(int signo); /* "SIGTERM", "SIGRTMIN+3"; static or thread-local text */

/* Position in a table of names, or -EINVAL. */
int parse_name(struct str text, const char *const *names, size_t count);
