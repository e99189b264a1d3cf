#!/usr/bin/env bats
# compose enable and disable, and the units that the generator makes of what they write. No systemd, no engine.
bats_require_minimum_version 1.5.0

setup() {
    : "${BERTH_BUILD:=$BATS_TEST_DIRNAME/../../build/dev}"
    berth=$BERTH_BUILD/bin/berth generator=$BERTH_BUILD/bin/berth-generator
    [ -x "$berth" ] || skip "$berth is not built"
    [ ! -d /run/systemd/system ] || skip "systemd runs here, and would be told"
    export NO_COLOR=1 BERTH_CONFIG=$BATS_TEST_TMPDIR/config QUADLET_UNIT_DIRS=$BATS_TEST_TMPDIR/none
    export BERTH_ROOT=$BATS_TEST_TMPDIR/root BERTH_RUN=$BATS_TEST_TMPDIR/run # never this machine's
    mkdir "$BATS_TEST_TMPDIR/shop"
    cd "$BATS_TEST_TMPDIR/shop" || return
    cat >compose.yaml <<'END'
services:
  web: { image: "web:${TAG:-1}", environment: { PASSWORD: "${PASSWORD}" }, depends_on: [db] }
  db: { image: db }
END
    echo "PASSWORD='se\$cret'" >.env
}

file() {
    echo "$BERTH_CONFIG/projects/shop.yaml"
}

@test "enabling writes the resolved project for nobody else to read, disabling removes it" {
    run -0 "$berth" compose enable
    [[ $output == *"Enabled shop.target ($(file))"* ]]
    [ "$(stat -c %a "$(file)")" = 600 ]
    grep -q "web:1" "$(file)"
    run -0 "$berth" compose disable
    [[ $output == *"Disabled shop.target"* ]]
    [ ! -e "$(file)" ]
    run -1 "$berth" compose disable
    [[ $output == *'"shop" is not enabled'* ]]
}

@test "the same name from another directory is refused with both paths, unless it is taken over" {
    "$berth" compose enable
    mkdir ../other
    cp compose.yaml .env ../other
    cd ../other
    run -1 "$berth" compose -p shop enable
    [[ $output == *"$BATS_TEST_TMPDIR/shop"*"$BATS_TEST_TMPDIR/other"*--adopt* ]]
    run -1 "$berth" compose -f ../other/compose.yaml --project-directory . -p shop enable
    run -0 "$berth" compose -p shop enable --adopt
    grep -q "$BATS_TEST_TMPDIR/other" "$(file)"
}

@test "a broken project is not enabled, and what was enabled stays" {
    "$berth" compose enable
    before=$(cat "$(file)")
    echo "  bad: { image: x, depends_on: [databse] }" >>compose.yaml
    run -1 "$berth" compose enable
    [[ $output == *compose.yaml:4:* ]]
    [ "$before" = "$(cat "$(file)")" ]
}

@test "--dry-run writes nothing, --now says that there is no systemd" {
    run -0 "$berth" compose enable --dry-run
    [[ $output == *"Would write $(file)"* ]]
    [ ! -e "$(file)" ]
    run -1 "$berth" compose enable --now
    [[ $output == *"systemd does not run here"* ]]
    [ ! -e "$(file)" ]
}

@test "the generator makes units of it that hold no secret, and links them to the project" {
    "$berth" compose enable
    mkdir out
    run -0 "$generator" "$PWD/out" "$PWD/early" "$PWD/late"
    [ -f out/shop-web.service ] && [ -f out/shop.target ]
    [ "$(readlink out/shop.target.wants/shop-web.service)" = ../shop-web.service ]
    [ "$(readlink out/multi-user.target.wants/shop.target)" = ../shop.target ]
    run ! grep -rq 'se$cret' out
    run -0 "$generator" -user "$PWD/out/user" "$PWD/early" "$PWD/late"
    [ -L out/user/default.target.wants/shop.target ]
}

@test "enable, status and the generator agree on the target of a project with a dash in its name" {
    "$berth" compose -p my-shop enable >enabled
    mkdir out
    run -0 "$generator" "$PWD/out" "$PWD/early" "$PWD/late"
    [ -f 'out/my\x2dshop.target' ]
    grep -qF 'Enabled my\x2dshop.target (' enabled
    run -3 "$berth" compose -p my-shop status
    [[ $output == *'my\x2dshop.target: '* ]]
    run -0 "$berth" compose -p my-shop disable
    [[ $output == *'Disabled my\x2dshop.target'* ]]
}

@test "it needs neither the project's directory nor its variables" {
    "$berth" compose enable
    mkdir ../out
    cd ..
    rm -r shop
    run -0 env -i BERTH_CONFIG="$BERTH_CONFIG" QUADLET_UNIT_DIRS=/none "$generator" "$PWD/out"
    [ -f out/shop-web.service ]
}

@test "a file that cannot be read costs no other project its units, and says so in a unit" {
    "$berth" compose enable
    echo "services: [" >"$BERTH_CONFIG/projects/broken.yaml"
    mkdir out
    run -1 "$generator" -no-kmsg-log "$PWD/out"
    [[ $output == *broken.yaml:2:1* ]]
    [ -f out/shop-web.service ]
    grep -q "Requires=broken-error.service" out/broken.target
    grep -q "broken.yaml:2:1" out/broken-error.service
}

status() {
    "$berth" compose status "$@"
}

@test "status names each unit, and says that there is no systemd to ask" {
    printf '  job: { image: job, x-schedule: daily }\n' >>compose.yaml
    run -1 status
    [[ $output == *'"shop" is not enabled'* ]]
    "$berth" compose enable
    run -3 status
    [[ $output == *"shop.target: $(file), enabled for $PWD"* ]]
    [[ $output == *"shop-web.service   unknown"* && $output == *"shop-job.timer "* ]]
    [[ $output == *"systemd does not run here"* ]]
    run -3 --separate-stderr status --format json
    python3 -c '
import json, sys
status = json.loads(sys.argv[1])
assert status["Systemd"] is False and status["Name"] == "shop", status
assert all(source["State"] == "unchanged" for source in status["Sources"]), status
units = {unit["Unit"]: unit for unit in status["Units"]}
assert units["shop-db.service"]["Service"] == "db" and units["shop-job.timer"]["Service"] == "job", units
assert "shop-default-network.service" in units, units
' "$output"
}

@test "status, plan and nothing else say which sources have changed since" {
    "$berth" compose enable
    echo "PASSWORD=other" >.env
    rm -f compose.override.yaml
    run -3 status
    [[ $output == *"warning: $PWD/.env has changed since the project was enabled"* ]]
    [[ $output != *"compose.yaml has changed"* ]]
    run -3 --separate-stderr status --format json
    [[ $output == *"$PWD/.env\",\"State\":\"changed\""* || $output == *"$PWD/.env\", \"State\": \"changed\""* ]]
    "$berth" compose enable
    run -3 status
    [[ $output != *"has changed"* ]]
}

@test "status needs the name alone: compose files with mistakes do not keep it from answering" {
    "$berth" compose enable
    echo "services: [" >compose.yaml
    run -3 status
    [[ $output == *"compose.yaml has changed since"* && $output == *shop-web.service* ]]
}
