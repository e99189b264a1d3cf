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
