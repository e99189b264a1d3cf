/* Clocks and the texts that people and machines read. Durations are int64_t microseconds on the
 * monotonic clock, points in time are nanoseconds since 1970 in UTC. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define USEC_PER_MSEC INT64_C(1000)
#define USEC_PER_SEC INT64_C(1000000)
#define NSEC_PER_SEC INT64_C(1000000000)
#define NSEC_PER_USEC INT64_C(1000)
#define TIMEOUT_NEVER INT64_MAX

int64_t time_monotonic_usec(void);
int64_t time_realtime_nsec(void);

/* RFC 3339 with nanoseconds, trailing zeros dropped, "Z": as Docker writes. 0 gives Go's zero time,
 * "0001-01-01T00:00:00Z". */
#define TIME_RFC3339_MAX 40
const char *time_format_rfc3339(int64_t realtime_nsec, char buffer[static TIME_RFC3339_MAX]);
int time_parse_rfc3339(const char *text, int64_t *ret_realtime_nsec); /* 0 or -EINVAL */

/* --since and --until: RFC 3339 (also without zone or time), seconds since 1970 with fraction, or a
 * duration that is counted back from now. 0 or -EINVAL. */
int time_parse_since(const char *text, int64_t now_nsec, int64_t *ret_realtime_nsec);

/* Docker's words: "Less than a second", "5 seconds", "About a minute", "2 hours", "3 weeks". */
#define TIME_HUMAN_MAX 40
const char *time_format_human(int64_t duration_usec, char buffer[static TIME_HUMAN_MAX]);

/* Go's Duration.String(): "1m30s", "1h0m0s", "1.5s", "100ms", "0s". */
#define TIME_GO_DURATION_MAX 64
const char *time_format_go_duration(
        int64_t duration_usec, char buffer[static TIME_GO_DURATION_MAX]);
