#!/usr/bin/env bats
# Logs in systemd's journal (--log-driver journald).
load ../system/lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

# The messages of container NAME in the journal.
in_journal() {
    journalctl --sync
    journalctl -o cat CONTAINER_ID_FULL="$(berth inspect -f '{{.Id}}' "$1")" --no-pager
}

@test "each line is an entry of the journal with Docker's fields, errors with another priority" {
    berth run --name x1 --network none --log-driver journald --log-opt tag=web --log-opt labels=tier --label tier=front \
        busybox sh -c 'echo out; echo err >&2'
    [ "$(in_journal x1 | sort | tr '\n' ' ')" = "err out " ]
    id=$(berth inspect -f '{{.Id}}' x1)
    journalctl -o json --no-pager "CONTAINER_ID_FULL=$id" MESSAGE=out >entry
    [ "$(jq -r '"\(.CONTAINER_ID) \(.CONTAINER_TAG) \(.SYSLOG_IDENTIFIER) \(.IMAGE_NAME) \(.TIER) \(.PRIORITY)"' entry)" = \
        "${id:0:12} web web busybox front 6" ]
    [ "$(journalctl -o json --no-pager "CONTAINER_ID_FULL=$id" MESSAGE=err | jq -r .PRIORITY)" = 3 ]
}

@test "logs reads what went to the journal" {
    berth run --name x1 --network none --log-driver journald busybox sh -c 'for i in 1 2 3; do echo line$i; done'
    [ "$(berth logs x1 | tr '\n' ' ')" = "line1 line2 line3 " ]
    [ "$(berth logs -n 1 x1)" = line3 ]
}

@test "no line is lost on the way to the journal, and their order stays" {
    berth run --name x1 --network none --log-driver journald busybox seq 5000 >/dev/null
    in_journal x1 >got
    seq 5000 | diff - got
}
