#!/usr/bin/env bats
# Which containers a command is for, when it is told in another way than by names; and the order of ps.
load lib
bats_require_minimum_version 1.5.0

setup_file() {
    berth_setup
    import_busybox
}

teardown_file() {
    berth_teardown
}

setup() {
    [ -n "${STATE:-}" ] || skip "$(berth_why_not)"
    cd "$WORK" || return
    for name in one two three; do
        berth run -d --init --name $name --network none -l n=$name busybox sleep 1000 >/dev/null
    done
    berth create --name idle --network none busybox true >/dev/null
}

teardown() {
    berth unpause -a >/dev/null
    berth rm -f -a >/dev/null
}

states() { berth ps -a --sort names --format '{{.Names}}={{.State}}' | tr '\n' ' '; }
id_of() { berth inspect -f '{{.Id}}' "$1"; }

@test "all of them are what can be done with: running ones stop, paused ones thaw, idle ones start" {
    run -0 berth pause --all
    [ "$(sort <<<"$output")" = "$(for name in one two three; do id_of $name; done | sort)" ]
    [ "$(states)" = "idle=created one=paused three=paused two=paused " ]
    berth unpause -a >/dev/null
    run -0 berth stop -a -t 0
    [ "$(wc -l <<<"$output")" = 3 ]
    [ "$(states)" = "idle=created one=exited three=exited two=exited " ]
    run -0 berth stop --all
    [ -z "$output" ]
    run -0 berth kill --all
    [ -z "$output" ]
    berth start one >/dev/null
    run -0 berth restart --running -t 0
    [ "$output" = "$(id_of one)" ]
    berth start --all >/dev/null
    berth wait idle
    [ "$(states)" = "idle=exited one=running three=running two=running " ]
    run -0 berth rm --all --force --time 0
    [ "$(wc -l <<<"$output")" = 4 ]
    [ -z "$(berth ps -aq)" ]
    run -0 berth rm -a
}

@test "the newest, those of a filter, and those of files" {
    run -0 berth stop -t 0 --filter label=n=two --filter name=two
    [ "$output" = "$(id_of two)" ]
    run -0 berth stop --filter name=nothing
    [ -z "$output" ]
    run -0 berth start -l
    [ "$output" = "$(id_of idle)" ]
    berth wait idle >/dev/null # what runs already cannot be started and attached to
    run -0 berth start --latest --attach
    run -0 berth wait --latest
    [ "$output" = 0 ]
    id_of one >one.id
    echo >empty.id
    run -0 berth kill --cidfile one.id
    [ "$output" = "$(id_of one)" ]
    run -0 berth rm --cidfile one.id two
    [ "$(states)" = "idle=exited three=running " ]
    run -1 berth stop --cidfile none.id
    assert_output_has 'cannot read the container id file "none.id"'
    run -0 berth stop --ignore --cidfile none.id
    run -1 berth stop --cidfile empty.id
    assert_output_has '"empty.id" is empty'
    berth rm -f -a >/dev/null
    run -1 berth stop --latest
    assert_output_has 'no such container'
}

@test "what cannot stand together is refused" {
    run -1 berth stop --all one
    assert_output_has 'no arguments are needed with --all'
    run -1 berth stop --all --latest
    assert_output_has '--all and --latest cannot be used together'
    run -1 berth stop --filter name=x y
    assert_output_has '--filter takes no arguments'
    run -1 berth stop --filter foo=x
    assert_output_has 'invalid filter "foo"'
    run -1 berth stop
    assert_output_has 'at least 1 argument'
    run -1 berth start --all --attach
    assert_output_has 'you cannot start and attach all containers at once'
    run -1 berth restart --running one
    assert_output_has 'no arguments are needed with --running'
    run -1 berth restart --running --latest
    assert_output_has '--running and --latest cannot be used together'
    run -1 berth rm --time 0 idle
    assert_output_has '--force option must be specified to use the --time option'
    run -125 berth rm -l one
    assert_output_has 'option "--link" is not supported'
    [ "$(states)" = "idle=created one=running three=running two=running " ]
}

@test "an empty filter chooses nothing, and one that none can pass neither" {
    for command in 'rm -f' stop start restart kill pause unpause; do
        # shellcheck disable=SC2086 # words
        run -1 berth $command --filter name=
        assert_output_has 'the filter "name=" is empty'
    done
    run -1 berth rm -f --filter name=one --filter label=
    assert_output_has 'the filter "label=" is empty'
    run -0 berth rm -f --filter is-task=true --filter "id=$(id_of one)"
    [ -z "$output" ]
    [ -z "$(berth ps -aq --filter is-task=true --filter "id=$(id_of one)")" ]
    [ "$(berth ps -aq --no-trunc --filter is-task=false --filter "id=$(id_of one)")" = "$(id_of one)" ]
    run -0 berth start --attach --filter name=nothing
    [ -z "$output" ]
    [ "$(states)" = "idle=created one=running three=running two=running " ]
}

@test "wait ends with the first of several" {
    berth wait --exit-first-match --interval 100ms one two three >first 3>&- &
    waiter=$!
    wait_for 60 watches_files $waiter
    berth exec three true
    berth kill two >/dev/null
    wait $waiter
    [ "$(cat first)" = 137 ]
    run -0 berth wait --exit-first-match one two
    run -0 berth wait --exit-first-match --condition running one two
    [ "$output" = -1 ]
    run -0 berth wait --exit-first-match --ignore nobody
    [ "$output" = -1 ]
    run -1 berth wait --exit-first-match nobody one
    assert_output_has 'No such container: nobody'
    run -125 berth wait --interval x one
}

@test "ps has another order, no headings, or namespaces when it is told so" {
    [ "$(berth ps --noheading | wc -l)" = 3 ]
    [ "$(berth ps -a --sort names --format '{{.Names}}' | tr '\n' ' ')" = "idle one three two " ]
    [ "$(berth ps -a --sort created --format '{{.Names}}' | tr '\n' ' ')" = "idle three two one " ]
    [ "$(berth ps -a --sort status --format '{{.Names}}' | head -1)" = idle ]
    [ "$(berth ps -aq --no-trunc --sort id)" = "$(berth ps -aq --no-trunc | sort)" ]
    berth exec one sh -c 'head -c 300000 /dev/zero >/big'
    [ "$(berth ps --sort size --format '{{.Names}}' | tail -1)" = one ]
    run -1 berth ps --sort shoe
    assert_output_has 'invalid value "shoe" for --sort'
    run -0 berth ps --ns --filter name=one
    assert_output_has 'CONTAINER ID   NAMES'
    pid=$(berth inspect -f '{{.State.Pid}}' one)
    [ "$(berth ps --ns --filter name=one --format '{{.PID}} {{.MNT}} {{.PIDNS}}')" = \
        "$pid $(readlink "/proc/$pid/ns/mnt" | tr -dc 0-9) $(readlink "/proc/$pid/ns/pid" | tr -dc 0-9)" ]
    [ "$(berth ps -a --ns --filter name=idle --format '{{.PID}}{{.NET}}')" = 0 ]
    run -1 berth ps --ns --size
    assert_output_has 'size and namespace options conflict'
}

@test "the newest container is looked at, and gets further processes" {
    berth rm idle >/dev/null
    [ "$(berth exec -l sh -c 'echo $0 $1' a b)" = "a b" ]
    berth exec --latest touch /newest
    berth exec three test -e /newest
    berth run -d --name talker --network none busybox echo said >/dev/null
    berth wait -l >/dev/null
    [ "$(berth logs -l)" = said ]
    run -1 berth attach --latest
    assert_output_has 'cannot attach to a stopped container'
    run -1 berth logs -l three
    assert_output_has 'argument'
    run -1 berth exec -l
    assert_output_has 'argument'
}
