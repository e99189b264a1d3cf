#include "cli/up-menu.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/log-view.h"
#include "cli/terminal.h"

int up_menu_begin(struct up_menu *menu, struct error **err)
{
    int r = terminal_keys(STDIN_FILENO, err);

    menu->on = r >= 0;
    return r;
}

void up_menu_end(struct up_menu *menu)
{
    if (!menu->on)
        return;
    up_menu_hide(menu);
    menu->on = false;
    terminal_restore();
}

static void show_key(const struct cli *cli, const char *key, const char *text)
{
    if (cli->colour_out)
        printf("\033[1;7m%s\033[0m\033[2m %s\033[0m", key, text);
    else
        printf("%s %s", key, text);
}

void up_menu_show(void *userdata)
{
    struct up_menu *menu = userdata;

    /* Behind an unfinished line it would look like a part of it. */
    if (!menu->on || menu->shown || log_view_is_within_line(menu->view))
        return;
    show_key(menu->cli, "w", menu->watching ? "Disable Watch" : "Enable Watch");
    fputs("   ", stdout);
    show_key(menu->cli, "d", "Detach");
    fflush(stdout);
    menu->shown = true;
}

void up_menu_hide(void *userdata)
{
    struct up_menu *menu = userdata;

    if (!menu->shown)
        return;
    fputs("\r\033[K", stdout);
    fflush(stdout);
    menu->shown = false;
}

enum up_key up_menu_read(struct up_menu *menu)
{
    char key;

    if (read(STDIN_FILENO, &key, 1) != 1) { /* the terminal is gone */
        up_menu_end(menu);
        return UP_KEY_OTHER;
    }
    if (key == '\n' || key == '\r')
        fputc('\n', stdout);
    return key == 'w' ? UP_KEY_WATCH : key == 'd' ? UP_KEY_DETACH : UP_KEY_OTHER;
}
