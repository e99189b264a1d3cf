/* The line of keys below the output of an attached `up`: w for watching, d for leaving it in the background. Only on a
 * terminal; interrupts go on as they do without. */
#pragma once

#include <stdbool.h>

struct cli;
struct error;
struct log_view;

struct up_menu {
    struct cli *cli;
    const struct log_view *view;
    bool on, watching, shown;
};

enum up_key { UP_KEY_OTHER, UP_KEY_WATCH, UP_KEY_DETACH };

int up_menu_begin(struct up_menu *menu, struct error **err);
void up_menu_end(struct up_menu *menu); /* the terminal is as it was */

/* Functions of follow_footer. */
void up_menu_show(void *menu);
void up_menu_hide(void *menu);

/* What the user pressed; standard input is readable. */
enum up_key up_menu_read(struct up_menu *menu);
