#include "engine/runtime/seccomp-shrink.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

/* Fewer comparisons are not worth a tree. */
#define TREE_COMPARISONS_MIN 16
#define JUMP_MAX UINT8_MAX

enum place {
    PLACE_UNUSED, /* nobody gets there (any more) */
    PLACE_KEPT,
    PLACE_TREE, /* a tree takes the place of this comparison and those that follow it */
};

/* All values from `first` to the next range's lead to the instruction `exit`. */
struct range {
    uint32_t first;
    size_t exit;
};

struct tree {
    struct range *ranges;
    size_t range_len;
    size_t *exits; /* each once, in the order in which they follow the comparisons */
    size_t exit_len;
};

struct shrink {
    const struct sock_filter *filter;
    size_t len;
    enum place *places;
    size_t *positions; /* in the new filter */
    struct tree *trees;
    struct sock_filter *out;
    size_t out_len;
    bool too_far; /* a jump does not reach */
};

static bool is_comparison(const struct sock_filter *it)
{
    switch (it->code) {
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JA:
        return true;
    default:
        return false;
    }
}

static bool is_jump(const struct sock_filter *it)
{
    return BPF_CLASS(it->code) == BPF_JMP;
}

/* Where the comparison sends the value. */
static size_t next_of(const struct shrink *s, size_t at, uint32_t value)
{
    const struct sock_filter *it = &s->filter[at];
    bool holds;

    switch (BPF_OP(it->code)) {
    case BPF_JA:
        return at + 1 + it->k;
    case BPF_JEQ:
        holds = value == it->k;
        break;
    case BPF_JGT:
        holds = value > it->k;
        break;
    default:
        holds = value >= it->k;
    }
    return at + 1 + (holds ? it->jt : it->jf);
}

/* The comparisons that follow each other from `root` on are marked; their number. */
static size_t mark_comparisons(const struct shrink *s, size_t root, bool *marks)
{
    size_t count = 0;

    memset(marks, 0, s->len * sizeof(*marks));
    marks[root] = true;
    for (size_t i = root; i < s->len; i++) {
        const struct sock_filter *it = &s->filter[i];

        if (!marks[i])
            continue;
        if (!is_comparison(it)) {
            marks[i] = false;
            continue;
        }
        count++;
        if (it->code == (BPF_JMP | BPF_JA)) {
            marks[i + 1 + it->k] = true;
        } else {
            marks[i + 1 + it->jt] = true;
            marks[i + 1 + it->jf] = true;
        }
    }
    return count;
}

/* Two instructions that end with the same answer are as good as one. */
static bool is_same_exit(const struct shrink *s, size_t a, size_t b)
{
    const struct sock_filter *x = &s->filter[a], *y = &s->filter[b];

    return a == b || (x->code == (BPF_RET | BPF_K) && y->code == (BPF_RET | BPF_K) && x->k == y->k);
}

static size_t find_exit(const struct shrink *s, size_t root, uint32_t value)
{
    size_t at = root;

    while (is_comparison(&s->filter[at]))
        at = next_of(s, at, value);
    return at;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* All values at which a comparison may change its mind, and 0. */
static size_t find_borders(const struct shrink *s, const bool *marks, uint32_t *ret)
{
    size_t len = 0;

    ret[len++] = 0;
    for (size_t i = 0; i < s->len; i++) {
        const struct sock_filter *it = &s->filter[i];

        if (!marks[i] || it->code == (BPF_JMP | BPF_JA))
            continue;
        if (it->code != (BPF_JMP | BPF_JGT | BPF_K))
            ret[len++] = it->k;
        if (it->code != (BPF_JMP | BPF_JGE | BPF_K) && it->k < UINT32_MAX)
            ret[len++] = it->k + 1;
    }
    qsort(ret, len, sizeof(*ret), compare_numbers);
    return len;
}

static void add_exit(const struct shrink *s, struct tree *tree, size_t exit)
{
    for (size_t i = 0; i < tree->exit_len; i++)
        if (is_same_exit(s, tree->exits[i], exit))
            return;
    tree->exits[tree->exit_len++] = exit;
}

static void make_tree(const struct shrink *s, size_t root, const bool *marks, struct tree *ret)
{
    auto_free uint32_t *borders = mem_alloc((2 * s->len + 1) * sizeof(*borders));
    size_t len = find_borders(s, marks, borders);

    ret->ranges = mem_alloc(len * sizeof(*ret->ranges));
    ret->exits = mem_alloc(len * sizeof(*ret->exits));
    for (size_t i = 0; i < len; i++) {
        size_t exit = find_exit(s, root, borders[i]);

        if (ret->range_len > 0 && is_same_exit(s, ret->ranges[ret->range_len - 1].exit, exit))
            continue;
        ret->ranges[ret->range_len++] = (struct range){ borders[i], exit };
        add_exit(s, ret, exit);
    }
}

static size_t tree_size(const struct tree *tree)
{
    return tree->range_len - 1 + tree->exit_len;
}

/* Answers stand with the tree itself. */
static void keep_exits(struct shrink *s, const struct tree *tree)
{
    for (size_t i = 0; i < tree->exit_len; i++)
        if (s->filter[tree->exits[i]].code != (BPF_RET | BPF_K))
            s->places[tree->exits[i]] = PLACE_KEPT;
}

/* Who gets where, from the first instruction on; jumps go forward only. */
static void find_places(struct shrink *s)
{
    auto_free bool *marks = mem_alloc(s->len * sizeof(*marks));

    s->places[0] = PLACE_KEPT;
    for (size_t i = 0; i < s->len; i++) {
        const struct sock_filter *it = &s->filter[i];
        size_t comparisons = 0;

        if (s->places[i] == PLACE_UNUSED)
            continue;
        if (is_comparison(it))
            comparisons = mark_comparisons(s, i, marks);
        if (comparisons >= TREE_COMPARISONS_MIN)
            make_tree(s, i, marks, &s->trees[i]);
        if (comparisons >= TREE_COMPARISONS_MIN && tree_size(&s->trees[i]) < comparisons) {
            s->places[i] = PLACE_TREE;
            keep_exits(s, &s->trees[i]);
        } else if (it->code == (BPF_JMP | BPF_JA)) {
            s->places[i + 1 + it->k] = PLACE_KEPT;
        } else if (is_jump(it)) {
            s->places[i + 1 + it->jt] = PLACE_KEPT;
            s->places[i + 1 + it->jf] = PLACE_KEPT;
        } else if (BPF_CLASS(it->code) != BPF_RET) {
            s->places[i + 1] = PLACE_KEPT;
        }
    }
}

static uint8_t short_jump(struct shrink *s, size_t from, size_t to)
{
    size_t distance = to - from - 1;

    assert(to > from);
    if (distance > JUMP_MAX)
        s->too_far = true;
    return (uint8_t)distance;
}

static size_t exit_position(
        const struct shrink *s, const struct tree *tree, size_t pool, size_t exit)
{
    size_t i = 0;

    while (!is_same_exit(s, tree->exits[i], exit))
        i++;
    return pool + i;
}

/* Ranges from `from` up to `to`, whose comparisons begin at `at`: the upper half comes after the lower one. Where a half is
 * one range, the jump leads to its exit at once. */
static void write_comparisons(
        struct shrink *s, const struct tree *tree, size_t from, size_t to, size_t at, size_t pool)
{
    size_t middle = from + (to - from) / 2;
    size_t lower = at + 1, upper = at + (middle - from);

    if (middle - from == 1)
        lower = exit_position(s, tree, pool, tree->ranges[from].exit);
    else
        write_comparisons(s, tree, from, middle, lower, pool);
    if (to - middle == 1)
        upper = exit_position(s, tree, pool, tree->ranges[middle].exit);
    else
        write_comparisons(s, tree, middle, to, upper, pool);
    s->out[at] = (struct sock_filter){
        .code = BPF_JMP | BPF_JGE | BPF_K,
        .jt = short_jump(s, at, upper),
        .jf = short_jump(s, at, lower),
        .k = tree->ranges[middle].first,
    };
}

static void write_tree(struct shrink *s, const struct tree *tree, size_t at)
{
    size_t pool = at + tree->range_len - 1;

    if (tree->range_len > 1)
        write_comparisons(s, tree, 0, tree->range_len, at, pool);
    for (size_t i = 0; i < tree->exit_len; i++) {
        const struct sock_filter *exit = &s->filter[tree->exits[i]];

        s->out[pool + i] = exit->code == (BPF_RET | BPF_K)
                                   ? *exit
                                   : (struct sock_filter){ .code = BPF_JMP | BPF_JA,
                                         .k = (uint32_t)(s->positions[tree->exits[i]] - (pool + i) -
                                                         1) };
    }
}

static void write_kept(struct shrink *s, size_t i)
{
    size_t at = s->positions[i];
    struct sock_filter it = s->filter[i];

    if (it.code == (BPF_JMP | BPF_JA)) {
        it.k = (uint32_t)(s->positions[i + 1 + it.k] - at - 1);
    } else if (is_jump(&it)) {
        it.jt = short_jump(s, at, s->positions[i + 1 + it.jt]);
        it.jf = short_jump(s, at, s->positions[i + 1 + it.jf]);
    }
    s->out[at] = it;
}

static void write_all(struct shrink *s)
{
    for (size_t i = 0; i < s->len; i++) {
        s->positions[i] = s->out_len;
        if (s->places[i] != PLACE_UNUSED)
            s->out_len += s->places[i] == PLACE_TREE ? tree_size(&s->trees[i]) : 1;
    }
    s->out = mem_alloc((s->out_len + 1) * sizeof(*s->out));
    for (size_t i = 0; i < s->len; i++) {
        if (s->places[i] == PLACE_TREE)
            write_tree(s, &s->trees[i], s->positions[i]);
        else if (s->places[i] == PLACE_KEPT)
            write_kept(s, i);
    }
}

void seccomp_shrink(
        const struct sock_filter *filter, size_t len, struct sock_filter **ret, size_t *ret_len)
{
    struct shrink s = { .filter = filter, .len = len };

    assert(len > 0);
    s.places = mem_zalloc(len * sizeof(*s.places));
    s.positions = mem_zalloc(len * sizeof(*s.positions));
    s.trees = mem_zalloc(len * sizeof(*s.trees));
    find_places(&s);
    write_all(&s);
    if (s.too_far || s.out_len > len) {
        free(s.out);
        s.out = mem_alloc(len * sizeof(*s.out));
        memcpy(s.out, filter, len * sizeof(*s.out));
        s.out_len = len;
    }
    for (size_t i = 0; i < len; i++) {
        free(s.trees[i].ranges);
        free(s.trees[i].exits);
    }
    free(s.places);
    free(s.positions);
    free(s.trees);
    *ret = s.out;
    *ret_len = s.out_len;
}
