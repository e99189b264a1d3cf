#!/usr/bin/env bats
# Enabled projects over a reboot: everything comes back in order, and what was stopped stays so.
# vm: --reboot
load ../system/lib
bats_require_minimum_version 1.5.0

setup() {
    export PATH=$BERTH_BUILD/bin:$PATH NO_COLOR=1
}

# project NAME: its compose file comes on standard input.
project() {
    mkdir -p "/srv/$1"
    cat >"/srv/$1/compose.yaml"
    cd "/srv/$1" || return
    berth compose enable
}

# When, in microseconds since the boot, the journal has this message of that unit.
when() {
    journalctl -b -u "$1" -o short-monotonic | grep -F -- "$2" | head -n 1 | sed 's/^\[ *\([0-9]*\)\.\([0-9]*\)\].*/\1\2/'
}

# That the machine has booted says nothing of what is tried again and again.
assert_active() {
    local unit
    for unit; do
        wait_for 300 systemctl -q is-active "$unit" || { systemctl status --no-pager "$unit"; return 1; }
    done
}

@test "before: five projects are enabled" {
    import_busybox
    # A web application with database, cache and worker.
    project shop <<'END'
services:
  web:
    image: busybox
    command: [sh, -c, "echo web runs; exec httpd -f -p 80"]
    depends_on: { db: { condition: service_healthy }, cache: { condition: service_started }, metrics: { condition: service_started } }
    restart: always
    stop_signal: KILL
  worker: { image: busybox, command: [sleep, "100000"], depends_on: [cache], restart: unless-stopped, stop_signal: KILL }
  cache: { image: busybox, command: [sleep, "100000"], restart: unless-stopped, stop_signal: KILL }
  metrics: { image: busybox, command: [sleep, "100000"], restart: unless-stopped, stop_signal: KILL }
  db:
    image: busybox
    command: [sh, -c, "sleep 1; touch /ready; exec sleep 100000"]
    healthcheck: { test: "test -e /ready", interval: 200ms, retries: 1000 }
    volumes: [data:/data]
    restart: always
    stop_signal: KILL
volumes: { data: }
END
    # A reverse proxy with two backends.
    project proxy <<'END'
services:
  front: { image: busybox, command: [sleep, "100000"], depends_on: [back], networks: [outside, inside], restart: always, stop_signal: KILL }
  back: { image: busybox, command: [sleep, "100000"], scale: 2, networks: [inside], restart: always, stop_signal: KILL }
networks: { outside: , inside: { internal: true } }
END
    # A migration before the application, which fails twice before it succeeds.
    project app <<'END'
services:
  app:
    image: busybox
    command: [sleep, "100000"]
    network_mode: none
    depends_on: { migrate: { condition: service_completed_successfully } }
    restart: always
    stop_signal: KILL
  migrate:
    image: busybox
    command: [sh, -c, "echo x >>/state/tries; [ $$(grep -c . /state/tries) -gt 2 ]"]
    network_mode: none
    restart: on-failure
    volumes: [state:/state]
volumes: { state: }
END
    # A job on a timer.
    project nightly <<'END'
services:
  backup: { image: busybox, command: [echo, saved], network_mode: none, x-schedule: daily }
END
    # What was written by hand and is wrong.
    echo "services: [" >/etc/berth/projects/broken.yaml
}

@test "before: what is stopped by hand is remembered" {
    cd /srv/shop
    run -0 berth compose up -d
    run -0 berth compose stop worker metrics
    assert_active shop-web.service
}

@test "after: everything that is enabled is up" {
    assert_active shop.target shop-web.service shop-cache.service shop-db.service
    assert_active proxy-front.service proxy-back@1.service proxy-back@2.service nightly-backup.timer
    cd /srv/proxy
    run -0 berth compose status
    run -0 berth compose ps --format '{{.Service}} {{.State}} {{.Owner}}'
    assert_output_has "front running proxy-front.service"
    assert_output_has "back running proxy-back@2.service"
    cd /srv/nightly
    run -0 berth compose status --format '{{.Unit}} next {{.Next}}'
    assert_output_has "nightly-backup.timer next 20"
}

@test "after: the application started later than its database's first good health check, by the journal" {
    healthy=$(when shop-db.service "Started shop-db.service - db of project shop.")
    runs=$(when shop-web.service "web runs")
    [ -n "$healthy" ] && [ -n "$runs" ]
    [ "$healthy" -lt "$runs" ]
}

@test "after: what an unless-stopped service was stopped for lasts over the boot" {
    [ "$(systemctl is-active shop-worker.service || :)" = inactive ]
    # Also when another service depends on it, which does without.
    [ "$(systemctl is-active shop-metrics.service || :)" = inactive ]
    assert_active shop-web.service
    cd /srv/shop
    run -0 berth compose start worker
    assert_active shop-worker.service
}

@test "after: a dependency that fails twice and then succeeds ends in everything active" {
    wait_for 120 systemctl -q is-active app-app.service
    assert_active app-migrate.service app-app.service
    [ "$(systemctl show -P NRestarts app-migrate.service)" -ge 2 ]
}

@test "after: a container whose process is killed is started again by its policy" {
    before=$(systemctl show -P MainPID shop-cache.service)
    kill -9 "$(berth inspect -f '{{.State.Pid}}' shop-cache-1)"
    started_again() {
        [ "$(systemctl show -P MainPID shop-cache.service)" != "$before" ] && systemctl -q is-active shop-cache.service
    }
    wait_for 60 started_again
}

@test "after: a broken project leaves the others alone and shows its error" {
    run systemctl status --no-pager broken.target broken-error.service
    assert_output_has "broken.yaml:2:1"
    assert_active shop.target proxy.target
}
