#!/usr/bin/env bats
# The power goes while a project is enabled and brought up, again and again.
# vm: --power-loss end
load ../system/lib
bats_require_minimum_version 1.5.0

setup() {
    export PATH=$BERTH_BUILD/bin:$PATH NO_COLOR=1
    mkdir -p /srv/shop
    cd /srv/shop || return
}

@test "before: a project is being enabled and brought up when the power goes" {
    import_busybox
    cat >compose.yaml <<'END'
services:
  web: { image: busybox, command: [sleep, "100000"], volumes: ["data:/data"], environment: { ROUND: "${ROUND:-0}" }, restart: always, stop_signal: KILL }
  db: { image: busybox, command: [sleep, "100000"], restart: always, stop_signal: KILL }
volumes: { data: }
END
    run -0 berth compose enable
    run -0 berth compose up -d
    sync
    # Each round makes what is enabled, and the containers, anew. It goes on when this test has ended.
    setsid sh -c 'n=0; while :; do
        n=$((n + 1))
        ROUND=$n berth compose enable --now
        ROUND=$n berth compose up -d --force-recreate
        echo "$n" >/tmp/rounds
    done' >/dev/null 2>&1 </dev/null 3>&- &
    wait_for 300 grep -qs '[2-9]' /tmp/rounds
}

@test "after: the project is enabled as a whole, and comes up" {
    run -0 berth units --system shop
    assert_output_has "---shop-web.service---"
    wait_for 120 systemctl -q is-active shop-web.service
    wait_for 120 systemctl -q is-active shop-db.service
    run -0 berth compose status
    run -0 berth compose up -d
    run -0 berth compose ps --format '{{.Service}} {{.State}} {{.Owner}}'
    assert_output_has "web running shop-web.service"
    assert_output_has "db running shop-db.service"
    [ "${#lines[@]}" = 2 ]
    run -0 berth compose down -v
    [ -z "$(berth ps -aq)$(berth volume ls -q)" ]
}
