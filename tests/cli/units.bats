#!/usr/bin/env bats
# berth units and compose convert: what units or quadlets would come of a project. Nothing is installed or started.
bats_require_minimum_version 1.5.0

setup() {
    : "${BERTH_BUILD:=$BATS_TEST_DIRNAME/../../build/dev}"
    BERTH_BUILD=$(realpath "$BERTH_BUILD")
    berth=$BERTH_BUILD/bin/berth
    [ -x "$berth" ] || skip "$berth is not built"
    export NO_COLOR=1 BERTH_CONFIG=$BATS_TEST_TMPDIR/config
    mkdir "$BATS_TEST_TMPDIR/shop"
    cd "$BATS_TEST_TMPDIR/shop" || return
    cat >compose.yaml <<'END'
services:
  web:
    build: .
    command: [serve, "100% $$HOME"]
    ports: ["127.0.0.1:8080:80", "53:53/udp"]
    depends_on: { db: { condition: service_healthy }, migrate: { condition: service_completed_successfully } }
    networks: { default: { aliases: [www] } }
    restart: unless-stopped
    mem_limit: 64m
    extra_hosts: ["other:10.0.0.1"]
  db:
    image: postgres:16
    environment: { PASSWORD: "a b" }
    volumes: [data:/var/lib/db]
    healthcheck: { test: [CMD, pg_isready], interval: 5s }
  migrate: { image: busybox, command: ["true"] }
  nightly: { image: busybox, command: ["true"], x-schedule: daily }
  debug: { image: busybox, profiles: [debug], scale: 2 }
volumes: { data: }
END
}

assert_has() {
    [[ $output == *"$1"* ]] || { printf 'expected: %s\nin:\n%s\n' "$1" "$output" >&2; return 1; }
}

@test "a compose file as units that run berth, with what wants them" {
    run -0 "$berth" units compose.yaml --system
    assert_has "---shop-web.service---"
    assert_has "ExecStartPre=$berth internal unit gate shop service web 1"
    assert_has "# wanted: multi-user.target.wants/shop.target"
    assert_has "---shop-nightly.timer---"
    run -0 "$berth" units --user
    assert_has "# wanted: default.target.wants/shop.target"
    first=$output
    run -0 "$berth" compose convert --format systemd
    [ "$(id -u)" = 0 ] || [ "$output" = "$first" ]
}

@test "a compose file as quadlets: each attribute where Podman has it" {
    run -0 "$berth" compose convert --format quadlet -o out
    [ -f out/shop-data.volume ] && [ -f out/shop-default.network ] && [ -f out/shop-debug-2.container ]
    output=$(cat out/shop-web.container)
    assert_has "Image=shop-web.build"
    assert_has 'Exec=serve "100%% $$HOME"'
    assert_has "PublishPort=127.0.0.1:8080:80"
    assert_has "PublishPort=53:53/udp"
    assert_has "Network=shop-default.network:alias=web,alias=www"
    assert_has "Requires=shop-db.service"
    assert_has "Memory=67108864"
    assert_has "AddHost=other:10.0.0.1"
    assert_has "Restart=always"
    output=$(cat out/shop-db.container)
    assert_has 'HealthCmd=["pg_isready"]'
    assert_has "Notify=healthy"
    assert_has "Volume=shop-data.volume:/var/lib/db"
    assert_has 'Environment="PASSWORD=a b"'
    output=$(cat out/shop-db.image)
    assert_has "Image=docker.io/library/postgres:16"
    output=$(cat out/shop-migrate.container)
    assert_has "RemainAfterExit=yes"
    run ! grep -q WantedBy out/shop-debug-1.container
    run -0 "$berth" quadlet check --engine podman out
}

@test "all quadlets in one file are those in many" {
    "$berth" compose convert --format quadlet -o out
    run -0 "$berth" compose convert --format quadlets
    [ "$(grep -c '^# FileName=' <<<"$output")" = "$(find out -type f | wc -l)" ]
    [ "$(grep -cx -- --- <<<"$output")" = $(($(find out -type f | wc -l) - 1)) ]
    assert_has "# FileName=shop-web"
}

@test "for an older Podman newer keys are arguments, and what cannot be is refused with its place" {
    run -0 "$berth" units --format quadlet --podman-version 5.2 .
    assert_has "PodmanArgs=--memory=67108864"
    assert_has "PodmanArgs=--add-host=other:10.0.0.1"
    [[ $output != *"AddHost="* && $output != *"Memory="* ]]
    run -0 "$berth" units --format quadlet --podman-version 4.9 .
    assert_has "PodmanArgs=--sdnotify=healthy"
    [[ $output != *.build* ]]
    run -1 "$berth" units --podman-version 3.4 .
    assert_has 'unknown version "3.4" of Podman: expected 4.9 to 6.0'
    mkdir quadlets
    printf '[Container]\nImage=x\nServiceName=y\n' >quadlets/x.container
    run -1 "$berth" units --engine podman --podman-version 5.2 quadlets
    assert_has "quadlets/x.container:3:1: Podman 5.2 has no ServiceName=, which came with 5.3"
}

@test "a directory of quadlets as units of either engine" {
    mkdir quadlets
    printf '[Container]\nImage=docker.io/library/busybox\nMemory=1g\n' >quadlets/x.container
    run -0 "$berth" units --engine podman quadlets
    assert_has "ExecStart=/usr/bin/podman run --name systemd-%N --replace --rm"
    run -0 "$berth" units --engine berth quadlets
    assert_has "ExecStart=$berth run"
    run -0 "$berth" units --format quadlet --podman-version 5.4 quadlets
    assert_has "PodmanArgs=--memory=1g"
}

@test "a project as it is enabled, by its name" {
    [ ! -d /run/systemd/system ] || skip "systemd runs here, and would be told"
    "$berth" compose enable
    cd /
    run -0 "$berth" units shop
    assert_has "SourcePath=$BERTH_CONFIG/projects/shop.yaml"
    assert_has "---shop-web.service---"
    run -1 "$berth" units other
    assert_has '"other" is no file, no directory and no enabled project'
}

@test "--diff shows what would change, and its exit status says whether anything would" {
    "$berth" units --format quadlet -o out >/dev/null
    run -0 "$berth" units --format quadlet --diff -o out
    [ -z "$output" ]
    sed -i 's/64m/32m/' compose.yaml
    run -2 "$berth" units --format quadlet --diff -o out
    assert_has "+++ shop-web.container"
    assert_has "-Memory=67108864"
    assert_has "+Memory=33554432"
    rm out/shop-db.container
    run -2 "$berth" units --format quadlet --diff -o out
    assert_has "--- /dev/null"
}

@test "verify lets systemd-analyze look at them" {
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed"
    run -0 "$berth" units verify
    sed -i 's/^  debug:.*/  debug: { image: x, x-systemd: { Unit: { After: "no unit" } } }/' compose.yaml
    run "$berth" units verify
    assert_has "shop-debug.service"
    run -1 "$berth" units verify --format quadlet
    assert_has "only units can be verified"
}

@test "mistakes are told with their places in the compose file" {
    sed -i 's/x-schedule: daily/x-schedule: "99 * * * *"/' compose.yaml
    run -1 "$berth" units
    assert_has 'compose.yaml:17:'
    assert_has '"99" is no minute'
    run -1 "$berth" units --engine podman --format systemd
    assert_has 'compose.yaml:17:'
    run -1 "$berth" units --engine docker
    run -1 "$berth" units --system --user
}
