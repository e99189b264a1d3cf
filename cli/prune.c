#include "cli/prune.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/specs.h"

int prune_parse_filters(struct arena *arena, const struct strings *words,
        const struct prune_words *known, struct prune_filter *ret, struct error **err)
{
    struct strings labels = { 0 }, not_labels = { 0 };
    int64_t now = time_realtime_nsec();

    *ret = (struct prune_filter){ 0 };
    ARRAY_FOREACH(words, word) {
        struct str value = str_from(*word), key;

        if (!strchr(*word, '='))
            return error_set_plain(
                    err, EINVAL, NULL, "invalid filter \"%s\": the form is KEY=VALUE", *word);
        str_split_next(&value, '=', &key);
        if (str_is_equal_z(key, "label")) {
            *ARRAY_APPEND_ARENA(arena, &labels) = arena_strndup(arena, value.data, value.len);
        } else if (str_is_equal_z(key, "label!")) {
            *ARRAY_APPEND_ARENA(arena, &not_labels) = arena_strndup(arena, value.data, value.len);
        } else if (str_is_equal_z(key, "until") && known->knows_time) {
            if (time_parse_since(value.data, now, &ret->until_nsec) < 0)
                return error_set_plain(
                        err, EINVAL, NULL, "invalid filter \"%s\": that is no time", *word);
        } else if (!known->all ||
                   (!str_is_equal_z(key, "all") && !str_is_equal_z(key, "dangling"))) {
            return error_set_plain(err, EINVAL, NULL, "invalid filter \"%s\"", *word);
        } else {
            bool is_all = str_is_equal_z(key, "all");

            if (parse_bool(value, known->all) < 0)
                return error_set_plain(err, EINVAL, NULL, "invalid filter \"%s\"", *word);
            *known->all = *known->all == is_all;
        }
    }
    ret->labels = spec_vector(arena, &labels);
    ret->not_labels = spec_vector(arena, &not_labels);
    return 0;
}
