#!/usr/bin/env bats
# What a script sees of compose commands: exit statuses, what is printed for programs, what goes on afterwards. Each is
# as Docker Compose 2.40 has it (tests/side-by-side compares).

bats_require_minimum_version 1.5.0
load lib

setup() {
    berth_setup
    import_busybox
}
teardown() { berth_teardown; }

project() { cat >compose.yaml; }

@test "exec and run tell what berth cannot do from what the process cannot" {
    project <<'YAML'
name: p
services:
  app: {image: busybox, command: sleep 1000, init: true}
YAML
    berth compose up -d 2>&1
    run -1 berth compose exec -T -u nobody-knows app true
    run -127 berth compose exec -T -w /no/such app true
    run -128 berth compose exec -T -w tmp app true
    assert_output_has "'tmp' is invalid, it needs to be an absolute path"
    run -126 berth compose exec -T app /tmp
    run -1 berth compose exec -d app no-such-program
    run -1 berth compose run --rm -T -u nobody-knows app true
    run -125 berth run --rm --network none -u nobody-knows busybox true
    run -1 berth compose run --rm -T -l no-value app true
    assert_output_has 'label "no-value" must be set as KEY=VALUE'
}

@test "run -d keeps standard input open, and its container is not one of those that are counted" {
    project <<'YAML'
name: p
services:
  app: {image: busybox, command: cat, init: true}
YAML
    run -0 berth compose run -d --name waits app
    [ "$(state_of waits)" = "running 0" ]
    [ "$(berth inspect -f '{{.Config.OpenStdin}} {{index .Config.Labels "com.docker.compose.oneoff"}}' waits)" = "true True" ]
    berth inspect waits | jq -e '.[0].Config.Labels | has("com.docker.compose.container-number") | not'
    run -0 berth compose run -d -i=false --name ends app
    run -0 berth wait ends
    [ "$output" = 0 ]
    berth rm -f waits >/dev/null
}

@test "up --wait fails for what ends as soon as it began" {
    project <<'YAML'
name: p
services:
  ends: {image: busybox, command: sh -c 'exit 3'}
  stays: {image: busybox, command: sleep 1000, init: true}
YAML
    run -1 berth compose up --wait
    assert_output_has "container p-ends-1 exited (3)"
    run -0 berth compose up --wait stays
    run -0 berth compose down -t0 --rmi ""
    berth compose up -d 2>&1
    run -1 berth compose up --wait
}

@test "an attached up stops those that were named, and leaves at once what it follows besides" {
    project <<'YAML'
name: p
services:
  short: {image: busybox, command: sh -c 'exit 6', depends_on: [needed]}
  needed: {image: busybox, command: sleep 1000, init: true}
YAML
    run -6 timeout 120 berth compose up --attach-dependencies --exit-code-from short -t0 short
    assert_output_has "short-1 exited with code 6"
    [ "$(state_of p-needed-1)" = "running 0" ]
}

@test "progress as JSON has Docker Compose's keys, and goes to standard output on request" {
    project <<'YAML'
name: p
services:
  app: {image: busybox, command: sleep 1000, init: true}
YAML
    run -0 --separate-stderr berth compose --progress json up -d
    [ -z "$output" ]
    # shellcheck disable=SC2154 # bats sets it
    [ "$(jq -r '.id + " " + .status' <<<"$stderr" | tail -2)" = $'Container p-app-1 Starting\nContainer p-app-1 Started' ]
    COMPOSE_STATUS_STDOUT=1 run -0 --separate-stderr berth compose --progress plain up -d --force-recreate -t0
    [ -z "$stderr" ]
    assert_output_has "Container p-app-1  Recreate: --force-recreate was given"
    assert_output_has "Container p-app-1  Started"
}

@test "what run left behind is found by exec and port, and stays at down" {
    project <<'YAML'
name: p
services:
  app: {image: busybox, command: sleep 1000, init: true}
YAML
    run -0 berth compose run -d --name tool -p 127.0.0.1::80 app
    run -0 berth compose exec -T app true
    run -0 berth compose port app 80
    [[ $output == 127.0.0.1:* ]]
    run -1 berth compose exec -T --index 1 app true
    berth compose up -d 2>&1
    run -1 berth compose port app 80
    berth compose stop -t0 app 2>&1
    run -0 berth compose port app 80
    run -0 berth compose down -t0
    [ "$(state_of tool)" = "running 0" ]
    run -0 berth compose down -t0 --remove-orphans
    run -1 berth inspect tool
}

@test "wait --down-project takes all down that bears the project's name" {
    project <<'YAML'
name: p
services:
  app: {image: busybox, command: sh -c 'exit 4'}
  other: {image: busybox, command: sleep 1000, init: true, stop_grace_period: 0s, profiles: [other]}
YAML
    berth compose --profile other up -d other 2>&1
    berth compose up -d 2>&1
    run -4 berth compose wait --down-project app
    [ -z "$(berth ps -aq)" ]
}

@test "what is asked of nobody is told, and what there is nothing of is shown empty" {
    project <<'YAML'
name: p
services:
  app: {image: busybox, command: sleep 1000, init: true}
YAML
    run -0 berth compose stats --no-stream
    [ "$(head -c 12 <<<"$output")" = "CONTAINER ID" ]
    run -1 berth compose logs --index 1
    assert_output_has "--index requires one service"
    run -1 berth compose run --rm -T --pull nonsense app true
    assert_output_has 'invalid --pull "nonsense"'
}

@test "down -v keeps the volumes of inactive profiles" {
    project <<'YAML'
name: p
services:
  app: {image: busybox, command: sleep 1000, init: true, volumes: ["used:/v"]}
  other: {image: busybox, profiles: [other], volumes: ["kept:/v"]}
volumes: {used: {}, kept: {}}
YAML
    berth compose --profile other create 2>&1
    berth compose --profile other rm -f other 2>&1
    run -0 berth compose down -v -t0
    [ "$(berth volume ls -q)" = p_kept ]
    run -0 berth compose --profile other down -v
    [ -z "$(berth volume ls -q)" ]
}

@test "ls finds projects by a pattern" {
    project <<'YAML'
name: shop
services:
  app: {image: busybox, command: sleep 1000, init: true}
YAML
    berth compose up -d 2>&1
    [ "$(berth compose ls -q --filter 'name=^s.*p$')" = shop ]
    [ "$(berth compose ls -q --filter name=ho)" = shop ]
    [ -z "$(berth compose ls -q --filter 'name=^hop')" ]
}
