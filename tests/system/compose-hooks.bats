#!/usr/bin/env bats
# Hooks, links, and what is said when things of a project go wrong.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

@test "hooks run after the start and before the stop, as the user and in the folder that are asked for" {
    cat >compose.yaml <<'END'
name: hooks
services:
  web:
    image: busybox
    command: [sleep, "1000"]
    init: true
    volumes: ["./out:/out"]
    post_start:
      - command: [sh, -c, 'echo "$$(id -u) $$(pwd) $$WORD" >/out/started; echo one line']
        user: app
        working_dir: /srv
        environment: { WORD: hello }
    pre_stop:
      - command: [sh, -c, "echo bye >/out/stopped"]
END
    mkdir -m 777 out
    run -0 berth compose up -d
    assert_output_has "web | one line"
    [ "$(cat out/started)" = "1000 /srv hello" ]
    rm out/started
    run -0 berth compose restart -t 0
    [ -e out/stopped ] && [ -e out/started ]
    rm out/stopped
    run -0 berth compose down -t 0
    [ "$(cat out/stopped)" = bye ]
}

@test "a hook that fails after a hundred thousand lines is one error with its place, and up carries on afterwards" {
    cat >compose.yaml <<'END'
name: noisy
services:
  web:
    image: busybox
    command: [sleep, "1000"]
    init: true
    post_start:
      - command: [sh, -c, "seq 1 100000; test -e /tmp/fine"]
END
    run -1 berth compose up -d
    assert_output_has "compose.yaml:8:9"
    assert_output_has "the hook ended with exit status 1"
    assert_output_has "web | 100000"
    assert_output_has "bytes left out)"
    [ "${#lines[@]}" -lt 20000 ]
    run -0 berth compose exec -T web touch /tmp/fine
    run -0 berth compose up -d
    run -0 berth compose restart -t 0
    run -0 berth compose down -t 0
}

@test "a link gives a service another name" {
    cat >compose.yaml <<'END'
name: linked
services:
  db: { image: busybox, command: [sleep, "1000"], init: true }
  web: { image: busybox, command: [sleep, "1000"], init: true, links: ["db:store"] }
END
    run -0 berth compose up -d
    run -0 berth compose exec -T web ping -c 1 store
}

@test "policies with an age are known, and an unknown one is refused with its place" {
    cat >compose.yaml <<'END'
name: ages
services:
  a: { image: busybox, pull_policy: weekly, command: [sleep, "1000"], init: true }
  b: { image: busybox, pull_policy: every_12h, command: [sleep, "1000"], init: true }
END
    run -0 berth compose up -d
    sed -i 's/every_12h/every_now/' compose.yaml
    run -1 berth compose up -d
    assert_output_has "compose.yaml:4:37: services.b.pull_policy:"
}

@test "up --wait names the gate that failed and shows what its last probe printed" {
    cat >compose.yaml <<'END'
name: gates
services:
  db:
    image: busybox
    command: [sleep, "1000"]
    init: true
    healthcheck: { test: [CMD-SHELL, "echo no table yet; exit 1"], interval: 50ms, retries: 2 }
  web:
    image: busybox
    command: [sleep, "1000"]
    depends_on: { db: { condition: service_healthy } }
END
    run -1 berth compose up --wait
    assert_output_has 'dependency "db" of "web" is unhealthy'
    assert_output_has "no table yet"
    run -1 berth compose up --wait db
    assert_output_has "no table yet"
    run -0 berth compose down -t 0
    sed -i 's/retries: 2/retries: 100000/' compose.yaml
    run -1 berth compose up --wait --wait-timeout 1
    assert_output_has 'was not ready within 1s'
    run -0 berth compose down -t 0
}

@test "two ups of one project at once come out as one" {
    cat >compose.yaml <<'END'
name: twice
services:
  web: { image: busybox, command: [sleep, "1000"], init: true, scale: 3 }
END
    for i in 1 2 3; do
        berth compose up -d >out.$i 2>&1 &
        pids="${pids:-} $!"
    done
    for pid in $pids; do wait "$pid" || { cat out.*; false; }; done
    [ "$(berth compose ps -q | wc -l)" -eq 3 ]
    [ "$(berth ps -aq | wc -l)" -eq 3 ]
}

@test "a name that another container has, and an image that vanished, are errors that say what to do" {
    cat >compose.yaml <<'END'
name: clash
services:
  web: { image: busybox, container_name: taken, command: [sleep, "1000"], init: true }
END
    run -0 berth run -d --init --name taken busybox sleep 1000
    run -1 berth compose up -d
    assert_output_has taken
    assert_output_has "already in use"
    run -0 berth rm -f taken
    run -0 berth compose up -d
    run -0 berth compose stop -t 0
    run -0 berth rmi -f busybox
    sed -i 's/init: true/init: true, pull_policy: never/' compose.yaml
    run -1 berth compose up -d --force-recreate
    assert_output_has "compose.yaml:3:10"
    assert_output_has 'image "busybox" is not here'
    import_busybox
    run -0 berth compose up -d --force-recreate
}

started_at() {
    berth inspect --format '{{.State.StartedAt}}' "$1"
}

has_restarted() {
    [ "$(started_at "$1")" != "$2" ] && [ "$(berth inspect --format '{{.State.Running}}' "$1")" = true ]
}

@test "what depends on a container with restart: true follows when that crashes and comes up again by itself" {
    cat >compose.yaml <<'END'
name: crash
services:
  db:
    image: busybox
    command: [sh, -c, "while ! test -e /tmp/crash; do sleep 0.05; done; rm /tmp/crash; exit 3"]
    restart: always
    healthcheck: { test: [CMD, "true"], interval: 50ms }
  web:
    image: busybox
    command: [sleep, "1000"]
    init: true
    depends_on: { db: { condition: service_healthy, restart: true } }
  top:
    image: busybox
    command: [sleep, "1000"]
    init: true
    depends_on: { web: { condition: service_started, restart: true } }
  other:
    image: busybox
    command: [sleep, "1000"]
    init: true
    depends_on: [db]
END
    run -0 berth compose up -d
    db=$(started_at crash-db-1) web=$(started_at crash-web-1)
    top=$(started_at crash-top-1) other=$(started_at crash-other-1)
    run -0 berth compose exec -T db touch /tmp/crash
    wait_for 60 has_restarted crash-db-1 "$db"
    wait_for 60 has_restarted crash-web-1 "$web"
    wait_for 60 has_restarted crash-top-1 "$top"
    [ "$(started_at crash-other-1)" = "$other" ]
    run -0 berth compose down -t 0
    [ -z "$(berth ps -aq)" ]
}
