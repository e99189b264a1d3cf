/* Numbers, sizes, durations, times and paths. What has a printed form must read back as itself. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timefmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_duration(struct str text)
{
    char buffer[TIME_GO_DURATION_MAX];
    int64_t usec, again;

    if (parse_duration_usec(text, &usec) < 0)
        return;
    time_format_go_duration(usec, buffer);
    assert(parse_duration_usec(str_from(buffer), &again) == 0 && again == usec);
}

static void check_time(const char *text)
{
    char buffer[TIME_RFC3339_MAX];
    int64_t nsec, again;

    if (time_parse_since(text, 0, &nsec) < 0)
        return;
    time_format_rfc3339(nsec, buffer);
    assert(time_parse_rfc3339(buffer, &again) == 0 && again == nsec);
}

static void check_path(struct arena *arena, const char *text)
{
    char *clean = path_clean(arena, text);

    assert(str_is_equal_z(str_from(clean), path_clean(arena, clean)));
    assert(path_is_absolute(clean) == path_is_absolute(text));
    path_parent(arena, text);
    path_last(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size }, rest = text, piece;
    struct arena arena = ARENA_INIT;
    char *copy = arena_strndup(&arena, size ? text.data : "", size);
    uint64_t u64;
    uint32_t u32;
    uint16_t first, last;
    int64_t i64;
    double number;
    bool flag;
    int signo;

    if (parse_int64(text, -1000, 1000, &i64) == 0)
        assert(i64 >= -1000 && i64 <= 1000);
    if (parse_octal(text, 07777, &u32) == 0)
        assert(u32 <= 07777);
    if (parse_double(text, &number) == 0)
        assert(isfinite(number));
    if (parse_port_range(text, false, &first, &last) == 0)
        assert(first > 0 && first <= last);
    if (parse_signal(text, &signo) == 0)
        assert(parse_signal(str_from(signal_name(signo)), &signo) == 0 || signo == 32 ||
                signo == 33);
    parse_bool(text, &flag);
    parse_size_bytes(text, &u64);
    parse_size_bytes_decimal(text, &u64);
    parse_seconds(text, &i64);
    while (str_split_next(&rest, ',', &piece))
        parse_uint64(str_trim(piece), UINT64_MAX, &u64);
    check_duration(text);
    check_time(copy);
    check_path(&arena, copy);
    arena_release(&arena);
    return 0;
}
