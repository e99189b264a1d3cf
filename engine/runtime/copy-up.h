/* Copies a directory's contents into an empty file system: "tmpcopyup". Owner, mode, times and
 * extended attributes are kept, links stay links (to nothing outside: nothing is followed), hard
 * links become copies, and devices and sockets are made anew where that is allowed. */
#pragma once

/* The directories are open; the top's own mode and owner are copied too. May be called between clone
 * and exec. 0 or -errno. */
int copy_up_tree(int from_fd, int to_fd);
