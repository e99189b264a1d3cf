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

@test "quadlets: what shares a namespace and may do without the other in depends_on still needs it" {
    cat >compose.yaml <<'END'
services:
  web: { image: busybox }
  side: { image: busybox, network_mode: "service:web", depends_on: { web: { condition: service_started, required: false } } }
END
    run -0 "$berth" units --format quadlet -o out
    output=$(cat out/shop-side.container)
    assert_has "Requires=shop-web.service"
    assert_has "PartOf=shop-web.service"
    [[ $output != *Wants=* ]]
}

@test "with Podman's engine the timer of a profile that is not active is made, and nothing wants it" {
    cat >compose.yaml <<'END'
services:
  nightly: { image: busybox, profiles: [extra], x-schedule: daily }
END
    run -0 --separate-stderr "$berth" units --engine podman
    assert_has "---shop-nightly.timer---"
    [[ $output != *timers.target* ]]
    run -0 --separate-stderr "$berth" units --engine podman --profile extra
    assert_has "# wanted: timers.target.wants/shop-nightly.timer"
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
    run -0 --separate-stderr "$berth" units --format quadlet --diff -o out
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

# Takes each attribute out of a project that has all of them, and looks whether the quadlets are others then.
@test "the report is true: what is mapped has an effect on the quadlets, what is dropped has none" {
    cp "$BATS_TEST_DIRNAME/../golden/units-all.json" compose.yaml
    run -0 python3 - "$berth" <<'END'
import json, os, re, subprocess, sys

berth = sys.argv[1]
whole = json.load(open("compose.yaml"))
env = dict(os.environ, SECRET="x")
# Needed by others, or by the schema; and what one other attribute says as well.
EXCUSED = re.compile(
    r"services\.\w+\.(image|profiles|scale|attach|build\.context)$"
    r"|\.(source|target|type|path|rate|weight|condition)$|networks\.net\.name$"
    r"|devices\[0\]\.(capabilities|count)$|gpus\[0\]\.\w+$|secrets\.made\.environment$|(secrets|configs)\.file\.file$"
    r"|services\.web\.mac_address$|\.ipam\.config\[0\]\.subnet$|\.required$")

def make(project):
    with open("try.yaml", "w") as file:
        json.dump(project, file)
    done = subprocess.run([berth, "compose", "-f", "try.yaml", "-p", "shop", "convert", "--format", "quadlets"],
                          env=env, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None

def without(project, path):
    copy = json.loads(json.dumps(project))
    at, keys = copy, [int(k) if k.isdigit() else k for k in re.findall(r"[^.\[\]]+", path)]
    for key in keys[:-1]:
        if isinstance(at, dict) and key not in at:
            return None # what another attribute implies
        at = at[key]
    if keys[-1] not in at:
        return None
    del at[keys[-1]]
    return copy

report = json.loads(subprocess.run(
    [berth, "units", "--format", "quadlet", "--report", "json", "-p", "shop", "compose.yaml"],
    env=env, capture_output=True, text=True, check=True).stdout)
before = make(whole)
assert before
seen, wrong = set(), []
for entry in report:
    path = entry["path"]
    rest = without(whole, path)
    if EXCUSED.search(path) or rest is None:
        continue
    after = make(rest)
    if after is None:
        wrong.append("%s cannot be left out" % path)
        continue
    seen.add(path)
    if (after != before) != (entry["state"] != "dropped"):
        wrong.append("%s is said to be %s" % (path, entry["state"]))
for line in wrong:
    print(line)
print(len(seen), "attributes")
sys.exit(bool(wrong) or len(seen) < 150)
END
}

@test "the report of berth's own units tells what systemd does in its own way, and what it has no use for" {
    cat >compose.yaml <<'END'
services:
  web:
    image: busybox
    depends_on: { db: { condition: service_healthy, restart: true } }
    restart: on-failure:3
    cgroup_parent: /some
  db:
    image: busybox
    restart: "no"
  cache:
    image: busybox
    deploy:
      labels: { a: b }
      restart_policy: { condition: any, delay: 7s, max_attempts: 3, window: 9s }
END
    run -0 --separate-stderr "$berth" units --report text
    reported() { [[ $output == *"$1"* ]] || { echo "no \"$1\" in: $output"; false; }; }
    reported "services.web.depends_on.db.condition mapped"
    reported "services.web.depends_on.db.restart approximated: PartOf="
    reported "services.web.restart approximated: Restart="
    reported "services.web.cgroup_parent dropped: the container lives in its unit's control group"
    reported "services.db.restart mapped"
    reported "services.cache.deploy.labels dropped: up goes on without it, too"
    reported "services.cache.deploy.restart_policy.condition mapped"
    reported "services.cache.deploy.restart_policy.delay mapped"
    reported "services.cache.deploy.restart_policy.max_attempts approximated: StartLimitBurst="
    reported "services.cache.deploy.restart_policy.window dropped: systemd counts starts"
    run -3 --separate-stderr "$berth" units --strict -o whole
    grep -qx RestartSec=7 whole/shop-cache.service
    # What is dropped has no effect on the units.
    sed -i 's/, window: 9s//; /labels:/d; /cgroup_parent/d' compose.yaml
    run -0 --separate-stderr "$berth" units --strict -o rest
    diff -r whole rest
}

@test "what is dropped is told with its place, and --strict makes it an exit status" {
    run -0 "$berth" units --format quadlet --strict
    assert_has "note: services.web.depends_on.db.condition is approximated: Requires="
    sed -i 's/^    mem_limit.*/&\n    domainname: example.com/' compose.yaml
    run -0 "$berth" units --format quadlet
    assert_has "services.web.domainname is dropped: podman run has no such option"
    run -3 "$berth" units --format quadlet --strict
    run -0 "$berth" units --strict
    [[ $output != *"is dropped"* ]]
    run -0 "$berth" units --report text
    assert_has "services.web.domainname mapped"
}

@test "one bad quadlet of a directory costs the others nothing, and is a failure" {
    mkdir quadlets
    printf '[Container]\nImage=docker.io/x\n' >quadlets/good.container
    printf '[Container]\nImgae=docker.io/x\n' >quadlets/bad.container
    run -1 --separate-stderr "$berth" units --system quadlets
    assert_has "Image"
    [[ $output == *"docker.io/x"* && $stderr == *"bad.container:2:1"* ]]
    run -1 "$berth" units --system -o out quadlets
    [ "$(ls out)" = good.service ]
}

@test "what is written is for nobody else to read, since environments may be in it" {
    run -0 "$berth" units --engine podman -o out
    [ "$(stat -c %a out/shop-db.service)" = 600 ]
}

@test "a warning says so once" {
    mkdir quadlets
    printf '[Container]\nImage=x\n' >quadlets/short.container
    run -0 --separate-stderr "$berth" units --engine podman --system quadlets
    [[ $stderr == *'warning: short.container specifies the image "x"'* && $stderr != *Warning:* ]]
}
