#!/usr/bin/env bats
# attach, commit, cp, events, export and stats of a project's containers.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
    cat >compose.yaml <<'END'
name: many
services:
  web:
    image: busybox
    init: true
    network_mode: none
    scale: 2
    command: [sleep, "1000"]
  other: { image: busybox, network_mode: none, init: true, command: [sleep, "1000"] }
END
    run -0 berth compose up -d
}

teardown() {
    berth_teardown
}

@test "cp goes into all containers of a service, or into one, and comes out of one" {
    echo hello >file
    run -0 berth compose cp file web:/tmp/file
    run -0 berth compose exec -T --index 2 web cat /tmp/file
    [ "$output" = hello ]
    echo second >file
    run -0 berth compose cp --index 2 file web:/tmp/file
    run -0 berth compose exec -T --index 1 web cat /tmp/file
    [ "$output" = hello ]
    run -0 berth compose cp --index 2 web:/tmp/file back
    [ "$(cat back)" = second ]
    run -1 berth compose cp web:/a other:/b
    assert_output_has "copying between services is not supported"
    run -1 berth compose cp file elsewhere
    assert_output_has "unknown copy direction"
    run -1 berth compose cp file wbe:/x
    assert_output_has 'no such service: wbe'
}

@test "commit makes an image, export a tar archive, of the container that was asked for" {
    run -0 berth compose exec -T --index 2 web touch /marked
    run -0 berth compose commit --index 2 -m why web marked:1
    run -0 berth run --rm --network none marked:1 ls /marked
    run -0 berth compose export --index 2 -o out.tar web
    tar -tf out.tar | grep -q '^\(\./\)\?marked$'
    run -0 berth compose export -o first.tar web
    run ! grep -q marked <(tar -tf first.tar)
}

@test "stats shows the project's containers and no other" {
    run -0 berth run -d --name stranger --network none --init busybox sleep 1000
    run -0 berth compose stats --no-stream --format '{{.Name}}'
    [ "$(sort <<<"$output" | tr '\n' ' ')" = "many-other-1 many-web-1 many-web-2 " ]
    run -0 berth compose stats --no-stream --format '{{.Name}}' other
    [ "$output" = many-other-1 ]
}

@test "events tells what happens to the project's containers, of the services that were named" {
    run -0 berth run --rm --network none busybox true
    run -0 berth compose stop -t 1 other
    run -0 berth compose events --since 1h --until 0s --json
    [ "$(jq -r .service <<<"$output" | sort -u | tr '\n' ' ')" = "other web " ]
    jq -se 'any(.action == "die" and .attributes.name == "many-other-1")' <<<"$output" >/dev/null
    run -0 berth compose events --since 1h --until 0s other
    assert_output_has "container start "
    assert_output_lacks many-web
}

@test "attach connects to the container of a service" {
    run -1 berth compose attach --index 7 web
    assert_output_has 'has no container number 7'
    run -0 berth compose stop -t 1 other
    run -1 berth compose attach other
    assert_output_has "cannot attach to a stopped container"
}
