#!/usr/bin/env bats
# The example of the documentation as services of systemd, over a reboot: real programs, images that are built here.
# It limits memory, for which the machine needs that controller: not in namespaces on a hybrid host.
# vm: --reboot
load ../system/lib
bats_require_minimum_version 1.5.0

setup() {
    export PATH=$BERTH_BUILD/bin:$PATH NO_COLOR=1
    cd /srv/guestbook || return
}

# Emulated machines are slow: what takes a second elsewhere may take half a minute.
PATIENCE=1200
url=http://127.0.0.1:8080/api/entries

entries() {
    busybox wget -q -O - "$url"
}

all_active() {
    systemctl -q is-active guestbook.target guestbook-web.service &&
        systemctl -q is-active guestbook-app.service && systemctl -q is-active guestbook-redis.service &&
        systemctl -q is-active guestbook-worker.service
}

# Whether an entry was counted by the worker, which gets it from the application by way of the database.
counted() {
    entries | grep -q '"words": [1-9]'
}

# When, in microseconds since the boot, the journal has this message of that unit.
when() {
    journalctl -b -u "$1" -o short-monotonic | grep -F -- "$2" | head -n 1 | sed 's/^\[ *\([0-9]*\)\.\([0-9]*\)\].*/\1\2/'
}

# assert_order UNIT1 UNIT2: the second was started when the first one's health check had passed, and not before.
assert_order() {
    local healthy starts
    healthy=$(when "$1" "Started $1") starts=$(when "$2" "Starting $2")
    [ -n "$healthy" ] && [ -n "$starts" ] && [ "$healthy" -lt "$starts" ]
}

@test "before: it is enabled, its images are built, and it serves" {
    berth import /var/tmp/example-debian.tar example/debian
    rm /var/tmp/example-debian.tar
    berth compose enable
    systemctl start --no-block guestbook.target
    wait_for "$PATIENCE" all_active
    run -0 busybox wget -q -O - --post-data "The first entry" "$url"
    wait_for "$PATIENCE" counted
    run -0 berth compose status
}

@test "after: everything is up, and the entry is there" {
    wait_for "$PATIENCE" all_active
    wait_for "$PATIENCE" entries
    entries | grep -q "The first entry"
    run -0 berth compose status
    run -0 berth compose ps --format '{{.Service}} {{.State}} {{.Owner}}'
    assert_output_has "worker running guestbook-worker.service"
}

@test "after: each service was started later than the first good health check of what it needs, by the journal" {
    assert_order guestbook-redis.service guestbook-app.service
    assert_order guestbook-redis.service guestbook-worker.service
    assert_order guestbook-app.service guestbook-web.service
}

@test "after: a service that is killed is started again, and still serves" {
    killed=$(systemctl show -P MainPID guestbook-redis.service)
    kill -9 "$(berth inspect -f '{{.State.Pid}}' guestbook-redis-1)"
    again() { [ "$(systemctl show -P MainPID guestbook-redis.service)" != "$killed" ] && all_active && entries; }
    wait_for "$PATIENCE" again
    entries | grep -q "The first entry"
}
