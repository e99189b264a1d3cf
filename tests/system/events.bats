#!/usr/bin/env bats
# events: what commands and monitors tell, as it happens and afterwards.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    [ -z "${FOLLOWER:-}" ] || kill "$FOLLOWER" 2>/dev/null || :
    berth_teardown
}

past() {
    berth events --since 1h --until 0s "$@"
}

@test "the life of a container is told in Docker's words" {
    berth run -d --name x1 -l one=1 --network none busybox sleep 1000 >/dev/null
    berth pause x1
    berth unpause x1
    berth stop -t 0 x1
    berth rm x1
    run past --filter container=x1 --format '{{.Action}}'
    [ "$output" = $'create\nstart\npause\nunpause\nkill\ndie\nstop\ndestroy' ]
    run past --filter container=x1 --filter event=die
    [[ $output =~ ^[0-9-]+T[0-9:]+\.[0-9]{9}[^\ ]+\ container\ die\ [0-9a-f]{64}\ \(exitCode=137,\ image=busybox,\ name=x1,\ one=1\)$ ]]
    run past --filter event=die --format json
    [ "$(jq -r '[.status, .from, .Type, .Actor.Attributes.exitCode, .scope] | join(" ")' <<<"$output")" = "die busybox container 137 local" ]
}

@test "filters choose by type, label, image and action" {
    berth run --rm --name x1 -l a=1 --network none busybox true
    berth run --rm --name x2 -l a=2 --network none busybox true
    berth volume create v1
    berth volume rm v1
    berth network create n1
    berth network rm n1
    run past --filter type=volume --format '{{.Action}} {{.Actor.ID}}'
    [ "$output" = $'create v1\ndestroy v1' ]
    run past --filter network=n1 --format '{{.Action}} {{.Actor.Attributes.name}}'
    [ "$output" = $'create n1\ndestroy n1' ]
    run past --filter label=a=2 --filter event=start --filter event=destroy --format '{{.Actor.Attributes.name}}'
    [ "$output" = $'x2\nx2' ]
    run past --filter label=a --filter image=busybox --filter event=create --format '{{.Actor.Attributes.name}}'
    [ "$output" = $'x1\nx2' ]
    run berth events --filter no-such=x --until 0s
    assert_status 1
    assert_output_has "invalid filter 'no-such'"
}

@test "health, exec and restarts are told too" {
    berth run -d --name x1 --restart on-failure:1 --health-cmd true --health-interval 100ms --network none busybox sh -c 'while [ ! -e /end ]; do sleep 0.05; done; exit 3' >/dev/null
    wait_for 30 sh -c '[ "$(berth inspect -f "{{.State.Health.Status}}" x1)" = healthy ]'
    berth exec x1 touch /end
    berth wait x1
    run past --filter container=x1 --format '{{.Action}}'
    assert_output_has 'health_status: healthy'
    assert_output_has 'exec_start: touch /end'
    [ "$(grep -cx start <<<"$output")" = 2 ]
    [ "$(grep -cx die <<<"$output")" = 2 ]
}

@test "events are told as they happen, over the rotation of the log" {
    berth events --filter type=volume --format '{{.Action}} {{.Actor.ID}}' >followed &
    FOLLOWER=$!
    wait_for 30 sh -c "ls -l /proc/$FOLLOWER/fd | grep -q inotify"
    # Its first look is over when it sees the first event; then the log is full.
    wait_for 30 sh -c 'berth volume create first >/dev/null; grep -q "create first" followed || { berth volume rm first >/dev/null; false; }'
    yes "$(head -c 1000 /dev/zero | tr '\0' x)" | head -n 5000 >>"$BERTH_RUN/events.log"
    berth volume create second
    berth volume create third
    wait_for 30 grep -q 'create third' followed
    grep -q 'create second' followed
    [ -e "$BERTH_RUN/events.log.1" ]
    kill "$FOLLOWER"
    wait "$FOLLOWER" || :
    FOLLOWER=
}
