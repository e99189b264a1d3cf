#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/random.h"
#include "engine/container/container-internal.h"

static const char *const adjectives[] = { "able", "agile", "amber", "ample", "azure", "bold",
    "brave", "brief", "bright", "brisk", "calm", "candid", "careful", "cheerful", "civil", "clear",
    "clever", "cosy", "crisp", "curious", "dapper", "daring", "deft", "eager", "early", "earnest",
    "easy", "elegant", "fair", "famous", "festive", "fine", "firm", "fluent", "fond", "frank",
    "free", "fresh", "gentle", "glad", "golden", "grand", "happy", "hardy", "hasty", "honest",
    "humble", "jolly", "keen", "kind", "lively", "loyal", "lucid", "lucky", "mellow", "merry",
    "mild", "modest", "neat", "nifty", "nimble", "noble", "patient", "placid", "plain", "polite",
    "prompt", "proud", "quick", "quiet", "rapid", "ready", "robust", "serene", "sharp", "silent",
    "simple", "sleek", "smooth", "snug", "sober", "solid", "spry", "steady", "sturdy", "subtle",
    "sunny", "swift", "tender", "thrifty", "tidy", "trusty", "upbeat", "vivid", "warm", "witty",
    "zealous" };

static const char *const surnames[] = { "abel", "ampere", "archimedes", "babbage", "banach", "bell",
    "bernoulli", "bessel", "bohr", "boole", "bose", "boyle", "brahe", "cantor", "cauchy", "cayley",
    "celsius", "chandra", "church", "copernicus", "coulomb", "crick", "curie", "darwin", "dijkstra",
    "dirac", "edison", "einstein", "engelbart", "euclid", "euler", "faraday", "fermat", "fermi",
    "feynman", "fibonacci", "fourier", "franklin", "galileo", "galois", "gauss", "godel",
    "hamilton", "hawking", "heisenberg", "hertz", "hilbert", "hopper", "hubble", "huygens",
    "hypatia", "jacobi", "joule", "kelvin", "kepler", "khayyam", "knuth", "lagrange", "lamport",
    "laplace", "leibniz", "linnaeus", "lorentz", "lovelace", "maxwell", "meitner", "mendel",
    "mercator", "minkowski", "napier", "neumann", "newton", "nobel", "noether", "ohm", "pascal",
    "pasteur", "pauli", "planck", "poincare", "ptolemy", "pythagoras", "raman", "ramanujan",
    "riemann", "ritchie", "rutherford", "sagan", "shannon", "tesla", "thales", "torvalds", "turing",
    "volta", "watt", "wiener", "wiles", "wright" };

bool container_name_is_valid(const char *name)
{
    size_t len = strlen(name);

    /* Docker wants two of them at least; Podman, whose files and pods are run here too, does not. */
    if (len < 1 || len > 255 || !isalnum((unsigned char)name[0]))
        return false;
    for (size_t i = 1; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
            return false;
    return true;
}

char *container_generate_name(struct arena *arena)
{
    unsigned number[2];

    random_bytes(number, sizeof(number));
    return arena_printf(arena, "%s_%s", adjectives[number[0] % ARRAY_LEN(adjectives)],
            surnames[number[1] % ARRAY_LEN(surnames)]);
}
