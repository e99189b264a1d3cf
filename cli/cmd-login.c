/* login and logout: Docker's words, and Podman's --authfile, --get-login, --tls-verify and --all. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/registry-words.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "engine/engine.h"
#include "engine/image/login.h"
#include "engine/image/ref.h"

#define PASSWORD_MAX_BYTES (64u << 10)
#define USERNAME_MAX_BYTES 1024
#define HUB_SERVER "https://index.docker.io/v1/" /* what Docker calls it */

struct login_words {
    const char *username, *password;
    struct registry_words registry;
    bool password_set, password_stdin, get_login;
};
#define AT(member) .offset = offsetof(struct login_words, member)
static const struct opt login_opts[] = {
    { .name = "username",
            .letter = 'u',
            .type = &opt_string,
            .arg = "NAME",
            AT(username),
            .help = "User name" },
    { .name = "password",
            .letter = 'p',
            .type = &opt_string,
            .arg = "PASSWORD",
            AT(password),
            .set_offset = offsetof(struct login_words, password_set),
            .help = "Password or access token; others on this machine may see it" },
    { .name = "password-stdin",
            .type = &opt_flag,
            AT(password_stdin),
            .help = "Read the password from standard input" },
    { .name = "get-login",
            .type = &opt_flag,
            AT(get_login),
            .help = "Only print who one is at the registry" },
    REGISTRY_FILE_ROWS(struct login_words, registry),
    OPT_END,
};
#undef AT

/* An empty line is the offered name, when there is one. */
static int read_username(const char *offered, char **ret, struct error **err)
{
    char line[USERNAME_MAX_BYTES];

    if (offered)
        fprintf(stderr, "Username (%s): ", offered);
    else
        fputs("Username: ", stderr);
    fflush(stderr);
    if (!fgets(line, sizeof(line), stdin))
        return error_set_plain(err, EINVAL, NULL, "no user name was given");
    line[strcspn(line, "\r\n")] = 0;
    *ret = mem_strdup(*line || !offered ? line : offered);
    return 0;
}

static int read_password_from_stdin(struct secret *ret, struct error **err)
{
    auto_free char *data = NULL;
    size_t len = 0;
    int r = fs_read_fd(STDIN_FILENO, PASSWORD_MAX_BYTES, &data, &len, err);

    if (r < 0)
        return error_wrap(err, r, "cannot read the password from standard input");
    size_t given = len;
    while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r'))
        len--;
    secret_set(ret, data, len);
    explicit_bzero(data, given);
    return 0;
}

/* In Docker's order: what the options say, what is asked for on the terminal. `offered` is the user's name that is known
 * already, or NULL. */
static int read_credentials(struct cli *cli, const struct login_words *words, const char *offered,
        struct credentials *ret, struct error **err)
{
    int r = 0;

    if (words->password_set && words->password_stdin)
        return error_set_plain(err, EINVAL, NULL,
                "conflicting options: cannot specify both --password and --password-stdin");
    if (words->password_stdin && string_is_empty(words->username))
        return error_set_plain(
                err, EINVAL, NULL, "the --password-stdin option requires --username to be set");
    if (words->password_set)
        report_warning(cli, "Using --password via the CLI is insecure. Use --password-stdin.");
    ret->username = string_is_empty(words->username) ? NULL : mem_strdup(words->username);
    if (words->password_stdin)
        r = read_password_from_stdin(&ret->password, err);
    else if (!string_is_empty(words->password))
        secret_set(&ret->password, words->password, strlen(words->password));
    if (r < 0)
        return r;
    if ((!ret->username || ret->password.len == 0) && !isatty(STDIN_FILENO))
        return error_set_plain(
                err, ENOTTY, NULL, "Cannot perform an interactive login from a non TTY device");
    if (!ret->username)
        r = read_username(offered, &ret->username, err);
    if (r >= 0 && string_is_empty(ret->username))
        r = error_set_plain(err, EINVAL, NULL, "username is empty");
    if (r >= 0 && ret->password.len == 0)
        r = terminal_ask_secret("Password: ", &ret->password, err);
    if (r >= 0 && ret->password.len == 0)
        r = error_set_plain(err, EINVAL, NULL, "password is empty");
    return r;
}

/* Who one is already: to print it, or to ask the registry whether that is so. 1 found. */
static int find_known(
        const struct login_options *options, struct credentials *ret, struct error **err)
{
    const struct credentials_files files = { options->engine, options->access->auth_file };
    int r = credentials_find(&files, options->domain, "", ret, err);

    return r < 0 ? r : ret->username || ret->identity_token.data;
}

static int print_login(struct cli *cli, const struct login_options *options, struct error **err)
{
    auto_(credentials_release) struct credentials known = CREDENTIALS_INIT;
    int r = find_known(options, &known, err);

    if (r == 0)
        return error_set_plain(err, ENOENT, NULL, "not logged into %s", options->domain);
    if (r > 0)
        cli_print(cli, "%s\n", known.username ? known.username : "<token>");
    return r;
}

/* A token that the registry gives is kept in place of the password. */
static int verify(
        const struct login_options *options, struct credentials *credentials, struct error **err)
{
    struct secret identity = SECRET_INIT;
    int r = login_verify(options, credentials, &identity, err);

    if (r < 0)
        return r;
    secret_release(&credentials->identity_token);
    credentials->identity_token = identity;
    return 0;
}

/* With what is kept already: 1 when the registry takes it. 0 when there is nothing, or the registry says no and somebody
 * can be asked; *ret has a user's name to offer then, at most. */
static int log_in_with_known(struct cli *cli, const struct login_options *options,
        struct credentials *ret, struct error **err)
{
    auto_error struct error *failure = NULL;
    int r = find_known(options, ret, err);

    if (r < 0)
        return r;
    if (r == 0 || !ret->username || !ret->password.len) {
        credentials_release(ret);
        return 0;
    }
    fprintf(stderr, "Authenticating with existing credentials... [Username: %s]\n", ret->username);
    r = verify(options, ret, &failure);
    if (r >= 0)
        return 1;
    if (r != -EACCES || !isatty(STDIN_FILENO))
        return error_move(err, TAKE(failure));
    report_error(cli, failure);
    fputs("Stored credentials invalid or expired\n", stderr);
    return 0;
}

static int log_in(struct cli *cli, const struct login_words *words,
        const struct login_options *options, struct error **err)
{
    auto_(credentials_release) struct credentials known = CREDENTIALS_INIT;
    auto_(credentials_release) struct credentials given = CREDENTIALS_INIT;
    auto_free char *file = NULL;
    bool asks_for_known = string_is_empty(words->username) && !words->password_set &&
                          !words->password_stdin;
    int r = asks_for_known ? log_in_with_known(cli, options, &known, err) : 0;
    bool is_known = r > 0;

    if (r == 0)
        r = read_credentials(cli, words, known.username, &given, err);
    if (r >= 0 && !is_known)
        r = verify(options, &given, err);
    if (r >= 0)
        r = login_store(options, is_known ? &known : &given, &file, err);
    if (r < 0)
        return r;
    if (file && !is_known)
        report_warning(cli,
                "Your credentials are stored unencrypted in '%s'. A credential helper "
                "(\"credsStore\" in that file) would encrypt them.",
                file);
    cli_print(cli, "Login Succeeded\n");
    return 0;
}

static int run_login(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct login_words *words = data;
    auto_error struct error *err = NULL;
    auto_(registry_said_release) struct registry_said said = { 0 };
    auto_free char *domain = NULL;
    int status = cli_check_arguments(cli, &command_login, argc, 0, 1);
    struct registry_words registry = words->registry;

    if (status)
        return status;
    registry.authfile = NULL; /* it need not be there yet */
    if (login_parse_server(argc ? argv[0] : IMAGE_REF_DEFAULT_DOMAIN, &domain, &err) < 0 ||
            registry_words_read(&registry, &said, &err) < 0)
        return report_error(cli, err);
    said.access.auth_file = words->registry.authfile;
    const struct login_options options = {
        .engine = cli_engine_options(cli), .access = &said.access, .domain = domain
    };
    int r = words->get_login ? print_login(cli, &options, &err)
                             : log_in(cli, words, &options, &err);
    return r < 0 ? report_error(cli, err) : 0;
}

const struct command command_login = {
    .name = "login",
    .usage = "[OPTIONS] [SERVER]",
    .summary = "Log in to a registry",
    .details =
            "Without SERVER, at Docker Hub. The registry is asked before anything is kept. What is kept goes "
            "where pulls look for it: the auth.json or config.json that knows the registry already, "
            "$REGISTRY_AUTH_FILE, or Docker's config.json; or to the credential helper that the "
            "file names.",
    .opts = login_opts,
    .options_bytes = sizeof(struct login_words),
    .run = run_login,
};

/* ------------------------------------------------------------------ logout */

struct logout_words {
    const char *authfile;
    bool all;
};
static const struct opt logout_opts[] = {
    { .name = "all",
            .letter = 'a',
            .type = &opt_flag,
            .offset = offsetof(struct logout_words, all),
            .help = "From all registries" },
    { .name = "authfile",
            .type = &opt_string,
            .arg = "FILE",
            .offset = offsetof(struct logout_words, authfile),
            .help = "File with the credentials of registries" },
    OPT_END,
};

static int run_logout(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct logout_words *words = data;
    auto_error struct error *err = NULL;
    auto_free char *domain = NULL;
    const struct credentials_files files = { cli_engine_options(cli), words->authfile };
    int status = cli_check_arguments(cli, &command_logout, argc, 0, words->all ? 0 : 1);

    if (status)
        return status;
    if (!words->all &&
            login_parse_server(argc ? argv[0] : IMAGE_REF_DEFAULT_DOMAIN, &domain, &err) < 0)
        return report_error(cli, err);
    if (words->all)
        cli_print(cli, "Removing login credentials for all registries\n");
    else
        cli_print(cli, "Removing login credentials for %s\n",
                strcmp(domain, IMAGE_REF_DEFAULT_DOMAIN) == 0 ? HUB_SERVER : domain);
    return credentials_erase(&files, domain, &err) < 0 ? report_error(cli, err) : 0;
}

const struct command command_logout = {
    .name = "logout",
    .usage = "[OPTIONS] [SERVER]",
    .summary = "Log out from a registry",
    .details =
            "What is known of SERVER (Docker Hub without one) goes from every file and helper that pulls look at.",
    .opts = logout_opts,
    .options_bytes = sizeof(struct logout_words),
    .run = run_logout,
};

/* ------------------------------------------------------------------ search */

static int run_search(struct cli *cli, const void *data, int argc, char **argv)
{
    (void)data;
    (void)argc;
    (void)argv;
    return report_failure(cli,
            "search is not supported: registries have no search of their own, and berth "
            "asks no other service; look for images at the registry's web page");
}

const struct command command_search = {
    .name = "search",
    .usage = "TERM",
    .summary = "Not supported",
    .run = run_search,
    .hidden = true,
};
