#!/usr/bin/env bats
# What the commands that list print, and which of a project's services commands act on.

bats_require_minimum_version 1.5.0
load lib

setup() {
    berth_setup
    import_busybox
}
teardown() { berth_teardown; }

project() { cat >compose.yaml; }

states() { berth compose ps -a --format '{{.Name}}:{{.State}}' | sort | tr '\n' ' '; }

@test "without names commands leave the services of inactive profiles alone, and down says so" {
    project <<'YAML'
name: p
services:
  a: {image: busybox, command: sleep 1000, init: true}
  tool: {image: busybox, command: sleep 1000, init: true, profiles: [tools]}
  never: {image: busybox, profiles: [never]}
YAML
    berth compose --profile tools up -d 2>&1
    for command in "stop -t0" start "restart -t0" pause unpause; do
        # shellcheck disable=SC2086 # the words of one command
        run -0 berth compose $command
        assert_output_lacks p-tool-1
    done
    run -0 berth compose kill
    [ "$(states)" = "p-a-1:exited p-tool-1:running " ]
    run -0 berth compose rm -f
    [ "$(states)" = "p-tool-1:running " ]
    run -0 berth compose down -v
    assert_output_has "containers of services whose profiles are not active stay, the first is p-tool-1"
    assert_output_has "Network p_default  Resource is still in use"
    [ "$(states)" = "p-tool-1:running " ]
    run -0 berth compose stop -t0 tool
    run -0 berth compose --profile '*' down
    [ -z "$(states)" ]
}

@test "a network that a one-off container keeps is what down found" {
    project <<'YAML'
name: p
services:
  a: {image: busybox, command: sleep 1000, init: true}
YAML
    run -0 berth compose run -d --name one-off a
    run -0 berth compose down
    assert_output_has "Network p_default  Resource is still in use"
    assert_output_lacks "no resource found"
    berth rm -f one-off
    run -0 berth compose down
    run -0 berth compose down
    assert_output_has 'no resource found to remove for project "p"'
}

@test "an attached up of some services stops no other ones at its end" {
    project <<'YAML'
name: p
services:
  short: {image: busybox, command: sh -c 'exit 6', depends_on: [needed]}
  needed: {image: busybox, command: sleep 1000, init: true}
  other: {image: busybox, command: sleep 1000, init: true}
YAML
    berth compose up -d other 2>&1
    run -6 berth compose up --exit-code-from short -t0 short
    [ "$(states)" = "p-needed-1:running p-other-1:running p-short-1:exited " ]
}

@test "up -V gives those that have them new anonymous volumes" {
    project <<'YAML'
name: p
services:
  with: {image: busybox, command: sleep 1000, init: true, volumes: [/anonymous]}
  without: {image: busybox, command: sleep 1000, init: true}
YAML
    berth compose up -d 2>&1
    berth compose exec -T with touch /anonymous/file
    run -0 berth compose up -d --force-recreate -t0 with
    berth compose exec -T with test -e /anonymous/file
    run -0 berth compose up -d -V -t0
    assert_output_has "--renew-anon-volumes was given"
    assert_output_lacks "p-without-1  Recreate"
    run -1 berth compose exec -T with test -e /anonymous/file
}

@test "ps and images print what scripts read from Docker Compose" {
    project <<'YAML'
name: p
services:
  b: {image: busybox, command: sleep 1000, init: true, expose: ["80", "81/udp"], networks: [y, x]}
  a: {image: busybox, command: sleep 1000, init: true, network_mode: "service:b", container_name: zz}
networks: {x: , y: }
YAML
    berth compose up -d 2>&1
    [ "$(berth compose ps --format '{{.Name}}:{{.Networks}}')" = $'p-b-1:p_x,p_y\nzz:' ]
    [ "$(berth compose ps --services)" = $'b\na' ]
    [ "$(berth compose ps -q --services)" = "$(berth inspect -f '{{.Id}}' p-b-1 zz)" ]
    run -0 --separate-stderr berth compose ps --format json b
    [ "$(jq -c .Publishers <<<"$output")" = \
        '[{"URL":"","TargetPort":80,"PublishedPort":0,"Protocol":"tcp"},{"URL":"","TargetPort":81,"PublishedPort":0,"Protocol":"udp"}]' ]
    [ "$(jq 'has("Platform")' <<<"$output")" = false ]
    run -0 --separate-stderr berth compose images --format json
    [ "$(jq -r '.[].ContainerName' <<<"$output")" = $'p-b-1\nzz' ]
    [ "$(jq -r '.[0].ID' <<<"$output")" = "$(berth image inspect -f '{{.Id}}' busybox)" ]
    [ "$(jq -r '.[0] | [(.Size, .LastTagTime | type)] | join(" ")' <<<"$output")" = "number string" ]
}

@test "what is not there is an error where one of it was asked for" {
    project <<'YAML'
name: p
services: {a: {image: busybox, command: echo hello}}
YAML
    berth compose up -d 2>&1
    run -1 berth compose logs --index 2 a
    assert_output_has 'service "a" has no container number 2'
    run -0 berth compose logs --index 1 a
    run -1 berth compose events --until 0s nobody
    assert_output_has 'no such service: nobody'
    run -0 berth compose up -d --no-start
    run -0 --separate-stderr berth compose run -d --name one-off a sleep 0
    [ "$output" = "$(berth inspect -f '{{.Id}}' one-off)" ]
    [ "$(berth compose version --short --format json)" = "$(berth compose version --short)" ]
}

@test "a container that was started again has seen the files of its configs, and up leaves it" {
    project <<'YAML'
name: p
services:
  a:
    image: busybox
    command: sleep 1000
    init: true
    configs: [file, text]
configs:
  file: {file: ./file.conf}
  text: {content: "${TEXT-one}"}
YAML
    echo one >file.conf
    berth compose up -d 2>&1
    echo two >file.new && mv file.new file.conf
    run -0 berth compose restart -t0
    [ "$(berth compose exec -T a cat /file)" = two ]
    run -0 berth compose plan
    echo three >file.conf
    run -0 berth compose start
    run -2 berth compose plan
    berth compose stop -t0
    run -0 berth compose start
    [ "$(berth compose exec -T a cat /file)" = three ]
    run -0 berth compose plan
    TEXT=two run -0 berth compose restart -t0
    TEXT=two run -2 berth compose plan
    assert_output_has "the content of configs.text changed"
}
