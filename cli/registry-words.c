#include "cli/registry-words.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "engine/image/image.h"

/* "USER:PASSWORD"; the password is asked for when there is none. */
static int read_creds(const char *text, struct credentials *ret, struct error **err)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);

    if (len == 0)
        return error_set_plain(err, EINVAL, NULL, "--creds wants a user name: USER[:PASSWORD]");
    ret->username = mem_strndup(text, len);
    if (colon) {
        secret_set(&ret->password, colon + 1, strlen(colon + 1));
        return 0;
    }
    return terminal_ask_secret("Password: ", &ret->password, err);
}

int registry_words_read(
        const struct registry_words *words, struct registry_said *ret, struct error **err)
{
    *ret = (struct registry_said){ .credentials = CREDENTIALS_INIT };
    ret->access = (struct registry_access){
        .tls = !words->tls_verify_set ? REGISTRY_TLS_CONFIGURED
               : words->tls_verify    ? REGISTRY_TLS_REQUIRED
                                      : REGISTRY_TLS_UNVERIFIED,
        .auth_file = words->authfile,
        .cert_dir = words->cert_dir,
        .retries_set = words->retry_set,
        .retries = (unsigned)words->retry,
        .retry_delay_usec = words->retry_delay_usec,
    };
    if (words->retry < 0 || words->retry > INT_MAX)
        return error_set_plain(err, EINVAL, NULL, "invalid --retry: expected a number from 0 on");
    if (words->authfile && access(words->authfile, R_OK) < 0)
        return error_set(err, errno, NULL, "credential file %s is not accessible", words->authfile);
    if (!words->creds)
        return 0;
    ret->access.credentials = &ret->credentials;
    return read_creds(words->creds, &ret->credentials, err);
}

void registry_said_release(struct registry_said *said)
{
    credentials_release(&said->credentials);
}

int platform_words_read(
        struct cli *cli, const struct platform_words *words, const char **ret, struct error **err)
{
    struct image_platform host = image_platform_host();
    bool in_parts = words->os || words->arch || words->variant;

    if (words->platform && (words->os || words->arch))
        return error_set_plain(
                err, EINVAL, NULL, "--platform option can not be specified with --arch or --os");
    *ret = words->platform || !in_parts
                   ? words->platform
                   : arena_printf(&cli->arena, "%s/%s%s%s", words->os ? words->os : host.os,
                             words->arch ? words->arch : host.architecture,
                             words->variant ? "/" : "", words->variant ? words->variant : "");
    return 0;
}
