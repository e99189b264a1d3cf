#!/usr/bin/env bats
# Commands on an enabled project where no systemd runs: berth owns the containers, and says so.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    [ ! -d /run/systemd/system ] || skip "systemd runs here"
    import_busybox
    export BERTH_CONFIG=$STATE/config
    mkdir shop other
    cat >shop/compose.yaml <<'END'
services:
  web: { image: busybox, command: [sleep, "1000"], network_mode: none, stop_signal: KILL }
END
    cp shop/compose.yaml other
    cd shop || return
    berth compose enable
}

teardown() {
    berth_teardown
}

@test "up says that there is no systemd, and starts the containers by itself" {
    run -0 berth compose up -d
    assert_output_has 'project "shop" is enabled, but systemd does not run here'
    run -0 berth compose ps --format '{{.Service}} {{.Owner}}'
    [ "$output" = "web berth" ]
    run -0 berth compose down
}

@test "a project that is enabled for another directory is refused with both, unless it is taken over" {
    cd ../other
    run -1 berth compose -p shop up -d
    assert_output_has 'project "shop" is enabled for'
    assert_output_has "$WORK/shop, and this is $WORK/other"
    [ -z "$(berth ps -aq)" ]
    run -0 berth compose -p shop up -d --adopt
}

@test "what is enabled is the same project: nothing would be made anew from it" {
    cat >compose.yaml <<'END'
services:
  web: { image: busybox, command: [sleep, "1000"], volumes: ["data:/data"], stop_signal: KILL }
volumes: { data: }
END
    berth compose enable
    run -0 berth compose up -d
    run -0 berth compose -f "$BERTH_CONFIG/projects/shop.yaml" --project-directory . plan
    assert_output_lacks "doesn't match"
    run -0 berth compose down -v
}

@test "the start order by the units is the one of up" {
    mkdir -p "$WORK/cases/one/project"
    echo '{}' >"$WORK/cases/one/case.json"
    touch "$WORK/cases/one/expected.json"
    cat >"$WORK/cases/one/project/compose.yaml" <<'END'
services:
  front: { image: busybox, depends_on: [web] }
  web:
    image: busybox
    scale: 2
    depends_on: { db: { condition: service_healthy }, migrate: { condition: service_completed_successfully } }
  migrate: { image: busybox, depends_on: { db: { condition: service_healthy } } }
  db: { image: busybox, healthcheck: { test: "true" } }
  side: { image: busybox, network_mode: "service:db", volumes_from: [store] }
  store: { image: busybox }
  late: { image: busybox, depends_on: { front: { condition: service_started, required: false } } }
END
    run -0 "$BERTH_SOURCE/tests/conformance/units" --build "$BERTH_BUILD" --cases "$WORK/cases"
    [ "$output" = "1 cases, 0 differences" ]
}
