#!/usr/bin/env bats
# A project whose `up` or `down` was killed at a named place in the engine: the same command, given again,
# ends where an undisturbed one ends. (tests/unit/compose/test_run.c kills between the steps of a plan.)
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

# project VALUE: another value makes db and vpn change, and with them those that hang on them.
project() {
    cat >compose.yaml <<END
name: converge
services:
  db:
    image: busybox
    init: true
    command: [sh, -c, "touch /ready; exec sleep 1000"]
    hostname: h$1
    healthcheck: { test: [CMD, test, -f, /ready], interval: 50ms }
    volumes: ["data:/data", /anonymous]
  web:
    image: busybox
    init: true
    command: [sleep, "1000"]
    scale: 2
    depends_on: { db: { condition: service_healthy, restart: true } }
  vpn:
    image: busybox
    init: true
    command: [sleep, "1000"]
    environment: { VALUE: "$1" }
  side:
    image: busybox
    init: true
    command: [sleep, "1000"]
    network_mode: service:vpn
volumes: { data: {} }
END
}

all_run() {
    [ "$(berth compose ps -a --format '{{.Name}} {{.State}}' | sort | tr '\n' ' ')" = \
        "converge-db-1 running converge-side-1 running converge-vpn-1 running converge-web-1 running converge-web-2 running " ]
}

# One that a killed command had begun to start comes up by itself: hence the patience.
converges() {
    run -0 timeout 300 berth compose up -d -t 1
    wait_for 120 all_run || { berth compose ps -a >&2; return 1; }
    run -0 timeout 300 berth compose up -d -t 1
    assert_output_lacks Recreate
    assert_output_lacks Creat
    assert_output_lacks Remov
}

points_of() {
    grep -rhoE "fault_point\(\"($1)[^\"]*\"\)" "$BERTH_SOURCE/engine" --include='*.c' | cut -d'"' -f2 | sort -u
}

@test "the first up, killed at any place, is completed by up" {
    local point killed=0
    for point in $(points_of 'container\.(create|start)|network\.start|volume\.create'); do
        project 1
        run env BERTH_FAULT="$point:kill:2" timeout 300 berth compose up -d -t 1
        [ "$status" -ne 137 ] || killed=$((killed + 1))
        echo "killed at $point ($status)"
        converges
        run -0 timeout 300 berth compose down -v -t 1
    done
    [ $killed -gt 5 ]
}

@test "an up that replaces containers, killed at any place, is completed by up" {
    local point value=0 killed=0
    project 0
    run -0 timeout 300 berth compose up -d
    for point in $(points_of 'container\.(create|start|stop|finish|remove)|network\.(start|teardown)'); do
        value=$((value + 1))
        project $value
        run env BERTH_FAULT="$point:kill" timeout 300 berth compose up -d -t 1
        [ "$status" -ne 137 ] || killed=$((killed + 1))
        echo "killed at $point ($status)"
        converges
        run -0 timeout 300 berth compose exec -T db hostname
        assert_output_has "h$value"
    done
    [ $killed -gt 5 ]
}

@test "down, killed at any place, is completed by down and leaves nothing" {
    local point killed=0
    for point in $(points_of 'container\.(stop|finish|remove)|network\.teardown|volume\.remove'); do
        project 1
        run -0 timeout 300 berth compose up -d
        run env BERTH_FAULT="$point:kill:2" timeout 300 berth compose down -v -t 1
        [ "$status" -ne 137 ] || killed=$((killed + 1))
        echo "killed at $point ($status)"
        run -0 timeout 300 berth compose down -v -t 1
        run -0 berth ps -aq
        [ -z "$output" ]
        run -0 berth volume ls -q
        [ -z "$output" ]
        run -0 berth network ls -q --filter type=custom
        [ -z "$output" ]
    done
    [ $killed -gt 1 ]
}

scaled_to() {
    [ "$(berth compose ps -a --format '{{.Name}} {{.State}}' | sort | tr '\n' ' ')" = \
        "$(for i in $(seq "$1"); do printf 'scaled-web-%s running ' "$i"; done)" ]
}

@test "scaling up and down, killed at any place, is completed by the same command" {
    local point killed=0
    cat >compose.yaml <<'END'
name: scaled
services: { web: { image: busybox, init: true, command: [sleep, "1000"], volumes: [/anonymous] } }
END
    run -0 timeout 300 berth compose up -d
    for point in $(points_of 'container\.(create|start|stop|finish|remove)|network\.(start|teardown)'); do
        for count in 3 1; do
            run env BERTH_FAULT="$point:kill" timeout 300 berth compose scale web=$count
            [ "$status" -ne 137 ] || killed=$((killed + 1))
            echo "killed at $point on the way to $count ($status)"
            run -0 timeout 300 berth compose scale web=$count
            wait_for 120 scaled_to $count || { berth compose ps -a >&2; return 1; }
        done
    done
    [ $killed -gt 10 ]
    run -0 timeout 300 berth compose down -v -t 1
    [ -z "$(berth ps -aq)$(berth network ls -q --filter type=custom)" ]
}
