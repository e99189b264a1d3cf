#include "base/digest.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/dl.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"

static struct {
    __typeof__(EVP_MD_CTX_new) *ctx_new;
    __typeof__(EVP_MD_CTX_free) *ctx_free;
    __typeof__(EVP_DigestInit_ex) *init;
    __typeof__(EVP_DigestUpdate) *update;
    __typeof__(EVP_DigestFinal_ex) *final;
    __typeof__(EVP_sha256) *sha256;
    __typeof__(EVP_sha512) *sha512;
} crypto;

static const struct dl_symbol crypto_symbols[] = {
    DL_SYMBOL(crypto.ctx_new, "EVP_MD_CTX_new"),
    DL_SYMBOL(crypto.ctx_free, "EVP_MD_CTX_free"),
    DL_SYMBOL(crypto.init, "EVP_DigestInit_ex"),
    DL_SYMBOL(crypto.update, "EVP_DigestUpdate"),
    DL_SYMBOL(crypto.final, "EVP_DigestFinal_ex"),
    DL_SYMBOL(crypto.sha256, "EVP_sha256"),
    DL_SYMBOL(crypto.sha512, "EVP_sha512"),
};
static struct dl_library crypto_library = DL_LIBRARY("libcrypto.so.3", crypto_symbols);

static const struct digest_algorithm {
    const char *name;
    size_t hex_len;
    __typeof__(EVP_sha256) **type;
} algorithms[] = {
    { "sha256", 64, &crypto.sha256 },
    { "sha512", 128, &crypto.sha512 },
};

struct digest {
    const struct digest_algorithm *algorithm;
    EVP_MD_CTX *context;
};

static const struct digest_algorithm *find_algorithm(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        if (str_is_equal_z(name, algorithms[i].name))
            return &algorithms[i];
    }
    return NULL;
}

int digest_new(const char *algorithm, struct digest **ret, struct error **err)
{
    const struct digest_algorithm *found = find_algorithm(str_from(algorithm));

    if (!found)
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "the digest algorithm \"%s\" is not supported", algorithm);
    int r = dl_open(&crypto_library, err);
    if (r < 0)
        return error_wrap(err, r, "cannot compute digests");

    struct digest *digest = NEW(struct digest);
    digest->algorithm = found;
    digest->context = crypto.ctx_new();
    if (!digest->context)
        mem_exhausted();
    if (crypto.init(digest->context, (*found->type)(), NULL) != 1) {
        digest_free(digest);
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "libcrypto refuses the digest algorithm \"%s\"", algorithm);
    }
    *ret = digest;
    return 0;
}

void digest_free(struct digest *digest)
{
    if (!digest)
        return;
    crypto.ctx_free(digest->context);
    free(digest);
}

void digest_update(struct digest *digest, const void *data, size_t len)
{
    int ok = crypto.update(digest->context, data, len);

    assert(ok == 1);
    (void)ok;
}

static void put_text(const char *algorithm, const uint8_t *bytes, size_t len, char *text)
{
    static const char digits[] = "0123456789abcdef";
    int at = snprintf(text, DIGEST_TEXT_MAX, "%s:", algorithm);

    for (size_t i = 0; i < len; i++) {
        text[at++] = digits[bytes[i] >> 4];
        text[at++] = digits[bytes[i] & 15];
    }
    text[at] = '\0';
}

void digest_finish(struct digest *digest, char text[static DIGEST_TEXT_MAX])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int ok = crypto.final(digest->context, bytes, &len);

    assert(ok == 1 && len * 2 == digest->algorithm->hex_len);
    (void)ok;
    put_text(digest->algorithm->name, bytes, len, text);
}

void digest_sha256(const void *data, size_t len, char text[static DIGEST_TEXT_MAX])
{
    uint8_t bytes[SHA256_BYTES];

    sha256(data, len, bytes);
    put_text("sha256", bytes, sizeof(bytes), text);
}

bool digest_is_valid(const char *text)
{
    const char *colon = text ? strchr(text, ':') : NULL;

    if (!colon)
        return false;
    const struct digest_algorithm *found = find_algorithm(
            (struct str){ text, (size_t)(colon - text) });
    const char *hex = colon + 1;
    return found && strspn(hex, "0123456789abcdef") == found->hex_len && !hex[found->hex_len];
}

const char *digest_hex(const char *text)
{
    const char *colon = strchr(text, ':');

    return colon ? colon + 1 : text;
}
