#!/usr/bin/env bats
# The power goes while quadlets with berth as their engine run, and while they are stopped and started.
# vm: --power-loss end
load ../system/lib
load quadlets
bats_require_minimum_version 1.5.0

setup() {
    export PATH=$BERTH_BUILD/bin:$PATH NO_COLOR=1
}

@test "before: quadlets are being restarted when the power goes" {
    import_busybox localhost/busybox
    write_quadlets
    systemctl daemon-reload
    systemctl start front.service team-pod.service
    assert_all_up
    sync
    # It goes on when this test has ended.
    setsid sh -c 'n=0; while :; do
        n=$((n + 1))
        systemctl restart web.service front.service team-pod.service
        echo "$n" >/tmp/rounds
    done' >/dev/null 2>&1 </dev/null 3>&- &
    wait_for 300 grep -qs '[2-9]' /tmp/rounds
}

@test "after: they are up again, each once, and their data is there" {
    assert_all_up
    [ "$(berth ps -aq | wc -l)" = 4 ]
    grep -q start "$(berth volume inspect --format '{{.Mountpoint}}' data)/starts"
    systemctl stop web.service team-pod.service
    [ -z "$(berth ps -aq)" ]
}
