#!/usr/bin/env bats
# Attributes of services that have their effect in the engine, or none and say so.
load lib
bats_require_minimum_version 1.5.0

setup() {
    berth_setup
    import_busybox
}

teardown() {
    berth_teardown
}

project() { cat >compose.yaml; }
address_of() { berth inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
asks() { berth compose exec -T "$1" nslookup "$2" 2>/dev/null | sed -n 's/^Address: \([0-9.]*\)$/\1/p' | tail -n 1; }

@test "a link is a name for the linking service alone, an external one reaches another project" {
    berth network create -d bridge shared >/dev/null
    berth run -d --init --name outside --network shared busybox sleep 1000 >/dev/null
    project <<'YAML'
name: links
services:
  web: { image: busybox, init: true, command: [sleep, "1000"], links: ["db:database"], external_links: ["outside:there"], networks: [shared, default] }
  db: { image: busybox, init: true, command: [sleep, "1000"] }
  other: { image: busybox, init: true, command: [sleep, "1000"], networks: [shared, default] }
networks: { shared: { external: true } }
YAML
    run -0 berth compose up -d
    [ "$(asks web database)" = "$(address_of links-db-1)" ]
    [ "$(asks web db-1)" = "$(address_of links-db-1)" ]
    [ "$(asks web there)" = "$(address_of outside)" ]
    [ -n "$(asks other db)" ]
    [ -z "$(asks other database)" ]
    [ -z "$(asks other there)" ]
    [ "$(berth inspect -f '{{json (index .NetworkSettings.Networks "links_default").Links}}' links-web-1)" = '["db:database","links-db-1:db-1","outside:there"]' ]
    run -0 berth compose up -d
    assert_output_has 'nothing was changed'
    sed -i 's/db:database/db:store/' compose.yaml
    run -0 berth compose up -d
    [ "$(asks web store)" = "$(address_of links-db-1)" ]
    assert_output_lacks 'links-db-1  Recreate'
    sed -i 's/outside:there/nobody:there/' compose.yaml
    run -1 berth compose up -d
    assert_output_has 'services.web.external_links'
    assert_output_has 'No such container: nobody'
}

@test "what only Swarm or Windows know is left out with a note, what cannot be done stops up" {
    project <<'YAML'
name: notes
services:
  web:
    image: busybox
    init: true
    command: [sleep, "1000"]
    cpu_count: 2
    deploy:
      mode: global
      labels: { a: b }
      update_config: { parallelism: 2, order: start-first }
      placement: { constraints: [node.role == manager] }
      restart_policy: { condition: on-failure, delay: 5s, max_attempts: 3, window: 2m }
YAML
    run -0 berth compose up -d
    for field in cpu_count deploy.labels deploy.update_config deploy.placement deploy.restart_policy.delay deploy.restart_policy.window; do
        assert_output_has "services.web.$field: has no effect outside of Swarm and Windows"
    done
    [ "$(berth inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' notes-web-1)" = 'on-failure 3' ]
    project <<'YAML'
name: notes
services: { web: { image: busybox, storage_opt: { size: 1G } } }
YAML
    run -1 berth compose up -d
    assert_output_has 'services.web.storage_opt: not supported yet'
}

@test "limits of disks, swapping and real time, log drivers and the default route reach the container" {
    project <<'YAML'
name: limits
services:
  web:
    image: busybox
    init: true
    command: [sleep, "1000"]
    blkio_config:
      weight: 300
      device_read_bps: [{ path: /dev/null, rate: 1mb }]
    mem_swappiness: 7
    logging: { driver: local, options: { max-size: 1m } }
    networks: { a: { gw_priority: -1 }, b: { gw_priority: 2 }, c: {} }
networks: { a: {}, b: { ipam: { config: [{ subnet: 10.213.77.0/24 }] } }, c: {} }
YAML
    run -0 berth compose create
    [ "$(berth inspect -f '{{.HostConfig.BlkioWeight}} {{.HostConfig.MemorySwappiness}} {{.HostConfig.LogConfig.Type}}' limits-web-1)" = '300 7 local' ]
    [ "$(berth inspect -f '{{json .HostConfig.BlkioDeviceReadBps}}' limits-web-1)" = '[{"Path":"/dev/null","Rate":1048576}]' ]
    sed -i '/blkio_config/,/mem_swappiness/d' compose.yaml
    run -0 berth compose up -d
    run -0 berth compose exec -T web ip route
    assert_output_has 'default via 10.213.77.1'
}

# The descriptions are there for this command only.
with_vendors() {
    unshare -m --propagation private sh -c 'mount -t tmpfs tmpfs /run && mkdir /run/cdi && cp "$STATE"/cdi/* /run/cdi/ && exec "$@"' with_vendors "$@"
}

@test "gpus and devices of vendors come from the container device interface" {
    mkdir -p "$STATE/cdi"
    cat >"$STATE/cdi/nvidia.json" <<'JSON'
{"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": [
  {"name": "0", "containerEdits": {"env": ["GPU_0=yes"]}}, {"name": "1", "containerEdits": {"env": ["GPU_1=yes"]}},
  {"name": "all", "containerEdits": {"env": ["GPU_ALL=yes"]}}]}
JSON
    cat >"$STATE/cdi/acme.json" <<'JSON'
{"cdiVersion": "0.6.0", "kind": "acme.com/fpga", "devices": [{"name": "x", "containerEdits": {"env": ["FPGA=yes"]}}]}
JSON
    project <<'YAML'
name: gpus
services:
  all: { image: busybox, command: env, gpus: all }
  one: { image: busybox, command: env, deploy: { resources: { reservations: { devices: [{ driver: nvidia, count: 1, capabilities: [gpu] }] } } } }
  ids: { image: busybox, command: env, gpus: [{ device_ids: ["1"] }], devices: [acme.com/fpga=x] }
YAML
    run -0 with_vendors berth compose up
    [ "$(grep -c 'all-1 .*GPU_ALL=yes' <<<"$output")" = 1 ]
    [ "$(grep -c 'one-1 .*GPU_' <<<"$output")" = 1 ]
    [ "$(grep -c 'one-1 .*GPU_0=yes' <<<"$output")" = 1 ]
    [ "$(grep -c 'ids-1 .*\(GPU_1\|FPGA\)=yes' <<<"$output")" = 2 ]
    sed -i 's/gpus: all/gpus: [{driver: other}]/' compose.yaml
    run -1 with_vendors berth compose up
    assert_output_has 'could not select device driver "other"'
}

@test "start brings up what a service depends on, and berth up and down take the group's options" {
    project <<'YAML'
name: begun
services:
  web: { image: busybox, init: true, command: [sleep, "1000"], depends_on: [db] }
  db: { image: busybox, init: true, command: [sleep, "1000"], depends_on: { cache: { condition: service_started, required: false } } }
  cache: { image: busybox, init: true, command: [sleep, "1000"] }
  other: { image: busybox, init: true, command: [sleep, "1000"] }
YAML
    run -0 berth up --dry-run
    assert_output_has 'create'
    [ -z "$(berth ps -aq)" ]
    run -0 berth up -d --timings
    assert_output_has begun-web-1
    berth compose stop -t 0
    run -0 berth compose start web
    [ "$(berth compose ps --services | sort | tr '\n' ' ')" = "cache db web " ]
    berth compose stop -t 0
    berth compose rm -f cache
    run -0 berth compose start web
    [ "$(berth compose ps --services | sort | tr '\n' ' ')" = "db web " ]
    run -0 berth down --dry-run
    [ "$(berth compose ps --services | sort | tr '\n' ' ')" = "db web " ]
    run -0 berth down -t 0
    [ -z "$(berth ps -aq)" ]
}
