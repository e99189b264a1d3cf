/* `x-schedule`: when a service is to run, as systemd calendar expressions ("daily", "Mon *-*-* 03:00") or in cron's
 * five fields and names ("15 3 * * mon", "@weekly"). */
#pragma once

#include "base/array.h"

struct arena;
struct error;
struct source;

/* Appends OnCalendar= values: one, or two for a cron line that restricts both days of the month and of the week
 * (cron runs when either matches, systemd when both do). -EINVAL, with what is wrong, for a cron line that is none;
 * calendar expressions are left to systemd to check. */
int schedule_parse(struct arena *arena, const char *text, struct strings *calendars,
        const struct source *at, struct error **err);
