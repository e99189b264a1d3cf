/* The user's terminal: raw mode while a container has it, and back to what it was on every way out,
 * signals and exits included. */
#pragma once

struct error;

/* Puts the terminal on fd in raw mode; 0 when fd is none. Undone by terminal_restore, which also runs
 * at exit and from the handlers of fatal signals. One terminal at a time. */
int terminal_raw(int fd, struct error **err);

/* The same, but only keys come at once and are not shown: signals and output are as ever. */
int terminal_keys(int fd, struct error **err);
void terminal_restore(void);

/* Asks for a password on the terminal that standard input is, which does not show it; -ENOTTY when it is none. The
 * prompt goes to standard error. */
struct secret;
int terminal_ask_secret(const char *prompt, struct secret *ret, struct error **err);
