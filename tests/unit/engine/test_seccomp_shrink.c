/* Shorter seccomp filters answer as the long ones do. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/json/json.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/seccomp-filter.h"
#include "engine/runtime/seccomp-shrink.h"
#include "engine/runtime/seccomp.h"

#define FILTER_MAX 400

/* As the kernel would, with what filters for calls have. */
static uint32_t answer_of(
        const struct sock_filter *filter, size_t len, uint32_t first, uint32_t second)
{
    uint32_t value = 0;

    for (size_t at = 0; at < len; at++) {
        const struct sock_filter *it = &filter[at];
        bool holds;

        switch (it->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            value = it->k == 0 ? first : second;
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            value &= it->k;
            continue;
        case BPF_RET | BPF_K:
            return it->k;
        case BPF_JMP | BPF_JA:
            at += it->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            holds = value == it->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            holds = value > it->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            holds = value >= it->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            holds = value & it->k;
            break;
        default:
            fail_msg("no instruction of a filter: %#x", it->code);
            return 0;
        }
        at += holds ? it->jt : it->jf;
    }
    fail_msg("the filter ends without an answer");
    return 0;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Numbers near each other, and at both ends. */
static uint32_t random_number(uint32_t *seed)
{
    uint32_t number = next_random(seed) % 64;

    switch (next_random(seed) % 8) {
    case 0:
        return UINT32_MAX - number;
    case 1:
        return 0x40000000u + number;
    default:
        return number;
    }
}

static uint32_t forward(uint32_t *seed, size_t at, size_t len)
{
    size_t left = len - at - 2; /* the last one is an answer */

    return left == 0 ? 0 : next_random(seed) % (uint32_t)(left < 40 ? left + 1 : 40);
}

static struct sock_filter random_instruction(uint32_t *seed, size_t at, size_t len)
{
    static const uint16_t comparisons[] = { BPF_JEQ, BPF_JEQ, BPF_JGT, BPF_JGE };
    struct sock_filter it = { .k = random_number(seed) };
    uint32_t kind = next_random(seed) % 40;

    if (at + 1 == len || kind == 0) {
        it.code = BPF_RET | BPF_K;
        it.k = next_random(seed) % 3;
    } else if (kind == 1) {
        it.code = BPF_LD | BPF_W | BPF_ABS;
        it.k = next_random(seed) % 2 * 4;
    } else if (kind == 2) {
        it.code = BPF_ALU | BPF_AND | BPF_K;
    } else if (kind == 3) {
        it.code = BPF_JMP | BPF_JA;
        it.k = forward(seed, at, len);
    } else {
        it.code = BPF_JMP | BPF_K |
                  (kind == 4 ? BPF_JSET : comparisons[next_random(seed) % ARRAY_LEN(comparisons)]);
        it.jt = (uint8_t)forward(seed, at, len);
        it.jf = (uint8_t)forward(seed, at, len);
    }
    return it;
}

static void any_filter_answers_as_before(void **state)
{
    uint32_t seed = 1;
    size_t shorter = 0;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct sock_filter filter[FILTER_MAX];
        auto_free struct sock_filter *out = NULL;
        size_t len = 1 + next_random(&seed) % FILTER_MAX, out_len;

        for (size_t i = 0; i < len; i++)
            filter[i] = random_instruction(&seed, i, len);
        seccomp_shrink(filter, len, &out, &out_len);
        assert_true(out_len <= len);
        shorter += out_len < len;
        for (int i = 0; i < 300; i++) {
            uint32_t first = random_number(&seed), second = random_number(&seed);

            assert_int_equal(
                    answer_of(out, out_len, first, second), answer_of(filter, len, first, second));
        }
    }
    assert_true(shorter > 100);
}

/* A comparison for each second number: as many ranges as comparisons, and jumps that would not reach. */
static void a_filter_that_cannot_be_shorter_is_kept(void **state)
{
    struct sock_filter filter[1203];
    auto_free struct sock_filter *out = NULL;
    size_t out_len, len = 0;

    (void)state;
    filter[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
    for (uint32_t i = 0; i < 600; i++) {
        filter[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2 * i, 0, 1);
        filter[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, i);
    }
    filter[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 7);
    seccomp_shrink(filter, len, &out, &out_len);
    assert_true(out_len <= len);
    for (uint32_t i = 0; i < 1300; i++)
        assert_int_equal(answer_of(out, out_len, i, 0), answer_of(filter, len, i, 0));
}

/* The kernel translates it for each container. */
static void the_default_profile_is_a_short_filter(void **state)
{
    struct seccomp_target target = { .bounding_caps = CAPABILITY_DOCKER_DEFAULT };
    auto_json json_t *oci = NULL;
    auto_free void *file = NULL;
    size_t len;

    (void)state;
    assert_int_equal(seccomp_resolve_profile(NULL, &target, &oci, NULL), 0);
    assert_int_equal(seccomp_compile(oci, &file, &len, NULL), 0);
    assert_in_range(((const struct seccomp_file_header *)file)->count, 50, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_filter_answers_as_before),
        cmocka_unit_test(a_filter_that_cannot_be_shorter_is_kept),
        cmocka_unit_test(the_default_profile_is_a_short_filter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
