/* Findings of lint as SARIF 2.1.0, the format that code hosting sites and editors read: the rules with
 * their texts, each result with its place relative to where berth was called, and a fingerprint that
 * survives lines that move. */
#pragma once

struct cli;
struct diag;

void lint_print_sarif(struct cli *cli, const struct diag *diag);
