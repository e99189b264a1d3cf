/* completion: the file that teaches a shell berth's commands. */
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/completion-files.h"
#include "cli/report.h"

static const struct {
    const char *name, *text;
} shells[] = {
    { "bash", completion_bash },
    { "fish", completion_fish },
    { "zsh", completion_zsh },
};

static int run_completion(struct cli *cli, const void *data, int argc, char **argv)
{
    int status = cli_check_arguments(cli, &command_completion, argc, 1, 1);

    (void)data;
    if (status)
        return status;
    for (size_t i = 0; i < ARRAY_LEN(shells); i++)
        if (strcmp(argv[0], shells[i].name) == 0) {
            cli_print_text(cli, shells[i].text, strlen(shells[i].text));
            return 0;
        }
    return report_failure(
            cli, "there is no completion for \"%s\": expected bash, fish or zsh", argv[0]);
}

const struct command command_completion = {
    .name = "completion",
    .usage = "SHELL",
    .summary = "Print the file that makes bash, fish or zsh complete berth's commands",
    .details =
            "For the current shell: source <(berth completion bash), berth completion fish | source, or for "
            "zsh a file _berth in a directory of $fpath.",
    .run = run_completion,
};
