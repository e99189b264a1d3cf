#!/usr/bin/env bats
# Commands in the directory of an enabled project: systemd starts and stops its containers, whoever asks for it.
load ../system/lib
bats_require_minimum_version 1.5.0

# The machine's own state, since that is what units see.
setup() {
    export PATH=$BERTH_BUILD/bin:$PATH NO_COLOR=1
    import_busybox
    mkdir -p "$BATS_TEST_TMPDIR/shop"
    cd "$BATS_TEST_TMPDIR/shop" || return
    cat >compose.yaml <<'END'
services:
  web:
    image: busybox
    command: [sh, -c, "echo web runs; exec sleep 100000"]
    network_mode: none
    depends_on: { db: { condition: service_healthy } }
    restart: unless-stopped
    stop_signal: KILL
  db:
    image: busybox
    command: [sh, -c, "touch /ready; exec sleep 100000"]
    network_mode: none
    healthcheck: { test: "test -e /ready", interval: 100ms }
    restart: always
    stop_signal: KILL
END
    berth compose enable
}

teardown() {
    berth compose down || :
    berth compose disable --now || :
}

assert_units() {
    local state=$1 unit
    shift
    for unit; do
        [ "$(systemctl is-active "$unit" || :)" = "$state" ] || { systemctl status --no-pager "$unit"; return 1; }
    done
}

@test "up starts what is enabled through systemd, and down takes all of it down" {
    run -0 berth compose up -d
    assert_units active shop.target shop-web.service shop-db.service
    run -0 berth compose ps --format '{{.Service}} {{.Owner}}'
    assert_output_has "web shop-web.service"
    assert_output_has "db shop-db.service"
    run -0 berth compose exec web echo hello
    [ "$output" = hello ]
    run -0 berth compose status
    run -0 berth compose down
    assert_output_has "stays enabled"
    assert_units inactive shop.target shop-web.service shop-db.service shop-db-image.service
    [ -z "$(berth ps -aq)" ]
    run -3 berth compose status
}

@test "a project without a restart policy, with a dash in its name, starts at the first try and stops" {
    mkdir "$BATS_TEST_TMPDIR/my-shop"
    cd "$BATS_TEST_TMPDIR/my-shop" || return
    printf 'services: { web: { image: busybox, command: [sleep, "100000"], network_mode: none, stop_signal: KILL } }\n' >compose.yaml
    run -0 berth compose enable --now
    assert_units active 'my\x2dshop.target' 'my\x2dshop-web.service'
    run -0 berth compose disable --now
    assert_units inactive 'my\x2dshop.target' 'my\x2dshop-web.service'
    sed -i 's/sleep/no-such-program/' compose.yaml
    berth compose enable
    run -1 berth compose up -d
    assert_output_has "systemctl status 'my\x2dshop-web.service'"
    run -0 berth compose disable
    run -0 berth compose down
    cd "$BATS_TEST_TMPDIR/shop"
}

@test "what systemd has started, stop, restart and start act on" {
    systemctl start shop.target
    run -0 berth compose restart web
    assert_units active shop-web.service
    run -0 berth compose kill web
    assert_units inactive shop-web.service
    run -0 berth compose stop -t 0
    assert_units inactive shop-web.service shop-db.service
    run -0 berth compose start
    assert_units active shop-web.service shop-db.service
}

@test "what was stopped is not started with the project until it is started by name" {
    run -0 berth compose up -d
    run -0 berth compose stop
    run -0 systemctl restart shop.target
    assert_units active shop-db.service # restart: always
    assert_units inactive shop-web.service
    run -0 berth compose up -d
    run -0 systemctl restart shop.target
    assert_units active shop-web.service
}

@test "up takes the files as they are now, and makes them what is enabled" {
    run -0 berth compose up -d
    sed -i 's/web runs/web runs anew/' compose.yaml
    run -2 berth compose plan
    assert_output_has "compose.yaml has changed since the project was enabled"
    run -0 berth compose up -d
    assert_output_has "enabled anew"
    grep -q "web runs anew" /etc/berth/projects/shop.yaml
    systemctl restart shop-web.service
    run -0 berth compose logs --no-log-prefix web
    assert_output_has "web runs anew"
    run -0 berth compose up -d
    assert_output_lacks "enabled anew"
}

@test "with --no-deps, and by restart, what a service depends on is left as it is" {
    run -0 berth compose up -d --no-deps web
    assert_units active shop-web.service
    run -0 berth compose restart web
    assert_units active shop-web.service
    assert_units inactive shop-db.service
    journalctl -u shop-web.service -o cat | grep -qF "shop-db.service is not started: web does without it"
}

@test "who waits for a dependency that fails again and again does not keep it from being stopped" {
    sed -i 's|"touch /ready; exec sleep 100000"|"exit 3"|' compose.yaml
    berth compose enable
    systemctl start --no-block shop-web.service
    waits() { [ "$(systemctl show -P SubState shop-web.service) $(systemctl show -P ActiveState shop-db.service)" = "start-pre activating" ]; }
    wait_for 120 waits
    run -0 systemctl stop shop-db.service
    wait_for 120 systemctl -q is-active shop-web.service
    assert_units inactive shop-db.service
}

@test "what cannot be made for a dependency keeps a service back, and is named" {
    sed -i '/^  db:/,$ s|image: busybox|image: 127.0.0.1:9/team/none|' compose.yaml
    berth compose enable
    run ! systemctl start shop-web.service
    refused() { journalctl -u shop-web.service -o cat | grep -qF "web needs db to be healthy, but shop-db-image.service has failed"; }
    wait_for 60 refused
    systemctl stop shop-web.service
}

@test "a container that does not start is shown with what its unit wrote" {
    sed -i 's|"touch /ready; exec sleep 100000"|"echo no disk >\&2; exit 3"|; s/restart: always/restart: "no"/' compose.yaml
    run -1 berth compose up -d
    assert_output_has "cannot start container shop-db-1"
    assert_output_has "shop-db.service is failed"
    assert_output_has "systemctl status shop-db.service"
    assert_units inactive shop-web.service
}

@test "a job with a schedule waits for its time, which ps shows" {
    printf '  job: { image: busybox, command: [echo, done], network_mode: none, x-schedule: daily }\n' >>compose.yaml
    run -0 berth compose up -d
    assert_units active shop-job.timer
    assert_units inactive shop-job.service
    run -0 berth compose ps --format '{{.Service}} {{.Status}} {{.Owner}}'
    [[ $output == *"job Created, next "*" 00:00:00 shop-job.service"* ]]
    run -0 systemctl start shop-job.service
    run -0 berth compose ps --format '{{.Service}} {{.Status}}'
    [[ $output == *"job Exited (0) "*", next "* ]]
}

@test "a container that was started without systemd becomes its own with the next up" {
    berth compose disable
    run -0 berth compose up -d
    run -0 berth compose ps --format '{{.Service}} {{.Owner}}'
    assert_output_has "web berth"
    berth compose enable
    run -0 berth compose up -d
    run -0 berth compose ps --format '{{.Service}} {{.Owner}}'
    assert_output_has "web shop-web.service"
    assert_output_lacks "berth"
}

@test "what a container prints is in the journal, once, with Docker's fields, and in logs" {
    printf '  job: { image: busybox, command: [echo, job done], network_mode: none, x-schedule: daily }\n' >>compose.yaml
    run -0 berth compose up -d
    wait_for 20 sh -c "journalctl -u shop-web.service -o cat | grep -qx 'web runs'"
    run -0 journalctl -u shop-web.service CONTAINER_NAME=shop-web-1 -o json --output-fields=MESSAGE,CONTAINER_TAG,IMAGE_NAME
    assert_output_has '"MESSAGE":"web runs"'
    assert_output_has '"CONTAINER_TAG":"shop-web-1"'
    run -0 berth compose logs --no-log-prefix web
    [ "$output" = "web runs" ]
    run -0 systemctl start shop-job.service
    wait_for 20 sh -c "journalctl -u shop-job.service -o cat | grep -qx 'job done'"
    [ "$(journalctl -u shop-job.service -o cat | grep -cx 'job done')" = 1 ]
    run -0 berth compose logs --no-log-prefix job
    [ "$output" = "job done" ]
}

@test "the watchdog of a unit is fed by the monitor" {
    sed -i 's/^  web:/  web:\n    x-systemd: { Service: { WatchdogSec: 2 } }/' compose.yaml
    run -0 berth compose up -d
    stamp() { systemctl show -P WatchdogTimestampMonotonic shop-web.service; }
    first=$(stamp)
    [ "$first" != 0 ]
    fed_again() { [ "$(stamp)" != "$first" ]; }
    wait_for 20 fed_again
    assert_units active shop-web.service
}

@test "push goes to the registry that the image names, past systemd" {
    cat >compose.yaml <<'END'
services:
  web:
    image: 127.0.0.1:9/team/web
    build: { dockerfile_inline: "FROM busybox\n" }
END
    berth compose enable
    berth compose build -q
    run -1 berth compose push
    assert_output_has "127.0.0.1:9"
    assert_output_lacks "cannot push images"
}
